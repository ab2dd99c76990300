"""Shrinks the ladder experiment in every process that finds this folder on its PYTHONPATH.

The code stays the same; there are fewer digits to train on and fewer samples to score.
"""

from helpers import data, metrics

_load_mnist = data.load_mnist


def _first_digits(split="train", name="mnist"):
    images, labels = _load_mnist(split, name)
    return images[:1024], labels[:1024]


data.load_mnist = _first_digits
metrics.SAMPLES = metrics.WALKS = 100
