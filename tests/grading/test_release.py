"""What students get of each chapter: everything but the answers."""

import ast
from datetime import datetime

import nbformat
import pytest
from nbgrader import utils

from homework.__main__ import main
from homework.course import CHAPTERS, NOTEBOOKS, Course, moment
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


def test_times_are_read_with_their_zone():
    assert moment("2027-01-31 18:00 Europe/Berlin") == moment("2027-01-31 17:00") == datetime(2027, 1, 31, 17)


@pytest.mark.parametrize("words", ["yesterday", "2027-01-31 18:00 Europe/Berln", "2027-13-31"])
def test_what_is_no_time_is_answered_in_words(words):
    with pytest.raises(ValueError, match=r"Write it like 2027-01-31 18:00 Europe/Berlin"):
        moment(words)


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("marks", "nothing is released"),
        ("feedback 1", "chapter 1 is not released"),
        ("grade 1", "chapter 1 is not released"),
        ("collect 1 .", "chapter 1 is not released"),
        ("release 1 --deadline yesterday", "'yesterday' is no time"),
    ],
)
def test_what_cannot_be_done_is_said_in_words_and_leaves_nothing_behind(command, words, tmp_path):
    with pytest.raises(SystemExit, match=words):
        main(["--course", str(tmp_path), *command.split()])
    assert [path.name for path in tmp_path.iterdir()] == ["nbgrader_config.py"]


def test_a_slip_in_the_settings_is_named(tmp_path):
    (tmp_path / "nbgrader_config.py").write_text("c.LatePenalty.percent_per_day = ten")
    with pytest.raises(ValueError, match="stopped with NameError: name 'ten'"):
        Course(tmp_path).settings()
