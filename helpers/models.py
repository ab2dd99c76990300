"""One encoder and one decoder, shared by all four chapters."""

import math
from collections.abc import Callable
from functools import cache
from operator import index
from pathlib import Path

import safetensors.torch
import torch
from torch import Tensor, nn

from helpers import give_memory_back
from helpers.settings import DECODER_DEPTH, ENCODER_DEPTH, LATENT_DIM, WIDTH

IMAGE_SHAPE = (1, 28, 28)
PIXELS = 28 * 28
AT_A_TIME = 500  # images or codes: hidden layers of all of them would take much memory
AVERAGE_PIXEL, PIXEL_SPREAD = 0.1307, 0.3081  # mean and standard deviation over MNIST's training set
AVERAGE_DIGIT = Path(__file__).parent / "assets" / "average_digit.safetensors"  # of that set, uint8 (28, 28)


def as_batch(images: Tensor) -> Tensor:
    """Return images as the networks want them: float32 of shape (N, 1, 28, 28), from 0 to 1.

    Args:
        images: uint8 from 0 to 255, float from 0 to 1, or boolean (True is ink); shape (28, 28),
            (N, 28, 28) or (N, 1, 28, 28).

    Raises:
        TypeError, ValueError: the images have another type, shape or range.
    """
    return _from_0_to_1(in_a_batch(images)).float().reshape(-1, *IMAGE_SHAPE)


def in_a_batch(images: Tensor) -> Tensor:
    """Return images as they are, a single one (28, 28) as (1, 28, 28).

    Raises:
        TypeError, ValueError: they are no tensor, or have another shape than images.
    """
    if not isinstance(images, Tensor):
        name = type(images).__name__
        several = isinstance(images, list | tuple) and all(isinstance(one, Tensor) for one in images)
        advice = (
            "torch.stack(images), or the images without their labels"
            if several
            else "torch.as_tensor(images)"
        )
        raise TypeError(f"Images must be a torch tensor, not {name}: {advice}.")
    if images.shape[-2:] != (28, 28) or images.dim() > 4 or images.shape[1:-2] not in ((), (1,)):
        raise ValueError(f"Images have shape {tuple(images.shape)}; expected (N, 28, 28) or (N, 1, 28, 28).")
    return images[None] if images.dim() == 2 else images


def _from_0_to_1(images):
    if images.dtype == torch.bool or not images.numel():
        return images
    low, high = images.min().item(), images.max().item()
    if images.dtype == torch.uint8:
        if high == 1:
            raise ValueError(
                "Bytes go from 0 to 255, but here to 1: for black and white, pass images.bool()."
            )
        return images / 255
    if not images.is_floating_point():
        raise TypeError(f"Images are {images.dtype}; expected uint8 from 0 to 255, or floats from 0 to 1.")
    if math.isnan(low):
        raise ValueError(
            "Float images must lie between 0 and 1, but some of these are NaN. Did a model decode them that "
            "has diverged? Train it anew."
        )
    if not (low >= 0 and high <= 1):
        raise ValueError(
            f"Float images must lie between 0 and 1, but these go from {low:g} to {high:g}. "
            "Divide images from 0 to 255 by 255."
        )
    return images


def as_labels(labels, images: Tensor) -> Tensor:
    """Return labels as int64 of shape (N,), from a tensor, an array or a list of N digits.

    Args:
        labels: whole numbers from 0 to 9, one for each image.
        images: (N, ...), to which they belong.

    Raises:
        ValueError: they are not what is described above.
    """
    try:
        found = torch.as_tensor(labels)
    except (TypeError, ValueError, RuntimeError) as error:
        raise ValueError(f"Labels are the digits 0 to 9, as whole numbers ({error}).") from error
    if found.dim() == 2 and found.shape[1] == 10:
        raise ValueError("The labels are one-hot, (N, 10); expected the digits, (N,): labels.argmax(dim=1).")
    if found.shape != images.shape[:1]:
        raise ValueError(
            f"There are {len(images)} images, but the labels have shape {tuple(found.shape)}; expected "
            "one label for each image."
        )
    if (
        found.is_complex()
        or (found != found.long()).any()
        or (found.numel() and not 0 <= found.min() <= found.max() <= 9)
    ):
        raise ValueError("Labels are the digits 0 to 9, as whole numbers.")
    return found.long()


def as_autoencoder(model: "Autoencoder") -> "Autoencoder":
    """Return the model; say in a TypeError where something else stands in its place."""
    if not isinstance(model, Autoencoder):
        advice = "Give the model itself, not what training.fit returns."
        if hasattr(model, "autoencoder"):
            advice = "It holds one: model.autoencoder."
        raise TypeError(f"Expected a models.Autoencoder, not {type(model).__name__}. {advice}")
    return model


def whole_number(name: str, value: int, least: int = 1) -> int:
    """Return a whole number, numpy's too, as Python's; say in a ValueError what is wrong with others."""
    try:
        found = index(value)
    except TypeError:
        found = None
    if found is None or isinstance(value, bool) or found < least:
        raise ValueError(f"{name} must be a whole number from {least} up, not {value!r}.")
    return found


