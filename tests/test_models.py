"""One network for all chapters, and what it says to images and codes that do not fit."""

import numpy as np
import pytest
import torch

from helpers.models import Autoencoder, SharedSizes, as_batch, as_labels, average_digit


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


def test_odd_numbers_of_samples_and_images_of_another_type_are_answered_in_words(model):
    with pytest.raises(ValueError, match="n must be a whole number from 0 up"):
        model.sample(2.5)
    with pytest.raises(TypeError, match="must be a torch tensor"):
        model.sample_fitted(np.zeros((5, 28, 28)), 3)


def test_gradients_flow_in_any_mode_but_not_into_samples(model):
    """A training loop of the reader's own learns, encoder and decoder alike."""
    images = torch.rand(2, 1, 28, 28)
    for mode in (model.train(), model.eval()):
        model.zero_grad()
        mode.logits(mode.encode(images)).sum().backward()
        assert all(weight.grad.any() for weight in (mode.encoder.code.weight, mode.decoder.pixels.weight))
        assert not mode.sample(2).requires_grad
        assert not mode.sample_fitted(images, 2).requires_grad
    with torch.no_grad():
        assert not model(images).requires_grad


def test_models_are_float32_whatever_torch_s_default_type_is(model):
    try:
        torch.set_default_dtype(torch.float64)
        other = Autoencoder(latent_dim=5, width=16)
        other.load_state_dict(model.state_dict())
        images = torch.rand(4, 28, 28)
        assert other(images).dtype == other.sample(3).dtype == other.sample_fitted(images, 3).dtype
        assert other(images).dtype == torch.float32
    finally:
        torch.set_default_dtype(torch.float32)


def test_one_latent_number_and_numpy_s_whole_numbers_will_do():
    model = Autoencoder(latent_dim=np.int64(1), width=np.int32(8))
    assert type(model.latent_dim) is int
    assert model.sample_fitted(torch.rand(5, 28, 28), 3).shape == (3, 1, 28, 28)


def test_shared_sizes_are_those_of_every_digit():
    model = SharedSizes(1, start=0.3, latent_dim=5, width=8)
    assert torch.allclose(model.sizes, torch.full((5,), 0.3))
    assert torch.equal(model.neighborhoods(torch.rand(3, 28, 28))[1], model.sizes.expand(3, 5))


def test_all_ways_to_write_images_mean_the_same():
    pixels = torch.randint(256, (4, 28, 28), dtype=torch.uint8)
    expected = (pixels / 255).reshape(4, 1, 28, 28)
    for images in (pixels, pixels[:, None], pixels / 255, (pixels / 255)[:, None], (pixels / 255).double()):
        assert torch.allclose(as_batch(images), expected)
    assert as_batch(pixels[0]).shape == (1, 1, 28, 28)
    assert as_batch(pixels[:0]).shape == (0, 1, 28, 28)
    assert as_batch(pixels > 128).unique().tolist() == [0, 1]
    assert as_batch(torch.zeros(1, 28, 28, dtype=torch.uint8)).shape == (1, 1, 28, 28)


@pytest.mark.parametrize(
    ("images", "error", "message"),
    [
        ([[0.0]], TypeError, "must be a torch tensor, not list"),
        (torch.zeros(2, 3, 28, 28), ValueError, r"shape \(2, 3, 28, 28\); expected"),
        (torch.zeros(2, 784), ValueError, r"shape \(2, 784\)"),
        (torch.zeros(2, 28, 28, dtype=torch.int64), TypeError, "expected uint8"),
        (torch.ones(2, 28, 28, dtype=torch.uint8), ValueError, r"pass images.bool\(\)"),
        (torch.full((2, 28, 28), 255.0), ValueError, "Divide images from 0 to 255 by 255"),
        (torch.full((2, 28, 28), torch.nan), ValueError, "between 0 and 1, but some of these are NaN"),
        ([torch.rand(28, 28)], TypeError, "torch.stack"),
        (torch.rand(784), ValueError, r"shape \(784,\)"),
    ],
)
def test_other_images_are_answered_in_words(images, error, message):
    with pytest.raises(error, match=message):
        as_batch(images)


@pytest.mark.parametrize("codes", [torch.zeros(4, 12), torch.zeros(5), [[0.0, 1.0]]])
def test_codes_of_another_size_are_answered_in_words(model, codes):
    with pytest.raises(ValueError, match=r"must have shape \(N, 5\)"):
        model.decode(codes)
    with pytest.raises(ValueError, match=r"must have shape \(N, 5\)"):
        model.logits(codes)


def test_codes_with_their_sizes_are_not_codes(model):
    pair = model.neighborhoods(torch.zeros(4, 28, 28))
    for decode in (model.decode, model.logits):
        with pytest.raises(TypeError, match=r"`model.encode\(images\)` gives the codes"):
            decode(pair)


@pytest.mark.parametrize("latent_dim", [0, -1, 2.5, "12", True, None])
def test_latent_dim_must_be_a_positive_whole_number(latent_dim):
    with pytest.raises(ValueError, match="whole number"):
        Autoencoder(latent_dim)


@pytest.mark.parametrize(
    "labels",
    [
        [5, 0, 4],
        np.array([5, 0, 4]),
        torch.tensor([5.0, 0.0, 4.0]),
        torch.tensor([5, 0, 4], dtype=torch.uint8),
    ],
)
def test_labels_may_be_written_in_many_ways(labels):
    found = as_labels(labels, torch.zeros(3, 28, 28))
    assert found.tolist() == [5, 0, 4]
    assert found.dtype == torch.int64


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (torch.eye(10)[:3], "one-hot"),
        ([1, 2], "3 images"),
        ([[1], [2], [3]], "3 images"),
        ([1, 2, 10], "digits 0 to 9"),
        ([-1, 2, 3], "digits 0 to 9"),
        ([0.5, 1, 2], "digits 0 to 9"),
        (["one", "two", "three"], "digits 0 to 9"),
    ],
)
def test_other_labels_are_answered_in_words(labels, message):
    with pytest.raises(ValueError, match=message):
        as_labels(labels, torch.zeros(3, 28, 28))


def test_a_long_batch_is_worked_off_in_parts_with_the_same_result_and_slopes(train_set):
    images = train_set[0][:2300]
    model = Autoencoder(latent_dim=3, width=32)
    codes, sizes = model.neighborhoods(images)
    assert codes.shape == sizes.shape == (2300, 3)
    assert torch.allclose(codes[1990:2010], model.encode(images[1990:2010]), atol=1e-5)
    model(images).mean().backward()
    slope = model.encoder.code.weight.grad.clone()
    model.zero_grad()
    parts = [model(part).sum() for part in images.split(500)]
    (sum(parts) / (2300 * 784)).backward()
    assert torch.allclose(model.encoder.code.weight.grad, slope, rtol=1e-3, atol=1e-9)
