"""How samples score: what ten trainings of each chapter measured, and a table with your own model in it."""

from pathlib import Path

import pandas as pd

from helpers import metrics
from helpers.settings import LATENT_DIM, WEIGHT_DECAY_BY_CHAPTER

RESULTS = Path(__file__).parent / "assets" / "ten_trainings.csv"
EPILOGUES = Path(__file__).parent / "assets" / "ten_epilogues.csv"  # what experiments/ten_epilogues.py writes


def ten_trainings(
    chapters: int = 4, latent_dim: int = LATENT_DIM, weight_decay: float | None = None
) -> pd.DataFrame:
    """Return what ``experiments/ten_trainings.py`` measured of the models of the chapters up to this one.

    One line for each number, with the columns chapter, latent_dim, weight_decay, seed, sampler, metric and
    value. The sampler is ``"blind"`` or ``"fitted"`` for numbers about samples and ``"none"`` for others.

    Args:
        chapters: the last one, 1 to 4.
        latent_dim: 12 or 2.
        weight_decay: of the trainings; None for each chapter's own.
    """
    table = pd.read_csv(RESULTS)
    decay = table["chapter"].map(WEIGHT_DECAY_BY_CHAPTER) if weight_decay is None else weight_decay
    return table[
        (table["weight_decay"] == decay)
        & (table["chapter"] <= chapters)
        & (table["latent_dim"] == latent_dim)
    ]


def scoreboard(chapters: int, **yours: metrics.Scores) -> pd.DataFrame:
    """Return a table of how samples score: medians of the chapters so far, models by name, real digits.

    Args:
        chapters: the last one to show, 1 to 4.
        yours: name to what ``metrics.scores`` says of a model.
    """
    samples = ten_trainings(chapters).query("sampler != 'none'")
    medians = samples.pivot_table("value", ["chapter", "sampler"], "metric", aggfunc="median")
    rows = {(f"chapter {chapter}", sampler): found for (chapter, sampler), found in medians.iterrows()}
    rows |= {
        (name, sampler): pd.Series(found) for name, both in yours.items() for sampler, found in both.items()
    }
    rows["real digits", ""] = pd.Series(metrics.real_digits())
    return pd.DataFrame(rows).T[list(metrics.real_digits())].round(2)
