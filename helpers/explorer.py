"""Explorers that decode in the page: what is shown, decoded and drawn.

An explorer is a box of ordinary ipywidgets controls around a page that carries the decoder's weights.
``explorer.js`` decodes and draws there on every event, without asking Python, so that an explorer works
while the kernel is busy, and in an exported page without any. What that asks of widgets and front ends is
in ``front_ends``.

``network.js`` repeats what ``models`` computes: whoever changes one keeps the other in mind.
"""

import base64
import html
import io
import zlib

import ipywidgets as widgets
import numpy as np
import torch
from torch import Tensor, nn

from helpers import front_ends, metrics, plots
from helpers.films import Film
from helpers.front_ends import Pad, open_pad
from helpers.models import Autoencoder, as_batch, as_labels, named, normal

__all__ = [
    "choose",
    "explore_chapters",
    "explore_film",
    "explore_map",
    "explore_neighborhoods",
    "explore_numbers",
    "open_pad",
]

MOST_SLIDERS = 64
MOST_CODES_ON_A_MAP, MOST_CODES_TO_GUESS_BY, MOST_CODES_IN_A_PICTURE = 5000, 700, 500
DRAWS_IN_A_ROW = 8
FILM_GRID, FILM_PARTS, MOST_LOGIT = 16, 28, 8.0
MOST_EXAMPLES = 20  # real digits to bring to a pad


@torch.no_grad()
def explore_map(
    model: Autoencoder, images: Tensor, labels: Tensor, neighborhoods: bool = False, pad: Pad | None = None
) -> widgets.Widget:
    """A point on the map of a latent space of two numbers, beside the digit it decodes to.

    Hover, drag, touch, arrow keys and two sliders move the point; a click pins it.

    Args:
        model: with ``latent_dim`` 2.
        images: whose codes make the map, see ``models.as_batch``; of more than 5,000 it shows as many.
        labels: their digits, (N,), see ``models.as_labels``.
        neighborhoods: offer to draw those that a model of chapter 4 has learned, as ellipses.
        pad: on which to draw a digit, which then is a point on the map; see ``open_pad``.

    Raises:
        TypeError, ValueError: the model cannot be explored, or not as a map; or see images and labels.
    """
    _check(model, pad, neighborhoods)
    if model.latent_dim != 2:
        raise ValueError(
            f"A map shows 2 latent numbers, this model has {model.latent_dim}: use explore_numbers."
        )
    images, labels = _paired(images, labels)
    examples = images[:MOST_EXAMPLES]
    images, labels, notes = _thinned(images, labels)
    codes, sizes = model.neighborhoods(images)
    content = _packed(codes, labels) | {"edges": _edges(codes), "colors": plots.DIGIT_COLORS}
    if neighborhoods:
        content["sizes"] = _halves(sizes)
    sliders = front_ends.sliders({f"number {i + 1}": ends for i, ends in enumerate(content["edges"])})
    picture = plots.latent_map(codes[:MOST_CODES_IN_A_PICTURE], labels[:MOST_CODES_IN_A_PICTURE])
    return _explorer([model], content | _drawn(pad, examples), sliders, picture, [*sliders, *notes], pad)


@torch.no_grad()
def explore_numbers(
    model: Autoencoder, images: Tensor, labels: Tensor, pad: Pad | None = None
) -> widgets.Widget:
    """One slider for each latent number, the most used first, beside the digit they decode to.

    Args:
        model: with up to 64 latent numbers.
        images: tell how much each number matters, and serve as starting points; some hundred will do.
        labels: their digits, (N,), see ``models.as_labels``.
        pad: on which to draw a digit, to whose numbers the sliders then go; see ``open_pad``.

    Raises:
        TypeError, ValueError: the model cannot be explored; or see images and labels.
    """
    _check(model, pad)
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
    by_use = _by_use(sliders, metrics.usage(model, images))
    return _explorer([model], content | _drawn(pad, images), sliders, picture, by_use, pad)


