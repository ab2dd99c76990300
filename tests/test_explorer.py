"""Explorers carry what the page needs, no more, and give it back. What the page does: tests/browser."""

import base64
import gc
import json
import re
import sys
import weakref
import zlib

import ipywidgets as widgets
import numpy as np
import pytest
import torch
from ipywidgets.embed import dependency_state

from helpers import checkpoints, explorer, front_ends, plots
from helpers.flow import LatentDiffusion
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
        explorer.explore_chapters({"a": model_with(3), "b": model_with(3)}, *digits),
        explorer.explore_neighborhoods(model_with(3), *digits),
    ]
    return explorers


def inside(widget, kind):
    """All widgets of a kind inside another, in the order in which they are shown."""
    found = [widget] if isinstance(widget, kind) else []
    for child in getattr(widget, "children", ()):
        found += inside(child, kind)
    return found


@pytest.fixture(autouse=True)
def _nothing_left_open():
    yield
    widgets.Widget.close_all()
    front_ends._of_last_runs.clear()
    front_ends._pads.clear()


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
    low, high = np.frombuffer(zlib.decompress(decoder.weights), np.uint8).reshape(2, -1)
    assert np.stack([low, high], axis=1).tobytes() == torch.cat(expected).numpy().tobytes()


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
    assert not front_ends._open_shared


@pytest.mark.parametrize("chapter", [1, 2, 3, 4])
def test_saved_explorers_stay_small(chapter, test_set):
    numbers = explorer.explore_numbers(checkpoints.load(chapter), *test_set)
    map_ = explorer.explore_map(checkpoints.load(chapter, latent_dim=2), *test_set, neighborhoods=True)
    assert payload(numbers) <= 2_500_000
    assert payload(map_) <= 1_000_000


@pytest.mark.parametrize("chapter", [1, 2, 3, 4])
def test_a_pad_adds_one_encoder(chapter, test_set):
    pad = explorer.open_pad()
    numbers = explorer.explore_numbers(checkpoints.load(chapter), *test_set, pad=pad)
    map_ = explorer.explore_map(checkpoints.load(chapter, latent_dim=2), *test_set, True, pad=pad)
    assert payload(numbers) <= 2_500_000 + 900_000
    assert payload(map_) <= 1_000_000 + 400_000


def test_explorers_share_encoders_and_four_at_once_take_a_byte_for_each_weight(digits):
    pad, model, other = explorer.open_pad(), model_with(3), model_with(3)
    with torch.no_grad():
        other.encoder.code.bias += 1
    numbers = explorer.explore_numbers(model, *digits, pad=pad)
    neighbors = explorer.explore_neighborhoods(model, *digits, pad=pad)
    both = explorer.explore_chapters({"a": model, "b": other}, *digits, pad=pad)
    assert numbers.page.encoders == neighbors.page.encoders == both.page.encoders[:1]
    assert [len(encoder.steps) for encoder in both.page.encoders] == [0, 3]


def test_without_a_pad_no_encoder_is_sent(four):
    assert [explored.page.encoders for explored in four] == [[]] * 4
    assert not any("examples" in explored.page.content for explored in four)


def test_there_is_one_pad_whose_drawing_survives(digits):
    pad = explorer.open_pad()
    assert torch.equal(pad.image, torch.zeros(28, 28, dtype=torch.uint8))
    drawn = torch.arange(784).remainder(256).byte()
    pad.pixels = base64.b64encode(drawn.numpy().tobytes()).decode()
    explored = explorer.explore_map(model_with(2), *digits, pad=pad)
    explored.close()
    assert explorer.open_pad() is pad
    assert torch.equal(pad.image, drawn.reshape(28, 28))
    assert model_with(2)(pad.image).shape == (1, 1, 28, 28)
    widgets.Widget.close_all()
    assert explorer.open_pad() is not pad
    assert torch.equal(explorer.open_pad().image, pad.image)


def test_an_encoder_that_is_not_ours_is_refused_by_a_pad_alone(digits):
    model = model_with(3)
    model.encoder.hidden[1] = torch.nn.ReLU()
    explorer.explore_numbers(model, *digits)
    with pytest.raises(ValueError, match="followed by a SiLU"):
        explorer.explore_numbers(model, *digits, pad=explorer.open_pad())


