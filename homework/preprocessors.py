"""What happens to a notebook on its way out to the students and back, as steps of nbgrader's pipeline."""

import ast
import re
from collections import Counter
from pathlib import Path

import nbformat
from nbgrader import utils
from nbgrader.preprocessors import ClearSolutions, Execute, NbGraderPreprocessor
from traitlets import Integer

from homework.kernel import LimitedKernelManager
from homework.release import as_list

RUNS_IN_A_BROWSER = {"text/html", "image/svg+xml", "application/javascript", "text/markdown", "text/latex"}
PICTURE = re.compile(
    r'<img src="data:image/png;base64,[\w+/=]*" width="\d+" style="max-width: 100%" alt="[^"<>]*">'
)
PROMISES = "promises-check"  # the cell that nbgrader's few digits would fail
RUBRIC, END_OF_RUBRIC = "<!-- rubric -->", "<!-- end of rubric -->"
LOOK = "NEEDS A LOOK:"  # marks the lines of a log that the instructor sees


class Blank(ClearSolutions):
    """Blank the answers, but keep the first line and the description of each function."""

    def preprocess_cell(self, cell, resources, index):
        """Blank one cell, or make it fit to be handed out."""
        if utils.is_solution(cell):
            cell.source = blanked(cell.source) if cell.cell_type == "code" else self.text_stub
            cell.source = cell.source.replace("{answer}", grade_id(cell).replace("-", " "))
        elif cell.cell_type == "code":
            tags = cell.metadata.setdefault("tags", [])
            tags.append("raises-exception")  # the cells below run all the same
            if cell.id == PROMISES:
                tags.append("skip-execution")  # nbgrader heeds this tag, JupyterLab runs the cell
        elif cell.cell_type == "markdown":
            lines = cell.source.splitlines()
            cell.source = "\n".join(line for line in lines if not line.startswith("[![Open in"))
        if "rubric" in cell.metadata:  # nbgrader cuts it out of the release, and shows it to the graders
            cell.source += f"\n\n{RUBRIC}\n\n{as_list(cell.metadata.pop('rubric'))}\n\n{END_OF_RUBRIC}"
        return cell, resources


class HideTests(NbGraderPreprocessor):
    """Leave the check in place of each test, after nbgrader has put the test into its gradebook.

    The tests would give the answers away; nbgrader puts them back when it grades.
    """

    check = None

    def preprocess_cell(self, cell, resources, index):
        """Hide one cell behind the check that stands before it."""
        if _is_test(cell):
            if not self.check:
                raise ValueError(f"No line such as `checks.energy(energy)` stands before {grade_id(cell)}.")
            cell.source = f"# Graded by hidden tests: what the check tries, with other numbers.\n{self.check}"
        elif match := re.fullmatch(r"checks\.(\w+)\((\w+)\)", cell.source):
            self.check = "checks.require(checks.{}, {})".format(*match.groups())
        elif utils.is_solution(cell):
            self.check = None
        return cell, resources


def blanked(source: str) -> str:
    """Return code in which every function has lost its body, but for the docstring.

    Raises:
        ValueError: there is no function with a docstring and a body below it.
    """
    lines = source.splitlines()
    for node in reversed(ast.parse(source).body):
        if isinstance(node, ast.FunctionDef) and ast.get_docstring(node) and len(node.body) > 1:
            stub = ["    # YOUR CODE HERE", f'    raise checks.NotWrittenYetError("{node.name}")']
            lines[node.body[0].end_lineno : node.end_lineno] = stub
    if lines == source.splitlines():
        raise ValueError(
            f"A task has to be a function with a docstring, which says what to write: {source!r}"
        )
    return "\n".join(lines)


