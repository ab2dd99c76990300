"""Exported pages, opened from disk with the network off: everything still explores."""

import base64
import gzip
import re
import sys
import zlib

import numpy as np
import pytest
import torch
from conftest import DRAWN, ORDER, ROOT, Explored

from helpers import checkpoints

sys.path.append(str(ROOT / "docs"))
import light


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


@pytest.fixture(scope="module")
def blocks(exported):
    """What the page's blocks hold, unpacked."""
    return _unpacked(exported, r'data-block="\d+"')


def _unpacked(exported, which):
    packed = re.findall(rf'<script type="application/gzip" {which}>([^<]+)', exported.read_text())
    return [gzip.decompress(base64.b64decode(one)) for one in packed]


def test_the_page_holds_everything_once(blocks, exported):
    assert len(blocks) == len(set(blocks))
    assert sum(b"function buildDecoder" in one for one in _unpacked(exported, "[^>]+")) == 1
    networks = [block for block in blocks if len(block) > 100_000]
    decoders = 8  # those that ship; the idle one is small
    encoders = 4 + 1  # four chapters' and a map's
    assert len(networks) == decoders + encoders


@pytest.fixture(scope="module")
def untouched(exported, new_page):
    """The explorers in a page that nobody has touched, by name."""
    page = new_page(offline=True)
    page.goto(exported.as_uri())
    page.locator(DRAWN).nth(len(ORDER) - 1).wait_for()
    yield {name: Explored(page, place) for place, name in enumerate(ORDER)}
    page.close()


@pytest.mark.parametrize(("chapter", "name"), [(1, "map-1"), (2, "map-2"), (3, "map-3"), (4, "map")])
def test_a_page_s_digits_are_the_model_s_but_for_rounded_weights(untouched, chapter, name):
    explored = untouched[name]
    with torch.no_grad():
        digit = checkpoints.load(chapter, latent_dim=2).decode(torch.tensor([explored.values()]))
    ink = 1 - torch.tensor(explored.pixels()) / 255
    assert (ink - digit.flatten()).abs().mean() < 0.01


def weights_of_a_network():
    shapes = [[5, 3], [2, 5]]
    return torch.randn(5 * 4 + 2 * 6, generator=torch.Generator().manual_seed(0)).half().numpy(), shapes


@pytest.mark.parametrize("form", ["halves", "planes"])
def test_weights_come_back_in_the_form_in_which_they_went(untouched, form):
    halves, shapes = weights_of_a_network()
    planes = zlib.compress(halves.view(np.uint8).reshape(-1, 2).T.tobytes())
    found, found_form = light.halves_of({"halves": halves.tobytes(), "planes": planes}[form], shapes)
    assert found_form == form
    packed = list(light.rounded(found, shapes, steps=100))
    given = [form, packed, shapes]
    unpack = """([form, packed, shapes]) => {
        const { buffer } = course.FORMS[form](new Uint8Array(packed).buffer, shapes);
        return [...new Uint8Array(buffer)];
    }"""
    back = bytes(untouched["map"].page.evaluate(unpack, given))
    again, _ = light.halves_of(back, shapes)
    assert np.abs(again.astype(float) - halves).max() < 0.5 * np.abs(halves).max() / 127 + 2e-3


def test_counts_of_small_steps_become_counts_of_larger_ones():
    counts = np.random.default_rng(0).normal(0, 30, 40 * 31).clip(-127, 127).astype(np.int8)
    packed = zlib.compress(counts.tobytes())
    fewer = np.frombuffer(zlib.decompress(light.recounted(packed, [[40, 30]], steps=3)), np.int8)
    assert (fewer[1200:] == counts[1200:]).all()  # biases
    assert np.abs(fewer.astype(int) - counts).max() <= 7
    assert len(set(fewer[:1200])) < 30 < len(set(counts[:1200]))


def test_what_is_no_network_s_weights_is_left_alone():
    assert light.halves_of(b"anything", [[5, 3]]) == (None, "bytes")
    assert light.recounted(b"anything", [[5, 3]], steps=3) == b"anything"


def test_a_chapter_explores_and_leads_to_the_other_pages(site, new_page):
    page = new_page(offline=True)
    page.goto((site / "1_autoencoder.html").as_uri())
    page.locator(DRAWN).nth(2).wait_for()
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
