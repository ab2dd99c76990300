"""Whatever an LMS, a file system or a student makes of the names: every file finds its own sender."""

import csv
import io
import os
import shutil
import stat
import zipfile
from pathlib import Path

import pytest

from homework import collect, release, unpack
from homework.course import Course
from homework.people import senders, student_id
from homework.unpack import files

NAME = "1_autoencoder"
MOODLE = "Ada Lovelace_1234567_assignsubmission_file_"
BLACKBOARD = "Homework 1_alovelace_attempt_2026-11-23-10-15-00"


def zipped(how=zipfile.ZIP_STORED, **contents):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w", how) as archive:
        for place, content in contents.items():
            archive.writestr(place, content)
    return packed.getvalue()


def damaged(**contents):
    """An archive with one flipped byte in the content of its first file."""
    content = bytearray(zipped(**contents))
    content[content.index(b"{}")] ^= 255  # a single brace may be a byte of the time of day
    return bytes(content)


def found(path):
    return {one.sender.name: one.file.content for one in collect.returned(path, NAME)}


def sender(place, container="the-folder"):
    (one,) = senders([tuple(place.split("/"))], NAME, container)
    return one


@pytest.mark.parametrize(
    ("place", "name", "number"),
    [
        ("ada/1_autoencoder.ipynb", "ada", ""),
        ("ada/final version (2).ipynb", "ada", ""),
        ("ada/work/x.ipynb", "ada", ""),
        (f"{MOODLE}/1_autoencoder.ipynb", "Ada Lovelace", "1234567"),
        (f"{MOODLE}1_autoencoder.ipynb", "Ada Lovelace", "1234567"),
        (f"class/{MOODLE}/work.zip", "Ada Lovelace", "1234567"),
        ("Ada Lovelace_1234567_assignsubmission_onlinetext_/onlinetext.html", "Ada Lovelace", "1234567"),
        ("lovelaceada_12345_678910_1_autoencoder-1.ipynb", "lovelaceada", "12345"),
        ("lovelaceada_LATE_12345_678910_1_autoencoder.ipynb", "lovelaceada", "12345"),
        ("lovelaceada_12345_678910_my/1_autoencoder.ipynb", "lovelaceada", "12345"),
        (f"{BLACKBOARD}_1_autoencoder.ipynb", "alovelace", ""),
        ("ada.ipynb", "ada", ""),
        ("ada_1_autoencoder.ipynb", "ada", ""),
        ("1_autoencoder_ada@uni.edu.ipynb", "ada@uni.edu", ""),
        ("1_autoencoder.ipynb", "the-folder", ""),
    ],
)
def test_knows_whose_it_is(place, name, number):
    assert (sender(place).name, sender(place).number) == (name, number)


@pytest.mark.parametrize(
    ("place", "name"),
    [
        (f"mallory_12345_678910_{MOODLE}.ipynb", "mallory"),
        (f"mallory_12345_678910_{BLACKBOARD}_x.ipynb", "mallory"),
        (f"Mallory_77_assignsubmission_file_{BLACKBOARD}_x.ipynb", "Mallory"),
        (f"Mallory_77_assignsubmission_file_/{MOODLE}/x.ipynb", "Mallory"),
        (f"mallory/{MOODLE}.ipynb", "mallory"),
    ],
)
def test_a_file_named_by_a_student_names_nobody_else(place, name):
    others = [f"{place.split('/')[0].replace('allory', f'ob{n}')}/x.ipynb" for n in range(3)]
    whose = senders([tuple(one.split("/")) for one in (place, *others)], NAME, "")
    assert whose[0].name == name
    assert len({one.key for one in whose}) == 4


def test_takes_the_time_from_the_name():
    time = sender(f"{BLACKBOARD}_1_autoencoder.ipynb").time
    assert time.startswith("2026-11-2")
    assert time.endswith((":15:00 UTC", ":45:00 UTC"))
    assert sender("Homework 1_alovelace_attempt_2026-13-23-10-15-00_x.ipynb").time is None


def test_two_students_never_become_one():
    names = [f"hw_{letter}_smith_attempt_2026-11-23-10-15-00_x.ipynb" for letter in "jk"]
    assert [one.key for one in senders([(name,) for name in names], NAME, "")] == ["hw_j_smith", "hw_k_smith"]
    taken = {}
    for name in (
        "Ada",
        "ada",
        "Ada!",
        "Ada 😀",
        "Ada 🎉",
        "Áda",
        "A\u0301da",
        "..",
        "/",
        "",
        "x" * 300,
        "x" * 301,
    ):
        taken.setdefault(student_id(name, taken), name)
    assert len(taken) == 12
    assert all(len(name) < 100 and "/" not in name and not name.startswith(".") for name in taken)


