"""A returned notebook gets its form back, and keeps its student's words."""

import base64
import copy

import nbformat
import pytest
from classroom import cell

from homework.mend import MOST_CELLS, mend

PNG = base64.b64encode(b"a picture").decode()


@pytest.fixture(scope="module")
def released(small):
    return small.released()


@pytest.fixture
def notebook(released):
    return copy.deepcopy(released)


def answer(mended):
    return cell(mended.notebook, "answer-1").source


def test_a_notebook_as_released_stays_as_it_is(released, notebook):
    mended = mend(notebook, released)
    assert [(one.id, one.source) for one in mended.notebook.cells] == [
        (one.id, one.source) for one in released.cells
    ]
    assert mended.looks == []


@pytest.mark.parametrize(
    "own",
    [
        nbformat.v4.new_markdown_cell("All codes *collapse*."),
        nbformat.v4.new_raw_cell("All codes *collapse*."),
        nbformat.v4.new_code_cell("# All codes *collapse*."),
        nbformat.v4.new_code_cell('"""All codes *collapse*."""'),
        nbformat.v4.new_code_cell("All codes *collapse*."),
        nbformat.v4.new_code_cell("print('Yes: All codes *collapse*.', 0)"),
        nbformat.v4.new_code_cell("answer = 'I think: All codes *collapse*.'"),
        nbformat.v4.new_code_cell("x = 1  # Answer 1: All codes *collapse*."),
    ],
)
@pytest.mark.parametrize("place", [0, 4, 100])
def test_words_in_new_cells_reach_the_grader(released, notebook, own, place):
    notebook.cells.insert(place, own)
    mended = mend(notebook, released)
    assert "All codes *collapse*." in answer(mended)
    assert mended.looks == ["words stand outside the answers; each blank answer shows them"]


def test_words_in_a_question_reach_the_grader(released, notebook):
    cell(notebook, "question-1").source += "\n\nAll codes *collapse*."
    mended = mend(notebook, released)
    assert "All codes *collapse*." in answer(mended)
    assert cell(mended.notebook, "question-1").source == cell(released, "question-1").source


def test_a_written_answer_stays_and_so_do_words_elsewhere(released, notebook):
    cell(notebook, "answer-1").source = "Mine."
    cell(notebook, "question-1").source = "Typed over it."
    mended = mend(notebook, released)
    assert answer(mended) == "Mine."
    assert "Typed over it." in [one.source for one in mended.notebook.cells]


@pytest.mark.parametrize("source", ["1 + 1", "len('a few words')", "x = 3  # a try", "print('energy:', 4)"])
def test_code_of_ones_own_is_no_answer(released, notebook, source):
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    assert mend(notebook, released).looks == []


@pytest.mark.parametrize("source", ["4 and 9", "(4, 9)", '"4", "9"'])
def test_pairs_in_a_code_cell_are_an_answer(released, notebook, source):
    notebook.cells.append(nbformat.v4.new_code_cell(source))
    assert source in answer(mend(notebook, released))


@pytest.mark.parametrize("name", ["energy", "energy-check"])
def test_comments_in_a_task_reach_the_grader(released, notebook, name):
    cell(notebook, name).source += "\n# Answer 1: all codes *collapse*."
    assert "all codes *collapse*." in answer(mend(notebook, released))


def test_what_stood_in_a_check_runs_above_it(released, notebook):
    cell(notebook, "energy-check").source = "def energy(codes):\n    return 0"
    mended = mend(notebook, released).notebook
    place = mended.cells.index(cell(mended, "energy-check"))
    assert mended.cells[place - 1].source == "def energy(codes):\n    return 0"


@pytest.mark.parametrize("new", [nbformat.v4.new_code_cell, nbformat.v4.new_raw_cell])
def test_an_answer_of_another_kind_is_still_that_answer(released, notebook, new):
    place = notebook.cells.index(cell(notebook, "answer-1"))
    notebook.cells[place] = new("4 and 9", id="answer-1", metadata=notebook.cells[place].metadata)
    mended = mend(notebook, released)
    assert answer(mended) == "4 and 9"
    assert cell(mended.notebook, "answer-1").cell_type == "markdown"
    assert mended.looks == []


def test_nothing_that_could_act_comes_through(released, notebook):
    notebook.metadata.kernelspec = {"name": "evil", "display_name": "<script>"}
    notebook.metadata.title = "<script>"
    own = nbformat.v4.new_raw_cell("<script>", metadata={"raw_mimetype": "text/html", "tags": ["<script>"]})
    own.id = '"><script>'
    pasted = nbformat.v4.new_markdown_cell(
        "Look", attachments={"a.png": {"image/png": PNG, "text/html": "<script>"}}
    )
    pasted.attachments["b.svg"] = {"image/svg+xml": "<svg onload=alert()>"}
    pasted.attachments["c.png"] = {"image/png": '"><script>'}
    notebook.cells += [own, pasted]
    for one in notebook.cells:
        one.metadata["tags"] = ["skip-execution", "remove_input"]
        if one.cell_type == "code":
            one.outputs = [nbformat.v4.new_output("display_data", data={"text/html": "<script>"})]
    mended = mend(notebook, released)
    *_, first, second = mended.notebook.cells
    assert mended.notebook.metadata == released.metadata
    assert (first.cell_type, first.metadata) == ("markdown", {})
    assert "<" not in first.id
    assert second.attachments == {"a.png": {"image/png": PNG}}
    assert not [one for one in mended.notebook.cells if one.get("outputs")]
    assert not [one for one in mended.notebook.cells if "skip-execution" in one.metadata.get("tags", [])]


@pytest.mark.parametrize("sources", [["1"] * (MOST_CELLS + 1), ["x" * 3_000_000]])
def test_more_than_anybody_would_write_is_refused(released, sources):
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    with pytest.raises(ValueError, match="more than"):
        mend(nbformat.v4.new_notebook(cells=cells), released)
