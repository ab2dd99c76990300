"""The pictures of the course. Every function returns a figure; none trains or loads anything.

The same digit has the same color in all chapters: M. A. Petroff's ten accessible colors (Accessible
Color Sequences for Data Visualization, arXiv 2107.02270), which matplotlib ships as ``petroff10``.
"""

import base64
import functools
import html
import io
import math
from collections.abc import Callable, Sequence
from itertools import cycle

import numpy as np
import torch
from IPython.display import DisplayHandle, display
from matplotlib import style
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator, MaxNLocator, NullLocator, StrMethodFormatter
from torch import Tensor

from helpers.models import Autoencoder, as_batch, as_labels, in_a_batch, named, normal

DIGIT_COLORS = style.library["petroff10"]["axes.prop_cycle"].by_key()["color"]
PAPER_AND_INK = {"cmap": "gray_r", "vmin": 0, "vmax": 1}
DASHES = ("-", "--", ":", "-.")
SCREEN_DPI = 100
MAP_MARGIN = 0.04  # share of codes on each side that may lie beyond the edge of a map
FONT_SIZE = 12
LETTER = 0.08  # inches, the width of a letter of that size


def in_the_course_s_style(draw: Callable) -> Callable:
    """Let a function draw as the course does, whatever the reader's matplotlibrc or style says."""

    @functools.wraps(draw)
    def drawn(*given, **named):
        with style.context("default", after_reset=True), torch.no_grad():
            return draw(*given, **named)

    return drawn


class Picture(Figure):
    """A matplotlib figure that a notebook shows with its alt text, sharp on any screen."""

    def __init__(self, width: float, height: float, alt: str = ""):
        super().__init__(figsize=(width, height), dpi=SCREEN_DPI, layout="constrained")
        self.alt = alt

    @in_the_course_s_style
    def png(self, scale: int = 2) -> bytes:
        """Return the figure as PNG, with ``scale`` pixels for each pixel at which it is shown."""
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=scale * SCREEN_DPI)
        return buffer.getvalue()

    def html(self, scale: int = 2) -> str:
        """Return the figure as an HTML image with its alt text; for ``scale`` see ``png``."""
        return self._html(base64.b64encode(self.png(scale)).decode())

    def show(self, **_):
        """Show the figure, as it is shown at the end of a cell."""
        display(self)

    def _html(self, picture):
        width = round(self.get_figwidth() * SCREEN_DPI)
        return (
            f'<img src="data:image/png;base64,{picture}" width="{width}" '
            f'style="max-width: 100%" alt="{html.escape(self.alt)}">'
        )

    def _repr_mimebundle_(self, **_):
        """What Jupyter shows: HTML, which can hold an alt text, and for LaTeX and PDF a PNG."""
        picture = base64.b64encode(self.png()).decode()
        return {"text/html": self._html(picture), "image/png": picture, "text/plain": self.alt}


def tiles(images: Tensor, columns: int) -> np.ndarray:
    """Lay images (see ``models.as_batch``) out in rows of ``columns``, as one array from 0 to 1."""
    pixels = as_batch(images).detach().reshape(-1, 28, 28).cpu().numpy()
    rows = math.ceil(len(pixels) / columns)
    sheet = np.zeros((rows * columns, 28, 28), dtype=np.float32)
    sheet[: len(pixels)] = pixels
    return sheet.reshape(rows, columns, 28, 28).swapaxes(1, 2).reshape(rows * 28, columns * 28)


def _images(function, groups):
    """Groups of images by name, with at least one image."""
    groups = named(function, groups, "group of images")
    groups = {name: in_a_batch(images) for name, images in groups.items()}
    if not any(map(len, groups.values())):
        raise ValueError(f"{function} got no image at all, only names: {', '.join(groups)}.")
    return groups


def _floats(what, values, *shape):
    """Numbers as floats of this shape, from a tensor, an array, a list or a column of a table.

    A letter in ``shape`` stands for any size.
    """
    try:
        found = torch.as_tensor(values if isinstance(values, Tensor | list) else np.array(values))
    except (TypeError, ValueError, RuntimeError) as error:
        got = type(values).__name__
        raise TypeError(f"{what} must be a tensor or a list of numbers; this {got} is no such.") from error
    found = torch.atleast_1d(found.detach().float())
    fits = len(shape) == found.dim() and all(
        isinstance(size, str) or size == own for size, own in zip(shape, found.shape, strict=True)
    )
    if not fits or not len(found):
        wanted = str(shape).replace("'", "")
        raise ValueError(f"{what} must have shape {wanted}; got {tuple(found.shape)}.")
    return found


