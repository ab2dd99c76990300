"""Sliders that decode while they move: the only room that knows ipywidgets."""

import io

import ipywidgets as widgets
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from helpers import metrics, plots
from helpers.models import Autoencoder

DIGIT_SIDE = 280  # pixels on the screen
STEPS = 200  # from one end of a slider to the other
IDLE_SHARE = 0.01  # a number that changes the picture by less than this share of the largest is idle


def explore_map(model: Autoencoder, images: Tensor, labels: Tensor) -> widgets.Widget:
    """Two sliders move a cross over the map of a latent space of two numbers, beside its digit.

    Args:
        model: with ``latent_dim`` 2.
        images: whose codes make the map; see ``models.as_batch``.
        labels: their digits, (N,).

    Raises:
        ValueError: the model has another number of latent numbers.
    """
    if model.latent_dim != 2:
        raise ValueError(
            f"A map shows 2 latent numbers, this model has {model.latent_dim}: use explore_numbers."
        )
    codes = model.encode(images)
    map_picture = plots.latent_map(codes, labels)
    background = Image.open(io.BytesIO(map_picture.png(scale=1))).convert("RGB").quantize(colors=250)
    map_image = widgets.Image(width=map_picture.get_figwidth() * plots.SCREEN_DPI)
    edges = (map_picture.axes[0].get_xlim(), map_picture.axes[0].get_ylim())
    sliders = [_slider(f"number {i + 1}", *edges[i]) for i in range(2)]
    digit = _digit_image()

    def redraw(_=None):
        point = [slider.value for slider in sliders]
        digit.value = _digit_png(model.decode([point]))
        map_image.value = _with_cross(background, _pixel_position(map_picture, point))

    for slider in sliders:
        slider.observe(redraw, "value")
    redraw()
    return widgets.HBox([map_image, widgets.VBox([digit, *sliders])])


def explore_numbers(model: Autoencoder, images: Tensor) -> widgets.Widget:
    """One slider for each latent number, the most used first, beside the digit they decode to.

    Args:
        model: with any number of latent numbers.
        images: tell how much each number matters, and serve as starting points; a thousand will do.
    """
    codes = model.encode(images)
    used = metrics.usage(model, images)
    order = used.argsort(descending=True).tolist()
    reach = max(3.0, codes.abs().quantile(0.99).item())
    sliders = {number: _slider(_label(number, used), -reach, reach) for number in order}
    digit = _digit_image()

    def redraw(_=None):
        digit.value = _digit_png(model.decode([[sliders[i].value for i in range(model.latent_dim)]]))

    def move_to(point):
        for number, slider in sliders.items():
            slider.value = point[number].item()

    buttons = [
        _button("Random point", lambda: move_to(torch.randn(model.latent_dim))),
        _button("A real digit", lambda: move_to(codes[torch.randint(len(codes), ())])),
        _button("Reset", lambda: move_to(torch.zeros(model.latent_dim))),
    ]
    for slider in sliders.values():
        slider.observe(redraw, "value")
    redraw()
    return widgets.HBox([widgets.VBox(list(sliders.values())), widgets.VBox([digit, *buttons])])


def choose(pictures: dict[str, plots.Picture], description: str) -> widgets.Widget:
    """A slider that steps through finished pictures.

    Args:
        pictures: name to picture, in the slider's order.
        description: what the names are values of.
    """
    slider = widgets.SelectionSlider(options=list(pictures), description=description)
    width = next(iter(pictures.values())).get_figwidth() * plots.SCREEN_DPI
    image = widgets.Image(width=width)
    finished = {name: picture.png() for name, picture in pictures.items()}

    def redraw(_=None):
        image.value = finished[slider.value]

    slider.observe(redraw, "value")
    redraw()
    return widgets.VBox([slider, image])


def _slider(description, low, high):
    step = (high - low) / STEPS
    middle = min(max(0.0, low), high)
    return widgets.FloatSlider(
        middle, min=low, max=high, step=step, description=description, readout_format=".2f"
    )


def _label(number, used):
    idle = used[number] < IDLE_SHARE * used.max()
    return f"number {number + 1}{' (idle)' if idle else ''}"


def _button(description, action):
    button = widgets.Button(description=description)
    button.on_click(lambda _: action())
    return button


def _digit_image():
    return widgets.Image(width=DIGIT_SIDE, height=DIGIT_SIDE)


def _digit_png(images):
    pixels = ((1 - images[0, 0]) * 255).byte().numpy()
    return _png(Image.fromarray(pixels).resize((DIGIT_SIDE, DIGIT_SIDE), Image.Resampling.NEAREST))


def _with_cross(background, position):
    picture = background.copy()
    x, y = position
    draw = ImageDraw.Draw(picture)
    for color, width in (("white", 5), ("black", 2)):
        draw.line([(x - 10, y), (x + 10, y)], fill=color, width=width)
        draw.line([(x, y - 10), (x, y + 10)], fill=color, width=width)
    return _png(picture)


def _pixel_position(picture, point):
    """Where a point of the map lies in its PNG, in pixels from the upper left corner."""
    x, y = picture.axes[0].transData.transform(point)
    return x, picture.bbox.height - y


def _png(image):
    buffer = io.BytesIO()
    image.save(buffer, format="PNG", compress_level=1)
    return buffer.getvalue()
