"""Run a notebook and write it as a self-contained HTML page, in which the explorers still work.

``python docs/pages.py notebooks/1_autoencoder.ipynb build/html`` needs the extra ``html``; ``make html``
does it for all chapters. A page needs neither a kernel nor the network: it carries the widgets' state and
the scripts that draw them, all in one file, or in two if that one is too heavy. A notebook that has been run
is taken as it is.
"""

import base64
import hashlib
import itertools
import json
import re
import sys
from pathlib import Path
from urllib.parse import unquote

import nbformat
from bs4 import BeautifulSoup
from nbconvert import HTMLExporter

import course
import home
import light
import run
import scripts
import share

TEMPLATES = Path(__file__).parent / "templates"
STATE = "application/vnd.jupyter.widget-state+json"
VIEW = "application/vnd.jupyter.widget-view+json"
ONLY_FOR_JUPYTER = {"set-up"}  # ids of cells that install something, where there is something to install
MOST_BYTES = 4_000_000  # of a page
NOTHING = {"state": {}}
RUNTIME = "<!-- runtime -->"  # where the template wants what draws widgets: early, since it takes a while
WIDGETS = "<!-- widgets -->"  # and the widgets


def exporter() -> HTMLExporter:
    """Return nbconvert's exporter with the course's template."""
    return HTMLExporter(
        template_name="course", extra_template_basedirs=[str(TEMPLATES)], anchor_link_text="#", theme="light"
    )


def look() -> dict[str, str]:
    """Return the style sheet and the script of every page."""
    files = {"css": "course.css", "script": "course.js"}
    return {name: (TEMPLATES / "course" / file).read_text(encoding="utf-8") for name, file in files.items()}


def page(
    notebook: nbformat.NotebookNode, name: str, neighbors: list[course.Chapter], about: dict
) -> dict[str, str]:
    """Return the page of a notebook that has been run, see ``with_widgets``.

    Args:
        notebook: which this changes.
        name: of its file, without a suffix.
        neighbors: all chapters in reading order, for the ways to the previous and the next.
        about: what a shared link shows, see ``share.about``.
    """
    models = notebook.metadata.get("widgets", {}).get(STATE, NOTHING)["state"]
    notebook.cells = [_readable(cell, models) for cell in notebook.cells if cell.id not in ONLY_FOR_JUPYTER]
    names = [chapter.name for chapter in neighbors]
    place = names.index(name) if name in names else None
    resources = look() | {
        "page": about,
        "repository": home.repository() if place is not None else None,
        "home": "index.html" if place is not None else None,
        "chapters": neighbors if place is not None else [],
        "previous": neighbors[place - 1] if place else None,
        "next": next(iter(neighbors[place + 1 :]), None) if place is not None else None,
    }
    html, _ = exporter().from_notebook_node(notebook, resources)
    soup = BeautifulSoup(html, "html.parser")
    finish(soup)
    views = with_stills(soup, models)
    return with_widgets(as_html(soup), name, views, models)


def as_html(soup: BeautifulSoup) -> str:
    """Return what a page's soup reads as HTML of today."""
    return soup.decode(formatter="html5")


def _readable(cell, models):
    """A cell without what belongs into Jupyter: badges, links to notebooks, bars of finished progress."""
    if cell.cell_type == "markdown":
        cell.source = re.sub(r"\]\((\w+)\.ipynb", r"](\1.html", _without_ways(cell.source))
    if cell.cell_type == "code":
        views = [(output, output.get("data", {}).get(VIEW, {}).get("model_id")) for output in cell.outputs]
        cell.outputs = [output for output, view in views if not (view and _is_progress(view, models))]
    return cell


def _without_ways(markdown):
    """Text without paragraphs that are nothing but ways to other notebooks, or badges: a page has its own."""
    link = r"\[(?:!\[[^]]*\]\([^)]*\)|[^]\[]*)\]\([^)]*\)"
    way = rf"(?:{link}|<!--.*?-->|\*\*[^*]+\*\*)"
    only_ways = re.compile(rf"{way}(?:[\s·|]+{way})+")
    paragraphs = [
        text
        for text in markdown.split("\n\n")
        if not (only_ways.fullmatch(text.strip()) and re.search(r"\.ipynb|badge", text))
    ]
    return "\n\n".join(paragraphs)


def _is_progress(view, models):
    return any(models[key]["model_name"].endswith("ProgressModel") for key in light.reachable(view, models))


# --------------------------------------------------------------------------- what nbconvert leaves to do


def finish(soup: BeautifulSoup) -> None:
    """Give a page contents, named anchors, tables that scroll, and light pictures."""
    for heading in soup.select("main :is(h1, h2, h3, h4)[id]"):
        heading["id"] = _as_id(heading["id"])
    for link in soup.select("main a[href*='#']:not([href*='//'])"):
        address, _, heading = link["href"].partition("#")
        link["href"] = f"{address}#{_as_id(unquote(heading))}"
    for anchor in soup.select("a.anchor-link"):
        anchor["aria-label"] = "Link to this section"
    for table in soup.select("main table"):
        _tidy_table(table)
        table.wrap(soup.new_tag("div", attrs={"class": "table"}))
    for style in soup.select("main style"):
        style.decompose()
    for picture in soup.select("img[src^='data:image/png']"):
        _lighten(picture)
    if contents := soup.select_one(".contents nav"):
        contents.append(_contents(soup))


