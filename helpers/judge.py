"""The digit judge: a small convolutional network that was trained to read digits.

The metrics ask it two things about a picture: which digit it reads, and which features it sees.
``experiments/judge.py`` trains it anew.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers import checkpoints
from helpers.models import as_batch, as_labels, in_a_batch, in_parts

PATH = Path(__file__).parent / "assets" / "judge.safetensors"
FEATURES = 64
JUDGED_AT_A_TIME = 50  # images: they fit into the processor's cache


class Verdict(NamedTuple):
    """What the judge says of N images."""

    features: Tensor
    """What it sees in each image, (N, 64), from 0 up."""
    probabilities: Tensor
    """How sure it is of each digit from 0 to 9, (N, 10); each row sums to 1."""


class Judge(nn.Module):
    """Two blocks of convolutions, then 64 features, then ten digits."""

    def __init__(self):
        super().__init__()
        self.features = nn.Sequential(
            *convolution(1, 16), *convolution(16, 16), nn.MaxPool2d(2),
            *convolution(16, 32), *convolution(32, 32), nn.MaxPool2d(2), nn.Flatten(),
            nn.Linear(32 * 7 * 7, FEATURES), nn.BatchNorm1d(FEATURES), nn.ReLU(),
        )  # fmt: skip
        self.digits = nn.Linear(FEATURES, 10)
        self.float()  # whatever torch's default type is

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 64) and logits (N, 10) for float images (N, 1, 28, 28)."""
        features = self.features(images)
        return features, self.digits(features)


def convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A 3 by 3 convolution, normalized over the batch, then a ReLU."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


def judge(images: Tensor) -> Verdict:
    """Return what the shipped judge says of images; see ``models.as_batch``.

    Raises:
        ValueError: there are no images.
        DamagedFileError: the judge's file is missing or damaged.
    """
    if len(images) == 0:
        raise ValueError("There is nothing to judge: no images were given.")
    images = in_a_batch(images)
    with torch.no_grad():
        features, logits = in_parts(lambda part: shipped()(as_batch(part)), images, JUDGED_AT_A_TIME)
    return Verdict(features, logits.softmax(dim=1))


@cache
def shipped() -> Judge:
    """The judge that ships."""
    network = Judge().to(memory_format=torch.channels_last)  # convolves three times as fast on CPUs
    network.load_state_dict(checkpoints.read(PATH, rebuild="python -m experiments.judge"))
    return network.eval()


def digits(images: Tensor) -> Tensor:
    """The digit that the judge reads in each image (see ``models.as_batch``), (N,)."""
    return judge(images).probabilities.argmax(dim=1)


def accuracy(images: Tensor, labels: Tensor) -> float:
    """The share of images that the shipped judge reads as their labels say; see ``models.as_labels``."""
    return (digits(images) == as_labels(labels, images)).double().mean().item()
