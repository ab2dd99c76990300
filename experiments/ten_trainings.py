"""The experiment: every chapter's model, trained from ten seeds, and measured.

``python -m experiments.ten_trainings`` trains at the chapters' own settings, with twelve latent numbers and
with two; with twelve, chapter 2 also without its weight decay and chapter 1 with it, so that one can tell
what the decay does, and chapter 4 also with sizes that all digits share, so that one can tell what sizes of
their own do. It writes one line for each number measured to ``helpers/assets/ten_trainings.csv``, and a
picture to ``docs/``. It can be interrupted at any time; the next call does what is missing. Independent
runs go side by side under joblib, here or on a Dask cluster: ``pip install --editable ".[experiments]"``
brings both.
"""

import argparse
import contextlib
import os
import sys
from itertools import product
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import torch
from torch import Tensor
from tqdm.auto import tqdm

from experiments.files import so_far, write_atomically
from helpers import data, losses, metrics, plots, scoreboard, training
from helpers.models import Autoencoder, SharedSizes, normal
from helpers.settings import (
    EPOCHS,
    FIXED_SIZE,
    LATENT_DIM,
    MAP_DIM,
    MAP_PEAK_LR,
    PEAK_LR,
    WEIGHT_DECAY_BY_CHAPTER,
)

PICTURE = Path(__file__).parent.parent / "docs" / "ten_trainings.png"
SEEDS = 10
NEWEST = "cost of noise of 0.2 spreads"  # runs without it were measured before it was thought of
RELATIVE_STEPS = (0.1, 0.25, 0.5, 1.0)  # as shares of the spread of a model's own codes
SIZES = {  # who learns them, and how many
    scoreboard.OF_THE_CHAPTER: None,
    "one for all": 1,
    "one for each number": LATENT_DIM,
}


DRAWN = ("Fréchet distance", "recognizable", "coverage")
SAMPLERS = {
    "blind": {"color": "C0", "marker": "o", "shift": -0.1},
    "fitted": {"color": "C1", "marker": "s", "shift": 0.1},
}


class Run(NamedTuple):
    """One model to train and to measure."""

    chapter: int
    latent_dim: int
    weight_decay: float
    sizes: str  # of the neighborhoods, see SIZES
    seed: int


COLUMNS = [*Run._fields, "sampler", "metric", "value"]


def results(path: Path) -> pd.DataFrame:
    """Return what a file holds so far, or an empty table."""
    return so_far(path, COLUMNS)


def all_runs(seeds: int, latent_dims: list[int]) -> list[Run]:
    """Every run of the experiment, seed by seed: each chapter as it trains, and with twelve numbers more."""
    own = scoreboard.OF_THE_CHAPTER
    kinds = {
        (*kind, WEIGHT_DECAY_BY_CHAPTER[kind[0]], own) for kind in product(losses.BY_CHAPTER, latent_dims)
    }
    if LATENT_DIM in latent_dims:
        kinds |= {(chapter, LATENT_DIM, 0.0, own) for chapter in losses.BY_CHAPTER}
        kinds |= {(1, LATENT_DIM, WEIGHT_DECAY_BY_CHAPTER[2], own)}
        kinds |= {(4, LATENT_DIM, 0.0, sizes) for sizes in SIZES}
    return [Run(*kind, seed) for seed in range(seeds) for kind in sorted(kinds)]