def test_in_colab_links_go_by_way_of_python(monkeypatch):
    """Where links in the page do nothing: googlecolab/colabtools issue 1612."""
    pictures = {name: plots.strips({name: torch.rand(3, 1, 28, 28)}) for name in ("small", "large")}
    chosen = explorer.choose(pictures, "size")
    (slider,), (stack,) = inside(chosen, widgets.SelectionSlider), inside(chosen, widgets.Stack)
    slider.index = 1
    assert stack.selected_index == 0  # the page moves it, and here is none
    monkeypatch.setitem(sys.modules, "google.colab", object())
    chosen = explorer.choose(pictures, "size")
    (slider,), (stack,) = inside(chosen, widgets.SelectionSlider), inside(chosen, widgets.Stack)
    slider.index = 1
    assert stack.selected_index == 1
    chosen.close()
    slider.index = 0
    assert stack.selected_index == 1


def test_the_page_follows_every_control_in_its_own_order(four):
    explored_map, numbers, chapters, neighborhoods = four
    for explored in (explored_map, numbers):
        names = [f"number {i + 1}" for i in range(explored.page.content["dim"])]
        assert [slider.description for slider in explored.page.controls] == names
    assert [control.description for control in chapters.page.controls] == ["spread"]
    assert [control.description for control in neighborhoods.page.controls] == ["times learned", "digit"]
    for explored in four:
        shown = inside(explored, (widgets.FloatSlider, widgets.ToggleButtons))
        assert set(explored.page.controls) <= set(shown)


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
    (learned_row,), (fixed_row,) = learned.page.content["rows"], fixed.page.content["rows"]
    assert (learned_row["centers"][7], learned_row["spreads"][7]) == (code, size)
    assert learned.page.controls[0].value == 1
    assert (fixed_row["centers"][7], fixed_row["spreads"][7]) == (code, [1, 1, 1])
    assert fixed.page.controls[0].value == 0.2
    assert explorer.explore_neighborhoods(model, *digits, size=2.0).page.controls[0].value == 2
    assert learned.page.content["originals"][7 * 784 : 8 * 784] == first_seven.numpy().tobytes()


def test_without_anywidget_one_picture_and_a_sentence_stay(four):
    for explored in four:
        (static,) = inside(explored, front_ends.LargeHTML)
        assert "no anywidget" in static.value
        assert "it runs in JupyterLab" in static.value
        (alt,) = alt_texts(explored)
        assert alt
        assert inside(explored, widgets.Button) == []


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


def test_models_and_pictures_need_names_which_may_be_numbers(digits):
    for models in (model_with(3), [model_with(3)]):
        with pytest.raises(TypeError, match="explore_chapters wants names with at least one model"):
            explorer.explore_chapters(models, *digits)
    (row,) = explorer.explore_chapters({1: model_with(3)}, *digits).page.content["rows"]
    assert row["name"] == "1"
    picture = plots.strips({"some": torch.rand(3, 1, 28, 28)})
    with pytest.raises(TypeError, match="choose wants names with at least one picture"):
        explorer.choose([picture], "size")
    with pytest.raises(TypeError, match="'b' is of type Tensor"):
        explorer.choose({"a": picture, "b": torch.rand(28, 28)}, "size")


@pytest.mark.parametrize(
    "explore",
    [
        lambda *digits: explorer.explore_numbers(model_with(3), *digits, pad=explorer.open_pad),
        lambda *digits: explorer.explore_numbers(model_with(3), *digits, pad=explorer.open_pad().image),
        lambda *digits: explorer.explore_neighborhoods(model_with(3), *digits, explorer.open_pad()),
        lambda *digits: explorer.explore_map(model_with(2), *digits, explorer.open_pad()),
    ],
)
def test_a_pad_is_one_and_goes_by_name(explore, digits):
    with pytest.raises(TypeError, match=r"by name, pad=pad, where pad = explorer\.open_pad\(\)"):
        explore(*digits)


def test_the_epilogue_s_model_is_sent_to_its_own_explorer(digits):
    with pytest.raises(TypeError, match=r"not LatentDiffusion\. .*ways\.explore"):
        explorer.explore_numbers(LatentDiffusion(model_with(3), width=8, depth=1), *digits)


