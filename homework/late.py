"""What a late submission costs."""

import math

from nbgrader.plugins import LateSubmissionPlugin
from traitlets import Float


class LatePenalty(LateSubmissionPlugin):
    """A share of the points for each day begun after the deadline."""

    percent_per_day = Float(0, help="percent of the points taken off for each day begun").tag(config=True)

    def late_submission_penalty(self, student_id: str, score: float, total_seconds_late: float) -> float:
        """Return the points to take off a score; nbgrader never lets it exceed the score."""
        return score * self.percent_per_day / 100 * math.ceil(total_seconds_late / 86_400)
