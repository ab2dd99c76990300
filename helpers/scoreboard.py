"""How samples score: what ten trainings of each chapter measured, and a table with your own model in it."""

from pathlib import Path

import pandas as pd

from helpers import metrics
from helpers.settings import LATENT_DIM, MAP_DIM, WEIGHT_DECAY_BY_CHAPTER

SHOWN = ["recognizable", "coverage", "Fréchet distance"]
SAMPLERS = ("blind", "scaled", "fitted")
OF_THE_CHAPTER = "as in the chapter"
RESULTS = Path(__file__).parent / "assets" / "ten_trainings.csv"
EPILOGUES = Path(__file__).parent / "assets" / "ten_epilogues.csv"  # what experiments/ten_epilogues.py writes


def ten_trainings(
    chapters: int = 4,
    latent_dim: int = LATENT_DIM,
    weight_decay: float | None = None,
    sizes: str = OF_THE_CHAPTER,
) -> pd.DataFrame:
    """Return what ``experiments/ten_trainings.py`` measured of the models of the chapters up to this one.

    One line for each number, with the columns chapter, latent_dim, weight_decay, sizes, seed, sampler, metric
    and value. The sampler is ``"blind"`` or ``"fitted"`` for numbers about samples and ``"none"`` for others.

    Args:
        chapters: the last one, 1 to 4.
        latent_dim: 12 or 2.
        weight_decay: of the trainings; None for each chapter's own.
        sizes: of chapter 4's neighborhoods, ``"as in the chapter"`` (each digit's own), ``"one for all"`` or
            ``"one for each number"``.

    Raises:
        ValueError: nothing of the kind was measured.
    """
    table = pd.read_csv(RESULTS)
    _only(table, chapter=chapters)
    table = _only(table[table["chapter"] <= chapters], latent_dim=latent_dim, sizes=sizes)
    if weight_decay is None:
        return table[table["weight_decay"] == table["chapter"].map(WEIGHT_DECAY_BY_CHAPTER)]
    return _only(table, weight_decay=weight_decay)


def _only(table, **kind):
    """The lines of one kind, column by column; a ValueError says which kinds there are."""
    for column, value in kind.items():
        known = table[column].unique().tolist()
        if value not in known:
            raise ValueError(
                f"Nothing was measured with {column} {value!r}, but with {', '.join(map(str, known))}."
            )
        table = table[table[column] == value]
    return table


def median(metric: str, chapter: int, sampler: str = "blind", **kind) -> float:
    """Return the median of ten trainings of a chapter; for ``kind`` see ``ten_trainings``."""
    found = _only(ten_trainings(**kind), chapter=chapter, sampler=sampler, metric=metric)
    return float(found["value"].median())


def by_sampler(metric: str, chapters: int, **models: metrics.Scores) -> pd.DataFrame:
    """Return medians of a score for three samplers, a row for each of the chapters so far.

    ``scaled`` knows one number of the model, how far its codes spread on average.

    Args:
        metric: one of the scores.
        chapters: how many have a row.
        models: name to scores of all three samplers, for a row of its own.

    Raises:
        TypeError, ValueError: there are no such chapters or metrics, or models have other scores.
    """
    rows = {
        f"chapter {n}": {how: median(metric, n, how) for how in SAMPLERS}
        for n in ten_trainings(chapters)["chapter"].unique()
    }
    for name, scores in models.items():
        rows[name] = {how: found[metric] for how, found in _scores(name, scores, SAMPLERS).items()}
    return pd.DataFrame(rows).T.round(1)


def _scores(name, said, samplers):
    """Scores of a model by sampler; a TypeError in words for anything else."""
    if (
        not isinstance(said, dict)
        or not set(said) & set(samplers)
        or not all(isinstance(found, dict) for found in said.values())
    ):
        raise TypeError(
            f"{name} wants scores by sampler ({', '.join(samplers)}): {name}=metrics.scores(model, images), "
            f'or if you have blind scores alone, {name}={{"blind": scores}}.'
        )
    return said


def ladder() -> pd.DataFrame:
    """Return medians of chapter 4's loss and blind samples, by who learns the sizes of neighborhoods."""
    rows = {}
    for sizes in ("one for all", "one for each number", OF_THE_CHAPTER):
        name = "each digit's own" if sizes == OF_THE_CHAPTER else sizes
        rows[name] = {metric: median(metric, 4, sizes=sizes) for metric in SHOWN}
        rows[name]["loss"] = median("test loss", 4, "none", sizes=sizes)
    return pd.DataFrame(rows).T.round(2)


def journey() -> pd.DataFrame:
    """Return medians of what became of the latent space, a column for each chapter."""
    kinds = {
        "from the random points, 12 numbers": ("distance from N(0, I)", LATENT_DIM),
        "from the random points, 2 numbers": ("distance from N(0, I)", MAP_DIM),
        "neighbors that keep their digit": ("same digit at 0.5", LATENT_DIM),
    }
    rows = {
        name: {f"chapter {n}": median(metric, n, "none", latent_dim=dim) for n in (1, 2, 3, 4)}
        for name, (metric, dim) in kinds.items()
    }
    return pd.DataFrame(rows).T.round(2)


def scoreboard(chapters: int, **yours: metrics.Scores) -> pd.DataFrame:
    """Return a table of how samples score: medians of the chapters so far, models by name, real digits.

    Args:
        chapters: the last one to show, 1 to 4.
        yours: name to what ``metrics.scores`` says of a model; blind alone will do.

    Raises:
        TypeError, ValueError: there are no such chapters, or yours are something else.
    """
    yours = {name: _scores(name, said, ("blind", "fitted")) for name, said in yours.items()}
    measured = ten_trainings(chapters)
    medians = measured.pivot_table("value", ["chapter", "sampler"], "metric", aggfunc="median")
    rows = {}
    for sampler in ("blind", "fitted"):
        rows |= {(f"chapter {n}", sampler): medians.loc[(n, sampler)] for n in measured["chapter"].unique()}
        rows |= {(name, sampler): pd.Series(said[sampler]) for name, said in yours.items() if sampler in said}
    rows["real digits", ""] = pd.Series(metrics.real_digits())
    return pd.DataFrame(rows).T[SHOWN].round(2)