def test_codes_that_all_lie_at_one_point_make_no_map(digits):
    images, labels = digits
    with pytest.raises(ValueError, match="there is no map"):
        explorer.explore_map(model_with(2), images[:1], labels[:1])


def test_colab_is_told_of_the_widget_manager(four, monkeypatch):
    monkeypatch.setattr("anywidget._util.get_repr_metadata", lambda: {"colab": "its manager"})
    data, metadata = four[0]._repr_mimebundle_()
    assert data["application/vnd.jupyter.widget-view+json"]["model_id"] == four[0].model_id
    assert metadata == {"colab": "its manager"}
    picture = plots.strips({"some": torch.rand(3, 1, 28, 28)})
    assert explorer.choose({"some": picture}, "amount")._repr_mimebundle_()[1] == metadata


@pytest.mark.parametrize("weight", [float("nan"), float("inf"), 1e6])
def test_weights_that_a_page_cannot_use_are_refused(weight, digits):
    model = model_with(3)
    with torch.no_grad():
        model.decoder.pixels.bias[5] = weight
    with pytest.raises(ValueError, match="not numbers, or too large"):
        explorer.explore_numbers(model, *digits)


def test_the_same_random_numbers_need_models_alike(digits):
    with pytest.raises(ValueError, match=r"same latent_dim, not of \[2, 3\]"):
        explorer.explore_chapters({"a": model_with(2), "b": model_with(3)}, *digits)
    with pytest.raises(ValueError, match="at least one model"):
        explorer.explore_chapters({}, *digits)


def test_images_without_their_labels_are_refused(digits):
    images, labels = digits
    with pytest.raises(ValueError, match=r"300 images, but the labels have shape \(299,\)"):
        explorer.explore_numbers(model_with(3), images, labels[1:])
    with pytest.raises(ValueError, match="at least one image"):
        explorer.explore_neighborhoods(model_with(3), images[:0], labels[:0])


def test_choosing_steps_through_pictures_with_their_alt_texts():
    pictures = {name: plots.strips({name: torch.rand(3, 1, 28, 28)}, name) for name in ("small", "large")}
    chosen = explorer.choose(pictures, "size")
    (stack,) = inside(chosen, widgets.Stack)
    (slider,) = inside(chosen, widgets.SelectionSlider)
    assert stack.selected_index == slider.index == 0
    assert [alt.split(":")[0] for alt in alt_texts(chosen)] == ["small", "large"]


def test_a_page_gets_every_module_after_those_it_imports():
    sources = front_ends._sources()
    assert {name for name, _ in sources} == {file.stem for file in front_ends.FOLDER.glob("*.js")}
    known = set()
    for name, source in sources:
        assert set(re.findall(r'from "./(\w+).js";', source)) <= known
        known.add(name)


class Kernel:
    """Runs cells as ipykernel does, as far as an explorer can tell."""

    def __init__(self, monkeypatch, sends_cell_ids=True):
        monkeypatch.setattr(front_ends, "get_ipython", lambda: self)
        self.sends_cell_ids = sends_cell_ids
        self.runs = 0

    def get_parent(self):
        metadata = {"cellId": f"id of {self.cell}"} if self.sends_cell_ids else {}
        return {
            "header": {"msg_id": str(self.runs)},
            "metadata": metadata,
            "content": {"code": f"source of {self.cell}"},
        }

    def run(self, cell, *explore):
        self.cell = cell
        self.runs += 1
        return [one() for one in explore]


@pytest.mark.parametrize("sends_cell_ids", [True, False])
def test_running_a_cell_again_closes_what_its_former_run_opened(digits, monkeypatch, sends_cell_ids):
    kernel = Kernel(monkeypatch, sends_cell_ids)
    model = model_with(2)
    picture = plots.strips({"a digit": digits[0][:1]})
    explore = [
        lambda: explorer.explore_map(model, *digits),
        lambda: explorer.explore_neighborhoods(model, *digits),
        lambda: explorer.choose({"one": picture, "another": picture}, "size"),
    ]
    first = kernel.run("a", *explore)
    other = kernel.run("b", *explore)
    opened = len(widgets.widget._instances)
    again = kernel.run("a", *explore)
    assert [one.comm for one in first] == [None] * 3
    assert None not in [one.comm for one in (*other, *again)]
    assert len(widgets.widget._instances) == opened