def _values(function, groups):
    """Groups of numbers by name, each (N,)."""
    groups = named(function, groups, "group of values")
    return {name: _floats(f"The values of '{name}'", values, "N") for name, values in groups.items()}


def _on_a_map(what, points):
    """Points of two numbers, (N, 2), none of them NaN."""
    points = _floats(what, points, "N", 2)
    if not points.isfinite().all():
        raise ValueError(
            f"{what} hold values that are not numbers. If a model made them, its training has failed: train "
            "it again, with a smaller learning rate."
        )
    return points


def neighbors(model: Autoencoder, images: Tensor, labels: Tensor, step: float, title: str) -> Picture:
    """Show what a model decodes around the codes of some images, twelve neighbors of each in a row.

    Args:
        model: whose ``neighbors`` to show.
        images: a few, see ``models.as_batch``.
        labels: their digits, (N,); see ``models.as_labels``.
        step: how far to move each latent number, on average; see ``models.Autoencoder.neighbors``.
        title: what the model is called.
    """
    digits, rows = as_labels(labels, images).tolist(), {}
    for place, digit in enumerate(digits):
        earlier = digits[:place].count(digit)
        name = f"near the {digit}" + (f", number {earlier + 1}" if earlier else "")
        rows[name] = model.neighbors(images[place], step)
    return strips(rows, f"{title}: twelve neighbors, each number moved by about {step}")


@in_the_course_s_style
def galleries(groups: dict[str, Tensor], columns: int = 8) -> Picture:
    """Show groups of images side by side, each under its title.

    Args:
        groups: title to images, see ``models.as_batch``.
        columns: images in a row of each group.
    """
    groups = _images("galleries", groups)
    rows = max(math.ceil(len(images) / columns) for images in groups.values())
    width = min(3.6 * len(groups), 12)
    figure = Picture(width, width / len(groups) * rows / columns + 0.5)
    figure.alt = "Galleries of digits, side by side: " + "; ".join(groups)
    figure.get_layout_engine().set(wspace=0.06)
    all_axes = figure.subplots(1, len(groups), squeeze=False)[0]
    for axes, (title, images) in zip(all_axes, groups.items(), strict=True):
        axes.imshow(tiles(images, columns), **PAPER_AND_INK)
        axes.set_title(title, fontsize=FONT_SIZE)
        axes.set_axis_off()
    return figure


@in_the_course_s_style
def strips(rows: dict[str, Tensor], caption: str = "") -> Picture:
    """Show rows of images below each other, each with its name on the left.

    Args:
        rows: name to images, see ``models.as_batch``.
        caption: a title for the whole.
    """
    rows = _images("strips", rows)
    longest = max(len(images) for images in rows.values())
    names, title, gap = 0.2 + LETTER * max(map(len, rows)), 0.4 if caption else 0, 0.1  # inches
    side = (11 - names) / max(longest, 10)
    width, height = names + side * longest, title + (side + gap) * len(rows)
    figure = Picture(width, height)
    figure.set_layout_engine("none")  # it may cut the names where images keep their aspect
    figure.alt = f"{caption or 'Rows of digits'}: {'; '.join(rows)}"
    figure.suptitle(caption, fontsize=FONT_SIZE)
    for row, (name, images) in enumerate(rows.items(), start=1):
        bottom = height - title - row * (side + gap)
        axes = figure.add_axes((names / width, bottom / height, side * longest / width, side / height))
        axes.imshow(tiles(images, longest), **PAPER_AND_INK)
        axes.set_ylabel(name, rotation=0, ha="right", va="center", fontsize=FONT_SIZE)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_visible(False)
    return figure


def extremes(images: Tensor, values: Tensor, least: str, most: str, caption: str, n: int = 12) -> Picture:
    """Show the images with the smallest and those with the largest values.

    Args:
        images: see ``models.as_batch``.
        values: one for each image, (N,).
        least, most: what the two rows are called.
        caption: a title for the whole.
        n: images in each row.

    Raises:
        ValueError: there is not one value for each image.
    """
    images, values = in_a_batch(images), _floats("The values", values, "N")
    if len(values) != len(images):
        raise ValueError(f"There are {len(images)} images, but {len(values)} values; expected one for each.")
    order = values.argsort()
    return strips({least: images[order[:n]], most: images[order[-n:]]}, caption)


