"""Every measure, against a case whose answer is known."""

import math

import numpy as np
import prdc
import pytest
import torch

from helpers import checkpoints, data, metrics
from helpers.flow import LatentDiffusion
from helpers.judge import judge
from helpers.losses import reconstruction
from helpers.models import Autoencoder, as_batch


class CollapsedModel(Autoencoder):
    """Decodes everything alike."""

    def __init__(self):
        super().__init__(latent_dim=3, width=16)
        with torch.no_grad():
            self.decoder.pixels.weight.zero_()


class AsGiven(torch.nn.Identity):
    """Lets torchmetrics take features for images."""

    num_features = 5


def cloud(mean, deviations, n=1000):
    """Points whose mean and covariance are not nearly but exactly as given."""
    points = torch.randn(n, len(mean), dtype=torch.double)
    points = points - points.mean(dim=0)
    white = points @ torch.linalg.inv(torch.linalg.cholesky(points.T.cov())).T
    return white * torch.tensor(deviations) + torch.tensor(mean)


@pytest.fixture
def correlated():
    torch.manual_seed(0)
    return torch.randn(300, 5) @ torch.randn(5, 5), 0.5 + torch.randn(400, 5) @ torch.randn(5, 5)


def test_frechet_distance_of_two_gaussians_is_the_closed_form():
    ours, theirs = cloud([0.0, 0.0, 0.0], [1.0, 1.0, 1.0]), cloud([3.0, 0.0, -1.0], [2.0, 0.5, 1.0], n=700)
    expected = 3**2 + 1**2 + (2 - 1) ** 2 + (0.5 - 1) ** 2
    assert metrics.frechet_distance(ours, theirs) == pytest.approx(expected)
    assert metrics.frechet_distance(ours, ours) == pytest.approx(0, abs=1e-6)


def test_frechet_distance_agrees_with_torchmetrics(correlated):
    data.torchvision_datasets()  # where torchvision's compiled part is missing, torchmetrics needs it mended
    from torchmetrics.image.fid import FrechetInceptionDistance

    theirs = FrechetInceptionDistance(feature=AsGiven()).set_dtype(torch.double)
    theirs.update(correlated[0].double(), real=False)
    theirs.update(correlated[1].double(), real=True)
    assert metrics.frechet_distance(*correlated) == pytest.approx(theirs.compute().item(), rel=1e-4)


def test_density_and_coverage_agree_with_prdc(correlated):
    samples, references = correlated
    theirs = prdc.compute_prdc(references.numpy(), samples.numpy(), nearest_k=5)
    density, coverage = metrics.density_and_coverage(samples, references)
    assert density == pytest.approx(theirs["density"], abs=2e-3)  # a pair at the very edge
    assert coverage == pytest.approx(theirs["coverage"], abs=3e-3)


def test_a_set_covers_itself(correlated):
    density, coverage = metrics.density_and_coverage(correlated[0], correlated[0])
    assert coverage == 1
    assert density == pytest.approx(1)


def test_samples_that_are_all_alike_cover_next_to_nothing(correlated):
    alike = correlated[1][:1].expand(400, 5)
    assert metrics.density_and_coverage(alike, correlated[1])[1] < 0.05
    assert metrics.density_and_coverage(correlated[1] + 1000, correlated[1]) == (0, 0)


def test_recognizable_and_diversity_of_known_verdicts():
    sure, unsure = torch.eye(10), torch.full((10, 10), 0.1)
    assert metrics.recognizable(sure) == 1
    assert metrics.recognizable(unsure) == 0
    assert metrics.recognizable(torch.cat([sure, unsure])) == 0.5
    assert metrics.diversity(sure) == pytest.approx(10)
    assert metrics.diversity(sure[:1].expand(50, 10)) == pytest.approx(1)
    assert metrics.diversity(sure[:5]) == pytest.approx(5)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: metrics.recognizable(torch.randn(5, 10)), "a sum of 1"),
        (lambda: metrics.recognizable(torch.eye(3)), r"expected: \(N, 10\)"),
        (lambda: metrics.diversity(torch.rand(10)), r"expected: \(N, 10\)"),
        (lambda: metrics.diversity(torch.ones(0, 10)), r"shape \(0, 10\)"),
        (lambda: metrics.frechet_distance(torch.rand(5, 3), torch.rand(5, 4)), r"expected \(N, features\)"),
        (lambda: metrics.frechet_distance(torch.rand(1, 3), torch.rand(5, 3)), "two or more"),
        (
            lambda: metrics.frechet_distance(torch.full((5, 3), math.nan), torch.rand(5, 3)),
            "samples hold NaN",
        ),
        (lambda: metrics.density_and_coverage(torch.rand(5, 3), torch.rand(5, 3)), "no 5 nearest"),
        (lambda: metrics.distance_from_normal(torch.rand(3)), r"expected \(N, features\)"),
        (lambda: metrics.score(torch.rand(0, 28, 28)), "nothing to judge"),
        (lambda: metrics.score(torch.rand(1, 28, 28)), "two or more"),
        (lambda: metrics.score(torch.rand(5, 14, 14)), "expected .N, 28, 28"),
    ],
)
def test_nonsense_is_refused_in_words(call, words):
    with pytest.raises(ValueError, match=words):
        call()


