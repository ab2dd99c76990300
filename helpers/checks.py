"""Answers in words, at once, for the cells that a chapter leaves blank when it is a homework.

Each check tries what the reader wrote on new random models and numbers, at several scales, and prints one
line: right, or what is wrong and where to look. The checks help and never grade.
"""

import functools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers import data, losses, slips
from helpers.models import Autoencoder
from helpers.settings import FIXED_SIZE, LATENT_DIM


class Scale(NamedTuple):
    words: str  # about what goes wrong at this scale alone
    codes: float
    sizes: float
    spread: float  # of the sizes' logarithms


SCALES = (
    Scale("", codes=1, sizes=0.5, spread=0.6),
    Scale("far from the origin, where a limit such as `.clamp` shows, ", codes=1000, sizes=300, spread=0.6),
    Scale("near the origin, where a limit such as `.clamp` shows, ", codes=0.01, sizes=0.01, spread=0.6),
    Scale("for sizes near 1, where a limit such as `.clamp` shows, ", codes=0.1, sizes=1, spread=0.1),
)
ATTACHED = "Do without `.detach()`, `no_grad()`, `.sample()` and `torch.normal(codes, ...)`."


class NotWrittenYetError(NotImplementedError):
    """Raised where a homework waits for code; Jupyter shows its message instead of a traceback."""

    def __init__(self, name: str):
        super().__init__(f"{name} is not written yet. Write it in its cell above, and run that cell again.")

    def _render_traceback_(self):
        return [str(self)]


class SlipError(Exception):
    """What is wrong with an answer, in words."""


def _must(holds, words):
    if not holds:
        raise SlipError(words)


def require(check: Callable, answer: Callable) -> None:
    """Raise what a check finds wrong with an answer, instead of printing it; leave torch as it was."""
    _must(callable(answer), f"this is {type(answer).__name__}, not a function. Pass it without parentheses.")
    dtype = torch.get_default_dtype()
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            torch.set_default_dtype(torch.float32)
            torch.seed()
            for scale in SCALES:
                check.__wrapped__(answer, scale)
    except SlipError as slip:
        raise SlipError(f"{scale.words}{slip}") from slip.__cause__
    finally:
        torch.set_default_dtype(dtype)


def _in_words(check: Callable) -> Callable:
    """Print what a check finds at any scale, instead of raising it."""

    @functools.wraps(check)
    def checked(answer: Callable) -> None:
        try:
            require(checked, answer)
        except SlipError as slip:
            words = str(slip)
            print(f"{check.__name__}: not yet. {words[0].upper()}{words[1:]}")
        except NotWrittenYetError as missing:
            print(missing)
        else:
            print(f"{check.__name__}: right.")

    return checked


@_in_words
def reconstruction(loss: Callable, scale: Scale) -> None:
    """Check chapter 1's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction"], scale)
    trial.reconstructs(from_points=trial.codes)


@_in_words
def walk(walk: Callable, scale: Scale) -> None:
    """Check a walk between the codes of two test digits, called as ``walk(model, start, end, steps)``."""
    model, images = _new_model_and_images(scale)[0], data.load_mnist("test")[0]
    nn.init.normal_(model.decoder.hidden[0].weight, std=0.5 / scale.codes)  # bends each straight line
    one, other = torch.randperm(len(images))[:2].sort().values.tolist()
    few, many = (torch.randperm(5)[:2] + 5).tolist()
    for start, end, steps in ((other, one, few), (one, other, many)):
        found = _called(walk, model, start, end, steps)
        wrong = {(n, 1, 28, 28): f"has {n} pictures, not {steps} with both ends." for n in range(20)}
        wrong[steps, model.latent_dim] = "returns codes. Decode them into pictures with `model.decode`."
        _is_tensor(slips.WALK, found, (steps, 1, 28, 28), wrong)
        _agrees(slips.WALK, found, model, images[[start, end]], torch.linspace(0, 1, steps)[:, None])


@_in_words
def energy(energy: Callable, scale: Scale) -> None:
    """Check chapter 2's energy, called as ``energy(codes)``."""
    codes = (scale.codes * (torch.randn(_some_shape()) + 0.3)).requires_grad_()
    _holds(slips.ENERGY, _called(energy, codes), [codes], [codes])


