"""Answers in words, at once, for the cells that a chapter leaves blank when it is a homework.

Each check tries what the reader wrote on fresh random numbers and prints one line: right, or what is
wrong and where to look. A wrong value is compared with those of the slips that people make most. The
checks help and never grade: a homework's locked cells test on their own, without this module.
"""

import functools
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from helpers import data, losses
from helpers.models import Autoencoder

LATENTS = 12
BATCH = 2048  # enough to measure the size of the noise to within a percent


class NotWrittenYetError(NotImplementedError):
    """Raised where a homework waits for code; Jupyter shows its message instead of a traceback."""

    def __init__(self, name: str):
        super().__init__(f"{name} is not written yet. Write it in its cell above, and run that cell again.")

    def _render_traceback_(self):
        return [str(self)]


class SlipError(Exception):
    """What is wrong with an answer, in words."""


def require(check: Callable, answer: Callable) -> None:
    """Raise what a check finds wrong with an answer, instead of printing it."""
    check.__wrapped__(answer)


def _in_words(check: Callable) -> Callable:
    """Print what a check found, instead of raising it."""

    @functools.wraps(check)
    def checked(answer: Callable) -> None:
        try:
            if not callable(answer):
                raise SlipError(
                    f"this is {type(answer).__name__}, not a function. Pass it without parentheses."
                )
            with torch.enable_grad():
                check(answer)
        except SlipError as slip:
            words = str(slip)
            print(f"{check.__name__}: not yet. {words[0].upper()}{words[1:]}")
        except NotWrittenYetError as missing:
            print(missing)
        else:
            print(f"{check.__name__}: right.")

    return checked


@_in_words
def reconstruction(loss: Callable) -> None:
    """Check chapter 1's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction"])
    trial.reconstructs(from_the_codes=True)


@_in_words
def walk(walk: Callable) -> None:
    """Check a walk between the codes of two test digits, called as ``walk(model, start, end, steps)``."""
    model, steps = Autoencoder(LATENTS, width=8), 7
    nn.init.normal_(model.decoder.hidden[0].weight)
    images = data.load_mnist("test")[0][[5, 9]]
    codes = model.encode(images)
    way = torch.linspace(0, 1, steps)[:, None]
    latents = codes[0] + way * (codes[1] - codes[0])
    found = _called(walk, model, 5, 9, steps)
    if isinstance(found, (list, tuple)):
        raise SlipError("it returns a list. `model.decode` takes all latents at once, as rows of one tensor.")
    _is_tensor("the walk", found)
    if found.shape == latents.shape:
        raise SlipError("it returns latents. Decode them into pictures with `model.decode`.")
    if found.shape == (12, 1, 28, 28):
        raise SlipError(f"it takes 12 steps where `steps` says {steps}. Use `steps`.")
    if found.shape[:1] in ((steps - 1,), (steps + 1,), (steps - 2,), (steps + 2,)):
        raise SlipError(f"it has {len(found)} pictures instead of {steps}: both ends count as steps.")
    if found.shape != (steps, 1, 28, 28):
        raise SlipError(
            f"it has the shape {tuple(found.shape)}; expected one picture a step, ({steps}, 1, 28, 28)."
        )
    hint = "It goes straight from the code of test digit `start` to that of test digit `end`, in equal steps."
    _same("the walk", found, model.decode(latents), lambda: _walk_slips(model, images, way), hint)


@_in_words
def energy(energy: Callable) -> None:
    """Check chapter 2's energy, called as ``energy(codes)``."""
    codes = (torch.randn(256, LATENTS) + 0.5).requires_grad_()
    found = _called(energy, codes)
    _is_scalar(
        "energy", found, "half the squared length of each code is one number for each, then their mean."
    )
    _same("energy", found, losses.energy(codes), lambda: _energy_slips(codes), _ENERGY, [codes])


