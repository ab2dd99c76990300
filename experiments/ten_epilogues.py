"""The epilogue from ten seeds, each beside chapter 4 trained for as long from the same seed.

``python -m experiments.ten_epilogues`` writes one line for each number measured of 10,000 blind samples to
``helpers/assets/ten_epilogues.csv``. It can be interrupted at any time; the next call does what is missing.
"""

import argparse

import pandas as pd
import torch
from tqdm.auto import tqdm

from experiments.files import so_far, write_atomically
from experiments.ship import fit
from helpers import data, flow, losses, metrics, scoreboard
from helpers.flow import LatentDiffusion
from helpers.models import Autoencoder
from helpers.settings import EPILOGUE_DIM, EPOCHS, FLOW_BATCH_SIZE, FLOW_EPOCHS

AS_LONG = 12  # epochs of chapter 4 that take as long as the epilogue's two trainings, rounded up
COLUMNS = ["model", "seed", "metric", "value"]


def epilogue(seed: int) -> LatentDiffusion:
    """Train the epilogue's two networks as its reader does."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(seed)
    autoencoder = Autoencoder(EPILOGUE_DIM)
    fit(autoencoder, losses.sharp, images, epochs=EPOCHS, seed=seed)
    with torch.no_grad():
        codes = autoencoder.encode(images)
    torch.manual_seed(seed)
    model = LatentDiffusion(autoencoder)
    fit(
        model,
        losses.direction,
        codes,
        epochs=FLOW_EPOCHS,
        batch_size=FLOW_BATCH_SIZE,
        seed=seed,
        unit=flow.UNIT,
    )
    return model


def chapter_4(seed: int) -> Autoencoder:
    """Train chapter 4's network for as long."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(seed)
    model = Autoencoder()
    fit(model, losses.learned, images, epochs=AS_LONG, seed=seed)
    return model


MODELS = {"epilogue": epilogue, "chapter 4": chapter_4}


def main(arguments: list[str] | None = None) -> None:
    """Train and measure what is missing, seed by seed."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ten_epilogues", description=__doc__)
    parser.add_argument("--seeds", type=int, default=10, help="trainings of each model (%(default)s)")
    seeds = parser.parse_args(arguments).seeds
    path = scoreboard.EPILOGUES
    table = so_far(path, COLUMNS)
    done = set(table[["model", "seed"]].itertuples(index=False, name=None))
    runs = [(name, seed) for seed in range(seeds) for name in MODELS if (name, seed) not in done]
    for name, seed in tqdm(runs, unit="run"):
        found = metrics.score(MODELS[name](seed).sample(metrics.SAMPLES, seed))
        lines = pd.DataFrame([(name, seed, *line) for line in found.items()], columns=COLUMNS)
        table = pd.concat([table, lines]) if len(table) else lines
        write_atomically(path, table.to_csv(index=False, float_format="%.5g").encode())


if __name__ == "__main__":
    main()
