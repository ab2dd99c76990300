"""The models that ship with the course. ``experiments/ship.py`` trains them anew."""

import hashlib
from pathlib import Path

import safetensors
from torch import Tensor

from helpers.data import DamagedFileError
from helpers.flow import LatentDiffusion
from helpers.losses import BY_CHAPTER
from helpers.models import Autoencoder
from helpers.settings import EPILOGUE_DIM, LATENT_DIM, MAP_DIM, MAP_WIDTH, SHIPPED_EPILOGUE_WIDTH, WIDTH

FOLDER = Path(__file__).parent / "assets" / "checkpoints"
WIDTHS = {LATENT_DIM: WIDTH, MAP_DIM: MAP_WIDTH}  # to sample from, to look at
EPILOGUE = "epilogue"


def load(chapter: int | str, latent_dim: int = LATENT_DIM) -> Autoencoder | LatentDiffusion:
    """Return the model that ships for a chapter, on the CPU, in float32.

    Args:
        chapter: 1 to 4, or ``"epilogue"``.
        latent_dim: 12 for the model to sample from, 2 for the one whose map can be drawn; the epilogue has
            one model only.

    Raises:
        ValueError: no such model ships.
        DamagedFileError: the file is missing or damaged.
    """
    if chapter == EPILOGUE:
        model = new_epilogue()
        model.load_state_dict(read(epilogue_path(), rebuild=f"python -m experiments.ship {EPILOGUE}"))
        return model.eval()
    whole = not isinstance(chapter, bool | float) and chapter in tuple(BY_CHAPTER)
    if not whole or latent_dim not in WIDTHS:
        raise ValueError(
            f"No model ships for chapter {chapter!r} with latent_dim={latent_dim!r}: chapters are 1 "
            f'to 4, latent_dim is {LATENT_DIM} or {MAP_DIM}; beside them there is "{EPILOGUE}".'
        )
    model = Autoencoder(latent_dim, WIDTHS[latent_dim])
    model.load_state_dict(read(path(chapter, latent_dim), rebuild=f"python -m experiments.ship {chapter}"))
    return model.eval()


def new_epilogue() -> LatentDiffusion:
    """Return an untrained model, as large as the one that ships for the epilogue."""
    return LatentDiffusion(Autoencoder(EPILOGUE_DIM, SHIPPED_EPILOGUE_WIDTH))


def epilogue_path() -> Path:
    """Where the model of the epilogue is kept."""
    return FOLDER / f"{EPILOGUE}.safetensors"


def path(chapter: int, latent_dim: int) -> Path:
    """Where the model of a chapter is kept."""
    return FOLDER / f"chapter{chapter}_latent{latent_dim}.safetensors"


def read(file: Path, rebuild: str) -> dict[str, Tensor]:
    """Return the weights that ``experiments.files.write_weights`` wrote, by name.

    Raises:
        DamagedFileError: the file is missing or damaged; says how to restore it, or to ``rebuild`` it.
    """
    try:
        with safetensors.safe_open(file, framework="pt") as opened:
            expected = opened.metadata()["sha256"]
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118 (not a dict)
    except (OSError, safetensors.SafetensorError, KeyError, TypeError) as error:
        raise _damaged(file, error, rebuild) from error
    if sha256(weights) != expected:
        raise _damaged(file, "its checksum does not match", rebuild)
    return weights


def _damaged(file, problem, rebuild):
    return DamagedFileError(
        f"{file} is missing or damaged ({problem}). To restore it, run `git checkout -- {file.name}` "
        f"in {file.parent}, install the course again, or train it anew: `{rebuild}`."
    )


def sha256(weights: dict[str, Tensor]) -> str:
    """The checksum of weights, which are stored with it."""
    digest = hashlib.sha256()
    for name in sorted(weights):
        digest.update(name.encode() + weights[name].numpy().tobytes())
    return digest.hexdigest()
