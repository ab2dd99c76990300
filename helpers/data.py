"""The digits: all of MNIST, bundled with the course; and torchvision's door to other datasets."""

import contextlib
import os
import tempfile
import zlib
from functools import cache
from pathlib import Path
from types import ModuleType

import numpy as np
import platformdirs
import torch
from torch import Tensor

ARCHIVE = Path(__file__).parent / "assets" / "mnist" / "digits.npz"
LIMIT = int(os.environ.get("DIGITS_AT_MOST", 0)) or None  # of each split, where somebody is in a hurry


class DamagedFileError(RuntimeError):
    """A file that ships with the course is missing or is not what it was."""


def load_mnist(split: str = "train") -> tuple[Tensor, Tensor]:
    """Return every image and label of one split of MNIST, each as one tensor.

    With ``DIGITS_AT_MOST`` in the environment only that many, the first ones.

    Args:
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000 images).

    Returns:
        Images, uint8 of shape (N, 28, 28), 0 for paper and 255 for ink; and labels, int64 of
        shape (N,), 0 to 9.

    Raises:
        ValueError: there is no such split.
        DamagedFileError: the bundled file is missing or damaged.

    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998.
    """
    if split not in ("train", "test"):
        raise ValueError(f'There is no split {split!r}: ask for "train" or "test".')
    try:
        with np.load(ARCHIVE) as archive:  # a zip, which checks its own sums
            images, labels = (_read(archive, f"{split}_{kind}") for kind in ("images", "labels"))
    except Exception as error:  # whatever zipfile, zlib and numpy say of damage
        raise DamagedFileError(
            f"{ARCHIVE} is missing or damaged ({error}). To restore it, run "
            f"`git checkout -- {ARCHIVE.name}` in {ARCHIVE.parent}, or install the course again."
        ) from error
    if LIMIT:
        _say_that_there_are_few()
    return torch.from_numpy(images[:LIMIT]), torch.from_numpy(labels[:LIMIT].astype(np.int64))


def unpack() -> None:
    """Unpack the archive beside itself, once: kernels then share the digits' memory and have them sooner.

    ``python -m helpers.data`` does it, as setting up, the Binder image and the hub do. ``load_mnist`` works
    without, and where an unpacked file is not what the archive holds.
    """
    with np.load(ARCHIVE) as archive, tempfile.TemporaryDirectory(dir=ARCHIVE.parent) as folder:
        for name in archive.files:
            if _unpacked(archive, name) is None:
                Path(archive.zip.extract(f"{name}.npy", folder)).replace(ARCHIVE.with_name(f"{name}.npy"))


def _read(archive, name):
    unpacked = _unpacked(archive, name)
    return archive[name] if unpacked is None else unpacked


def _unpacked(archive, name):
    """Memory-map an array, copy-on-write; None if its file is missing or not the archive's."""
    file = ARCHIVE.with_name(f"{name}.npy")
    with contextlib.suppress(OSError, ValueError):  # not there, or empty
        if zlib.crc32(np.memmap(file, mode="r")) == archive.zip.getinfo(file.name).CRC:
            return np.load(file, mmap_mode="c")
    return None


@cache
def _say_that_there_are_few():
    print(f"This runs with {LIMIT:,} digits, to be quick: pictures and scores are not your own run's.")


def load_torchvision(name: str, folder: Path | None = None, **options) -> tuple[Tensor, Tensor]:
    """Return all images and labels of a dataset of torchvision, downloaded at first use.

    ``load_torchvision("FashionMNIST", train=False)``, ``load_torchvision("KMNIST", train=True)``.

    Args:
        name: of a class in ``torchvision.datasets`` whose images have one channel of 28 by 28.
        folder: where the download stays; your cache folder, if none is named.
        options: what that class takes, but for ``root`` and ``download``.

    Returns:
        Images, uint8 of shape (N, 28, 28), and labels, int64 of shape (N,).

    Raises:
        ValueError: there is no such dataset, it takes other options, or its images have another shape.
        ConnectionError: the download failed.
    """
    kind = getattr(torchvision_datasets(), name, None)
    if not isinstance(kind, type):
        raise ValueError(f'torchvision.datasets has no {name!r}; try "FashionMNIST" or "KMNIST".')
    folder = folder or platformdirs.user_cache_path("from-autoencoder-to-vae")
    try:
        dataset = kind(folder, download=True, **options)
    except TypeError as error:
        raise ValueError(f"torchvision's {name} cannot be asked like that: {error}.") from error
    except (RuntimeError, OSError) as error:
        raise ConnectionError(
            f"{name} could not be downloaded to {folder} ({error}). It needs the internet once; "
            'load_mnist("train") works without.'
        ) from error
    images, labels = zip(*dataset, strict=True)
    pixels = np.stack([np.asarray(image) for image in images])
    if pixels.shape[1:] != (28, 28):
        raise ValueError(
            f"The images of {name} have shape {pixels.shape[1:]}; this course needs one channel of 28 by 28."
        )
    return torch.from_numpy(pixels), torch.tensor(labels)


def torchvision_datasets() -> ModuleType:
    """Import ``torchvision.datasets``; at first use, for it takes two seconds.

    The default package index pairs a CPU build of torch with a torchvision that was compiled for
    CUDA. Its compiled part then does not load, and the import stops at two operators that it only
    wants to annotate (pytorch/vision issues 8985 and 9077). Nothing in this course uses them, so an
    empty definition is enough. With matching builds nothing is defined.
    """
    try:
        from torchvision import datasets
    except RuntimeError as error:
        if "torchvision::nms" not in str(error):
            raise
        for operator in ("nms", "qnms"):
            schema = "(Tensor dets, Tensor scores, float iou_threshold) -> Tensor"
            torch.library.define(f"torchvision::{operator}", schema)
        from torchvision import datasets
    return datasets


if __name__ == "__main__":
    unpack()