@in_the_course_s_style
def latent_map(codes: Tensor, labels: Tensor, title: str = "", random_points: int = 0) -> Picture:
    """Draw where the codes of two numbers lie, colored by digit.

    Args:
        codes: (N, 2).
        labels: the digits 0 to 9, (N,); see ``models.as_labels``.
        title: above the map, which adds how many random points there are.
        random_points: how many blind draws to add, as crosses.

    Raises:
        ValueError: the codes are not two numbers for each digit.
    """
    codes = _on_a_map("The codes of a map", codes)
    labels = as_labels(labels, codes)
    crosses = f", and {random_points} random points as crosses" if random_points else ""
    figure = Picture(6.5, 6)
    figure.alt = (
        f"{title or 'Map of the latent space'}: {len(codes)} codes, colored by digit, each digit's "
        "number at the middle of its codes, the outermost codes beyond the edge" + crosses
    )
    axes = figure.add_subplot(aspect="equal", xlabel="latent number 1", ylabel="latent number 2")
    axes.set_title(title and title + crosses, fontsize=FONT_SIZE)
    x_edges, y_edges = map_edges(codes)
    axes.set(xlim=x_edges, ylim=y_edges)
    by_digit = {digit: codes[labels == digit] for digit in labels.unique().tolist()}
    middles = torch.stack([own.median(dim=0).values for own in by_digit.values()])
    places = apart(middles, 0.06 * (x_edges[1] - x_edges[0])).tolist()
    for (digit, own), place in zip(by_digit.items(), places, strict=True):
        axes.scatter(*own.T.numpy(), s=3, alpha=0.5, color=DIGIT_COLORS[digit], rasterized=True)
        box = {"boxstyle": "circle", "facecolor": "white", "edgecolor": DIGIT_COLORS[digit], "linewidth": 2}
        axes.text(*place, str(digit), ha="center", va="center", fontsize=FONT_SIZE, bbox=box, clip_on=True)
    if random_points:
        axes.scatter(*normal(random_points, 2, seed=0).T.numpy(), s=25, marker="x", color="black")
    return figure


def apart(places: Tensor, distance: float) -> Tensor:
    """Move places (N, 2) that are closer than a distance away from each other, so that names can be read."""
    for _ in range(100):
        between = places[:, None] - places
        lengths = between.norm(dim=2, keepdim=True).clamp(min=1e-9)
        places = places + (between / lengths * (distance - lengths).clamp(min=0) / 2).sum(dim=1)
    return places


def map_edges(codes: Tensor) -> list[list[float]]:
    """Choose a square that shows all codes but the outermost: [left, right], [bottom, top].

    Args:
        codes: (N, 2).

    Raises:
        ValueError: they are not of that shape, or NaN.
    """
    codes = _on_a_map("The codes of a map", codes)
    edges = codes.quantile(codes.new_tensor([MAP_MARGIN, 1 - MAP_MARGIN]), dim=0)
    middle, half = edges.mean(dim=0), 0.6 * (edges[1] - edges[0]).max()
    return torch.stack([middle - half, middle + half], dim=1).tolist()


@in_the_course_s_style
def clouds(
    groups: dict[str, Tensor],
    numbers: tuple[str, str] = ("latent number 1", "latent number 2"),
    ways: Tensor | None = None,
) -> Picture:
    """Draw clouds of points of two numbers side by side, and ways across the last one.

    Args:
        groups: name to points, (N, 2); the first tells where the edges are, see ``map_edges``.
        numbers: what the two are called.
        ways: points on the way at one time after another, (times, n, 2).

    Raises:
        TypeError, ValueError: groups are not of that shape, or NaN, or ways stand in the place of names.
    """
    groups = {
        name: _on_a_map(f"The points of '{name}'", points)
        for name, points in named("clouds", groups, "group of points").items()
    }
    if isinstance(numbers, Tensor):
        raise TypeError("The second argument names the two numbers; ways go by name: clouds(..., ways=ways).")
    figure = Picture(min(4.2 * len(groups), 11), 4)
    figure.alt = "Clouds of points, side by side: " + "; ".join(groups)
    x_edges, y_edges = map_edges(next(iter(groups.values())))
    all_axes = figure.subplots(1, len(groups), squeeze=False, sharex=True, sharey=True)[0]
    for axes, (name, points) in zip(all_axes, groups.items(), strict=True):
        axes.scatter(*points.T.numpy(), s=2, alpha=0.4, color="0.45", linewidths=0, rasterized=True)
        axes.set_title(name, fontsize=FONT_SIZE)
        axes.set(xlabel=numbers[0], xlim=x_edges, ylim=y_edges, aspect="equal")
    all_axes[0].set_ylabel(numbers[1])
    if ways is not None:
        figure.alt += f"; on the last, the ways of {ways.shape[1]} points, from rings to dots"
        all_axes[-1].plot(*ways.permute(2, 0, 1).numpy(), color="C0", linewidth=1.5)
        all_axes[-1].plot(*ways[0].T.numpy(), "o", color="C0", markerfacecolor="white")
        all_axes[-1].plot(*ways[-1].T.numpy(), "o", color="C1")
    return figure


