"""Take in what came back, and say of everybody who handed in anything what came of it."""

import hashlib
import shutil
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

from homework.course import CHAPTERS, Course, count, write_table
from homework.people import LMS, Sender, senders, student_id
from homework.unpack import File, files

MOST_NAMED = 5  # files of one person, in what is printed


class Returned(NamedTuple):
    """A file and who handed it in."""

    sender: Sender
    file: File


class Taken(NamedTuple):
    """What came of one person's files."""

    words: str
    looks: list[str]
    digest: str = ""  # of the notebook that counts
    label: str = ""  # of the same, by which its LMS knows it
    time: str = ""  # of the same, if it was in its name
    is_new: bool = False


def collect(course: Course, chapter: int, paths: list[Path]) -> None:
    """Put every returned notebook into ``submitted/``, and list what came of everybody's files.

    What is the same as what counts now stays as it is, mended by hand or not. Every notebook that came is
    kept in ``downloaded/``.

    Args:
        course: where to collect.
        chapter: 1 to 4.
        paths: folders, zips or notebooks.

    Raises:
        FileNotFoundError: the chapter is not released, or there is no file at one of the paths.
    """
    name = course.released(chapter)
    people = course.people(name)
    groups, new = defaultdict(list), 0
    for one in (one for path in paths for one in returned(path.resolve(), name)):
        groups[_id(one.sender, people)].append(one)
    if not groups:
        raise FileNotFoundError(f"there is no file in {', '.join(map(str, paths))}.")
    for student, theirs in groups.items():
        taken = _take(course, name, student, theirs, people[student])
        people[student] |= {"what came of it": taken.words}
        if taken.digest:
            people[student] |= {"counts": taken.digest, "label": taken.label, "time": taken.time}
        new += taken.is_new
        for look in taken.looks:
            print(f"needs a look: {student}: {look}")
    _write(course, name, people)
    handed_in = f"{count(len(course.students(name)), 'notebook')} of {count(len(people), 'student')}"
    print(f"{handed_in}, {new} of them new. What came of everybody's files: {_listing(course, name)}")
    print(f"Next: {course.command(f'grade {chapter}')}")


def returned(path: Path, name: str) -> list[Returned]:
    """Return every file in a folder or an archive, with its sender."""
    found = list(files(path))
    container = path.parent.name if path.suffix.lower() == ".ipynb" else path.stem
    whose = senders([file.place for file in found], name, container)
    return [Returned(sender, file) for sender, file in zip(whose, found, strict=True)]


def _id(sender, people):
    """A person's id in this assignment, the same as last time, and nobody else's."""
    for student, facts in people.items():
        if facts["whole"] == sender.whole:
            return student
    student = student_id(sender.key, people)
    people[student] = {"whole": sender.whole, "name": sender.name, "number": sender.number}
    people[student] |= {"counts": "", "label": sender.label}
    if student != student_id(sender.key, ()):
        print(f"needs a look: {student}: named so, because {sender.name!r} comes out like another's name")
    return student


def _take(course, name, student, theirs, known):
    """Keep one person's notebooks, and let the newest count, or else the one with the assignment's name."""
    of_others = [one.file for one in theirs if _is_of_another(one.file, name)]
    notebooks = [one for one in theirs if _can_be_graded(one.file) and one.file not in of_others]
    looks = [f"{one.file}: {one.file.problem}" for one in theirs if one.file.problem][:MOST_NAMED]
    looks += [f"{file}: by its name it is of another chapter" for file in of_others]
    if _is_a_class(notebooks):
        told = "it looks like the download of a whole class; collect it by itself"
        return Taken(told, [told])
    if not notebooks:
        what = ", ".join(str(one.file) for one in theirs[:MOST_NAMED])
        what += f" and {len(theirs) - MOST_NAMED} more" if len(theirs) > MOST_NAMED else ""
        what += "; its name has to end with .ipynb" if any(map(_looks_renamed, theirs)) else ""
        return Taken(f"no notebook of {name}", [f"handed in no notebook of {name}, but {what}", *looks])
    chosen = max(notebooks, key=lambda one: (one.sender.time or "", one.file.name == f"{name}.ipynb"))
    kept = course.root / "downloaded" / name / "kept" / student
    digests = [_keep(kept, one.file.content) for one in notebooks]
    digest = digests[notebooks.index(chosen)]
    time = chosen.sender.time or ""
    folder = course.root / "submitted" / student / name
    if folder.exists() and digest != known["counts"] and "" < time < known.get("time", ""):
        told = f"{chosen.file} is older than what counts, and kept in {kept}"
        return Taken(told, [told, *looks])
    others = [one.file for one, its in zip(notebooks, digests, strict=True) if its != digest]
    looks += [f"{other} is kept in {kept}; {chosen.file} counts" for other in others]
    looks += [f"{chosen.file}: the time in its name is none"] if chosen.sender.time is None else []
    is_new = digest != known["counts"] or not folder.exists()
    if is_new:
        _submit(folder, name, chosen)
    came = f"{chosen.file}" if is_new else f"{chosen.file}, as before"
    return Taken(came, looks, digest, chosen.sender.label, time, is_new)


def _submit(folder, name, chosen):
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / f"{name}.ipynb").write_bytes(chosen.file.content)
    if chosen.sender.time:
        (folder / "timestamp.txt").write_text(chosen.sender.time)


def _can_be_graded(file):
    return file.name.lower().endswith(".ipynb") and not file.problem


def _looks_renamed(one):
    return ".ipynb." in one.file.name.lower()


def _is_of_another(file, name):
    others = set(CHAPTERS.values()) - {name}
    return file.name.lower().endswith(".ipynb") and any(other in file.name for other in others)


def _is_a_class(notebooks):
    """Notebooks of several people in one archive: whoever packed it can have made up their names."""
    heads = {one.file.inside[0] for one in notebooks if one.file.inside}
    return any(sum(bool(form.fullmatch(head)) for head in heads) > 1 for form in LMS.values())


def _keep(folder, content):
    """Keep a notebook under the hash of its content."""
    digest = hashlib.sha256(content).hexdigest()[:16]
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{digest}.ipynb").write_bytes(content)
    return digest


def _write(course, name, people):
    """Keep who is who, list what came of it, and tell the gradebook the names."""
    course.keep_people(name, people)
    rows = [
        [student, facts["name"], facts["number"], facts["what came of it"]]
        for student, facts in sorted(people.items())
    ]
    write_table(_listing(course, name), ["student", "name", "number", "what came of it"], rows)
    with course.gradebook() as book:
        for student, facts in people.items():
            book.update_or_create_student(student, last_name=facts["name"], lms_user_id=facts["number"])


def _listing(course, name):
    return course.root / f"{name}-handed-in.csv"
