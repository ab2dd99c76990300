"""The pad: by mouse, finger and keyboard, for all explorers at once, and in Python."""

import pytest
import torch
from conftest import Explored
from test_explorers import KERNEL, off_by, run_in_last_cell, settled

from helpers import checkpoints

SEVEN = [(80, 80), (190, 80), (150, 140), (120, 220)]
IMAGE = "print(pad.image.flatten().tolist())"


def pixels_of(canvas):
    return canvas.evaluate(
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            return [...data].filter((_, i) => i % 4 === 0);
        }"""
    )


def draw(explored, points=SEVEN):
    explored.paper.scroll_into_view_if_needed()
    box, mouse = explored.paper.bounding_box(), explored.page.mouse
    mouse.move(box["x"] + points[0][0], box["y"] + points[0][1])
    mouse.down()
    for x, y in points[1:]:
        mouse.move(box["x"] + x, box["y"] + y, steps=8)
    mouse.up()


def image_in(explored):
    """What Python holds once the page has told it, (28, 28)."""
    seen = 255 - torch.tensor(pixels_of(explored.seen.first), dtype=torch.uint8)
    for _ in range(20):
        settled(explored)
        image = torch.tensor(eval(explored.page.evaluate(KERNEL, IMAGE)), dtype=torch.uint8)
        if torch.equal(image, seen):
            return image.reshape(28, 28)
    pytest.fail("Python does not hold what the page shows.")


@pytest.fixture
def drawn_on(in_lab):
    """The map's explorer in JupyterLab, its pad cleared."""
    in_lab["map"].page.bring_to_front()
    in_lab["map"].button("Clear").click()
    return in_lab["map"]


def test_a_drawing_goes_to_python_and_its_code_to_the_map(drawn_on):
    draw(drawn_on)
    image, model = image_in(drawn_on), checkpoints.load(4, latent_dim=2)
    assert image.float().sum() > 5000
    seen, copy = (pixels_of(canvas) for canvas in drawn_on.seen.all())
    assert off_by(seen, image / 255) <= 1
    assert off_by(copy, model(image)) <= 1
    code = model.encode(image)[0].tolist()
    assert drawn_on.values() == pytest.approx(code, abs=0.03)
    own, of_a_1, of_an_8 = model.neighborhoods(image)[1][0].tolist(), "a 1", "an 8"
    named = drawn_on.box.locator(".explorer-inset").get_attribute("aria-label")
    assert f"yours {own[0]:.2f} by {own[1]:.2f}" in named
    assert of_a_1 in named
    assert of_an_8 in named


def test_all_explorers_show_one_drawing(drawn_on, in_lab):
    draw(drawn_on)
    image = image_in(drawn_on)
    for name in ("numbers", "chapters", "fixed", "learned"):
        assert off_by(pixels_of(in_lab[name].seen.first), image / 255) <= 1
    numbers = checkpoints.load(3)
    code = numbers.encode(image)[0]
    order = [
        int(name.split()[-1]) - 1
        for name in in_lab["numbers"].box.locator(".widget-label").all_text_contents()
        if "number" in name
    ]
    assert in_lab["numbers"].values() == pytest.approx(code[order].tolist(), abs=0.03)
    for row in range(4):
        expected = checkpoints.load(row + 1)(image)
        assert off_by(pixels_of(in_lab["chapters"].seen.nth(row + 1)), expected) <= 30


@pytest.mark.parametrize(("name", "chapter"), [("fixed", 3), ("learned", 4)])
def test_eight_neighbors_of_the_drawing(name, chapter, drawn_on, in_lab):
    explored = in_lab[name]
    draw(drawn_on)
    image, model = image_in(drawn_on), checkpoints.load(chapter)
    assert off_by(explored.pixels(row=0), image / 255) <= 1
    explored.sliders().first.focus()
    explored.press("Home")
    at_0 = torch.tensor(explored.pixels()).reshape(28, 8, 28)
    assert off_by(at_0[:, 5].flatten().tolist(), model(image)) <= 1
    explored.press("PageUp", 3)
    pixels = torch.tensor(explored.pixels()).reshape(28, 8, 28)
    assert len({tuple(pixels[:, i].flatten().tolist()) for i in range(8)}) == 8
    explored.box.get_by_role("button", name="4", exact=True).click()
    assert off_by(explored.pixels(row=0), image / 255) > 100


