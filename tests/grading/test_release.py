"""What students get of each chapter: everything but the answers."""

import ast

import nbformat
import pytest
from nbgrader import utils

from homework.course import CHAPTERS, NOTEBOOKS
from homework.preprocessors import Blank, HideTests, blanked


@pytest.fixture(params=CHAPTERS.values())
def pair(request):
    """A chapter, and what becomes of its cells on the way to students."""
    chapter, released = (nbformat.read(NOTEBOOKS / f"{request.param}.ipynb", as_version=4) for _ in range(2))
    for step in (Blank(), HideTests()):
        released, _ = step.preprocess(released, {"language": "python"})
    return chapter, released


def secret(cell):
    """What nobody should read in a release: a function's body, a test, or a written answer."""
    if utils.is_solution(cell) and cell.cell_type == "code":
        function = ast.parse(cell.source).body[-1]
        return "\n".join(cell.source.splitlines()[function.body[1].lineno - 1 :])
    return cell.source


def test_no_answer_is_released(pair):
    chapter, released = pair
    words = "\n".join(cell.source for cell in released.cells)
    secrets = [secret(cell) for cell in chapter.cells if utils.is_solution(cell) or utils.is_grade(cell)]
    secrets += [cell.metadata.rubric for cell in chapter.cells if "rubric" in cell.metadata]
    assert len(secrets) == 2 + 2 + 2 + 2
    assert not [hidden for hidden in secrets if hidden in words]


def test_promises_that_few_digits_cannot_keep_are_not_tried(pair):
    _, released = pair
    skipped = [cell.id for cell in released.cells if "skip-execution" in cell.metadata.get("tags", [])]
    assert skipped == ["promises-check"]


def test_blank_answers_keep_what_tells_the_task():
    source = 'SIZE = 0.2\n\n\ndef loss(model):\n    """What to write."""\n    a = 1\n    return a'
    assert blanked(source) == (
        'SIZE = 0.2\n\n\ndef loss(model):\n    """What to write."""\n'
        '    # YOUR CODE HERE\n    raise checks.NotWrittenYetError("loss")'
    )
