"""What happens to a notebook on its way out to the students and back, as steps of nbgrader's pipeline."""

import ast
import re
from pathlib import Path

import nbformat
from nbgrader import utils
from nbgrader.preprocessors import ClearSolutions, Execute, NbGraderPreprocessor
from traitlets import Integer

from homework.kernel import LimitedKernelManager
from homework.release import as_list

LOOK = "NEEDS A LOOK:"  # marks the lines of a log that the instructor sees


class Blank(ClearSolutions):
    """Blank the answers, but keep the first line and the description of each function."""

    def preprocess_cell(self, cell, resources, index):
        """Blank one cell, or make it fit to be handed out."""
        if utils.is_solution(cell):
            cell.source = blanked(cell.source) if cell.cell_type == "code" else self.text_stub
            cell.source = cell.source.replace("{answer}", grade_id(cell).replace("-", " "))
        elif cell.cell_type == "code" and not utils.is_grade(cell):
            cell.metadata.setdefault("tags", []).append(
                "raises-exception"
            )  # the cells below run all the same
        elif cell.cell_type == "markdown":
            lines = cell.source.splitlines()
            cell.source = "\n".join(line for line in lines if not line.startswith("[![Open in"))
        if "rubric" in cell.metadata:  # nbgrader cuts it out of the release, and shows it to the graders
            cell.source += (
                f"\n\n**For the grader**\n\n{as_list(cell.metadata.pop('rubric'))}\n\n**End of rubric**"
            )
        return cell, resources


class HideTests(NbGraderPreprocessor):
    """Leave the check in place of each test, after nbgrader has put the test into its gradebook.

    The tests would give the answers away; nbgrader puts them back when it grades.
    """

    def preprocess_cell(self, cell, resources, index):
        """Hide one cell; remember the check that stands before it."""
        if _is_test(cell):
            cell.source = (
                f"# Hidden tests grade this. They want at least what the check wants.\n{self.last_check}"
            )
        elif match := re.fullmatch(r"checks\.(\w+)\((\w+)\)", cell.source):
            self.last_check = "checks.require(checks.{}, {})".format(*match.groups())
        return cell, resources


def blanked(source: str) -> str:
    """Return code in which every function has lost its body, but for the docstring."""
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef):
            first = node.body[1] if ast.get_docstring(node) else node.body[0]
            stub = ["    # YOUR CODE HERE", f'    raise checks.NotWrittenYetError("{node.name}")']
            lines[first.lineno - 1 : node.end_lineno] = stub
    return "\n".join(lines)


class Mend(NbGraderPreprocessor):
    """Put a returned notebook's locked cells back to where and what they were in the release.

    Students' own cells stay, in their order. Test cells are taken from the release and stand right
    behind the answer that they test; if that answer is gone, at the end.
    """

    def preprocess(self, nb, resources):
        """Mend one notebook; log what had to be mended."""
        ids = resources["nbgrader"]
        released = nbformat.read(Path("release", ids["assignment"], f"{ids['notebook']}.ipynb"), as_version=4)
        self._forget_other_releases(nb, released)
        self._choose_among_copies(nb, released)
        tests = [(grade_id(cell), cell.source) for cell in nb.cells if _is_test(cell)]
        if tests != [(grade_id(cell), cell.source) for cell in released.cells if _is_test(cell)]:
            self.log.warning(f"{LOOK} locked test cells were changed, moved, copied or deleted; restored")
        nb.cells = [cell for cell in nb.cells if not _is_test(cell)]
        answer = None
        for cell in released.cells:
            if utils.is_solution(cell):
                answer = grade_id(cell)
            if _is_test(cell):
                _insert_behind(nb, answer, cell)
            elif grade_id(cell) and grade_id(cell) not in map(grade_id, nb.cells):
                self.log.warning(f"{LOOK} the cell {grade_id(cell)} is missing")
                if cell.cell_type == "markdown":
                    nb.cells.append(cell)
        return nb, resources

    def _forget_other_releases(self, nb, released):
        known = set(map(grade_id, released.cells))
        for cell in nb.cells:
            if grade_id(cell) not in known:
                self.log.warning(f"{LOOK} the cell {grade_id(cell)} is not from the current release")
                del cell.metadata["nbgrader"]

    def _choose_among_copies(self, nb, released):
        stubs = {grade_id(cell): cell.source.strip() for cell in released.cells if utils.is_solution(cell)}
        for name, stub in stubs.items():
            copies = [cell for cell in nb.cells if grade_id(cell) == name]
            if len(copies) > 1:
                self.log.warning(
                    f"{LOOK} the cell {name} is there {len(copies)} times; the last changed one counts"
                )
                chosen = [cell for cell in copies if cell.source.strip() != stub] or copies
                for cell in copies:
                    if cell is not chosen[-1]:
                        del cell.metadata["nbgrader"]


def grade_id(cell) -> str | None:
    """The name by which nbgrader knows a cell."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def _is_test(cell):
    return utils.is_grade(cell) and utils.is_locked(cell)


def _insert_behind(nb, answer, cell):
    places = [place for place, other in enumerate(nb.cells) if grade_id(other) == answer]
    nb.cells.insert(places[-1] + 1 if places else len(nb.cells), cell)


class LimitedExecute(Execute):
    """nbgrader's execution in a limited kernel; what comes out of it is limited, too."""

    max_characters = Integer(20_000, help="how much of a cell's printed output is kept").tag(config=True)

    def __init__(self, *arguments, **settings):
        super().__init__(*arguments, kernel_manager_class=LimitedKernelManager, **settings)

    def preprocess(self, nb, resources):
        """Run the notebook, then cut long outputs and log what stopped the hard way."""
        nb, resources = super().preprocess(nb, resources)
        for cell in nb.cells:
            for output in cell.get("outputs", []):
                if output.get("ename") in ("CellTimeoutError", "MemoryError"):
                    self.log.warning(f"{LOOK} a cell stopped with {output.ename}: {cell.source[:50]!r}")
                if output.output_type == "stream" and len(output.text) > self.max_characters:
                    self.log.warning(
                        f"{LOOK} a cell printed {len(output.text):,} characters: {cell.source[:50]!r}"
                    )
                    output.text = output.text[: self.max_characters] + "\n... cut here by the grader ..."
        return nb, resources
