"""Whatever students hand in, nbgrader gives them the points they earned, and nobody else loses any."""

import copy
import shutil
import signal
import threading

import nbformat
import psutil
import pytest
from classroom import ENERGY, PRICE, cell
from filelock import FileLock

from homework import grade, late, release
from homework.kernel import has_bubblewrap

BOTH, FIRST, SECOND, NONE = (6, 6), (6, 0), (0, 6), (0, 0)
SUBMISSIONS = {}  # student: (what becomes of the released notebook, points, what the instructor is told)


def submission(points, look=None, sandboxed=False):
    """Take a function that edits a released notebook for a submission; its name is the student.

    What needs a sandbox to be harmless is left out where there is none.
    """

    def register(edit):
        if has_bubblewrap() or not sandboxed:
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


@submission(SECOND, "MemoryError", sandboxed=True)
def eats_memory(notebook):
    solve(notebook, "hoard = [bytearray(2**28) for _ in range(1000)]\n" + ENERGY)


@submission(NONE)
def raises_at_import(notebook):
    solve(notebook)
    cell(notebook, "imports").source = "import a_module_that_nobody_has"


@submission(None, "not graded")
def kills_its_kernel(notebook):
    solve(notebook, "import os\nos._exit(0)")


@submission(BOTH, "each test stands behind its task")
def deleted_test(notebook):
    solve(notebook)
    notebook.cells.remove(cell(notebook, "energy-test"))


@submission(SECOND, "energy was missing")
def deleted_solution(notebook):
    solve(notebook)
    notebook.cells.remove(cell(notebook, "energy"))


@submission(BOTH, "answer-1 was missing")
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


@submission(BOTH, "each test stands behind its task")
def reordered(notebook):
    solve(notebook)
    hand_in, imports, *others = notebook.cells
    notebook.cells = [hand_in, imports, *reversed(others)]


@submission(BOTH, "question-1 is there 2 times")
def copied_question(notebook):
    solve(notebook)
    notebook.cells.append(copied(notebook, "question-1"))


@submission(BOTH)
def helper_between_answer_and_test(notebook):
    solve(notebook, ENERGY.replace("0.5", "half()"))
    place = notebook.cells.index(cell(notebook, "energy-test"))
    notebook.cells.insert(place, code("def half():\n    return 0.5"))


@submission(BOTH)
def warns(notebook):
    solve(notebook, ENERGY.replace("return", "import sys; print('hm', file=sys.stderr)\n    return"))


@submission(BOTH)
def draws(notebook):
    solve(notebook)
    notebook.cells.append(code("from helpers import plots\nplots.Picture(3, 2, 'a <b> \"picture\"')"))
    notebook.cells.append(code("from IPython.display import HTML\nHTML('<script>alert()</script>')"))


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


@submission(BOTH, sandboxed=True)
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


@submission(SECOND, sandboxed=True)
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


def test_only_answers_that_were_written_wait_for_a_grader(graded, capsys):
    small, *_ = graded
    unreadable = sorted(student for student, (_, points, _) in SUBMISSIONS.items() if not points)
    grade.say_what_is_open(small.course, small.name)
    told = capsys.readouterr().out
    assert f"not graded: {', '.join(unreadable)}." in told
    assert "1 student has answers to grade by hand" in told
    with small.course.gradebook() as gradebook:
        waiting = {
            found.student.id
            for found in gradebook.assignment_submissions(small.name)
            if found.needs_manual_grade
        }
    assert waiting == {"perfect", *unreadable}


def test_grades_only_what_is_new_and_goes_on_after_an_interruption(graded, capsys):
    small, *_ = graded
    for student in ("perfect", "empty"):
        small.hand_in(student, small.released())
    small.collect()
    for student, (_, points, _) in SUBMISSIONS.items():
        if not points:
            shutil.rmtree(small.course.root / "submitted" / student)
            shutil.rmtree(small.returned / student)
    before = len(small.course.students(small.name))
    main = threading.main_thread().ident
    threading.Timer(3, signal.pthread_kill, (main, signal.SIGINT)).start()
    with pytest.raises(RuntimeError, match="interrupted"):
        small.grade()
    assert not psutil.Process().children(recursive=True)
    assert small.marks()["second_alone"] == {"energy-test": 0, "answer-1": 0, "size-term-test": 6}
    capsys.readouterr()
    small.grade()
    assert f"{before} notebooks, {before - 1} of them graded before" in capsys.readouterr().out
    assert small.marks()["perfect"]["energy-test"] == 0


def test_wrong_times_and_new_settings_cost_nobody_points(graded, capsys):
    small, *_ = graded
    before = small.marks()
    time = small.course.root / "submitted" / "split" / small.name / "timestamp.txt"
    time.write_text("yesterday")
    with pytest.raises(ValueError, match="'yesterday' is no time"):
        small.grade()
    time.unlink()
    with (small.course.root / "nbgrader_config.py").open("a") as settings:
        settings.write("c.LatePenalty.percent_per_day = 10\n")
    capsys.readouterr()
    small.grade()
    graded_before = len(small.course.students(small.name))
    assert f"{graded_before} notebooks, {graded_before} of them graded before" in capsys.readouterr().out
    assert small.marks() == before


def test_two_gradings_never_meet(graded):
    small, *_ = graded
    with FileLock(small.course.root / "grading.lock"), pytest.raises(RuntimeError, match="another grading"):
        small.grade(again=True)


def test_pages_show_pictures_and_no_scripts(graded):
    small, *_ = graded
    (path,) = small.course.root.glob("autograded/draws/*/*.ipynb")
    outputs = [output for found in nbformat.read(path, 4).cells for output in found.get("outputs", [])]
    (page,) = [output.data["text/html"] for output in outputs if "text/html" in output.get("data", {})]
    assert page.startswith("<img src=")
    assert not [output for output in outputs if output.output_type == "stream" and "cache" in output.text]


def test_a_failed_grading_takes_old_points_back(graded):
    small, *_ = graded
    small.hand_in("second_alone", b"{")
    small.collect()
    small.grade()
    assert small.marks()["second_alone"] == {"energy-test": 0, "answer-1": 0, "size-term-test": 0}
    assert "not graded" in grade.looks(small.course, small.name, "second_alone")[0]


def test_late_points_are_taken_off_what_was_given_by_hand_too(graded):
    small, *_ = graded
    with small.course.gradebook() as gradebook:
        gradebook.update_or_create_assignment(small.name, duedate="2027-01-31 18:00 UTC")
        gradebook.update_or_create_submission(small.name, "split", timestamp="2027-02-02 09:00 UTC")
        gradebook.find_grade("answer-1", small.name, small.name, "split").manual_score = 3
        gradebook.db.commit()
    late.charge(small.course)
    with small.course.gradebook() as gradebook:
        notebook = gradebook.find_submission_notebook(small.name, small.name, "split")
        assert notebook.late_submission_penalty == pytest.approx(0.2 * 15)


def test_a_changed_chapter_is_not_released_over_submissions(graded, monkeypatch, tmp_path):
    small, *_ = graded
    (tmp_path / "0_small.ipynb").write_text("changed")
    monkeypatch.setattr(release, "NOTEBOOKS", tmp_path)
    with pytest.raises(RuntimeError, match="have handed in"):
        release.release(small.course, 0)
    assert small.released()