@torch.no_grad()
def explore_chapters(
    models: dict[str, Autoencoder], images: Tensor, labels: Tensor, pad: Pad | None = None
) -> widgets.Widget:
    """The same random numbers, decoded by several models, and a slider for how far out they lie.

    Args:
        models: name to model, all with the same ``latent_dim``.
        images: whose codes serve to guess what was drawn; some hundred will do.
        labels: their digits, (N,), see ``models.as_labels``.
        pad: on which to draw a digit, of which each model makes its copy; see ``open_pad``.

    Raises:
        TypeError, ValueError: a model cannot be explored, or not beside the others; or see images and labels.
    """
    models = named("explore_chapters", models, "model")
    for model in models.values():
        _check(model, pad)
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
    content = {"title": "New random numbers", "rows": rows} | _drawn(pad, images)
    return _explorer(models.values(), content, scale, picture, pad=pad)


@torch.no_grad()
def explore_neighborhoods(
    model: Autoencoder, images: Tensor, labels: Tensor, size: float | None = None, pad: Pad | None = None
) -> widgets.Widget:
    """Draws from the neighborhood of a chosen digit, with a slider for its size.

    Args:
        model: any of the course.
        images: the first of each digit can be chosen; some hundred will do.
        labels: their digits, (N,), see ``models.as_labels``.
        size: where the slider starts, the same size for all; None for the sizes that the model has
            learned, which the slider then multiplies.
        pad: on which to draw a digit, from whose neighborhood the draws then come; see ``open_pad``.

    Raises:
        TypeError, ValueError: the model cannot be explored; or see images and labels.
    """
    _check(model, pad, size)
    images, labels = _paired(images, labels, MOST_CODES_TO_GUESS_BY)
    digits = labels.unique().tolist()
    chosen = images[[labels.tolist().index(digit) for digit in digits]]
    centers, sizes = model.neighborhoods(chosen)
    name, most, start = ("times learned", 3.0, 1.0) if size is None else ("size", max(1.5, size), size)
    spreads = sizes if size is None else torch.ones_like(sizes)
    (scale,) = front_ends.sliders({name: (0.0, most)}, start)
    options = [str(digit) for digit in digits]
    choice = front_ends.Choice(options=options, description="digit", style={"button_width": "3em"})
    row = _row("from its neighborhood", centers, spreads, model.encode(images), labels)
    content = {
        "title": "New draws",
        "rows": [row],
        "originals": _bytes(255 * chosen),
        "learned": size is None,
    }
    content |= _drawn(pad, images)
    draws = model.decode(centers[0] + start * spreads[0] * normal(DRAWS_IN_A_ROW, model.latent_dim, 0))
    picture = plots.strips({"the digit itself": chosen[:1], row["name"]: draws})
    return _explorer([model], content, [scale, choice], picture, [choice, scale], pad)


@torch.no_grad()
def explore_film(film: Film, neighborhoods: bool = False) -> widgets.Widget:
    """The map of a latent space as it formed, beside what the chosen point decoded to then.

    The page carries what each moment's decoder makes of a grid of points, as counts of a few pictures that
    all have in common; between the points it mixes. On average a pixel is some 3 shades of 255 off.

    Args:
        film: of a model with ``latent_dim`` 2; see ``films.Film``.
        neighborhoods: draw those that a model of chapter 4 has learned, as ellipses.

    Raises:
        ValueError: no training was filmed yet, or a model of other than two numbers.
    """
    if len(film.epochs) < 2:
        raise ValueError("This film shows no training yet: train a model with training.fit(..., film=film).")
    codes = torch.stack(film.codes)  # (moments, N, 2)
    if codes.shape[-1] != 2:
        raise ValueError(f"A film shows 2 latent numbers, this model has {codes.shape[-1]}.")
    edges = _widest([_edges(shown) for shown in codes])
    content = {"epochs": film.epochs, "edges": edges, "colors": plots.DIGIT_COLORS, **_projected(film, edges)}
    content |= {"labels": _bytes(film.labels), "codes": zlib.compress(_halves(codes))}
    if neighborhoods:
        content["sizes"] = zlib.compress(_halves(torch.stack(film.sizes)))
    moment = front_ends.sliders({"moment": (0.0, len(film.epochs) - 1.0)}, readout_format=".1f")
    sliders = front_ends.sliders({f"number {i + 1}": ends for i, ends in enumerate(edges)})
    picture = plots.latent_map(film.codes[-1], film.labels, title="At the end of the training")
    return _explorer([], content, [*moment, *sliders], picture)


