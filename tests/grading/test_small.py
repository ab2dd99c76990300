"""Whatever students hand in, nbgrader gives them the points they earned, and nobody else loses any."""

import copy
import shutil
import subprocess

import nbformat
import pytest
from classroom import ENERGY, PRICE, cell

from homework import collect, grade

BOTH, FIRST, SECOND, NONE = (6, 6), (6, 0), (0, 6), (0, 0)
SUBMISSIONS = {}  # student: (what becomes of the released notebook, points, what the instructor is told)


def submission(points, look=None):
    """Take a function that edits a released notebook for a submission; its name is the student."""

    def register(edit):
        SUBMISSIONS[edit.__name__] = (edit, points, look)
        return edit

    return register


def solve(notebook, energy=ENERGY, price=PRICE):
    cell(notebook, "energy").source = energy
    cell(notebook, "size-term").source = price


def copied(notebook, name):
    double = copy.deepcopy(cell(notebook, name))
    double.id = f"{name}-copied"
    return double


def code(source, **metadata):
    return nbformat.v4.new_code_cell(source, metadata=metadata)


@submission(BOTH)
def perfect(notebook):
    solve(notebook)
    cell(notebook, "answer-1").source = "All codes collapse, because the springs win."


@submission(NONE)
def empty(notebook):
    pass


@submission(FIRST)
def first_alone(notebook):
    cell(notebook, "energy").source = ENERGY


@submission(SECOND)
def second_alone(notebook):
    cell(notebook, "size-term").source = PRICE


@submission(SECOND)
def wrong_shape(notebook):
    solve(notebook, ENERGY.replace(".mean()", ""))


@submission(SECOND)
def wrong_sign(notebook):
    solve(notebook, ENERGY.replace("0.5", "-0.5"))


@submission(SECOND)
def mean_instead_of_sum(notebook):
    solve(notebook, ENERGY.replace(".sum(dim=1)", ""))


@submission(SECOND, "CellTimeoutError")
def infinite_loop(notebook):
    solve(notebook, "def energy(codes):\n    while True:\n        pass")


@submission(None, "not graded")
def loop_that_ignores_interrupts(notebook):
    solve(notebook, "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")


@submission(BOTH, "printed")
def prints_100_megabytes(notebook):
    solve(notebook, f"print('x' * 100_000_000)\n{ENERGY}")


@submission(BOTH, "printed")
def prints_100_megabytes_in_lines(notebook):
    solve(notebook, f"for _ in range(100):\n    print('many words\\n' * 100_000)\n{ENERGY}")


@submission(SECOND, "MemoryError")
def eats_memory(notebook):
    solve(notebook, "hoard = [bytearray(2**28) for _ in range(1000)]\n" + ENERGY)


@submission(NONE)
def raises_at_import(notebook):
    solve(notebook)
    cell(notebook, "imports").source = "import a_module_that_nobody_has"


@submission(None, "not graded")
def kills_its_kernel(notebook):
    solve(notebook, "import os\nos._exit(0)")


@submission(BOTH, "restored")
def deleted_test(notebook):
    solve(notebook)
    notebook.cells.remove(cell(notebook, "energy-test"))


@submission(SECOND, "energy is missing")
def deleted_solution(notebook):
    solve(notebook)
    notebook.cells.remove(cell(notebook, "energy"))


@submission(BOTH, "answer-1 is missing")
def deleted_answer(notebook):
    solve(notebook)
    notebook.cells.remove(cell(notebook, "answer-1"))


@submission(BOTH, "energy is there 2 times")
def duplicated(notebook):
    blank = copied(notebook, "energy")
    solve(notebook)
    notebook.cells.insert(notebook.cells.index(cell(notebook, "energy")) + 1, blank)


@submission(BOTH, "energy is there 2 times")
def split(notebook):
    second = copied(notebook, "energy")
    second.source = ENERGY.replace("0.5", "half")
    solve(notebook, "half = 0.5")
    notebook.cells.insert(notebook.cells.index(cell(notebook, "energy")) + 1, second)


