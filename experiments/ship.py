"""Train the models that ship: ``python -m experiments.ship`` all, with ``4`` or ``epilogue`` those alone.

It takes half an hour on two cores. Each file is replaced only once its model is finished.

The sampling models of chapters 1 to 3 are trained as long as those that the reader trains. Longer pays
only in chapter 4; in chapter 2 it even harms, because the codes go on shrinking. In chapter 1's map,
the outer codes would drift so far away that the others could no longer be told apart. Trainings differ,
in chapter 2 a lot, so each of these three is a typical one of the ten of ``ten_trainings``. The epilogue's
model is the reader's program, with a narrower autoencoder, trained longer.
"""

import argparse

import torch

from experiments.files import write_weights
from helpers import checkpoints, data, flow, losses, training
from helpers.models import Autoencoder
from helpers.settings import EPOCHS, LATENT_DIM, MAP_DIM, MAP_PEAK_LR, PEAK_LR, WEIGHT_DECAY_BY_CHAPTER

EPOCHS_BY_DIM = {
    LATENT_DIM: {1: EPOCHS, 2: EPOCHS, 3: EPOCHS, 4: 100},
    MAP_DIM: {1: EPOCHS, 2: 30, 3: 30, 4: 30},
}
# Where blind samples score near the median of ten; else the seed is 0.
TYPICAL_SEEDS = {(1, LATENT_DIM): 1, (2, LATENT_DIM): 3}
EPILOGUE_EPOCHS, EPILOGUE_FLOW_EPOCHS, EPILOGUE_FLOW_BATCH_SIZE = 40, 120, 1024
PEAK_LR_BY_DIM = {LATENT_DIM: PEAK_LR, MAP_DIM: MAP_PEAK_LR}


def rebuild(chapter: int, latent_dim: int) -> None:
    """Train the model that ships for a chapter on all of MNIST and put it in its place."""
    images, _ = data.load_mnist("train")
    seed = TYPICAL_SEEDS.get((chapter, latent_dim), 0)
    torch.manual_seed(seed)
    model = Autoencoder(latent_dim, checkpoints.WIDTHS[latent_dim])
    epochs = EPOCHS_BY_DIM[latent_dim][chapter]
    settings = {"weight_decay": WEIGHT_DECAY_BY_CHAPTER[chapter], "peak_lr": PEAK_LR_BY_DIM[latent_dim]}
    fit(model, losses.BY_CHAPTER[chapter], images, epochs=epochs, seed=seed, **settings)
    write_weights(model, checkpoints.path(chapter, latent_dim))


def rebuild_epilogue() -> None:
    """Train the two networks that ship for the epilogue, one after the other, and put them in their place."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(0)
    model = checkpoints.new_epilogue()
    fit(model.autoencoder, losses.sharp, images, epochs=EPILOGUE_EPOCHS)
    with torch.no_grad():
        codes = model.encode(images)
    settings = {"epochs": EPILOGUE_FLOW_EPOCHS, "batch_size": EPILOGUE_FLOW_BATCH_SIZE}
    fit(model, losses.direction, codes, unit=flow.UNIT, **settings)
    write_weights(model, checkpoints.epilogue_path())


def fit(model, loss, examples, epochs, **settings) -> None:
    """Train as ``training.fit`` does; raise KeyboardInterrupt where it was interrupted."""
    history = training.fit(model, loss, examples, epochs=epochs, **settings)
    if not history or history[-1]["epoch"] < epochs:
        raise KeyboardInterrupt("A half-trained model does not replace a finished one.")


def main(arguments: list[str] | None = None) -> None:
    """Train the models named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m experiments.ship", description=__doc__)
    parser.add_argument("chapters", nargs="*", help="1 to 4, epilogue; all if none is given")
    names = [*map(str, losses.BY_CHAPTER), checkpoints.EPILOGUE]
    chapters = parser.parse_args(arguments).chapters or names
    if not set(names) >= set(chapters):
        parser.error(f"chapters are 1 to 4 and {checkpoints.EPILOGUE}, not {', '.join(chapters)}")
    for chapter in chapters:
        if chapter == checkpoints.EPILOGUE:
            print("Epilogue")
            rebuild_epilogue()
            continue
        for latent_dim in checkpoints.WIDTHS:
            print(f"Chapter {chapter}, {latent_dim} latent numbers")
            rebuild(int(chapter), latent_dim)


if __name__ == "__main__":
    main()
