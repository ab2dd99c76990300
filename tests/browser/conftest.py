"""A JupyterLab server of the tests' own, and a browser page that points at it."""

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

import pytest
from playwright.sync_api import sync_playwright

ROOT = Path(__file__).parents[2]
CHROMIUM = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
]


def _free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Lab:
    """A running JupyterLab in ``folder``."""

    def __init__(self, folder, port):
        self.folder = folder
        self.address = f"http://127.0.0.1:{port}"

    def url(self, notebook):
        """Where a chapter opens, in a fresh workspace."""
        return f"{self.address}/lab/tree/notebooks/{notebook}?reset"

    def saved(self, notebook):
        """The code cells of a chapter as they were saved last."""
        cells = json.loads((self.folder / "notebooks" / notebook).read_text())["cells"]
        return [cell for cell in cells if cell["cell_type"] == "code"]

    def wait(self, process, seconds=60):
        """Return once the server answers."""
        for _ in range(10 * seconds):
            with contextlib.suppress(OSError):
                urllib.request.urlopen(f"{self.address}/api", timeout=5).close()
                return
            assert process.poll() is None, "JupyterLab ended before it answered"
            time.sleep(0.1)
        pytest.fail(f"JupyterLab did not answer within {seconds} seconds")


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    """JupyterLab on a copy of the chapters, so that running them changes nothing here."""
    folder = tmp_path_factory.mktemp("lab")
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    port = _free_port()
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root", f"--port={port}"),
        *("--ServerApp.token=", "--ServerApp.port_retries=0", f"--ServerApp.root_dir={folder}"),
        *("--LabApp.news_url=", "--LabApp.expose_app_in_browser=True"),
    ]
    settings = folder / "settings" / "@jupyterlab" / "notebook-extension" / "tracker.jupyterlab-settings"
    settings.parent.mkdir(parents=True)
    settings.write_text('{"windowingMode": "none"}')  # keep every cell in the page
    environment = os.environ | {
        "JUPYTER_CONFIG_DIR": str(folder / "config"),
        "JUPYTERLAB_SETTINGS_DIR": str(folder / "settings"),
    }
    with open(folder / "lab.log", "w") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment)
        try:
            running = Lab(folder, port)
            running.wait(process)
            yield running
        finally:
            process.terminate()
            process.wait(timeout=30)


@pytest.fixture
def page():
    system = shutil.which("chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=system, args=CHROMIUM)
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        yield page
        browser.close()
