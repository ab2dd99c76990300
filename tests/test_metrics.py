"""Every measure, against a case whose answer is known."""

import pytest
import torch

from helpers import metrics
from helpers.models import Autoencoder


def test_usage_finds_the_number_that_the_decoder_ignores(test_set):
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=3, width=16)
    with torch.no_grad():
        model.decoder.hidden[0].weight[:, 1] = 0
    used = metrics.usage(model, test_set[0][:200])
    assert used.shape == (3,)
    assert used[1] == 0
    assert used[0] > 0
    assert used[2] > 0


def test_neighbor_agreement_of_separate_and_of_mixed_digits():
    torch.manual_seed(0)
    labels = torch.arange(1000) % 10
    separate = torch.nn.functional.one_hot(labels, 10) * 100 + torch.randn(1000, 10)
    assert metrics.neighbor_agreement(separate, labels) == 1
    assert metrics.neighbor_agreement(torch.randn(1000, 2), labels) == pytest.approx(0.1, abs=0.02)


def test_frechet_distance_of_known_clouds(test_set):
    images = test_set[0][:2000] / 255
    assert metrics.frechet_distance(images, images) == pytest.approx(0, abs=1e-3)
    shifted = images * 0.5 + 0.25
    expected = (images * 0.5 - 0.25).mean(dim=0).square().sum() + 0.25 * images.var(dim=0).sum()
    assert metrics.frechet_distance(images, shifted) == pytest.approx(expected.item(), rel=1e-3)


def test_frechet_distance_notices_samples_that_are_all_alike(train_set, test_set):
    images = test_set[0] / 255
    alike = images.mean(dim=0).expand(2000, 28, 28)
    assert metrics.frechet_distance(alike, images) == pytest.approx(images.var(dim=0).sum().item(), rel=1e-3)
    assert metrics.frechet_distance(train_set[0][:5000], images) < 2
