"""Run a notebook and keep all that it shows: ``python docs/run.py NOTEBOOK WHERE_TO_KEEP_IT``."""

import os
import sys
from pathlib import Path

import nbformat
from nbclient import NotebookClient
from tqdm import tqdm


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


def main(source: Path, target: Path) -> None:
    """Run the notebook ``source`` where it lies, and write it to ``target``."""
    notebook = run(nbformat.read(source, as_version=4), source.parent)
    target.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(notebook, target.with_suffix(".unfinished"))
    os.replace(target.with_suffix(".unfinished"), target)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:3]))
