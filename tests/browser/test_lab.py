"""A learner opens a chapter in JupyterLab, runs all of it, and moves a slider with the keyboard."""

import contextlib
import time
from pathlib import Path

import pytest
from playwright.sync_api import TimeoutError

CHAPTERS = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MINUTES = 60


def run_all(page):
    """What the menu's *Run All Cells* does, repeated until JupyterLab is ready to do it."""
    for _ in range(5):
        page.wait_for_timeout(10_000)
        page.evaluate("() => void window.jupyterapp.commands.execute('notebook:run-all-cells')")
        with contextlib.suppress(TimeoutError):
            page.get_by_text("[*]:").first.wait_for(state="attached", timeout=10_000)
            return
    pytest.fail("no cell began to run")


def wait_until_run(lab, page, notebook, minutes=10):
    """Save now and then, until the last cell has run; fail at the first error."""
    end = time.monotonic() + minutes * MINUTES
    while time.monotonic() < end:
        page.wait_for_timeout(3000)
        page.keyboard.press("ControlOrMeta+s")
        cells = lab.saved(notebook)
        errors = [output for cell in cells for output in cell["outputs"] if output["output_type"] == "error"]
        assert not errors, errors
        if cells[-1]["execution_count"]:
            return
    pytest.fail(f"{notebook} did not finish within {minutes} minutes")


@pytest.mark.parametrize("notebook", CHAPTERS)
def test_run_all_then_explore_by_keyboard(lab, page, notebook):
    page.goto(lab.url(notebook))
    page.locator(".jp-Notebook").wait_for()
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    run_all(page)
    wait_until_run(lab, page, notebook)

    explorer = page.locator(".jp-OutputArea-output .widget-hbox", has=page.get_by_role("slider")).first
    slider = explorer.get_by_role("slider").first
    digit = explorer.locator("img.widget-image").last
    slider.scroll_into_view_if_needed()
    before = digit.screenshot()
    slider.focus()
    for _ in range(20):
        page.keyboard.press("ArrowRight")
    for _ in range(50):
        page.wait_for_timeout(100)
        if digit.screenshot() != before:
            return
    pytest.fail("the digit did not change")