@pytest.mark.parametrize("top", ["", "returned/", "downloads/returned/"])
def test_a_top_folder_is_no_student(tmp_path, top):
    (tmp_path / "class.zip").write_bytes(zipped(**{f"{top}ada/x.ipynb": "a", f"{top}bob/x.ipynb": "b"}))
    assert found(tmp_path / "class.zip") == {"ada": b"a", "bob": b"b"}


@pytest.mark.parametrize(
    ("places", "students"),
    [
        (["ada.ipynb"], {"ada"}),
        (["ada.ipynb", "bob_1_autoencoder.ipynb"], {"ada", "bob"}),
        (["returned/ada_1_autoencoder.ipynb", "returned/bob.ipynb"], {"ada", "bob"}),
        (["returned/ada/x.ipynb", "returned/bob/x.ipynb", "returned/eve.ipynb"], {"ada", "bob", "eve"}),
        (["returned/ada/x.ipynb", "returned/bob/x.ipynb", "read me.txt"], {"ada", "bob", "read me"}),
        (["ada/1_autoencoder.ipynb"], {"ada"}),
        (["ada/1_autoencoder.ipynb", "ada/older.ipynb", "ada/report.pdf"], {"ada"}),
        (["ada/x.ipynb", "ada/report.pdf"], {"ada"}),
        (["ada/report.pdf"], {"ada"}),
    ],
)
def test_finds_the_folders_that_are_students(tmp_path, places, students):
    (tmp_path / "class.zip").write_bytes(zipped(**dict.fromkeys(places, "x")))
    assert set(found(tmp_path / "class.zip")) == students


def test_names_in_archives_are_never_paths(tmp_path):
    inner = {f"/{MOODLE}/x.ipynb": "m", "../../../eve/x.ipynb": "m", "C:\\eve\\x.ipynb": "m", "/x.ipynb": "m"}
    (tmp_path / "class.zip").write_bytes(zipped(**{"mallory/mine.zip": zipped(**inner), "ada/x.ipynb": "a"}))
    assert found(tmp_path / "class.zip") == {"ada": b"a", "mallory": b"m"}
    (tmp_path / "top.zip").write_bytes(zipped(**{"/ada/x.ipynb": "a", "..\\..\\bob/x.ipynb": "b"}))
    assert found(tmp_path / "top.zip") == {"ada": b"a", "bob": b"b"}


def test_leaves_out_what_systems_add(tmp_path):
    for place in ("ada/x.ipynb", "ada/.ipynb_checkpoints/x-checkpoint.ipynb", "__MACOSX/ada/._x.ipynb"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(place)
    assert found(tmp_path) == {"ada": b"ada/x.ipynb"}


def linked(name):
    info = zipfile.ZipInfo(name)
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr(info, "../ada/x.ipynb")
    return packed.getvalue()


def nested(depth):
    return zipped(x=b"x") if depth == 0 else zipped(**{"x.zip": nested(depth - 1)})


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (b"no zip", "cannot be unpacked (BadZipFile)"),
        (b"", "cannot be unpacked"),
        (damaged(**{"x.ipynb": "{}"}), "cannot be unpacked (BadZipFile)"),
        (zipped(**{"x.ipynb": "{}"})[:40], "cannot be unpacked"),
        (linked("x.ipynb"), "is a link"),
        (nested(9), "archive in more than 3 archives"),
        (zipped(**{f"{n}.txt": "" for n in range(5001)}), "more than 5,000 files"),
    ],
    ids=["no zip", "empty", "damaged", "cut off", "a link", "nested", "many files"],
)
def test_a_broken_archive_stops_nobody(tmp_path, content, problem):
    (tmp_path / "class.zip").write_bytes(zipped(**{"ada/x.ipynb": "a", "bob/mine.zip": content}))
    (bobs,) = [file for file in files(tmp_path / "class.zip") if file.place[0] == "bob"]
    assert problem in bobs.problem
    assert found(tmp_path / "class.zip")["ada"] == b"a"


@pytest.fixture(scope="module")
def released(tmp_path_factory):
    course = Course(tmp_path_factory.mktemp("released") / "course")
    release.release(course, 1)
    return course


@pytest.fixture
def room(released, tmp_path):
    """A released chapter in which nobody has handed in."""
    shutil.copytree(released.root, tmp_path / "course")
    return Course(tmp_path / "course")


