"""Each learner gets the chapters, keeps what they changed, and shares the helpers."""

import pytest

from hub import COURSE
from hub.copies import give


@pytest.fixture
def course(tmp_path):
    """A course of two chapters."""
    folder = tmp_path / "course"
    (folder / "notebooks").mkdir(parents=True)
    (folder / "helpers").mkdir()
    (folder / "helpers" / "data.py").write_text("digits = 10")
    for name in ("1_first", "2_second"):
        (folder / "notebooks" / f"{name}.ipynb").write_text(f"{name}, first edition")
    return folder


@pytest.fixture
def home(tmp_path):
    return tmp_path / "ada"


def test_a_new_learner_gets_every_chapter_of_this_course(home):
    chapters = [file.name for file in sorted((COURSE / "notebooks").glob("*.ipynb"))]
    assert give(COURSE, home) == chapters
    assert [file.name for file in sorted((home / "notebooks").glob("*.ipynb"))] == chapters


def test_helpers_are_shared_and_not_copied(course, home):
    give(course, home)
    assert (home / "notebooks" / "helpers").is_symlink()
    assert (home / "notebooks" / "helpers" / "data.py").read_text() == "digits = 10"


def test_what_a_learner_has_changed_is_never_touched(course, home):
    give(course, home)
    own = home / "notebooks" / "1_first.ipynb"
    own.write_text("my answer")
    for file in (course / "notebooks").glob("*.ipynb"):
        file.write_text("second edition")
    assert give(course, home) == ["2_second.ipynb"]
    assert own.read_text() == "my answer"
    assert (home / "notebooks" / "2_second.ipynb").read_text() == "second edition"


def test_a_file_that_was_there_before_the_course_is_the_learner_s(course, home):
    own = home / "notebooks" / "1_first.ipynb"
    own.parent.mkdir(parents=True)
    own.write_text("mine")
    give(course, home)
    assert own.read_text() == "mine"


def test_who_deletes_a_chapter_gets_a_fresh_one(course, home):
    give(course, home)
    (home / "notebooks" / "1_first.ipynb").unlink()
    assert give(course, home) == ["1_first.ipynb"]
    assert give(course, home) == []


def test_the_link_follows_a_course_that_has_moved(course, home):
    give(course, home)
    give(course.rename(course.with_name("moved")), home)
    assert (home / "notebooks" / "helpers" / "data.py").exists()
