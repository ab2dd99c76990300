"""The epilogue's explorer by keyboard: in JupyterLab, and in an exported page without a kernel."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import DRAWN, notebook_of
from playwright.sync_api import expect

SOURCE = """
from helpers import checkpoints, data, ways
ways.explore(checkpoints.load("epilogue"), data.load_mnist("test")[0][:200])
"""


@pytest.fixture
def explored(opened):
    page = opened(notebook_of("Ways", SOURCE), "ways.ipynb")
    page.locator(f".explorer-stepped {DRAWN}").wait_for(state="attached", timeout=120_000)
    return page.locator(".explorer-stepped")


def test_two_sliders_lead_through_all_pictures(explored):
    picture = explored.get_by_role("img", name="8 points on a map")
    passed, steps = (explored.get_by_role("slider", name=name) for name in ("passed", "steps"))
    presses = [(passed, "ArrowRight", f"{share}%") for share in (10, 20, 30)]
    presses += [(steps, "ArrowLeft", "5"), (steps, "ArrowLeft", "1")]
    for slider, key, says in presses:
        before = picture.get_attribute("src")
        slider.press(key)
        expect(slider).to_have_attribute("aria-valuetext", says)
        expect(picture).not_to_have_attribute("src", before)
    expect(passed).to_have_attribute("aria-valuetext", "30%")  # the moment stays


def test_names_roles_and_contrast(explored):
    found = Axe().run(explored.page, context=".explorer-stepped").response["violations"]
    assert not found, [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