@_in_words
def compact(loss: Callable) -> None:
    """Check chapter 2's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction", "energy"])
    trial.reconstructs(from_the_codes=True)
    trial.has_energy()


@_in_words
def smooth(loss: Callable) -> None:
    """Check chapter 3's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction", "energy"])
    trial.has_noise(torch.full_like(trial.codes, losses.FIXED_SIZE), "SIZE")
    trial.reconstructs()
    trial.has_energy()


@_in_words
def miss(miss: Callable) -> None:
    """Check chapter 3's miss of each single digit, called as ``miss(model, latents, images)``."""
    model, latents, images = Autoencoder(LATENTS, width=8), torch.randn(9, LATENTS), torch.rand(9, 1, 28, 28)
    logits = model.decoder(latents)
    found = _called(miss, model, latents, images)
    _is_tensor("the miss", found)
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    if found.shape != (9,):
        where = {
            (): "one number for all digits. Sum over the pixels only, not over the digits.",
            (9, 1, 28, 28): "one number for each pixel. Sum over them, `dim=(1, 2, 3)`.",
            (1, 28, 28): "summed over the digits. Sum over the pixels, `dim=(1, 2, 3)`.",
        }
        raise SlipError(
            where.get(tuple(found.shape), f"it has the shape {tuple(found.shape)}, not (digits,).")
        )
    hint = "Binary cross-entropy for each pixel, summed over the pixels of each digit."
    _same("the miss", found, per_pixel.sum(dim=(1, 2, 3)), lambda: _miss_slips(logits, images), hint)


@_in_words
def neighborhood_size(price: Callable) -> None:
    """Check chapter 4's price of a size, called as ``neighborhood_size(sizes)``."""
    sizes = (0.2 + 1.5 * torch.rand(256, LATENTS)).requires_grad_()
    found = _called(price, sizes)
    _is_scalar(
        "the price", found, "add up the prices of a digit's sizes, then take the mean over the digits."
    )
    _same("the price", found, losses.neighborhood_size(sizes), lambda: _size_slips(sizes), _SIZE, [sizes])


@_in_words
def learned(loss: Callable) -> None:
    """Check chapter 4's loss, called as ``loss(model, images)``."""
    trial = Trial(loss, ["reconstruction", "energy", "neighborhood size"])
    trial.has_noise(trial.sizes, "sizes")
    trial.reconstructs()
    trial.has_energy()
    trial.has_prices()


