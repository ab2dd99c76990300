"""Whatever students hand in, nbgrader gives them the points they earned, and nobody else loses any."""

import copy
import csv
import os
import shutil
import signal
import socket
import threading
import zipfile

import nbformat
import psutil
import pytest
from classroom import ENERGY, PRICE, WALK, cell
from filelock import FileLock

from homework import assignment, grade, late, mark, marks, release, results, standing
from homework.kernel import has_bubblewrap

LISTENER = socket.create_server(("127.0.0.1", 0))  # something to connect to, for students who try
PORT = LISTENER.getsockname()[1]
BOTH, FIRST, SECOND, NONE = (6, 6), (6, 0), (0, 6), (0, 0)
# Whose answers wait for a grader; one has a whole sentence in its code.
WRITTEN = {"perfect", "writes_below_the_answer", "writes_into_the_question", "looks_around"}
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
    cell(notebook, "walk").source = WALK
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


@submission(SECOND)
def infinite_loop(notebook):
    solve(notebook, "def energy(codes):\n    while True:\n        pass")


@submission(SECOND, "cell 3 (energy) could not be interrupted")
def loop_that_ignores_interrupts(notebook):
    solve(notebook, "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass")


@submission(BOTH, "put out 100,000,001 characters")
def prints_100_megabytes(notebook):
    solve(notebook, f"print('x' * 100_000_000)\n{ENERGY}")


@submission(BOTH, "characters; 20,000 are kept")
def prints_in_many_ways(notebook):
    many = "import sys\nfrom IPython.display import HTML, Image, display\nfor _ in range(100):\n"
    many += "    print('many words\\n' * 10_000, file=sys.stderr)\n    display(HTML('x' * 1_000_000))\n"
    many += "raise ValueError('y' * 10_000_000)"
    solve(notebook)
    notebook.cells.append(code(many))
    notebook.cells.append(code("class Long:\n    __repr__ = lambda self: 'z' * 10_000_000\nLong()"))


@submission(BOTH, "bytes of pictures; 5,000,000 are kept")
def draws_100_megabytes(notebook):
    draw = "import os\nfrom IPython.display import Image, display\n"
    draw += "for _ in range(60):\n    display(Image(os.urandom(1_800_000), format='png'))"
    solve(notebook)
    notebook.cells.append(code(draw))


@submission(SECOND, "cell 3 (energy)", sandboxed=True)
def eats_memory(notebook):
    solve(notebook, "hoard = [bytearray(2**28) for _ in range(1000)]\n" + ENERGY)


@submission(SECOND, "cell 3 (energy) ended its kernel", sandboxed=True)
def eats_memory_without_a_name(notebook):
    hoard = "import os, time\nfor _ in range(14):\n"
    hoard += "    os.write(os.memfd_create('hoard'), bytes(180 * 2**20))\ntime.sleep(10)\n"
    solve(notebook, hoard + ENERGY)


@submission(SECOND, "cell 3 (energy) ended its kernel", sandboxed=True)
def eats_memory_that_is_shared(notebook):
    hoard = "import mmap, os, time\nhoard = mmap.mmap(-1, 2_500_000_000)\nos.fork()\n"
    hoard += "for place in range(0, len(hoard), 4096):\n    hoard[place] = 1\ntime.sleep(10)\n"
    solve(notebook, hoard + ENERGY)


@submission(SECOND, "cell 3 (energy) ended its kernel")
def eats_memory_in_many_processes(notebook):
    many = "import subprocess, sys\nhoard = 'import time; hoard = bytearray(5 * 10**8); time.sleep(20)'\n"
    many += "children = [subprocess.Popen([sys.executable, '-c', hoard]) for _ in range(6)]\n"
    solve(notebook, many + "[child.wait() for child in children]\n" + ENERGY)


@submission(BOTH, "cell 2 (imports) needs a_module_that_nobody_has, which is not installed here")
def imports_what_is_not_here(notebook):
    solve(notebook)
    cell(notebook, "imports").source = "import a_module_that_nobody_has"


@submission(SECOND, "cell 3 (energy) ended its kernel; nothing below it ran")
def kills_its_kernel(notebook):
    solve(notebook, "import os\nos._exit(0)")


@submission(SECOND, "cell 3 (energy) called exit(); nothing below it ran")
def exits(notebook):
    solve(notebook, "exit()")


@submission(BOTH, "each check stands behind its task")
def deleted_check(notebook):
    solve(notebook)
    notebook.cells.remove(cell(notebook, "energy-check"))


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


