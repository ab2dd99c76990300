"""The sliders redraw what they say they redraw."""

import io

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from PIL import Image

from helpers import explorer, plots
from helpers.models import Autoencoder


def model_with(latent_dim):
    torch.manual_seed(0)
    return Autoencoder(latent_dim=latent_dim, width=16)


def inside(widget, kind):
    """All widgets of a kind inside another, in the order in which they are shown."""
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += inside(child, kind)
    return found


def pixels(image):
    return np.asarray(Image.open(io.BytesIO(image.value)).convert("L"))


def shown_digit(image):
    """The 28 by 28 pixels from 0 to 1 that the widget shows."""
    side = explorer.DIGIT_SIDE // 28
    return 1 - pixels(image)[side // 2 :: side, side // 2 :: side] / 255


def test_the_map_follows_its_two_sliders(test_set):
    model = model_with(2)
    explored = explorer.explore_map(model, test_set[0][:100], test_set[1][:100])
    map_image, digit = inside(explored, widgets.Image)
    first, second = inside(explored, widgets.FloatSlider)
    before = pixels(map_image)
    first.value, second.value = first.max, second.min
    expected = model.decode([[first.value, second.value]])[0, 0].numpy()
    assert shown_digit(digit) == pytest.approx(expected, abs=1 / 255 + 1e-6)
    assert (pixels(map_image) != before).any()


def test_the_cross_stands_where_the_point_is():
    picture = plots.latent_map(torch.tensor([[-1.0, -1.0], [1.0, 1.0]]), torch.tensor([3, 3]))
    blank = Image.open(io.BytesIO(picture.png(scale=1))).convert("L")
    x, y = explorer._pixel_position(picture, (-1.0, -1.0))
    around = np.asarray(blank)[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5]
    assert around.min() < 200  # the first code's dot
    x, y = explorer._pixel_position(picture, (-1.0, 1.0))
    around = np.asarray(blank)[round(y) - 4 : round(y) + 5, round(x) - 4 : round(x) + 5]
    assert around.min() == 255  # nothing


def test_a_map_needs_a_model_of_two_numbers(test_set):
    with pytest.raises(ValueError, match="has 5: use explore_numbers"):
        explorer.explore_map(model_with(5), *test_set)


def test_numbers_are_ordered_by_how_much_they_matter_and_idle_ones_are_named(test_set):
    model = model_with(3)
    with torch.no_grad():
        model.decoder.hidden[0].weight[:, 0] = 0
        model.decoder.hidden[0].weight[:, 2] *= 5
    explored = explorer.explore_numbers(model, test_set[0][:100])
    names = [slider.description for slider in inside(explored, widgets.FloatSlider)]
    assert names[0] == "number 3"
    assert names[-1] == "number 1 (idle)"


def test_every_slider_moves_its_own_number(test_set):
    model = model_with(3)
    explored = explorer.explore_numbers(model, test_set[0][:100])
    (digit,) = inside(explored, widgets.Image)
    point = [0.0, 0.0, 0.0]
    for slider in inside(explored, widgets.FloatSlider):
        point[int(slider.description.split()[1]) - 1] = slider.value = 2.0
        assert shown_digit(digit) == pytest.approx(model.decode([point])[0, 0].numpy(), abs=1 / 255 + 1e-6)


def test_the_buttons_move_all_sliders(test_set):
    explored = explorer.explore_numbers(model_with(3), test_set[0][:100])
    sliders = inside(explored, widgets.FloatSlider)
    random_point, real_digit, reset = inside(explored, widgets.Button)
    for button in (random_point, real_digit):
        button.click()
        assert all(slider.value != 0 for slider in sliders)
        reset.click()
        assert all(slider.value == 0 for slider in sliders)


def test_choosing_steps_through_pictures():
    pictures = {name: plots.strips({name: torch.rand(3, 1, 28, 28)}) for name in ("small", "large")}
    chosen = explorer.choose(pictures, "size")
    (slider,) = inside(chosen, widgets.SelectionSlider)
    (image,) = inside(chosen, widgets.Image)
    assert image.value == pictures["small"].png()
    slider.value = "large"
    assert image.value == pictures["large"].png()
