"""Numbers for what the pictures show: how good samples and maps are.

Samples are compared with real digits in the features that the digit judge sees (``judge.py``). Libraries
know these metrics, too, and the tests compare with them, but they do not fit in here: torchmetrics feeds
images through a network of its own choice and takes seconds to import; prdc holds three tables of all
distances at once, 2.4 GB for 10,000 samples, more than a workshop's computer has.
"""

from functools import cache, lru_cache

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers import data
from helpers.judge import Verdict, digits, judge
from helpers.models import (
    AT_A_TIME,
    Autoencoder,
    as_autoencoder,
    as_batch,
    as_labels,
    generator,
    in_a_batch,
    in_parts,
    normal,
)

Scores = dict[str, dict[str, float]]
SAMPLES = min(data.LIMIT or 10_000, 10_000)
SURE = 0.9
IDLE = 0.01
TRIES = 10
ROWS = 25  # rows of a table of distances, which would be large as a whole


def scores(model: Autoencoder, images: Tensor, seed: int = 0) -> Scores:
    """Score 10,000 samples of both samplers, ``"blind"`` and ``"fitted"``; see ``score``.

    Args:
        model: whose samples to score.
        images: whose codes the fitted sampler has measured; see ``models.as_batch``.
        seed: of the samples.
    """
    model = as_autoencoder(model)
    codes = {"blind": model.draw(SAMPLES, seed), "fitted": model.draw_fitted(images, SAMPLES, seed)}
    return {sampler: _compared(_judged(model, drawn)) for sampler, drawn in codes.items()}


@torch.no_grad()
def _judged(model, codes):
    """What the judge says of decoded codes, of which there are never many pictures at once."""
    return Verdict(*in_parts(lambda part: judge(model.decode(part)), codes))


def score(images: Tensor) -> dict[str, float]:
    """Compare samples with the 10,000 test digits of MNIST, by the name of the metric.

    Args:
        images: 10,000 samples, see ``models.as_batch``. Fewer score worse, only because they are fewer.
    """
    return _compared(judge(images))


def _compared(samples):
    real = test_digits()
    density, coverage = density_and_coverage(samples.features, real.features)
    return {
        "recognizable": recognizable(samples.probabilities),
        "Fréchet distance": frechet_distance(samples.features, real.features),
        "coverage": coverage,
        "density": density,
        "diversity": diversity(samples.probabilities),
    }


@cache
def real_digits() -> dict[str, float]:
    """Score 10,000 training digits beside the test digits: as good as samples can get."""
    return score(data.load_mnist("train")[0][:SAMPLES])


@cache
def test_digits() -> Verdict:
    """What the judge says of MNIST's test digits."""
    return judge(data.load_mnist("test")[0])


def recognizable(probabilities: Tensor) -> float:
    """The share of images on which the judge settles, with a probability over 0.9 for one digit.

    Args:
        probabilities: (N, 10), see ``judge.Verdict``.
    """
    return (_distributions(probabilities).amax(dim=1) > SURE).double().mean().item()


def diversity(probabilities: Tensor) -> float:
    """How many of the ten digits there are: 10 if all are equally frequent, 1 if there is only one.

    It is the exponential of the entropy of the judged digits.

    Args:
        probabilities: (N, 10), see ``judge.Verdict``.
    """
    return torch.special.entr(_distributions(probabilities).mean(dim=0)).sum().exp().item()


def _distributions(probabilities):
    probabilities = probabilities.detach().double()
    good = probabilities.dim() == 2 and probabilities.shape[1] == 10 and len(probabilities)
    if not good or probabilities.min() < 0 or not ((probabilities.sum(dim=1) - 1).abs() < 1e-4).all():
        raise ValueError(
            f"Probabilities of shape {tuple(probabilities.shape)} are not what was expected: (N, 10), "
            "each row from 0 up with a sum of 1. Pass what the judge returns as probabilities."
        )
    return probabilities


