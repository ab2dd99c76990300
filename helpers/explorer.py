"""Explorers that decode in the page: what is shown, decoded and drawn.

An explorer is a box of ordinary ipywidgets controls around a page that carries the decoder's weights.
``explorer.js`` decodes and draws there on every event, without asking Python, so that an explorer works
while the kernel is busy, and in an exported page without any. What that asks of widgets and front ends is
in ``front_ends``.

``network.js`` repeats what ``models`` computes: whoever changes one keeps the other in mind.
"""

import zlib

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor, nn

from helpers import front_ends, metrics, plots
from helpers.models import Autoencoder, as_batch, as_labels

MOST_SLIDERS = 64
MOST_CODES_ON_A_MAP, MOST_CODES_TO_GUESS_BY, MOST_CODES_IN_A_PICTURE = 5000, 1000, 500
DRAWS_IN_A_ROW = 8


@torch.no_grad()
def explore_map(
    model: Autoencoder, images: Tensor, labels: Tensor, neighborhoods: bool = False
) -> widgets.Widget:
    """A point on the map of a latent space of two numbers, beside the digit it decodes to.

    Hover, drag, touch, arrow keys and two sliders move the point; a click pins it.

    Args:
        model: with ``latent_dim`` 2.
        images: whose codes make the map, see ``models.as_batch``; of more than 5,000 it shows as many.
        labels: their digits, (N,), see ``models.as_labels``.
        neighborhoods: offer to draw those that a model of chapter 4 has learned, as ellipses.

    Raises:
        TypeError, ValueError: the model cannot be explored, or not as a map; or see images and labels.
    """
    _check(model)
    if model.latent_dim != 2:
        raise ValueError(
            f"A map shows 2 latent numbers, this model has {model.latent_dim}: use explore_numbers."
        )
    images, labels, notes = _thinned(*_paired(images, labels))
    codes, sizes = model.neighborhoods(images)
    content = _packed(codes, labels) | {"edges": _edges(codes), "colors": plots.DIGIT_COLORS}
    if neighborhoods:
        content["sizes"] = _halves(sizes)
    sliders = front_ends.sliders({f"number {i + 1}": ends for i, ends in enumerate(content["edges"])})
    picture = plots.latent_map(codes[:MOST_CODES_IN_A_PICTURE], labels[:MOST_CODES_IN_A_PICTURE])
    return _explorer([model], content, sliders, picture, [*sliders, *notes])


@torch.no_grad()
def explore_numbers(model: Autoencoder, images: Tensor, labels: Tensor) -> widgets.Widget:
    """One slider for each latent number, the most used first, beside the digit they decode to.

    Args:
        model: with up to 64 latent numbers.
        images: tell how much each number matters, and serve as starting points; a thousand will do.
        labels: their digits, (N,), see ``models.as_labels``.

    Raises:
        TypeError, ValueError: the model cannot be explored; or see images and labels.
    """
    _check(model)
    if model.latent_dim > MOST_SLIDERS:
        raise ValueError(
            f"This model has {model.latent_dim} latent numbers. Nobody can explore more than "
            f"{MOST_SLIDERS} by hand: train one with a smaller latent_dim."
        )
    images, labels = _paired(images, labels, MOST_CODES_TO_GUESS_BY)
    codes = model.encode(images)
    reach = max(4.0, codes.abs().max().item())
    sliders = front_ends.sliders({f"number {i + 1}": (-reach, reach) for i in range(model.latent_dim)})
    content = _packed(codes, labels) | {"range": [-reach, reach]}
    picture = plots.galleries({"all numbers at 0": model.decode(torch.zeros(1, model.latent_dim))}, columns=1)
    return _explorer([model], content, sliders, picture, _by_use(sliders, metrics.usage(model, images)))


