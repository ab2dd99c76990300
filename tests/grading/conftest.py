import nbformat
import pytest
from classroom import Class, cell

from homework import release
from homework.course import CHAPTERS, NOTEBOOKS


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """An assignment of two tasks and a question, taken from chapters 2 and 4."""
    root = tmp_path_factory.mktemp("small")
    second, fourth = (nbformat.read(NOTEBOOKS / f"{CHAPTERS[n]}.ipynb", as_version=4) for n in (2, 4))
    imports = nbformat.v4.new_code_cell(
        "import math\n\nimport torch\n\nfrom helpers import checks", id="imports"
    )
    names = ["energy", "energy-check", "energy-test", "question-1", "answer-1"]
    price = ["size-term", "size-term-check", "size-term-test"]
    cells = [imports, *(cell(second, name) for name in names), *(cell(fourth, name) for name in price)]
    (root / "notebooks").mkdir()
    nbformat.write(
        nbformat.v4.new_notebook(cells=cells, metadata=second.metadata), root / "notebooks" / "0_small.ipynb"
    )
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(CHAPTERS, 0, "0_small")
        patch.setattr(release, "NOTEBOOKS", root / "notebooks")
        yield Class(root, 0)