def frechet_distance(samples: Tensor, references: Tensor) -> float:
    """How far two clouds of features are apart: 0 for the same cloud.

    Each cloud is summed up by its middle and its covariance, and compared as if it were a Gaussian (D. C.
    Dowson and B. V. Landau, The Fréchet distance between multivariate normal distributions, 1982; used
    on samples by M. Heusel et al., GANs Trained by a Two Time-Scale Update Rule, 2017). It notices
    samples that are blurred, all alike, or otherwise unlike the references as a whole, but not whether
    a single sample is a digit.

    Args:
        samples, references: (N, features) and (M, features), at least two of each.

    Raises:
        ValueError: the clouds are not of that kind.
    """
    ours, theirs = _clouds(samples, references)
    our_cov, their_cov = (torch.atleast_2d(cloud.T.cov()) for cloud in (ours, theirs))
    values, vectors = torch.linalg.eigh(their_cov)
    root = vectors * values.clamp(min=0).sqrt() @ vectors.T
    overlap = torch.linalg.eigvalsh(root @ our_cov @ root).clamp(min=0).sqrt().sum()
    shift = (ours.mean(dim=0) - theirs.mean(dim=0)).square().sum()
    return (shift + ours.var(dim=0).sum() + theirs.var(dim=0).sum() - 2 * overlap).clamp(min=0).item()


def density_and_coverage(samples: Tensor, references: Tensor, neighbors: int = 5) -> tuple[float, float]:
    """How densely samples lie among references, and what share of the references they reach.

    A ball around each reference reaches to its fifth nearest fellow. Coverage is the share of balls
    with a sample inside, 0 to 1. Density is the number of balls that a sample lies in, as a share of
    five: 1 for samples just like the references, more where they crowd. (M. F. Naeem et al., Reliable
    Fidelity and Diversity Metrics for Generative Models, 2020.)

    Args:
        samples, references: (N, features) and (M, features), at least two of each.
        neighbors: which of its fellows a ball reaches to.

    Raises:
        ValueError: the clouds are not of that kind, or there are too few references.
    """
    _clouds(samples, references)
    if not 1 <= neighbors < len(references):
        raise ValueError(f"{len(references)} references have no {neighbors} nearest fellows each.")
    hits, reached = 0, 0
    for part, radii in zip(references.split(ROWS), _radii(references, neighbors).split(ROWS), strict=True):
        inside = torch.cdist(part, samples) < radii
        hits += inside.sum().item()
        reached += inside.any(dim=1).sum().item()
    return hits / (neighbors * len(samples)), reached / len(references)


@lru_cache(maxsize=1)  # of the test digits, as a rule
def _radii(references, neighbors):
    return _with_nearest(references, neighbors)[0][:, -1:]


def _with_nearest(points, n):
    """The distances and the places of each point's nearest fellows, n of them after the point itself."""
    return in_parts(lambda part: tuple(torch.cdist(part, points).topk(n + 1, largest=False)), points, ROWS)


def _clouds(samples, references):
    """Return two clouds of points in double precision, or say what is wrong with them."""
    for name, cloud in {"samples": samples, "references": references}.items():
        if cloud.dim() != 2 or len(cloud) < 2 or cloud.shape[1] != references.shape[-1]:
            raise ValueError(
                f"The samples have shape {tuple(samples.shape)}, the references "
                f"{tuple(references.shape)}; expected (N, features) and (M, features), two or more of each."
            )
        if not cloud.isfinite().all():
            raise ValueError(f"The {name} hold NaN or infinite numbers.")
    return samples.detach().double(), references.detach().double()


def distance_from_normal(points: Tensor) -> float:
    """How far a cloud of codes is from the one that blind draws form: the Fréchet distance to N(0, I).

    Args:
        points: (N, latent_dim), at least two.
    """
    points, _ = _clouds(points, points)
    return (points.mean(dim=0).square().sum() + (_spreads(points) - 1).square().sum()).item()


