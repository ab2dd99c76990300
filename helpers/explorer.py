"""Explorers that decode in the page: the only room that knows ipywidgets and anywidget.

An explorer is a box of ordinary ipywidgets controls around a ``Page``, which carries the decoder's
weights. ``explorer.js`` decodes and draws there on every event, without asking Python, so that an
explorer works while the kernel is busy, and in an exported page without any. Controls and page are
linked in the front end. Where a front end has no anywidget, the ``plain`` part of the same box stays
visible, and Python redraws it.

``explorer.js`` repeats what ``models.Decoder`` computes: whoever changes one keeps the other in mind.
"""

import hashlib
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from torch import Tensor, nn

from helpers import metrics, plots
from helpers.models import Autoencoder

STEPS = 250  # at least, from one end of a slider to the other
MOST_SLIDERS = 64
MAP_CODES, GUESS_CODES, PLAIN_CODES = 5000, 1000, 500  # what each can carry without growing slow
DRAWS = 8
# Python hears of these, but does not echo them: an echo would pull back a hand that has moved on.
HEARD = {"sync": True, "echo_update": False}
# A browser never forgets a module, and anywidget would import explorer.js anew for every explorer.
LOADER = """
async function render(context) {
  const modules = (globalThis[Symbol.for("helpers.explorer")] ??= new Map());
  const code = context.model.get("code");
  if (!modules.has(code)) {
    modules.set(code, import(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))));
  }
  return (await modules.get(code)).render(context);
}
export default { render };
"""
PLAIN = (
    "This front end cannot run the live explorer (it has no anywidget), so here is the plain one: "
    "Python redraws it after every move."
)


class Decoder(widgets.Widget):
    """The weights of one decoder in half precision, shared by all explorers that show the model.

    They travel as bytes: all low bytes, then all high bytes, deflated, an eighth smaller than as they are.
    """

    weights = traitlets.Bytes().tag(sync=True)
    shapes = traitlets.List().tag(sync=True)  # [outputs, inputs] of each layer

    explorers = 0  # that use it now


_shared: dict[str, Decoder] = {}  # open decoders, by what they hold


class Page(anywidget.AnyWidget):
    """What ``explorer.js`` draws: a point and its digit, or rows of draws."""

    _esm = LOADER
    _css = Path(__file__).with_suffix(".css")
    code = traitlets.Unicode(Path(__file__).with_suffix(".js").read_text(encoding="utf-8")).tag(sync=True)
    decoders = traitlets.List(traitlets.Instance(Decoder)).tag(sync=True, **widgets.widget_serialization)
    links = traitlets.List(traitlets.Instance(widgets.Widget)).tag(sync=True, **widgets.widget_serialization)
    content = traitlets.Dict().tag(sync=True)
    choice = traitlets.Int(0).tag(**HEARD)
    scale = traitlets.Float(1.0).tag(**HEARD)
    alive = traitlets.Bool(False).tag(sync=True)  # a front end has drawn it


class Slider(widgets.FloatSlider):
    """A slider whose value Python does not echo."""

    value = traitlets.CFloat(0.0).tag(**HEARD)


class Choice(widgets.ToggleButtons):
    """Buttons whose choice Python does not echo."""

    index = traitlets.Int(None, allow_none=True).tag(**HEARD)


class Selected(widgets.Stack):
    """Shows the one of its children that a control selects; the two are linked in the front end."""

    def __init__(self, control, children):
        super().__init__(children, selected_index=0)
        self.link = widgets.jslink((control, "index"), (self, "selected_index"))

    def close(self):
        self.link.close()
        super().close()


class Explorer(widgets.Box):
    """An explorer in a notebook. ``close()`` gives back all that it holds, in Python and in the page."""

    def __init__(self, page, picture, buttons, controls):
        self.page, self.picture = page, picture
        for decoder in set(page.decoders):
            decoder.explorers += 1
        layout = widgets.Layout(flex_flow="row wrap", align_items="flex-start", grid_gap="0 24px")
        plain = widgets.VBox([widgets.HTML(PLAIN), picture, widgets.HBox(buttons)])
        plain.add_class("explorer-plain")
        super().__init__([page, plain, widgets.VBox(controls)], layout=layout)
        self.add_class("explorer")

    def _repr_mimebundle_(self, **kwargs):
        _, metadata = self.page._repr_mimebundle_(**kwargs)  # how anywidget makes itself known to Colab
        return super()._repr_mimebundle_(**kwargs), metadata

    def close(self):
        if self.comm is not None:  # not closed yet
            _empty(self.page, content={}, code="", alive=False)
            _empty(self.picture, value="", placeholder="")
            for part in _parts(self):
                part.close()
            for decoder in set(self.page.decoders):
                _release(decoder)
        super().close()