class Trial:
    """One call of a loss with a small new model and random pictures; it watches the decoder meanwhile.

    Raises:
        SlipError: the loss stopped, or does not return the terms ``names`` as scalars.
    """

    def __init__(self, loss: Callable, names: list[str]):
        self.images = torch.rand(BATCH, 1, 28, 28)
        self.model = Autoencoder(LATENTS, width=8).train()
        nn.init.normal_(self.model.encoder.code.weight)
        nn.init.normal_(self.model.encoder.log_size.weight, std=0.5)
        self.model.encoder.log_size.bias.data = torch.linspace(-1.5, 0.5, LATENTS)
        self.codes, self.sizes = self.model.neighborhoods(self.images)
        calls = []
        hook = self.model.decoder.register_forward_hook(lambda _, given, made: calls.append((*given, made)))
        self.terms = self._terms(_called(loss, self.model, self.images), names)
        hook.remove()
        if len(calls) != 1:
            raise SlipError(f"it called the decoder {len(calls)} times for one batch; once is what it takes.")
        if len(calls[0]) != 2:
            raise SlipError("give the latents to the decoder without a keyword: `model.decoder(...)`.")
        self.latents, self.logits = calls[0]

    @staticmethod
    def _terms(found, names):
        example = "{" + ", ".join(f'"{name}": ...' for name in names) + "}"
        if not isinstance(found, dict):
            kind = "nothing" if found is None else f"a {type(found).__name__}"
            raise SlipError(f"it returns {kind}; expected the terms by name, return {example}.")
        if set(found) != set(names):
            there = ", ".join(map(str, found)) or "none"
            raise SlipError(f"its terms are {there}; expected {', '.join(names)}: return {example}.")
        for name, term in found.items():
            _is_scalar(name, term, "sum over pixels or latent numbers, then take the mean over the batch.")
        return found

    def reconstructs(self, from_the_codes: bool = False) -> None:
        """Compare the reconstruction with that of what the decoder made."""
        if from_the_codes and not _close(self.latents, self.codes):
            raise SlipError("the decoder did not get the codes of `model.encode(images)`, as they are.")
        if from_the_codes and not self._is_attached(self.codes):
            raise SlipError(
                "the codes that the decoder got are cut off from the encoder. Do without `.detach()`."
            )
        _same(
            "the reconstruction",
            self.terms["reconstruction"],
            losses.reconstruction(self.logits, self.images),
            lambda: _reconstruction_slips(self.logits, self.images),
            "Binary cross-entropy for each pixel, summed over the pixels, averaged over the batch.",
            [self.logits],
        )

    def has_energy(self) -> None:
        """Compare the energy with that of the codes."""
        slips = _energy_slips(self.codes)
        if not _close(self.latents, self.codes):
            slips["is that of the noisy codes: take the codes themselves."] = losses.energy(self.latents)
        weights = list(self.model.encoder.code.parameters())
        _same("the energy", self.terms["energy"], losses.energy(self.codes), lambda: slips, _ENERGY, weights)

    def has_prices(self) -> None:
        """Compare the price of the neighborhoods with that of the sizes."""
        weights = list(self.model.encoder.log_size.parameters())
        right = losses.neighborhood_size(self.sizes)
        found = self.terms["neighborhood size"]
        slips = {
            "holds the energy, too, which is a term of its own.": right + losses.energy(self.codes),
            **_size_slips(self.sizes),
        }
        _same("the neighborhood size", found, right, lambda: slips, _SIZE, weights)

    def has_noise(self, sizes: Tensor, name: str) -> None:
        """See that the decoder got the codes with normal noise of the given sizes (batch, latents)."""
        if self.latents.shape != self.codes.shape:
            raise SlipError(f"the decoder got the shape {tuple(self.latents.shape)}, not that of the codes.")
        noise = (self.latents - self.codes).detach()
        unit = noise / sizes.detach()
        each = "`torch.randn_like(codes)` draws one for each number."
        if not noise.any():
            raise SlipError(
                f"the decoder got the codes without noise. Add `{name} * torch.randn_like(codes)`."
            )
        if _close(unit, unit[:1].expand_as(unit), 1e-3) or _close(noise, noise[:1].expand_as(noise), 1e-3):
            raise SlipError(f"every digit got the same noise. {each}")
        if _close(unit, unit[:, :1].expand_as(unit), 1e-3):
            raise SlipError(f"all numbers of a digit got the same noise. {each}")
        if unit.mean().abs() > 0.1 and unit.amin() > -1e-3:
            raise SlipError(
                "the noise pushes one way only. `torch.randn_like` draws around 0, `torch.rand_like` not."
            )
        if not _is_normal(unit):
            if _is_normal((self.latents / sizes).detach()):
                raise SlipError("the decoder got the noise without the codes. Add the noise to them.")
            for words, wrong in _noise_slips(sizes, self.codes, name).items():
                if _is_normal(noise / wrong.detach()):
                    raise SlipError(words)
            if abs(unit.std() - 1) < 0.03:
                raise SlipError(f"the noise is not normal around 0. {each}")
            known = "" if sizes.requires_grad else f" = {losses.FIXED_SIZE}"
            wide = f"{unit.std().item():.2f} times as wide as `{name}`{known}"
            raise SlipError(f"the noise spreads {wide}. Add `{name} * torch.randn_like(codes)`.")
        if not self._is_attached(self.codes + sizes * unit):
            raise SlipError(
                f"the noisy codes are cut off from the codes or the {name}. Add the noise to the codes, "
                "without `.detach()`, `.sample()` or `torch.normal(codes, ...)`."
            )

    def _is_attached(self, latents):
        """Does training reach the encoder through what the decoder got as it would through ``latents``?"""
        weights = [self.model.encoder.code.weight, self.model.encoder.log_size.weight]
        if not self.latents.requires_grad:
            return False
        found, right = (
            torch.autograd.grad(some.sum(), weights, retain_graph=True, materialize_grads=True)
            for some in (self.latents, latents)
        )
        return all(_close(a, b, 1e-3) for a, b in zip(found, right, strict=True))