@torch.no_grad()
def explore_chapters(models: dict[str, Autoencoder], images: Tensor, labels: Tensor) -> widgets.Widget:
    """The same random numbers, decoded by several models, and a slider for how far out they lie.

    Args:
        models: name to model, all with the same ``latent_dim``.
        images: whose codes serve to guess what was drawn; a thousand will do.
        labels: their digits, (N,), see ``models.as_labels``.

    Raises:
        TypeError, ValueError: a model cannot be explored, or not beside the others; or see images and labels.
    """
    for model in models.values():
        _check(model)
    dims = sorted({model.latent_dim for model in models.values()})
    if len(dims) != 1:
        raise ValueError(
            f"The same random numbers need at least one model, and all of the same latent_dim, not of {dims}."
        )
    images, labels = _paired(images, labels, MOST_CODES_TO_GUESS_BY)
    origin, ones = torch.zeros(1, dims[0]), torch.ones(1, dims[0])
    rows = [_row(name, origin, ones, model.encode(images), labels) for name, model in models.items()]
    scale = front_ends.sliders({"spread": (0.0, 3.0)}, start=1.0)
    picture = plots.strips({name: model.sample(DRAWS_IN_A_ROW, seed=0) for name, model in models.items()})
    return _explorer(models.values(), {"title": "New random numbers", "rows": rows}, scale, picture)


@torch.no_grad()
def explore_neighborhoods(
    model: Autoencoder, images: Tensor, labels: Tensor, size: float | None = None
) -> widgets.Widget:
    """Draws from the neighborhood of a chosen digit, with a slider for its size.

    Args:
        model: any of the course.
        images: the first of each digit can be chosen; a thousand will do.
        labels: their digits, (N,), see ``models.as_labels``.
        size: where the slider starts, the same size for all; None for the sizes that the model has
            learned, which the slider then multiplies.

    Raises:
        TypeError, ValueError: the model cannot be explored; or see images and labels.
    """
    _check(model)
    images, labels = _paired(images, labels, MOST_CODES_TO_GUESS_BY)
    digits = labels.unique().tolist()
    chosen = images[[labels.tolist().index(digit) for digit in digits]]
    centers, sizes = model.neighborhoods(chosen)
    name, most, start = ("times learned", 3.0, 1.0) if size is None else ("size", 1.5, size)
    spreads = sizes if size is None else torch.ones_like(sizes)
    (scale,) = front_ends.sliders({name: (0.0, most)}, start)
    options = [str(digit) for digit in digits]
    choice = front_ends.Choice(options=options, description="digit", style={"button_width": "3em"})
    row = _row("from its neighborhood", centers, spreads, model.encode(images), labels)
    content = {"title": "New draws", "rows": [row], "originals": _bytes(255 * chosen)}
    draws = model.decode(_around(centers[0], start * spreads[0]))
    picture = plots.strips({"the digit itself": chosen[:1], row["name"]: draws})
    return _explorer([model], content, [scale, choice], picture, [choice, scale])


def choose(pictures: dict[str, plots.Picture], description: str) -> widgets.Widget:
    """A slider that steps through finished pictures, in the page alone.

    Args:
        pictures: name to picture, in the slider's order.
        description: what the names are values of.
    """
    slider = widgets.SelectionSlider(options=list(pictures), description=description)
    pages = [front_ends.LargeHTML(picture.html()) for picture in pictures.values()]
    return front_ends.Whole([slider, front_ends.Selected(slider, pages)], layout={"flex_flow": "column"})


def _explorer(models, content, controls, picture, shown=None):
    """A page that follows ``controls``; ``shown`` stands beside it, where that is not just these."""
    decoders = [_decoder_of(model) for model in models]
    page = front_ends.Page(decoders=decoders, controls=controls, content=content)
    return front_ends.Explorer(page, shown or controls, picture.html(scale=1))