def explore_map(
    model: Autoencoder, images: Tensor, labels: Tensor, neighborhoods: bool = False
) -> widgets.Widget:
    """A point on the map of a latent space of two numbers, beside the digit it decodes to.

    Hover, drag, touch, arrow keys and two sliders move the point; a click pins it.

    Args:
        model: with ``latent_dim`` 2.
        images: whose codes make the map, see ``models.as_batch``; of more than 5,000 it shows as many.
        labels: their digits, (N,).
        neighborhoods: offer to draw those that a model of chapter 4 has learned, as ellipses.

    Raises:
        TypeError, ValueError: the model cannot be explored, or not as a map.
    """
    _check(model)
    if model.latent_dim != 2:
        raise ValueError(
            f"A map shows 2 latent numbers, this model has {model.latent_dim}: use explore_numbers."
        )
    carried, carried_labels, notes = _thinned(*_paired(images, labels))
    codes, sizes = model.neighborhoods(carried)
    edges = plots.map_edges(codes)
    if edges[0][0] == edges[0][1]:
        raise ValueError(
            "All codes lie at one point, so there is no map: give more images, or train the model."
        )
    content = _codes(codes, carried_labels) | {"edges": edges, "colors": plots.DIGIT_COLORS}
    if neighborhoods:
        content["sizes"] = _halves(sizes)
    sliders = [_slider(f"number {i + 1}", *edges[i]) for i in range(2)]

    def draw():
        point = [slider.value for slider in sliders]
        map_picture = plots.latent_map(codes[:PLAIN_CODES], carried_labels[:PLAIN_CODES])
        map_picture.axes[0].plot(*point, "k+", markersize=20, markeredgewidth=3)
        return [map_picture, _digit_picture(model, point)]

    return _point_explorer(model, content, sliders, draw, [*sliders, *notes])


def explore_numbers(model: Autoencoder, images: Tensor, labels: Tensor) -> widgets.Widget:
    """One slider for each latent number, the most used first, beside the digit they decode to.

    Args:
        model: with up to 64 latent numbers.
        images: tell how much each number matters, and serve as starting points; a thousand will do.
        labels: their digits, (N,).

    Raises:
        TypeError, ValueError: the model cannot be explored.
    """
    _check(model)
    if model.latent_dim > MOST_SLIDERS:
        raise ValueError(
            f"This model has {model.latent_dim} latent numbers. Nobody can explore more than "
            f"{MOST_SLIDERS} by hand: train one with a smaller latent_dim."
        )
    images, labels = _paired(images, labels, GUESS_CODES)
    codes = model.encode(images)
    used = metrics.usage(model, images)
    idle = metrics.idle(used)
    order = used.argsort(descending=True).tolist()
    reach = max(4.0, codes.abs().max().item())
    sliders = [_slider(f"number {i + 1}", -reach, reach) for i in range(model.latent_dim)]
    controls = [sliders[i] for i in order if not idle[i]]
    if idle.any():
        controls += _folded([sliders[i] for i in order if idle[i]], f"{idle.sum()} idle")
    content = _codes(codes, labels) | {"range": [-reach, reach]}

    def draw():
        return [_digit_picture(model, [slider.value for slider in sliders])]

    def move_to(point):
        for slider, value in zip(sliders, point.tolist(), strict=True):
            slider.value = value

    buttons = {
        "Random point": lambda: move_to(torch.randn(model.latent_dim)),
        "A real digit": lambda: move_to(codes[torch.randint(len(codes), ())]),
        "Reset": lambda: move_to(torch.zeros(model.latent_dim)),
    }
    return _point_explorer(model, content, sliders, draw, controls, buttons)