def test_a_finger_draws(drawn_on):
    page = drawn_on.page
    drawn_on.paper.scroll_into_view_if_needed()
    box, session = drawn_on.paper.bounding_box(), page.context.new_cdp_session(page)
    for kind, x in (("touchStart", 60), ("touchMove", 140), ("touchMove", 220)):
        point = [{"x": box["x"] + x, "y": box["y"] + 120}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": point})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    inked = image_in(drawn_on) > 50
    assert inked.any(0).sum() >= 19  # a line from left to right
    assert inked.any(1).sum() <= 5


def test_a_palm_on_the_paper_neither_draws_nor_breaks_the_line(drawn_on):
    drawn_on.paper.scroll_into_view_if_needed()
    box, session = drawn_on.paper.bounding_box(), drawn_on.page.context.new_cdp_session(drawn_on.page)

    def at(x, y, number):
        return {"x": box["x"] + x, "y": box["y"] + y, "id": number}

    def touch(kind, *points):
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": points})

    touch("touchStart", at(60, 60, 0))
    touch("touchStart", at(60, 60, 0), at(200, 220, 1))
    for x in (140, 220):
        touch("touchMove", at(x, 60, 0), at(x - 20, 220, 1))
    touch("touchEnd", at(220, 60, 0))
    touch("touchMove", at(230, 60, 0))
    touch("touchEnd")
    inked = image_in(drawn_on) > 50
    assert inked.any(0).sum() >= 19
    assert inked.any(1).sum() <= 5


def test_a_real_digit_by_keyboard_alone(drawn_on, test_set):
    page = drawn_on.page
    drawn_on.button("Bring a real digit").focus()
    page.keyboard.press("Enter")
    real = image_in(drawn_on)
    assert any(torch.equal(real, image) for image in test_set[0][:20])
    drawn_on.paper.focus()
    drawn_on.press("ArrowRight", 3)
    assert torch.equal(image_in(drawn_on), real)  # it is centered again
    drawn_on.button("Center and scale").focus()
    page.keyboard.press("Enter")
    assert torch.equal(image_in(drawn_on), real.roll(3, 1))
    drawn_on.button("Turn left").focus()
    page.keyboard.press("Enter")
    turned = image_in(drawn_on)
    drawn_on.button("Thicker").focus()
    page.keyboard.press("Enter")
    assert image_in(drawn_on).float().sum() > 1.1 * turned.float().sum()
    drawn_on.button("Center and scale").click()


def test_keys_on_the_paper_stay_there(drawn_on):
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    drawn_on.paper.focus()
    before = drawn_on.page.evaluate(active)
    for key in ("ArrowDown", "ArrowUp", "x", "b"):
        drawn_on.page.keyboard.press(key)
    assert drawn_on.page.evaluate(active) == before


def test_a_drawing_survives_a_rerun(drawn_on, in_lab):
    draw(drawn_on)
    image = image_in(drawn_on)
    source = (
        "pad = explorer.open_pad()\nagain = explorer.explore_map(maps[1], images, labels, pad=pad)\nagain"
    )
    run_in_last_cell(drawn_on.page, source)
    rerun = Explored(drawn_on.page, len(in_lab))
    rerun.paper.wait_for()
    assert off_by(pixels_of(rerun.seen.first), image / 255) <= 1
    assert torch.equal(image_in(drawn_on), image)
    drawn_on.page.evaluate(KERNEL, "again.close()")


def test_what_is_no_digit_is_called_far(drawn_on):
    draw(drawn_on, [(60, 140), (220, 140)])
    settled(drawn_on)
    words = drawn_on.box.locator(".explorer-pad .explorer-words").text_content()
    assert words.startswith("Its code: far from all codes")
    assert float(words.split(" times as far")[0].split()[-1]) > 1.5
    drawn_on.button("Clear").click()
    settled(drawn_on)
    assert drawn_on.box.locator(".explorer-pad .explorer-words").text_content() == ""
    assert not image_in(drawn_on).any()


def test_drawing_in_an_exported_page(in_page):
    explored = in_page["map"]
    explored.page.bring_to_front()
    draw(explored)
    explored.page.wait_for_timeout(300)
    seen, copy = (torch.tensor(pixels_of(canvas), dtype=torch.float) for canvas in explored.seen.all())
    model = checkpoints.load(4, latent_dim=2)
    expected = 255 * (1 - model(((255 - seen).round().byte()).reshape(1, 28, 28)))
    assert (copy - expected.flatten()).abs().mean() < 0.05 * 255  # pages round weights, and say so
    assert "a 7" in explored.box.locator(".explorer-pad .explorer-words").text_content()
