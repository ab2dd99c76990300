"""A learner opens a chapter in JupyterLab, runs all of it, and moves a slider with the keyboard."""

import time
from pathlib import Path

import pytest
from conftest import Explored, run_all

CHAPTERS = sorted(path.name for path in (Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
MINUTES = 60


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
    page.goto(lab.lab(notebook))
    run_all(page)
    wait_until_run(lab, page, notebook)

    explorers = page.locator(".explorer").count()
    assert explorers >= 3 or notebook.startswith("epilogue")
    for place in range(explorers):
        explored = Explored(page, place)
        explored.box.scroll_into_view_if_needed()
        assert explored.moves()