def _by_use(sliders, used):
    """The sliders by how much their numbers matter, those of idle numbers folded away."""
    order, idle = used.argsort(descending=True).tolist(), metrics.idle(used)
    controls = [sliders[i] for i in order if not idle[i]]
    if idle.any():
        buttons = widgets.ToggleButtons(
            options=["folded", "shown"], description=f"{idle.sum()} idle", style={"button_width": "5em"}
        )
        folded = widgets.VBox([sliders[i] for i in order if idle[i]])
        controls += [buttons, front_ends.Selected(buttons, [widgets.VBox(), folded])]
    return controls


def _check(model):
    """Refuse, in words, a model that network.js cannot compute."""
    if not isinstance(model, Autoencoder):
        raise TypeError(f"An explorer needs a models.Autoencoder, not {type(model).__name__}.")
    hidden, pixels = getattr(model.decoder, "hidden", ()), getattr(model.decoder, "pixels", None)
    layers = [type(layer) for layer in (*hidden, pixels)]
    if layers != [nn.Linear, nn.SiLU] * (len(layers) // 2) + [nn.Linear]:
        raise ValueError(
            "An explorer computes decoders whose hidden layers are linear, each followed by a SiLU. "
            "This one was built differently: look at its samples with plots.galleries instead."
        )
    if not all(parameter.half().isfinite().all() for parameter in model.parameters()):
        raise ValueError(
            "This model holds weights that are not numbers, or too large to be sent to the page. Its "
            "training has failed: train it again, with a smaller learning rate."
        )


def _paired(images, labels, most=None):
    """The first images, (N, 1, 28, 28), and their labels, (N,)."""
    images = as_batch(images)
    labels = as_labels(labels, images)
    if not len(images):
        raise ValueError("An explorer needs at least one image.")
    return images[:most], labels[:most]


def _thinned(images, labels):
    """As many images as a map can carry, evenly chosen, and a note if some are left out."""
    if len(images) <= MOST_CODES_ON_A_MAP:
        return images, labels, []
    keep = torch.linspace(0, len(images) - 1, MOST_CODES_ON_A_MAP).long()
    note = f"The map shows {MOST_CODES_ON_A_MAP:,} of {len(images):,} codes."
    return images[keep], labels[keep], [widgets.HTML(note)]


def _edges(codes):
    edges = plots.map_edges(codes)
    if edges[0][0] == edges[0][1]:
        raise ValueError(
            "All codes lie at one point, so there is no map: give more images, or train the model."
        )
    return edges


def _row(name, centers, spreads, codes, labels):
    """What the page needs for draws around one of the centers, and to guess what they are."""
    places = {"centers": centers.tolist(), "spreads": spreads.tolist()}
    return {"name": name} | places | _packed(codes, labels)


def _around(center, spread):
    """Always the same draws around a code, (DRAWS_IN_A_ROW, latent_dim)."""
    generator = torch.Generator().manual_seed(0)
    return center + spread * torch.randn(DRAWS_IN_A_ROW, len(center), generator=generator)


def _decoder_of(model):
    """The widget that holds this model's weights as they are now."""
    layers = [*model.decoder.hidden[::2], model.decoder.pixels]
    shapes = [[layer.out_features, layer.in_features] for layer in layers]
    weights = [part.detach().flatten() for layer in layers for part in (layer.weight, layer.bias)]
    return front_ends.Network.with_(weights=_compressed(torch.cat(weights)), shapes=shapes)


def _compressed(weights):
    """Weights in half precision: all low bytes, then all high ones, which are more alike, deflated."""
    low_and_high = np.frombuffer(_halves(weights), np.uint8).reshape(-1, 2)
    deflate = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)  # nothing repeats itself in weights
    return deflate.compress(low_and_high.T.tobytes()) + deflate.flush()


def _packed(codes, labels):
    """Codes and labels as the page reads them."""
    return {"dim": codes.shape[1], "codes": _halves(codes), "labels": _bytes(labels)}


def _halves(values):
    return values.detach().half().cpu().numpy().tobytes()


def _bytes(values):
    return values.round().byte().cpu().numpy().tobytes()
