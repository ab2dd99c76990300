"""Explorers carry what the page needs, no more, and give it back. What the page does: tests/browser."""

import json
import re
import zlib

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from ipywidgets.embed import dependency_state

from helpers import checkpoints, explorer, plots
from helpers.models import Autoencoder


def model_with(latent_dim):
    torch.manual_seed(0)
    return Autoencoder(latent_dim=latent_dim, width=16)


@pytest.fixture
def digits(test_set):
    images, labels = test_set
    return images[:300], labels[:300]


@pytest.fixture
def four(digits):
    """One explorer of each kind."""
    explorers = [
        explorer.explore_map(model_with(2), *digits, neighborhoods=True),
        explorer.explore_numbers(model_with(3), *digits),
        explorer.explore_stages({"a": model_with(3), "b": model_with(3)}, *digits),
        explorer.explore_neighborhoods(model_with(3), *digits),
    ]
    return explorers


def inside(widget, kind):
    """All widgets of a kind inside another, in the order in which they are shown."""
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += inside(child, kind)
    return found


def unpacked(decoder):
    planes = np.frombuffer(zlib.decompress(decoder.weights), "u1").reshape(2, -1)
    return planes.T.copy().view("<f2").ravel()


@pytest.fixture(autouse=True)
def _nothing_left_open():
    yield
    widgets.Widget.close_all()
    explorer._shared.clear()


def alt_texts(explored):
    return re.findall(r'alt="([^"]*)"', "".join(html.value for html in inside(explored, widgets.HTML)))


def payload(explored):
    """Bytes that a saved page needs for an explorer: its state as JSON, with bytes in base 64."""
    return len(json.dumps(dependency_state(explored, drop_defaults=False)))


def test_the_page_gets_the_decoder_s_weights_in_half_precision():
    model = model_with(3)
    decoder = explorer._decoder_of(model)
    assert decoder.shapes == [[16, 3], *[[16, 16]] * 4, [784, 16]]
    expected = [parameter.detach().half().flatten() for parameter in model.decoder.parameters()]
    assert (unpacked(decoder) == torch.cat(expected).numpy()).all()


def test_explorers_of_one_model_share_its_weights_until_it_is_trained_again(digits):
    model = model_with(2)
    first, second = explorer.explore_map(model, *digits), explorer.explore_numbers(model, *digits)
    assert first.page.decoders[0] is second.page.decoders[0]
    with torch.no_grad():
        model.decoder.pixels.bias += 1
    third = explorer.explore_numbers(model, *digits)
    assert third.page.decoders[0] is not first.page.decoders[0]


def idle(model):
    """Make the decoder ignore the model's first latent number."""
    with torch.no_grad():
        model.decoder.hidden[0].weight[:, 0] = 0
    return model


def test_closing_gives_back_every_widget(digits):
    model = idle(model_with(2))
    before = set(widgets.widget._instances)
    first = explorer.explore_map(model, *digits)
    second = explorer.explore_neighborhoods(model, *digits)
    third = explorer.explore_numbers(model, *digits)
    first.close()
    third.close()
    assert second.page.decoders[0].comm is not None  # still in use
    second.close()
    second.close()
    assert set(widgets.widget._instances) == before
    assert not explorer._shared


@pytest.mark.parametrize("chapter", [1, 2, 3, 4])
def test_saved_explorers_stay_small(chapter, test_set):
    numbers = explorer.explore_numbers(checkpoints.load(chapter), *test_set)
    map_ = explorer.explore_map(checkpoints.load(chapter, latent_dim=2), *test_set, neighborhoods=True)
    assert payload(numbers) <= 2_500_000
    assert payload(map_) <= 1_000_000


def test_every_control_is_linked_with_its_own_trait_in_the_front_end(four):
    explored_map, numbers, stages, neighborhoods = four
    for explored in (explored_map, numbers):
        for link in explored.page.links:
            (slider, _), (page, name) = link.source, link.target
            assert page is explored.page
            assert slider.description.replace(" ", "_") == name
            assert getattr(page, name) == slider.value
    assert [link.target[1] for link in stages.page.links] == ["scale"]
    assert [link.target[1] for link in neighborhoods.page.links] == ["choice", "scale"]


def test_every_slider_can_stand_at_zero_and_reaches_every_code(four, digits):
    explored_map, numbers, *_ = four
    for explored in (explored_map, numbers):
        for slider in inside(explored, widgets.FloatSlider):
            assert (slider.min / slider.step) == pytest.approx(round(slider.min / slider.step))
            assert 250 <= (slider.max - slider.min) / slider.step < 1000
    furthest = model_with(3).encode(digits[0]).abs().max()
    assert all(slider.max >= furthest for slider in inside(numbers, widgets.FloatSlider))


def test_numbers_are_ordered_by_how_much_they_matter_and_idle_ones_are_folded_away(digits):
    model = idle(model_with(3))
    with torch.no_grad():
        model.decoder.hidden[0].weight[:, 2] *= 5
    explored = explorer.explore_numbers(model, *digits)
    (folded,) = inside(explored, widgets.Stack)
    assert [slider.description for slider in inside(folded, widgets.FloatSlider)] == ["number 1"]
    assert inside(folded.children[0], widgets.FloatSlider) == []
    assert folded.selected_index == 0
    assert inside(explored, widgets.ToggleButtons)[0].description == "1 idle"
    assert inside(explored, widgets.FloatSlider)[0].description == "number 3"


