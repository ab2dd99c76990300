"""What goes back: marks for the instructor, and pages for students, under the names that their LMS knows."""

import shutil
import zipfile
from pathlib import Path

from nbgrader.converters import GenerateFeedback

from homework import late, standing
from homework.course import CHAPTERS, Course, count, write_table

COLUMNS = (
    "assignment",
    "student_id",
    "name",
    "lms_user_id",
    "timestamp",
    "score",
    "max_score",
    "late_penalty",
    "standing",
    "looks",
)


def marks(course: Course) -> None:
    """Write the marks of all chapters into marks.csv: points in hundredths, and what stands in their way."""
    late.charge(course)
    path = course.root / "marks.csv"
    with course.gradebook() as book:
        names = [assignment.name for assignment in book.assignments]
        rows = [row for assignment in book.assignments for row in _rows(course, book, assignment)]
    write_table(path, COLUMNS, rows)
    print(f"Marks: {path}. A score is final where the column standing says so.")
    standing.say(course, names, last="give them to your LMS, by name or lms_user_id")


def _rows(course, book, assignment):
    stands = standing.standing(course, assignment.name)
    submissions = {one.student_id: one for one in assignment.submissions}
    for student in book.students:
        stand = stands.get(student.id, standing.NOTHING)
        submission = submissions.get(student.id)
        score, penalty, time = 0, 0, ""
        if submission and stand not in (standing.NOTHING, standing.NO_NOTEBOOK):
            penalty, time = submission.late_submission_penalty, submission.timestamp or ""
            score = max(0, submission.score - penalty)
        points = [round(float(number), 2) for number in (score, assignment.max_score, penalty)]
        looks = "; ".join(standing.looks(course, assignment.name, student.id))
        who = [assignment.name, student.id, student.last_name or "", student.lms_user_id or ""]
        yield [*who, str(time), *points, stand, looks]


def feedback(course: Course, chapter: int) -> None:
    """Write a page for each student whose mark is final, and a zip of them whose names the LMS knows."""
    name = CHAPTERS[chapter]
    course.handed_in(chapter)
    late.charge(course)
    course.nbgrader(GenerateFeedback, name)
    people, stands = course.people(name), standing.standing(course, name)
    archive = course.root / f"{name}-feedback.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as packed:
        for page in sorted(course.root.glob(f"feedback/*/{name}/{name}.html")):
            student = page.parents[1].name
            if stands.get(student) == standing.FINAL:
                packed.write(page, _place(people.get(student, {}).get("label") or student, name))
            else:
                shutil.rmtree(page.parent)  # it would show 0 points for an answer that nobody has read
        written = len(packed.namelist())
    print(f"{count(written, 'page')}, of everybody whose mark is final: {archive}")
    upload = f"upload the zip to your LMS; {course.command('marks')} writes all marks as a table"
    standing.say(course, [name], last=upload)


def _place(label, name):
    """Where an LMS looks for a page: in a folder as it was downloaded (Moodle), or named like the upload."""
    folder = "_assignsubmission_" in label and label.endswith("_")
    return str(Path(label, f"{name}.html")) if folder else f"{label}.html"