def hand_in(tmp_path, **contents):
    (tmp_path / "class.zip").write_bytes(
        zipped(**{place.replace("__", "/"): x for place, x in contents.items()})
    )
    return tmp_path / "class.zip"


def submitted(course, student):
    return (course.root / "submitted" / student / NAME / f"{NAME}.ipynb").read_text()


def listed(course):
    with (course.root / f"{NAME}-handed-in.csv").open(encoding="utf-8-sig") as file:
        return {row["student"]: row["what came of it"] for row in csv.DictReader(file)}


def test_collects_again_without_touching_what_is_the_same(room, tmp_path, capsys):
    collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x.ipynb": "1", "bob/x.ipynb": "1"})])
    mended = room.root / "submitted" / "ada" / NAME / f"{NAME}.ipynb"
    mended.write_text("mended by hand")
    collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x.ipynb": "1", "bob/x.ipynb": "2"})])
    assert mended.read_text() == "mended by hand"
    assert submitted(room, "bob") == "2"
    assert "2 notebooks of 2 students, 1 of them new." in capsys.readouterr().out
    assert len(list((room.root / "downloaded" / NAME / "kept" / "bob").iterdir())) == 2


def test_an_older_version_counts_when_it_is_handed_in_again(room, tmp_path):
    for version in ("1", "2", "1"):
        collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x.ipynb": version})])
        assert submitted(room, "ada") == version


def test_everybody_who_handed_in_anything_is_listed(room, tmp_path, capsys):
    contents = {
        "ada/x.ipynb": "a",
        "bob/report.pdf": "b",
        "cem/mine.rar": "c",
        "dan/mine.zip": damaged(**{"x.ipynb": "{}"}),
        "eve/2_compact_latent_space.ipynb": "e",
        "fay/x.ipynb": "f",
        "fay/notes.txt": "f",
        "=cmd()/x.ipynb": "g",
        "gus/class.zip": zipped(**{f"{MOODLE}/x.ipynb": "g", "Eve_7_assignsubmission_file_/x.ipynb": "h"}),
    }
    collect.collect(room, 1, [hand_in(tmp_path, **contents)])
    told = listed(room)
    assert len(told) == 8
    assert set(room.students(NAME)) == {"ada", "cmd", "fay"}
    assert all(told[one] == f"no notebook of {NAME}" for one in ("bob", "cem", "dan", "eve"))
    assert "class" in told["gus"]
    said = capsys.readouterr().out
    assert "3 notebooks of 8 students, 3 of them new." in said
    assert "needs a look: dan: dan/mine.zip/x.ipynb: it cannot be unpacked" in said
    assert "needs a look: bob: handed in no notebook" in said
    assert "needs a look: eve: eve/2_compact_latent_space.ipynb: by its name it is of another chapter" in said
    assert "needs a look: fay" not in said
    with room.gradebook() as book:
        assert {one.id for one in book.students} == set(told)


def test_names_of_any_alphabet_and_encoding_are_collected(room, tmp_path):
    # Bytes that are no UTF-8, as some programs unpack them; letters of four bytes; accents as on a Mac.
    folder = os.fsencode(tmp_path / "class")
    for name in (b"J\xfcrgen_1", "\U0001d552".encode() * 50 + b"_2", "Zoe\u0308_3".encode()):
        place = os.path.join(folder, name + b"_assignsubmission_file_")
        os.makedirs(place)
        Path(os.fsdecode(place), "x.ipynb").write_text("1")
    for _ in range(2):
        collect.collect(room, 1, [tmp_path / "class"])
    names = {facts["name"]: student for student, facts in room.people(NAME).items()}
    assert len(names) == 3
    assert names["J\xfcrgen"] == "J\xfcrgen_1"
    assert names["Zo\xeb"] == "Zo\xeb_3"
    assert set(room.students(NAME)) == set(names.values())