@submission(BOTH, "restored")
def reordered(notebook):
    solve(notebook)
    hand_in, imports, *others = notebook.cells
    notebook.cells = [hand_in, imports, *reversed(others)]


@submission(SECOND, "restored")
def changed_test(notebook):
    solve(notebook, "energy = None")
    cell(notebook, "energy-test").source = "pass"


@submission(SECOND)
def replaced_checks(notebook):
    fake = "import sys, types\nchecks = sys.modules['helpers.checks'] = types.SimpleNamespace(\n"
    fake += "    energy=print, neighborhood_size=print, require=print)\n"
    solve(notebook, fake + "def energy(codes):\n    return codes.sum()")


@submission(SECOND)
def fake_number(notebook):
    fake = "class Fake(torch.Tensor):\n    shape = ()\n    item = lambda self: self\n"
    for name in ("eq", "lt", "gt", "sub", "rsub", "abs"):
        fake += f"    __{name}__ = lambda self, *others: True\n"
    solve(notebook, fake + "def energy(codes):\n    return Fake()")


@submission(SECOND)
def constant(notebook):
    solve(notebook, "def energy(codes):\n    return torch.tensor(2.5, requires_grad=True)")


@submission(BOTH)
def writes_outside(notebook):
    evil = (
        "import pathlib\nfor found in pathlib.Path('/').glob('tmp/**/submitted/*/0_small/0_small.ipynb'):\n"
    )
    evil += "    found.chmod(0o666)\n    found.write_text('gone')\n"
    evil += "for place in ('..', '../..', '../../..'):\n    try:\n"
    evil += (
        "        pathlib.Path(place, 'gradebook.db').write_text('gone')\n    except OSError:\n        pass\n"
    )
    solve(notebook, evil + ENERGY)


@submission(SECOND)
def reads_another(notebook):
    theft = (
        "import pathlib, json\n(other,) = pathlib.Path('/').glob('tmp/**/perfect/0_small/0_small.ipynb')\n"
    )
    theft += "cells = json.loads(other.read_text())['cells']\n"
    theft += "exec(''.join(next(c['source'] for c in cells if c['id'] == 'energy')))"
    solve(notebook, theft)


@submission(BOTH, "not from the current release")
def older_release(notebook):
    solve(notebook)
    cell(notebook, "energy-test").source = "assert energy"
    old = {"schema_version": 3, "solution": False, "grade": True, "locked": True, "points": 3, "task": False}
    notebook.cells.append(code("pass", nbgrader=old | {"grade_id": "old-test"}))


@submission(BOTH)
def renamed(notebook):
    solve(notebook)


@submission(None, "not graded")
def not_utf_8(notebook):
    solve(notebook)
    return nbformat.writes(notebook).replace("def energy", "# \xfcber\ndef energy").encode("latin-1")


@submission(None, "not graded")
def truncated(notebook):
    solve(notebook)
    return nbformat.writes(notebook).encode()[:3000]


def test_there_is_a_sandbox():
    """Without bubblewrap two of the tests below cannot hold, and README.md says so."""
    if not shutil.which("bwrap"):
        pytest.skip("bubblewrap is not installed")
    subprocess.run(["bwrap", "--ro-bind", "/", "/", "true"], check=True)


@pytest.fixture(scope="module")
def graded(small):
    """Everybody hands in, everything is graded; points by student and cell, and what needs a look."""
    for student, (edit, *_) in SUBMISSIONS.items():
        notebook = small.released()
        small.hand_in(
            student, edit(notebook) or notebook, "my homework.ipynb" if student == "renamed" else None
        )
    with (small.course.root / "nbgrader_config.py").open("a") as settings:
        settings.write("\nc.Execute.timeout = 15\n")
        settings.write("c.LimitedKernelManager.cpu_seconds = 30\nc.LimitedKernelManager.memory_gb = 2\n")
    small.collect()
    small.grade(jobs=4)
    looks = {student: grade.looks(small.course, small.name, student) for student in SUBMISSIONS}
    return small, small.marks(), looks


