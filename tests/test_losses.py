"""Each chapter's loss is the one before plus one change, and the last one is the VAE's loss."""

import pytest
import torch
from torch.distributions import Bernoulli, Normal, kl_divergence

from helpers import losses
from helpers.models import Autoencoder


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Autoencoder(latent_dim=5, width=16).train()


@pytest.fixture
def images():
    return torch.rand(6, 1, 28, 28)


def values(terms):
    return {name: term.item() for name, term in terms.items()}


def seeded(loss, *arguments):
    torch.manual_seed(3)
    return values(loss(*arguments))


def test_reconstruction_is_the_negative_log_likelihood_of_a_digit(images):
    logits = torch.randn(6, 1, 28, 28)
    binary = images.round()
    expected = -Bernoulli(logits=logits).log_prob(binary).sum(dim=(1, 2, 3)).mean()
    assert losses.reconstruction(logits, binary).item() == pytest.approx(expected.item(), rel=1e-5)


def test_energy_of_a_known_code():
    assert losses.energy(torch.tensor([[3.0, 4.0], [0.0, 0.0]])).item() == 6.25


def test_neighborhoods_of_size_one_cost_nothing_and_others_do():
    assert losses.neighborhood_size(torch.ones(3, 5)).item() == 0
    assert losses.neighborhood_size(torch.full((3, 5), 0.5)) > 0
    assert losses.neighborhood_size(torch.full((3, 5), 2.0)) > 0


def test_energy_and_size_are_the_kl_divergence():
    codes, sizes = torch.randn(8, 5), torch.rand(8, 5) + 0.1
    divergence = kl_divergence(Normal(codes, sizes), Normal(0.0, 1.0)).sum(dim=1).mean()
    ours = losses.energy(codes) + losses.neighborhood_size(sizes)
    assert ours.item() == pytest.approx(divergence.item(), rel=1e-5)


def test_each_stage_is_the_one_before_plus_one_change(model, images):
    first, second = seeded(losses.autoencoder, model, images), seeded(losses.compact, model, images)
    assert first == {"reconstruction": second["reconstruction"]}
    assert second.keys() == {"reconstruction", "energy"}
    without_noise = seeded(losses.smooth, model, images, 0.0)
    assert without_noise == second
    with torch.no_grad():  # give every digit the same size
        model.encoder.log_size.weight.zero_()
        model.encoder.log_size.bias.fill_(0.25).log_()
    third, fourth = seeded(losses.smooth, model, images, 0.25), seeded(losses.learned, model, images)
    size = fourth.pop("neighborhood size")
    assert fourth == pytest.approx(third, rel=1e-5)
    assert size == pytest.approx(losses.neighborhood_size(torch.full((1, 5), 0.25)).item())


@pytest.mark.parametrize("chapter", losses.BY_CHAPTER)
def test_every_term_is_a_scalar_that_the_model_can_learn_from(model, images, chapter):
    terms = losses.BY_CHAPTER[chapter](model, images)
    assert all(term.dim() == 0 for term in terms.values())
    sum(terms.values()).backward()
    learns_size = model.encoder.log_size.weight.grad is not None
    assert learns_size == (chapter == 4)


def test_chapter_3_takes_a_size_for_each_number(model, images):
    each = torch.full((5,), 0.3)
    assert seeded(losses.smooth, model, images, each) == seeded(losses.smooth, model, images, 0.3)


def test_twice_the_batch_is_the_same_loss(model, images):
    once, twice = losses.compact(model, images), losses.compact(model, images.repeat(2, 1, 1, 1))
    assert values(once) == pytest.approx(values(twice), rel=1e-5)
