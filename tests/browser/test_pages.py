"""Exported pages, opened from disk with the network off: everything still explores."""

import subprocess
import sys

import pytest
from conftest import ORDER, ROOT, Explored, saved_weights


def test_every_explorer_explores_without_a_kernel(in_page):
    for name in ORDER:
        explored = in_page[name]
        explored.box.scroll_into_view_if_needed()
        assert not explored.box.locator(".explorer-static").is_visible()
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
    weights = saved_weights(exported)
    decoders = 8 + 1  # those that ship, and the idle one
    encoders = 4 + 1  # four chapters' and a map's
    assert len(weights) == len(set(weights)) == decoders + encoders


@pytest.fixture(scope="module")
def chapter(tmp_path_factory):
    """Chapter 1, exported by the program that ``make html`` calls."""
    folder = tmp_path_factory.mktemp("chapter")
    command = [sys.executable, "docs/pages.py", "notebooks/1_autoencoder.ipynb", folder]
    subprocess.run(command, check=True, capture_output=True, cwd=ROOT)
    return folder / "1_autoencoder.html"


def test_a_chapter_explores_and_leads_to_the_other_pages(chapter, new_page):
    page = new_page(offline=True)
    page.goto(chapter.as_uri())
    page.locator(".explorer-page").nth(2).wait_for()
    for place in range(3):
        explored = Explored(page, place)
        before = explored.pixels()
        explored.sliders().first.focus()
        explored.press("ArrowRight", 20)
        assert explored.pixels() != before
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    assert {"2_compact_latent_space.html", "4_variational_autoencoder.html"} <= set(links)
    assert not [link for link in links if link.endswith(".ipynb") and "//" not in link]
    assert page.title() == "1. Autoencoder"
    page.close()
