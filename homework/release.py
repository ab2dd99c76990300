"""From a chapter to what the students get, and to what the graders get."""

import shutil

import nbformat
from nbconvert import HTMLExporter
from nbgrader import utils

from homework.course import CHAPTERS, NOTEBOOKS, Course, moment


def release(course: Course, chapter: int, deadline: str | None = None) -> None:
    """Make the students' version of a chapter, and a zip of it for any LMS.

    Raises:
        RuntimeError: the chapter has changed after students handed it in, or nbgrader failed.
        ValueError: the deadline is no time.
    """
    name = CHAPTERS[chapter]
    duedate = f"--duedate={moment(deadline)} UTC" if deadline else None
    source = course.root / "source" / name
    chapter_now, released = NOTEBOOKS / f"{name}.ipynb", source / f"{name}.ipynb"
    if course.students(name) and chapter_now.read_bytes() != released.read_bytes():
        raise RuntimeError(
            f"students have handed in {name}, and the chapter has changed since. Use another --course."
        )
    source.mkdir(parents=True, exist_ok=True)
    shutil.copy(chapter_now, released)
    if duedate:
        course.nbgrader("db", "assignment", "add", name, duedate)
    course.nbgrader("generate_assignment", name, "--create", "--force")
    with course.gradebook() as book:
        due = book.find_assignment(name).duedate
    print(f"Deadline: {due:%A, %Y-%m-%d %H:%M} UTC" if due else "No deadline.")
    print(f"The students' notebook: {course.root / 'release' / name / f'{name}.ipynb'}")
    print(f"The same as a zip: {course.zip('release', name, pattern=f'{name}/*')}")


def key(course: Course, chapter: int) -> None:
    """Write the chapter with all answers, points and rubrics, as one page for the graders."""
    name = CHAPTERS[chapter]
    notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in notebook.cells:
        cell.source = cell.source.replace("<details>", "<details open>")
        if "rubric" in cell.metadata:
            cell.source += f"\n\n{as_list(cell.metadata.rubric)}"
        if utils.is_grade(cell):
            points = f"{cell.metadata.nbgrader.points} points"
            cell.source = (
                f"# {points}\n{cell.source}" if cell.cell_type == "code" else f"**{points}**\n\n{cell.source}"
            )
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    path = course.root / f"{name}-key.html"
    path.write_text(page, encoding="utf-8")
    print(f"The answer key: {path}")


def as_list(rubric: str) -> str:
    """A rubric's lines as a Markdown list, with a heading."""
    return "\n".join(["**How it is graded**", "", *(f"- {line}" for line in rubric.splitlines())])
