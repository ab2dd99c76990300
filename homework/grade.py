"""Run returned notebooks, several at once, and say which of them need a look."""

import contextlib
import hashlib
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

import psutil
from nbgrader.api import MissingEntry
from tqdm import tqdm

from homework.course import CHAPTERS, ENVIRONMENT, NBGRADER, Course, reason
from homework.preprocessors import LOOK

LIMIT = 900  # seconds for one notebook, whatever its cells do
TRIES = 3  # where the gradebook was locked by another grading


def grade(course: Course, chapter: int, jobs: int, again: bool = False) -> None:
    """Grade what has been handed in and not been graded yet, then list what needs a look.

    Each notebook is run by an nbgrader of its own, so that no student's code can spoil the grading of
    another's. It can be interrupted; the next call goes on.
    """
    name = CHAPTERS[chapter]
    if not (course.root / "release" / name).exists():
        raise FileNotFoundError(f"chapter {chapter} is not released: python -m homework release {chapter}")
    students = course.students(name)
    if not students:
        raise FileNotFoundError(f"nobody has handed in: python -m homework collect {chapter} PATH")
    waiting = [student for student in students if again or not _is_graded(course, name, student)]
    print(f"{len(students)} notebooks, {len(students) - len(waiting)} of them graded before.")
    if not course.settings().LimitedKernelManager.sandbox:
        print("Students' code runs without a sandbox, and can do what you can: see homework/README.md.")
    running = set()
    with ThreadPoolExecutor(jobs) as pool:
        try:
            work = [pool.submit(_grade_one, course, name, student, running) for student in waiting]
            for done in tqdm(as_completed(work), total=len(work), unit="notebook"):
                done.result()
        except KeyboardInterrupt:
            pool.shutdown(wait=False, cancel_futures=True)
            for process in list(running):
                _kill(process)
            print("Interrupted. The same command goes on with what is left.")
            return
    _report(course, name, students)


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
    """A finished grading leaves a log, whose first line tells of which submission, tests and settings."""
    log = _log(course, name, student)
    return log.exists() and log.open().readline().strip() == _digest(course, name, student)


def _digest(course, name, student):
    places = (f"submitted/{student}/{name}/*", f"source/{name}/*", "nbgrader_config.py")
    given = [path for place in places for path in sorted(course.root.glob(place)) if path.is_file()]
    return hashlib.sha256(b"".join(path.read_bytes() for path in given)).hexdigest()


def _report(course, name, students):
    """Print how many are graded, and what was unusual about which."""
    found = {student: looks(course, name, student) for student in students}
    with course.gradebook() as book:
        by_hand = sum(found.needs_manual_grade for found in book.assignment_submissions(name))
    graded = sum(_log(course, name, student).exists() for student in students)
    print(f"{graded} graded, {len(students) - graded} not; {by_hand} with answers to grade by hand.")
    for student, words in found.items():
        for word in words:
            print(f"needs a look: {student}: {word}")


def looks(course: Course, name: str, student: str) -> list[str]:
    """Return in words what was unusual about a student's grading."""
    log = _log(course, name, student)
    failed = log.with_suffix(".failed")
    lines = (failed if failed.exists() else log).read_text(errors="replace").splitlines()
    found = [line.split(LOOK, 1)[1].strip() for line in lines if LOOK in line]
    if failed.exists():
        found.append(f"not graded: {reason(chr(10).join(lines))} ({failed})")
    return found