def test_a_closed_explorer_of_a_former_run_may_be_closed_again(digits, monkeypatch):
    kernel = Kernel(monkeypatch)
    model = model_with(2)
    (first,) = kernel.run("a", lambda: explorer.explore_map(model, *digits))
    first.close()
    (second,) = kernel.run("a", lambda: explorer.explore_map(model, *digits))
    first.close()
    assert second.page.comm is not None
    assert second.page.decoders[0].comm is not None


def test_twenty_runs_of_a_cell_hold_no_more_than_one(digits, monkeypatch):
    kernel = Kernel(monkeypatch)
    models, opened, kept = [], [], []
    for _ in range(20):
        loaded = {f"chapter {chapter}": checkpoints.load(chapter) for chapter in (1, 2, 3, 4)}
        models += [weakref.ref(model) for model in loaded.values()]
        kept += kernel.run("a", lambda loaded=loaded: explorer.explore_chapters(loaded, *digits))
        opened.append(len(widgets.widget._instances))
    del loaded
    gc.collect()
    assert opened == [opened[0]] * 20
    assert len(front_ends._open_shared) == 5  # the weights of four models, and the script
    assert [model() for model in models] == [None] * 80
    held = [
        inside(explored, front_ends.LargeHTML)[0].value for explored in kept[:-1]
    ]  # as IPython's Out keeps them
    assert held == [""] * 19
    assert all(explored.page.content == {} and explored.page.decoders == [] for explored in kept[:-1])


def test_without_a_kernel_nothing_is_closed(digits, monkeypatch):
    for shell in (None, object()):
        monkeypatch.setattr(front_ends, "get_ipython", lambda shell=shell: shell)
        explored = [explorer.explore_map(model_with(2), *digits) for _ in range(2)]
        assert None not in [one.comm for one in explored]


def each_kind(model, images, labels):
    """What the pages of all explorers of a model show."""
    explorers = [
        explorer.explore_numbers(model, images, labels),
        explorer.explore_chapters({"a": model, "b": model}, images, labels),
        explorer.explore_neighborhoods(model, images, labels),
    ]
    if model.latent_dim == 2:
        explorers.append(explorer.explore_map(model, images, labels, neighborhoods=True))
    assert all(explored.page.decoders[0].weights for explored in explorers)
    return [explored.page.content for explored in explorers]


@pytest.mark.parametrize("dim", [1, 2, 3])
@pytest.mark.parametrize("gradients", [True, False])
def test_training_mode_and_gradients_make_no_difference(dim, gradients, digits):
    model = model_with(dim)
    with torch.set_grad_enabled(gradients):
        shown = each_kind(model.train(), *digits)
    assert each_kind(model.eval(), *digits) == shown


@pytest.fixture
def float64_by_default():
    torch.set_default_dtype(torch.float64)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.mark.parametrize("dim", [1, 2])
def test_float64_as_the_default_type_makes_no_difference(dim, digits, float64_by_default):
    model = model_with(dim)
    shown = each_kind(model, *digits)
    torch.set_default_dtype(torch.float32)
    assert each_kind(model, *digits) == shown


def test_labels_may_be_of_any_kind_but_one_hot(digits):
    model, (images, labels) = model_with(2), digits
    shown = each_kind(model, images, labels)
    for others in (labels.tolist(), labels.numpy(), labels.byte(), labels.to(torch.int32), labels.float()):
        assert each_kind(model, images, others) == shown
    with pytest.raises(ValueError, match="one-hot"):
        each_kind(model, images, torch.nn.functional.one_hot(labels, 10))


def test_images_may_be_of_any_kind(digits):
    model, (images, labels) = model_with(2), digits
    shown = each_kind(model, images, labels)
    for others in (images / 255, images.unsqueeze(1), (images / 255).double().unsqueeze(1)):
        assert each_kind(model, others, labels) == shown
    assert each_kind(model, images > 127, labels) == each_kind(model, (images > 127).float(), labels)
