"""The digits: all of MNIST, bundled with the course and read through torchvision."""

import hashlib
import lzma
import os
import tempfile
from functools import cache
from pathlib import Path
from types import ModuleType
from uuid import uuid4

import platformdirs
import torch

DATASETS = {"mnist": "MNIST", "fashion-mnist": "FashionMNIST", "kmnist": "KMNIST"}  # in torchvision
GRADING = "NBGRADER_EXECUTION" in os.environ  # nbgrader is validating or grading a homework
FEW = 2000  # digits that are enough to see a notebook run
BUNDLE = Path(__file__).parent / "assets" / "mnist"
MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}


class DamagedFileError(RuntimeError):
    """A file that ships with the course is missing or is not what it was."""


def load_mnist(split: str = "train", name: str = "mnist") -> tuple[torch.Tensor, torch.Tensor]:
    """Return every image and label of one split, each as one tensor; the first 2,000 under nbgrader.

    Args:
        split: ``"train"`` (60,000 images) or ``"test"`` (10,000 images).
        name: ``"mnist"``, which is bundled, or ``"fashion-mnist"`` or ``"kmnist"``, which
            torchvision downloads at first use.

    Returns:
        Images, uint8 of shape (N, 28, 28), 0 for paper and 255 for ink; and labels, int64 of
        shape (N,), 0 to 9.

    Raises:
        ValueError: there is no such split or dataset.
        DamagedFileError: a bundled file is missing or damaged.
        OSError: neither the cache nor a temporary folder can be written, or the download failed.

    Source: Y. LeCun, C. Cortes and C. Burges, The MNIST database of handwritten digits, 1998.
    """
    if split not in ("train", "test"):
        raise ValueError(f'There is no split {split!r}: ask for "train" or "test".')
    if name not in DATASETS:
        raise ValueError(f"There is no dataset {name!r}: choose one of {', '.join(DATASETS)}.")
    dataset = _in_writable_folder(lambda folder: _read(name, split, folder))
    if GRADING:
        _say_that_it_is_graded()
        return dataset.data[:FEW], dataset.targets[:FEW]
    return dataset.data, dataset.targets


@cache
def _say_that_it_is_graded():
    print(f"nbgrader runs this with {FEW:,} digits, to be quick: pictures and scores are not your own run's.")


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


def _read(name, split, folder):
    dataset = getattr(torchvision_datasets(), DATASETS[name])
    if name == "mnist":
        _unpack(folder / "MNIST" / "raw")
        return dataset(folder, train=split == "train")
    try:
        return dataset(folder, train=split == "train", download=True)
    except RuntimeError as error:
        raise ConnectionError(
            f"{name} could not be downloaded ({error}). It needs the internet once; "
            'load_mnist("train") works without.'
        ) from error


def _in_writable_folder(read):
    """Call ``read(folder)`` with the user's cache folder, or a temporary one where that fails."""
    try:
        return read(platformdirs.user_cache_path("from-autoencoder-to-vae"))
    except ConnectionError:
        raise
    except OSError:
        return read(Path(_temporary_folder().name))


@cache
def _temporary_folder():
    return tempfile.TemporaryDirectory(prefix="from-autoencoder-to-vae-")


def _unpack(folder):
    """Make sure that ``folder`` holds the four original files, byte for byte."""
    for name, md5 in MD5.items():
        if _md5(folder / name) != md5:
            folder.mkdir(parents=True, exist_ok=True)
            write_atomically(folder / name, _unpacked(BUNDLE / f"{name}.xz", md5))


def _md5(path):
    if not path.exists():
        return None
    return hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()


def _unpacked(archive, md5):
    try:
        content = lzma.decompress(archive.read_bytes())
        problem = "does not hold the original digits"
    except FileNotFoundError:
        content, problem = b"", "is missing"
    except (lzma.LZMAError, EOFError) as error:
        content, problem = b"", f"cannot be unpacked ({error})"
    if hashlib.md5(content, usedforsecurity=False).hexdigest() != md5:
        raise DamagedFileError(
            f"{archive} {problem}. To restore it, run `git checkout -- {archive.name}` in "
            f"{archive.parent}, or install the course again."
        )
    return content


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside ``path``, then rename: nobody ever sees half a file."""
    unfinished = path.with_name(f"{path.name}.{uuid4().hex}.unfinished")
    try:
        unfinished.write_bytes(content)
        os.replace(unfinished, path)
    except OSError:
        unfinished.unlink(missing_ok=True)
        raise
