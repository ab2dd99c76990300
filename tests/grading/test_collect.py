"""Whatever an LMS makes of the names, every notebook finds its student."""

import io
import zipfile

import pytest

from homework import collect
from homework.course import Course

NAME = "1_autoencoder"


def zipped(**contents):
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for place, content in contents.items():
            archive.writestr(place, content)
    return packed.getvalue()


def found(path):
    return {one.student: one.content for one in collect.notebooks(path, NAME)}


@pytest.mark.parametrize(
    ("place", "student"),
    [
        ("ada/1_autoencoder.ipynb", "ada"),
        ("ada/final version (2).ipynb", "ada"),
        ("Ada Lovelace_1234567_assignsubmission_file_/1_autoencoder.ipynb", "Ada_Lovelace_1234567"),
        ("Ada Lovelace_1234567_assignsubmission_file_1_autoencoder.ipynb", "Ada_Lovelace_1234567"),
        ("lovelaceada_12345_678910_1_autoencoder-1.ipynb", "lovelaceada_12345"),
        ("lovelaceada_LATE_12345_678910_1_autoencoder.ipynb", "lovelaceada_12345"),
        ("lovelaceada_12345_678910_my/1_autoencoder.ipynb", "lovelaceada_12345"),
        ("Homework 1_alovelace_attempt_2026-11-23-10-15-00_1_autoencoder.ipynb", "alovelace"),
        ("ada.ipynb", "ada"),
        ("ada_1_autoencoder.ipynb", "ada"),
        ("1_autoencoder_ada@uni.edu.ipynb", "ada@uni.edu"),
        ("1_autoencoder.ipynb", "the-folder"),
    ],
)
def test_knows_whose_it_is(place, student):
    assert collect.whose(collect.PurePosixPath(place), NAME, "the-folder").student == student


def test_takes_the_time_from_the_name(monkeypatch):
    name = "Homework 1_alovelace_attempt_2026-11-23-10-15-00_1_autoencoder.ipynb"
    time = collect.whose(collect.PurePosixPath(name), NAME, "").time
    assert time.startswith("2026-11-2")
    assert time.endswith(":15:00 UTC") or time.endswith(":45:00 UTC")


def test_two_students_never_become_one():
    names = [f"hw_{letter}_smith_attempt_2026-11-23-10-15-00_x.ipynb" for letter in "jk"]
    returned = [collect.whose(collect.PurePosixPath(name), NAME, "") for name in names]
    assert list(collect.by_student(returned)) == ["hw_j_smith", "hw_k_smith"]


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
    ],
)
def test_loose_notebooks_are_named_by_themselves(tmp_path, places, students):
    (tmp_path / "class.zip").write_bytes(zipped(**dict.fromkeys(places, "x")))
    assert set(found(tmp_path / "class.zip")) == students


def test_one_student_alone_keeps_the_folder(tmp_path):
    (tmp_path / "one.zip").write_bytes(zipped(**{"ada/1_autoencoder.ipynb": "a"}))
    (tmp_path / "two.zip").write_bytes(zipped(**{"ada/1_autoencoder.ipynb": "a", "ada/older.ipynb": "b"}))
    assert set(found(tmp_path / "one.zip")) == set(found(tmp_path / "two.zip")) == {"ada"}


def test_a_zip_in_a_zip_is_unpacked_and_a_broken_one_named(tmp_path, capsys):
    inner = zipped(**{"work/1_autoencoder.ipynb": "b"})
    contents = {"ada/x.ipynb": "a", "bob/mine.zip": inner, "eve/broken.zip": b"no zip"}
    (tmp_path / "class.ZIP").write_bytes(zipped(**contents))
    assert found(tmp_path / "class.ZIP") == {"ada": b"a", "bob": b"b"}
    assert "needs a look: class/eve/broken.zip cannot be unpacked" in capsys.readouterr().out


def test_leaves_out_what_jupyter_and_macs_add(tmp_path):
    for place in ("ada/x.ipynb", "ada/.ipynb_checkpoints/x-checkpoint.ipynb", "__MACOSX/ada/._x.ipynb"):
        (tmp_path / place).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / place).write_text(place)
    assert found(tmp_path) == {"ada": b"ada/x.ipynb"}


@pytest.fixture
def course(tmp_path):
    course = Course(tmp_path / "course")
    (course.root / "release" / NAME).mkdir(parents=True)
    return course


def test_collects_again_without_touching_what_is_the_same(course, tmp_path, capsys):
    for student in ("ada", "bob"):
        (tmp_path / "returned" / student).mkdir(parents=True)
        (tmp_path / "returned" / student / f"{NAME}.ipynb").write_text("1")
    collect.collect(course, 1, sorted((tmp_path / "returned").glob("*/*")))
    mended = course.root / "submitted" / "ada" / NAME / f"{NAME}.ipynb"
    mended.write_text("mended by hand")
    (tmp_path / "returned" / "bob" / f"{NAME}.ipynb").write_text("2")
    collect.collect(course, 1, [tmp_path / "returned"])
    assert mended.read_text() == "mended by hand"
    assert (course.root / "submitted" / "bob" / NAME / f"{NAME}.ipynb").read_text() == "2"
    assert "2 students have handed in, 1 of the notebooks are new" in capsys.readouterr().out
    assert len(list((course.root / "downloaded" / NAME / "kept" / "bob").iterdir())) == 2


def test_leaves_out_notebooks_of_another_chapter(course, tmp_path, capsys):
    (tmp_path / "class.zip").write_bytes(
        zipped(**{f"ada/{NAME}.ipynb": "a", "ada/2_compact_latent_space.ipynb": "b"})
    )
    collect.collect(course, 1, [tmp_path / "class.zip"])
    assert "2_compact_latent_space.ipynb is left out" in capsys.readouterr().out
    assert (course.root / "submitted" / "ada" / NAME / f"{NAME}.ipynb").read_text() == "a"


def test_says_what_cannot_be_collected(course, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        collect.collect(course, 1, [tmp_path / "nowhere"])
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match="no notebook"):
        collect.collect(course, 1, [tmp_path / "empty"])
    with pytest.raises(FileNotFoundError, match="chapter 2 is not released"):
        collect.collect(course, 2, [tmp_path])
