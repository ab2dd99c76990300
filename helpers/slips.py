"""The slips that people make in the tasks: the words for each, and the wrong value that shows it.

``checks`` compares a wrong answer with a table from the top down and tells the first slip that fits.
"""

from collections.abc import Callable
from functools import partial
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional as F

from helpers import losses
from helpers.flow import LatentDiffusion
from helpers.settings import EPILOGUE_DIM, FIXED_SIZE, LATENT_DIM


class Asked(NamedTuple):
    """What is asked for, and what people make of it instead."""

    subject: str  # with which each sentence of the table begins
    right: Callable[..., Tensor]
    slips: dict[str, Callable[..., Tensor]]  # words -> the wrong value, made from the same as the right one
    hint: str  # for a value that no slip gives


def _then(last, table, more=""):
    """A table whose values go through one more function, and which has more words."""
    return {words + more: lambda *given, f=first: last(f(*given)) for words, first in table.items()}


_miss = partial(F.binary_cross_entropy_with_logits, reduction="none")
_miss_of_pixels = partial(F.binary_cross_entropy, reduction="none")


def _of_each(pixels):
    return pixels.sum(dim=(1, 2, 3))


PIXELS = {  # from logits x and images y, each (digits, 1, 28, 28)
    "squeezes twice: `model.decode` does it once, `model.logits` not.": lambda x, y: _miss(x.sigmoid(), y),
    "has copy and picture in the wrong order: first the copy, then the picture.": lambda x, y: _miss(y, x),
    "has copy and picture in the wrong order: swap them.": lambda x, y: _miss_of_pixels(y, x.sigmoid()),
    "has squared differences; use binary cross-entropy.": lambda x, y: (x.sigmoid() - y) ** 2,
    "has squared differences from logits, which are not pixels yet.": lambda x, y: (x - y) ** 2,
    "has absolute differences; use binary cross-entropy.": lambda x, y: (x.sigmoid() - y).abs(),
}

RECONSTRUCTION = Asked(
    "the reconstruction",
    losses.reconstruction,
    {
        "averages over the pixels, too. Sum over them: `dim=(1, 2, 3)`.": lambda x, y: _miss(x, y).mean(),
        "adds up the whole batch. Sum over `dim=(1, 2, 3)`, then `.mean()`.": lambda x, y: _miss(x, y).sum(),
        "sums over digits and averages over pixels; swap these.": lambda x, y: _miss(x, y).sum(dim=0).mean(),
        "has the wrong sign: copies would get worse.": lambda x, y: -losses.reconstruction(x, y),
        **_then(lambda pixels: _of_each(pixels).mean(), PIXELS),
        **_then(torch.mean, PIXELS, " And sum over the pixels, without averaging."),
    },
    "Binary cross-entropy for each pixel, summed over the pixels, averaged over the batch.",
)

MISS = Asked(
    "it",
    lambda x, y: _of_each(_miss(x, y)),
    {
        "averages over the pixels. Sum over them.": lambda x, y: _miss(x, y).mean(dim=(1, 2, 3)),
        "has the wrong sign.": lambda x, y: -_of_each(_miss(x, y)),
        "adds up the digits one after another.": lambda x, y: _of_each(_miss(x, y)).cumsum(dim=0),
        "divides by the number of digits; each stands alone.": lambda x, y: _of_each(_miss(x, y)) / len(y),
        "has the average of all for each digit.": lambda x, y: losses.reconstruction(x, y).expand(len(y)),
        **_then(_of_each, PIXELS),
    },
    "Binary cross-entropy for each pixel, summed over the pixels of each digit.",
)


def _mixed(model, pair, first, last):
    start, end = model.encode(pair)
    return model.decode(first * start + last * end)


def _along(wrong):
    return lambda model, pair, way: _mixed(model, pair, 1 - wrong(way), wrong(way))


def _blended(pictures, way):
    return torch.lerp(*pictures, way[..., None, None])