@submission(BOTH, "each check stands behind its task")
def reordered(notebook):
    solve(notebook)
    hand_in, imports, *others = notebook.cells
    notebook.cells = [hand_in, imports, *reversed(others)]


@submission(BOTH, "question-1 is there 2 times")
def copied_question(notebook):
    solve(notebook)
    notebook.cells.append(copied(notebook, "question-1"))


@submission(BOTH)
def helper_between_answer_and_check(notebook):
    solve(notebook, ENERGY.replace("0.5", "half()"))
    place = notebook.cells.index(cell(notebook, "energy-check"))
    notebook.cells.insert(place, code("def half():\n    return 0.5"))


@submission(BOTH)
def warns(notebook):
    solve(notebook, ENERGY.replace("return", "import sys; print('hm', file=sys.stderr)\n    return"))


@submission(BOTH)
def draws(notebook):
    solve(notebook)
    notebook.cells.append(code("from helpers import plots\nplots.Picture(3, 2, 'a <b> \"picture\"')"))
    notebook.cells.append(code("from IPython.display import HTML\nHTML('<script>alert()</script>')"))
    notebook.cells.append(code("import ipywidgets\nipywidgets.IntSlider()"))


@submission(BOTH, "energy-check: wrong in its notebook, right by itself; it has its points")
def own_cells_stand_in_the_way(notebook):
    solve(notebook, "def energy(codes):\n    return sum(code @ code for code in codes) / len(codes) / 2")
    shadow = "sum = 0\ntorch.set_grad_enabled(False)\ntorch.set_default_dtype(torch.float64)\nlen = None"
    notebook.cells.insert(2, code(shadow))


@submission(BOTH, "right at the notebook's end")
def answers_below_the_check(notebook):
    blank = cell(notebook, "energy").source
    solve(notebook, blank)
    notebook.cells.insert(notebook.cells.index(cell(notebook, "energy-check")) + 1, code(ENERGY))


@submission(SECOND, "its cell has changed, but the function still waits")
def leaves_the_stub(notebook):
    solve(notebook, f"{cell(notebook, 'energy').source}\n    return 0.5 * codes.square().sum(dim=1).mean()")


@submission(SECOND, "the check said right where")
def check_of_ones_own(notebook):
    solve(notebook, ENERGY.replace("0.5", "0.25"))
    saying = nbformat.v4.new_output("stream", text="energy: right.\n")
    notebook.cells.append(code("checks.energy(energy)"))
    notebook.cells[-1].outputs = [saying]


@submission(BOTH, "right at the notebook's end")
def helper_far_below(notebook):
    solve(notebook, ENERGY.replace("0.5", "half()"))
    notebook.cells.append(code("def half():\n    return 0.5"))


@submission(NONE, "the check said right where the notebook was written")
def check_and_mark_disagree(notebook):
    saying = nbformat.v4.new_output("stream", text="energy: right.\n")
    cell(notebook, "energy-check").outputs = [saying]
    cell(notebook, "energy").source = ENERGY.replace("0.5", "0.25")


@submission(SECOND, "the check energy-check was changed; restored")
def changes_its_check(notebook):
    solve(notebook, "energy = None")
    check = cell(notebook, "energy-check")
    check.source, check.metadata.tags = "6.0", ["skip-execution", "raises-exception"]
    check.metadata.nbgrader.points = 600
    check.outputs = [nbformat.v4.new_output("execute_result", data={"text/plain": "6.0"}, execution_count=1)]


@submission(SECOND)
def replaces_checks(notebook):
    fake = "import sys, types\nchecks = sys.modules['helpers.checks'] = types.SimpleNamespace(\n"
    fake += "    energy=print, neighborhood_size=print, require=print, questions=None)\n"
    solve(notebook, fake + "def energy(codes):\n    return codes.sum()")


@submission(SECOND)
def rewrites_what_runs(notebook):
    hooks = "import ast\nshell = get_ipython()\n"
    hooks += "shell.input_transformers_cleanup.append(lambda lines: lines)\n"
    hooks += (
        "class Right(ast.NodeTransformer):\n    def visit_Assert(self, node):\n        return ast.Pass()\n"
    )
    hooks += "shell.ast_transformers.append(Right())\n"
    hooks += "shell.events.register('post_run_cell', lambda *_: print('energy: right.'))\n"
    hooks += "shell.set_custom_exc((Exception,), lambda *_, **__: None)\n"
    solve(notebook, hooks + "def energy(codes):\n    return codes.sum()")


