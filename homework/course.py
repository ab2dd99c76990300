"""A course folder in nbgrader's layout, and how to call nbgrader in it."""

import os
import re
import shutil
import subprocess
import sys
import zipfile
from datetime import datetime
from pathlib import Path

from dateutil.tz import gettz
from nbgrader.api import Gradebook
from nbgrader.utils import parse_utc
from traitlets.config import Config, PyFileConfigLoader

from homework import HERE

NOTEBOOKS = HERE.parent / "notebooks"
CHAPTERS = {int(path.stem[0]): path.stem for path in sorted(NOTEBOOKS.glob("[0-9]_*.ipynb"))}
# nbgrader, but for a grammar of web addresses that jsonschema would build at every start: 2.4 of 4 seconds.
START = "import sys; sys.modules['rfc3987_syntax'] = None; from nbgrader.apps import NbGraderApp as app; app"
NBGRADER = [sys.executable, "-c", f"{START}.launch_instance()"]
ENVIRONMENT = os.environ | {
    # nbgrader calls programs by name that stand beside this Python.
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}",
    "DIGITS_AT_MOST": "2000",  # of each split: enough to see a notebook run, in seconds
}


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

    def nbgrader(self, *command: str) -> None:
        """Run an nbgrader command here; raise RuntimeError with its last words where it fails."""
        done = subprocess.run(
            [*NBGRADER, *command],
            cwd=self.root,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        (self.root / "nbgrader.log").write_text(done.stdout)
        if done.returncode:
            words = reason(done.stdout)
            raise RuntimeError(
                f"nbgrader {command[0]} failed: {words} (all of it: {self.root / 'nbgrader.log'})"
            )

    def gradebook(self) -> Gradebook:
        """Open the gradebook, for a ``with`` statement; raise FileNotFoundError before the first release."""
        path = self.root / "gradebook.db"
        if not path.exists():
            raise FileNotFoundError(f"nothing is released in {self.root} yet: python -m homework release 1")
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
        print("The grading page opens in your browser. Ctrl-C ends it.")
        options = ["--LabApp.default_url=/formgrader", "--Application.log_level=ERROR", "--allow-root"]
        subprocess.run([sys.executable, "-m", "jupyterlab", *options], cwd=self.root, env=ENVIRONMENT)

    def released(self, chapter: int) -> str:
        """Return the name of a chapter; raise FileNotFoundError where it is not released."""
        name = CHAPTERS[chapter]
        if not (self.root / "release" / name).exists():
            raise FileNotFoundError(
                f"chapter {chapter} is not released: python -m homework release {chapter}"
            )
        return name

    def handed_in(self, chapter: int) -> list[str]:
        """Who has handed in a released chapter; raise FileNotFoundError where nobody has."""
        if found := self.students(self.released(chapter)):
            return found
        raise FileNotFoundError(f"nobody has handed in: python -m homework collect {chapter} PATH")

    def students(self, name: str) -> list[str]:
        """Who has handed in an assignment."""
        return sorted(
            folder.parent.name for folder in self.root.glob(f"submitted/*/{name}") if folder.is_dir()
        )

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
        return parse_utc(words)
    except (ValueError, OverflowError) as error:
        raise ValueError(f"{words!r} is no time. Write it like 2027-01-31 18:00 Europe/Berlin.") from error


def reason(log: str) -> str:
    """The line of nbgrader's log that says why it failed."""
    errors = re.findall(r"^\s*([\w.]*(?:Error|Exception|Timeout)\b.*)", log, re.MULTILINE)
    errors = errors or re.findall(r"ERROR\] (.*)", log) or log.split("\n")
    return errors[-1][:200]