def explore_stages(stages: dict[str, Autoencoder], images: Tensor, labels: Tensor) -> widgets.Widget:
    """The same random numbers, decoded by several models, and a slider for how far out they lie.

    Args:
        stages: name to model, all with the same ``latent_dim``.
        images: whose codes serve to guess what was drawn; a thousand will do.
        labels: their digits, (N,).

    Raises:
        TypeError, ValueError: a model cannot be explored, or not beside the others.
    """
    for model in stages.values():
        _check(model)
    dims = {model.latent_dim for model in stages.values()}
    if len(dims) != 1:
        raise ValueError(
            "The same random numbers need at least one model, and all of the same latent_dim, not of "
            f"{sorted(dims)}."
        )
    images, labels = _paired(images, labels, GUESS_CODES)
    (dim,) = dims
    everywhere = {"center": [0.0] * dim, "spread": [1.0] * dim}
    rows = [
        {"name": name, "places": [everywhere]} | _guess_codes(model, images, labels)
        for name, model in stages.items()
    ]
    spread = _slider("spread", 0.0, 3.0, value=1.0)
    noise = torch.randn(DRAWS, dim)

    def draw():
        return [plots.strips({name: model.decode(spread.value * noise) for name, model in stages.items()})]

    page = _page(stages.values(), {"dim": dim, "title": "New random numbers", "rows": rows})
    return _assembled(page, {"scale": (spread, "value")}, draw, [spread])


def explore_neighborhoods(
    model: Autoencoder, images: Tensor, labels: Tensor, size: float | None = None
) -> widgets.Widget:
    """Draws from the neighborhood of a chosen digit, with a slider for its size.

    Args:
        model: any of the course.
        images: the first of each digit can be chosen; a thousand will do.
        labels: their digits, (N,).
        size: where the slider starts, the same size for all; None for the sizes that the model has
            learned, which the slider then multiplies.

    Raises:
        TypeError, ValueError: the model cannot be explored, or the images and labels do not match.
    """
    _check(model)
    images, labels = _paired(images, labels, GUESS_CODES)
    digits = labels.unique().tolist()
    chosen = images[[(labels == digit).nonzero()[0].item() for digit in digits]]
    centers, sizes = model.neighborhoods(chosen)
    spreads = sizes if size is None else torch.ones_like(sizes)
    places = [
        {"center": center, "spread": spread}
        for center, spread in zip(centers.tolist(), spreads.tolist(), strict=True)
    ]
    choice = Choice(options=[str(digit) for digit in digits], description="digit")
    choice.style.button_width = "3em"
    name, most, start = ("times learned", 3.0, 1.0) if size is None else ("size", 1.5, size)
    scale = _slider(name, 0.0, most, value=start)
    row = {"name": "from its neighborhood", "places": places} | _guess_codes(model, images, labels)
    noise = torch.randn(DRAWS, model.latent_dim)

    def draw():
        i = choice.index
        near = centers[i] + scale.value * spreads[i] * noise
        return [plots.strips({"the digit itself": chosen[i], "from its neighborhood": model.decode(near)})]

    content = {"dim": model.latent_dim, "title": "New draws", "rows": [row], "originals": _bytes(chosen)}
    page = _page([model], content)
    return _assembled(page, {"choice": (choice, "index"), "scale": (scale, "value")}, draw, [choice, scale])


def choose(pictures: dict[str, plots.Picture], description: str) -> widgets.Widget:
    """A slider that steps through finished pictures, in the page alone.

    Args:
        pictures: name to picture, in the slider's order.
        description: what the names are values of.
    """
    slider = widgets.SelectionSlider(options=list(pictures), description=description)
    return widgets.VBox([slider, Selected(slider, [widgets.HTML(p.html()) for p in pictures.values()])])


def _folded(sliders, description):
    """Buttons that fold sliders away, and out again."""
    buttons = widgets.ToggleButtons(options=["folded", "shown"], description=description)
    buttons.style.button_width = "5em"
    return [buttons, Selected(buttons, [widgets.VBox(), widgets.VBox(sliders)])]


def _check(model):
    """Refuse, in words, a model that explorer.js cannot decode."""
    if not isinstance(model, Autoencoder):
        raise TypeError(f"An explorer needs a models.Autoencoder, not {type(model).__name__}.")
    layers = [
        type(layer)
        for layer in (*getattr(model.decoder, "hidden", ()), getattr(model.decoder, "pixels", None))
    ]
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


def _decoder_of(model):
    """The widget that holds this model's weights as they are now."""
    layers = [*model.decoder.hidden[::2], model.decoder.pixels]
    shapes = [[layer.out_features, layer.in_features] for layer in layers]
    parameters = [parameter for layer in layers for parameter in (layer.weight, layer.bias)]
    halves = torch.cat([parameter.detach().half().flatten() for parameter in parameters])
    planes = halves.cpu().numpy().view("u1").reshape(-1, 2).T.tobytes()
    key = hashlib.sha256(planes + str(shapes).encode()).hexdigest()
    if key not in _shared:
        _shared[key] = Decoder(weights=zlib.compress(planes, 9), shapes=shapes)
    return _shared[key]


