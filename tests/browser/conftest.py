"""Servers of the tests' own, pages exported for them, and a browser that points at both."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import TimeoutError, expect, sync_playwright

ROOT = Path(__file__).parents[2]
SITE = Path(os.environ["SITE"]).resolve() if os.environ.get("SITE") else None  # pages that have been built
PATIENCE = 60_000  # milliseconds, for machines that are busy
expect.set_options(timeout=PATIENCE)
CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]
EXPLORERS = {  # one of each kind, with all eight shipped models
    "imports": """
from helpers import checkpoints, data, explorer
images, labels = data.load_mnist("test")
images, labels = images[:3000], labels[:3000]
chapters = {f"chapter {n}": checkpoints.load(n) for n in (1, 2, 3, 4)}
maps = {n: checkpoints.load(n, latent_dim=2) for n in (1, 2, 3, 4)}
pad = explorer.open_pad()
""",
    "map": "explored = explorer.explore_map(maps[4], images, labels, neighborhoods=True, pad=pad)\nexplored",
    "numbers": "explorer.explore_numbers(chapters['chapter 3'], images, labels, pad=pad)",
    "fixed": "explorer.explore_neighborhoods(chapters['chapter 3'], images, labels, size=0.2, pad=pad)",
    "learned": "explorer.explore_neighborhoods(chapters['chapter 4'], images, labels, pad=pad)",
    "chapters": "explorer.explore_chapters(chapters, images, labels, pad=pad)",
    "idle": """
from helpers.models import Autoencoder
lazy = Autoencoder(latent_dim=3, width=16)
lazy.decoder.hidden[0].weight.data[:, 1] = 0
explorer.explore_numbers(lazy, images, labels)
""",
    **{f"map-{n}": f"explorer.explore_map(maps[{n}], images, labels)" for n in (1, 2, 3)},
    "film": """
from helpers import films, losses, training
film = films.Film(images[:200], labels[:200])
filmed = Autoencoder(latent_dim=2, width=64)
training.fit(filmed, losses.BY_CHAPTER[4], images, epochs=10, film=film)
explorer.explore_film(film, neighborhoods=True)
""",
}
ORDER = [name for name in EXPLORERS if name != "imports"]
DRAWN = ".explorer-page[data-drawn]"  # an explorer that shows all it has
COME_NEAR = """(async () => {
    for (const place of document.querySelectorAll(".live")) {
        scrollBy(0, place.getBoundingClientRect().top); // scrollIntoView would move where Tab begins
        await new Promise(requestAnimationFrame);
        await new Promise(requestAnimationFrame);
    }
    scrollTo(0, 0);
})()"""  # to every explorer of a page: those that lie beside it wait for that


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A running Jupyter application in ``folder``."""

    def __init__(self, folder, port):
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}"

    def lab(self, notebook):
        """Where a notebook opens in JupyterLab, in a fresh workspace."""
        return f"{self.address}/lab/tree/notebooks/{notebook}?reset"

    def saved(self, notebook):
        """The code cells of a notebook as they were saved last; it may just be being written, in place."""
        for _ in range(50):
            with contextlib.suppress(json.JSONDecodeError):
                cells = json.loads((self.folder / "notebooks" / notebook).read_text())["cells"]
                return [cell for cell in cells if cell["cell_type"] == "code"]
            time.sleep(0.1)
        pytest.fail(f"{notebook} stayed half written for 5 seconds")

    def wait(self, process, seconds=60):
        """Return once the server answers."""
        for _ in range(10 * seconds):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(self.address, timeout=60).close()
                return
            assert process.poll() is None, "the server ended before it answered"
            time.sleep(0.1)
        pytest.fail(f"the server did not answer within {seconds} seconds")


def explorers_notebook():
    return notebook_of("Explorers", *EXPLORERS.values(), "")  # and one cell to spare


def notebook_of(title, *sources):
    cells = [new_code_cell(source.strip()) for source in sources]
    notebook = new_notebook(cells=[new_markdown_cell(f"# {title}"), *cells])
    notebook.metadata["kernelspec"] = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return notebook


@contextlib.contextmanager
def serving(folder, application, *options, without=()):
    """Run a Jupyter application on copies of the chapters, so that running them changes nothing here.

    ``without`` names front-end extensions to switch off.
    """
    shutil.copytree(ROOT / "notebooks", folder / "notebooks", ignore=shutil.ignore_patterns("helpers"))
    nbformat.write(explorers_notebook(), folder / "notebooks" / "explorers.ipynb")
    tracker = folder / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    page_config = folder / "config" / "labconfig" / "page_config.json"
    for file in (tracker, page_config):
        file.parent.mkdir(parents=True)
    tracker.write_text('{"windowingMode": "none"}')  # keep every cell in the page
    page_config.write_text(json.dumps({"disabledExtensions": dict.fromkeys(without, True)}))
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
    }
    with running(folder, application, *options, environment=environment) as server:
        yield server


