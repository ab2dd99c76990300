"""The experiment of the epilogue writes every run down once, and goes on where it was interrupted."""

import pandas as pd
import torch

from experiments import ten_epilogues
from helpers import metrics, scoreboard
from helpers.models import Autoencoder


def test_goes_on_where_it_was_interrupted(tmp_path, monkeypatch):
    trained = []

    def model(seed):
        if len(trained) == 3:
            raise KeyboardInterrupt
        trained.append(seed)
        torch.manual_seed(seed)
        return Autoencoder(3, width=8)

    monkeypatch.setattr(scoreboard, "EPILOGUES", tmp_path / "ten.csv")
    monkeypatch.setattr(metrics, "SAMPLES", 200)
    monkeypatch.setattr(ten_epilogues, "MODELS", {"epilogue": model, "chapter 4": model})
    try:
        ten_epilogues.main(["--seeds", "2"])
    except KeyboardInterrupt:
        trained.append("interrupted")
    ten_epilogues.main(["--seeds", "2"])
    assert trained == [0, 0, 1, "interrupted", 1]
    table = pd.read_csv(tmp_path / "ten.csv")
    assert list(table.columns) == ten_epilogues.COLUMNS
    assert set(table["metric"]) == set(metrics.real_digits())
    assert len(table) == 4 * len(metrics.real_digits())
