"""Write the front door of the pages: the four models side by side, alive, and the way to everything else.

``python docs/door.py build/html build/executed`` needs the extra ``html`` and, for a notebook without a
number, such as the epilogue, the notebook as it has been run; ``make html`` calls it last.
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


def samples(number: int) -> bytes:
    """Return, as PNG, 32 blind samples of the model that ships with a chapter: black ink on white paper."""
    ink = plots.tiles(checkpoints.load(number).sample(32, seed=1), columns=8)
    buffer = io.BytesIO()
    Image.fromarray((255 * (1 - ink)).astype("uint8")).save(buffer, "PNG")
    return buffer.getvalue()


def card(chapter: course.Chapter, executed: Path) -> dict:
    """Return what the door shows of a chapter; ``executed`` is the folder of notebooks that have been run."""
    number = chapter.name.split("_")[0]
    if number.isdigit():
        picture, alt = samples(int(number)), f"Samples of the model of chapter {number}"
    else:
        file = executed / f"{chapter.name}.ipynb"
        found = share.picture_of(nbformat.read(file, as_version=4)) if file.exists() else None
        picture, alt = found or (None, "")
    source, (width, height) = light.picture(picture) if picture else ("", (0, 0))
    return {
        "chapter": chapter,
        "picture": source,
        "width": width,
        "height": height,
        "alt": alt,
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
    return pages.with_widgets(pages.as_html(soup), ABOUT["name"], views, models)


def main(folder: Path, executed: Path) -> None:
    """Write the front door and the picture of its links into ``folder``."""
    folder.mkdir(parents=True, exist_ok=True)
    share.write_picture((ROOT / "docs" / "four_chapters.png").read_bytes(), folder / ABOUT["picture"])
    cards = [card(chapter, executed) for chapter in course.chapters()]
    pages.write(door(explorer(), cards), ABOUT["name"], folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