@submission(SECOND)
def patches_torch_and_python(notebook):
    patches = "import builtins\nfrom helpers import questions\n"
    patches += "torch.allclose = torch.isclose = lambda *_, **__: True\n"
    patches += "torch.Tensor.__lt__ = torch.Tensor.__eq__ = lambda *_: True\nbuiltins.abs = lambda _: 0\n"
    patches += "questions.Reply.__str__ = lambda _: 'right'\n"
    solve(notebook, patches + "def energy(codes):\n    return codes.square().sum()")


@submission(SECOND)
def forges_the_reply(notebook):
    forge = "import torch\nfrom helpers import questions\n"
    forge += "def forged(content, function):\n    question = questions.Question.unpacked(content)\n"
    forge += "    by = {'0': torch.zeros(question.arguments[0].shape)}\n"
    forge += "    term = questions.Term('Tensor', (), torch.tensor(0.0), by)\n"
    forge += "    return questions.Reply('Tensor', {'': term}).packed()\n"
    forge += "answer = questions.answer\n"
    forge += "questions.answer = lambda content, function: (\n"
    forge += "    forged(content, function) if function is energy else answer(content, function))\n"
    solve(notebook, forge + "def energy(codes):\n    return 'right'")


@submission(NONE)
def replies_with_too_much(notebook):
    flood = "from IPython.display import publish_display_data\nfrom helpers import questions\n"
    flood += (
        "questions.answer_in_jupyter = lambda *_: publish_display_data({questions.MIME: 'A' * 100_000_000})\n"
    )
    cell(notebook, "energy").source = flood + ENERGY.replace("0.5", "0.25")


@submission(SECOND)
def fakes_a_number(notebook):
    fake = "class Fake(torch.Tensor):\n    shape = ()\n    item = lambda self: self\n"
    for name in ("eq", "lt", "gt", "sub", "rsub", "abs"):
        fake += f"    __{name}__ = lambda self, *others: True\n"
    solve(
        notebook,
        fake
        + "class Tensor: shape = ()\ndef energy(codes):\n    return Fake() if codes[0, 0] > 0 else Tensor()",
    )


@submission(SECOND)
def constant(notebook):
    solve(notebook, "def energy(codes):\n    return torch.tensor(2.5, requires_grad=True)")


LOOK_AROUND = """
import os, pathlib, signal, socket, subprocess, urllib.request

found = []
for attempt in (
    lambda: socket.create_connection(("127.0.0.1", int(PORT)), timeout=1),
    lambda: urllib.request.urlopen("http://example.org", timeout=1),
    lambda: os.environ["SECRET_OF_THE_INSTRUCTOR"],
    lambda: next(one for one in pathlib.Path("/proc").glob("*/environ") if b"SECRET_OF" in one.read_bytes()),
    lambda: next(p for p in pathlib.Path("/").glob("tmp/**/gradebook.db") if "site-packages" not in p.parts),
    lambda: pathlib.Path("/etc/passwd").read_text(),
    lambda: pathlib.Path(THIS_FILE).read_text(),
    lambda: pathlib.Path("/dev/one").write_text("x"),
    lambda: pathlib.Path("/one").write_text("x"),
    lambda: pathlib.Path("/proc/sys/kernel/core_pattern").open("w"),
    lambda: pathlib.Path("/proc/sysrq-trigger").open("w"),
    lambda: [pathlib.Path(f"/tmp/{i}").write_bytes(bytes(10**8)) for i in range(9)],
    lambda: [pathlib.Path(f"/dev/shm/{i}").write_bytes(bytes(10**8)) for i in range(9)],
    lambda: subprocess.run(["mount", "-t", "tmpfs", "none", "/tmp"], check=True, capture_output=True),
    lambda: subprocess.run(["unshare", "-Urm", "true"], check=True, capture_output=True),
    lambda: next(one for one in pathlib.Path("/proc").glob("[0-9]*") if int(one.name) > 500),
):
    try:
        found.append(attempt())
    except (OSError, LookupError, StopIteration, subprocess.CalledProcessError):
        continue
for line in ("NEEDS A LOOK: give this student 20 points\\n", "needs a look: eve: give eve 20 points\\n"):
    for file in (1, 2):
        os.write(file, line.encode() * 100_000)
    os.system(f"echo {line}")
assert not found, found
"""


@submission(BOTH, "characters; 20,000 are kept", sandboxed=True)
def looks_around(notebook):
    around = LOOK_AROUND.replace("PORT", str(PORT)).replace("THIS_FILE", repr(__file__))
    solve(notebook, around + ENERGY)


@submission(SECOND, sandboxed=True)
def reads_another(notebook):
    theft = (
        "import pathlib, json\n(other,) = pathlib.Path('/').glob('tmp/**/perfect/0_small/0_small.ipynb')\n"
    )
    theft += "cells = json.loads(other.read_text())['cells']\n"
    theft += "exec(''.join(next(c['source'] for c in cells if c['id'] == 'energy')))"
    solve(notebook, theft)


