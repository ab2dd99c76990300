"""The digit judge: a small convolutional network that was trained to read digits.

The metrics ask it two things about a picture: which digit it reads, and which features it sees.
``python -m helpers.judge`` trains it anew in a few minutes.
"""

from functools import cache
from pathlib import Path
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from tqdm.auto import trange

from helpers import checkpoints, data
from helpers.models import as_batch

PATH = Path(__file__).parent / "assets" / "judge.safetensors"
FEATURES = 64
PART = 250  # images judged at a time: they fit into the processor's cache
EPOCHS, BATCH_SIZE, PEAK_LR, MAX_SHIFT = 5, 128, 6e-3, 2


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
        self.eval()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return features (N, 64) and logits (N, 10) for float images (N, 1, 28, 28)."""
        features = self.features(images)
        return features, self.digits(features)


def convolution(inputs: int, outputs: int) -> tuple[nn.Module, ...]:
    """A 3 by 3 convolution, normalized over the batch, and what is positive of it."""
    return nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()


def judge(images: Tensor) -> Verdict:
    """Return what the shipped judge says of images; see ``models.as_batch``.

    Raises:
        ValueError: there are no images.
        DamagedFileError: the judge's file is missing or damaged.
    """
    if len(images) == 0:
        raise ValueError("There is nothing to judge: no images were given.")
    with torch.no_grad():
        verdicts = [_shipped()(as_batch(part)) for part in images.split(PART)]
    features, logits = (torch.cat(parts) for parts in zip(*verdicts, strict=True))
    return Verdict(features, logits.softmax(dim=1))


@cache
def _shipped():
    network = Judge().to(memory_format=torch.channels_last)  # convolves three times as fast on CPUs
    network.load_state_dict(checkpoints.read(PATH, rebuild="python -m helpers.judge"))
    return network


def accuracy(images: Tensor, labels: Tensor) -> float:
    """The share of images that the shipped judge reads as their labels (N,) say."""
    return (judge(images).probabilities.argmax(dim=1) == labels).double().mean().item()


def train(images: Tensor, labels: Tensor) -> Judge:
    """Return a new judge, trained on images (see ``models.as_batch``) and their labels (N,)."""
    torch.manual_seed(0)
    network = Judge().train()
    steps = len(images) // BATCH_SIZE
    optimizer = torch.optim.AdamW(network.parameters(), lr=PEAK_LR)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, PEAK_LR, total_steps=EPOCHS * steps)
    for _ in trange(EPOCHS, desc="Training the judge", unit="epoch"):
        for batch in torch.randperm(len(images))[: steps * BATCH_SIZE].view(steps, BATCH_SIZE):
            shift = torch.randint(-MAX_SHIFT, MAX_SHIFT + 1, (2,)).tolist()
            shifted = as_batch(images[batch]).roll(shift, dims=(2, 3))
            optimizer.zero_grad()
            F.cross_entropy(network(shifted)[1], labels[batch]).backward()
            optimizer.step()
            schedule.step()
    return network.eval()


def main() -> None:
    """Train the judge on all of MNIST, put it in its place, and say how well it reads."""
    checkpoints.write(train(*data.load_mnist("train")), PATH)
    _shipped.cache_clear()
    print(f"The judge in {PATH} reads {accuracy(*data.load_mnist('test')):.2%} of the test digits.")


if __name__ == "__main__":
    main()
