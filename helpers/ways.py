"""The epilogue's explorer: points on their way from noise to digits, in few steps or many.

Its pictures are drawn beforehand, so that two sliders step through them in the page alone, without a kernel.
"""

import ipywidgets as widgets
import torch
from torch import Tensor
from torch.nn import functional as F

from helpers import front_ends, metrics, plots
from helpers.flow import LatentDiffusion
from helpers.models import normal

POINTS = 8
STEPS = (1, 5, 20)
MOMENTS = range(0, 21, 2)  # those shown, of 21; more would take longer to draw than a reader waits


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
    options = list(map(str, STEPS))
    steps = widgets.SelectionSlider(options=options, value=options[-1], description="steps")
    options = [f"{moment / MOMENTS[-1]:.0%}" for moment in MOMENTS]
    passed = widgets.SelectionSlider(options=options, description="passed")
    ways = [_at_every_moment(model.follow(starts, count)) for count in STEPS]
    pages = [front_ends.Selected(passed, _pictures(model, way, used, codes)) for way in ways]
    return front_ends.Stepped([steps, passed], front_ends.Selected(steps, pages))


def _at_every_moment(way):
    """Where points are while a way takes its steps (steps + 1, N, D), each of them straight: (21, N, D)."""
    lines = way.permute(1, 2, 0)
    return F.interpolate(lines, MOMENTS[-1] + 1, mode="linear", align_corners=True).permute(2, 0, 1)


def _pictures(model, way, used, codes):
    pictures = [plots.on_the_way(way[: m + 1, :, used], model.decode(way[m]), codes) for m in MOMENTS]
    return [front_ends.LargeHTML(picture.html(scale=1)) for picture in pictures]
