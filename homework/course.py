"""A course folder in nbgrader's layout, and how to call nbgrader in it."""

import csv
import io
import json
import logging
import os
import re
import shlex
import shutil
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterable
from datetime import datetime
from pathlib import Path

from dateutil.parser import UnknownTimezoneWarning
from dateutil.tz import gettz
from traitlets.config import Config, PyFileConfigLoader

from homework import HERE

# jsonschema would build a grammar of web addresses whenever nbgrader starts: over two seconds.
sys.modules.setdefault("rfc3987_syntax", None)

from nbgrader.api import Gradebook  # noqa: E402
from nbgrader.converters.base import BaseConverter  # noqa: E402
from nbgrader.coursedir import CourseDirectory  # noqa: E402
from nbgrader.utils import capture_log, parse_utc  # noqa: E402

NOTEBOOKS = HERE.parent / "notebooks"
COURSE = HERE / "course"  # where a course is, unless somebody names another place
SAFE_PAGES = ("--ServerApp.jpserver_extensions=homework.pages=True",)  # an option of Jupyter's
CHAPTERS = {int(path.stem[0]): path.stem for path in sorted(NOTEBOOKS.glob("[0-9]_*.ipynb"))}
CHAPTERS |= {path.stem.split("_")[0]: path.stem for path in NOTEBOOKS.glob("epilogue_*.ipynb")}
# nbgrader calls alembic by name, which stands beside this Python.
os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}"


class Course:
    """The folder of one course: what is released, handed in and graded. Made on first use, never in git.

    Args:
        root: where it is; your own settings live there, in nbgrader_config.py.
    """

    def __init__(self, root: Path):
        self.root = root
        root.mkdir(parents=True, exist_ok=True)
        if not (root / "nbgrader_config.py").exists():
            shutil.copy(HERE / "nbgrader_config.py", root)

    def nbgrader(self, step: type[BaseConverter], name: str, student: str = "*") -> None:
        """Run a step of nbgrader's for an assignment; raise RuntimeError with its words where it fails."""
        settings = self.settings()
        directory = CourseDirectory(
            config=settings, root=str(self.root), assignment_id=name, student_id=student
        )
        log = logging.getLogger(f"nbgrader.{step.__name__}")
        log.propagate = False
        work = step(coursedir=directory, config=settings, log=log, force=True)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # nbgrader's own, about the order in which it calls SQLAlchemy
            told = capture_log(work)
        words = told.get("log", "") + told.get("error", "")
        (self.root / "nbgrader.log").write_text(words, encoding="utf-8")
        if not told["success"]:
            raise RuntimeError(f"nbgrader failed: {_reason(words)} (all of it: {self.root / 'nbgrader.log'})")

    def command(self, words: str) -> str:
        """Return what to type for a command of this course, in the folder where one is."""
        place = "" if self.root == COURSE else f" --course {shlex.quote(_near(self.root))}"
        return f"{_near(sys.executable)} -m homework{place} {words}"

    def gradebook(self) -> Gradebook:
        """Open the gradebook, for a ``with`` statement; raise FileNotFoundError before the first release."""
        path = self.root / "gradebook.db"
        if not path.exists():
            raise FileNotFoundError(f"nothing is released in {self.root} yet: {self.command('release 1')}")
        return Gradebook(f"sqlite:///{path}")

    def settings(self) -> Config:
        """What nbgrader_config.py says; raise ValueError where Python cannot run it."""
        path = self.root / "nbgrader_config.py"
        try:
            return PyFileConfigLoader(path.name, path=str(self.root)).load_config()
        except Exception as error:  # whatever somebody wrote there
            raise ValueError(f"{path} stopped with {type(error).__name__}: {error}") from error

    def formgrader(self) -> None:
        """Open nbgrader's grading page in JupyterLab, until it is closed."""
        print("The grading page opens in your browser: choose Manual Grading. Ctrl-C ends it.")
        print(f"Next, when everybody is graded: {self.command('feedback CHAPTER')}")
        options = ["--LabApp.default_url=/formgrader", "--Application.log_level=ERROR", "--allow-root"]
        subprocess.run([sys.executable, "-m", "jupyterlab", *SAFE_PAGES, *options], cwd=self.root)

    def released(self, chapter: int) -> str:
        """Return the name of a chapter; raise FileNotFoundError where it is not released."""
        name = CHAPTERS[chapter]
        if not (self.root / "release" / name).exists():
            raise FileNotFoundError(
                f"chapter {chapter} is not released: {self.command(f'release {chapter}')}"
            )
        return name

    def handed_in(self, chapter: int) -> list[str]:
        """Who has handed in a released chapter; raise FileNotFoundError where nobody has."""
        if found := self.students(self.released(chapter)):
            return found
        raise FileNotFoundError(f"nobody has handed in: {self.command(f'collect {chapter} PATH')}")

    def students(self, name: str) -> list[str]:
        """Who has handed in an assignment."""
        return sorted(
            folder.parent.name for folder in self.root.glob(f"submitted/*/{name}") if folder.is_dir()
        )

    def people(self, name: str) -> dict[str, dict[str, str]]:
        """Everybody who handed in anything for an assignment, and what is known of them, by id."""
        register = self._register(name)
        try:
            return json.loads(register.read_text(encoding="utf-8")) if register.exists() else {}
        except ValueError as error:
            told = "Restore it from your backup, or delete it and collect again everything that came."
            raise ValueError(f"{register} is damaged ({error}). {told}") from error

    def keep_people(self, name: str, people: dict[str, dict[str, str]]) -> None:
        """Write down what ``people`` returns."""
        register = self._register(name)
        register.parent.mkdir(parents=True, exist_ok=True)
        _write_whole(register, json.dumps(people, indent=1).encode())

    def _register(self, name):
        return self.root / "downloaded" / name / "people.json"

    def zip(self, step: str, name: str, pattern: str) -> Path:
        """Zip the files of a step that match a pattern, and return the archive."""
        archive = self.root / f"{name}-{step}.zip"
        with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
            for path in sorted((self.root / step).glob(pattern)):
                packed.write(path, path.relative_to(self.root / step))
        return archive