def _walk_slips(model, images, way):
    start, end = model.encode(images)
    steps, first, second = len(way), *(images[:, None] / 255)
    first_copy, second_copy = model.decode(torch.stack([start, end]))
    one_more, two_more = (torch.linspace(0, 1, steps + more)[:, None] for more in (1, 2))
    return {
        "it walks backward: the first step is the code of `start`.": model.decode(end + way * (start - end)),
        "it returns logits; `model.decode` squeezes them to pixels.": model.decoder(
            start + way * (end - start)
        ),
        "it blends the two pictures. Blend their codes, then decode.": torch.lerp(
            first, second, way[..., None, None]
        ),
        "it blends the two copies. Blend the codes, then decode.": torch.lerp(
            first_copy, second_copy, way[..., None, None]
        ),
        "it stands still: every step is the code of `start`.": model.decode(start.expand(steps, -1)),
        "it stands still: every step is the code of `end`.": model.decode(end.expand(steps, -1)),
        "it stops before `end`: the last step should be its code.": model.decode(
            torch.lerp(start, end, one_more[:-1])
        ),
        "it begins after `start`: the first step should be its code.": model.decode(
            torch.lerp(start, end, one_more[1:])
        ),
        "it leaves out both ends, the codes of `start` and `end`.": model.decode(
            torch.lerp(start, end, two_more[1:-1])
        ),
        "it walks away from `end`: the whole way is `end - start`.": model.decode(
            start - way * (end - start)
        ),
        "it starts at the origin: add the code of `start`.": model.decode(way * (end - start)),
        "it overshoots: the whole way is `end - start`, not `end`.": model.decode(start + way * end),
    }


def _miss_slips(logits, images):
    copies = logits.sigmoid()
    per_pixel = F.binary_cross_entropy_with_logits(logits, images, reduction="none")
    right = per_pixel.sum(dim=(1, 2, 3))
    twice = F.binary_cross_entropy_with_logits(copies, images, reduction="none")
    swapped = F.binary_cross_entropy(images, copies, reduction="none")
    return {
        "it averages over the pixels. Sum over them.": per_pixel.mean(dim=(1, 2, 3)),
        "it has the wrong sign.": -right,
        "it compares by squared differences; use binary cross-entropy.": (copies - images)
        .square()
        .sum(dim=(1, 2, 3)),
        "it compares by absolute differences; use binary cross-entropy.": (copies - images)
        .abs()
        .sum(dim=(1, 2, 3)),
        "it squeezes twice: `model.decode` gives pixels, so use `F.binary_cross_entropy` on them.": twice.sum(
            dim=(1, 2, 3)
        ),
        "it has copy and picture in the wrong order: first the copy, then the picture.": swapped.sum(
            dim=(1, 2, 3)
        ),
        "it spreads the average over all digits. Each digit has its own.": right.mean().expand(len(images)),
        "it adds up the digits one after another.": right.cumsum(0),
        "it divides by the number of digits; each digit stands alone.": right / len(images),
    }


_ENERGY = "Half the squared length of each code, then the mean over the batch."
_SIZE = (
    "Half of: size squared, minus 1, minus twice its logarithm; summed over a digit, averaged over digits."
)