def _widest(several):
    """The square in which all squares, each [left, right], [bottom, top], have room."""
    ends = torch.tensor(several)  # (moments, 2, 2)
    low, high = ends[..., 0].amin(dim=0), ends[..., 1].amax(dim=0)
    middle, half = (low + high) / 2, (high - low).max() / 2
    return torch.stack([middle - half, middle + half], dim=1).tolist()


def _projected(film, edges):
    """What the decoders of a film make of a grid of points, by principal components."""
    across, up = (torch.linspace(*ends, FILM_GRID) for ends in edges)
    grid = torch.cartesian_prod(up, across).flip(1)  # from the lower left, row by row
    logits = film.logits(grid).clamp_(-MOST_LOGIT, MOST_LOGIT)  # (moments, grid², 784)
    mean = logits.mean(dim=(0, 1))
    centered = logits.sub_(mean).flatten(0, 1)
    _, vectors = torch.linalg.eigh(centered.T @ centered)
    shares = centered @ vectors[:, -FILM_PARTS:]
    steps = shares.abs().amax(dim=0).clamp(min=1e-6) / 127
    counts = (shares / steps).round().to(torch.int8).T.unflatten(1, logits.shape[:2]).numpy()
    return {
        "grid": FILM_GRID,
        "mean": zlib.compress(_halves(mean)),
        "basis": zlib.compress(_halves((vectors[:, -FILM_PARTS:] * steps).T)),
        "counts": zlib.compress(np.diff(counts, axis=1, prepend=np.int8(0)).tobytes()),
    }


def choose(pictures: dict[str, plots.Picture], description: str) -> widgets.Widget:
    """A slider that steps through finished pictures, in the page alone.

    Args:
        pictures: name to picture, in the slider's order.
        description: what the names are values of.

    Raises:
        TypeError: these are not pictures by name.
    """
    pictures = named("choose", pictures, "picture")
    for name, picture in pictures.items():
        if not isinstance(picture, plots.Picture):
            got = type(picture).__name__
            raise TypeError(f"choose shows what functions of plots return; '{name}' is of type {got}.")
    slider = widgets.SelectionSlider(options=list(pictures), description=description)
    pages = [front_ends.LargeHTML(picture.html()) for picture in pictures.values()]
    return front_ends.Stepped([slider], front_ends.Selected(slider, pages))


def _explorer(models, content, controls, picture, shown=None, pad=None):
    """A page that follows ``controls``; ``shown`` stands beside it, where that is not just these."""
    networks = {"decoders": [_decoder_of(model) for model in models]}
    if pad:
        exact = len(models) == 1
        networks |= {"encoders": [_encoder_of(model, exact) for model in models], "pads": [pad]}
    page = front_ends.Page(**networks, controls=controls, content=content)
    return front_ends.Explorer(page, shown or controls, _small(picture))


def _small(picture):
    """A picture as HTML, in a quarter of a PNG's bytes: few will ever see it."""
    buffer = io.BytesIO()
    plots.in_the_course_s_style(picture.savefig)(buffer, format="webp", pil_kwargs={"quality": 50})
    source = f"data:image/webp;base64,{base64.b64encode(buffer.getvalue()).decode()}"
    return f'<img src="{source}" style="max-width: 100%" alt="{html.escape(picture.alt)}">'


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


