"""A chapter and what it asks as a homework, put together: ``assignments.toml`` says what, cell ids where."""

import ast
import re
import sys

from nbformat import NotebookNode

from homework import HERE

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ASSIGNMENTS = HERE / "assignments.toml"
POINTS = re.compile(r"(\d+) points?: .+")  # a line of a rubric
CHECK = re.compile(r"checks\.(\w+)\((\w+)\)")  # the only line of a check's cell


def assigned(chapter: NotebookNode, name: str) -> NotebookNode:
    """Write nbgrader's metadata, and the rubrics, into a chapter's cells.

    Raises:
        ValueError: the chapter and ``assignments.toml`` do not fit; the message says where.
    """
    asked = _asked(name)
    cells = {cell.id: cell for cell in chapter.cells}
    for task, points in asked["tasks"].items():
        _is_task(name, task, points, cells)
        _mark(cells[task], solution=True)
        _mark(cells[f"{task}-check"], grade=True, locked=True, points=points)
    for number, rubric in asked["rubrics"].items():
        _is_question(name, number, cells, rubric)
        _mark(cells[f"question-{number}"], locked=True)
        cells[f"question-{number}"].metadata["rubric"] = rubric.strip()
        points = sum(int(POINTS.fullmatch(line)[1]) for line in rubric.strip().splitlines())
        _mark(cells[f"answer-{number}"], solution=True, grade=True, points=points)
    return chapter


def _asked(name):
    try:
        asked = tomllib.loads(ASSIGNMENTS.read_text(encoding="utf-8")).get(name)
    except tomllib.TOMLDecodeError as error:
        raise ValueError(f"{ASSIGNMENTS.name} is no TOML: {error}") from error
    if not asked:
        raise ValueError(
            f"{ASSIGNMENTS.name} says nothing about {name}; expected [{name}.tasks] and rubrics."
        )
    for part in ("tasks", "rubrics"):
        if not isinstance(asked.get(part), dict):
            raise ValueError(f"{ASSIGNMENTS.name}: expected [{name}.{part}].")
    return asked


def _mark(cell, solution=False, grade=False, locked=False, points=None):
    marks = {"schema_version": 3, "solution": solution, "grade": grade, "locked": locked, "task": False}
    marks |= {"grade_id": cell.id, "cell_type": cell.cell_type}
    cell.metadata["nbgrader"] = marks | ({} if points is None else {"points": points})


def _is_task(name, task, points, cells):
    told = f"{ASSIGNMENTS.name}, [{name}.tasks], {task}:"
    if not isinstance(points, int) or points < 0:
        raise ValueError(f"{told} expected points, such as 6, not {points!r}.")
    if task not in cells or not functions_to_write(cells[task].source):
        raise ValueError(
            f"{told} expected a cell of this id with a function whose docstring says what to write."
        )
    check = cells.get(f"{task}-check")
    if check is None or not CHECK.fullmatch(check.source):
        raise ValueError(f"{told} expected a cell {task}-check below it, such as `checks.energy(energy)`.")


def functions_to_write(source: str) -> list[ast.FunctionDef]:
    """The functions whose docstring says what to write in place of the body below it."""
    functions = [node for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)]
    return [node for node in functions if ast.get_docstring(node) and len(node.body) > 1]


def _is_question(name, number, cells, rubric):
    told = f"{ASSIGNMENTS.name}, [{name}.rubrics], {number}:"
    if not {f"question-{number}", f"answer-{number}"} <= cells.keys():
        raise ValueError(f"{told} expected cells question-{number} and answer-{number} in the chapter.")
    if wrong := [line for line in rubric.strip().splitlines() if not POINTS.fullmatch(line)]:
        raise ValueError(f"{told} expected lines like '2 points: says why.', not {wrong[0]!r}.")


def as_list(rubric: str) -> str:
    """A rubric's lines as a Markdown list, with a heading."""
    return "\n".join(["**How it is graded**", "", *(f"- {line}" for line in rubric.splitlines())])
