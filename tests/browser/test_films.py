"""A film in the page: by slider, buttons and keyboard, with and without motion, and as it looked then."""

import re

import pytest
import torch
from conftest import Explored
from test_explorers import KERNEL, settled

EXACT = """
import torch
point = torch.tensor([[{first}, {second}]])
print((255 * (1 - film.logits(point)[{moment}].sigmoid())).flatten().tolist())
"""


@pytest.fixture
def film(in_lab):
    """The film in JupyterLab, at its beginning."""
    explored = in_lab["film"]
    explored.page.bring_to_front()  # frames stop in the pages behind another
    explored.box.scroll_into_view_if_needed()
    explored.sliders().first.focus()
    explored.press("Home")
    yield explored
    explored.page.emulate_media(reduced_motion=None)


def picture(explored):
    return explored.box.locator(".explorer-map-picture").evaluate("canvas => canvas.toDataURL()")


def moment(explored):
    return explored.values()[0]


def epochs_told(explored):
    settled(explored)
    return float(re.search(r"After ([\d.]+) epochs", explored.words.text_content())[1])


def test_the_slider_replays_the_training(film):
    first, digit = picture(film), film.pixels()
    assert epochs_told(film) == 0
    film.press("End")
    assert moment(film) == 29
    assert epochs_told(film) == 10
    assert picture(film) != first
    assert film.pixels() != digit


def test_play_pause_and_play_to_the_end(film):
    film.button("Play").click()
    film.page.wait_for_timeout(1500)
    film.button("Pause").click()
    paused = moment(film)
    assert 0 < paused < 29
    film.page.wait_for_timeout(400)
    assert moment(film) == paused
    film.button("Speed 1").click()
    film.button("Speed 2").focus()
    film.button("Play").focus()
    film.page.keyboard.press("Enter")
    film.button("Play").wait_for(timeout=30_000)  # it says so again at the end
    assert moment(film) == 29
    film.button("Speed 2").click()
    film.button("Speed 0.5").click()


def test_steps_by_keyboard(film):
    for name, expected in (("Step on", 1), ("Step on", 2), ("Step back", 1)):
        film.button(name).focus()
        film.page.keyboard.press("Enter")
        assert moment(film) == expected


def test_steps_from_between_two_moments_lead_to_the_next(film):
    film.sliders().first.focus()
    film.press("Home")
    film.press("ArrowRight", 6)
    between = moment(film)
    assert 0 < between < 1
    film.button("Step on").click()
    assert moment(film) == 1
    film.press("ArrowLeft", 4)
    film.button("Step back").click()
    assert moment(film) == 0


def test_a_hand_on_the_slider_ends_playing(film):
    film.button("Play").click()
    film.page.wait_for_timeout(300)
    film.sliders().first.focus()
    film.press("End")
    film.press("ArrowLeft", 5)
    film.button("Play").wait_for()
    film.page.wait_for_timeout(300)
    assert moment(film) == pytest.approx(28.5)


def test_moment_by_moment_where_motion_is_unwelcome(film):
    film.page.emulate_media(reduced_motion="reduce")
    film.button("Play").click()
    seen = set()
    for _ in range(50):
        film.page.wait_for_timeout(100)
        seen.add(moment(film))
        if len(seen) == 4:
            break
    film.button("Pause").click()
    assert len(seen) == 4
    assert all(value == round(value) for value in seen)


@pytest.mark.parametrize("steps", [0, 12, 29])
def test_the_digit_is_what_pytorch_decoded_then(film, steps):
    """Within the few shades that a film's size costs."""
    film.press("Home")
    for _ in range(steps):
        film.button("Step on").click()
    film.sliders().nth(1).focus()
    film.press("PageUp")
    _, first, second = film.values()
    source = EXACT.format(first=first, second=second, moment=steps)
    exact = torch.tensor(eval(film.page.evaluate(KERNEL, source)))
    assert (torch.tensor(film.pixels()) - exact).abs().mean() <= 8


def test_neighborhoods_and_backdrop(film):
    film.press("End")
    for name, pressed in (("Neighborhoods", "true"), ("Backdrop of digits", "false")):
        before = picture(film)
        assert film.button(name).get_attribute("aria-pressed") == pressed
        film.button(name).click()
        assert picture(film) != before
        film.button(name).click()
        assert picture(film) == before


def test_plays_without_a_kernel(in_page):
    explored: Explored = in_page["film"]
    explored.page.bring_to_front()
    explored.box.scroll_into_view_if_needed()
    explored.button("Step on").click()
    explored.button("Play").click()
    explored.page.wait_for_timeout(800)
    explored.button("Pause").click()
    assert moment(explored) > 1