def _check(model, pad=None, fourth=None):
    """Refuse, in words, a model that network.js cannot compute, and what is no pad, or in a pad's place."""
    if not isinstance(model, Autoencoder):
        whole = hasattr(model, "autoencoder")  # the epilogue's
        hint = " Explore its .autoencoder, or see the whole with ways.explore." if whole else ""
        raise TypeError(f"An explorer needs a models.Autoencoder, not {type(model).__name__}.{hint}")
    if isinstance(fourth, Pad) or not isinstance(pad, Pad | None):
        raise TypeError("An explorer takes a pad by name, pad=pad, where pad = explorer.open_pad().")
    computed = _is_computed(model.decoder, ["pixels"])
    if not computed or (pad and not _is_computed(model.encoder, ["code", "log_size"])):
        raise ValueError(
            "An explorer computes networks whose hidden layers are linear, each followed by a SiLU. "
            "This one was built differently: look at its samples with plots.galleries instead."
        )
    if not all(parameter.half().isfinite().all() for parameter in model.parameters()):
        raise ValueError(
            "This model holds weights that are not numbers, or too large to be sent to the page. Its "
            "training has failed: train it again, with a smaller learning rate."
        )


def _is_computed(network, heads):
    hidden = [type(layer) for layer in getattr(network, "hidden", ())]
    last = [type(getattr(network, head, None)) for head in heads]
    return hidden == [nn.Linear, nn.SiLU] * (len(hidden) // 2) and last == [nn.Linear] * len(heads)


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


def _decoder_of(model):
    """The widget that holds the decoder's weights as they are now."""
    return front_ends.Network.with_(**_in_halves(_layers(*model.decoder.hidden[::2], model.decoder.pixels)))


def _encoder_of(model, exact):
    """The same of the encoder, whose last layer gives codes, then the logarithms of sizes.

    Beside other models a byte for each weight will do, unless the page holds the exact ones anyway.
    """
    hidden, heads = model.encoder.hidden[::2], [model.encoder.code, model.encoder.log_size]
    both = [torch.cat(parts) for parts in zip(*map(_parameters, heads), strict=True)]
    layers = [*_layers(*hidden), both]
    in_halves = _in_halves(layers)
    if exact or front_ends.Network.open_with(**in_halves):
        return front_ends.Network.with_(**in_halves)
    return front_ends.Network.with_(**_in_bytes(layers))


def _parameters(layer):
    return layer.weight.detach(), layer.bias.detach()


def _layers(*linear):
    """The matrix and the bias of each layer."""
    return [_parameters(layer) for layer in linear]


def _in_halves(layers):
    """Weights in half precision: all low bytes, then all high ones, which are more alike."""
    halves = np.frombuffer(_halves(_in_a_row(layers)), np.uint8).reshape(-1, 2)
    return {"shapes": _shapes(layers), "weights": _deflated(halves.T.tobytes()), "steps": []}


def _in_bytes(layers):
    """Weights to the next of 255 steps of their layer; a bias beyond them counts as the last."""
    steps = [matrix.abs().max().item() / 127 for matrix, _ in layers]
    counts = [
        [(part / step).round().clamp(-127, 127) for part in layer]
        for layer, step in zip(layers, steps, strict=True)
    ]
    weights = _in_a_row(counts).to(torch.int8).numpy().tobytes()
    return {"shapes": _shapes(layers), "weights": _deflated(weights), "steps": steps}


def _in_a_row(layers):
    return torch.cat([part.flatten() for layer in layers for part in layer])


def _shapes(layers):
    return [list(matrix.shape) for matrix, _ in layers]


def _deflated(data):
    deflate = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)  # nothing repeats itself in weights
    return deflate.compress(data) + deflate.flush()


def _drawn(pad, images):
    """What a page with a pad needs: real digits to bring to it."""
    return {"examples": zlib.compress(_bytes(255 * images[:MOST_EXAMPLES]))} if pad else {}


def _packed(codes, labels):
    """Codes and labels as the page reads them."""
    return {"dim": codes.shape[1], "codes": _halves(codes), "labels": _bytes(labels)}


def _halves(values):
    return values.detach().half().cpu().numpy().tobytes()


def _bytes(values):
    return values.round().byte().cpu().numpy().tobytes()