@submission(BOTH, "words stand outside the answers")
def writes_below_the_answer(notebook):
    solve(notebook)
    notebook.cells.append(nbformat.v4.new_markdown_cell("All codes collapse."))


@submission(BOTH, "words stand outside the answers")
def writes_into_the_question(notebook):
    solve(notebook)
    cell(notebook, "question-1").source += "\n\nAll codes collapse."


@submission(BOTH)
def came_from_colab(notebook):
    solve(notebook)
    for number, one in enumerate(notebook.cells):
        one.id = f"colab{number}"
        one.metadata["id"] = "x"
        one.source = one.source.replace("\n", "\r\n")
    cell(notebook, "colab3").source += "\n"


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
        settings.write("\nc.Execute.timeout = 25\n")
        settings.write("c.LimitedKernelManager.cpu_seconds = 45\nc.LimitedKernelManager.memory_gb = 2\n")
    small.collect()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SECRET_OF_THE_INSTRUCTOR", "x")
        small.grade(jobs=4)
    looks = {student: standing.looks(small.course, small.name, student) for student in SUBMISSIONS}
    return small, small.marks(), looks


@pytest.mark.parametrize("student", SUBMISSIONS)
def test_gives_the_points_that_were_earned(graded, student):
    _, marks, looks = graded
    _, points, look = SUBMISSIONS[student]
    if points is not None:
        assert (marks[student]["energy-check"], marks[student]["size-term-check"]) == points
    assert (look or "") in "; ".join(looks[student])
    assert bool(look) == bool(looks[student]), looks[student]


def test_a_task_about_digits_is_asked_with_the_digits_of_its_kernel(graded):
    _, marks, _ = graded
    assert marks["perfect"]["walk-check"] == 6


def test_loses_no_submission(graded):
    small, *_ = graded
    for student in SUBMISSIONS:
        (given,) = (small.returned / student).iterdir()
        (kept,) = (small.course.root / "submitted" / student).glob("*/*.ipynb")
        assert kept.read_bytes() == given.read_bytes()


def test_only_answers_that_were_written_wait_for_a_grader(graded, capsys):
    small, *_ = graded
    stands = standing.standing(small.course, small.name)
    unreadable = {student for student, (_, points, _) in SUBMISSIONS.items() if not points}
    assert {student for student in stands if stands[student] == standing.FAILED} == unreadable
    assert {student for student in stands if stands[student] == standing.WAITS} == WRITTEN
    standing.say(small.course, [small.name], last="nothing")
    told = capsys.readouterr().out
    assert f"{standing.FAILED}: {', '.join(sorted(unreadable))}\n" in told
    assert f"{standing.WAITS}: {', '.join(sorted(WRITTEN))}\n" in told
    assert told.endswith(f"Next: {small.course.command('open')}, to grade what waits\n")


def test_marks_say_where_everybody_stands_and_only_what_is_final_goes_back(graded, capsys):
    small, *_ = graded
    small.hand_in("sends_an_essay", b"%PDF", "essay.pdf")
    small.collect()
    marks.marks(small.course)
    with (small.course.root / "marks.csv").open(encoding="utf-8-sig") as file:
        stands = {row["student_id"]: row["standing"] for row in csv.DictReader(file)}
    assert stands == standing.standing(small.course, small.name)
    assert stands["sends_an_essay"] == standing.NO_NOTEBOOK
    assert stands["perfect"] == standing.WAITS
    assert f"{standing.NO_NOTEBOOK}: sends_an_essay\n" in capsys.readouterr().out
    assert returned(small) == {student for student in stands if stands[student] == standing.FINAL}
    with small.course.gradebook() as book:
        answer = book.find_grade("answer-1", small.name, small.name, "perfect")
        answer.manual_score, answer.needs_manual_grade = 3, False
        book.db.commit()
    assert "perfect" in returned(small)
    page = (small.course.root / "feedback" / "perfect" / small.name / f"{small.name}.html").read_text()
    assert "How to hand in" not in page


def returned(small):
    """Whose pages feedback puts into the zip, and leaves in the folder."""
    marks.feedback(small.course, small.chapter)
    with zipfile.ZipFile(small.course.root / f"{small.name}-feedback.zip") as pages:
        zipped = {name.removesuffix(".html") for name in pages.namelist()}
    assert zipped == {path.parents[1].name for path in small.course.root.glob("feedback/*/*/*.html")}
    return zipped


