"""The epilogue's explorer: points on their way from noise to digits, in few steps or many.

Its pictures are drawn beforehand, so that two sliders step through them in the page alone, without a kernel.
"""

import ipywidgets as widgets
import torch
from torch import Tensor

from helpers import front_ends, metrics, plots
from helpers.flow import LatentDiffusion
from helpers.models import normal

POINTS = 8
STEPS = (1, 5, 20)
MOST_PICTURES = 10  # of one way, after its start: each takes a tenth of a second or more


@torch.no_grad()
def explore(model: LatentDiffusion, images: Tensor) -> widgets.Widget:
    """Eight random points on their ways, on a map of the two most used numbers, and what they decode to.

    One slider chooses how many steps the ways have, the other how much of the way has passed.

    Args:
        model: leads the points, and decodes them.
        images: whose codes are the map's cloud, see ``models.as_batch``; a thousand will do.

    Raises:
        TypeError, ValueError: the model knows no ways, or only those of a single number.
    """
    if not isinstance(model, LatentDiffusion):
        raise TypeError(f"Ways need a flow.LatentDiffusion, not {type(model).__name__}.")
    if model.latent_dim < 2:
        raise ValueError("A map of ways shows 2 latent numbers, this model has 1.")
    starts = normal(POINTS, model.latent_dim, seed=0)
    used = metrics.usage(model, images).argsort(descending=True)[:2]
    codes = model.encode(images)[:, used]
    pages = [_pages(model, model.follow(starts, steps), used, codes) for steps in STEPS]
    options = list(map(str, STEPS))
    slider = widgets.SelectionSlider(options=options, value=options[-1], description="steps")
    return front_ends.Stepped(slider, pages)


def _pages(model, way, used, codes):
    """A slider for the time that has passed, and a picture for each."""
    times = range(0, len(way), max(1, (len(way) - 1) // MOST_PICTURES))
    pictures = [plots.on_the_way(way[: time + 1, :, used], model.decode(way[time]), codes) for time in times]
    options = [f"{time / (len(way) - 1):.0%}" for time in times]
    slider = widgets.SelectionSlider(options=options, description="passed")
    shown = front_ends.Selected(slider, [front_ends.LargeHTML(picture.html(scale=1)) for picture in pictures])
    return widgets.VBox([slider, shown])
