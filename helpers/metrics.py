"""Numbers for what the pictures show: how good samples and maps are."""

import torch
from torch import Tensor

from helpers.models import Autoencoder, as_batch


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
    order = torch.randperm(len(codes), generator=torch.Generator().manual_seed(seed))
    changes = []
    for number in range(model.latent_dim):
        swapped = codes.clone()
        swapped[:, number] = codes[order, number]
        changes.append((model.decode(swapped) - decoded).square().sum(dim=(1, 2, 3)).mean())
    return torch.stack(changes)


def neighbor_agreement(codes: Tensor, labels: Tensor, neighbors: int = 10) -> float:
    """The share of the nearest codes that belong to the same digit, 0 to 1; 0.1 is chance.

    Args:
        codes: (N, latent_dim).
        labels: the digits, (N,).
        neighbors: how many of the nearest codes to ask, the code itself left out.
    """
    same = []
    for part, own in zip(codes.split(500), labels.split(500), strict=True):
        nearest = torch.cdist(part, codes).topk(neighbors + 1, largest=False).indices[:, 1:]
        same.append((labels[nearest] == own[:, None]).float().mean(dim=1))
    return torch.cat(same).mean().item()


def frechet_distance(images: Tensor, references: Tensor) -> float:
    """How far two sets of images are apart as two clouds of pixels: 0 for the same cloud.

    Each set is summed up by its average image and by how its pixels vary together; the distance is
    the one between two Gaussians of that kind (D. C. Dowson and B. V. Landau, The Fréchet distance
    between multivariate normal distributions, 1982). It notices samples that are blurred, all alike,
    or otherwise unlike the references as a whole, but not whether a single sample is a digit. Libraries
    compute it on the features of large networks for photographs, which do not fit these digits.

    Args:
        images, references: at least two of each; see ``models.as_batch``.
    """
    ours, theirs = as_batch(images).flatten(1).double(), as_batch(references).flatten(1).double()
    root = _square_root(theirs.T.cov())
    overlap = torch.linalg.eigvalsh(root @ ours.T.cov() @ root).clamp(min=0).sqrt().sum()
    spread = ours.var(dim=0).sum() + theirs.var(dim=0).sum() - 2 * overlap
    return ((ours.mean(dim=0) - theirs.mean(dim=0)).square().sum() + spread).item()


def _square_root(covariance):
    values, vectors = torch.linalg.eigh(covariance)
    return vectors @ torch.diag(values.clamp(min=0).sqrt()) @ vectors.T