def test_real_digits_score_nearly_as_well_as_can_be():
    scores = metrics.real_digits()
    assert scores["recognizable"] > 0.97
    assert scores["Fréchet distance"] < 0.5
    assert scores["coverage"] > 0.9
    assert scores["density"] == pytest.approx(1, abs=0.15)
    assert scores["diversity"] > 9.9


def test_a_collapsed_model_scores_as_badly_as_it_should(test_set):
    images = test_set[0]
    scores = metrics.scores(CollapsedModel(), images[:100])
    for sampler in ("blind", "fitted"):
        assert scores[sampler]["coverage"] < 0.01
        assert scores[sampler]["Fréchet distance"] > 50
        assert scores[sampler]["diversity"] < 5
    features = judge(images).features
    assert scores["blind"]["Fréchet distance"] > features.var(dim=0).sum()


def test_the_two_samplers_differ_in_what_they_know(test_set):
    torch.manual_seed(0)
    model = Autoencoder(latent_dim=3, width=16)
    model.decode = lambda codes: codes
    blind, fitted = model.sample(20_000, seed=1), model.sample_fitted(test_set[0], 20_000, seed=1)
    codes = model.encode(test_set[0])
    assert torch.allclose(blind.T.cov(), torch.eye(3), atol=0.05)
    assert torch.allclose(fitted.mean(dim=0).float(), codes.mean(dim=0), atol=0.02)
    assert torch.allclose(fitted.T.cov().float(), codes.T.cov(), rtol=0.05, atol=0.01)


def test_distance_from_normal_of_known_clouds():
    assert metrics.distance_from_normal(cloud([0.0, 0.0], [1.0, 1.0])) == pytest.approx(0, abs=1e-9)
    assert metrics.distance_from_normal(cloud([3.0, 0.0], [1.0, 0.5])) == pytest.approx(9.25)


def test_a_perfect_copy_costs_only_what_is_gray():
    black_and_white = torch.eye(28)[None]
    assert metrics.floor(black_and_white) == 0
    assert metrics.floor(torch.full((2, 28, 28), 0.5)) == pytest.approx(784 * math.log(2))


@pytest.mark.parametrize("relative", [False, True])
def test_the_cost_of_noise_is_the_loss_with_it_beyond_the_loss_without(test_set, relative):
    model, images = checkpoints.load(3), test_set[0][:700]
    costs = metrics.cost_of_noise(model, images, 0.5, relative=relative)
    assert costs.shape == (700,)
    assert metrics.cost_of_noise(model, images, 0.0).abs().max() < 1e-3
    codes, generator = model.encode(images), torch.Generator().manual_seed(0)
    size = 0.5 * codes.std(dim=0) if relative else 0.5
    tries = [codes + size * torch.randn(codes.shape, generator=generator) for _ in range(metrics.TRIES)]
    with torch.no_grad():
        losses_at = [reconstruction(model.logits(points), as_batch(images)) for points in [*tries, codes]]
    expected = sum(losses_at[:-1]) / metrics.TRIES - losses_at[-1]
    assert costs.mean().item() == pytest.approx(expected.item(), rel=1e-3)


def test_the_shape_of_a_cloud_is_its_middle_and_its_extreme_spreads():
    torch.manual_seed(0)
    turn = torch.linalg.qr(torch.randn(3, 3))[0]
    codes = torch.randn(20_000, 3) * torch.tensor([0.5, 1.0, 3.0]) @ turn + torch.tensor([3.0, 4.0, 0.0])
    assert list(metrics.shape(codes).values()) == pytest.approx([5, 3, 0.5], rel=0.03)
    _, most, least = metrics.shape(codes[:, :1]).values()
    assert most == least


