"""Run returned notebooks, several at once, and say which of them need a look."""

import contextlib
import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import psutil
from filelock import FileLock, Timeout
from nbgrader.api import MissingEntry
from tqdm import tqdm

from homework.course import CHAPTERS, ENVIRONMENT, NBGRADER, Course, moment, reason
from homework.preprocessors import LOOK

LIMIT = 900  # seconds for one notebook, whatever its cells do
TRIES = 3  # where the gradebook was locked by another grading


def grade(course: Course, chapter: int, jobs: int, again: bool = False) -> None:
    """Grade what has been handed in and not been graded yet, then list what needs a look.

    Each notebook is run by an nbgrader of its own, so that no student's code can spoil the grading of
    another's. It can be interrupted; the next call goes on.

    Raises:
        FileNotFoundError: the chapter is not released, or nobody has handed in.
        ValueError: a time of handing in, written by hand, is no time.
        RuntimeError: another grading is at work in this course, or this one was interrupted.
    """
    name, students = CHAPTERS[chapter], course.handed_in(chapter)
    for time in course.root.glob(f"submitted/*/{name}/timestamp.txt"):
        moment(time.read_text().strip())  # nbgrader would call it an AttributeError, and give no points
    waiting = [student for student in students if again or not _is_graded(course, name, student)]
    print(f"{len(students)} notebooks, {len(students) - len(waiting)} of them graded before.")
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
    if not course.settings().LimitedKernelManager.sandbox:
        print("Students' code runs without a sandbox, and can do what you can: see homework/README.md.")
    running = set()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            work = [pool.submit(_grade_one, course, name, student, running) for student in waiting]
            for done in tqdm(as_completed(work), total=len(work), unit="notebook"):
                done.result()
        except KeyboardInterrupt as interruption:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                _kill(process)
            raise RuntimeError("interrupted. The same command goes on with what is left.") from interruption


def _grade_one(course, name, student, running):
    log = _log(course, name, student)
    log.parent.mkdir(parents=True, exist_ok=True)
    log.unlink(missing_ok=True)
    unfinished, failed = log.with_suffix(".unfinished"), log.with_suffix(".failed")
    failed.unlink(missing_ok=True)
    for _ in range(TRIES):
        status = _autograde(course, name, student, unfinished, running)
        if status == 0 or "database is locked" not in unfinished.read_text(errors="replace"):
            break
    if status:
        _forget(course, name, student)
    unfinished.replace(log if status == 0 else failed)


def _forget(course, name, student):
    """Take back what an earlier grading left: points of the tests, and the pages."""
    for step in ("autograded", "feedback"):
        shutil.rmtree(course.root / step / student / name, ignore_errors=True)
    with course.gradebook() as book, contextlib.suppress(MissingEntry):
        for grade in book.find_submission_notebook(name, name, student).grades:
            grade.auto_score = 0
        book.db.commit()


def _autograde(course, name, student, log, running):
    command = [*NBGRADER, "autograde", name, f"--student={student}", "--force"]
    with log.open("w") as words:
        words.write(_digest(course, name, student) + "\n")
        words.flush()
        process = psutil.Popen(
            command,
            cwd=course.root,
            stdin=subprocess.DEVNULL,
            stdout=words,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # Ctrl-C is for us alone: we stop them
            env=ENVIRONMENT | {"OMP_NUM_THREADS": "1"},  # jobs share the cores
        )
        running.add(process)
        try:
            return process.wait(timeout=LIMIT)
        except (subprocess.TimeoutExpired, psutil.TimeoutExpired):
            _kill(process)
            words.write(f"{LOOK} it took more than {LIMIT} seconds\n")
            return 1
        finally:
            running.discard(process)


def _kill(process):
    """Kill a grading and its kernel, which lives in a session of its own."""
    try:
        family = [*process.children(recursive=True), process]
    except psutil.NoSuchProcess:
        return
    for member in family:
        try:
            member.kill()
        except psutil.NoSuchProcess:
            continue


def _log(course, name, student) -> Path:
    return course.root / "logs" / name / f"{student}.log"


def _is_graded(course, name, student):
    """A finished grading leaves a log, whose first line tells of which submission and tests."""
    log = _log(course, name, student)
    return log.exists() and log.open().readline().strip() == _digest(course, name, student)


def _digest(course, name, student):
    places = (f"submitted/{student}/{name}/*", f"source/{name}/*")
    given = [path for place in places for path in sorted(course.root.glob(place)) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in given)).hexdigest()


def _report(course, name, students):
    """Print how many are graded, and what was unusual about which."""
    print(f"{sum(_is_graded(course, name, student) for student in students)} notebooks are graded.")
    for student in students:
        for words in looks(course, name, student):
            print(f"needs a look: {student}: {words}")
    say_what_is_open(course, name)


def say_what_is_open(course: Course, name: str) -> None:
    """Print what keeps the marks of an assignment from being final."""
    ungraded = [student for student in course.students(name) if not _is_graded(course, name, student)]
    with course.gradebook() as book:
        waiting = {
            found.student.id for found in book.assignment_submissions(name) if found.needs_manual_grade
        }
    if ungraded:
        print(f"{name}: not graded: {', '.join(ungraded)}.")
    if by_hand := len(waiting - set(ungraded)):
        who = "1 student has" if by_hand == 1 else f"{by_hand} students have"
        print(f"{name}: {who} answers to grade by hand: python -m homework open")


def looks(course: Course, name: str, student: str) -> list[str]:
    """Return in words what was unusual about a student's grading."""
    log = _log(course, name, student)
    failed = log.with_suffix(".failed")
    lines = (failed if failed.exists() else log).read_text(errors="replace").splitlines()
    found = [line.split(LOOK, 1)[1].strip() for line in lines if LOOK in line]
    if failed.exists():
        found.append(f"not graded: {reason(chr(10).join(lines))} ({failed})")
    return found
