"""``make home`` leads every link, badge, citation and Colab line to one repository, however often it runs."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parent.parent
SPEAKS_OF_HOMES = {"docs/home.py", "tests/test_home.py", "tests/browser/test_site.py"}

pytestmark = pytest.mark.skipif(not (ROOT / ".git").exists(), reason="it changes the files that git tracks")


def git(folder, *command):
    return subprocess.run(["git", *command], cwd=folder, check=True, capture_output=True, text=True).stdout


@pytest.fixture
def course(tmp_path):
    """A clone of the course, as it stands here now."""
    for name in git(ROOT, "ls-files", "--cached", "--others", "--exclude-standard").splitlines():
        if (ROOT / name).exists():
            (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, tmp_path / name, follow_symlinks=False)
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "add", "--all")
    return tmp_path


def move(course, repository):
    command = [sys.executable, course / "docs" / "home.py", repository]
    return subprocess.run(command, cwd=course, capture_output=True, text=True)


def texts(course):
    """Name to text of every tracked file that is one, but for those that speak of homes in general."""
    found = {}
    for name in set(git(course, "ls-files").splitlines()) - SPEAKS_OF_HOMES:
        if not (course / name).is_symlink():
            found[name] = (course / name).read_text(encoding="utf-8", errors="ignore")
    return found


def repositories(text):
    """Every repository of this course's name, or of anybody's that is called OWNER, that a text leads to."""
    found = re.findall(r"(?:github\.com/|/gh/|\.google\.com/github/)([\w.-]+/[\w.-]+)", text)
    return {name for name in found if name.split("/")[1] in ("from-autoencoder-to-vae", "course")}


def test_nothing_says_owner_in_a_course_with_a_home(course):
    told = move(course, "somebody/course")
    assert told.returncode == 0, told.stderr
    assert "https://somebody.github.io/course" in told.stdout
    for name, text in texts(course).items():
        assert not re.search(r"\bOWNER\b|with a home: ", text), name
        assert repositories(text) <= {"somebody/course"}, name


def test_readme_citation_package_and_chapters_lead_home(course):
    move(course, "somebody/course")
    readme = (course / "README.md").read_text()
    assert "](https://mybinder.org/v2/gh/somebody/course/HEAD?urlpath=" in readme
    assert "](https://colab.research.google.com/github/somebody/course/blob/main/notebooks/1_" in readme
    assert "](https://somebody.github.io/course/)" in readme
    citation = yaml.safe_load((course / "CITATION.cff").read_text())
    assert citation["repository-code"] == "https://github.com/somebody/course"
    assert 'Repository = "https://github.com/somebody/course"' in (course / "pyproject.toml").read_text()
    for file in (course / "notebooks").glob("[1-4]_*.ipynb"):
        notebook = nbformat.read(file, as_version=4)
        nbformat.validate(notebook)
        first_cells = "\n".join(cell.source for cell in notebook.cells[:3])
        assert "git+https://github.com/somebody/course" in first_cells
        assert [cell.id for cell in notebook.cells] == [
            cell.id for cell in nbformat.read(ROOT / "notebooks" / file.name, as_version=4).cells
        ]


def test_folders_are_called_as_the_repository_is(course):
    """Where git clone and nbgitpuller put them."""
    move(course, "somebody/course")
    assert (
        "git clone https://github.com/somebody/course && cd course\n"
        in (course / "docs/workshop.md").read_text()
    )
    assert "urlpath=lab/tree/course/notebooks/" in (course / "hub/README.md").read_text()
    assert "conda activate from-autoencoder-to-vae" in (course / "README.md").read_text()


def test_twice_changes_nothing_more(course):
    move(course, "somebody/course")
    before = texts(course)
    told = move(course, "https://github.com/somebody/course.git")
    assert "0 files changed" in told.stdout
    assert texts(course) == before


def test_a_second_move_ends_where_one_move_would_have(course, tmp_path_factory):
    at_once = shutil.copytree(course, tmp_path_factory.mktemp("at-once") / "course", symlinks=True)
    move(at_once, "docs/home.v2")
    move(course, "somebody/course")
    move(course, "docs/home.v2")
    assert texts(course) == texts(at_once)


@pytest.mark.parametrize(
    "name", ["", "somebody", "some body/course", "a/b/c", "OWNER/from-autoencoder-to-vae"]
)
def test_what_is_no_repository_is_said_and_changes_nothing(course, name):
    before = texts(course)
    told = move(course, name)
    assert told.returncode != 0
    assert "make home REPOSITORY=owner/name" in told.stderr
    assert texts(course) == before


def test_without_a_home_the_readme_offers_nothing_that_needs_one():
    if 'Repository = "https' in re.sub(
        r"^#.*$", "", (ROOT / "pyproject.toml").read_text(), flags=re.MULTILINE
    ):
        pytest.skip("this course has a home")
    shown = re.sub(r"<!--.*?-->", "", (ROOT / "README.md").read_text(), flags=re.DOTALL)
    assert "OWNER" not in shown
    assert "mybinder.org" not in shown
    assert "repository-code" not in yaml.safe_load((ROOT / "CITATION.cff").read_text())
