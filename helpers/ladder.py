"""The ladder experiment: every stage of the course, trained from many seeds, and measured.

``python -m helpers.ladder`` trains ten models of each stage and size of latent space at the chapters' own
settings. It writes one line for each number measured to ``assets/ladder.csv``, and a picture beside it. It
can be interrupted at any time; the next call does what is missing. Independent runs go side by side
under joblib, here or on a Dask cluster: ``pip install --editable ".[ladder]"`` brings both.
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

from helpers import data, losses, metrics, plots, training
from helpers.checkpoints import MAP_DIM, SAMPLING_DIM
from helpers.models import Autoencoder

RESULTS = Path(__file__).parent / "assets" / "ladder.csv"
SEEDS = 10


class Run(NamedTuple):
    """One model to train and to measure."""

    stage: int
    latent_dim: int
    seed: int


COLUMNS = [*Run._fields, "sampler", "metric", "value"]


def results(path: Path = RESULTS) -> pd.DataFrame:
    """Return what was measured, one line for each number: stage, latent_dim, seed, sampler, metric, value.

    The sampler is ``"blind"`` or ``"fitted"`` for numbers about samples and ``"none"`` for the others.
    """
    return pd.read_csv(path) if path.exists() else pd.DataFrame(columns=COLUMNS)


def so_far(chapter: int) -> pd.DataFrame:
    """Return what was measured of samples of the models of the chapters up to this one."""
    return results().query("latent_dim == @SAMPLING_DIM and stage <= @chapter and sampler != 'none'")


def scoreboard(chapter: int, **yours: metrics.Scores) -> pd.DataFrame:
    """Return a table of how samples score: medians of the chapters so far, models by name, real digits.

    Args:
        chapter: the last one to show, 1 to 4.
        yours: name to what ``metrics.scores`` says of a model.
    """
    medians = so_far(chapter).pivot_table("value", ["stage", "sampler"], "metric", aggfunc="median")
    rows = {(f"chapter {stage}", sampler): found for (stage, sampler), found in medians.iterrows()}
    rows |= {
        (name, sampler): pd.Series(found) for name, both in yours.items() for sampler, found in both.items()
    }
    rows["real digits", ""] = pd.Series(metrics.real_digits())
    return pd.DataFrame(rows).T[list(metrics.real_digits())].round(2)


def measured(run: Run) -> pd.DataFrame:
    """Train one model at the chapters' settings; return its lines of the results."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(run.seed)
    model = Autoencoder(run.latent_dim)
    history = training.fit(model, losses.STAGES[run.stage], images, seed=run.seed)
    if not history or history[-1]["epoch"] < training.EPOCHS:
        raise KeyboardInterrupt("A half-trained model is not measured.")
    found = metrics.scores(model, images, run.seed) | {"none": of_the_map(model, run)}
    lines = [(*run, sampler, *line) for sampler, numbers in found.items() for line in numbers.items()]
    return pd.DataFrame(lines, columns=COLUMNS)


def of_the_map(model: Autoencoder, run: Run) -> dict[str, float]:
    """Measure the copies and the latent space of a trained model on the test digits, by name."""
    images, _ = data.load_mnist("test")
    torch.manual_seed(run.seed)
    terms = training.evaluate(model, losses.STAGES[run.stage], images)
    codes = model.encode(images)
    return {
        "copy": training.evaluate(model, losses.autoencoder, images)["reconstruction"],
        "floor of the copy": metrics.floor(images),
        **{f"test {name}": term for name, term in terms.items()},
        "test loss": sum(terms.values()),
        "spread": codes.std(dim=0).mean().item(),
        "distance from N(0, I)": metrics.distance_from_normal(trained_points(model, run.stage, images)),
        "jump": metrics.jump(model, images, seed=run.seed),
        "recognizable on walks": metrics.recognizable_on_walks(model, images[: metrics.WALKS]),
        "idle": metrics.idle(metrics.usage(model, images[: metrics.WALKS])).double().mean().item(),
    }


def trained_points(model: Autoencoder, stage: int, images: Tensor) -> Tensor:
    """Return points (N, latent_dim) as the decoder met them in training: codes, in the end with noise."""
    codes, sizes = model.neighborhoods(images)
    size = {1: 0, 2: 0, 3: losses.FIXED_SIZE, 4: sizes}[stage]
    return codes + size * torch.randn_like(codes)


def climb(runs: list[Run], path: Path, jobs: int, dask: str | None = None) -> pd.DataFrame:
    """Do every run that ``path`` does not hold yet; return all results.

    Each run is written down as soon as it is done, and once only, by this process alone.

    Args:
        runs: what is to be there in the end.
        path: of the CSV.
        jobs: runs at the same time; on a cluster, as many as it has workers.
        dask: the address of a scheduler, for example ``tcp://127.0.0.1:8786``; without one, the runs
            are processes of this machine.

    Raises:
        ConnectionError: there is no such scheduler, or none of its workers is fit for the runs.
    """
    from joblib import Parallel, delayed  # installed for this experiment alone

    path.parent.mkdir(parents=True, exist_ok=True)
    table = results(path)
    done = set(table[list(Run._fields)].itertuples(index=False, name=None))
    missing = [run for run in runs if run not in done]
    with _workers(jobs, dask), tqdm(total=len(runs), initial=len(runs) - len(missing), unit="run") as bar:
        for lines in Parallel(return_as="generator_unordered")(delayed(measured)(run) for run in missing):
            table = pd.concat([table, lines]) if len(table) else lines
            table = table.sort_values([*Run._fields], kind="stable")
            data.write_atomically(path, table.to_csv(index=False, float_format="%.5g").encode())
            bar.update()
    return results(path)


@contextlib.contextmanager
def _workers(jobs, dask):
    from joblib import parallel_config

    if dask is None:
        with parallel_config("loky", n_jobs=jobs):
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
    """Do the experiment that is named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m helpers.ladder", description=__doc__)
    parser.add_argument("--seeds", type=_count, default=SEEDS, help="trainings of each kind (%(default)s)")
    parser.add_argument(
        "--latents",
        type=_count,
        nargs="+",
        default=[MAP_DIM, SAMPLING_DIM],
        help="latent sizes (%(default)s)",
    )
    parser.add_argument("--jobs", type=_count, default=os.cpu_count(), help="runs side by side (%(default)s)")
    parser.add_argument("--dask", metavar="ADDRESS", help="send the runs to this scheduler's workers instead")
    parser.add_argument("--results", type=Path, default=RESULTS, help="the CSV to go on with (%(default)s)")
    chosen = parser.parse_args(arguments)
    os.environ["TQDM_DISABLE"] = "1"  # of the workers to come: the bar of the whole is enough
    runs = [Run(*kind) for kind in product(losses.STAGES, chosen.latents, range(chosen.seeds))]
    try:
        table = climb(runs, chosen.results, chosen.jobs, chosen.dask)
    except KeyboardInterrupt:
        sys.exit(
            f"Interrupted. What is done stands in {chosen.results}; the same command goes on from there."
        )
    except ConnectionError as error:
        sys.exit(str(error))
    except ModuleNotFoundError as error:
        sys.exit(f'{error.name} is missing. Install it with the course: pip install --editable ".[ladder]"')
    picture = chosen.results.with_suffix(".png")
    picture.write_bytes(plots.ladder(table).png())
    print(f"{len(runs)} runs are measured in {chosen.results}, drawn in {picture}.")


def _count(text):
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number from 1 up")
    return int(text)


if __name__ == "__main__":
    main()
