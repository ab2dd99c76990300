"""Whose work it is: from the names that an LMS, or an instructor, gave to folders and files."""

import hashlib
import re
import unicodedata
from collections import defaultdict
from collections.abc import Container
from datetime import datetime, timezone
from pathlib import PurePosixPath
from typing import NamedTuple

LMS = {  # what its downloads are called; names of students' own choice stand behind
    "Canvas": re.compile(r"(?P<key>(?P<name>[^_]+?)_(?:LATE_)?(?P<number>\d+))_\d+(?:_.*)?"),
    "Moodle": re.compile(r"(?P<key>(?P<name>.+?)_(?P<number>\d+))_assignsubmission_[a-z]+_?.*"),
    "Blackboard": re.compile(
        r"(?P<whole>.*?(?P<key>(?P<name>[^_]+)))_attempt_(?P<time>\d{4}(?:-\d\d){5})(?:_.*)?"
    ),
}
LONGEST = 80  # bytes of an id, which becomes the name of a folder


class Sender(NamedTuple):
    """Who handed something in.

    Args:
        key: what tells this person from others in this assignment.
        name: as the LMS shows it.
        number: of the LMS for this person, or "".
        whole: the key in more words, should two have the same.
        time: of handing in, UTC; "" where the LMS does not tell, None where what it tells is none.
        label: what the LMS called it; feedback goes back under this name.
    """

    key: str
    name: str
    number: str = ""
    whole: str = ""
    time: str | None = ""
    label: str = ""


def senders(places: list[tuple[str, ...]], assignment: str, container: str) -> list[Sender]:
    """Tell from the places of files, inside one folder or archive, whose they are.

    A folder for each student, ``ada/anything.ipynb``; one folder of ``ada.ipynb`` or
    ``ada_1_autoencoder.ipynb``; and the downloads of Moodle, Canvas and Blackboard.

    Args:
        places: names of folders and file.
        assignment: its name.
        container: of that folder or archive, for a notebook of the assignment's own name.
    """
    top = _top(places, assignment)
    heads = [place[min(top, len(place) - 1) :] for place in places]
    system = _system([_words(head) for head in heads])
    return apart([_sender(head, assignment, container, system) for head in heads])


def _sender(head, assignment, container, system):
    label = _words(head)
    words = unicodedata.normalize("NFC", label)  # a Mac's archives spell accents otherwise
    if system and (match := LMS[system].fullmatch(words)):
        parts = match.groupdict()
        key = parts["key"].replace("_LATE_", "_")
        whole, time = parts.get("whole") or key, _utc(parts.get("time"))
        return Sender(key, parts["name"], parts.get("number") or "", whole, time, label)
    name = (
        container if words == assignment else re.sub(rf"^{assignment}[_ -]+|[_ -]+{assignment}$", "", words)
    )
    return Sender(name, name, whole=name, label=label)


def _words(head):
    return head[0] if len(head) > 1 else PurePosixPath(head[0]).stem


def _system(words):
    """The LMS whose names these are, most of them; a student's own can look like those of another."""
    matches = {system: sum(bool(form.fullmatch(one)) for one in words) for system, form in LMS.items()}
    system = max(matches, key=matches.get)
    return system if matches[system] else None


def _top(places, assignment):
    """How many folders are around all students; notebooks and archives tell."""
    told = [place for place in places if PurePosixPath(place[-1]).suffix.lower() in (".ipynb", ".zip")]
    level = 0
    while told and len({place[: level + 1] for place in told}) == 1 and all(len(p) > level + 1 for p in told):
        if _system([told[0][level]]):
            return level
        level += 1
    if level == 0 or not told:
        return 0
    folders = {place[level] for place in told if len(place) > level + 1}
    loose = {PurePosixPath(place[level]).stem for place in told if len(place) == level + 1}
    many = len(folders) + len(loose) > 1 and assignment not in loose
    named = any(_system([name]) for name in folders | loose)
    return level if len(folders) > 1 or many or named else 0


def student_id(key: str, taken: Container[str]) -> str:
    """A person's id: the key without what file systems and nbgrader cannot bear, and unlike all others."""
    plain = re.sub(r"[^\w.@-]+", "_", unicodedata.normalize("NFC", key)).strip("_.") or "unnamed"
    long = len(plain.encode()) > LONGEST
    if long or plain.casefold() in {other.casefold() for other in taken}:
        digest = hashlib.sha256(key.encode("utf-8", "surrogatepass")).hexdigest()
        plain = f"{plain.encode()[:LONGEST].decode(errors='ignore')}-{digest[:8]}"
    return plain


def apart(senders: list[Sender]) -> list[Sender]:
    """Give longer keys to people who would have the same, as Blackboard's ``j_smith`` and ``k_smith``."""
    wholes = defaultdict(set)
    for one in senders:
        wholes[one.key].add(one.whole)
    return [one._replace(key=one.whole) if len(wholes[one.key]) > 1 else one for one in senders]


def _utc(time):
    """Blackboard's local time, taken for this machine's, as nbgrader reads it; None where it is none."""
    if not time:
        return ""
    try:
        local = datetime.strptime(time, "%Y-%m-%d-%H-%M-%S")
        return local.astimezone(timezone.utc).strftime("%Y-%m-%d %H:%M:%S UTC")
    except (ValueError, OverflowError):
        return None
