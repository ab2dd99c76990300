"""Would other judges say the same? ``python -m experiments.other_judges``, in some minutes.

All scores of the course come from one small network. Here others are trained to read digits, with the same
lessons: the same network from another start, one with large filters, and one that knows nothing of neighbors
among pixels. Each scores blind samples of all shipped models, and training digits.
"""

from unittest import mock

import pandas as pd
import torch
from torch import nn

from experiments.four_chapters import TITLES
from experiments.judge import train
from helpers import checkpoints, data, judge, metrics
from helpers.judge import FEATURES, Judge
from helpers.models import PIXELS

SCORES = ["Fréchet distance", "recognizable", "coverage"]


class Network(nn.Module):
    """Layers that end in 64 features, then ten digits, as in ``Judge``."""

    def __init__(self, *layers: nn.Module, width: int):
        super().__init__()
        self.features = nn.Sequential(
            *layers, nn.Linear(width, FEATURES), nn.BatchNorm1d(FEATURES), nn.ReLU()
        )
        self.digits = nn.Linear(FEATURES, 10)

    forward = Judge.forward


def large_filters() -> nn.Module:
    """After LeNet-5 (LeCun et al., Gradient-based learning applied to document recognition, 1998)."""
    return Network(
        nn.Conv2d(1, 20, 5, padding=2), nn.BatchNorm2d(20), nn.ReLU(), nn.AvgPool2d(2),
        nn.Conv2d(20, 40, 5), nn.BatchNorm2d(40), nn.ReLU(), nn.AvgPool2d(2), nn.Flatten(), width=40 * 5 * 5,
    )  # fmt: skip


def no_filters() -> nn.Module:
    """Two layers in which each unit sees all pixels."""
    return Network(nn.Flatten(), nn.Linear(PIXELS, 800), nn.ReLU(), nn.Linear(800, 800), nn.ReLU(), width=800)


JUDGES = {"another start": Judge, "large filters": large_filters, "no filters": no_filters}


def scored_by(network: nn.Module) -> pd.DataFrame:
    """Return the three scores that the course quotes, one row for each model and one for real digits."""
    metrics.test_digits.cache_clear()
    metrics.real_digits.cache_clear()
    with mock.patch.object(judge, "shipped", return_value=network):
        rows = {
            name: metrics.score(checkpoints.load(model).sample(metrics.SAMPLES, seed=0))
            for model, name in TITLES.items()
        }
        return pd.DataFrame(rows | {"training digits": metrics.real_digits()}).T[SCORES]


def main() -> None:
    """Train each judge, and print how well it reads the test digits and what it says."""
    print(f"The course's own judge\n{scored_by(judge.shipped()).round(2).to_string()}", flush=True)
    for name, new in JUDGES.items():
        torch.manual_seed(1)
        network = train(new(), *data.load_mnist("train"))
        with mock.patch.object(judge, "shipped", return_value=network):
            accuracy = judge.accuracy(*data.load_mnist("test"))
        print(f"\nA judge with {name}, which reads {accuracy:.2%} of the test digits")
        print(scored_by(network).round(2).to_string(), flush=True)


if __name__ == "__main__":
    main()
