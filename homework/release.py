"""From a chapter to what the students get, and to what the graders get."""

import nbformat
from nbconvert import HTMLExporter
from nbgrader import utils
from nbgrader.converters import GenerateAssignment

from homework.assignment import as_list, assigned
from homework.course import CHAPTERS, NOTEBOOKS, Course, moment


def release(course: Course, chapter: int, deadline: str | None = None) -> None:
    """Make the students' version of a chapter, and a zip of it for any LMS.

    Raises:
        RuntimeError: chapter or tasks have changed after students handed in, or nbgrader failed.
        ValueError: the deadline is no time, or ``assignments.toml`` does not fit the chapter.
    """
    name = CHAPTERS[chapter]
    due = moment(deadline) if deadline else None
    now = nbformat.writes(_assigned(name))
    source = course.root / "source" / name / f"{name}.ipynb"
    if course.students(name) and now != source.read_text(encoding="utf-8"):
        raise RuntimeError(
            f"students have handed in {name}, and the chapter or its tasks have changed since. "
            "Use another --course."
        )
    source.parent.mkdir(parents=True, exist_ok=True)
    source.write_text(now, encoding="utf-8")
    course.nbgrader(GenerateAssignment, name)
    with course.gradebook() as book:
        if due:
            book.update_or_create_assignment(name, duedate=due)
        due = book.find_assignment(name).duedate
    print(f"Deadline: {due:%A, %Y-%m-%d %H:%M} UTC" if due else "No deadline.")
    print(f"The students' notebook: {course.root / 'release' / name / f'{name}.ipynb'}")
    print(f"The same as a zip: {course.zip('release', name, pattern=f'{name}/*')}")
    print(f"Next: put it into your LMS; then {course.command(f'collect {chapter} PATH...')}")


def key(course: Course, chapter: int) -> None:
    """Write the chapter with all answers, points and rubrics, as one page for the graders."""
    name = CHAPTERS[chapter]
    notebook = _assigned(name)
    for cell in notebook.cells:
        cell.source = cell.source.replace("<details>", "<details open>")
        if "rubric" in cell.metadata:
            cell.source += f"\n\n{as_list(cell.metadata.rubric)}"
        if utils.is_grade(cell):
            points = f"{cell.metadata.nbgrader.points} points"
            cell.source = (
                f"{cell.source}  # {points}" if cell.cell_type == "code" else f"**{points}**\n\n{cell.source}"
            )
    page, _ = HTMLExporter(embed_images=True).from_notebook_node(notebook)
    path = course.root / f"{name}-key.html"
    path.write_text(page, encoding="utf-8")
    print(f"The answer key: {path}. Keep it from students.")


def _assigned(name):
    return assigned(nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4), name)
