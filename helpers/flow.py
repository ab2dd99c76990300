"""The epilogue: a second network learns the way from random points to codes, and so the cloud itself."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers.models import Autoencoder, as_autoencoder, in_parts, normal, whole_number
from helpers.settings import FLOW_DEPTH, FLOW_WIDTH, STEPS

UNIT = "squared length missed"  # of the loss of directions


class LatentDiffusion(nn.Module):
    """An autoencoder, and a network that knows from any point of its latent space where to go.

    Flow matching (Y. Lipman et al., Flow Matching for Generative Modeling, arXiv 2210.02747) in the latent
    space of an autoencoder, as in latent diffusion (R. Rombach et al., High-Resolution Image Synthesis with
    Latent Diffusion Models, arXiv 2112.10752).

    Args:
        autoencoder: encodes and decodes; trained before, and left as it is.
        width: units of each hidden layer.
        depth: how many of them.

    Raises:
        TypeError: it is no autoencoder.
        ValueError: width or depth is not a positive whole number.
    """

    def __init__(self, autoencoder: Autoencoder, width: int = FLOW_WIDTH, depth: int = FLOW_DEPTH):
        super().__init__()
        self.autoencoder = as_autoencoder(autoencoder)
        self.latent_dim = autoencoder.latent_dim
        width, depth = whole_number("width", width), whole_number("depth", depth)
        self.enter = nn.Linear(self.latent_dim + 1, width)
        self.hidden = nn.ModuleList(nn.Linear(width, width) for _ in range(depth))
        self.leave = nn.Linear(width, self.latent_dim)
        self.float()  # whatever torch's default type is

    def direction(self, points: Tensor, passed: Tensor) -> Tensor:
        """Return which way to go and how far, (N, latent_dim), if the whole way takes a time of 1.

        Args:
            points: (N, latent_dim).
            passed: the time that has passed, from 0 (random points) to 1 (codes), (N, 1).

        Raises:
            ValueError: they have another shape.
        """
        points, passed = (torch.as_tensor(given, dtype=torch.float32) for given in (points, passed))
        n = len(points)
        if points.shape != (n, self.latent_dim) or passed.shape != (n, 1):
            raise ValueError(
                f"Points have shape {tuple(points.shape)}, the time passed {tuple(passed.shape)}; expected "
                f"(N, {self.latent_dim}) and (N, 1)."
            )
        signal = self.enter(torch.cat([points, passed], dim=1))  # (N, width)
        for layer in self.hidden:
            signal = signal + layer(F.silu(signal))
        return self.leave(F.silu(signal)).float()

    def follow(self, points: Tensor, steps: int = STEPS) -> Tensor:
        """Go where the directions lead, in equal steps; all points on the way, (steps + 1, N, latent_dim)."""
        points = torch.as_tensor(points, dtype=torch.float32)
        way = [points]
        for step in range(whole_number("steps", steps)):
            passed = points.new_full((len(points), 1), step / steps)
            points = points + self.direction(points, passed) / steps
            way.append(points)
        return torch.stack(way)

    @torch.no_grad()
    def encode(self, images: Tensor) -> Tensor:
        """Return the autoencoder's code of each image, (N, latent_dim), without gradients: it is trained."""
        return self.autoencoder.encode(images)

    @torch.no_grad()
    def decode(self, codes: Tensor) -> Tensor:
        """Return images (N, 1, 28, 28), pixels from 0 to 1, for codes (N, latent_dim), without gradients."""
        return self.autoencoder.decode(codes)

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None, steps: int = STEPS) -> Tensor:
        """Draw ``n`` blind points, as in every chapter, follow the directions, and decode where they end.

        Args:
            n: how many images (n, 1, 28, 28) to return.
            seed: of the draws.
            steps: of the way; more are slower.
        """
        starts = normal(n, self.latent_dim, seed)
        return in_parts(lambda some: self.decode(self.follow(some, steps)[-1]), starts)
