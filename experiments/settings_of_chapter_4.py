"""What else chapter 4's training could be, within its network and its loss: a table of what was tried.

    python -m experiments.settings_of_chapter_4 --seeds 3

Each line is one change, trained from every seed and scored blind: medians, and how much processor time it
takes beside the chapter's own settings. Lines are printed as they come, and kept in
``build/settings_of_chapter_4.csv``; after an interruption the next call does what is missing.
"""

import argparse
import time
from pathlib import Path
from typing import NamedTuple

import torch
from torch.optim import lr_scheduler, swa_utils
from tqdm.auto import tqdm

from experiments.files import so_far, write_atomically
from helpers import data, losses, metrics, training
from helpers.models import PIXELS, Autoencoder, hidden_layers
from helpers.settings import (
    BATCH_SIZE,
    DECODER_DEPTH,
    ENCODER_DEPTH,
    EPOCHS,
    LATENT_DIM,
    PEAK_LR,
    WIDTH,
)

PATH = Path(__file__).parent.parent / "build" / "settings_of_chapter_4.csv"
SCORES = ["Fréchet distance", "recognizable", "coverage"]
COLUMNS = ["change", "seed", "seconds", *SCORES]


class Settings(NamedTuple):
    """One training; what is not said is the chapter's own."""

    latent_dim: int = LATENT_DIM
    width: int = WIDTH
    encoder_depth: int = ENCODER_DEPTH
    decoder_depth: int = DECODER_DEPTH
    epochs: int = EPOCHS
    batch_size: int = BATCH_SIZE
    peak_lr: float = PEAK_LR
    warm_up: float = 0.3  # the share of the steps in which the learning rate rises
    shape: str = "cos"  # of its rise and fall
    betas: tuple[float, float] | None = None  # held; None lets the first fall and rise as OneCycleLR does
    averaged: float = 0.0  # the share of the steps, the last ones, whose weights are averaged
    average_digit: bool = True  # what a new decoder paints


CHANGES = {
    "none": Settings(),
    "8 numbers": Settings(latent_dim=8),
    "10 numbers": Settings(latent_dim=10),
    "rise in a tenth": Settings(warm_up=0.1),
    "rise in half": Settings(warm_up=0.5),
    "straight fall": Settings(shape="linear"),
    "straight fall after a tenth": Settings(shape="linear", warm_up=0.1),
    "betas held at 0.9, 0.99": Settings(betas=(0.9, 0.99)),
    "peak 2e-3": Settings(peak_lr=2e-3),
    "peak 6e-3": Settings(peak_lr=6e-3),
    "batch 128": Settings(batch_size=128),
    "batch 128, 3 epochs": Settings(batch_size=128, epochs=3),
    "batch 512, peak 6e-3, 6 epochs": Settings(batch_size=512, epochs=6, peak_lr=6e-3),
    "256 wide, decoder of 8, 7 epochs": Settings(width=256, decoder_depth=8, epochs=7),
    "512 wide, decoder of 4, 4 epochs": Settings(width=512, decoder_depth=4, epochs=4),
    "decoder of 7, 4 epochs": Settings(decoder_depth=7, epochs=4),
    "encoder of 1, decoder of 6": Settings(encoder_depth=1, decoder_depth=6),
    "weights averaged over a fifth": Settings(averaged=0.2),
    "straight, weights averaged over a third": Settings(shape="linear", averaged=0.33),
    "a new decoder paints gray": Settings(average_digit=False),
}


def trained(settings: Settings, seed: int) -> tuple[Autoencoder, float]:
    """Train chapter 4's loss; return the model and the processor seconds of its training."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(seed)
    model = Autoencoder(settings.latent_dim, settings.width)
    if settings.encoder_depth != ENCODER_DEPTH:
        model.encoder.hidden = hidden_layers(PIXELS, settings.width, settings.encoder_depth)
    if settings.decoder_depth != DECODER_DEPTH:
        model.decoder.hidden = hidden_layers(settings.latent_dim, settings.width, settings.decoder_depth)
    if not settings.average_digit:
        torch.nn.init.zeros_(model.decoder.pixels.bias)
    begun = time.process_time()
    _train(model, images, settings, seed)
    return model.eval(), time.process_time() - begun


def _train(model, images, settings, seed):
    torch.manual_seed(seed)
    optimizer = training.AdamW(model.parameters(), lr=settings.peak_lr, weight_decay=0.0, fused=True)
    if settings.betas:
        optimizer.param_groups[0]["betas"] = settings.betas
    steps = settings.epochs * (len(images) // settings.batch_size)
    schedule = lr_scheduler.OneCycleLR(
        optimizer,
        settings.peak_lr,
        total_steps=steps,
        pct_start=settings.warm_up,
        anneal_strategy=settings.shape,
        cycle_momentum=settings.betas is None,
    )
    average, step = swa_utils.AveragedModel(model), 0
    for _ in range(settings.epochs):
        for batch in training.shuffled_batches(images, settings.batch_size):
            optimizer.zero_grad()
            sum(losses.learned(model, batch).values()).backward()
            optimizer.step()
            schedule.step()
            step += 1
            if step > steps * (1 - settings.averaged):
                average.update_parameters(model)
    if settings.averaged:
        model.load_state_dict(average.module.state_dict())


def main(arguments: list[str] | None = None) -> None:
    """Train and score what is missing, then print the table."""
    parser = argparse.ArgumentParser(prog="python -m experiments.settings_of_chapter_4", description=__doc__)
    parser.add_argument("--seeds", type=int, default=3, help="trainings of each (%(default)s)")
    seeds = parser.parse_args(arguments).seeds
    table = so_far(PATH, COLUMNS)
    done = set(table[["change", "seed"]].itertuples(index=False, name=None))
    runs = [(change, seed) for seed in range(seeds) for change in CHANGES if (change, seed) not in done]
    for change, seed in (progress := tqdm(runs, unit="training")):
        model, seconds = trained(CHANGES[change], seed)
        found = metrics.score(model.sample(metrics.SAMPLES, seed))
        table.loc[len(table)] = [change, seed, seconds, *(found[score] for score in SCORES)]
        PATH.parent.mkdir(exist_ok=True)
        write_atomically(PATH, table.to_csv(index=False, float_format="%.4g").encode())
        progress.write(table.iloc[-1:].to_string(index=False, header=False))
    medians = table.groupby("change", sort=False).median(numeric_only=True).drop(columns="seed")
    seconds = medians.pop("seconds")
    medians.insert(0, "time", seconds / seconds["none"])
    print(medians.round(3).to_string())


if __name__ == "__main__":
    main()