def test_idle_numbers_matter_less_than_a_hundredth():
    assert metrics.idle(torch.tensor([100.0, 0.9, 1.1, 0.0])).tolist() == [False, True, False, True]
    assert metrics.idle(torch.zeros(3)).all()


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


def test_labels_of_any_kind_agree_and_one_hot_ones_are_refused(test_set):
    codes, labels = torch.randn(50, 3), test_set[1][:50]
    expected = metrics.neighbor_agreement(codes, labels)
    assert metrics.neighbor_agreement(codes, labels.tolist()) == expected
    assert metrics.neighbor_agreement(codes, labels.numpy()) == expected
    with pytest.raises(ValueError, match="one-hot"):
        metrics.neighbor_agreement(codes, torch.eye(10)[labels])


def test_neighbors_show_the_same_digit_until_steps_grow_as_long_as_the_codes_spread(test_set):
    images, labels = test_set[0][:1000], test_set[1][:1000]
    model = checkpoints.load(4)
    near, far = (metrics.same_digit(model, images, labels, step) for step in (0.1, 1.0))
    assert near > 0.9
    assert far < 0.8 * near
    with torch.no_grad():  # ten times the units, and a decoder that takes them
        model.encoder.code.weight *= 10
        model.encoder.code.bias *= 10
        model.decoder.hidden[0].weight /= 10
    assert metrics.same_digit(model, images, labels, 1.0) == pytest.approx(far, abs=0.005)


MISTAKES = {
    "history": (lambda x, y: metrics.same_digit([], x, y, 0.4), TypeError, "not what training.fit returns"),
    "epilogue": (
        lambda x, y: metrics.scores(LatentDiffusion(Autoencoder(3, 8)), x),
        TypeError,
        "It holds one: model.autoencoder",
    ),
    "other model": (lambda x, y: metrics.gap(torch.rand(5, 12), torch.rand(5, 16)), ValueError, "same model"),
    "no codes": (lambda x, y: metrics.gap(torch.rand(5, 3), torch.rand(0, 3)), ValueError, r"\(0, 3\)"),
    "two values": (lambda x, y: metrics.by_digit(torch.rand(5, 12), y), ValueError, r"\(N,\)"),
    "few codes": (lambda x, y: metrics.neighbor_agreement(x, y), ValueError, "5 codes have no 10 nearest"),
    "one image": (
        lambda x, y: metrics.same_digit(Autoencoder(3, 8), x[:1], y[:1], 0.4),
        ValueError,
        "two images or more",
    ),
}


@pytest.mark.parametrize("mistake", MISTAKES)
def test_mistakes_are_answered_in_words(test_set, mistake):
    call, error, words = MISTAKES[mistake]
    with pytest.raises(error, match=words):
        call(test_set[0][:5], test_set[1][:5])


def test_bytes_booleans_and_seeds_of_numpy_serve_too(test_set):
    images, labels = test_set[0][:200], test_set[1][:200]
    by_pixels = metrics.neighbor_agreement(images, labels)
    assert by_pixels == metrics.neighbor_agreement(images.flatten(1) / 255, labels)
    assert metrics.by_digit(labels == 3, labels).tolist() == [digit == 3 for digit in range(10)]
    model = Autoencoder(latent_dim=3, width=8)
    assert metrics.same_digit(model, images, labels, 0.4, np.int64(1)) == metrics.same_digit(
        model, images, labels, 0.4, 1
    )


def test_digits_are_read(test_set):
    images, labels = test_set[0][:500], test_set[1][:500]
    assert (metrics.digits(images) == labels).float().mean() > 0.98


def test_a_drawing_alone_is_split_by_the_judge(test_set):
    assert sum(len(images) for images in metrics.by_verdict(test_set[0][0]).values()) == 1


def test_no_measure_depends_on_the_model_s_mode_or_carries_gradients(test_set):
    images, labels = test_set[0][:300], test_set[1][:300]
    model = checkpoints.load(3)

    def measured():
        codes = model.encode(images)
        return [
            metrics.usage(model, images).tolist(),
            metrics.same_digit(model, images, labels, 0.5),
            metrics.distance_from_normal(codes),
            metrics.neighbor_agreement(codes, labels),
            metrics.recognizable(judge(model(images)).probabilities),
        ]

    expected = measured()
    model.train()
    assert measured() == expected
    with torch.no_grad():
        assert measured() == expected
