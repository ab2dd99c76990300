"""The models that ship with the course: load them, or rebuild them from the digits.

``python -m helpers.checkpoints`` rebuilds all eight, ``python -m helpers.checkpoints 4`` those of
chapter 4. Each file is replaced only once its model is finished.

The sampling models of chapters 1 to 3 are trained as long as those that the reader trains. Longer pays
only in chapter 4; in chapter 2 it even harms, because the codes go on shrinking. In chapter 1's map,
the outer codes would drift so far away that the others could no longer be told apart.
"""

import argparse
import hashlib
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor, nn

from helpers import data, losses, training
from helpers.data import DamagedFileError
from helpers.models import Autoencoder

FOLDER = Path(__file__).parent / "assets" / "checkpoints"
SAMPLING_DIM, MAP_DIM = 12, 2  # to sample from, to look at
WIDTH = {SAMPLING_DIM: 384, MAP_DIM: 192}
LIVE = training.EPOCHS
EPOCHS = {SAMPLING_DIM: {1: LIVE, 2: LIVE, 3: LIVE, 4: 100}, MAP_DIM: {1: LIVE, 2: 30, 3: 30, 4: 30}}


def load(chapter: int, latent_dim: int = SAMPLING_DIM) -> Autoencoder:
    """Return the model that ships for a chapter, on the CPU, in float32.

    Args:
        chapter: 1 to 4.
        latent_dim: 12 for the model to sample from, 2 for the one whose map can be drawn.

    Raises:
        ValueError: no such model ships.
        DamagedFileError: the file is missing or damaged.
    """
    if chapter not in losses.STAGES or latent_dim not in WIDTH:
        raise ValueError(
            f"No model ships for chapter {chapter!r} with latent_dim={latent_dim!r}: chapters are 1 "
            f"to 4, latent_dim is {SAMPLING_DIM} or {MAP_DIM}."
        )
    model = Autoencoder(latent_dim, WIDTH[latent_dim])
    model.load_state_dict(
        read(_path(chapter, latent_dim), rebuild=f"python -m helpers.checkpoints {chapter}")
    )
    return model


def rebuild(chapter: int, latent_dim: int) -> None:
    """Train the model that ships for a chapter on all of MNIST and put it in its place."""
    images, _ = data.load_mnist("train")
    torch.manual_seed(0)
    model = Autoencoder(latent_dim, WIDTH[latent_dim])
    epochs = EPOCHS[latent_dim][chapter]
    history = training.fit(model, losses.STAGES[chapter], images, epochs=epochs)
    if not history or history[-1]["epoch"] < epochs:
        raise KeyboardInterrupt("A half-trained model does not replace a finished one.")
    write(model, _path(chapter, latent_dim))


def _path(chapter, latent_dim):
    return FOLDER / f"chapter{chapter}_latent{latent_dim}.safetensors"


def write(model: nn.Module, path: Path) -> None:
    """Write a model's weights in half precision, with their checksum."""
    weights = {name: value.half().contiguous() for name, value in model.state_dict().items()}
    data.write_atomically(path, safetensors.torch.save(weights, metadata={"sha256": _sha256(weights)}))


def read(path: Path, rebuild: str) -> dict[str, Tensor]:
    """Return the weights that ``write`` wrote, by name.

    Raises:
        DamagedFileError: the file is missing or damaged; says how to restore it, or to ``rebuild`` it.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            expected = file.metadata()["sha256"]
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, safetensors.SafetensorError, KeyError, TypeError) as error:
        raise _damaged(path, error, rebuild) from error
    if _sha256(weights) != expected:
        raise _damaged(path, "its checksum does not match", rebuild)
    return weights


def _damaged(path, problem, rebuild):
    return DamagedFileError(
        f"{path} is missing or damaged ({problem}). To restore it, run `git checkout -- {path.name}` "
        f"in {path.parent}, install the course again, or train it anew: `{rebuild}`."
    )


def _sha256(weights):
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].numpy().tobytes())
    return digest.hexdigest()


def main(arguments: list[str] | None = None) -> None:
    """Rebuild the models named on the command line."""
    parser = argparse.ArgumentParser(prog="python -m helpers.checkpoints", description=__doc__)
    parser.add_argument("chapters", nargs="*", type=int, default=[], help="1 to 4; all if none is given")
    chapters = parser.parse_args(arguments).chapters or list(losses.STAGES)
    if not losses.STAGES.keys() >= set(chapters):
        parser.error(f"chapters are 1 to 4, not {chapters}")
    for chapter in chapters:
        for latent_dim in WIDTH:
            print(f"Chapter {chapter}, {latent_dim} latent numbers")
            rebuild(chapter, latent_dim)


if __name__ == "__main__":
    main()