def _as_id(heading):
    """A heading's id without what needs an escape somewhere."""
    return "section-" + re.sub(r"[^a-z0-9]+", "-", heading.lower()).strip("-")


def _tidy_table(table):
    """Take the look out of a table that pandas or Markdown has made, and say what its heads are heads of."""
    for tag in [table, *table.select("tr, td, th")]:
        for look in ("border", "style", "valign"):
            tag.attrs.pop(look, None)
    for head in table.select("th"):
        if not head.get_text(strip=True):
            head.name = "td"
            continue
        head.attrs.setdefault("scope", "col" if head.find_parent("thead") else "row")


def _lighten(picture):
    """Give an image tag a light picture of the size at which it is shown."""
    source, (width, height) = light.picture(base64.b64decode(picture["src"].split(",")[1]))
    shown = int(picture.get("width", 0)) or width // 2
    picture.attrs |= {"src": source, "width": shown, "height": round(shown * height / width)}
    picture.attrs |= {"loading": "lazy", "decoding": "async"}
    picture.attrs.pop("style", None)


def _contents(soup):
    """A list of links to the page's sections."""
    listed = soup.new_tag("ol")
    for heading in soup.select("main h2[id]"):
        words = heading.get_text().removesuffix("#").strip()
        item, link = soup.new_tag("li"), soup.new_tag("a", href=f"#{heading['id']}", string=words)
        item.append(link)
        listed.append(item)
    return listed


def with_widgets(
    html: str, name: str, views: list[str], models: dict, most: int = MOST_BYTES
) -> dict[str, str]:
    """Return a page with its widgets, as file name to text: one file, or two if that one is too heavy.

    Weights are rounded no more than ``most`` bytes for each file make necessary. Where no rounding is enough,
    the last views that compute go into a script beside the page, as few as possible.
    """
    if not views:
        return {f"{name}.html": html}
    html = html.replace(RUNTIME, light.element("runtime", "", scripts.runtime().encode()))
    computing = [view for view in views if light.computes(view, models)]
    for first, steps in itertools.product(range(len(computing), -1, -1), light.STEPS):
        beside = computing[first:]
        files = _files(html, name, beside, *light.widgets(views, beside, models, steps))
        if all(len(text.encode()) <= most for text in files.values()):
            return files
    sizes = ", ".join(f"{file}: {len(text.encode()) / 1e6:.1f} MB" for file, text in files.items())
    sys.exit(f"However it is rounded and split, a page is too heavy, for {most / 1e6:.1f} MB each: {sizes}")


def _files(html, name, beside, widgets, script):
    """A page and, if views lie beside it, their script; the page last, since it is what make looks at."""
    file = f"{name}-{hashlib.sha256(script.encode()).hexdigest()[:8]}.js"
    if beside:
        widgets += f'<script>course.later("{file}", {json.dumps(beside)})</script>\n'
    page = {f"{name}.html": html.replace(WIDGETS, widgets)}
    return {file: script} | page if beside else page


def write(files: dict[str, str], name: str, folder: Path) -> None:
    """Write a page's files into ``folder``, and take away the script of an earlier page of this name."""
    for old in folder.glob(f"{name}-*.js"):
        old.unlink()
    for file, text in files.items():
        (folder / file).write_text(text, encoding="utf-8")


def with_stills(soup: BeautifulSoup, models: dict) -> list[str]:
    """Put pictures where widgets will be, and return the widgets' ids in the order of the page."""
    places = [place for place in soup.select(".live") if place["data-view"] in models]
    for place in places:
        for still in _stills(place["data-view"], models):
            place.append(BeautifulSoup(still, "html.parser"))
        for picture in place.select("img"):
            _lighten(picture)
    return list(dict.fromkeys(place["data-view"] for place in places))


def _stills(view, models):
    """The pictures that stand for an explorer where it cannot run, taken out of its models."""
    for key in light.reachable(view, models):
        state = models[key]["state"]
        if "explorer-static" in state.get("_dom_classes", ()):
            still, state["value"] = state["value"], ""
            yield re.sub(r"^<p>.*?</p>", "", still)


def main(source: Path, folder: Path) -> None:
    """Run the notebook ``source``, unless it has been run, and write its page into ``folder``."""
    notebook = nbformat.read(source, as_version=4)
    if not any(cell.get("execution_count") for cell in notebook.cells):
        notebook = run.run(notebook, source.parent)
    folder.mkdir(parents=True, exist_ok=True)
    about = share.about(course.chapter(source), notebook, folder)
    write(page(notebook, source.stem, course.chapters(), about), source.stem, folder)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
