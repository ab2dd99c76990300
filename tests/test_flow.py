"""The second network learns the way to a cloud of any shape, and leads random points there."""

import pytest
import torch

from helpers import flow, losses, metrics, training, ways
from helpers.flow import LatentDiffusion
from helpers.models import Autoencoder


@pytest.fixture
def model():
    torch.manual_seed(0)
    return LatentDiffusion(Autoencoder(latent_dim=3, width=8), width=16, depth=2)


def crescent(n, seed):
    """Points of a shape that no Gaussian has: half a ring, (n, 2)."""
    torch.manual_seed(seed)
    angle, radius = torch.pi * torch.rand(n), 2 + 0.1 * torch.randn(n)
    return torch.stack([radius * angle.cos(), radius * angle.sin() - 1], dim=1)


def test_learns_a_cloud_that_no_gaussian_fits():
    torch.manual_seed(0)
    model = LatentDiffusion(Autoencoder(latent_dim=2, width=8), width=64, depth=3)
    codes, others = crescent(10_000, 0), crescent(1000, 1)
    fitted = torch.distributions.MultivariateNormal(codes.mean(dim=0), codes.T.cov()).sample((1000,))
    settings = {"epochs": 20, "batch_size": 256, "unit": flow.UNIT}
    history = training.fit(model, losses.direction, codes, **settings)
    assert list(history[0]) == ["epoch", "direction"]
    with torch.no_grad():
        ends = model.follow(torch.randn(1000, 2))[-1]
    for reached, target in ((ends, others), (others, ends)):  # near the cloud, and in all of it
        missed = metrics.gap(target, fitted if target is others else codes).mean()
        assert metrics.gap(reached, target).mean() < 0.15
    assert metrics.gap(fitted, codes).mean() > 3 * missed


def test_training_leaves_the_autoencoder_alone(model):
    before = {name: weight.clone() for name, weight in model.autoencoder.state_dict().items()}
    training.fit(model, losses.direction, torch.randn(512, 3), epochs=1, batch_size=64)
    for name, weight in model.autoencoder.state_dict().items():
        assert torch.equal(weight, before[name])


def test_no_loss_trains_the_autoencoder_by_way_of_its_codes(model):
    def loss(model, images):
        return losses.direction(model, model.encode(images))

    before = {name: weight.clone() for name, weight in model.autoencoder.state_dict().items()}
    training.fit(model, loss, torch.rand(128, 28, 28), epochs=1, batch_size=64)
    for name, weight in model.autoencoder.state_dict().items():
        assert torch.equal(weight, before[name])


def test_points_of_double_precision_are_led_too(model):
    points = torch.randn(5, 3, dtype=torch.float64)
    assert torch.equal(model.follow(points)[-1], model.follow(points.float())[-1])
    training.fit(model, losses.direction, torch.randn(128, 3).double(), epochs=1, batch_size=64)


@pytest.mark.parametrize("wrong", [[{"epoch": 1.0}], Autoencoder, None])
def test_what_is_no_autoencoder_is_answered_in_words(wrong):
    with pytest.raises(TypeError, match=r"Expected a models\.Autoencoder, not (list|type|NoneType)"):
        LatentDiffusion(wrong)


def test_a_direction_that_is_right_costs_nothing(model):
    codes = torch.full((50, 3), 2.0)
    model.direction = lambda here, passed: (codes - here) / (1 - passed)  # one code: the line itself
    assert losses.direction(model, codes)["direction"] < 1e-6
    assert training.evaluate(model, losses.direction, codes)["direction"] < 1e-6


def test_a_constant_direction_is_followed_in_a_straight_line(model):
    model.direction = lambda points, passed: torch.ones_like(points)
    starts = torch.randn(5, 3)
    way = model.follow(starts, steps=4)
    assert way.shape == (5, 5, 3)
    for step, points in enumerate(way):
        assert torch.allclose(points, starts + step / 4, atol=1e-6)