@pytest.mark.parametrize("student", SUBMISSIONS)
def test_gives_the_points_that_were_earned(graded, student):
    _, marks, looks = graded
    _, points, look = SUBMISSIONS[student]
    if student in ("writes_outside", "reads_another") and not shutil.which("bwrap"):
        pytest.skip("nothing keeps students' code in its folder without bubblewrap")
    if points is not None:
        assert (marks[student]["energy-test"], marks[student]["size-term-test"]) == points
    assert (look or "") in "; ".join(looks[student])
    assert bool(look) == bool(looks[student]), looks[student]


def test_loses_no_submission(graded):
    small, *_ = graded
    for student in SUBMISSIONS:
        (given,) = (small.returned / student).iterdir()
        (kept,) = (small.course.root / "submitted" / student).glob("*/*.ipynb")
        assert kept.read_bytes() == given.read_bytes()


def test_only_answers_that_were_written_wait_for_a_grader(graded):
    small, *_ = graded
    with grade.gradebook(small.course) as gradebook:
        waiting = {
            found.student.id
            for found in gradebook.assignment_submissions(small.name)
            if found.needs_manual_grade
        }
    assert waiting == {"perfect"} | {student for student, (_, points, _) in SUBMISSIONS.items() if not points}


def test_grades_only_what_is_new(graded, capsys):
    small, *_ = graded
    for student in ("perfect", "empty"):
        small.hand_in(student, small.released())
    small.collect()
    for student, (_, points, _) in SUBMISSIONS.items():
        if not points:
            shutil.rmtree(small.course.root / "submitted" / student)
    before = len(small.course.students(small.name))
    small.grade()
    assert f"{before} notebooks, {before - 1} of them graded before" in capsys.readouterr().out
    assert small.marks()["perfect"]["energy-test"] == 0


def test_the_release_holds_no_answer(small):
    words = nbformat.writes(small.released())
    for secret in ("square()", "log()", "points: says", "The trap"):
        assert secret not in words
    assert "YOUR CODE HERE" in words
    assert "Half the squared length" in words


@pytest.mark.parametrize(
    ("place", "student"),
    [
        ("class/ada/1_autoencoder.ipynb", "ada"),
        ("class/ada/final version (2).ipynb", "ada"),
        ("class/Ada Lovelace_1234567_assignsubmission_file_/1_autoencoder.ipynb", "Ada_Lovelace_1234567"),
        ("class/Ada Lovelace_1234567_assignsubmission_file_1_autoencoder.ipynb", "Ada_Lovelace_1234567"),
        ("class/lovelaceada_12345_678910_1_autoencoder-1.ipynb", "lovelaceada_12345"),
        ("class/lovelaceada_LATE_12345_678910_1_autoencoder.ipynb", "lovelaceada_12345"),
        ("class/Homework 1_alovelace_attempt_2026-11-23-10-15-00_1_autoencoder.ipynb", "alovelace"),
        ("class/ada.ipynb", "ada"),
        ("class/ada_1_autoencoder.ipynb", "ada"),
        ("class/1_autoencoder_ada@uni.edu.ipynb", "ada@uni.edu"),
    ],
)
def test_knows_whose_it_is(place, student):
    assert collect.whose(collect.Path(place), "1_autoencoder")["student_id"] == student


def test_takes_the_time_from_the_name():
    name = "class/Homework 1_alovelace_attempt_2026-11-23-10-15-00_1_autoencoder.ipynb"
    assert collect.whose(collect.Path(name), "1_autoencoder")["timestamp"] == "2026-11-23 10:15:00 UTC"


def test_says_what_cannot_be_collected(small, tmp_path):
    with pytest.raises(FileNotFoundError, match="nothing at"):
        collect.collect(small.course, 0, [tmp_path / "nowhere"])
    (tmp_path / "broken.zip").write_text("no zip")
    with pytest.raises(ValueError, match="damaged"):
        collect.collect(small.course, 0, [tmp_path / "broken.zip"])