def _spreads(points):
    """The standard deviations of a cloud along its own axes, from the smallest to the largest."""
    return torch.linalg.eigvalsh(torch.atleast_2d(points.T.cov())).clamp(min=0).sqrt()


@torch.no_grad()
def same_digit(
    model: Autoencoder,
    images: Tensor,
    labels: Tensor,
    step: float | Tensor,
    seed: int = 0,
    relative: bool = True,
) -> float:
    """The share of neighbors in which the judge reads the digit that the image shows, 0 to 1.

    A neighbor lies a random step away from the image's code. Along each latent number the step is relative
    to how far the codes of ``images`` spread there, so that a model's units cannot win.

    Args:
        model: encodes and decodes.
        images: at least two; see ``models.as_batch``.
        labels: their digits, (N,); see ``models.as_labels``.
        step: the standard deviation of the step, as a share of the codes' own; or one for each number of
            each image, (N, latent_dim), such as the sizes of their neighborhoods.
        seed: of the steps.
        relative: False for steps in the units of blind draws, whose standard deviation is 1.
    """
    codes, labels = as_autoencoder(model).encode(images), as_labels(labels, images)
    noise = normal(*codes.shape, seed)
    unit = _own_spread(codes) if relative else 1.0
    read = in_parts(lambda part: digits(model.decode(part)), codes + step * unit * noise)
    return (read == labels).double().mean().item()


@torch.no_grad()
def cost_of_noise(
    model: Autoencoder, images: Tensor, size: float, seed: int = 0, relative: bool = False
) -> Tensor:
    """What noise on its code costs each digit's copy, in nats, (N,); the average of ten tries.

    Args:
        model: encodes and decodes.
        images: see ``models.as_batch``.
        size: the noise's standard deviation along each latent number.
        seed: of the noise.
        relative: as a share of how far the codes spread along that number.
    """
    codes, source = as_autoencoder(model).encode(images), generator(seed)
    size = size * _own_spread(codes) if relative else size
    tries = [codes + size * torch.randn(codes.shape, generator=source) for _ in range(TRIES)]
    noisy = torch.stack([_missed(model, images, points) for points in tries]).mean(dim=0)
    return noisy - _missed(model, images, codes)


def _own_spread(codes):
    """The standard deviation along each latent number, (latent_dim,)."""
    if len(codes) < 2:
        raise ValueError("How far codes spread takes two images or more to tell.")
    return codes.std(dim=0)


def _missed(model, images, codes):
    """The cross-entropy of each image's pixels, decoded from a code, (N,)."""

    def missed(part, pixels):
        per_pixel = F.binary_cross_entropy_with_logits(model.logits(part), as_batch(pixels), reduction="none")
        return per_pixel.sum(dim=(1, 2, 3))

    return torch.cat(list(map(missed, codes.split(AT_A_TIME), images.split(AT_A_TIME))))


def by_digit(values: Tensor, labels: Tensor) -> Tensor:
    """The average of values (N,) over the images of each digit, 0 to 9, (10,)."""
    values = torch.as_tensor(values).float()
    if values.dim() != 1:
        raise ValueError(f"Values have shape {tuple(values.shape)}; expected one for each image, (N,).")
    labels = as_labels(labels, values)
    return torch.stack([values[labels == digit].mean() for digit in range(10)])


def typical_sizes(sizes: Tensor, used: Tensor) -> Tensor:
    """The geometric mean of each digit's sizes, (N,), idle numbers left out.

    Args:
        sizes: (N, latent_dim), see ``Autoencoder.neighborhoods``.
        used: what ``usage`` returns.
    """
    return sizes[:, ~idle(used)].log().mean(dim=1).exp()


def floor(images: Tensor) -> float:
    """What a perfect copy would still cost, in nats per digit: gray pixels are never predicted for free.

    Args:
        images: see ``models.as_batch``.
    """
    pixels = as_batch(images)
    return (F.binary_cross_entropy(pixels, pixels, reduction="sum") / len(pixels)).item()


