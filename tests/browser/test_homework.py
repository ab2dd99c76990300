"""A student runs a chapter that is still blank; an instructor grades an answer by hand."""

import shutil

import nbformat
import pytest
from conftest import JUPYTER_OPTIONS, run_all, running

from homework import collect, grade, release
from homework.course import CHAPTERS, ENVIRONMENT, Course

NAME = CHAPTERS[1]


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Chapter 1, returned by one student who answered a question, and graded by the tests."""
    root = tmp_path_factory.mktemp("formgrader")
    course = Course(root / "course")
    release.release(course, 1)
    notebook = nbformat.read(course.root / "release" / NAME / f"{NAME}.ipynb", as_version=4)
    for cell in notebook.cells:
        if cell.id == "answer-1":
            cell.source = "More room means more empty room, and blind draws fall into it."
    (root / "ada").mkdir()
    nbformat.write(notebook, root / "ada" / f"{NAME}.ipynb")
    collect.collect(course, 1, [root / "ada" / f"{NAME}.ipynb"])
    grade.grade(course, 1, jobs=1)
    return course


@pytest.fixture(scope="module")
def server(course):
    with running(course.root, "jupyterlab", *JUPYTER_OPTIONS, environment=ENVIRONMENT) as server:
        yield server


def test_an_answer_is_graded_by_hand(course, server, page):
    assert course.students(NAME) == ["ada"]
    page.goto(f"{server.address}/formgrader/gradebook/{NAME}/{NAME}")
    page.get_by_role("link", name="Submission #1").click()
    page.get_by_text("1 point: says why: blind draws fall where no codes are").wait_for()
    page.get_by_text("More room means more empty room").wait_for()
    graded = page.locator(".nbgrader_cell").filter(has_text="More room").locator("input.score")
    graded.fill("3.5")
    graded.press("Tab")
    page.wait_for_timeout(1000)
    with course.gradebook() as gradebook:
        found = gradebook.find_grade("answer-1", NAME, NAME, "ada")
        assert found.manual_score == 3.5


def test_a_blank_chapter_runs_to_its_end(course, lab, page):
    shutil.copy(course.root / "release" / NAME / f"{NAME}.ipynb", lab.folder / "notebooks" / "blank.ipynb")
    page.goto(lab.lab("blank.ipynb"))
    run_all(page)
    for _ in range(60):
        page.wait_for_timeout(2000)
        page.keyboard.press("ControlOrMeta+s")
        cells = lab.saved("blank.ipynb")
        if cells[-1]["execution_count"]:
            break
    assert [cell["id"] for cell in cells if not cell["execution_count"]] == []
    (said,) = (output for cell in cells if cell["id"] == "loss-check" for output in cell["outputs"])
    assert "loss is not written yet" in "".join(said["text"])
    (raised,) = (output for cell in cells if cell["id"] == "loss-test" for output in cell["outputs"])
    assert raised["traceback"] == [raised["evalue"]]
    assert page.get_by_text("loss is not written yet").count() > 0