@in_the_course_s_style
def on_the_way(ways: Tensor, images: Tensor, codes: Tensor) -> Picture:
    """Draw numbered points on a map, with their ways so far, beside what they decode to.

    Args:
        ways: two numbers of each point at one time after another, (times, n, 2).
        images: what the points decode to now, see ``models.as_batch``.
        codes: (N, 2), the cloud behind them.
    """
    figure = Picture(9, 4.2, f"{len(images)} points on a map, their ways so far, and what they decode to")
    left, right = figure.subplots(1, 2, width_ratios=(1, 1.1))
    left.scatter(*codes.T.numpy(), s=2, color="0.7", rasterized=True)
    left.plot(*ways.permute(2, 0, 1).numpy(), color="C0", linewidth=1.5)
    right.imshow(tiles(images, 4), **PAPER_AND_INK)
    for i, place in enumerate(ways[-1].tolist()):
        box = {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": "C0"}
        left.text(*place, i + 1, ha="center", va="center", bbox=box, clip_on=True)
        right.text(28 * (i % 4) + 1, 28 * (i // 4) + 1, i + 1, va="top", bbox=box)
    left.set(xlabel="most used number", ylabel="second", xlim=(-3.5, 3.5), ylim=(-3.5, 3.5), aspect="equal")
    right.set(xticks=[], yticks=[], title="decoded")
    return figure


def distances(groups: dict[str, Tensor]) -> Picture:
    """Compare how far from the origin groups of points lie.

    Args:
        groups: name to points of a latent space, each (N, latent_dim).
    """
    groups = named("distances", groups, "group of points")
    points = {name: _floats(f"The points of '{name}'", own, "N", "D") for name, own in groups.items()}
    lengths = {name: own.norm(dim=1) for name, own in points.items()}
    return histograms(lengths, "distance from the origin")


@in_the_course_s_style
def histograms(groups: dict[str, Tensor], xlabel: str) -> Picture:
    """Compare how the values of groups are spread.

    Args:
        groups: name to values, each (N,).
        xlabel: what the values measure.
    """
    groups = _values("histograms", groups)
    averages = "; ".join(f"{name}, {values.mean():.1f} on average" for name, values in groups.items())
    figure = Picture(7.5, 3.2, f"Histograms of the {xlabel}: {averages}")
    axes = figure.add_subplot(xlabel=xlabel, ylabel="share of points")
    low = min(0, *(values.min().item() for values in groups.values()))
    high = max(0, *(values.quantile(0.999).item() for values in groups.values()))
    bins = np.linspace(low, high, 60)
    for (name, values), hatch in zip(groups.items(), cycle(("", "///", "...")), strict=False):
        weights = np.full(len(values), 1 / len(values))
        axes.hist(values.numpy(), bins, weights=weights, alpha=0.6, hatch=hatch, label=name)
    _legend_above(axes)
    return figure


@in_the_course_s_style
def bars(groups: dict[str, Tensor], xlabel: str, ylabel: str, first: int = 1) -> Picture:
    """Draw groups of values side by side, one bar for each value.

    Args:
        groups: name to values, each (N,).
        xlabel: what is counted.
        ylabel: what the bars measure, with its unit.
        first: the number of the first bar.
    """
    groups = _values("bars", groups)
    heights = "; ".join(
        f"{name}: {[round(v, 2) for v in values.tolist()]}" for name, values in groups.items()
    )
    figure = Picture(7.5, 3.2, f"Bars of {ylabel} for each {xlabel}: {heights}")
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    width = 0.8 / len(groups)
    for position, (name, values) in enumerate(groups.items()):
        numbers = np.arange(first, first + len(values))
        places = numbers + (position - (len(groups) - 1) / 2) * width
        axes.bar(places, values.numpy(), width, label=name)
    axes.set_xticks(numbers)
    _legend_above(axes)
    return figure


@in_the_course_s_style
def lines(curves: dict[str, Sequence[float]], x: Sequence[float], xlabel: str, ylabel: str) -> Picture:
    """Draw curves over a common axis.

    Args:
        curves: name to values, N of them, as a tensor or a list.
        x: where the values belong, as many.
        xlabel, ylabel: what the axes measure, with their units.

    Raises:
        TypeError, ValueError: these are no numbers, or not as many.
    """
    curves, x = _values("lines", curves), _floats("x", x, "N")
    for name, values in curves.items():
        if len(values) != len(x):
            raise ValueError(f"'{name}' has {len(values)} values, x has {len(x)}; expected as many.")
    figure = Picture(7.5, 3.2, f"Curves of {ylabel} over {xlabel}: " + "; ".join(curves))
    axes = figure.add_subplot(xlabel=xlabel, ylabel=ylabel)
    for (name, values), dash in zip(curves.items(), cycle(DASHES), strict=False):
        axes.plot(x, values, dash, linewidth=2, label=name)
    if not x.frac().any():
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _legend_above(axes)
    return figure


@in_the_course_s_style
def price_of_a_size(price: Callable[[Tensor], Tensor]) -> Picture:
    """Draw what a neighborhood's size costs in chapter 4, and the two costs that make up its price.

    Args:
        price: of sizes (batch, latent_dim), a scalar, such as ``losses.neighborhood_size``.

    Raises:
        TypeError: it returns something else.
    """
    axis = torch.linspace(0.05, 2, 100)
    prices = [price(size.reshape(1, 1)) for size in axis]
    if not all(isinstance(found, Tensor) and found.dim() == 0 for found in prices):
        raise TypeError(f"A price must return one number, as .mean() does; this one returned {prices[0]!r}.")
    both = torch.stack(prices)
    parts = {
        "spring, half of size²": axis**2 / 2,
        "naming, -log size": -axis.log(),
        "price: both, minus 1/2": both,
    }
    return lines(parts, axis, "size", "nats for each latent number")


def latent_numbers(importance: Tensor, codes: Tensor, sizes: Tensor) -> Picture:
    """Draw how important each latent number is, how large its sizes are, and how far its codes spread.

    Args:
        importance: see ``metrics.usage``, (latent_dim,); the most important comes first.
        codes, sizes: of the same digits, each (N, latent_dim).
    """
    order = importance.argsort(descending=True)
    measures = {
        "importance (largest = 1)": importance[order] / importance.max(),
        "average size": sizes.mean(dim=0)[order],
        "spread of the codes": codes.std(dim=0)[order],
    }
    return bars(measures, "latent number, by importance", "three measures")


@in_the_course_s_style
def loss_curve(history: list[dict[str, float]], unit: str = "nats per digit") -> Picture:
    """Draw the terms of the loss over the epochs, from the history that ``training.fit`` returns."""
    if not history:
        raise ValueError("This history is empty: pass what training.fit returned.")
    figure = Picture(7.5, 3.2)
    axes = figure.add_subplot(xlabel="epoch", ylabel=unit)
    epochs = [entry["epoch"] for entry in history]
    names = [name for name in history[0] if name != "epoch"]
    last = ", ".join(f"{name} {history[-1][name]:.1f}" for name in names)
    figure.alt = f"The terms of the loss while training, at the end: {last} {unit}"
    for name, dash in zip(names, cycle(DASHES), strict=False):
        axes.plot(epochs, [entry[name] for entry in history], dash, linewidth=2, label=name)
    _scale_to_the_loss(axes, [entry[name] for entry in history for name in names])
    _legend_above(axes)
    return figure


def _scale_to_the_loss(axes, values):
    """A logarithmic axis, unless a loss of one's own goes below 0 or stays there."""
    positive = [value for value in values if value > 0]
    if min(values) < 0 or not positive:
        return
    axes.set_yscale("log")
    axes.set_ylim(bottom=max(0.7 * min(positive), max(positive) / 1000))
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.yaxis.set_major_formatter(StrMethodFormatter("{x:g}"))
    axes.yaxis.set_minor_locator(NullLocator())


def live_loss(unit: str = "nats per digit") -> Callable[[list[dict[str, float]]], None]:
    """Return a ``watch`` for ``training.fit``: a picture of the loss, redrawn after every epoch."""
    if not isinstance(unit, str):  # the history, if live_loss itself was passed as the watch
        raise TypeError("write watch=plots.live_loss(), with parentheses")
    handle = DisplayHandle()
    shown = False

    def watch(history):
        nonlocal shown
        (handle.update if shown else handle.display)(loss_curve(history, unit))
        shown = True

    return watch


def _legend_above(axes):
    """Name the groups above the picture, where they hide nothing."""
    axes.legend(fontsize=FONT_SIZE, loc="lower left", bbox_to_anchor=(0, 1), ncols=3, frameon=False)