WALK = Asked(  # from a model, two pictures, and where each step is on the way from 0 to 1, (steps, 1)
    "it",
    _along(lambda way: way),
    {
        "walks backward: the first step is the code of `start`.": _along(lambda way: 1 - way),
        "stands still: every step is the code of `start`.": _along(lambda way: 0 * way),
        "stands still: every step is the code of `end`.": _along(lambda way: 0 * way + 1),
        "walks away from `end`: the whole way is `end - start`.": _along(lambda way: -way),
        "stops before `end`: the last step should be its code.": _along(lambda way: way - way / len(way)),
        "begins after `start`: first comes its code.": _along(lambda way: way + (1 - way) / len(way)),
        "leaves out both ends.": _along(lambda way: way + (1 - 2 * way) / (len(way) + 1)),
        "starts at the origin: add `start`.": lambda model, pair, way: _mixed(model, pair, -way, way),
        "overshoots: the whole way is `end - start`.": lambda model, pair, way: _mixed(model, pair, 1, way),
        "returns logits; `model.decode` squeezes them.": lambda *given: WALK.right(*given).logit(),
        "blends the two pictures. Blend their codes.": lambda model, pair, way: _blended(pair / 255, way),
        "blends the two copies. Blend their codes.": lambda model, pair, way: _blended(model(pair), way),
    },
    "It goes straight from the code of test digit `start` to that of test digit `end`, in equal steps.",
)

FACTORS = {  # by which a term of n digits with d latent numbers is too large
    "lacks the half.": lambda n, d: 2,
    "has the wrong sign.": lambda n, d: -1,
    "averages over the latent numbers. Sum over them: `.sum(dim=1)`.": lambda n, d: 1 / d,
    "averages over the latent numbers and lacks the half. Sum over them.": lambda n, d: 2 / d,
    "adds up the whole batch. Average over it: `.mean()`.": lambda n, d: n,
    "adds up the whole batch and lacks the half.": lambda n, d: 2 * n,
    "sums over the digits and averages over the numbers; it is the other way round.": lambda n, d: n / d,
    f"counts on {LATENT_DIM} latent numbers, but models differ: ask `.shape`.": lambda n, d: LATENT_DIM / d,
}


def _multiplied(term):
    return {words: lambda x, by=by: by(*x.shape) * term(x) for words, by in FACTORS.items()}


ENERGY = Asked(
    "the energy",
    losses.energy,
    {
        **_multiplied(losses.energy),
        "is the length. A spring's energy grows with its square.": lambda x: x.norm(dim=1).mean(),
        "is half the length, not half its square.": lambda x: x.norm(dim=1).mean() / 2,
        "takes absolute values instead of squares.": lambda x: x.abs().sum(dim=1).mean() / 2,
        "squares the average code; square first, then average.": lambda x: (x.mean(dim=0) ** 2).sum() / 2,
        "squares the sum of the numbers; square first, then sum.": lambda x: (x.sum(dim=1) ** 2).mean() / 2,
        "is the spread; springs pull to the origin.": lambda x: x.var(dim=0, correction=0).sum() / 2,
    },
    "Half the squared length of each code, then the mean over the batch.",
)

PRICES = {  # of each size
    "lacks the minus 1, which makes a size of 1 free.": lambda s: s**2 / 2 - s.log(),
    "adds the 1. Subtract it, so that a size of 1 is free.": lambda s: (s**2 + 1) / 2 - s.log(),
    "adds the logarithm. Subtract it, so that small sizes cost.": lambda s: (s**2 - 1) / 2 + s.log(),
    "takes the logarithm once, where it is twice, that of the square.": lambda s: (s**2 - 1 - s.log()) / 2,
    "has the size where its square belongs.": lambda s: (s - 1) / 2 - s.log(),
    "lacks the logarithm: nothing keeps small sizes from being free.": lambda s: (s**2 - 1) / 2,
    "lacks the square: nothing keeps large sizes from being free.": lambda s: -1 / 2 - s.log(),
    "is half the squared distance from 1, so that a size of 0 is cheap.": lambda s: (s - 1) ** 2 / 2,
    "takes a logarithm to the base 10. Use `.log()`.": lambda s: (s**2 - 1) / 2 - s.log10(),
    "takes a logarithm to the base 2. Use `.log()`.": lambda s: (s**2 - 1) / 2 - s.log2(),
    "takes the sizes for logarithms.": lambda s: ((2 * s).exp() - 1) / 2 - s,
    "takes the sizes for logarithms of variances.": lambda s: (s.exp() - 1 - s) / 2,
}