def test_an_archive_may_put_out_so_much_and_no_more(room, tmp_path, monkeypatch, capsys):
    monkeypatch.setattr(unpack, "MOST_BYTES", 2000)
    monkeypatch.setattr(unpack, "MOST_FILES", 20)
    zeros = zipped(zipfile.ZIP_DEFLATED, **{f"{n}.ipynb": "0" * 800 for n in range(5)})
    many = zipped(
        zipfile.ZIP_DEFLATED, **{f"{n}.zip": zipped(**{f"{m}.txt": "" for m in range(9)}) for n in range(3)}
    )
    files = {"ada/x.zip": zeros, "bob/x.zip": many, "eve/x.ipynb": "1"}
    files |= {f"fay/{n}.pdf": "x" for n in range(9)}
    for student in {place.split("/")[0] for place in files}:
        theirs = {place: content for place, content in files.items() if place.startswith(student)}
        collect.collect(room, 1, [hand_in(tmp_path, **theirs, **{"zoe/x.ipynb": "1"})])
    told = capsys.readouterr().out
    assert "ada/x.zip/2.ipynb: it is larger than" in told
    assert "it holds more than 20 files" in told
    assert "fay/4.pdf and 4 more" in told
    assert {"ada", "eve", "zoe"} == set(room.students(NAME))


def test_a_notebook_that_a_browser_renamed_is_told(room, tmp_path, capsys):
    collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x.ipynb.txt": "1"})])
    assert "its name has to end with .ipynb" in capsys.readouterr().out


def test_a_damaged_register_is_named(room, tmp_path):
    collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x.ipynb": "1"})])
    (register,) = room.root.glob("downloaded/*/people.json")
    register.write_text("{")
    with pytest.raises(ValueError, match=r"people.json is damaged"):
        collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x.ipynb": "1"})])


def test_links_are_not_followed(room, tmp_path, capsys):
    for student in ("ada", "bob", "eve"):
        (tmp_path / "returned" / student).mkdir(parents=True)
    (tmp_path / "returned" / "ada" / "x.ipynb").write_text("a")
    (tmp_path / "returned" / "bob" / "x.ipynb").symlink_to(tmp_path / "returned" / "ada" / "x.ipynb")
    (tmp_path / "returned" / "eve" / "more").symlink_to(tmp_path / "returned" / "ada")
    collect.collect(room, 1, [tmp_path / "returned"])
    assert room.students(NAME) == ["ada"]
    assert capsys.readouterr().out.count("it is a link, which is not followed") == 2


def test_of_several_notebooks_the_newest_counts_and_the_others_are_told(room, tmp_path, capsys):
    early, late = (f"HW_ada_attempt_2026-11-2{day}-10-15-00_x.ipynb" for day in (1, 2))
    collect.collect(room, 1, [hand_in(tmp_path, **{late: "late", early: "early"})])
    assert submitted(room, "ada") == "late"
    assert "2026-11-2" in (room.root / "submitted" / "ada" / NAME / "timestamp.txt").read_text()
    capsys.readouterr()
    collect.collect(room, 1, [hand_in(tmp_path, **{early: "early"})])
    assert submitted(room, "ada") == "late"
    assert f"needs a look: ada: {early} is older than what counts" in capsys.readouterr().out
    collect.collect(room, 1, [hand_in(tmp_path, **{f"bob/{NAME}.ipynb": "this", "bob/older.ipynb": "other"})])
    assert submitted(room, "bob") == "this"
    assert "needs a look: bob: bob/older.ipynb is kept" in capsys.readouterr().out
    collect.collect(room, 1, [hand_in(tmp_path, **{"HW_cem_attempt_2026-13-21-10-15-00_x.ipynb": "{}"})])
    assert "the time in its name is none" in capsys.readouterr().out


def test_people_keep_their_ids(room, tmp_path, capsys):
    collect.collect(room, 1, [hand_in(tmp_path, **{"hw_j_smith_attempt_2026-11-21-10-15-00_x.ipynb": "j"})])
    collect.collect(room, 1, [hand_in(tmp_path, **{"hw_k_smith_attempt_2026-11-21-10-15-00_x.ipynb": "k"})])
    first, second = room.students(NAME)
    assert first == "smith"
    assert second.startswith("smith-")
    assert "comes out like another's name" in capsys.readouterr().out
    collect.collect(room, 1, [hand_in(tmp_path, **{"hw_j_smith_attempt_2026-11-21-10-15-00_x.ipynb": "jj"})])
    assert submitted(room, "smith") == "jj"
    assert submitted(room, second) == "k"


def test_a_name_cannot_forge_a_line(room, tmp_path, capsys):
    collect.collect(room, 1, [hand_in(tmp_path, **{"ada/x\nneeds a look: eve: give 20 points.pdf": "a"})])
    assert not [line for line in capsys.readouterr().out.splitlines() if line.startswith("needs a look: eve")]


def test_says_what_cannot_be_collected(room, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        collect.collect(room, 1, [tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no file in"):
        collect.collect(room, 1, [tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match="chapter 2 is not released"):
        collect.collect(room, 2, [tmp_path])
