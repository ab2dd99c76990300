"""The chapters are written alike: one skeleton, small cells, working links, no stored outputs."""

import re
import statistics
from pathlib import Path

import nbformat
import pytest
import torch

from helpers import flow, losses
from helpers.models import Autoencoder

ROOT = Path(__file__).parent.parent
CHAPTERS = sorted((ROOT / "notebooks").glob("*.ipynb"))
SKELETON = [
    "title",
    "set-up",
    "imports",
    "left-off",
    "idea",
    "loss",
    "train",
    "sliders",
    "your-turn",
    "promises",
    "next",
]


@pytest.fixture(params=CHAPTERS, ids=lambda path: path.stem)
def chapter(request):
    return nbformat.read(request.param, as_version=4)


def prose(chapter):
    return "\n".join(cell.source for cell in chapter.cells if cell.cell_type == "markdown")


def code_cells(chapter):
    return [cell for cell in chapter.cells if cell.cell_type == "code"]


def lines_of_code(cell):
    return len([line for line in cell.source.splitlines() if line.strip()])


def place(request):
    return CHAPTERS.index(request.node.callspec.params["chapter"])


def test_there_are_four_and_an_epilogue():
    assert [path.stem for path in CHAPTERS] == [
        "1_autoencoder",
        "2_compact_latent_space",
        "3_smooth_neighborhoods",
        "4_variational_autoencoder",
        "epilogue_latent_diffusion",
    ]


def test_follows_the_skeleton(chapter):
    ids = [cell.id for cell in chapter.cells]
    assert [part for part in ids if part in SKELETON] == SKELETON
    assert len(set(ids)) == len(ids)


def test_begins_with_three_lines_that_find_the_course_and_three_of_imports(chapter):
    cells = {cell.id: cell for cell in chapter.cells}
    assert lines_of_code(cells["set-up"]) <= 3
    imports = [line for line in cells["imports"].source.splitlines() if "import" in line]
    assert len(imports) <= 3


def test_stores_no_outputs(chapter):
    for cell in code_cells(chapter):
        assert cell.outputs == []
        assert cell.execution_count is None


def test_predicts_before_it_reveals(chapter):
    text = prose(chapter)
    assert text.count("**Predict") >= 3
    assert text.count("**What just happened.**") >= 3
    assert "<details><summary><b>Answer 1</b>" in text
    assert "trap" in text


def test_cells_are_small(chapter):
    lines = [lines_of_code(cell) for cell in code_cells(chapter)]
    assert statistics.median(lines) <= 6
    assert max(lines_of_code(cell) for cell in code_cells(chapter)) <= 25
    assert statistics.quantiles(lines, n=10)[-1] <= 15


def test_the_new_idea_takes_ten_lines_at_most(chapter):
    (loss,) = (cell for cell in chapter.cells if cell.id == "loss")
    assert lines_of_code(loss) <= 10
    assert re.search(r"def loss\(model, (images|codes)\):", loss.source)


def test_no_formula_and_no_exclamation_in_the_main_line(chapter):
    main = re.sub(r"<details.*?</details>", "", prose(chapter), flags=re.DOTALL)
    assert "$" not in main
    assert not re.search(r"\w!(\s|$)", main)


def test_links_lead_somewhere(chapter):
    for target in re.findall(r"\]\((?!http)([^)#]+)\)", prose(chapter)):
        assert (ROOT / "notebooks" / target).exists(), target


def test_the_last_loss_is_the_one_in_the_helpers(chapter, request):
    """What stands in the notebook and what ships models are the same computation."""
    chapter_s_own = [*losses.BY_CHAPTER.values(), losses.direction][place(request)]
    (source,) = (cell.source for cell in chapter.cells if cell.id == "loss")
    names = {
        "torch": torch,
        "F": torch.nn.functional,
        "losses": losses,
        "energy": losses.energy,
        "neighborhood_size": losses.neighborhood_size,
    }
    exec(source, names)
    torch.manual_seed(0)
    model, given = Autoencoder(latent_dim=3, width=8), torch.rand(5, 1, 28, 28)
    if chapter_s_own is losses.direction:
        model, given = flow.LatentDiffusion(model, width=8), torch.randn(5, 3)
    with torch.no_grad():
        torch.manual_seed(1)
        ours = {name: term.item() for name, term in chapter_s_own(model, given).items()}
        torch.manual_seed(1)
        theirs = {name: term.item() for name, term in names["loss"](model, given).items()}
    assert theirs == pytest.approx(ours)


def test_holds_no_grading(chapter):
    assert not [cell.id for cell in chapter.cells if {"nbgrader", "rubric", "jupyter"} & cell.metadata.keys()]
    everything = "\n".join(cell.source for cell in chapter.cells)
    assert not re.search(r"### |YOUR CODE|YOUR ANSWER|BEGIN|\bpoints?:|\bmock\b|hook", everything)


def test_a_check_is_one_line_right_below_its_answer(chapter):
    ids = [cell.id for cell in chapter.cells]
    checks = [cell for cell in chapter.cells if re.match(r"checks\.", cell.source)]
    assert len(checks) == 2
    for cell in checks:
        answer = cell.id.removesuffix("-check")
        assert ids.index(cell.id) == ids.index(answer) + 1
        assert re.fullmatch(r"checks\.\w+\(\w+\)", cell.source)


def test_says_how_to_go_on_without_training(chapter, request):
    (train,) = [cell for cell in chapter.cells if cell.id == "train"]
    name = [*losses.BY_CHAPTER, '"epilogue"'][place(request)]
    assert f"model = checkpoints.load({name})" in train.source.splitlines()[0]