class Mend(NbGraderPreprocessor):
    """Put a returned notebook's locked cells back to where and what they were in the release.

    Students' own cells stay, in their order. Where test cells are lost or out of order, they come from
    the release and stand right behind the answer that they test; if that answer is gone, at the end.
    """

    def preprocess(self, nb, resources):
        """Mend one notebook; log what had to be mended."""
        ids = resources["nbgrader"]
        path = Path("release", ids["assignment"], f"{ids['notebook']}.ipynb")
        released = [cell for cell in nbformat.read(path, as_version=4).cells if grade_id(cell)]
        self._forget_other_releases(nb, released)
        self._choose_among_copies(nb, released)
        self._restore(nb, released)
        return nb, resources

    def _forget_other_releases(self, nb, released):
        known = {grade_id(cell) for cell in released}
        for cell in nb.cells:
            if "nbgrader" in cell.metadata and grade_id(cell) not in known:
                self.log.warning(f"{LOOK} the cell {grade_id(cell)} is not from the current release")
                del cell.metadata["nbgrader"]

    def _choose_among_copies(self, nb, released):
        """Of cells with one id let the last one count that is not as it was released."""
        for original in released:
            name = grade_id(original)
            copies = [cell for cell in nb.cells if grade_id(cell) == name]
            if len(copies) > 1:
                self.log.warning(
                    f"{LOOK} the cell {name} is there {len(copies)} times; the last changed one counts"
                )
                changed = [cell for cell in copies if cell.source.strip() != original.source.strip()]
                for cell in copies:
                    if changed and cell not in changed:
                        nb.cells.remove(cell)  # a blank copy would undo the answer
                    elif cell is not (changed or copies)[-1]:
                        del cell.metadata["nbgrader"]

    def _restore(self, nb, released):
        order = [grade_id(cell) for cell in released if cell.cell_type == "code"]
        if [grade_id(cell) for cell in nb.cells if grade_id(cell) in order] != order:
            self.log.warning(
                f"{LOOK} tasks or tests are out of order or lost; each test stands behind its task now"
            )
            nb.cells = [cell for cell in nb.cells if not _is_test(cell)]
        there = {grade_id(cell): cell for cell in nb.cells}
        answer = None
        for cell in released:
            if utils.is_solution(cell):
                answer = grade_id(cell)
            found = there.get(grade_id(cell))
            if found is None:
                if _is_test(cell):
                    _insert_behind(nb, answer, cell)
                    continue
                self.log.warning(f"{LOOK} the cell {grade_id(cell)} was missing")
                if cell.cell_type == "markdown":
                    nb.cells.append(cell)
            elif _is_test(cell) and found.source != cell.source:
                self.log.warning(f"{LOOK} the test {grade_id(cell)} was changed; restored")


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
        self.printed = Counter()

    def process_message(self, msg, cell, cell_index):
        """Take in a message from the kernel: no more text than allowed, nothing that runs in a browser."""
        if msg["msg_type"] == "stream":
            text = msg["content"]["text"]
            room = max(0, self.max_characters - self.printed[cell_index])
            self.printed[cell_index] += len(text)
            # On nbgrader's terms a test that prints to stderr, if only a warning, has failed.
            msg["content"] = {"name": "stdout", "text": text[:room]}
            if not room:
                return None
        data = msg["content"].get("data", {})
        for kind in RUNS_IN_A_BROWSER & data.keys():
            if not PICTURE.fullmatch(str(data[kind])):
                del data[kind]
        return super().process_message(msg, cell, cell_index)

    def preprocess(self, nb, resources):
        """Run the notebook, and log what stopped the hard way or printed too much."""
        nb, resources = super().preprocess(nb, resources)
        for index, cell in enumerate(nb.cells):
            name = grade_id(cell) or repr(cell.source[:50])
            for output in cell.get("outputs", []):
                if output.get("ename") in ("CellTimeoutError", "MemoryError"):
                    self.log.warning(f"{LOOK} a cell stopped with {output.ename}: {name}")
            if self.printed[index] > self.max_characters:
                self.log.warning(f"{LOOK} a cell printed {self.printed[index]:,} characters: {name}")
        return nb, resources
