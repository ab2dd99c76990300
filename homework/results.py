"""What came of each returned notebook, in ``marked/ASSIGNMENT``; the gradebook takes it from there."""

import hashlib
import json
from pathlib import Path
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from traitlets.config import Config

MOST_BYTES = 200_000_000  # of a notebook's file


class Result(NamedTuple):
    """What came of one notebook.

    Args:
        looks: what a person should look at, in words that hold none of the student's.
        failed: why it could not be run, or "".
    """

    looks: list[str]
    failed: str = ""


def read(root: Path, name: str, student: str) -> Result | None:
    """Return what came of a student's notebook as it is handed in now; None where it was not run yet."""
    told = _of_now(root, name, student, "json")
    return Result(told["looks"], told["failed"]) if told else None


def notebook(root: Path, name: str, student: str) -> NotebookNode:
    """Return the notebook that was run, as graders see it."""
    return nbformat.read(_place(root, name, student, "ipynb"), as_version=4)


def keep(
    root: Path, name: str, student: str, result: Result, of: str, run: NotebookNode | None = None
) -> None:
    """Write down what came of a student's notebook, and the notebook where it was run.

    Args:
        root, name, student: the course's folder, the assignment, whose notebook.
        result: what came of it.
        of: the ``digest`` from before it was read: by now another one may be handed in.
        run: as graders see it.
    """
    facts = _place(root, name, student, "json")
    facts.parent.mkdir(parents=True, exist_ok=True)
    facts.unlink(missing_ok=True)  # so that an interruption leaves nothing that looks whole
    if run:
        nbformat.write(run, _place(root, name, student, "ipynb"))
    told = {"digest": of, "looks": result.looks, "failed": result.failed}
    facts.write_text(json.dumps(told), encoding="utf-8")


def keep_by_hand(root: Path, name: str, student: str, answers: list[str]) -> None:
    """Write down which answers of what is handed in now somebody has graded, before it is graded again."""
    told = {"digest": digest(root, name, student), "answers": answers}
    _place(root, name, student, "by_hand.json").write_text(json.dumps(told), encoding="utf-8")


def by_hand(root: Path, name: str, student: str) -> list[str]:
    """Return the answers of what is handed in now that somebody had graded before."""
    told = _of_now(root, name, student, "by_hand.json")
    return told["answers"] if told else []


def run(root: Path, name: str, student: str, settings: Config) -> Result:
    """Run a student's notebook, ask its answers, and keep what came of it."""
    from homework.mark import mark  # brings torch, which not every command needs

    of = digest(root, name, student)
    returned = root / "submitted" / student / name / f"{name}.ipynb"
    released = nbformat.read(root / "release" / name / f"{name}.ipynb", as_version=4)
    try:
        seen, looks = mark(_returned(returned), released, settings)
        result = Result(looks)
    except ValueError as error:
        seen, result = None, Result([], failed=str(error))
    keep(root, name, student, result, of, seen)
    return result


def digest(root: Path, name: str, student: str) -> str:
    """What tells one submission, its time and its release from others."""
    places = (f"submitted/{student}/{name}/*", f"source/{name}/*")
    given = [path for place in places for path in sorted(root.glob(place)) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in given)).hexdigest()


def _place(root, name, student, kind):
    return root / "marked" / name / f"{student}.{kind}"


def _of_now(root, name, student, kind):
    """What was written down of what is handed in now, or None."""
    try:
        told = json.loads(_place(root, name, student, kind).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return told if told["digest"] == digest(root, name, student) else None


def _returned(path):
    """Read what came back, but for what is no cell."""
    if not path.exists():
        raise ValueError(f"there is no {path.name}")
    if path.stat().st_size > MOST_BYTES:
        raise ValueError(f"its file is larger than {MOST_BYTES:,} bytes")
    try:
        notebook = nbformat.read(path, as_version=4)
        cells = [cell for cell in notebook.cells if isinstance(cell.source, str) and cell.cell_type]
    except Exception as error:  # whatever came back
        raise ValueError(f"it is no notebook that Jupyter can read ({type(error).__name__})") from error
    # new_notebook would refuse ids and tags that mend drops anyway.
    return nbformat.from_dict({"cells": cells})
