"""What happens to a notebook on its way out to the students and back, as steps of nbgrader's pipeline."""

from pathlib import Path

from nbgrader import utils
from nbgrader.preprocessors import ClearSolutions, NbGraderPreprocessor

from homework import results
from homework.assignment import as_list, functions_to_write

RUBRIC, END_OF_RUBRIC = "<!-- rubric -->", "<!-- end of rubric -->"


class Blank(ClearSolutions):
    """Blank the answers, but keep the first line and the description of each function."""

    def preprocess_cell(self, cell, resources, index):
        """Blank one cell, or make it fit to be handed out."""
        if utils.is_solution(cell):
            cell.source = blanked(cell.source) if cell.cell_type == "code" else self.text_stub
            cell.source = cell.source.replace("{answer}", cell.metadata.nbgrader.grade_id.replace("-", " "))
        elif cell.cell_type == "code":
            cell.metadata.setdefault("tags", []).append(
                "raises-exception"
            )  # the cells below run all the same
        elif cell.cell_type == "markdown":
            lines = cell.source.splitlines()
            cell.source = "\n".join(line for line in lines if not line.startswith("[![Open in"))
        if "rubric" in cell.metadata:  # nbgrader cuts it out of the release, and shows it to the graders
            cell.source += f"\n\n{RUBRIC}\n\n{as_list(cell.metadata.pop('rubric'))}\n\n{END_OF_RUBRIC}"
        return cell, resources


def blanked(source: str) -> str:
    """Return code in which every function that has a docstring has lost the body below it."""
    lines = source.splitlines()
    for node in reversed(functions_to_write(source)):
        stub = ["    # YOUR CODE HERE", f'    raise checks.NotWrittenYetError("{node.name}")']
        lines[node.body[0].end_lineno : node.end_lineno] = stub
    return "\n".join(lines)


class TakeMarked(NbGraderPreprocessor):
    """Go on with the notebook as it was run and asked; run it now, where it was not."""

    def preprocess(self, nb, resources):
        """Return the notebook that graders see."""
        given = Path(resources["metadata"]["path"]).resolve()  # submitted/STUDENT/ASSIGNMENT
        what = given.parents[2], given.name, given.parent.name
        result = results.read(*what) or results.run(*what, self.config)
        if result.failed:
            raise ValueError(result.failed)
        return results.notebook(*what), resources
