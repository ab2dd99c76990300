"""What a shared link shows: title, description, and a picture beside the page, where others fetch it."""

import base64
import io
import re
from pathlib import Path

import nbformat
from PIL import Image

import course
import home

SHARED_SIZE = (1200, 630)  # pixels, as Open Graph's readers crop
COURSE = "From Autoencoder to VAE: how a network that copies pictures becomes one that invents them."


def about(chapter: course.Chapter, notebook: nbformat.NotebookNode, folder: Path) -> dict:
    """Return what a page's head says of it, and write its picture into ``folder``."""
    found = picture_of(notebook)
    name = f"{chapter.name}.png" if found else "index.png"
    if found:
        write_picture(found[0], folder / name)
    return {
        "name": chapter.name,
        "file": f"{chapter.name}.html",
        "title": chapter.title,
        "description": plain(chapter.question) or COURSE,
        "kind": "article",
        "picture": name,
        "picture_alt": found[1] if found else "Digits that four models have drawn",
        "address": address(),
    }


def address() -> str:
    """Where the pages are published, with a slash at the end; empty without a home."""
    repository = home.repository()
    return f"{home.site(repository)}/" if repository else ""


def plain(markdown: str) -> str:
    """Return words without Markdown's marks."""
    return re.sub(r"\[([^]]+)\]\([^)]+\)", r"\1", markdown).replace("*", "").replace("`", "")


def picture_of(notebook: nbformat.NotebookNode) -> tuple[bytes, str] | None:
    """Return a PNG that speaks for a notebook, with its alt text: its samples, else the first picture."""
    pictures = {}
    for cell in notebook.cells:
        for output in cell.get("outputs", []):
            if "image/png" in output.get("data", {}):
                pictures.setdefault(cell.id, output.data)
    best = pictures.get("samples") or next(iter(pictures.values()), None)
    return best and (base64.b64decode(best["image/png"]), best.get("text/plain", ""))


def write_picture(png: bytes, file: Path) -> None:
    """Write a picture on white paper of the size that shared links show."""
    picture = Image.open(io.BytesIO(png)).convert("RGB")
    picture.thumbnail((SHARED_SIZE[0] - 80, SHARED_SIZE[1] - 80), Image.Resampling.LANCZOS)
    paper = Image.new("RGB", SHARED_SIZE, "white")
    paper.paste(
        picture, tuple((whole - part) // 2 for whole, part in zip(SHARED_SIZE, picture.size, strict=True))
    )
    paper.save(file, optimize=True)