NEIGHBORHOOD_SIZE = Asked(
    "the neighborhood size",
    losses.neighborhood_size,
    {**_multiplied(losses.neighborhood_size), **_then(lambda prices: prices.sum(dim=1).mean(), PRICES)},
    "Half of: size squared, minus 1, minus twice its logarithm; summed over a digit, averaged over digits.",
)


def is_normal(unit: Tensor) -> bool:
    """Do numbers (digits, latent numbers) look like draws from N(0, 1), each for itself?"""
    # Each figure may be 6 standard errors off, so that a right answer is refused less than once in 100,000
    # calls: a mean square of 1,440 draws is so far off with a chance of 1e-8 (its chi-squared tail), the
    # other figures of 3e-9 at most. With 18 latent numbers, at 4 scales, that adds up to 8e-7.
    digits, numbers = len(unit), unit.numel()
    inside = (unit.abs() < 1).double().mean() - 0.6827
    products = unit.T @ unit / digits - torch.eye(unit.shape[1])  # (latent numbers, latent numbers)
    errors = [
        unit.mean() * numbers**0.5,
        (unit.std() - 1) * (2 * numbers) ** 0.5,
        inside * (numbers / (0.6827 * 0.3173)) ** 0.5,
        products.abs().amax() * (digits / 2) ** 0.5,  # the mean squares on its diagonal vary most
    ]
    return all(abs(error) < 6 for error in errors)


def goes_along(some: Tensor, others: Tensor) -> bool:
    """Do draws tell anything of others beside them? Both are (digits, numbers), one of them normal."""
    some, others = (((one - one.mean(dim=0)) / one.std(dim=0)).double() for one in (some, others))
    return bool((some.T @ others).abs().amax() > 6 * len(some) ** 0.5)


def rows_agree(noise: Tensor) -> bool:
    """Are there digits with the same noise, (digits, latent numbers)?"""
    ordered = noise[noise[:, 0].argsort()] / noise.abs().mean()  # equal rows become neighbors
    return (ordered.diff(dim=0).abs() < 1e-3).all(dim=1).any()  # by chance, in 8 numbers: below 1e-15


def _columns_agree(noise):
    return noise.T.cov().fill_diagonal_(0).abs().amax() > 0.3 * noise.square().mean()


SHARED = {  # from the noise u divided by the right sizes s, and from the codes c
    "digits share their noise. Draw for each digit.": lambda u, s, c: rows_agree(u) or rows_agree(u * s),
}
NOT_NORMAL = {  # the same where u does not look like draws from N(0, 1)
    "the decoder got the codes without noise. Add it, times `{name}`.": lambda u, s, c: u.abs().mean() < 0.01,
    "the decoder got the noise without the codes. Add it to them.": lambda u, s, c: is_normal(u + c / s),
    "the noise pushes one way only. Draw around 0, `randn_like`.": lambda u, s, c: u.amin() > -1e-3,
    "the noise is not multiplied by `{name}`.": lambda u, s, c: is_normal(u * s),
    "the noise is {name} squared; `{name}` is the standard deviation.": lambda u, s, c: is_normal(u / s),
    "the noise is the root of {name}; do not take it.": lambda u, s, c: is_normal(u * s**0.5),
    "the noise is the exponential of {name}. The model took it.": lambda u, s, c: is_normal(u * s / s.exp()),
    "the noise takes {name} for a log-variance.": lambda u, s, c: is_normal(u * s / (s / 2).exp()),
    "the noise is divided by `{name}`; multiply.": lambda u, s, c: is_normal(u * s**2),
    "the noise is multiplied by the codes, too. Leave them out.": lambda u, s, c: is_normal(u / c),
    "the noise has one size for all; each number has its own.": lambda u, s, c: is_normal(u * s / FIXED_SIZE),
    "the numbers share their noise. Draw `torch.randn_like(codes)`.": lambda u, s, c: _columns_agree(u),
    "the noise is not normal around 0. Draw `randn_like`.": lambda u, s, c: all(abs(u.std(dim=0) - 1) < 0.1),
    **SHARED,
    "the noise is {wide:.2f} times as wide as `{name}` ({size:.2g}).": lambda u, s, c: True,
}


