"""One network for all stages, and what it says to images and latents that do not fit."""

import pytest
import torch

from helpers.models import Autoencoder, as_batch, average_digit


@pytest.fixture
def model():
    torch.manual_seed(0)
    return Autoencoder(latent_dim=5, width=16)


def test_shapes_and_ranges(model):
    images = torch.randint(256, (7, 28, 28), dtype=torch.uint8)
    assert model.encode(images).shape == (7, 5)
    codes, sizes = model.neighborhoods(images)
    assert torch.equal(codes, model.encode(images))
    assert sizes.shape == (7, 5)
    assert (sizes > 0).all()
    decoded = model.decode(codes)
    assert decoded.shape == (7, 1, 28, 28)
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert torch.equal(model(images), decoded)


def test_samples_follow_the_blind_rule(model):
    expected = model.decode(torch.randn(3, 5, generator=torch.Generator().manual_seed(7)))
    assert torch.equal(model.sample(3, seed=7), expected)
    assert not torch.equal(model.sample(3), model.sample(3))


def test_a_new_decoder_paints_the_average_digit(model, train_set):
    average = train_set[0].float().mean(dim=0).flatten() / 255
    assert torch.allclose(average_digit(), average, atol=0.5 / 255)
    painted = model.decode(torch.zeros(1, 5)).flatten()
    assert (painted - average).abs().max() < 0.25
    assert (painted - average).abs().mean() < 0.05


def test_a_gaussian_needs_two_codes(model):
    with pytest.raises(ValueError, match="two images or more"):
        model.sample_fitted(torch.rand(1, 28, 28), 3)


def test_gradients_flow_only_in_training_mode(model):
    images = torch.rand(2, 1, 28, 28)
    assert not model(images).requires_grad
    assert model.train()(images).requires_grad


def test_all_ways_to_write_images_mean_the_same():
    pixels = torch.randint(256, (4, 28, 28), dtype=torch.uint8)
    expected = (pixels / 255).reshape(4, 1, 28, 28)
    for images in (pixels, pixels[:, None], pixels / 255, (pixels / 255)[:, None], (pixels / 255).double()):
        assert torch.allclose(as_batch(images), expected)
    assert as_batch(pixels[0]).shape == (1, 1, 28, 28)
    assert as_batch(pixels[:0]).shape == (0, 1, 28, 28)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[0.0]], TypeError, "must be a torch tensor, not list"),
        (torch.zeros(2, 3, 28, 28), ValueError, r"shape \(2, 3, 28, 28\); expected"),
        (torch.zeros(2, 784), ValueError, r"shape \(2, 784\)"),
        (torch.zeros(2, 28, 28, dtype=torch.int64), TypeError, "expected uint8"),
        (torch.full((2, 28, 28), 255.0), ValueError, "Divide images from 0 to 255 by 255"),
        (torch.full((2, 28, 28), torch.nan), ValueError, "between 0 and 1"),
    ],
)
def test_other_images_are_answered_in_words(images, error, message):
    with pytest.raises(error, match=message):
        as_batch(images)


@pytest.mark.parametrize("latents", [torch.zeros(4, 12), torch.zeros(5), [[0.0, 1.0]]])
def test_latents_of_another_size_are_answered_in_words(model, latents):
    with pytest.raises(ValueError, match=r"must have shape \(N, 5\)"):
        model.decode(latents)
    with pytest.raises(ValueError, match=r"must have shape \(N, 5\)"):
        model.decoder(torch.as_tensor(latents))


def test_codes_with_their_sizes_are_no_latents(model):
    pair = model.neighborhoods(torch.zeros(4, 28, 28))
    for decode in (model.decode, model.decoder):
        with pytest.raises(TypeError, match=r"`model.encode\(images\)` gives the codes"):
            decode(pair)


@pytest.mark.parametrize("latent_dim", [0, -1, 2.5, "12"])
def test_latent_dim_must_be_a_positive_whole_number(latent_dim):
    with pytest.raises(ValueError, match="whole number"):
        Autoencoder(latent_dim)