def _empty(widget, **values):
    """Empty a widget to be closed, since JupyterLab keeps it, as it was before its last change.

    Therefore the last value to be taken is a small one.
    """
    for name, value in values.items():
        setattr(widget, name, value)


def _release(decoder):
    """Close a decoder that no open explorer uses any more."""
    decoder.explorers -= 1
    if decoder.explorers == 0:
        for key in [key for key, held in _shared.items() if held is decoder]:
            del _shared[key]
        _empty(decoder, weights=b"", shapes=[])
        decoder.close()


def _paired(images, labels, most=None):
    """The first images and their labels."""
    if not len(images) == len(labels) > 0:
        raise ValueError(
            f"There are {len(images)} images and {len(labels)} labels. An explorer needs at least one image, "
            "and one label for each."
        )
    return images[:most], labels[:most]


def _thinned(images, labels):
    """As many images as a map can carry, evenly chosen, and a note if some are left out."""
    if len(images) <= MAP_CODES:
        return images, labels, []
    keep = torch.linspace(0, len(images) - 1, MAP_CODES).long()
    note = f"The map shows {MAP_CODES:,} of {len(images):,} codes."
    return images[keep], labels[keep], [widgets.HTML(note)]


def _halves(values):
    return values.half().cpu().numpy().tobytes()


def _bytes(images):
    pixels = images if images.dtype == torch.uint8 else (255 * images).round().byte()
    return pixels.cpu().numpy().tobytes()


def _codes(codes, labels):
    """Codes and labels as the page reads them."""
    dim = codes.shape[1]
    names = [f"number_{i + 1}" for i in range(dim)]
    return {"dim": dim, "names": names, "codes": _halves(codes), "labels": _bytes(labels.byte())}


def _guess_codes(model, images, labels):
    packed = _codes(model.encode(images), labels)
    return {"codes": packed["codes"], "labels": packed["labels"]}


def _digit_picture(model, point):
    return plots.galleries({"decoded": model.decode([point])}, columns=1)


def _slider(description, low, high, value=0.0):
    """A slider from ``low`` to ``high`` or a little beyond, with round steps, so that it can stand at 0."""
    rough = (high - low) / STEPS
    power = 10.0 ** math.floor(math.log10(rough))
    step = power * max(factor for factor in (1, 2, 5) if factor * power <= rough)
    low, high = step * math.floor(low / step), step * math.ceil(high / step)
    return Slider(
        min(max(value, low), high),
        min=low,
        max=high,
        step=step,
        description=description,
        readout_format=".2f",
        style={"description_width": "8em"},
        layout={"width": "430px", "max_width": "100%"},
    )


def _page(models, content, kind=Page):
    return kind(decoders=[_decoder_of(model) for model in models], content=content)


def _point_explorer(model, content, sliders, draw, controls, buttons=None):
    linked = {name: (slider, "value") for name, slider in zip(content["names"], sliders, strict=True)}
    numbers = {name: traitlets.Float().tag(**HEARD) for name in linked}
    page = _page([model], content, type("Page", (Page,), numbers))
    return _assembled(page, linked, draw, controls, buttons)


def _assembled(page, linked, draw, controls, buttons=None):
    """Link controls and page in the front end, and stand a plain explorer beside the page."""
    for name, control in linked.items():
        setattr(page, name, getattr(*control))
    page.links = [widgets.jslink(control, (page, name)) for name, control in linked.items()]
    picture = widgets.HTML()

    def redraw(_=None):
        if not page.alive:
            picture.value = "".join(drawn.html(scale=1) for drawn in draw())

    for control, name in linked.values():
        control.observe(redraw, name)
    redraw()
    return Explorer(page, picture, _buttons(buttons or {}), controls)


def _buttons(actions: dict[str, Callable[[], None]]):
    buttons = []
    for description, action in actions.items():
        button = widgets.Button(description=description)
        button.on_click(lambda _, action=action: action())
        buttons.append(button)
    return buttons


def _parts(explorer):
    """All widgets that hang on an explorer and on nothing else: controls, layouts, styles, links."""
    found, waiting = set(), [explorer]
    while waiting:
        widget = waiting.pop()
        for value in [getattr(widget, name) for name in widget.keys]:
            parts = {part for part in _as_list(value) if isinstance(part, widgets.Widget)}
            waiting += parts - found
            found |= parts
    return [part for part in found if part is not explorer and not isinstance(part, Decoder)]


def _as_list(value):
    return value if isinstance(value, (list, tuple)) else [value]
