"""Every picture is a figure with alt text and named axes, and shows what it is given."""

import base64
import re

import numpy as np
import pytest
import torch
from matplotlib import rc_context, style
from matplotlib.figure import Figure
from nbconvert import LatexExporter
from nbformat.v4 import new_code_cell, new_notebook, new_output
from pandas import Series

from helpers import losses, plots
from helpers.models import Autoencoder


def rand(*shape):
    return torch.rand(*shape, generator=torch.Generator().manual_seed(0))


def a_model():
    torch.manual_seed(0)
    return Autoencoder(width=8)


HISTORY = [
    {"epoch": 0.5, "reconstruction": 200.0, "energy": 1.0},
    {"epoch": 1.0, "reconstruction": 90.0, "energy": 4.0},
]
PICTURES = {
    "galleries": lambda: plots.galleries({"ours": rand(10, 1, 28, 28), "real": rand(8, 28, 28)}, columns=4),
    "strips": lambda: plots.strips(
        {"a walk": rand(6, 1, 28, 28), "another": rand(5, 1, 28, 28)}, "Two walks"
    ),
    "neighbors": lambda: plots.neighbors(a_model(), rand(3, 28, 28), [0, 1, 2], 0.4, "A model"),
    "price_of_a_size": lambda: plots.price_of_a_size(losses.neighborhood_size),
    "latent_numbers": lambda: plots.latent_numbers(rand(12), rand(50, 12), rand(50, 12)),
    "latent_map": lambda: plots.latent_map(rand(50, 2), torch.arange(50) % 10),
    "clouds": lambda: plots.clouds({"codes": rand(50, 2), "ends": rand(50, 2)}, ways=rand(5, 3, 2)),
    "on_the_way": lambda: plots.on_the_way(rand(5, 8, 2), rand(8, 1, 28, 28), rand(50, 2)),
    "distances": lambda: plots.distances({"codes": rand(50, 12), "random points": rand(60, 12)}),
    "bars": lambda: plots.bars({"usage": rand(12), "spread": rand(12)}, "latent number", "squared change"),
    "lines": lambda: plots.lines({"before": rand(9), "after": rand(9)}, torch.arange(9), "step", "distance"),
    "loss_curve": lambda: plots.loss_curve(HISTORY),
}


def test_a_single_image_is_drawn_like_a_batch_of_one():
    image = rand(28, 28)
    for drawn in (plots.strips, plots.galleries):
        alone, batch = ({"it": images} for images in (image, image[None]))
        assert drawn(alone).png() == drawn(batch).png()


@pytest.mark.parametrize("name", PICTURES)
def test_pictures_are_figures_with_alt_text_and_named_axes(name):
    picture = PICTURES[name]()
    assert isinstance(picture, Figure)
    assert len(picture.alt) > 20
    for axes in picture.axes:
        named = (axes.get_xlabel() and axes.get_ylabel()) or axes.get_title() or axes.get_ylabel()
        assert named
    shown = picture._repr_mimebundle_()["text/html"]
    assert 'alt="' in shown
    assert base64.b64decode(re.search(r"base64,([^\"]+)", shown)[1]).startswith(b"\x89PNG")


def test_every_image_has_its_row_of_neighbors_even_beside_another_of_its_digit():
    picture = plots.neighbors(a_model(), rand(3, 28, 28), [7, 7, 2], 0.4, "A model")
    assert [axes.get_ylabel() for axes in picture.axes] == [
        "near the 7",
        "near the 7, number 2",
        "near the 2",
    ]


def test_alt_text_cannot_break_out_of_its_attribute():
    assert 'alt="5 &lt; 6 &quot;"' in plots.Picture(1, 1, '5 < 6 "').html()


def test_tiles_puts_images_row_by_row():
    images = torch.stack([torch.full((1, 28, 28), value) for value in (0.1, 0.2, 0.3)])
    sheet = plots.tiles(images, columns=2)
    assert sheet.shape == (56, 56)
    assert sheet[::28, ::28] == pytest.approx(np.array([[0.1, 0.2], [0.3, 0.0]]))


NAMES = [
    (plots.strips, ()),
    (plots.galleries, ()),
    (plots.distances, ()),
    (plots.histograms, ("x",)),
    (plots.bars, ("x", "y")),
    (plots.clouds, ()),
    (plots.lines, ([1, 2], "x", "y")),
]


@pytest.mark.parametrize(("draw", "more"), NAMES)
def test_what_has_no_names_is_refused_in_words(draw, more):
    for things in (rand(12, 28, 28), [1.0, 2.0], None, a_model()):
        with pytest.raises(TypeError, match=rf'{draw.__name__} wants names .*"a name": .*, not this'):
            draw(things, *more)
    with pytest.raises(ValueError, match="not this empty dict"):
        draw({}, *more)