def _energy_slips(codes):
    squares = codes.square()
    right = losses.energy(codes)
    return {
        "lacks the half.": 2 * right,
        "averages over the latent numbers. Sum over them: `.sum(dim=1)`.": 0.5 * squares.mean(),
        "averages over the latent numbers and lacks the half. Sum over them.": squares.mean(),
        "adds up the whole batch. Average over it: `.mean()`.": 0.5 * squares.sum(),
        "adds up the whole batch and lacks the half.": squares.sum(),
        "has the wrong sign: the springs would push.": -right,
        "is the length, not its square. A spring's energy grows with the square.": codes.norm(dim=1).mean(),
        "is half the length, not half its square.": 0.5 * codes.norm(dim=1).mean(),
        "takes absolute values instead of squares.": 0.5 * codes.abs().sum(dim=1).mean(),
        "sums over the digits and averages over the numbers; it is the other way round: `.sum(dim=1)`.": (
            0.5 * squares.sum(dim=0).mean()
        ),
        "squares the average code; square first, then average.": 0.5 * codes.mean(dim=0).square().sum(),
        "squares the sum of a code's numbers; square first, then sum.": 0.5
        * codes.sum(dim=1).square().mean(),
        "measures the spread around the middle; the springs pull to the origin.": (
            0.5 * codes.var(dim=0, correction=0).sum()
        ),
    }


def _size_slips(sizes):
    def price(each):
        return each.sum(dim=1).mean()

    squares, logs = sizes.square(), sizes.log()
    right = losses.neighborhood_size(sizes)
    return {
        "lacks the half.": 2 * right,
        "lacks the minus 1, which makes a size of 1 free.": price(0.5 * (squares - 2 * logs)),
        "adds the 1. Subtract it, so that a size of 1 is free.": price(0.5 * (squares + 1 - 2 * logs)),
        "adds the logarithm. Subtract it, so that small sizes cost.": price(0.5 * (squares - 1 + 2 * logs)),
        "takes the logarithm once, where it is twice (the logarithm of the square).": price(
            0.5 * (squares - 1 - logs)
        ),
        "has the size where its square belongs.": price(0.5 * (sizes - 1 - 2 * logs)),
        "lacks the logarithm: nothing keeps small sizes from being free.": price(0.5 * (squares - 1)),
        "lacks the square: nothing keeps large sizes from being free.": price(0.5 * (-1 - 2 * logs)),
        "is half the squared distance from 1. That lets a size reach 0 at no great cost.": price(
            0.5 * (sizes - 1).square()
        ),
        "takes a logarithm to the base 10. Use `.log()`.": price(0.5 * (squares - 1 - 2 * sizes.log10())),
        "takes a logarithm to the base 2. Use `.log()`.": price(0.5 * (squares - 1 - 2 * sizes.log2())),
        "takes the sizes for logarithms.": price(0.5 * ((2 * sizes).exp() - 1 - 2 * sizes)),
        "takes the sizes for logarithms of variances.": price(0.5 * (sizes.exp() - 1 - sizes)),
        "averages over the latent numbers. Sum over them: `.sum(dim=1)`.": right / sizes.shape[1],
        "adds up the whole batch. Average over it: `.mean()`.": right * len(sizes),
        "sums over the digits and averages over the numbers; it is the other way round.": (
            right * len(sizes) / sizes.shape[1]
        ),
        "has the wrong sign.": -right,
    }


def _noise_slips(sizes, codes, name):
    return {
        f"the noise is not multiplied by `{name}`.": torch.ones_like(sizes),
        f"the noise is {name} squared; `{name}` itself is the standard deviation.": sizes.square(),
        f"the noise is the root of {name}; `{name}` itself is the standard deviation.": sizes.sqrt(),
        f"the noise is the exponential of {name}; the model has already taken it.": sizes.exp(),
        f"the noise is the exponential of half of {name}, as if of a log-variance.": (sizes / 2).exp(),
        f"the noise is divided by `{name}`; multiply.": 1 / sizes,
        "the noise is multiplied by the codes; it should not depend on them.": (sizes * codes).abs(),
        "the noise has one size for all; each number of each digit has its own.": torch.full_like(
            sizes, losses.FIXED_SIZE
        ),
    }