def _way(h, c, s):
    return c - s


def _squared_length(m):
    return m.square().sum(dim=1).mean()


def _missed(target, measure=_squared_length):
    """The loss with another target, or another measure of what the directions v miss of it."""
    return lambda v, h, c, s: measure(v - target(h, c, s))


TARGETS = {  # made from where we are h, codes c and random points s
    "points backward: from the random point to the code is `codes - start`.": lambda h, c, s: s - c,
    "is compared with the code. Compare it with the whole way, `codes - start`.": lambda h, c, s: c,
    "is compared with the random point. Compare it with the whole way, `codes - start`.": lambda h, c, s: s,
    "is compared with the rest of the way. Compare it with the whole, `codes - start`.": (
        lambda h, c, s: c - h
    ),
    "is compared with the way behind us. Compare it with the whole, `codes - start`.": lambda h, c, s: h - s,
    "is compared with where we are. Compare it with the whole way, `codes - start`.": lambda h, c, s: h,
    "is not compared with anything. Subtract the whole way, `codes - start`.": lambda h, c, s: 0 * c,
}

MEASURES = {  # of what is missed, (digits, latent numbers)
    "averages over the latent numbers, too. Sum over them: `.sum(dim=1)`.": lambda m: m.square().mean(),
    "adds up the whole batch. Average over it: `.mean()`.": lambda m: m.square().sum(),
    "sums over the digits and averages over the numbers; it is the other way round.": (
        lambda m: m.square().mean(dim=1).sum()
    ),
    "has the wrong sign.": lambda m: -_squared_length(m),
    "has a half that nobody asked for.": lambda m: _squared_length(m) / 2,
    f"counts on {EPILOGUE_DIM} latent numbers, but models differ: ask `.shape`.": (
        lambda m: EPILOGUE_DIM * m.square().mean()
    ),
    "is the length of what is missed; take its square.": lambda m: m.norm(dim=1).mean(),
    "has absolute differences; take squares.": lambda m: m.abs().sum(dim=1).mean(),
    "squares the sum of the numbers; square first, then sum.": lambda m: m.sum(dim=1).square().mean(),
    "squares the average over the batch; square first.": lambda m: m.mean(dim=0).square().sum(),
}

DIRECTION = Asked(  # from the directions v that the model gives, and h, c, s as above
    "the direction",
    _missed(_way),
    {words: _missed(target) for words, target in TARGETS.items()}
    | {words: _missed(_way, measure) for words, measure in MEASURES.items()},
    "The squared length of what is missed of `codes - start`, then the mean over the batch.",
)


DRAWN = {  # from points h, times t, codes c, and random points s that look like draws from N(0, 1)
    "digits share their random points. Draw one for each.": lambda h, t, c, s: rows_agree(s),
    "the random points go along with the codes. Draw them alone: `torch.randn_like(codes)`.": (
        lambda h, t, c, s: goes_along(s, c)
    ),
    "the times go along with the random points. Draw them alone: `torch.rand_like(codes[:, :1])`.": (
        lambda h, t, c, s: goes_along(s, t)
    ),
}
ON_THE_WAY = {  # the same where s does not look like that
    "the network gets the codes. Let it stand on the way to them.": lambda h, t, c, s: _is_nothing(h - c),
    "no random points are mixed in.": lambda h, t, c, s: _is_nothing(h - t * c),
    "the network gets the random points, at any time. Let it stand on the way.": (
        lambda h, t, c, s: is_normal(h)
    ),
    "the way runs backward: at a time of 0 stands the random point, at 1 the code.": (
        lambda h, t, c, s: _normal_where(t > 0.1, (h - (1 - t) * c) / t)
    ),
    "the way adds noise to the whole code; `torch.lerp(start, codes, passed)` is straight.": (
        lambda h, t, c, s: (
            is_normal(h - c) or is_normal((h - c) / (1 - t)) or _normal_where(t > 0.1, (h - c) / t)
        )
    ),
    "the random points are not multiplied by what is left of the way.": (
        lambda h, t, c, s: is_normal(h - t * c)
    ),
    "the random points push one way only. Draw around 0, `randn_like`.": (
        lambda h, t, c, s: (h - t * c).amin() > -1e-3
    ),
    "all digits share one random point. Draw one for each.": lambda h, t, c, s: _is_nothing(s - s[0]),
    "the network is told another time than `here` was made with. Use one `passed` for both.": (
        lambda h, t, c, s: _at_another_time(h, t, c)
    ),
    "the numbers share their noise. Draw `torch.randn_like(codes)`.": lambda h, t, c, s: _columns_agree(s),
    "digits share their random points. Draw one for each.": lambda h, t, c, s: rows_agree(s),
    "the points do not lie between random ones, `torch.randn_like(codes)`, and the codes.": (
        lambda h, t, c, s: True
    ),
}


