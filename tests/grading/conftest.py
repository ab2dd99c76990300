import nbformat
import pytest
from classroom import Class, cell

from homework import assignment, release
from homework.course import CHAPTERS, NOTEBOOKS


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An assignment of three tasks and a question, taken from chapters 1, 2 and 4."""
    root = tmp_path_factory.mktemp("small")
    first, second, fourth = (
        nbformat.read(NOTEBOOKS / f"{CHAPTERS[n]}.ipynb", as_version=4) for n in (1, 2, 4)
    )
    imports = nbformat.v4.new_code_cell(
        "import math\n\nimport torch\n\nfrom helpers import checks, data\n\n"
        'test_images, _ = data.load_mnist("test")',
        id="imports",
    )
    names = ["energy", "energy-check", "question-1", "answer-1"]
    price = ["size-term", "size-term-check"]
    cells = [imports, *(cell(second, name) for name in names), *(cell(fourth, name) for name in price)]
    cells += [cell(first, name) for name in ("walk", "walk-check")]
    (root / "assignments.toml").write_text(
        '[0_small.tasks]\nenergy = 6\nsize-term = 6\nwalk = 6\n[0_small.rubrics]\n1 = "4 points: says why."\n'
    )
    (root / "notebooks").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=second.metadata), root / "notebooks" / "0_small.ipynb"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CHAPTERS, 0, "0_small")
        patch.setattr(release, "NOTEBOOKS", root / "notebooks")
        patch.setattr(assignment, "ASSIGNMENTS", root / "assignments.toml")
        yield Class(root, 0)
