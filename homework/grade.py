"""Run returned notebooks, several at once, and say which of them need a look."""

import contextlib
import multiprocessing
import os
import shutil
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor, as_completed

import psutil
from filelock import FileLock, Timeout
from nbgrader.api import MissingEntry
from nbgrader.converters import Autograde
from tqdm import tqdm

from homework import results, standing
from homework.course import CHAPTERS, Course, chapter_of, count, moment
from homework.results import Result

LIMIT = 900  # seconds for one notebook, whatever its cells do
DIGITS = 2000  # of each split: enough to see a notebook run, in seconds
PROCESSES = multiprocessing.get_context("forkserver")


def grade(course: Course, chapter: int, jobs: int, again: bool = False) -> None:
    """Grade what has been handed in and not been graded yet, then list what needs a look.

    Each notebook is run by a process of its own, in which no student's code runs; the marks go into the
    gradebook one by one. It can be interrupted; the next call goes on.

    Raises:
        FileNotFoundError: the chapter is not released, or nobody has handed in.
        ValueError: a time of handing in, written by hand, is no time.
        RuntimeError: another grading is at work in this course, or this one was interrupted.
    """
    name, students = CHAPTERS[chapter], course.handed_in(chapter)
    for written in course.root.glob(f"submitted/*/{name}/timestamp.txt"):
        try:  # nbgrader would call it an AttributeError, and give no points
            moment(written.read_text().strip())
        except ValueError as error:
            raise ValueError(f"{written}: {error}") from error
    waiting = [student for student in students if again or not standing.is_graded(course, name, student)]
    print(f"{count(len(students), 'notebook')}, {len(waiting)} of them to be graded now.")
    if waiting:
        with _alone(course):
            _grade_all(course, name, waiting, jobs)
    _report(course, name, students)


@contextlib.contextmanager
def _alone(course):
    try:
        with FileLock(course.root / "grading.lock", timeout=0):
            yield
    except Timeout as error:
        raise RuntimeError(
            f"another grading works in {course.root}. Wait for its end, or stop it."
        ) from error


def _grade_all(course, name, waiting, jobs):
    settings = course.settings()
    if not settings.LimitedKernelManager.sandbox:
        print("Students' code runs without a sandbox, and can do what you can: see homework/README.md.")
    for student in waiting:
        if standing.is_graded(course, name, student):
            results.keep_by_hand(course.root, name, student, _by_hand(course, name, student))
        _forget(course, name, student)
    PROCESSES.set_forkserver_preload(["homework.mark", "homework.settings"])
    running = set()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            work = {pool.submit(_run, course, name, one, settings, running): one for one in waiting}
            for done in tqdm(as_completed(work), total=len(work), unit="notebook"):
                done.result()
                _enter(course, name, work[done])
        except KeyboardInterrupt as interruption:
            pool.shutdown(wait=False, cancel_futures=True)
            while running:
                _kill(running.pop())
            raise RuntimeError("interrupted. The same command goes on with what is left.") from interruption


def _run(course, name, student, settings, running):
    """Run a notebook in a process of its own, for as long as it may take."""
    of = results.digest(course.root, name, student)
    process = PROCESSES.Process(target=_in_a_process, args=(course, name, student, of, settings))
    process.start()
    running.add(process)
    process.join(LIMIT)
    failed = ""
    if process.is_alive():
        _kill(process)
        failed = f"it took more than {LIMIT} seconds"
    elif process.exitcode and process in running:  # else an interruption ended it
        failed = f"grading it was ended from outside, perhaps for lack of memory (code {process.exitcode})"
    running.discard(process)
    if failed:
        results.keep(course.root, name, student, Result([], failed=failed), of)


def _in_a_process(course, name, student, of, settings):
    import torch

    from helpers import data

    os.setsid()  # Ctrl-C is for the command alone: it stops us
    os.environ["DIGITS_AT_MOST"] = str(DIGITS)  # in the kernel, and
    data.LIMIT = DIGITS  # here, where questions name digits of the kernel's
    torch.set_num_threads(1)  # jobs share the cores
    sys.stdout = open(os.devnull, "w")  # noqa: SIM115  # helpers speak to readers of a notebook
    try:
        results.run(course.root, name, student, settings)
    except BaseException as error:
        log = course.root / "marked" / name / f"{student}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text(traceback.format_exc(), encoding="utf-8")
        failed = f"grading it stopped with {type(error).__name__} ({log})"
        results.keep(course.root, name, student, Result([], failed=failed), of)


def _kill(process):
    """Kill a grading and its kernel, which lives in a session of its own."""
    try:
        family = psutil.Process(process.pid)
        family = [*family.children(recursive=True), family]
    except psutil.NoSuchProcess:
        return
    for member in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()


def _by_hand(course, name, student):
    """The answers of a notebook that somebody has graded."""
    with course.gradebook() as book:
        grades = book.find_submission_notebook(name, name, student).grades
        return [one.name for one in grades if one.manual_score is not None and not one.needs_manual_grade]


def _enter(course, name, student):
    """Enter the marks of a notebook that was run into the gradebook.

    What was graded by hand in just this notebook stays so; nbgrader would have it graded again.
    """
    of = results.digest(course.root, name, student)
    result = results.read(course.root, name, student)
    if result and not result.failed:
        try:
            course.nbgrader(Autograde, name, student)
            with course.gradebook() as book:
                for answer in results.by_hand(course.root, name, student):
                    book.find_grade(answer, name, name, student).needs_manual_grade = False
                book.db.commit()
        except RuntimeError as error:
            results.keep(course.root, name, student, result._replace(failed=str(error)), of)


def _forget(course, name, student):
    """Take back what an earlier grading left: points of the tasks, and the pages."""
    for step in ("autograded", "feedback"):
        shutil.rmtree(course.root / step / student / name, ignore_errors=True)
    with course.gradebook() as book, contextlib.suppress(MissingEntry):
        for grade in book.find_submission_notebook(name, name, student).grades:
            grade.auto_score = 0
        book.db.commit()


def _report(course, name, students):
    """Print how many are graded, what was unusual about which, and what is next."""
    graded = sum(standing.is_graded(course, name, student) for student in students)
    print(f"{graded} of {count(len(students), 'notebook')} graded.")
    for student in students:
        for words in standing.looks(course, name, student):
            print(f"needs a look: {student}: {words}")
    standing.say(course, [name], last=course.command(f"feedback {chapter_of(name)}"))