@_in_words
def compact(loss: Callable, scale: Scale) -> None:
    """Check chapter 2's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction", "energy"], scale)
    trial.reconstructs(from_points=trial.codes)
    trial.has_energy()


@_in_words
def smooth(loss: Callable, scale: Scale) -> None:
    """Check chapter 3's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction", "energy"], scale)
    trial.reconstructs(from_points=trial.nearby(torch.full_like(trial.codes, FIXED_SIZE), "SIZE"))
    trial.has_energy()


@_in_words
def miss(miss: Callable, scale: Scale) -> None:
    """Check chapter 3's miss of each single digit, called as ``miss(model, codes, images)``."""
    model, images = _new_model_and_images(scale)
    codes = scale.codes * torch.randn(len(images), model.latent_dim)
    found, again = (_called(miss, model, codes, images) for _ in range(2))
    wrong = {
        (): "is one number for all digits. Sum over the pixels only, not over the digits.",
        images.shape: "is one number for each pixel. Sum over them, `dim=(1, 2, 3)`.",
        images.shape[1:]: "is summed over the digits. Sum over the pixels, `dim=(1, 2, 3)`.",
    }
    _is_tensor(slips.MISS, found, images.shape[:1], wrong)
    _must(_close(found, again, 1e-5), "it adds noise of its own. Decode the codes as they are.")
    _agrees(slips.MISS, found, model.logits(codes), images)


@_in_words
def neighborhood_size(price: Callable, scale: Scale) -> None:
    """Check chapter 4's price of a size, called as ``neighborhood_size(sizes)``."""
    sizes = (scale.sizes * (scale.spread * torch.randn(_some_shape())).exp()).requires_grad_()
    _holds(slips.NEIGHBORHOOD_SIZE, _called(price, sizes), [sizes], [sizes])


