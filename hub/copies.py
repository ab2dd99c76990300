"""A learner's own copy of the chapters: ``python -m hub.copies COURSE HOME``.

It runs in the learner's sandbox, since in a folder that is the learner's anything may be a link to anywhere.

A chapter that is missing is copied. One that the learner has not changed follows the course's. One that
the learner has changed is never touched. The helpers are not copied but linked, so that all learners
share one, and nobody can change it.
"""

import hashlib
import json
import shutil
import sys
from pathlib import Path

GIVEN = ".chapters_given.json"  # name to checksum of each chapter as this learner got it


def give(course: Path, home: Path) -> list[str]:
    """Bring the chapters of ``course`` into the folder of a learner; return the names of those copied."""
    folder = home / "notebooks"
    folder.mkdir(parents=True, exist_ok=True)
    link = folder / "helpers"
    if not link.exists():
        link.unlink(missing_ok=True)  # it may lead to where the course was before
        link.symlink_to(course / "helpers")
    record = home / GIVEN
    given = json.loads(record.read_text()) if record.exists() else {}
    copied = []
    for chapter in sorted((course / "notebooks").glob("*.ipynb")):
        newest, own = _checksum(chapter), folder / chapter.name
        untouched = not own.exists() or _checksum(own) == given.get(chapter.name)
        if untouched and not (own.exists() and newest == given[chapter.name]):
            shutil.copyfile(chapter, own)
            given[chapter.name] = newest
            copied.append(chapter.name)
    record.write_text(json.dumps(given, indent=1))
    return copied


def _checksum(file):
    found = hashlib.sha256()
    with open(file, "rb") as opened:
        while part := opened.read(2**20):
            found.update(part)
    return found.hexdigest()


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("Name the course's folder and the learner's: python -m hub.copies COURSE HOME")
    give(Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve())
