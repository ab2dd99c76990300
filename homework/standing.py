"""Where everybody's homework stands: what a mark still waits for, and what to do next."""

from collections import defaultdict
from collections.abc import Iterable

from homework import results
from homework.course import Course, chapter_of

NOTHING = "nothing handed in"
NO_NOTEBOOK = "no notebook handed in"
NOT_GRADED = "not graded yet"
FAILED = "could not be graded"
WAITS = "answers wait to be graded by hand"
FINAL = "final"


def standing(course: Course, name: str) -> dict[str, str]:
    """Return where everybody stands who handed in anything for an assignment, by id.

    It is ``NO_NOTEBOOK``, ``NOT_GRADED``, ``FAILED``, ``WAITS`` or ``FINAL``.
    """
    handed_in = set(course.students(name))
    with course.gradebook() as book:
        found = book.assignment_submissions(name)
        waiting = {submission.student.id for submission in found if submission.needs_manual_grade}

    def of(student):
        if student not in handed_in:
            return NO_NOTEBOOK
        result = results.read(course.root, name, student)
        if not _is_entered(course, name, student, result):
            return FAILED if result and result.failed else NOT_GRADED
        return WAITS if student in waiting else FINAL

    return {student: of(student) for student in sorted(handed_in | course.people(name).keys())}


def is_graded(course: Course, name: str, student: str) -> bool:
    """Was just what is handed in now run, and entered into the gradebook?"""
    return _is_entered(course, name, student, results.read(course.root, name, student))


def _is_entered(course, name, student, result):
    entered = course.root / "autograded" / student / name / f"{name}.ipynb"
    return result is not None and not result.failed and entered.exists()


def looks(course: Course, name: str, student: str) -> list[str]:
    """Return in words what was unusual about a student's grading; of nobody's who handed in no notebook."""
    result = results.read(course.root, name, student) or results.Result([])
    return result.looks + ([f"not graded: {result.failed}"] if result.failed else [])


def say(course: Course, names: Iterable[str], last: str) -> None:
    """Print who is not done, by name, and what to do next.

    Args:
        course: whose.
        names: of assignments.
        last: what to do next where nothing waits.
    """
    grade, read = [], []
    for name in names:
        who = defaultdict(list)
        for student, stands in standing(course, name).items():
            who[stands].append(student)
        for stands in (NO_NOTEBOOK, NOT_GRADED, FAILED, WAITS):
            if who[stands]:
                print(f"{name}: {stands}: {', '.join(who[stands])}")
        grade += [f"grade {chapter_of(name)}"] if who[NOT_GRADED] else []
        read += who[WAITS]
    if grade:
        last = course.command(grade[0])
    elif read:
        last = f"{course.command('open')}, to grade what waits"
    print(f"Next: {last}")