def measured(run: Run) -> pd.DataFrame:
    """Train one model; return its lines of the results."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(run.seed)
    n_sizes = SIZES[run.sizes]
    model = Autoencoder(run.latent_dim) if n_sizes is None else SharedSizes(n_sizes)
    history = training.fit(
        model,
        losses.BY_CHAPTER[run.chapter],
        images,
        peak_lr=MAP_PEAK_LR if run.latent_dim <= MAP_DIM else PEAK_LR,
        weight_decay=run.weight_decay,
        seed=run.seed,
    )
    if not history or history[-1]["epoch"] < EPOCHS:
        raise KeyboardInterrupt("A half-trained model is not measured.")
    found = metrics.scores(model, images, run.seed)
    found |= {"scaled": metrics.score(scaled_samples(model, run.seed)), "none": of_the_codes(model, run)}
    lines = [(*run, sampler, *line) for sampler, numbers in found.items() for line in numbers.items()]
    return pd.DataFrame(lines, columns=COLUMNS)


@torch.no_grad()
def scaled_samples(model: Autoencoder, seed: int) -> Tensor:
    """Decode draws that know one number of the model: how far its codes spread on average."""
    spread = model.encode(data.load_mnist("test")[0]).std(dim=0).mean()
    return model.decode(spread * normal(metrics.SAMPLES, model.latent_dim, seed))


@torch.no_grad()
def of_the_codes(model: Autoencoder, run: Run) -> dict[str, float]:
    """Measure the copies and the latent space of a trained model on the test digits, by name."""
    images, labels = data.load_mnist("test")
    torch.manual_seed(run.seed)
    terms = training.evaluate(model, losses.BY_CHAPTER[run.chapter], images)
    codes, sizes = model.neighborhoods(images)
    used = metrics.usage(model, images[:1000])
    return {
        "copy": training.evaluate(model, losses.autoencoder, images)["reconstruction"],
        "floor of the copy": metrics.floor(images),
        **{f"test {name}": term for name, term in terms.items()},
        "test loss": sum(terms.values()),
        "spread": codes.std(dim=0).mean().item(),
        "distance from N(0, I)": metrics.distance_from_normal(trained_points(model, run.chapter, images)),
        **{
            f"same digit at {step}": metrics.same_digit(model, images, labels, step, run.seed)
            for step in RELATIVE_STEPS
        },
        "same digit at a step of 0.4": metrics.same_digit(model, images, labels, 0.4, run.seed, False),
        NEWEST: metrics.cost_of_noise(model, images, 0.2, run.seed, relative=True).mean().item(),
        **_by_digit("cost of noise", metrics.cost_of_noise(model, images, FIXED_SIZE, run.seed), labels),
        **_by_digit("size", metrics.typical_sizes(sizes, used) if run.chapter == 4 else None, labels),
        "idle": metrics.idle(used).double().mean().item(),
    }


def _by_digit(name, values, labels):
    """A line for each digit, of values (N,) if there are any."""
    averages = [] if values is None else metrics.by_digit(values, labels).tolist()
    return {f"{name} of {digit}": average for digit, average in enumerate(averages)}


@torch.no_grad()
def trained_points(model: Autoencoder, chapter: int, images: Tensor) -> Tensor:
    """Return points (N, latent_dim) as the decoder met them in training: codes, in the end with noise."""
    codes, sizes = model.neighborhoods(images)
    size = {1: 0, 2: 0, 3: FIXED_SIZE, 4: sizes}[chapter]
    return codes + size * torch.randn_like(codes)


def measure_all(runs: list[Run], path: Path, jobs: int, dask: str | None = None) -> pd.DataFrame:
    """Do every run that ``path`` does not hold yet; return all results.

    Each run is written down as soon as it is done, and once only, by this process alone. One that lacks the
    newest measure is done again: it gets what it lacks, and keeps what it has.

    Args:
        runs: what is to be there in the end.
        path: of the CSV.
        jobs: runs at the same time; on a cluster, as many as it has workers.
        dask: the address of a scheduler, for example ``tcp://127.0.0.1:8786``; without one, the runs
            are processes of this machine.

    Raises:
        ConnectionError: there is no such scheduler, or none of its workers is fit for the runs.
    """
    from joblib import Parallel, delayed  # of the extra

    path.parent.mkdir(parents=True, exist_ok=True)
    table = results(path)
    whole = table[table["metric"] == NEWEST]
    done = set(whole[list(Run._fields)].itertuples(index=False, name=None))
    missing = [run for run in runs if run not in done]
    with _workers(jobs, dask), tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run") as bar:
        for lines in Parallel(return_as="generator_unordered")(delayed(measured)(run) for run in missing):
            table = pd.concat([table, lines]) if len(table) else lines
            table = table.drop_duplicates([*Run._fields, "sampler", "metric"])
            table = table.sort_values([*Run._fields], kind="stable")
            write_atomically(path, table.to_csv(index=False, float_format="%.5g").encode())
            bar.update()
    return results(path)


@contextlib.contextmanager
def _workers(jobs, dask):
    from joblib import parallel_config

    if dask is None:
        with parallel_config("loky", n_jobs=jobs, inner_max_num_threads=1):
            yield
        return
    from distributed import Client

    advice = f"Start workers with `dask worker {dask} --nthreads 1`, as many as there are cores."
    try:
        client = Client(dask, timeout="10s", set_as_default=False)
    except OSError as error:
        raise ConnectionError(f"No Dask scheduler answers at {dask}. Start one: `dask scheduler`.") from error
    with client:
        threads = client.nthreads().values()
        if not threads:
            raise ConnectionError(f"The Dask scheduler at {dask} has no workers. {advice}")
        if max(threads) > 1:
            raise ConnectionError(f"Threads of a worker would share one random generator. {advice}")
        with parallel_config("dask", client=client):
            yield


def main(arguments: list[str] | None = None) -> None:
    """Do the experiment, or a part of it, and draw what it measured."""
    chosen = _parser().parse_args(arguments)
    os.environ["TQDM_DISABLE"] = "1"  # of the workers to come: the bar of the whole is enough
    runs = all_runs(chosen.seeds, chosen.latent_dims)
    try:
        measure_all(runs, chosen.results, chosen.jobs, chosen.dask)
    except KeyboardInterrupt:
        sys.exit(
            f"Interrupted. What is done stands in {chosen.results}; the same command goes on from there."
        )
    except ConnectionError as error:
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        sys.exit(f'{error.name} is missing. Install it: pip install --editable ".[experiments]"')
    print(f"{len(runs)} runs are measured in {chosen.results}.")
    if chosen.results == scoreboard.RESULTS:
        draw()


def draw() -> None:
    """Draw what ships: the samples' scores for both sizes of latent space."""
    trainings = pd.concat([scoreboard.ten_trainings(latent_dim=dim) for dim in (LATENT_DIM, MAP_DIM)])
    PICTURE.write_bytes(picture(trainings).png())
    print(f"The picture is {PICTURE}.")


