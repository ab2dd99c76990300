"""The terms of the loss, in the order in which the course meets them: the course on one page.

Every term is summed over pixels or latent numbers and averaged over the batch: nats per digit.
Each chapter's loss is the one before plus one change.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers.flow import LatentDiffusion
from helpers.models import Autoencoder
from helpers.settings import FIXED_SIZE, PRICE


def reconstruction(logits: Tensor, images: Tensor) -> Tensor:
    """How much the decoded pixels miss the image: binary cross-entropy, a scalar.

    Args:
        logits: from ``model.logits(codes)``, (batch, 1, 28, 28).
        images: the target, floats from 0 to 1, (batch, 1, 28, 28).
    """
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    return per_pixel.sum(dim=(1, 2, 3)).mean()


def energy(codes: Tensor) -> Tensor:
    """How far the codes (batch, latent_dim) are from the origin: half the squared length, a scalar."""
    return 0.5 * codes.square().sum(dim=1).mean()


def neighborhood_size(sizes: Tensor) -> Tensor:
    """What it costs to claim a neighborhood smaller or larger than 1: a scalar, 0 for sizes of 1.

    Args:
        sizes: the size along each latent number, positive, (batch, latent_dim).
    """
    return 0.5 * (sizes.square() - 1 - 2 * sizes.log()).sum(dim=1).mean()


def autoencoder(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """Chapter 1: reconstruct."""
    codes = model.encode(images)
    return {"reconstruction": reconstruction(model.logits(codes), images)}


def compact(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """Chapter 2: reconstruct, from codes that stay close to the origin."""
    codes = model.encode(images)
    return {
        "reconstruction": reconstruction(model.logits(codes), images),
        "energy": energy(codes),
    }


def smooth(model: Autoencoder, images: Tensor, size: float | Tensor = FIXED_SIZE) -> dict[str, Tensor]:
    """Chapter 3: reconstruct from anywhere in a neighborhood of one fixed size, or one along each number."""
    codes = model.encode(images)
    nearby = codes + torch.as_tensor(size).to(codes) * torch.randn_like(codes)
    return {
        "reconstruction": reconstruction(model.logits(nearby), images),
        "energy": energy(codes),
    }


def learned(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """Chapter 4: each digit learns the size of its neighborhood along each latent number.

    The sum of the three terms is the loss of the Variational Autoencoder (D. P. Kingma and
    M. Welling, Auto-Encoding Variational Bayes, 2014): energy and neighborhood size together are
    the Kullback-Leibler divergence from N(codes, sizes²) to N(0, I).
    """
    codes, sizes = model.neighborhoods(images)
    nearby = codes + sizes * torch.randn_like(codes)
    return {
        "reconstruction": reconstruction(model.logits(nearby), images),
        "energy": energy(codes),
        "neighborhood size": neighborhood_size(sizes),
    }


def unpriced(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """A half step of chapter 4: learned sizes that cost nothing."""
    terms = learned(model, images)
    return {name: terms[name] for name in ("reconstruction", "energy")}


def sharp(model: Autoencoder, images: Tensor) -> dict[str, Tensor]:
    """The epilogue's autoencoder: chapter 4's loss, at low prices for energy and neighborhood size."""
    terms = learned(model, images)
    return {name: term if name == "reconstruction" else PRICE * term for name, term in terms.items()}


def direction(model: LatentDiffusion, codes: Tensor) -> dict[str, Tensor]:
    """The epilogue: how much the direction is missed, somewhere on the straight way to a code.

    Flow matching, see ``flow.LatentDiffusion``, with most of the practice in the middle of the way (P. Esser
    et al., Scaling Rectified Flow Transformers for High-Resolution Image Synthesis, arXiv 2403.03206).

    Args:
        model: its ``direction`` is trained.
        codes: where to go, (batch, latent_dim).
    """
    starts = torch.randn_like(codes)
    passed = torch.randn_like(codes[:, :1]).sigmoid()  # mostly in the middle, where it is hardest to tell
    here = torch.lerp(starts, codes, passed)
    missed = model.direction(here, passed) - (codes - starts)
    return {"direction": missed.square().sum(dim=1).mean()}


BY_CHAPTER = {1: autoencoder, 2: compact, 3: smooth, 4: learned}
