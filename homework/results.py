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
        notebook: as graders see it; None where it could not be run.
    """

    looks: list[str]
    failed: str = ""
    notebook: NotebookNode | None = None


def read(root: Path, name: str, student: str) -> Result | None:
    """Return what came of a student's notebook as it is handed in now; None where it was not run yet."""
    facts, notebook = _places(root, name, student)
    try:
        told = json.loads(facts.read_text(encoding="utf-8"))
        if told["digest"] != digest(root, name, student):
            return None
        seen = None if told["failed"] else nbformat.read(notebook, as_version=4)
    except (OSError, ValueError):
        return None
    return Result(told["looks"], told["failed"], seen)


def keep(root: Path, name: str, student: str, result: Result) -> None:
    """Write down what came of a student's notebook."""
    facts, notebook = _places(root, name, student)
    facts.parent.mkdir(parents=True, exist_ok=True)
    facts.unlink(missing_ok=True)
    if result.notebook:
        nbformat.write(result.notebook, notebook)
    told = {"digest": digest(root, name, student), "looks": result.looks, "failed": result.failed}
    facts.write_text(json.dumps(told), encoding="utf-8")


def run(root: Path, name: str, student: str, settings: Config) -> Result:
    """Run a student's notebook, ask its answers, and keep what came of it."""
    from homework.mark import mark  # brings torch, which not every command needs

    returned = root / "submitted" / student / name / f"{name}.ipynb"
    released = nbformat.read(root / "release" / name / f"{name}.ipynb", as_version=4)
    try:
        marked = mark(_notebook(returned), released, settings)
        result = Result(marked.looks, notebook=marked.notebook)
    except ValueError as error:
        result = Result([], failed=str(error))
    keep(root, name, student, result)
    return result


def digest(root: Path, name: str, student: str) -> str:
    """What tells one submission, its time and its release from others."""
    places = (f"submitted/{student}/{name}/*", f"source/{name}/*")
    given = [path for place in places for path in sorted(root.glob(place)) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in given)).hexdigest()


def _places(root, name, student):
    folder = root / "marked" / name
    return folder / f"{student}.json", folder / f"{student}.ipynb"


def _notebook(path):
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
    return nbformat.from_dict(
        {"cells": cells}
    )  # unlike new_notebook it takes any id and tag; mend drops them
