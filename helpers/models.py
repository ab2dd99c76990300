"""One encoder and one decoder, shared by all four stages of the course."""

from functools import cache
from pathlib import Path

import safetensors.torch
import torch
from torch import nn

IMAGE_SHAPE = (1, 28, 28)
PIXELS = 28 * 28
AVERAGE_PIXEL, PIXEL_SPREAD = 0.1307, 0.3081  # mean and standard deviation over MNIST's training set
AVERAGE_DIGIT = Path(__file__).parent / "assets" / "average_digit.safetensors"  # of that set, uint8 (28, 28)
ENCODER_DEPTH, DECODER_DEPTH = 2, 5  # a deep decoder samples better, a deep encoder does not


def as_batch(images: torch.Tensor) -> torch.Tensor:
    """Return images as the networks want them: float32 of shape (N, 1, 28, 28), from 0 to 1.

    Args:
        images: uint8 from 0 to 255 or float from 0 to 1; shape (28, 28), (N, 28, 28) or
            (N, 1, 28, 28).

    Raises:
        TypeError, ValueError: the images have another type, shape or range.
    """
    if not isinstance(images, torch.Tensor):
        raise TypeError(f"Images must be a torch tensor, not {type(images).__name__}.")
    if images.shape[-2:] != (28, 28) or images.dim() > 4 or images.shape[1:-2] not in ((), (1,)):
        raise ValueError(f"Images have shape {tuple(images.shape)}; expected (N, 28, 28) or (N, 1, 28, 28).")
    if images.dtype == torch.uint8:
        images = images / 255
    elif not images.is_floating_point():
        raise TypeError(f"Images are {images.dtype}; expected uint8 from 0 to 255, or floats from 0 to 1.")
    elif images.numel() and not (images.min() >= 0 and images.max() <= 1):
        low, high = images.min().item(), images.max().item()
        raise ValueError(
            f"Float images must lie between 0 and 1, but these go from {low:g} to {high:g}. "
            "Divide images from 0 to 255 by 255."
        )
    return images.float().reshape(-1, *IMAGE_SHAPE)


def hidden_layers(inputs: int, width: int, depth: int) -> nn.Sequential:
    """Fully connected layers of ``width`` units, ``depth`` of them, each followed by a SiLU."""
    layers = [nn.Linear(width if i else inputs, width) for i in range(depth)]
    for layer in layers[1:]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # (He et al., 2015)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.SiLU())))


@cache
def average_digit() -> torch.Tensor:
    """The average of all 60,000 training digits, from 0 to 1, (784,).

    The file holds ``images.float().mean(dim=0).round()``, as bytes.
    """
    return safetensors.torch.load_file(AVERAGE_DIGIT)["average_digit"].flatten() / 255