def named(function: str, things: dict, kind: str) -> dict:
    """Return things by name, every name as text; say in words what a function wants instead of others.

    Args:
        function: that asks.
        things: name to thing.
        kind: of thing, whose last word stands for it in the example.

    Raises:
        TypeError, ValueError: it is no dict, or an empty one.
    """
    if isinstance(things, dict) and things:
        return {str(name): thing for name, thing in things.items()}
    empty = isinstance(things, dict)
    error, got = (ValueError, "empty dict") if empty else (TypeError, type(things).__name__)
    example = f'{{"a name": {kind.split()[-1]}}}'
    raise error(f"{function} wants names with at least one {kind}: {example}, not this {got}.")


def hidden_layers(inputs: int, width: int, depth: int) -> nn.Sequential:
    """Fully connected layers of ``width`` units, ``depth`` of them, each followed by a SiLU."""
    layers = [nn.Linear(width if i else inputs, width) for i in range(depth)]
    for layer in layers[1:]:
        nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")  # (He et al., 2015)
        nn.init.zeros_(layer.bias)
    return nn.Sequential(*(part for layer in layers for part in (layer, nn.SiLU())))


@cache
def average_digit() -> Tensor:
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

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return codes and sizes, each (N, latent_dim), for float images (N, 1, 28, 28)."""
        centered = (images.flatten(1) - AVERAGE_PIXEL) / PIXEL_SPREAD  # (N, 784)
        hidden = self.hidden(centered)  # (N, width)
        return self.code(hidden).float(), self.log_size(hidden).float().exp()


class Decoder(nn.Module):
    """From codes to images, as logits: a sigmoid turns them into pixels from 0 to 1.

    A new decoder paints the average digit, so that training need not begin with the white margins.
    """

    def __init__(self, latent_dim: int, width: int):
        super().__init__()
        self.hidden = hidden_layers(latent_dim, width, DECODER_DEPTH)
        self.pixels = nn.Linear(width, PIXELS)
        with torch.no_grad():
            self.pixels.bias.copy_(average_digit().logit(eps=0.01))

    def forward(self, codes: Tensor) -> Tensor:
        """Return logits (N, 1, 28, 28) for codes (N, latent_dim)."""
        return self.pixels(self.hidden(codes)).float().unflatten(1, IMAGE_SHAPE)


class Autoencoder(nn.Module):
    """An encoder and a decoder that meet in ``latent_dim`` numbers.

    An ordinary torch module in float32: gradients flow unless you switch them off, and training and
    evaluation mode are the same.

    Args:
        latent_dim: how many numbers describe one digit.
        width: units of each hidden layer.

    Raises:
        ValueError: one of them is not a positive whole number.
    """

    def __init__(self, latent_dim: int = LATENT_DIM, width: int = WIDTH):
        super().__init__()
        self.latent_dim = whole_number("latent_dim", latent_dim)
        width = whole_number("width", width)
        self.encoder = Encoder(self.latent_dim, width)
        self.decoder = Decoder(self.latent_dim, width)
        self.float()  # whatever torch's default type is

    def encode(self, images: Tensor) -> Tensor:
        """Return the code of each image, (N, latent_dim); for the images see ``as_batch``."""
        return self.neighborhoods(images)[0]

    def neighborhoods(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code of each image and the size of its neighborhood, each (N, latent_dim)."""
        return in_parts(lambda part: self.encoder(as_batch(part)), in_a_batch(images))

    def logits(self, codes: Tensor) -> Tensor:
        """Return what ``decode`` squeezes to pixels, (N, 1, 28, 28), for codes (N, latent_dim).

        Raises:
            ValueError: the codes have another shape.
            TypeError: they are a pair of tensors, such as codes and sizes.
        """
        if isinstance(codes, tuple) and any(isinstance(part, Tensor) for part in codes):
            raise TypeError(
                "Codes are one tensor, but this is a pair. `model.encode(images)` gives the codes alone."
            )
        codes = torch.as_tensor(codes, dtype=torch.float32)
        if codes.dim() != 2 or codes.shape[1] != self.latent_dim:
            raise ValueError(
                f"This model decodes {self.latent_dim} numbers for each digit, so codes must "
                f"have shape (N, {self.latent_dim}); got {tuple(codes.shape)}."
            )
        return in_parts(self.decoder, codes)

    def decode(self, codes: Tensor) -> Tensor:
        """Return images (N, 1, 28, 28), pixels from 0 to 1; for codes and errors see ``logits``."""
        return in_parts(lambda part: self.logits(part).sigmoid(), codes)

    def forward(self, images: Tensor) -> Tensor:
        """Return the reconstructions of images: encode, then decode."""
        return self.decode(self.encode(images))

    @torch.no_grad()
    def sample(self, n: int, seed: int | None = None) -> Tensor:
        """Decode ``n`` blind draws, images (n, 1, 28, 28), without gradients.

        The same rule in every chapter: each latent number is drawn from a standard normal
        distribution, whatever the codes of this model look like.
        """
        return self.decode(self.draw(n, seed))

    @torch.no_grad()
    def neighbors(self, image: Tensor, step: float, n: int = 12, seed: int = 0) -> Tensor:
        """Decode ``n`` points around an image's code, images (n, 1, 28, 28).

        Args:
            image: one, see ``as_batch``.
            step: the standard deviation of the step to them along each latent number.
            n: how many.
            seed: of the steps.
        """
        return self.decode(self.encode(image) + step * normal(n, self.latent_dim, seed))

    @torch.no_grad()
    def sample_fitted(self, images: Tensor, n: int, seed: int | None = None) -> Tensor:
        """Decode ``n`` draws from a Gaussian with the middle and covariance of the codes of ``images``.

        Unlike ``sample`` it knows where this model's codes are, because it has measured them.

        Args:
            images: at least two; see ``as_batch``.
            n: how many images (n, 1, 28, 28) to return.
            seed: of the draws.
        """
        return self.decode(self.draw_fitted(images, n, seed))

    def draw(self, n: int, seed: int | None = None) -> Tensor:
        """Return the codes (n, latent_dim) that ``sample`` decodes."""
        return normal(n, self.latent_dim, seed)

    @torch.no_grad()
    def draw_fitted(self, images: Tensor, n: int, seed: int | None = None) -> Tensor:
        """Return the codes (n, latent_dim) that ``sample_fitted`` decodes."""
        codes = self.encode(images).double()
        if len(codes) < 2:
            raise ValueError(f"A Gaussian cannot be fitted to {len(codes)} codes; give two images or more.")
        if not codes.isfinite().all():
            raise ValueError(
                "The codes hold NaN or infinite numbers: this model has diverged. Train it anew."
            )
        covariance = torch.atleast_2d(codes.T.cov())  # of a single number it would be a scalar
        values, vectors = torch.linalg.eigh(covariance)  # also where a latent number is idle
        root = vectors * values.clamp(min=0).sqrt()
        drawn = codes.mean(dim=0) + self.draw(n, seed).double() @ root.T
        return drawn.float()


