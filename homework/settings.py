"""How nbgrader works in a course: the steps of its pipeline, and where things are."""

from nbgrader.preprocessors import (
    AssignLatePenalties,
    CheckCellMetadata,
    ClearMarkScheme,
    ClearOutput,
    ComputeChecksums,
    IncludeHeaderFooter,
    LockCells,
    OverwriteCells,
    SaveAutoGrades,
    SaveCells,
)

from homework import HERE
from homework.kernel import has_bubblewrap
from homework.late import LatePenalty
from homework.preprocessors import END_OF_RUBRIC, RUBRIC, Blank, TakeMarked


def configure(c) -> None:
    """Fill in nbgrader's configuration; a course's own file goes on from there."""
    c.LimitedKernelManager.sandbox = has_bubblewrap()
    c.Execute.timeout = 30
    c.Execute.iopub_timeout = 10  # seconds for a cell to heed the interrupt that follows
    c.CourseDirectory.course_id = "from-autoencoder-to-vae"
    c.IncludeHeaderFooter.header = str(HERE / "hand_in.ipynb")
    c.ClearSolutions.text_stub = "*Write {answer} here, in place of this line.*"
    c.ClearMarkScheme.begin_mark_scheme_delimeter = RUBRIC
    c.ClearMarkScheme.end_mark_scheme_delimeter = END_OF_RUBRIC
    c.ClearMarkScheme.enforce_metadata = False  # rubrics stand with the question, which is no task cell
    c.AssignLatePenalties.plugin_class = LatePenalty
    c.HTMLExporter.filters = {  # names, since Formgrader writes its settings down as text
        "markdown2html": "homework.pages.cleaned",
        "highlight_code": "homework.pages.highlighted",
        "strip_files_prefix": "homework.pages.unchanged",
    }
    c.GenerateFeedback.exporter_class = "homework.pages.FeedbackPage"
    _order_the_steps(c)


def _order_the_steps(c):
    """What happens to a notebook, in this order, on its way out and back."""
    c.GenerateAssignment.preprocessors = [
        IncludeHeaderFooter,
        LockCells,
        Blank,
        ClearOutput,
        CheckCellMetadata,
        ComputeChecksums,
        SaveCells,
        ClearMarkScheme,
        ComputeChecksums,
        CheckCellMetadata,
    ]
    c.Autograde.sanitize_preprocessors = [TakeMarked, OverwriteCells, CheckCellMetadata]
    c.Autograde.autograde_preprocessors = [SaveAutoGrades, AssignLatePenalties, CheckCellMetadata]