class Encoder(nn.Module):
    """From images to codes, and to the size of the neighborhood around each code.

    The sizes come into play in chapter 4; until then nothing asks for them.
    """

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        self.hidden = hidden_layers(PIXELS, width, ENCODER_DEPTH)
        self.code = nn.Linear(width, latent_dim)
        self.log_size = nn.Linear(width, latent_dim)

    def forward(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return codes and sizes, each (N, latent_dim), for float images (N, 1, 28, 28)."""
        centered = (images.flatten(1) - AVERAGE_PIXEL) / PIXEL_SPREAD  # (N, 784)
        hidden = self.hidden(centered)  # (N, width)
        return self.code(hidden).float(), self.log_size(hidden).float().exp()


def _without_sizes(latents):
    """Return latents as they are; say in a TypeError which call gives codes, where they came with sizes."""
    if isinstance(latents, tuple) and any(isinstance(part, torch.Tensor) for part in latents):
        raise TypeError(
            "Latents are one tensor, but this is a pair. `model.encode(images)` gives the codes alone."
        )
    return latents


class Decoder(nn.Module):
    """From latents to images, as logits: a sigmoid turns them into pixels from 0 to 1.

    A new decoder paints the average digit, so that training need not begin with the white margins.
    """

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        self.latent_dim = latent_dim
        self.hidden = hidden_layers(latent_dim, width, DECODER_DEPTH)
        self.pixels = nn.Linear(width, PIXELS)
        with torch.no_grad():
            self.pixels.bias.copy_(average_digit().logit(eps=0.01))

    def forward(self, latents: torch.Tensor) -> torch.Tensor:
        """Return logits (N, 1, 28, 28) for latents (N, latent_dim); for errors see ``Autoencoder.decode``."""
        if _without_sizes(latents).dim() != 2 or latents.shape[1] != self.latent_dim:
            raise ValueError(
                f"This model decodes {self.latent_dim} numbers for each digit, so latents must "
                f"have shape (N, {self.latent_dim}); got {tuple(latents.shape)}."
            )
        return self.pixels(self.hidden(latents)).float().unflatten(1, IMAGE_SHAPE)


class Autoencoder(nn.Module):
    """An encoder and a decoder that meet in ``latent_dim`` numbers.

    Gradients flow only in training mode: ``training.fit`` switches it on and off again, so that in
    a notebook ``encode`` and ``decode`` simply compute.

    Args:
        latent_dim: how many numbers describe one digit.
        width: units of each hidden layer.

    Raises:
        ValueError: latent_dim is not a positive whole number.
    """

    def __init__(self, latent_dim: int = 12, width: int = 384):
        super().__init__()
        if not isinstance(latent_dim, int) or latent_dim < 1:
            raise ValueError(f"latent_dim must be a whole number from 1 up, not {latent_dim!r}.")
        self.latent_dim = latent_dim
        self.encoder = Encoder(latent_dim, width)
        self.decoder = Decoder(latent_dim, width)
        self.eval()

    def encode(self, images: torch.Tensor) -> torch.Tensor:
        """Return the code of each image, (N, latent_dim); for the images see ``as_batch``."""
        return self.neighborhoods(images)[0]

    def neighborhoods(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Return the code of each image and the size of its neighborhood, each (N, latent_dim)."""
        with torch.set_grad_enabled(self.training):
            return self.encoder(as_batch(images))

    def decode(self, latents: torch.Tensor) -> torch.Tensor:
        """Return images (N, 1, 28, 28) with pixels from 0 to 1 for latents (N, latent_dim).

        Raises:
            ValueError: the latents have another shape.
            TypeError: they are a pair of tensors, such as codes and sizes.
        """
        latents = torch.as_tensor(_without_sizes(latents), dtype=torch.float32)
        with torch.set_grad_enabled(self.training):
            return self.decoder(latents).sigmoid()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        """Return the reconstructions of images: encode, then decode."""
        return self.decode(self.encode(images))

    def sample(self, n: int, seed: int | None = None) -> torch.Tensor:
        """Decode ``n`` blind draws, images (n, 1, 28, 28).

        The same rule at every stage: each latent number is drawn from a standard normal
        distribution, whatever the codes of this model look like.
        """
        return self.decode(torch.randn(n, self.latent_dim, generator=_generator(seed)))

    def sample_fitted(self, images: torch.Tensor, n: int, seed: int | None = None) -> torch.Tensor:
        """Decode ``n`` draws from a Gaussian with the middle and covariance of the codes of ``images``.

        Unlike ``sample`` it knows where this model's codes are, because it has measured them.

        Args:
            images: at least two; see ``as_batch``.
            n: how many images (n, 1, 28, 28) to return.
            seed: of the draws.
        """
        if len(images) < 2:
            raise ValueError(f"A Gaussian cannot be fitted to {len(images)} codes; give two images or more.")
        codes = torch.cat([self.encode(part) for part in images.split(10_000)]).double()
        values, vectors = torch.linalg.eigh(codes.T.cov())  # also where a latent number is idle
        root = vectors * values.clamp(min=0).sqrt()
        noise = torch.randn(n, self.latent_dim, generator=_generator(seed), dtype=torch.double)
        return self.decode(codes.mean(dim=0) + noise @ root.T)


def _generator(seed):
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator
