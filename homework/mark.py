"""From a returned notebook to the one that graders see: run, each answer asked, and what needs a look."""

import copy
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

from homework.mend import grade_id, mend
from homework.room import Room, Task, Verdict

ENDED = Verdict(False, "It could not be asked: it ended its kernel.")
BLANK = Verdict(False, "It was not asked: it is not written yet.", blank=True)


class Marked(NamedTuple):
    """A notebook that was run.

    Args:
        notebook: with outputs; a check's are the verdict, on stderr where the answer is wrong, for which
            nbgrader gives no points.
        looks: what a person should look at, in words that hold none of the student's.
    """

    notebook: NotebookNode
    looks: list[str]


def mark(returned: NotebookNode, released: NotebookNode, settings: Config) -> Marked:
    """Run a returned notebook, and decide which of its answers are right.

    An answer is right if it is in its notebook or, where other cells stand in its way, by itself.

    Raises:
        ValueError: the notebook cannot be graded; see ``mend``.
    """
    notebook, looks = mend(returned, released)
    room = Room(released, Task.of(released), config=settings)
    room.preprocess(notebook)
    verdicts = room.verdicts
    for name, task in room.tasks.items():
        wrong = name not in verdicts or not (verdicts[name].right or verdicts[name].blank)
        answer = _answer(notebook, released, task) if wrong else None
        if answer:
            found = _by_itself(answer, released, name, task, settings)
            verdicts[name] = found if found and found.right else verdicts.get(name, found or ENDED)
            if found and found.right:
                looks.append(f"{name}: wrong in its notebook, right by itself; it has its points")
    looks += room.looks
    looks += [
        f"{name}: its cell has changed, but the function still waits for code"
        for name, task in room.tasks.items()
        if name in verdicts and verdicts[name].blank and _answer(notebook, released, task)
    ]
    looks += [
        f"{name}: the check said right where the notebook was written, but it is not"
        for name in sorted(_said_right(returned, room.tasks))
        if name in verdicts and not verdicts[name].right
    ]
    _write(notebook, verdicts, room.tasks)
    return Marked(notebook, looks)


def _answer(notebook, released, task):
    """The source of an answer; None where it is gone or still as it was released."""
    ours, theirs = (
        [cell.source for cell in some.cells if grade_id(cell) == task.answer] for some in (released, notebook)
    )
    changed = [source.split() for source in theirs] != [source.split() for source in ours]
    return theirs[0] if theirs and changed else None


def _by_itself(answer, released, name, task, settings):
    """The verdict on an answer among no other cells than those of the release that stand before its check."""
    last = next(place for place, cell in enumerate(released.cells) if grade_id(cell) == name)
    cells = [copy.deepcopy(cell) for cell in released.cells[: last + 1]]
    for cell in cells:
        if grade_id(cell) == task.answer:
            cell.source = answer
    room = Room(released, {name: task}, config=settings)
    room.preprocess(nbformat.v4.new_notebook(cells=cells))
    return room.verdicts.get(name)


def _said_right(returned, tasks):
    """The tasks of which an output, as it was handed in, says that the answer is right."""
    outputs = [cell.outputs for cell in returned.cells if isinstance(cell.get("outputs"), list)]
    told = [str(output.get("text")) for some in outputs for output in some if isinstance(output, dict)]
    return {
        name
        for name, task in tasks.items()
        if any(words.startswith(f"{task.check.__name__}: right.") for words in told)
    }


def _write(notebook, verdicts, tasks):
    for cell in notebook.cells:
        if (name := grade_id(cell)) in tasks:
            verdict = verdicts.get(name, BLANK)
            stream = "stdout" if verdict.right else "stderr"
            cell.outputs = [nbformat.v4.new_output("stream", name=stream, text=verdict.words)]
