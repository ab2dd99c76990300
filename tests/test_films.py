"""A film keeps what a training passed through, and changes nothing in it."""

import zlib

import numpy as np
import pytest
import torch

from helpers import explorer, films, losses, training
from helpers.models import Autoencoder
from helpers.settings import MAP_EPOCHS, MAP_PEAK_LR, MAP_WIDTH


@pytest.fixture
def digits(test_set):
    return test_set[0][:1280], test_set[1][:1280]


def trained(images, **options):
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=2, width=16)
    training.fit(model, losses.BY_CHAPTER[4], images, batch_size=32, epochs=2, **options)
    return model


def test_moments_from_the_first_step_to_the_last_close_together_at_first(digits):
    film = films.Film(digits[0][:50], digits[1][:50], moments=9)
    trained(digits[0], film=film)
    assert film.epochs == pytest.approx([2 * (i / 8) ** 2 for i in range(9)], abs=1 / 40)
    assert film.epochs[0] == 0
    assert film.epochs[-1] == 2


def test_a_map_is_a_small_model_whose_training_was_filmed(digits):
    film = training.film_map(
        losses.BY_CHAPTER[2], digits[0], digits[0][:50], digits[1][:50], weight_decay=0.3
    )
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=2, width=MAP_WIDTH)
    settings = {"epochs": MAP_EPOCHS, "peak_lr": MAP_PEAK_LR, "weight_decay": 0.3}
    training.fit(model, losses.BY_CHAPTER[2], digits[0], **settings)
    assert torch.equal(film.codes[-1], model.encode(digits[0][:50]))
    assert torch.equal(film.labels, digits[1][:50])
    assert film.epochs[-1] == MAP_EPOCHS


def test_codes_sizes_and_decoders_are_those_of_their_moment(digits):
    images, labels = digits
    film = films.Film(images[:50], labels[:50], moments=5)
    model = trained(images, film=film)
    codes, sizes = model.neighborhoods(images[:50])
    assert torch.equal(film.codes[-1], codes)
    assert torch.equal(film.sizes[-1], sizes)
    points = torch.randn(7, 2)
    decoded = film.logits(points)
    assert decoded.shape == (5, 7, 784)
    assert torch.allclose(decoded[-1].sigmoid(), model.decode(points).flatten(1), atol=2e-3)
    torch.manual_seed(0)
    untrained = Autoencoder(latent_dim=2, width=16)
    assert torch.allclose(decoded[0].sigmoid(), untrained.decode(points).flatten(1), atol=2e-3)


def test_a_film_changes_no_training(digits):
    film = films.Film(digits[0][:50], digits[1][:50])
    filmed, plain = trained(digits[0], film=film), trained(digits[0])
    assert all(torch.equal(a, b) for a, b in zip(filmed.parameters(), plain.parameters(), strict=True))


def test_another_training_begins_another_film(digits):
    film = films.Film(digits[0][:50], digits[1][:50], moments=4)
    for _ in range(2):
        trained(digits[0], film=film)
        assert len(film.epochs) == len(film.codes) == 4


def test_a_page_gets_what_comes_close_to_the_decoders(digits):
    """The grid's points themselves, from what the page unpacks."""
    film = films.Film(digits[0][:50], digits[1][:50], moments=6)
    trained(digits[0], film=film)
    content = explorer.explore_film(film, neighborhoods=True).page.content
    decoded, exact = unpacked(content), film.logits(grid_of(content))
    assert (255 * (decoded.sigmoid() - exact.sigmoid()).abs()).mean() < 5


def grid_of(content):
    (left, right), (bottom, top) = content["edges"]
    across, up = torch.linspace(left, right, content["grid"]), torch.linspace(bottom, top, content["grid"])
    return torch.tensor([[x, y] for y in up for x in across])


def unpacked(content):
    def read(name, kind):
        return torch.from_numpy(np.frombuffer(zlib.decompress(content[name]), kind).copy())

    moments, points = len(content["epochs"]), content["grid"] ** 2
    basis = read("basis", "<f2").float().reshape(-1, 784)
    counts = read("counts", np.int8).reshape(len(basis), moments, points).cumsum(dim=1).to(torch.int8).float()
    return torch.einsum("ktp,kx->tpx", counts, basis) + read("mean", "<f2").float()


def test_what_cannot_be_shown_is_said_in_words(digits):
    film = films.Film(digits[0][:50], digits[1][:50], moments=4)
    for _ in range(2):  # with nothing, and with the moment before the first step
        with pytest.raises(ValueError, match="This film shows no training yet"):
            explorer.explore_film(film)
        film(Autoencoder(latent_dim=2, width=16), 0, 1)
    torch.manual_seed(0)
    training.fit(
        Autoencoder(latent_dim=3, width=16),
        losses.BY_CHAPTER[1],
        digits[0],
        batch_size=32,
        epochs=1,
        film=film,
    )
    with pytest.raises(ValueError, match="this model has 3"):
        explorer.explore_film(film)
    with pytest.raises(ValueError, match="moments must be a whole number from 2"):
        films.Film(*digits, moments=1)