def test_the_time_that_has_passed_is_asked_for_at_the_start_of_each_step(model):
    asked = []
    model.direction = lambda points, passed: asked.append(passed.unique().item()) or torch.zeros_like(points)
    model.follow(torch.randn(5, 3), steps=4)
    assert asked == [0, 0.25, 0.5, 0.75]


def test_samples_start_from_the_blind_draws_of_every_chapter(model):
    starts = torch.randn(7, 3, generator=torch.Generator().manual_seed(5))
    with torch.no_grad():
        expected = model.autoencoder.decode(model.follow(starts)[-1])
    assert torch.allclose(model.sample(7, seed=5), expected)
    assert not torch.equal(model.sample(7), model.sample(7))
    assert model.sample(0).shape == (0, 1, 28, 28)


def test_encodes_and_decodes_as_its_autoencoder(model):
    images = torch.rand(4, 1, 28, 28)
    codes = model.encode(images)
    assert torch.equal(codes, model.autoencoder.encode(images))
    assert torch.equal(model.decode(codes), model.autoencoder(images))


def test_low_prices_are_chapter_4_s_loss_with_a_factor():
    model, images = Autoencoder(latent_dim=3, width=8), torch.rand(5, 1, 28, 28)
    torch.manual_seed(0)
    cheap = losses.sharp(model, images)
    torch.manual_seed(0)
    full = losses.learned(model, images)
    assert cheap["reconstruction"] == full["reconstruction"]
    for name in ("energy", "neighborhood size"):
        assert torch.isclose(cheap[name], losses.PRICE * full[name])


@pytest.mark.parametrize("shapes", [((5, 2), (5, 1)), ((5, 3), (5,)), ((5, 3), (4, 1)), ((3,), (3, 1))])
def test_points_and_times_that_do_not_fit_are_answered_in_words(model, shapes):
    with pytest.raises(ValueError, match=r"expected \(N, 3\) and \(N, 1\)"):
        model.direction(*map(torch.zeros, shapes))


@pytest.mark.parametrize("settings", [{"width": 0}, {"depth": 1.5}])
def test_odd_sizes_are_answered_in_words(settings):
    with pytest.raises(ValueError, match="must be a whole number"):
        LatentDiffusion(Autoencoder(3, width=8), **settings)
    with pytest.raises(ValueError, match="steps must be a whole number"):
        LatentDiffusion(Autoencoder(3, width=8)).sample(1, steps=0)


def test_the_explorer_shows_every_way_without_a_kernel(model):
    explored = ways.explore(model, torch.rand(50, 1, 28, 28))
    _, steps, passed, shown_ways = explored.children
    assert steps.options == ("1", "5", "20")
    assert passed.options == tuple(f"{share}%" for share in range(0, 101, 10))
    assert (shown_ways.link.source[0], shown_ways.link.target[0]) == (steps, shown_ways)
    assert len(shown_ways.children) == 3
    for shown in shown_ways.children:
        pictures = [picture.value for picture in shown.children]
        assert len(set(pictures)) == len(passed.options)
        assert all("<img" in picture and "points on a map" in picture for picture in pictures)
        assert (shown.link.source[0], shown.link.target[0]) == (passed, shown)
    explored.close()
    assert all(way.comm is None for way in shown_ways.children)


def test_between_two_steps_the_explorer_s_points_go_straight(model):
    way = model.follow(torch.randn(4, 3), steps=5).detach()
    moments = ways._at_every_moment(way)
    assert moments.shape == (21, 4, 3)
    assert torch.allclose(moments[::4], way, atol=1e-6)
    assert torch.allclose(moments[2], (way[0] + way[1]) / 2, atol=1e-6)


def test_the_explorer_wants_a_model_that_knows_ways():
    with pytest.raises(TypeError, match=r"flow\.LatentDiffusion, not Autoencoder"):
        ways.explore(Autoencoder(3, width=8), torch.rand(5, 1, 28, 28))


def test_the_explorer_wants_two_numbers_for_its_map():
    with pytest.raises(ValueError, match="shows 2 latent numbers, this model has 1"):
        ways.explore(LatentDiffusion(Autoencoder(1, width=8), width=8, depth=1), torch.rand(5, 1, 28, 28))