@_in_words
def learned(loss: Callable, scale: Scale) -> None:
    """Check chapter 4's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction", "energy", "neighborhood size"], scale)
    trial.reconstructs(from_points=trial.nearby(trial.sizes, "sizes"))
    trial.has_energy()
    trial.has_prices()


class Trial:
    """A loss with a small new model and random pictures, and the points that it decodes meanwhile."""

    def __init__(self, loss: Callable, names: list[str], scale: Scale):
        self.loss, self.names = loss, names
        self.model, self.images = _new_model_and_images(scale)
        self.weights = list(self.model.parameters())
        self.codes, self.sizes = self.model.neighborhoods(self.images)
        self.terms, self.points = self.called()

    def called(self) -> tuple[dict[str, Tensor], Tensor]:
        """Return the terms, and the points (digits, latent numbers) that came into the decoder on any way."""
        seen = [self.codes[:0]]
        hook = self.model.decoder.hidden[0].register_forward_pre_hook(lambda _, given: seen.append(given[0]))
        terms = _called(self.loss, self.model, self.images)
        hook.remove()
        _are_terms(terms, self.names)
        points, digits = torch.cat([some.flatten(0, -2) for some in seen]), len(self.codes)
        _must(len(points) == digits, f"it decodes {len(points)} points for {digits} digits, not one each.")
        return terms, points

    def nearby(self, sizes: Tensor, name: str) -> Tensor:
        """See that the points are codes with noise of these sizes; return such points."""
        first, again = ((points - self.codes).detach() for points in (self.points, self.called()[1]))
        unit = first / sizes.detach()
        for words, shows in (slips.SHARED if slips.is_normal(unit) else slips.NOT_NORMAL).items():
            told = words.format(name=name, wide=unit.std(), size=sizes.mean())
            _must(not shows(unit, sizes.detach(), self.codes.detach()), told)
        _must(not _close(first, again, 0.01), "the noise is the same in each call. Set no seed in the loss.")
        return self.codes + sizes * unit

    def reconstructs(self, from_points: Tensor) -> None:
        """Compare the points that were decoded, and the reconstruction, with those from the encoder."""
        _must(_close(self.points, from_points), "the decoder did not get the codes of `model.encode`.")
        found, given = self.terms["reconstruction"], [self.model.logits(from_points), self.images]
        right = _holds(slips.RECONSTRUCTION, found, given, list(self.model.decoder.parameters()))
        told = f"what the decoder got is cut off from the encoder, or from a part of it. {ATTACHED}"
        _must(_same_slopes(found, right, self.weights), told)

    def has_energy(self) -> None:
        """Compare the energy with that of the codes."""
        noisy = {"is that of the noisy codes: take the codes.": lambda _: losses.energy(self.points)}
        asked = slips.ENERGY._replace(slips=noisy | slips.ENERGY.slips)
        _holds(asked, self.terms["energy"], [self.codes], self.weights)

    def has_prices(self) -> None:
        """Compare the price of the neighborhoods with that of the sizes."""
        both = losses.energy(self.codes) + losses.neighborhood_size(self.sizes)
        more = {"holds the energy, too, which is a term of its own.": lambda _: both}
        asked = slips.NEIGHBORHOOD_SIZE._replace(slips=more | slips.NEIGHBORHOOD_SIZE.slips)
        _holds(asked, self.terms["neighborhood size"], [self.sizes], self.weights)


def _some_shape():
    """Of (digits, latent numbers): not 12 numbers, but 12 fit in; both even, for noise drawn for one half."""
    return 12 * int(torch.randint(120, 150, ())), (8, 14, 16, 18)[torch.randint(4, ())]


@torch.no_grad()
def _new_model_and_images(scale):
    digits, numbers = _some_shape()
    model, images = Autoencoder(numbers, width=8), torch.rand(digits, 1, 28, 28)
    codes, logs = model.encode(images), model.neighborhoods(images)[1].log()
    for part in model.encoder.code.parameters():
        part *= scale.codes / codes.std()
    for part in model.encoder.log_size.parameters():
        part *= scale.spread / logs.std()
    model.encoder.log_size.bias += math.log(scale.sizes) - scale.spread * logs.mean() / logs.std()
    model.decoder.hidden[0].weight /= 2 * max(1, scale.codes)  # no pixel is quite black or white
    return model, images


def _called(function, *arguments):
    try:
        return function(*arguments)
    except NotWrittenYetError:
        raise
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":.")  # in one line
        if re.search(rf"\b{LATENT_DIM}\b", words):
            words += f". Models have more or fewer latent numbers than {LATENT_DIM}; ask `.shape`"
        raise SlipError(f"it stopped with {words}.") from error


def _are_terms(found, names):
    example = "{" + ", ".join(f'"{name}": ...' for name in names) + "}"
    kind = "nothing" if found is None else f"a {type(found).__name__}"
    _must(isinstance(found, dict), f"it returns {kind}; expected the terms by name, return {example}.")
    there = ", ".join(map(str, found)) or "none"
    _must(set(found) == set(names), f"its terms are {there}; expected {', '.join(names)}: return {example}.")


def _is_tensor(asked, found, shape, slips_of_shape=()):
    _must(found is not None, f"{asked.subject} is None. End the function with `return`.")
    kind = f"of type {type(found).__name__}, not a tensor"
    _must(type(found) is Tensor, f"{asked.subject} is {kind}. Do without lists, `.item()` and numpy.")
    told = f"has the shape {tuple(found.shape)}, not {tuple(shape) or 'that of one number'}. {asked.hint}"
    _must(found.shape == shape, f"{asked.subject} {dict(slips_of_shape).get(found.shape, told)}")


def _holds(asked, found, given, weights):
    """Return the right term; see that the one found has its value, and its slopes by weights."""
    _is_tensor(asked, found, ())
    _must(found.isfinite(), f"{asked.subject} is {found.item()}. Look for a logarithm or quotient of 0.")
    told = "does not depend on what it was given, so nothing can be learned from it"
    _must(found.requires_grad, f"{asked.subject} {told}. {ATTACHED}")
    right = _agrees(asked, found, *given)
    told = "has the right value, but training cannot use it: a part of it is detached"
    _must(_same_slopes(found, right, weights), f"{asked.subject} {told}. {ATTACHED}")
    return right


def _agrees(asked, found, *given):
    right = asked.right(*given)
    if not _close(found, right):
        for words, wrong in asked.slips.items():
            _must(not _close(found, wrong(*given)), f"{asked.subject} {words}")
        values = f" ({found.item():.4g} instead of {right.item():.4g})" if right.dim() == 0 else ""
        raise SlipError(f"{asked.subject} has another value than expected{values}. {asked.hint}")
    return right


def _same_slopes(found, right, weights):
    if not all(weight.requires_grad for weight in weights):
        return False
    slopes = functools.partial(torch.autograd.grad, retain_graph=True, materialize_grads=True)
    theirs, ours = _called(slopes, found, weights), slopes(right, weights)
    rounding = 1e-5 * max(slope.abs().amax() for slope in ours)
    return all(_close(a, b, 1e-3, rounding) for a, b in zip(theirs, ours, strict=True))


def _close(a, b, tolerance=1e-4, rounding=1e-12):
    a, b = a.detach().double(), b.detach().double()
    return a.shape == b.shape and bool((a - b).abs().amax() < tolerance * b.abs().amax() + rounding)
