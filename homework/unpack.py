"""Every file in what came back: folders, archives, archives in them. Names are names, and never paths."""

import io
import os
import re
import stat
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

MOST_BYTES, MOST_FILES = 200_000_000, 5_000  # of a file; of an archive with all archives in it
DEPTH = 3  # of archives in archives
READ = (".ipynb", ".zip")  # what the content of other files is, nobody asks
LITTER = re.compile(r"__MACOSX|\..*|desktop\.ini|Thumbs\.db")


class File(NamedTuple):
    """A file that came back.

    Args:
        place: the names of its folders and of itself, or of the archive that holds it, where they were
            given by the LMS or the instructor.
        inside: its place in that archive, whose names its author chose.
        content: what is in it.
        problem: why it could not be read, or "".
    """

    place: tuple[str, ...]
    inside: tuple[str, ...] = ()
    content: bytes = b""
    problem: str = ""

    @property
    def name(self) -> str:
        """Its own name, and not that of an archive around it."""
        return (self.inside or self.place)[-1]

    def __str__(self):
        whole = "/".join((*self.place, *self.inside))
        return "".join(letter if letter.isprintable() else "?" for letter in whole[:200])


def files(path: Path) -> Iterator[File]:
    """Yield all files of a folder or an archive, or the file itself; raise FileNotFoundError without one."""
    if not path.exists():
        raise FileNotFoundError(f"there is nothing at {path}.")
    if path.is_dir():
        for file in sorted(_in_folder(path), key=lambda file: file.place):
            yield from _opened(file)
    elif path.suffix.lower() == ".zip":
        for file in _in_zip(path.read_bytes()):
            if file.problem and not file.inside:
                yield file._replace(place=(_readable(path.name),))
            else:
                yield from _opened(file._replace(place=file.inside, inside=()))
    else:
        yield File((_readable(path.name),), content=path.read_bytes())


class _Room:
    """What an archive may still put out, with all archives in it."""

    def __init__(self):
        self.bytes, self.files = MOST_BYTES, MOST_FILES


def _readable(name):
    """A name as text: of bytes that are no UTF-8, as some programs unpack them, Python makes surrogates."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return os.fsencode(name).decode("cp1252", "replace")
    return name


def _in_folder(folder):
    for parent, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not LITTER.fullmatch(name)]
        for name in [*names, *(name for name in folders if Path(parent, name).is_symlink())]:
            path = Path(parent, name)
            place = tuple(map(_readable, path.relative_to(folder).parts))
            if LITTER.fullmatch(name):
                continue
            if path.is_symlink() or not path.is_file():
                yield File(place, problem="it is a link, which is not followed")
            elif path.stat().st_size > MOST_BYTES:
                yield File(place, problem=f"it is larger than {MOST_BYTES:,} bytes")
            else:
                yield File(place, content=path.read_bytes())


def _opened(file, depth=DEPTH, room=None):
    """A file, or what is in it, where it is an archive."""
    if not file.name.lower().endswith(".zip") or file.problem:
        yield file
        return
    if not depth:
        yield file._replace(problem=f"it is an archive in more than {DEPTH} archives")
        return
    room = room or _Room()
    for inner in _in_zip(file.content, room):
        whole = inner._replace(place=file.place, inside=file.inside + inner.inside)
        yield from _opened(whole, depth - 1, room) if inner.inside else [whole]


def _in_zip(content, room=None):
    """What is in an archive, with places in ``inside``; without one, what is wrong with the whole.

    The LMS's own has no ``room`` to share: each of its files stands for itself.
    """
    try:
        packed = zipfile.ZipFile(io.BytesIO(content))
        members = [one for one in packed.infolist() if not one.is_dir()]
    except Exception as error:  # an archive can be broken in any way
        yield File((), problem=f"it cannot be unpacked ({type(error).__name__})")
        return
    if room:
        room.files -= len(members)
        if room.files < 0:
            yield File((), problem=f"it holds more than {MOST_FILES:,} files")
            return
    for member in members:
        names = [name for name in re.split(r"[/\\]", member.filename) if name not in ("", ".", "..")]
        inside = tuple(name for name in names if not re.fullmatch(r"[A-Za-z]:", name)) or ("unnamed",)
        if not any(LITTER.fullmatch(name) for name in inside):
            yield _read(packed, member, inside, room or _Room())


def _read(packed, member, inside, room):
    if stat.S_ISLNK(member.external_attr >> 16):
        return File((), inside, problem="it is a link, which is not followed")
    if not inside[-1].lower().endswith(READ):
        return File((), inside)
    try:
        with packed.open(member) as file:
            content = file.read(room.bytes + 1)
    except Exception as error:  # one damaged byte is enough
        return File((), inside, problem=f"it cannot be unpacked ({type(error).__name__})")
    if len(content) > room.bytes:
        return File((), inside, problem=f"it is larger than {MOST_BYTES:,} bytes, or all together are")
    room.bytes -= len(content)
    return File((), inside, content)
