"""What students get of each chapter: everything but the answers."""

import ast
import re
from datetime import datetime

import nbformat
import pytest
from nbgrader import utils

from homework import assignment
from homework.__main__ import main
from homework.assignment import assigned
from homework.course import CHAPTERS, NOTEBOOKS, Course, moment
from homework.preprocessors import Blank, blanked


@pytest.fixture(params=CHAPTERS.values())
def pair(request):
    """A chapter with what it asks, and what becomes of its cells on the way to students."""
    chapter, released = (
        assigned(nbformat.read(NOTEBOOKS / f"{request.param}.ipynb", as_version=4), request.param)
        for _ in range(2)
    )
    released, _ = Blank().preprocess(released, {"language": "python"})
    return chapter, released


def secret(cell):
    """What nobody should read in a release: a function's body, or a written answer."""
    if cell.cell_type == "code":
        function = ast.parse(cell.source).body[-1]
        return "\n".join(cell.source.splitlines()[function.body[1].lineno - 1 :])
    return cell.source


def test_no_answer_is_released(pair):
    chapter, released = pair
    words = "\n".join(re.sub(r"<!-- rubric.*", "", cell.source, flags=re.DOTALL) for cell in released.cells)
    secrets = [secret(cell) for cell in chapter.cells if utils.is_solution(cell)]
    secrets += [cell.metadata.rubric for cell in chapter.cells if "rubric" in cell.metadata]
    assert len(secrets) == 2 + 2 + 2
    assert not [hidden for hidden in secrets if hidden in words]


def test_a_chapter_is_a_homework_of_twenty_points(pair):
    chapter, _ = pair
    points = {cell.id: cell.metadata.nbgrader.points for cell in chapter.cells if utils.is_grade(cell)}
    assert sum(points.values()) == 20
    assert list(points.values()) == [6, 6, 4, 4]
    assert all(cell.metadata.nbgrader.grade_id == cell.id for cell in chapter.cells if utils.is_grade(cell))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ("", "says nothing about 2_compact"),
        ("[{}.tasks]\nenergi = 6\n[{}.rubrics]", "expected a cell of this id with a function"),
        ("[{}.tasks]\ntrain = 6\n[{}.rubrics]", "expected a cell of this id with a function"),
        ("[{}.tasks]\nenergy = -1\n[{}.rubrics]", "expected points, such as 6"),
        ("[{}.tasks]\nenergy = 'six'\n[{}.rubrics]", "expected points, such as 6"),
        ("[{}.tasks]\n[{}.rubrics]\n3 = '1 point: x'", "expected cells question-3 and answer-3"),
        ("[{}.tasks]\n[{}.rubrics]\n1 = 'says why'", "expected lines like"),
        ("[{}.tasks]\nenergy = 6", "expected [2_compact_latent_space.rubrics]"),
        ("[{}.tasks", "is no TOML"),
    ],
)
def test_what_does_not_fit_the_chapter_is_said_in_words(asked, words, tmp_path, monkeypatch):
    name = CHAPTERS[2]
    (tmp_path / "assignments.toml").write_text(asked.replace("{}", name))
    monkeypatch.setattr(assignment, "ASSIGNMENTS", tmp_path / "assignments.toml")
    with pytest.raises(ValueError, match=re.escape(words)):
        assigned(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4), name)


def test_the_key_shows_answers_points_and_rubrics(tmp_path):
    main(["--course", str(tmp_path), "key", "2"])
    (page,) = (path.read_text() for path in tmp_path.glob("*-key.html"))
    for words in ("6 points", "4 points", "all codes go to the origin", "square", "The trap."):
        assert words in page


def test_blank_answers_keep_what_tells_the_task():
    source = 'SIZE = 0.2\n\n\ndef loss(model):\n    """What to write."""\n    a = 1\n    return a'
    assert blanked(source) == (
        'SIZE = 0.2\n\n\ndef loss(model):\n    """What to write."""\n'
        '    # YOUR CODE HERE\n    raise checks.NotWrittenYetError("loss")'
    )


@pytest.mark.parametrize("jobs", ["0", "-1", "two"])
def test_no_notebooks_side_by_side_are_answered_in_words(jobs, capsys):
    with pytest.raises(SystemExit):
        main(["grade", "1", f"--jobs={jobs}"])
    assert f"'{jobs}' is no number of notebooks, which is 1 or more" in capsys.readouterr().err


def test_times_are_read_with_their_zone():
    assert moment("2027-01-31 18:00 Europe/Berlin") == moment("2027-01-31 17:00") == datetime(2027, 1, 31, 17)


@pytest.mark.parametrize(
    "words",
    [
        "yesterday",
        "2027-01-31 18:00 Europe/Berln",
        "2027-01-31T18:00 CET",
        "2027-01-31T18:00CET",
        "2027-13-31",
    ],
)
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