class SharedSizes(Autoencoder):
    """An autoencoder that learns sizes of neighborhoods without looking at the digit.

    ``path`` tells how large they were on average at every step of training. A step of Adam moves a weight
    by the learning rate at most, and a size of the encoder's, the sum of many products, much farther;
    ``PACE`` lets these few numbers keep up.

    Args:
        n_sizes: 1, the same along every latent number, or ``latent_dim``, one along each.
        start: the sizes before training; a new encoder's are near 1, too.
        latent_dim, width: see ``Autoencoder``.
    """

    PACE = 10

    def __init__(self, n_sizes: int, start: float = 1.0, latent_dim: int = LATENT_DIM, width: int = WIDTH):
        super().__init__(latent_dim, width)
        log_size = math.log(start) / self.PACE
        self.log_sizes = nn.Parameter(torch.full((n_sizes,), log_size, dtype=torch.float32))
        self.path: list[float] = []

    @property
    def sizes(self) -> Tensor:
        """The size along each latent number, (latent_dim,)."""
        return (self.PACE * self.log_sizes).exp().expand(self.latent_dim)

    def neighborhoods(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """Return the code of each image, and the sizes that all of them share, each (N, latent_dim)."""
        codes, _ = super().neighborhoods(images)
        sizes = self.sizes
        if self.training:
            self.path.append(sizes.mean().item())
        return codes, sizes.expand_as(codes)


def in_parts(function: Callable, batch: Tensor, size: int = AT_A_TIME):
    """Return what a function says of a batch, a tensor or a tuple of them, asked in parts to save memory.

    With gradients, which keep what every part went through, nothing would be saved: it is asked once.
    """
    if torch.is_grad_enabled() or not isinstance(batch, Tensor) or batch.shape[:1].numel() <= size:
        return function(batch)
    whole = ()
    for start in range(0, len(batch), size):
        said = function(batch[start : start + size])
        parts = said if isinstance(said, tuple) else (said,)
        whole = whole or tuple(part.new_empty(len(batch), *part.shape[1:]) for part in parts)
        for place, part in zip(whole, parts, strict=True):  # torch.cat would need the room twice
            place[start : start + size] = part
    give_memory_back()
    return whole if isinstance(said, tuple) else whole[0]


def normal(n: int, latent_dim: int, seed: int | None) -> Tensor:
    """Return blind draws: ``n`` points, each number from a standard normal distribution, (n, latent_dim)."""
    n = whole_number("n", n, least=0)
    return torch.randn(n, latent_dim, generator=generator(seed), dtype=torch.float32)


def generator(seed: int | None) -> torch.Generator:
    """Return a source of random numbers: the same ones for the same seed, others each time for None."""
    source = torch.Generator()
    if seed is None:
        source.seed()
    else:
        source.manual_seed(whole_number("seed", seed, least=0))
    return source
