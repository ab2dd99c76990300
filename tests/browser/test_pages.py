"""Exported pages, opened from disk with the network off: everything still explores."""

import json
import re

from conftest import ORDER


def widget_state(exported):
    """The saved state of all widgets, by their ids."""
    text = exported.read_text()
    saved = re.search(r'application/vnd\.jupyter\.widget-state\+json">(.*?)</script>', text, re.DOTALL)
    return json.loads(saved[1])["state"]


def test_every_explorer_explores_without_a_kernel(in_page):
    for name in ORDER:
        explored = in_page[name]
        explored.box.scroll_into_view_if_needed()
        assert not explored.box.locator(".explorer-plain").is_visible()
        before = explored.pixels()
        explored.sliders().first.focus()
        explored.press("ArrowRight", 20)
        explored.page.wait_for_timeout(50)
        assert explored.pixels() != before, name


def test_buttons_work_without_a_kernel(in_page):
    numbers = in_page["numbers"]
    numbers.button("Random point").click()
    assert sum(value != 0 for value in numbers.values()) > 9
    learned = in_page["learned"]
    before = learned.pixels()
    learned.box.get_by_role("button", name="5", exact=True).click()
    assert learned.pixels() != before


def test_the_page_asks_nobody_for_anything(in_page):
    schemes = {request.split(":")[0] for request in in_page["map"].page.requests}
    assert schemes <= {"file", "data", "blob"}
    files = [request for request in in_page["map"].page.requests if request.startswith("file")]
    assert len(files) == 1


def test_the_page_holds_each_model_once(exported):
    decoders = [widget for widget in widget_state(exported).values() if "shapes" in widget["state"]]
    assert len(decoders) == 8
    assert len({widget["buffers"][0]["data"] for widget in decoders}) == 8
