"""Train the models that ship: ``python -m experiments.ship`` all eight, with ``4`` those of chapter 4.

It takes twenty minutes on two cores. Each file is replaced only once its model is finished.

The sampling models of chapters 1 to 3 are trained as long as those that the reader trains. Longer pays
only in chapter 4; in chapter 2 it even harms, because the codes go on shrinking. In chapter 1's map,
the outer codes would drift so far away that the others could no longer be told apart.
"""

import argparse

import torch

from experiments.files import write_weights
from helpers import checkpoints, data, losses, training
from helpers.models import Autoencoder
from helpers.settings import EPOCHS, LATENT_DIM, MAP_DIM, MAP_PEAK_LR, PEAK_LR, WEIGHT_DECAY_BY_CHAPTER

EPOCHS_BY_DIM = {
    LATENT_DIM: {1: EPOCHS, 2: EPOCHS, 3: EPOCHS, 4: 100},
    MAP_DIM: {1: EPOCHS, 2: 30, 3: 30, 4: 30},
}
PEAK_LR_BY_DIM = {LATENT_DIM: PEAK_LR, MAP_DIM: MAP_PEAK_LR}


def rebuild(chapter: int, latent_dim: int) -> None:
    """Train the model that ships for a chapter on all of MNIST and put it in its place."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(0)
    model = Autoencoder(latent_dim, checkpoints.WIDTHS[latent_dim])
    epochs = EPOCHS_BY_DIM[latent_dim][chapter]
    settings = {"weight_decay": WEIGHT_DECAY_BY_CHAPTER[chapter], "peak_lr": PEAK_LR_BY_DIM[latent_dim]}
    history = training.fit(model, losses.BY_CHAPTER[chapter], images, epochs=epochs, **settings)
    if not history or history[-1]["epoch"] < epochs:
        raise KeyboardInterrupt("A half-trained model does not replace a finished one.")
    write_weights(model, checkpoints.path(chapter, latent_dim))


def main(arguments: list[str] | None = None) -> None:
    """Train the models named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ship", description=__doc__)
    parser.add_argument("chapters", nargs="*", type=int, default=[], help="1 to 4; all if none is given")
    chapters = parser.parse_args(arguments).chapters or list(losses.BY_CHAPTER)
    if not losses.BY_CHAPTER.keys() >= set(chapters):
        parser.error(f"chapters are 1 to 4, not {chapters}")
    for chapter in chapters:
        for latent_dim in checkpoints.WIDTHS:
            print(f"Chapter {chapter}, {latent_dim} latent numbers")
            rebuild(chapter, latent_dim)


if __name__ == "__main__":
    main()
