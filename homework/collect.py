"""Take in what students returned, whatever their LMS made of the file names."""

import hashlib
import io
import re
import shutil
import zipfile
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime, timezone
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from homework.course import CHAPTERS, Course

MOODLE = r"(?P<student>.+?_\d+)_assignsubmission_file_?.*"
BLACKBOARD = r"(?P<whole>.*?(?P<student>[^_]+))_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_.*)?"
CANVAS = r"(?P<student>[^_]+?)_(?:LATE_)?(?P<number>\d+)_\d+(?:_.*)?"


class Returned(NamedTuple):
    """A notebook that came back."""

    student: str
    whole: str  # the same student, in more words, should two have the same name
    time: str  # of handing in, UTC, where the LMS tells
    place: str
    content: bytes


def collect(course: Course, chapter: int, paths: list[Path]) -> None:
    """Put every returned notebook into ``submitted/``, and say whose could not be read.

    What has not changed since it was collected last stays as it is. What is replaced by a newer notebook,
    or stands beside another one, is kept in ``downloaded/``.

    Args:
        course: where to collect.
        chapter: 1 to 4.
        paths: folders, zips or notebooks.

    Raises:
        FileNotFoundError: the chapter is not released, there is nothing at one of the paths, or no
            notebook of the chapter anywhere.
    """
    name = course.released(chapter)
    found = [one for path in paths for one in notebooks(path.resolve(), name) if _is_of_chapter(one, name)]
    if not found:
        raise FileNotFoundError(f"no notebook of {name} was found in {', '.join(map(str, paths))}.")
    before = set(course.students(name))
    new = 0
    archive = course.root / "downloaded" / name / "archive"
    shutil.rmtree(archive, ignore_errors=True)
    for student, theirs in by_student(found).items():
        kept = course.root / "downloaded" / name / "kept" / student
        kept.mkdir(parents=True, exist_ok=True)
        *others, chosen = sorted(theirs, key=lambda one: (one.time, one.place.endswith(f"{name}.ipynb")))
        for other in others:
            if other.content != chosen.content:
                print(f"needs a look: {student}: another notebook, {other.place}, is kept in {kept}")
                _keep(kept, other.content)
        if not _keep(kept, chosen.content) and student in before:
            continue
        new += 1
        target = archive / student / (f"at {chosen.time}" if chosen.time else "") / f"{name}.ipynb"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(chosen.content)
    if new:
        course.nbgrader("zip_collect", name, "--force")
    print(f"{len(course.students(name))} students have handed in, {new} of the notebooks are new.")
    print(f"They are in {course.root / 'submitted'}.")


def notebooks(path: Path, name: str) -> Iterator[Returned]:
    """Yield every notebook in a folder, a zip (and the zips in it), or the notebook itself."""
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {path}.")
    if path.suffix.lower() == ".ipynb":
        yield whose(PurePosixPath(path.name), name, path.parent.name)._replace(content=path.read_bytes())
        return
    files = sorted(file for file in path.rglob("*") if file.is_file()) if path.is_dir() else [path]
    places, contents = [], []
    for file in files:
        for place, content in _unpacked(PurePosixPath(file.relative_to(path.parent)), file.read_bytes()):
            inside = place.relative_to(place.parts[0])
            if not _is_litter(inside):
                places.append(inside)
                contents.append(content)
    for place, content in zip(_without_top(places, name), contents, strict=True):
        yield whose(place, name, path.stem)._replace(content=content)


def _is_of_chapter(one, name):
    """Say so, where the file's name is another chapter's; any other name will do."""
    if not any(other in PurePosixPath(one.place).name for other in set(CHAPTERS.values()) - {name}):
        return True
    print(f"needs a look: {one.place} is left out: by its name it is of another chapter")
    return False


def _unpacked(place, content):
    """The notebooks in a file, by their place; a zip counts as a folder."""
    if place.suffix.lower() == ".ipynb":
        yield place, content
    if place.suffix.lower() == ".zip":
        try:
            with zipfile.ZipFile(io.BytesIO(content)) as packed:
                for inner in packed.infolist():
                    if not inner.is_dir():
                        yield from _unpacked(place.with_suffix("") / inner.filename, packed.read(inner))
        except (zipfile.BadZipFile, RuntimeError, NotImplementedError) as error:
            print(f"needs a look: {place} cannot be unpacked ({error})")


def _is_litter(place):
    return any(part == "__MACOSX" or part.startswith(".") for part in place.parts)


def _without_top(places, name):
    """Drop folders that hold everything, but not the one that names the only student."""
    while len({place.parts[0] for place in places}) == 1 and (
        all(len(place.parts) > 2 for place in places)
        or (len(places) > 1 and all(len(place.parts) > 1 and place.stem != name for place in places))
    ):
        places = [place.relative_to(place.parts[0]) for place in places]
    return places


def whose(place: PurePosixPath, name: str, container: str) -> Returned:
    """Tell from its place whose notebook it is.

    A folder for each student, ``ada/anything.ipynb``; one folder of ``ada.ipynb`` or
    ``ada_1_autoencoder.ipynb``; and the downloads of Moodle, Canvas and Blackboard.

    Args:
        place: inside a folder or zip.
        name: of the assignment.
        container: of that folder or zip, for a notebook of the assignment's own name.
    """
    words = place.parts[0] if len(place.parts) > 1 else place.stem
    for pattern in (BLACKBOARD, MOODLE, CANVAS):
        if match := re.fullmatch(pattern, words):
            parts = match.groupdict()
            student = plain("_".join(filter(None, [parts["student"], parts.get("number")])))
            return Returned(
                student, plain(parts.get("whole") or student), _utc(parts.get("time")), str(place), b""
            )
    student = container if words == name else re.sub(rf"^{name}[_ -]+|[_ -]+{name}$", "", words)
    return Returned(plain(student), plain(student), "", str(place), b"")


def by_student(found: list[Returned]) -> dict[str, list[Returned]]:
    """Group notebooks by student; two who would have the same name get a longer one."""
    wholes = defaultdict(set)
    for one in found:
        wholes[one.student].add(one.whole)
    groups = defaultdict(list)
    for one in found:
        groups[one.student if len(wholes[one.student]) == 1 else one.whole].append(one)
    return groups


def plain(student: str) -> str:
    """A student's id without what file systems and nbgrader cannot bear."""
    return re.sub(r"[^\w.@-]+", "_", student).strip("_") or "unnamed"


def _utc(time):
    """Blackboard's local time, taken for this machine's, as nbgrader reads it."""
    if not time:
        return ""
    return (
        datetime.strptime(time, "%Y-%m-%d-%H-%M-%S")
        .astimezone(timezone.utc)
        .strftime("%Y-%m-%d %H:%M:%S UTC")
    )


def _keep(folder, content):
    """Keep a notebook under the hash of its content; return whether it is a new one."""
    path = folder / f"{hashlib.sha256(content).hexdigest()[:16]}.ipynb"
    if path.exists():
        return False
    path.write_bytes(content)
    return True
