"""Write the front door of the pages: the four models side by side, alive, and the way to everything else.

``python docs/door.py build/html`` needs the extra ``html``; ``make html`` calls it last.
"""

import io
import re
import sys
from pathlib import Path

import nbformat
import yaml
from bs4 import BeautifulSoup
from nbconvert.filters import markdown2html
from nbformat.v4 import new_code_cell, new_notebook
from PIL import Image

import course
import home
import light
import pages
import run
import share
from helpers import checkpoints, plots

ROOT = Path(__file__).parent.parent
EXPLORER = """
from helpers import checkpoints, data, explorer
images, labels = data.load_mnist("test")
chapters = {f"chapter {n}": checkpoints.load(n) for n in (1, 2, 3, 4)}
explorer.explore_chapters(chapters, images[:1000], labels[:1000])
"""
MOST_BYTES = 2_800_000  # less than of other pages, since the four networks are awaited at the top
ABOUT = {
    "name": "index",
    "file": "",
    "title": "From Autoencoder to VAE",
    "description": share.COURSE,
    "kind": "website",
    "picture": "index.png",
    "picture_alt": "Samples of the course's models side by side, from gray smudges to realistic digits",
}


def explorer() -> nbformat.NotebookNode:
    """Return a notebook that has been run, and shows the four-chapter explorer."""
    return run.run(new_notebook(cells=[new_code_cell(EXPLORER)]), course.NOTEBOOKS)


def samples(of: int | str) -> bytes:
    """Return, as PNG, 32 blind samples of a model that ships: black ink on white paper."""
    ink = plots.tiles(checkpoints.load(of).sample(32, seed=1), columns=8)
    buffer = io.BytesIO()
    Image.fromarray((255 * (1 - ink)).astype("uint8")).save(buffer, "PNG")
    return buffer.getvalue()


def card(chapter: course.Chapter) -> dict:
    """Return what the door shows of a chapter, or of the epilogue."""
    of, _, _ = chapter.name.partition("_")
    source, (width, height) = light.picture(samples(int(of) if of.isdigit() else of))
    return {
        "chapter": chapter,
        "picture": source,
        "width": width,
        "height": height,
        "alt": f"Samples of a model: {chapter.short_title}",
        "question": share.plain(chapter.question),
        "promises": [re.sub("</?p>", "", markdown2html(promise)) for promise in chapter.promises],
    }


def citation() -> dict:
    """Return what CITATION.cff says."""
    return yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))


def door(notebook: nbformat.NotebookNode, cards: list[dict]) -> dict[str, str]:
    """Return the front door around the explorer of a notebook that has been run, as ``pages.page`` does."""
    models = notebook.metadata.widgets[pages.STATE]["state"]
    view = notebook.cells[0].outputs[-1].data[pages.VIEW]["model_id"]
    template = pages.exporter().environment.get_template("door.html.j2")
    html = template.render(
        **pages.look(),
        page=ABOUT | {"address": share.address()},
        view=view,
        cards=cards,
        repository=home.repository(),
        citation=citation(),
    )
    soup = BeautifulSoup(html, "html.parser")
    views = pages.with_stills(soup, models)
    return pages.with_widgets(pages.as_html(soup), ABOUT["name"], views, models, MOST_BYTES)


def main(folder: Path) -> None:
    """Write the front door and the picture of its links into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    share.write_picture((ROOT / "docs" / "four_chapters.png").read_bytes(), folder / ABOUT["picture"])
    cards = [card(chapter) for chapter in course.chapters()]
    pages.write(door(explorer(), cards), ABOUT["name"], folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
