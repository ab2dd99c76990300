"""Settings of a course, for nbgrader. A course folder has its own copy: change that one."""

import shutil

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearMarkScheme,
    ClearOutput,
    ComputeChecksums,
    DeduplicateIds,
    IncludeHeaderFooter,
    LimitOutput,
    LockCells,
    OverwriteCells,
    OverwriteKernelspec,
    SaveAutoGrades,
    SaveCells,
)

from homework import HERE
from homework.collect import LMSCollector
from homework.late import LatePenalty
from homework.preprocessors import Blank, HideTests, LimitedExecute, Mend

c = get_config()  # noqa: F821

# What you may want to change.
c.LatePenalty.percent_per_day = 0  # of the points, for each day begun after the deadline
c.LimitedKernelManager.memory_gb = 4
c.LimitedKernelManager.sandbox = shutil.which("bwrap") is not None  # see "Whose code runs here" in README.md
c.Execute.timeout = 30  # seconds for a cell
c.Execute.iopub_timeout = 10  # seconds for it to heed the interrupt that follows

# How it works.
c.CourseDirectory.course_id = "from-autoencoder-to-vae"
c.CourseDirectory.db_url = "sqlite:///gradebook.db?timeout=60"  # several gradings write to it
c.IncludeHeaderFooter.header = str(HERE / "hand_in.ipynb")
c.ClearSolutions.text_stub = "*Write {answer} here, in place of this line.*"
c.ClearMarkScheme.begin_mark_scheme_delimeter = "**For the grader**"
c.ClearMarkScheme.end_mark_scheme_delimeter = "**End of rubric**"
c.ClearMarkScheme.enforce_metadata = False  # rubrics stand with the question, which is no task cell
c.ZipCollectApp.collector_plugin = LMSCollector
c.AssignLatePenalties.plugin_class = LatePenalty
c.GenerateAssignment.preprocessors = [
    IncludeHeaderFooter,
    LockCells,
    Blank,
    ClearOutput,
    CheckCellMetadata,
    ComputeChecksums,
    SaveCells,
    HideTests,
    ClearMarkScheme,
    ComputeChecksums,
    CheckCellMetadata,
]
c.Autograde.sanitize_preprocessors = [
    ClearOutput,
    Mend,
    DeduplicateIds,
    OverwriteKernelspec,
    OverwriteCells,
    CheckCellMetadata,
]
c.Autograde.autograde_preprocessors = [
    LimitedExecute,
    LimitOutput,
    SaveAutoGrades,
    AssignLatePenalties,
    CheckCellMetadata,
]