def moment(words: str) -> datetime:
    """Read a time as nbgrader does, in UTC; but a zone that nobody knows is a ValueError, and not UTC."""
    zone = "".join(words.split(" ")[2:])
    try:
        if zone and not re.fullmatch(r"[+-]?\d+", zone) and gettz(zone) is None:
            raise ValueError(zone)
        with warnings.catch_warnings():
            warnings.simplefilter("error", UnknownTimezoneWarning)
            return parse_utc(words)
    except (ValueError, OverflowError, UnknownTimezoneWarning) as error:
        raise ValueError(f"{words!r} is no time. Write it like 2027-01-31 18:00 Europe/Berlin.") from error


def _near(path):
    """A path as one would type it here."""
    near = os.path.relpath(path)
    return str(path) if near.startswith(os.pardir) else near


def chapter_of(name: str) -> int | str:
    """The chapter of an assignment, as it is typed in a command."""
    return next(chapter for chapter, assignment in CHAPTERS.items() if assignment == name)


def count(number: int, what: str) -> str:
    """A number of things in words."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def write_table(path: Path, columns: Iterable[str], rows: Iterable[Iterable]) -> None:
    """Write a CSV file, whole or not at all, in which no text is a formula."""
    text = io.StringIO(newline="")
    table = csv.writer(text)
    table.writerow(columns)
    table.writerows([_no_formula(one) if isinstance(one, str) else one for one in row] for row in rows)
    _write_whole(path, text.getvalue().encode("utf-8-sig"))


def _no_formula(text):
    """Text that a spreadsheet shows and does not compute."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@", "\t", "\r")) else text


def _write_whole(path, content):
    unfinished = path.with_name(f"{path.name}.unfinished")
    unfinished.write_bytes(content)
    unfinished.replace(path)


def _reason(log):
    """The line of nbgrader's log that says why it failed."""
    errors = re.findall(r"^\s*([\w.]*(?:Error|Exception|Timeout)\b(?!.*NbGrader).*)", log, re.MULTILINE)
    return (errors or re.findall(r"ERROR\] (.*)", log) or [""])[-1][:200]
