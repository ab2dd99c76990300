"""What a late submission costs."""

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float

from homework.course import Course


class LatePenalty(LateSubmissionPlugin):
    """A share of the points for each day begun after the deadline."""

    percent_per_day = Float(0, help="percent of the points taken off for each day begun").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        """Return the points to take off a score."""
        return score * min(1, self.percent_per_day / 100 * math.ceil(total_seconds_late / 86_400))


def charge(course: Course) -> None:
    """Set the penalties anew: nbgrader sets them when it runs a notebook, before points are given by hand."""
    plugin = LatePenalty(config=course.settings())
    with course.gradebook() as gradebook:
        for assignment in gradebook.assignments:
            for submission in gradebook.assignment_submissions(assignment.name):
                for notebook in submission.notebooks:
                    late = submission.total_seconds_late
                    penalty = plugin.late_submission_penalty(submission.student.id, notebook.score, late)
                    notebook.late_submission_penalty = penalty or None
        gradebook.db.commit()