def _reconstruction_slips(logits, images):
    n, copies = len(images), logits.sigmoid()
    right = losses.reconstruction(logits, images)
    return {
        "averages over the pixels, too. Sum over them: `.sum(dim=(1, 2, 3)).mean()`.": right / 784,
        "adds up the whole batch. Average over it: `.sum(dim=(1, 2, 3)).mean()`.": right * n,
        "has the wrong sign: training would make the copies worse.": -right,
        "squeezes twice: give logits to it, `model.decoder(codes)`, not the pixels of `model.decode`.": (
            F.binary_cross_entropy_with_logits(copies, images, reduction="sum") / n
        ),
        "has copy and picture in the wrong order: first the copy, then the picture.": (
            F.binary_cross_entropy_with_logits(images, logits, reduction="sum") / n
        ),
        "has the copy's pixels and the picture in the wrong order: first the copy, then the picture.": (
            F.binary_cross_entropy(images, copies, reduction="sum") / n
        ),
        "is a squared difference; use binary cross-entropy.": (copies - images).square().sum() / n,
        "is a mean squared difference; use binary cross-entropy, summed over pixels.": F.mse_loss(
            copies, images
        ),
        "is a squared difference from logits, which are not pixels yet.": (logits - images).square().sum()
        / n,
        "is a mean squared difference from logits, which are not pixels yet.": F.mse_loss(logits, images),
        "is an absolute difference; use binary cross-entropy.": (copies - images).abs().sum() / n,
        "is a mean absolute difference; use binary cross-entropy, summed over pixels.": F.l1_loss(
            copies, images
        ),
        "sums over the batch and averages over the pixels; it is the other way round.": right * n / 784,
    }


def _called(function, *arguments):
    try:
        return function(*arguments)
    except NotWrittenYetError:
        raise
    except Exception as error:
        words = " ".join(f"{type(error).__name__}: {error}".split())  # in one line
        raise SlipError(f"it stopped with {words.rstrip(':.')}.") from error


def _is_tensor(name, found):
    if found is None:
        raise SlipError(f"{name} is None. End the function with `return`.")
    if type(found) is not Tensor:
        raise SlipError(
            f"{name} is of type {type(found).__name__}, not a tensor. Compute with torch, without "
            "`.item()`, `float()` or numpy."
        )


def _is_scalar(name, found, hint):
    _is_tensor(name, found)
    if found.shape != ():
        raise SlipError(f"{name} has the shape {tuple(found.shape)}, not a single number's: {hint}")
    if not found.isfinite():
        raise SlipError(
            f"{name} is {found.item()}. Look for a division by 0, or the logarithm of something not positive."
        )
    if not found.requires_grad:
        raise SlipError(
            f"{name} does not depend on what it was given, so nothing can be learned from it. Compute it "
            "without `.detach()`, `torch.no_grad()` or a constant."
        )


def _same(name, found, right, slips, hint, sources=()):
    """Raise a SlipError unless ``found`` is ``right`` in value and in its gradients by ``sources``."""
    if not _close(found, right):
        for words, wrong in slips().items():
            if _close(found, wrong):
                raise SlipError(words if words.startswith("it ") else f"{name} {words}")
        values = f" ({found.item():.4g} instead of {right.item():.4g})" if right.dim() == 0 else ""
        raise SlipError(f"{name} has another value than expected{values}. {hint}")
    if sources:
        theirs, ours = (
            torch.autograd.grad(value, sources, retain_graph=True, allow_unused=True)
            for value in (found, right)
        )
        if any(a is None or not _close(a, b) for a, b in zip(theirs, ours, strict=True)):
            raise SlipError(
                f"{name} has the right value, but training cannot use it: a part of it is detached."
            )


def _close(a, b, tolerance=1e-4):
    a, b = a.detach().double(), b.detach().double()
    return a.shape == b.shape and bool((a - b).abs().amax() <= tolerance * b.abs().amax() + 1e-12)


def _is_normal(unit):
    """Does noise (batch, latents) look like draws from N(0, 1)?"""
    inside = (unit.abs() < 1).double().mean().item()
    return abs(unit.mean()) < 0.05 and abs(unit.std() - 1) < 0.03 and abs(inside - 0.683) < 0.02
