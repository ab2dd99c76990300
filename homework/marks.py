"""What goes back: marks for the instructor, and pages for students, under the names that their LMS knows."""

import csv
import shutil
import zipfile
from pathlib import Path

from nbgrader.converters import GenerateFeedback

from homework import late, standing
from homework.course import CHAPTERS, Course, count, no_formula

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
)


def marks(course: Course) -> None:
    """Write the marks of all chapters into marks.csv, points rounded to hundredths, and where each stands."""
    late.charge(course)
    path = course.root / "marks.csv"
    with course.gradebook() as book, path.open("w", newline="", encoding="utf-8-sig") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        names = [assignment.name for assignment in book.assignments]
        for assignment in book.assignments:
            stands = standing.standing(course, assignment.name)
            for student in book.students:
                row = [*_row(book, assignment, student), stands.get(student.id, standing.NOTHING)]
                rows.writerow([no_formula(one) if isinstance(one, str) else one for one in row])
    print(f"Marks: {path}. A score is final where the column standing says so.")
    standing.say(course, names, last="give them to your LMS, by name or lms_user_id")


def _row(book, assignment, student):
    known = [one for one in assignment.submissions if one.student_id == student.id]
    (score, penalty, time) = (0, 0, "")
    if known:
        submission = known[0]
        penalty = submission.late_submission_penalty
        score, time = max(0, submission.score - penalty), submission.timestamp or ""
    points = [round(float(number), 2) for number in (score, assignment.max_score, penalty)]
    return [assignment.name, student.id, student.last_name, student.lms_user_id, str(time), *points]


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
