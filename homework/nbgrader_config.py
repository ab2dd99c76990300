"""Your settings of this course, for nbgrader; homework/README.md tells more."""

from homework.settings import configure

c = get_config()  # noqa: F821
configure(c)

c.LatePenalty.percent_per_day = 0  # of a student's points, for each day begun after the deadline
c.LimitedKernelManager.memory_gb = 4
c.Execute.timeout = 30  # seconds for a cell
# c.LimitedKernelManager.sandbox = False  # where bubblewrap works, it is used