def _at_another_time(h, t, c):
    """Do points lie between normal ones and the codes, but at other times than those told?"""
    length = c.norm(dim=1, keepdim=True)
    at = (h * c).sum(dim=1, keepdim=True) / length**2  # the time there, with the random point's part
    left = (h - at * c).square().sum(dim=1, keepdim=True) / (h.shape[1] - 1)  # of the way, squared
    straight = (1 - at).square().mean() / (left * (1 + 1 / length**2)).mean()
    return abs(straight - 1) < 0.15 and (at - t).square().mean() > 2.5 * (left / length**2).mean()


def _is_nothing(points):
    return points.abs().mean() < 0.01


def _normal_where(rows, unit):
    return is_normal(unit[rows[:, 0]])


def _followed(towards=1, passed=lambda step, steps: step / steps, share=lambda steps: 1 / steps, here=None):
    """The way with one slip; ``here`` says from which of the points so far to ask."""

    def follow(model, points, steps):
        way = [points]
        for step in range(steps):
            asked = way[-1] if here is None else way[here]
            time = points.new_full((len(points), 1), passed(step, steps))
            way.append(way[-1] + towards * share(steps) * model.direction(asked, time))
        return torch.stack(way)

    return follow


def _ends(way, first):
    return torch.cat([way[:first], way[-1:].expand_as(way[first:])])


FOLLOW = Asked(  # from a model, points (N, latent numbers), and a number of steps
    "it",
    LatentDiffusion.follow,
    {
        "walks backward: add the direction.": _followed(towards=-1),
        "takes the whole way in each step. Divide it by `steps`.": _followed(share=lambda steps: 1),
        "divides by `steps + 1`. There are `steps` steps.": _followed(share=lambda steps: 1 / (steps + 1)),
        "asks at a time of 0 in each step. The time passed is `step / steps`.": _followed(
            passed=lambda step, steps: 0
        ),
        "asks at a time of 1 in each step. The time passed is `step / steps`.": _followed(
            passed=lambda step, steps: 1
        ),
        "counts steps. The time passed goes from 0 to 1: `step / steps`.": _followed(
            passed=lambda step, steps: step
        ),
        "asks a step too late: when the first step begins, no time has passed.": _followed(
            passed=lambda step, steps: (step + 1) / steps
        ),
        "lets the time run backward.": _followed(passed=lambda step, steps: 1 - step / steps),
        "lets the last step begin at a time of 1, where nothing is left of the way.": _followed(
            passed=lambda step, steps: step / (steps - 1)
        ),
        "asks from the start in each step. Ask from where the last one ended.": _followed(here=0),
        "stands still: no step adds its direction.": _followed(towards=0),
        "begins with the last point: turn it round.": lambda *given: LatentDiffusion.follow(*given).flip(0),
        "has the end at all times: `+=` changes the one tensor in each place. Append `points.clone()`.": (
            lambda *given: _ends(LatentDiffusion.follow(*given), 0)
        ),
        "has the end at all times but one: `+=` changes the one tensor there. Append `points.clone()`.": (
            lambda *given: _ends(LatentDiffusion.follow(*given), 1)
        ),
    },
    "Each step adds `model.direction(points, passed) / steps`, and `passed` is `step / steps`.",
)