def test_a_map_of_too_many_codes_is_thinned_and_says_so(test_set):
    explored = explorer.explore_map(model_with(2), *test_set)
    assert len(explored.page.content["labels"]) == 5000
    assert any("5,000 of 10,000 codes" in html.value for html in inside(explored, widgets.HTML))


def test_neighborhoods_start_at_the_learned_sizes_or_at_the_given_one(digits):
    model = model_with(3)
    learned = explorer.explore_neighborhoods(model, *digits)
    fixed = explorer.explore_neighborhoods(model, *digits, size=0.2)
    first_seven = digits[0][(digits[1] == 7).nonzero()[0]]
    code, size = (pytest.approx(values[0].tolist(), rel=1e-4) for values in model.neighborhoods(first_seven))
    assert learned.page.content["rows"][0]["places"][7] == {"center": code, "spread": size}
    assert learned.page.scale == 1
    assert fixed.page.content["rows"][0]["places"][7] == {"center": code, "spread": [1, 1, 1]}
    assert fixed.page.scale == 0.2
    assert learned.page.content["originals"][7 * 784 : 8 * 784] == first_seven.numpy().tobytes()


def test_the_plain_explorer_follows_its_controls_until_a_front_end_draws_the_live_one(four):
    for explored in four:
        picture = inside(explored, widgets.HTML)[1]
        slider = inside(explored, widgets.FloatSlider)[0]
        assert "no anywidget" in inside(explored, widgets.HTML)[0].value
        before = picture.value
        assert all(alt_texts(explored))
        slider.value = slider.max
        assert picture.value != before
        explored.page.alive = True
        before = picture.value
        slider.value = slider.min
        assert picture.value == before


def test_the_plain_buttons_move_all_sliders(four):
    sliders = inside(four[1], widgets.FloatSlider)
    random_point, real_digit, reset = inside(four[1], widgets.Button)
    for button in (random_point, real_digit):
        button.click()
        assert all(slider.value != 0 for slider in sliders)
        reset.click()
        assert all(slider.value == 0 for slider in sliders)


def test_a_map_needs_a_model_of_two_numbers(digits):
    with pytest.raises(ValueError, match="has 5: use explore_numbers"):
        explorer.explore_map(model_with(5), *digits)


def test_nobody_moves_a_hundred_sliders(digits):
    with pytest.raises(ValueError, match="Nobody can explore more than 64"):
        explorer.explore_numbers(model_with(100), *digits)


def test_a_model_that_is_not_ours_is_refused(digits):
    with pytest.raises(TypeError, match=r"models\.Autoencoder, not Linear"):
        explorer.explore_numbers(torch.nn.Linear(3, 784), *digits)
    other = model_with(3)
    other.decoder.hidden[1] = torch.nn.ReLU()
    with pytest.raises(ValueError, match="followed by a SiLU"):
        explorer.explore_numbers(other, *digits)
    other.decoder = torch.nn.Sequential(torch.nn.Linear(3, 784))
    with pytest.raises(ValueError, match="followed by a SiLU"):
        explorer.explore_numbers(other, *digits)


def test_codes_that_all_lie_at_one_point_make_no_map(digits):
    images, labels = digits
    with pytest.raises(ValueError, match="there is no map"):
        explorer.explore_map(model_with(2), images[:1], labels[:1])


def test_colab_is_told_of_the_widget_manager(four, monkeypatch):
    monkeypatch.setattr("anywidget._util.get_repr_metadata", lambda: {"colab": "its manager"})
    data, metadata = four[0]._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == four[0].model_id
    assert metadata == {"colab": "its manager"}


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e6])
def test_weights_that_a_page_cannot_use_are_refused(weight, digits):
    model = model_with(3)
    with torch.no_grad():
        model.decoder.pixels.bias[5] = weight
    with pytest.raises(ValueError, match="not numbers, or too large"):
        explorer.explore_numbers(model, *digits)


def test_the_same_random_numbers_need_models_alike(digits):
    with pytest.raises(ValueError, match=r"same latent_dim, not of \[2, 3\]"):
        explorer.explore_stages({"a": model_with(2), "b": model_with(3)}, *digits)
    with pytest.raises(ValueError, match="at least one model"):
        explorer.explore_stages({}, *digits)


def test_images_without_their_labels_are_refused(digits):
    images, labels = digits
    with pytest.raises(ValueError, match="300 images and 299 labels"):
        explorer.explore_numbers(model_with(3), images, labels[1:])
    with pytest.raises(ValueError, match="0 images and 0 labels"):
        explorer.explore_neighborhoods(model_with(3), images[:0], labels[:0])


def test_choosing_steps_through_pictures_with_their_alt_texts():
    pictures = {name: plots.strips({name: torch.rand(3, 1, 28, 28)}, name) for name in ("small", "large")}
    chosen = explorer.choose(pictures, "size")
    (stack,) = inside(chosen, widgets.Stack)
    (slider,) = inside(chosen, widgets.SelectionSlider)
    assert stack.selected_index == slider.index == 0
    assert [alt.split(":")[0] for alt in alt_texts(chosen)] == ["small", "large"]