@plots.in_the_course_s_style
def picture(trainings: pd.DataFrame) -> plots.Picture:
    """Draw how the samples of each chapter score: the median of all trainings, and a line from worst to best.

    Args:
        trainings: what ``scoreboard.ten_trainings`` returns. Each size of latent space gets a row.
    """
    dims = sorted(trainings["latent_dim"].unique(), reverse=True)
    figure = plots.Picture(11, 3.3 * len(dims))
    medians = []
    for row, dim in zip(figure.subplots(len(dims), len(DRAWN), squeeze=False), dims, strict=True):
        for axes, metric in zip(row, DRAWN, strict=True):
            found = trainings[(trainings["latent_dim"] == dim) & (trainings["metric"] == metric)]
            for sampler, look in SAMPLERS.items():
                numbers = found[found["sampler"] == sampler].groupby("chapter")["value"]
                _intervals(axes, numbers.agg(["min", "median", "max"]), sampler, **look)
                medians.append(f"{metric}, {dim} numbers, {sampler}: {numbers.median().round(2).to_list()}")
            axes.set(xlabel="chapter", xlim=(0.5, 4.5), xticks=range(1, 5))
            axes.set_ylabel(f"{metric} ({dim} numbers)")
            axes.set_ylim(0, None if metric == "Fréchet distance" else 1)
    names = figure.axes[0].get_legend_handles_labels()
    figure.legend(*names, fontsize=plots.FONT_SIZE, loc="outside upper left", ncols=2, frameon=False)
    figure.alt = "How samples score, medians from the first chapter to the last. " + "; ".join(medians)
    return figure


def _intervals(axes, values, name, color, marker, shift):
    below, above = values["median"] - values["min"], values["max"] - values["median"]
    places = values.index + shift
    axes.errorbar(places, values["median"], (below, above), fmt=marker, color=color, capsize=4)
    axes.plot([], [], marker, color=color, label=name)  # for the legend, without bars


def _parser():
    parser = argparse.ArgumentParser(prog="python -m experiments.ten_trainings", description=__doc__)

    def option(name, default, words, **settings):
        parser.add_argument(name, default=default, help=f"{words} (%(default)s)", **settings)

    option("--seeds", SEEDS, "trainings of each kind", type=_count)
    option("--latent-dims", [MAP_DIM, LATENT_DIM], "latent numbers", type=_count, nargs="+")
    option("--jobs", os.cpu_count(), "runs side by side", type=_count)
    option("--results", scoreboard.RESULTS, "the CSV to go on with", type=Path)
    option("--dask", None, "address of a scheduler whose workers do the runs instead", metavar="ADDRESS")
    return parser


def _count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


if __name__ == "__main__":
    main()