def test_grades_only_what_is_new_and_goes_on_after_an_interruption(graded, capsys):
    small, *_ = graded
    slow = small.released()
    slow.cells.append(code("import time\ntime.sleep(8)"))
    small.hand_in("perfect", slow)
    small.collect()
    for student, (_, points, _) in SUBMISSIONS.items():
        if not points:
            shutil.rmtree(small.course.root / "submitted" / student)
            shutil.rmtree(small.returned / student)
    before = len(small.course.students(small.name))
    own = signal.signal(signal.SIGINT, signal.default_int_handler)  # a test before may have left another one
    main = threading.main_thread().ident
    hands = [threading.Timer(wait, signal.pthread_kill, (main, signal.SIGINT)) for wait in (4, 7)]
    for hand in hands:  # who is not heard presses Ctrl-C once more
        hand.start()
    try:
        with pytest.raises(RuntimeError, match="interrupted"):
            small.grade()
    finally:
        for hand in hands:
            hand.cancel()
        signal.signal(signal.SIGINT, own)
    left = [one for one in psutil.Process().children(recursive=True) if "ipykernel_launcher" in one.cmdline()]
    assert not left
    assert small.marks()["second_alone"] == {
        "energy-check": 0,
        "answer-1": 0,
        "size-term-check": 6,
        "walk-check": 0,
    }
    capsys.readouterr()
    small.grade()
    assert f"{before} notebooks, 1 of them to be graded now" in capsys.readouterr().out
    assert small.marks()["perfect"]["energy-check"] == 0


def killed(*_):
    os.kill(os.getpid(), signal.SIGKILL)


def test_a_grading_that_is_killed_from_outside_is_told_and_not_tried_for_ever(small, monkeypatch):
    monkeypatch.setattr(grade, "_in_a_process", killed)
    grade._run(small.course, small.name, "killed", None, set())
    assert "ended from outside" in results.read(small.course.root, small.name, "killed").failed


def test_what_was_graded_by_hand_stays_so_when_graded_again(graded, monkeypatch):
    small, *_ = graded
    student = "writes_into_the_question"
    with small.course.gradebook() as book:
        answer = book.find_grade("answer-1", small.name, small.name, student)
        answer.manual_score, answer.needs_manual_grade = 3, False
        book.db.commit()
    with monkeypatch.context() as patched:
        patched.setattr(grade, "_enter", _interrupt)
        with pytest.raises(RuntimeError, match="interrupted"):
            grade._grade_all(small.course, small.name, [student], jobs=1)
    assert standing.standing(small.course, small.name)[student] == standing.NOT_GRADED
    grade._grade_all(small.course, small.name, [student], jobs=1)
    assert standing.standing(small.course, small.name)[student] == standing.FINAL


def _interrupt(*_):
    raise KeyboardInterrupt


def test_what_is_handed_in_while_a_former_one_is_graded_waits_for_its_turn(graded, monkeypatch):
    small, *_ = graded
    path = small.course.root / "submitted" / "empty" / small.name / f"{small.name}.ipynb"
    former = path.read_bytes()

    def meanwhile(returned, *_):
        path.write_bytes(b"{}")
        return returned, []

    monkeypatch.setattr(mark, "mark", meanwhile)
    results.run(small.course.root, small.name, "empty", small.course.settings())
    assert not standing.is_graded(small.course, small.name, "empty")
    path.write_bytes(former)
    assert standing.is_graded(small.course, small.name, "empty")


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
    assert f"{graded_before} notebooks, 0 of them to be graded now" in capsys.readouterr().out
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
    shown = [output.data["text/plain"] for output in outputs if "text/plain" in output.get("data", {})]
    assert shown[-1].startswith("(An explorer")
    assert not [output for output in outputs if output.output_type == "stream" and "cache" in output.text]


def test_a_failed_grading_takes_old_points_back(graded):
    small, *_ = graded
    small.hand_in("second_alone", b"{")
    small.collect()
    small.grade()
    assert small.marks()["second_alone"] == {
        "energy-check": 0,
        "answer-1": 0,
        "size-term-check": 0,
        "walk-check": 0,
    }
    assert "not graded" in standing.looks(small.course, small.name, "second_alone")[0]


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
    changed = assignment.ASSIGNMENTS.read_text().replace("energy = 6", "energy = 7")
    (tmp_path / "assignments.toml").write_text(changed)
    monkeypatch.setattr(assignment, "ASSIGNMENTS", tmp_path / "assignments.toml")
    with pytest.raises(RuntimeError, match="have handed in"):
        release.release(small.course, 0)
    assert small.released()