def test_numbers_are_names_too():
    assert plots.galleries({0.2: rand(3, 28, 28), 1: rand(3, 28, 28)}).alt.endswith(": 0.2; 1")
    assert plots.lines({1: [0.1, 0.2]}, [1, 2], "x", "y").alt.endswith(": 1")


@pytest.mark.parametrize("values", [[0.1, 0.2], (0.1, 0.2), np.array([0.2, 0.1])[::-1], Series([0.1, 0.2])])
def test_numbers_come_in_any_kind_of_list(values):
    as_tensor, groups = {"a": torch.tensor([0.1, 0.2])}, {"a": values}
    assert plots.bars(groups, "x", "y").png() == plots.bars(as_tensor, "x", "y").png()
    assert plots.histograms(groups, "x").png() == plots.histograms(as_tensor, "x").png()
    assert plots.lines(groups, values, "x", "y").png() == plots.lines(as_tensor, values, "x", "y").png()


def test_part_of_a_column_and_a_single_number_have_bars_too():
    assert plots.bars({"a": Series([0.1, 0.2, 0.3])[1:]}, "x", "y").alt.endswith("a: [0.2, 0.3]")
    assert plots.bars({"chapter 1": 0.4}, "x", "y").alt.endswith("chapter 1: [0.4]")


def test_negative_values_have_their_place_in_a_histogram():
    for values in (torch.linspace(-3, 0, 50), -torch.ones(50)):
        bars = plots.histograms({"a": values}, "x").axes[0].patches
        assert bars[0].get_x() == values.min()
        assert sum(bar.get_height() for bar in bars) == pytest.approx(1)


NAN = torch.full((9, 2), float("nan"))
REFUSED = [
    (lambda: plots.bars({"a": rand(5, 3)}, "x", "y"), r"values of 'a' must have shape \(N,\); got \(5, 3\)"),
    (lambda: plots.histograms({"a": rand(0)}, "x"), r"values of 'a' must have shape \(N,\); got \(0,\)"),
    (lambda: plots.bars({"a": "many"}, "x", "y"), "list of numbers; this str is no such"),
    (lambda: plots.lines({"a": [1, 2]}, {1: 1, 2: 2}.keys(), "x", "y"), "x must be .* this dict_keys is no"),
    (lambda: plots.lines({"a": rand(3)}, [1, 2], "x", "y"), "'a' has 3 values, x has 2"),
    (lambda: plots.distances({"a": rand(5)}), r"must have shape \(N, D\); got \(5,\)"),
    (
        lambda: plots.clouds({"a": rand(9, 2), "b": rand(9, 16)}),
        r"'b' must have shape \(N, 2\); got \(9, 16\)",
    ),
    (lambda: plots.clouds({"a": (rand(9, 2), rand(9, 2))}), "'a' must"),
    (lambda: plots.clouds({"a": NAN}), "'a' hold values that are not numbers"),
    (lambda: plots.clouds({"a": rand(9, 2)}, rand(5, 9, 2)), "ways go by name"),
    (lambda: plots.latent_map(NAN, [7] * 9), "training has failed"),
    (lambda: plots.latent_map(rand(0, 2), []), r"got \(0, 2\)"),
    (lambda: plots.map_edges(rand(9, 16)), r"got \(9, 16\)"),
    (lambda: plots.extremes(rand(9, 28, 28), rand(8), "a", "b", "c"), "9 images, but 8 values"),
    (lambda: plots.strips({"a": rand(0, 28, 28)}), "no image at all, only names: a"),
    (lambda: plots.loss_curve([]), "pass what training.fit returned"),
    (lambda: plots.price_of_a_size(lambda sizes: None), "this one returned None"),
    (lambda: plots.price_of_a_size(lambda sizes: sizes), "must return one number"),
    (lambda: plots.live_loss(HISTORY), r"write watch=plots.live_loss\(\)"),
]


@pytest.mark.parametrize(("draw", "words"), REFUSED)
def test_what_cannot_be_drawn_is_refused_in_words(draw, words):
    with pytest.raises((TypeError, ValueError), match=words):
        draw()


def test_a_picture_can_be_told_to_show_itself(capsys):
    plots.strips({"a": rand(3, 28, 28)}).show()
    assert "Figure(" in capsys.readouterr().out


def test_extremes_are_the_images_with_the_smallest_and_the_largest_values():
    images = torch.arange(6).view(6, 1, 1, 1).expand(6, 1, 28, 28) / 10
    values = torch.tensor([5.0, 3.0, 1.0, 0.0, 2.0, 4.0])
    picture = plots.extremes(images, values, "least", "most", "Sorted", n=2)
    rows = [axes.images[0].get_array()[0, ::28] for axes in picture.axes]
    assert np.allclose(rows, [[0.3, 0.2], [0.5, 0.0]])
    assert picture.alt == "Sorted: least; most"


