"""What the notebooks say of themselves in their first cell: title, question, minutes, what one will see."""

import re
from dataclasses import dataclass
from pathlib import Path

import nbformat

NOTEBOOKS = Path(__file__).parent.parent / "notebooks"


@dataclass(frozen=True)
class Chapter:
    """A notebook of the course, in the words of its first cell; whatever it does not say is empty."""

    name: str  # of its file, without a suffix
    title: str
    question: str = ""
    minutes: int | None = None
    promises: tuple[str, ...] = ()  # in Markdown

    @property
    def short_title(self) -> str:
        """The title without its number."""
        return re.sub(r"^(\d+|Epilogue)[.:]\s*", "", self.title)


def chapter(file: Path) -> Chapter:
    """Read what a notebook says of itself."""
    notebook = nbformat.read(file, as_version=4)
    prose = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    headings = re.findall(r"^# (.+)", "\n".join(prose), re.MULTILINE)
    first = prose[0] if prose else ""
    question = re.search(r"\*\*The question\.?\*\*\.?\s*(.+?)\s*(?:You will see|\n\n|$)", first, re.DOTALL)
    minutes = re.search(r"\*\*Time:?\*\*:?[^\d\n]*(\d+) minutes", first)
    return Chapter(
        name=file.stem,
        title=headings[0] if headings else file.stem,
        question=question[1].replace("\n", " ") if question else "",
        minutes=int(minutes[1]) if minutes else None,
        promises=tuple(re.findall(r"^\d+\. (.+)", first, re.MULTILINE)),
    )


def chapters(folder: Path = NOTEBOOKS) -> list[Chapter]:
    """Return all notebooks of the course in reading order: by number, then the epilogue."""
    return [chapter(file) for file in sorted(folder.glob("*.ipynb"))]