@contextlib.contextmanager
def running(folder, application, *options, environment):
    """Run a Jupyter application in a folder."""
    port = _free_port()
    command = [sys.executable, "-m", application, "--no-browser", f"--port={port}", *options]
    with open(folder / "server.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=folder)
        try:
            server = Server(folder, port)
            server.wait(process)
            yield server
        finally:
            process.terminate()
            process.wait(timeout=120)  # it stops its kernels first, which takes long where others work


JUPYTER_OPTIONS = ("--allow-root", "--ServerApp.token=", "--ServerApp.port_retries=0")
LAB_OPTIONS = (*JUPYTER_OPTIONS, "--LabApp.news_url=", "--LabApp.expose_app_in_browser=True")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    with serving(tmp_path_factory.mktemp("lab"), "jupyterlab", *LAB_OPTIONS) as server:
        yield server


def published(notebook, folder):
    """Run a notebook, save it and write it as a page into ``folder``, as ``make html`` does; the page."""
    executed = folder / "executed" / notebook.name
    for words in (["run.py", notebook, executed], ["pages.py", executed, folder]):
        _make(*words)
    return folder / f"{notebook.stem}.html"


def _make(program, *words):
    subprocess.run(
        [sys.executable, ROOT / "docs" / program, *words], check=True, capture_output=True, cwd=ROOT
    )


@pytest.fixture(scope="session")
def exported(tmp_path_factory):
    """The explorers' notebook as a page."""
    folder = tmp_path_factory.mktemp("pages")
    nbformat.write(explorers_notebook(), folder / "explorers.ipynb")
    return published(folder / "explorers.ipynb", folder)


@pytest.fixture(scope="session")
def site(tmp_path_factory):
    """Chapter 1 and the front door, by the programs that ``make html`` calls, or what SITE names."""
    if SITE:
        return SITE
    folder = tmp_path_factory.mktemp("site")
    published(ROOT / "notebooks" / "1_autoencoder.ipynb", folder)
    _make("door.py", folder)
    return folder


@pytest.fixture(scope="session")
def browser():
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=CHROMIUM)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def new_page(browser):
    """A function that opens an empty page, whose ``complaints`` are what its console tells of errors."""

    def opened(**options):
        page = browser.new_page(viewport={"width": 1400, "height": 1000}, **options)
        page.set_default_timeout(PATIENCE)
        page.complaints = []
        page.on("pageerror", lambda error: page.complaints.append(str(error)))
        page.on("console", lambda said: said.type == "error" and page.complaints.append(said.text))
        return page

    return opened


@pytest.fixture
def page(new_page):
    page = new_page()
    yield page
    page.close()


@pytest.fixture(params=["lab", "exported page"])
def opened(request, tmp_path, page):
    """A function that runs a notebook and shows it: in JupyterLab, or as a page without a kernel."""

    def shown(notebook, name):
        if request.param == "lab":
            lab = request.getfixturevalue("lab")
            nbformat.write(notebook, lab.folder / "notebooks" / name)
            page.goto(lab.lab(name))
            run_all(page)
        else:
            nbformat.write(notebook, tmp_path / name)
            page.goto(published(tmp_path / name, tmp_path).as_uri())
        return page

    return shown


def run_all(page):
    """What the menu's *Run All Cells* does, repeated until JupyterLab is ready to do it."""
    page.locator(".jp-Notebook").wait_for()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    for _ in range(5):
        page.wait_for_timeout(10_000)
        page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        with contextlib.suppress(TimeoutError):
            page.get_by_text("[*]:").first.wait_for(state="attached", timeout=10_000)
            return
    pytest.fail("no cell began to run")


class Explored:
    """One explorer in a page: what a person sees of it and does with it."""

    def __init__(self, page, place):
        self.page = page
        self.box = page.locator(".explorer").nth(place)
        self.digits = self.box.locator(".explorer-digits:not(.explorer-pad *)")
        self.paper = self.box.locator(".explorer-paper")
        self.seen = self.box.locator(".explorer-pad .explorer-digits")
        self.map = self.box.locator(".explorer-map-cross")
        self.words = self.box.locator(":is(.explorer-words, .explorer-unseen):not(.explorer-pad *)")

    def sliders(self):
        return self.box.get_by_role("slider")

    def values(self):
        """What the sliders read, in the order in which they stand."""
        readouts = self.box.locator(".widget-readout").all_text_contents()
        return [float(text.replace("\N{MINUS SIGN}", "-")) for text in readouts]

    def pixels(self, row=-1):
        """The pixels of a row of digits, as shades from 0 to 255, row by row, once all are painted."""
        self.page.wait_for_timeout(200)
        return self.digits.nth(row).evaluate(
            """canvas => {
                const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
                return [...data].filter((_, i) => i % 4 === 0);
            }"""
        )

    def press(self, key, times=1):
        for _ in range(times):
            self.page.keyboard.press(key)

    def moves(self):
        """Whether the last row of digits changes as the first slider goes on."""
        before = self.pixels()
        self.sliders().first.focus()
        self.press("ArrowRight", 20)
        return self.pixels() != before

    def button(self, name):
        return self.box.get_by_role("button", name=name, exact=True)


@pytest.fixture(scope="session")
def in_lab(lab, new_page):
    """The explorers in JupyterLab, by name, their notebook just run."""
    page = new_page()
    page.goto(lab.lab("explorers.ipynb"))
    run_all(page)
    page.locator(DRAWN).nth(len(ORDER) - 1).wait_for(timeout=120_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    yield {name: Explored(page, place) for place, name in enumerate(ORDER)}
    page.close()


@pytest.fixture(scope="session")
def in_page(exported, new_page):
    """The explorers in an exported page without a kernel or a network, by name."""
    page = new_page(offline=True)
    requests = []
    page.on("request", lambda request: requests.append(request.url))
    page.goto(exported.as_uri())
    page.evaluate(COME_NEAR)
    page.locator(DRAWN).nth(len(ORDER) - 1).wait_for()
    page.requests = requests
    yield {name: Explored(page, place) for place, name in enumerate(ORDER)}
    page.close()
