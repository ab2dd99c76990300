"""Exported pages, opened from disk with the network off: everything still explores."""

import base64
import gzip
import hashlib
import json
import re
import shutil
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import COME_NEAR, DRAWN, ORDER, ROOT, Explored

from helpers import checkpoints

sys.path.append(str(ROOT / "docs"))
import light
import pages


def test_every_explorer_explores_without_a_kernel(in_page):
    for name in ORDER:
        explored = in_page[name]
        explored.box.scroll_into_view_if_needed()
        assert not explored.box.locator(".explorer-static").is_visible()
        assert explored.moves(), name


def test_buttons_work_without_a_kernel(in_page):
    numbers = in_page["numbers"]
    numbers.button("Random point").click()
    assert sum(value != 0 for value in numbers.values()) > 9
    learned = in_page["learned"]
    before = learned.pixels()
    learned.box.get_by_role("button", name="5", exact=True).click()
    assert learned.pixels() != before


def test_the_page_asks_nobody_for_anything(in_page, exported, beside):
    schemes = {request.split(":")[0] for request in in_page["map"].page.requests}
    assert schemes <= {"file", "data", "blob"}
    files = [request for request in in_page["map"].page.requests if request.startswith("file")]
    assert files == [exported.as_uri(), beside[0].as_uri()]


@pytest.fixture(scope="module")
def beside(exported):
    """The script beside the page, and the views that it brings to life."""
    name, views = re.search(r'course\.later\("(.+?)", (\[.+?\])\)', exported.read_text()).groups()
    return exported.with_name(name), json.loads(views)


def test_what_makes_a_page_too_heavy_lies_beside_it(exported, beside):
    script, _ = beside
    weight = exported.stat().st_size
    assert weight <= pages.MOST_BYTES < weight + script.stat().st_size
    assert script.stem == f"explorers-{hashlib.sha256(script.read_bytes()).hexdigest()[:8]}"
    assert list(exported.parent.glob("*.js")) == [script]


def opened(new_page, exported, views):
    """The page on a low screen, far from its last explorers, once all but these of its views live."""
    page = new_page(offline=True)
    page.set_viewport_size({"width": 1400, "height": 300})
    page.requests = []
    page.on("request", lambda request: page.requests.append(request.url))
    page.goto(exported.as_uri())
    page.wait_for_function(f"document.querySelectorAll('.live:not([data-alive])').length <= {len(views)}")
    return page


def test_it_comes_when_one_of_its_explorers_is_near(new_page, exported, beside):
    script, views = beside
    page = opened(new_page, exported, views)
    assert page.locator(".live:not([data-alive])").count() == len(views) < len(ORDER)
    assert script.as_uri() not in page.requests
    page.locator(f'[data-view="{views[-1]}"]').scroll_into_view_if_needed()
    page.locator(DRAWN).nth(len(ORDER) - 1).wait_for()
    assert page.requests.count(script.as_uri()) == 1
    assert page.complaints == []
    page.close()


def test_without_it_the_page_says_what_is_missing_and_the_others_explore(
    new_page, exported, beside, tmp_path
):
    script, views = beside
    page = opened(new_page, Path(shutil.copy(exported, tmp_path)), views)
    page.evaluate(COME_NEAR)
    page.get_by_text(f"needs the file {script.name} in the same folder").nth(len(views) - 1).wait_for()
    for view in views:
        assert page.locator(f'[data-view="{view}"] img').is_visible()
    explored = Explored(page, 0)
    assert explored.moves()
    page.close()


def test_a_page_written_anew_takes_its_old_script_away(tmp_path):
    pages.write({"page-1234.js": "", "page.html": ""}, "page", tmp_path)
    pages.write({"page.html": ""}, "page", tmp_path)
    assert [file.name for file in tmp_path.iterdir()] == ["page.html"]


def test_what_lies_beside_a_page_holds_nothing_that_the_page_needs():
    shared = {"child": "IPY_MODEL_shared"}
    models = {"heavy": {"state": shared}, "light": {"state": shared}, "shared": {"state": {}}}
    inside, script = light.widgets(["heavy", "light"], ["heavy"], models, steps=8)
    [first], [last] = (_unpacked(text, "view") for text in (inside, script))
    assert set(json.loads(first)["models"]) == {"light", "shared"}
    assert set(json.loads(last)["models"]) == {"heavy"}


def test_the_first_explorer_comes_before_the_predictions_above_it():
    models = {
        "guess": {"state": {"_dom_classes": ["prediction"]}},
        "lens": {"state": {"children": ["IPY_MODEL_inner"]}},
        "inner": {"state": {"_dom_classes": ["explorer-stepped"]}},
        "map": {"state": {"_dom_classes": ["explorer"]}},
    }
    assert light.explorer_first(["guess", "lens", "map"], models) == ["lens", "guess", "map"]
    assert light.explorer_first(["guess"], models) == ["guess"]


def _unpacked(text, kind):
    """What the pieces of a page and its script hold."""
    packed = re.findall(rf'(?:/gzip" data-{kind}="\w*">|take\("{kind}", "\w+", ")([^<"]+)', text)
    return [gzip.decompress(base64.b64decode(one)) for one in packed]


def test_the_page_and_its_script_hold_everything_once(exported, beside):
    text = exported.read_text() + beside[0].read_text()
    blocks = _unpacked(text, "block")
    assert len(blocks) == len(set(blocks))
    assert sum(b"function buildDecoder" in one for one in _unpacked(text, r"\w+")) == 1
    parts = [part for view in _unpacked(text, "view") for part in json.loads(view)["parts"]]
    networks = {part["block"] for part in parts if "shapes" in part}
    decoders = 8 + 1  # those that ship, and an idle one
    encoders = 4 + 1  # four chapters' and a map's
    assert len(networks) == decoders + encoders


@pytest.fixture(scope="module")
def untouched(exported, new_page):
    """The explorers in a page that nobody has touched, by name."""
    page = new_page(offline=True)
    page.goto(exported.as_uri())
    page.evaluate(COME_NEAR)
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
