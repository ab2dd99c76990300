import nbformat

from homework import collect, grade, release
from homework.course import CHAPTERS, Course

ENERGY = "def energy(codes):\n    return 0.5 * codes.square().sum(dim=1).mean()"
PRICE = (
    "def neighborhood_size(sizes):\n    return 0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()"
)
WALK = """def walk(model, start, end, steps=12):
    first, last = model.encode(test_images[[start, end]])
    return model.decode(torch.stack([first + i / (steps - 1) * (last - first) for i in range(steps)]))"""


class Class:
    """A course with one assignment; its students hand in what a test makes of the released notebook."""

    def __init__(self, root, chapter):
        self.name, self.chapter = CHAPTERS[chapter], chapter
        self.course = Course(root / "course")
        self.returned = root / "returned"
        release.release(self.course, chapter)

    def released(self):
        return nbformat.read(self.course.root / "release" / self.name / f"{self.name}.ipynb", as_version=4)

    def hand_in(self, student, notebook, name=None):
        """Put a notebook, or bytes, into a student's folder."""
        path = self.returned / student / (name or f"{self.name}.ipynb")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(
            notebook
            if isinstance(notebook, bytes)
            else nbformat.writes(notebook).encode("utf-8", "surrogatepass")
        )

    def collect(self):
        collect.collect(self.course, self.chapter, [self.returned])

    def grade(self, jobs=2, again=False):
        grade.grade(self.course, self.chapter, jobs, again)

    def marks(self):
        """Return the automatic points of each student, by cell."""
        with self.course.gradebook() as gradebook:
            return {
                submission.student.id: {
                    points.name: points.auto_score
                    for notebook in submission.notebooks
                    for points in notebook.grades
                }
                for submission in gradebook.assignment_submissions(self.name)
            }


def cell(notebook, name):
    """The last cell with this id."""
    return [cell for cell in notebook.cells if cell.id == name][-1]