def test_tiles_takes_bytes_too():
    assert plots.tiles(torch.full((1, 28, 28), 255, dtype=torch.uint8), 1).max() == 1


def test_ten_digits_have_ten_colors():
    assert len(set(plots.DIGIT_COLORS)) == 10


def test_latent_numbers_stand_by_importance():
    importance = torch.tensor([0.0, 4.0, 1.0])
    codes, sizes = rand(50, 3), torch.tensor([1.0, 0.1, 0.4]).expand(50, 3)
    alt = plots.latent_numbers(importance, codes, sizes).alt
    assert "importance (largest = 1): [1.0, 0.25, 0.0]" in alt
    assert "average size: [0.1, 0.4, 1.0]" in alt


def test_the_title_of_a_map_names_its_random_points():
    picture = plots.latent_map(rand(50, 2), torch.arange(50) % 10, title="A map", random_points=7)
    assert picture.axes[0].get_title() == "A map, and 7 random points as crosses"
    untitled = plots.latent_map(rand(50, 2), torch.arange(50) % 10, random_points=7)
    assert untitled.axes[0].get_title() == ""
    assert untitled.alt.endswith(", and 7 random points as crosses")


def test_a_map_needs_two_numbers():
    with pytest.raises(ValueError, match=r"shape \(N, 2\); got \(9, 12\)"):
        plots.latent_map(rand(9, 12), torch.arange(9))


@pytest.mark.parametrize("name", PICTURES)
def test_a_reader_s_own_style_changes_no_picture(name):
    before = PICTURES[name]().png()
    with style.context("dark_background"), rc_context({"text.usetex": True, "font.size": 30}):
        assert PICTURES[name]().png() == before


def test_pictures_come_as_png_too_for_latex_and_pdf():
    bundle = PICTURES["bars"]()._repr_mimebundle_()
    assert base64.b64decode(bundle["image/png"]).startswith(b"\x89PNG")
    assert bundle["image/png"] in bundle["text/html"]


def test_a_picture_reaches_latex():
    output = new_output("display_data", PICTURES["bars"]()._repr_mimebundle_())
    notebook = new_notebook(cells=[new_code_cell("picture", outputs=[output])])
    page, resources = LatexExporter().from_notebook_node(notebook)
    assert "includegraphics" in page
    assert all(picture.startswith(b"\x89PNG") for picture in resources["outputs"].values())


@pytest.mark.parametrize(
    "pictures", [rand(4, 28, 28) > 0.5, rand(4, 28, 28).requires_grad_(), rand(4, 28, 28).double()]
)
def test_pictures_of_any_kind_are_shown(pictures):
    sheet = plots.tiles(pictures, columns=2)
    assert sheet.max() > 0.9
    assert sheet == pytest.approx(plots.tiles(pictures.detach().float(), columns=2))


def test_whole_numbers_of_0_and_1_are_refused_in_words():
    with pytest.raises(TypeError, match="expected uint8"):
        plots.galleries({"black and white": (rand(4, 28, 28) > 0.5).long()})


def test_what_still_carries_gradients_is_drawn():
    values = rand(12).requires_grad_()
    plots.bars({"values": values}, "number", "value")
    plots.lines({"values": values}, values, "x", "y")
    plots.distances({"codes": rand(50, 12).requires_grad_()})
    plots.latent_map(rand(50, 2).requires_grad_(), [7] * 50)


def test_the_live_loss_is_one_picture_that_changes(monkeypatch):
    calls = []
    monkeypatch.setattr(plots.DisplayHandle, "display", lambda _, picture: calls.append(("display", picture)))
    monkeypatch.setattr(plots.DisplayHandle, "update", lambda _, picture: calls.append(("update", picture)))
    watch = plots.live_loss()
    watch(HISTORY[:1])
    watch(HISTORY)
    assert [name for name, _ in calls] == ["display", "update"]


@pytest.mark.parametrize("n", [1, 4, 16])
def test_names_of_strips_lie_within_the_picture(n):
    figure = plots.strips({"your drawing": rand(n, 28, 28), "nearest to a test digit": rand(n, 28, 28)})
    figure.draw_without_rendering()
    for axes in figure.axes:
        name, picture = axes.yaxis.label.get_window_extent(), axes.get_window_extent()
        assert 0 < name.x0 < name.x1 < picture.x0
        assert picture.width == pytest.approx(n * picture.height)


def test_names_on_a_map_do_not_hide_one_another():
    places = plots.apart(rand(10, 2), 0.2)
    assert torch.pdist(places).min() > 0.19
    assert torch.equal(plots.apart(places := 10 * torch.eye(2), 0.2), places)