def average_guess(images: Tensor) -> float:
    """What it would cost to answer every image with the average of all, in nats per digit.

    Args:
        images: see ``models.as_batch``.
    """
    pixels = as_batch(images)
    average = pixels.mean(dim=0).expand_as(pixels)
    return (F.binary_cross_entropy(average, pixels, reduction="sum") / len(pixels)).item()


def by_verdict(images: Tensor) -> dict[str, Tensor]:
    """Split images (see ``models.as_batch``) into those on which the judge settles, and the others."""
    images = in_a_batch(images)
    sure = judge(images).probabilities.amax(dim=1) > SURE
    return {"the judge is sure of these": images[sure], "and not of these": images[~sure]}


def shape(codes: Tensor) -> dict[str, float]:
    """Where the middle of a cloud lies, as its distance from the origin, and how far the cloud spreads.

    Args:
        codes: (N, latent_dim), at least two.

    Returns:
        By name: the middle, and the standard deviations where they are largest and smallest, in hundredths.
    """
    codes, _ = _clouds(codes, codes)
    least, most = _spreads(codes)[[0, -1]]
    middle = codes.mean(dim=0).norm()
    found = {"from the origin to the middle": middle, "largest spread": most, "smallest spread": least}
    return {name: round(value.item(), 2) for name, value in found.items()}


@torch.no_grad()
def usage(model: Autoencoder, images: Tensor, seed: int = 0) -> Tensor:
    """How much each latent number matters to the decoded picture, (latent_dim,).

    Each number in turn is replaced by the same number of another digit, while the others stay. The
    result is the squared change of the picture, summed over pixels and averaged over the images; 0
    means that the model leaves this number idle. (Permutation importance: L. Breiman, Random
    Forests, 2001.)

    Args:
        model: encodes and decodes.
        images: see ``models.as_batch``; a thousand will do.
        seed: of which digit lends its number to which.
    """
    codes = model.encode(images)
    decoded = model.decode(codes)
    order = torch.randperm(len(codes), generator=generator(seed))
    changes = []
    for number in range(model.latent_dim):
        swapped = codes.clone()
        swapped[:, number] = codes[order, number]
        changes.append((model.decode(swapped) - decoded).square().sum(dim=(1, 2, 3)).mean())
    return torch.stack(changes)


def idle(used: Tensor) -> Tensor:
    """Which latent numbers matter less than a hundredth of the most important one, (latent_dim,).

    Args:
        used: what ``usage`` returns.
    """
    return used <= IDLE * used.max()


@torch.no_grad()
def gap(points: Tensor, codes: Tensor) -> Tensor:
    """How far each point is from the nearest of many codes, (N,).

    Args:
        points: (N, latent_dim).
        codes: (M, latent_dim).

    Raises:
        ValueError: they have other shapes, or there are no codes.
    """
    points, codes = points.float(), codes.float()
    if not (points.dim() == codes.dim() == 2 and len(codes) and points.shape[1] == codes.shape[1]):
        raise ValueError(
            f"Points have shape {tuple(points.shape)}, codes {tuple(codes.shape)}; expected (N, latent_dim) "
            "and (M, latent_dim), of the same model."
        )
    return in_parts(lambda part: torch.cdist(part, codes).amin(dim=1), points, ROWS)


@torch.no_grad()
def neighbor_agreement(codes: Tensor, labels: Tensor, neighbors: int = 10) -> float:
    """The share of the nearest codes that belong to the same digit, 0 to 1; 0.1 is chance.

    Args:
        codes: (N, latent_dim).
        labels: the digits, (N,); see ``models.as_labels``.
        neighbors: how many of the nearest codes to ask, the code itself left out.
    """
    codes, labels = codes.flatten(1).float(), as_labels(labels, codes)
    if not 1 <= neighbors < len(codes):
        raise ValueError(f"{len(codes)} codes have no {neighbors} nearest fellows each.")
    nearest = _with_nearest(codes, neighbors)[1][:, 1:]
    return (labels[nearest] == labels[:, None]).float().mean().item()
