"""Answers in words, at once, for the cells that a chapter leaves blank when it is a homework.

Each check asks what the reader wrote with new random models and numbers, at several scales, and prints one
line: right, or what is wrong and where to look. The grading of a homework asks just the same (``require``),
but not within the kernel where the answer lives (``questions``).
"""

import functools
import math
import re
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from helpers import data, losses, questions, slips
from helpers.flow import LatentDiffusion
from helpers.models import Autoencoder
from helpers.questions import NotWrittenYetError, Question, Reply, Term
from helpers.settings import EPILOGUE_DIM, FIXED_SIZE, LATENT_DIM, STEPS


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
EARLY, LATE = 0.9, 0.9999  # times until which a random point shows well in where we are, and shows at all
ATTACHED = "Do without `.detach()`, `no_grad()`, `.sample()` and `torch.normal(codes, ...)`."

Ask = Callable[[Question], Reply]


class SlipError(Exception):
    """What is wrong with an answer, in words."""


def _must(holds, words):
    if not holds:
        raise SlipError(words)


def require(check: Callable, ask: Ask) -> None:
    """Raise what a check finds wrong with an answer.

    Args:
        check: one of those below.
        ask: puts a question to the answer, wherever that is.

    Raises:
        SlipError: it is wrong; the words say what and where.
        NotWrittenYetError: it still waits for code.
    """
    with questions.plain_torch():
        for scale in SCALES:
            told = _slip(check, ask, scale)
            if told and scale.words:  # by chance? Then it shows at the first scale, too, if asked some times
                chances = (_slip(check, ask, SCALES[0]) for _ in range(5))
                told = next(filter(None, chances), "") or scale.words + (_slip(check, ask, scale) or told)
            _must(not told, told)


def _slip(check, ask, scale):
    try:
        check.__wrapped__(ask, scale)
    except SlipError as slip:
        return str(slip)
    return ""


def _in_words(check: Callable) -> Callable:
    """Print what a check finds at any scale, instead of raising it."""

    @functools.wraps(check)
    def checked(answer: Callable) -> None:
        try:
            require(checked, functools.partial(questions.ask, answer))
        except SlipError as slip:
            print(f"{check.__name__}: not yet. {sentence(slip)}")
        except NotWrittenYetError as missing:
            print(missing)
        else:
            print(f"{check.__name__}: right.")

    return checked


def sentence(slip: SlipError) -> str:
    """What is wrong, beginning with a capital letter."""
    words = str(slip)
    return words[0].upper() + words[1:]


@_in_words
def reconstruction(ask: Ask, scale: Scale) -> None:
    """Check chapter 1's loss, called as ``loss(model, images)``."""
    trial = Trial(ask, ["reconstruction"], scale)
    trial.reconstructs(from_points=trial.codes)


@_in_words
def walk(ask: Ask, scale: Scale) -> None:
    """Check a walk between the codes of two test digits, called as ``walk(model, start, end, steps)``."""
    model, images = _new_model_and_images(scale)[0], data.load_mnist("test")[0]
    nn.init.normal_(model.decoder.hidden[0].weight, std=0.5 / scale.codes)  # bends each straight line
    one, other = torch.randperm(len(images))[:2].sort().values.tolist()
    few, many = int(torch.randint(5, 11, ())), int(torch.randint(18, 26, ()))  # not about 12 or 16
    for start, end, steps in ((other, one, few), (one, other, many)):
        found = _one(_asked(ask, Question((model, start, end, steps))))
        wrong = {(n, 1, 28, 28): f"has {n} pictures, not {steps} with both ends." for n in range(30)}
        wrong[steps, model.latent_dim] = "returns codes. Decode them into pictures with `model.decode`."
        _is_tensor(slips.WALK, found, (steps, 1, 28, 28), wrong)
        _agrees(slips.WALK, found, model, images[[start, end]], torch.linspace(0, 1, steps)[:, None])


@_in_words
def energy(ask: Ask, scale: Scale) -> None:
    """Check chapter 2's energy, called as ``energy(codes)``."""
    codes = (scale.codes * (torch.randn(_some_shape(least=4)) + 0.3)).requires_grad_()
    _holds(slips.ENERGY, _one(_asked(ask, Question((codes,)))), [codes], {"0": codes})


@_in_words
def compact(ask: Ask, scale: Scale) -> None:
    """Check chapter 2's loss, called as ``loss(model, images)``; its energy counts elsewhere."""

    def tried(stand_in):
        trial = Trial(ask, ["reconstruction", "energy"], scale, stand_in)
        trial.reconstructs(from_points=trial.codes)
        trial.has_energy()

    _with_any(tried, "energy")


@_in_words
def smooth(ask: Ask, scale: Scale) -> None:
    """Check chapter 3's loss, called as ``loss(model, images)``."""
    trial = Trial(ask, ["reconstruction", "energy"], scale)
    trial.reconstructs(from_points=trial.nearby(torch.full_like(trial.codes, FIXED_SIZE), "SIZE"))
    trial.has_energy()


@_in_words
def miss(ask: Ask, scale: Scale) -> None:
    """Check chapter 3's miss of each single digit, called as ``miss(model, codes, images)``."""
    model, images = _new_model_and_images(scale)
    codes = scale.codes * torch.randn(len(images), model.latent_dim)
    found, again = (_one(_asked(ask, Question((model, codes, images)))) for _ in range(2))
    wrong = {
        (): "is one number for all digits. Sum over the pixels only, not over the digits.",
        images.shape: "is one number for each pixel. Sum over them, `dim=(1, 2, 3)`.",
        images.shape[1:]: "is summed over the digits. Sum over the pixels, `dim=(1, 2, 3)`.",
    }
    _is_tensor(slips.MISS, found, images.shape[:1], wrong)
    _must(_close(found.value, again.value, 1e-5), "it adds noise of its own. Decode the codes as they are.")
    _agrees(slips.MISS, found, model.logits(codes), images)


@_in_words
def neighborhood_size(ask: Ask, scale: Scale) -> None:
    """Check chapter 4's price of a size, called as ``neighborhood_size(sizes)``."""
    sizes = (scale.sizes * (scale.spread * torch.randn(_some_shape(least=4))).exp()).requires_grad_()
    _holds(slips.NEIGHBORHOOD_SIZE, _one(_asked(ask, Question((sizes,)))), [sizes], {"0": sizes})


@_in_words
def learned(ask: Ask, scale: Scale) -> None:
    """Check chapter 4's loss, called as ``loss(model, images)``; the price of a size counts elsewhere."""

    def tried(stand_in):
        trial = Trial(ask, ["reconstruction", "energy", "neighborhood size"], scale, stand_in)
        trial.reconstructs(from_points=trial.nearby(trial.sizes, "sizes"))
        trial.has_energy()
        trial.has_prices()

    _with_any(tried, "neighborhood_size")


@_in_words
def direction(ask: Ask, scale: Scale) -> None:
    """Check the epilogue's loss, called as ``loss(model, codes)``."""
    model = _new_directions(scale)
    codes = scale.codes * (torch.randn(_some_shape()[0], model.latent_dim) + 1)  # unlike random points
    asked = functools.partial(_asked_on_the_way, ask, model)
    (found, here, passed), _, (_, there, again) = (asked(codes) for _ in range(3))
    _are_moments(passed, again, codes)
    starts = torch.cat([_are_starts(here, passed, codes), _are_starts(there, again, codes)])
    _must(not slips.rows_agree(starts), "the random points are the same in each call.")
    for _ in range(10):  # few at a time, until no random point is out of sight
        if passed.max() < LATE:
            break
        codes = codes[torch.randperm(len(codes))[:6]]
        found, here, passed = asked(codes)
    directions = model.direction(here.float(), passed.float())
    starts = _started(here, passed, codes)
    hidden = passed[:, 0] >= LATE
    _must(hidden.sum() < 2, "too many times are 1, where nothing of a random point is left.")
    if hidden.any() and found.slopes:  # that of a bias tells one random point from the others
        starts[hidden] = 0
        missed = (directions.detach() - codes + starts).sum(dim=0)
        starts[hidden] = len(codes) / 2 * found.slopes["leave.bias"] - missed
    _holds(slips.DIRECTION, found, (directions, here, codes, starts), dict(model.named_parameters()))


def _asked_on_the_way(ask, model, codes):
    """Return the epilogue's loss, and where it asked for directions, and when."""
    reply = _asked(ask, Question((model, codes)))
    _are_terms(reply, ["direction"])
    points, digits = len(reply.points), len(codes)
    _must(points == digits, f"it asks for {points} directions for {digits} codes, not one each.")
    _leaves_alone(reply, "A loss only measures; training takes the steps.")
    _must(reply.kept, "it changes the codes that it was given. Do without `+=` and methods that end in `_`.")
    return reply.terms["direction"], reply.points[:, :-1], reply.points[:, -1:]


def _are_moments(passed, again, codes):
    """See that the times passed are drawn between 0 and 1, for each digit by itself."""
    told = (
        "the time passed goes from {:.2g} to {:.2g}. It is a share of the way, from 0 to 1. Use `.sigmoid()`."
    )
    _must(-1e-6 < passed.min() <= passed.max() < 1 + 1e-6, told.format(passed.min(), passed.max()))
    draw = "Draw one for each: `torch.rand_like(codes[:, :1])`."
    _must(passed.std() > 1e-3, f"all digits share one time. {draw}")
    _must(not slips.goes_along(codes, passed), f"the times go along with the codes. {draw}")
    _must(not torch.equal(passed, again), "the times are the same in each call. Draw them, and set no seed.")
    shares = passed.unique(return_counts=True)[1] / len(passed)
    _must(shares.square().sum() < 0.095, f"too many digits share a time. {draw}")  # ten times: 0.1
    ends = (passed < 0.3).double().mean(), (passed > 0.7).double().mean()
    _must(
        min(ends) > 0.04,
        "the times are not spread from 0 to 1. `torch.randn_like(codes[:, :1]).sigmoid()` is.",
    )


def _are_starts(here, passed, codes):
    """Return random points that show well; see that they are drawn for each digit and number by itself."""
    early = passed[:, 0] < EARLY
    way = here[early], passed[early], codes[early]
    starts = _started(*way)
    for words, shows in (slips.DRAWN if slips.is_normal(starts) else slips.ON_THE_WAY).items():
        _must(not shows(*way, starts), words)
    return starts


def _started(here, passed, codes):
    """Return the random points from which straight ways lead here, (digits, latent numbers)."""
    return (here - passed * codes) / (1 - passed)


@_in_words
def follow(ask: Ask, scale: Scale) -> None:
    """Check the epilogue's walk from random points to codes, called as ``follow(model, points, steps)``."""
    few, many = 3, int(torch.randint(STEPS + 1, 2 * STEPS, ()))
    _follows(ask, scale, many, few, [few])
    _follows(ask, scale, few, many, [many])
    try:
        _follows(ask, scale, few, STEPS, [])
    except SlipError as slip:
        told = f"without a number of steps, {slip} Give it a default: `steps={STEPS}`."
        raise SlipError(told) from None


def _follows(ask, scale, n, steps, told):
    """See that n points walk so many steps, which may be told or not."""
    model = _new_directions(scale)
    points = scale.codes * torch.randn(n, model.latent_dim)
    reply = _asked(ask, Question((model, points, *told)))
    _leaves_alone(reply, "A walk only asks it for directions.")
    numbers = (n, model.latent_dim)
    wrong = {
        numbers: "is the points at one time only. Return those of all times, with `torch.stack`.",
        (steps, *numbers): f"has {steps} times, not {steps + 1}: the start and the end of each step.",
        ((steps + 1) * n, model.latent_dim): "is one long list. Keep the times apart: `torch.stack`.",
        (n, steps + 1, model.latent_dim): "has the points first. First come the times: `torch.stack(way)`.",
    }
    found = _one(reply)
    _is_tensor(slips.FOLLOW, found, (steps + 1, *numbers), wrong)
    _agrees(slips.FOLLOW, found, model, points, steps)
    _must(reply.kept, "it changes the points that it was given. Begin with `points = points.clone()`.")


@torch.no_grad()
def _new_directions(scale):
    model = LatentDiffusion(Autoencoder(_some_shape()[1], width=8), width=20, depth=2)
    model.enter.weight[:, -1] *= 20 * scale.codes  # it matters what time it is,
    model.leave.weight *= 10  # and where one stands
    return model


def _with_any(tried, helper):
    """See whether a loss is right with its own helper or, so that a slip there costs once, with another."""
    try:
        tried("")
    except (SlipError, NotWrittenYetError) as slip:
        try:
            tried(helper)
        except (SlipError, NotWrittenYetError):
            raise slip from None


class Trial:
    """A loss with a small new model and random pictures, and the points that it decodes meanwhile."""

    def __init__(self, ask: Ask, names: list[str], scale: Scale, stand_in: str = ""):
        self.ask, self.names, self.stand_in = ask, names, stand_in
        self.model, self.images = _new_model_and_images(scale)
        self.weights = dict(self.model.named_parameters())
        self.codes, self.sizes = self.model.neighborhoods(self.images)
        self.strengths = self._strengths()
        self.terms, self.points = self.asked()

    def _strengths(self):
        """Of the stand-in, so that it is about as large as the helper whose place it takes."""
        some = torch.rand(self.model.latent_dim) + 1
        of_codes = self.stand_in == "energy"
        given = self.codes if of_codes else self.sizes
        helper = losses.energy if of_codes else losses.neighborhood_size
        return (some * 1.5 * helper(given) / questions.stand_in(some, given)).detach()

    def asked(self) -> tuple[dict[str, Term], Tensor]:
        """Return the terms, and the points (digits, latent numbers) that came into the decoder on any way."""
        question = Question((self.model, self.images), self.stand_in, self.strengths)
        reply = _asked(self.ask, question)
        _are_terms(reply, self.names)
        points, digits = reply.points, len(self.codes)
        wrong = f"it decodes {len(points)} points for {digits} digits, not one each."
        _must(len(points) > 0 and len(points) % digits == 0 and points.shape[1] == self.codes.shape[1], wrong)
        _leaves_alone(reply, "A loss only measures; training takes the steps.")
        return reply.terms, self._behind(reply.terms["reconstruction"], points.split(digits))

    @torch.no_grad()
    def _behind(self, found, some):
        """The decoded points whose reconstruction was returned; others may be there for a look."""
        if found.value is None or found.value.dim():
            return some[0]
        costs = [losses.reconstruction(self.model.logits(points.float()), self.images) for points in some]
        return some[min(range(len(some)), key=lambda place: abs(costs[place] - found.value))]

    def nearby(self, sizes: Tensor, name: str) -> Tensor:
        """See that the points are codes with noise of these sizes; return such points."""
        first, again = ((points - self.codes).detach() for points in (self.points, self.asked()[1]))
        unit = (first / sizes.detach()).float()
        for words, shows in (slips.SHARED if slips.is_normal(unit) else slips.NOT_NORMAL).items():
            told = words.format(name=name, wide=unit.std(), size=sizes.mean())
            _must(not shows(unit, sizes.detach(), self.codes.detach()), told)
        _must(not slips.goes_along(unit, self.codes.detach()), "the noise goes along with the codes.")
        _must(not _close(first, again, 0.01), "the noise is the same in each call. Set no seed in the loss.")
        return self.codes + sizes * unit

    def reconstructs(self, from_points: Tensor) -> None:
        """Compare the points that were decoded, and the reconstruction, with those from the encoder."""
        _must(_close(self.points, from_points), "the decoder did not get the codes of `model.encode`.")
        found, given = self.terms["reconstruction"], [self.model.logits(from_points), self.images]
        of_decoder = {name: one for name, one in self.weights.items() if name.startswith("decoder.")}
        right = _holds(slips.RECONSTRUCTION, found, given, of_decoder)
        told = f"what the decoder got is cut off from the encoder, or from a part of it. {ATTACHED}"
        _must(_same_slopes(found, right, self.weights), told)

    def has_energy(self) -> None:
        """Compare the energy with that of the codes."""
        noisy = {"is that of the noisy codes: take the codes.": lambda _: losses.energy(self.points)}
        asked = slips.ENERGY._replace(slips=noisy | slips.ENERGY.slips)
        self._holds_or_stands_in("energy", asked, self.codes)

    def has_prices(self) -> None:
        """Compare the price of the neighborhoods with that of the sizes."""
        both = losses.energy(self.codes) + losses.neighborhood_size(self.sizes)
        more = {"holds the energy, too, which is a term of its own.": lambda _: both}
        asked = slips.NEIGHBORHOOD_SIZE._replace(slips=more | slips.NEIGHBORHOOD_SIZE.slips)
        self._holds_or_stands_in("neighborhood_size", asked, self.sizes)

    def _holds_or_stands_in(self, helper, asked, given):
        found = self.terms[helper.replace("_", " ")]
        stand_in = functools.partial(questions.stand_in, self.strengths)
        replaced = helper == self.stand_in and found.value is not None
        if replaced and _close(found.value, stand_in(given)):
            asked = asked._replace(right=stand_in)
        _holds(asked, found, [given], self.weights)


def _some_shape(least=120):
    """Of (digits, latent numbers), both even, for noise drawn for one half.

    Not 12 or 16 numbers, as in the chapters, though 12 fit in. Whether noise is normal shows in many digits
    only: 12 times ``least``, or more.
    """
    return 12 * int(torch.randint(least, 150, ())), (8, 10, 14, 18)[torch.randint(4, ())]


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


def _asked(ask, question):
    """The reply to a question, where there is one."""
    reply = ask(question)
    if reply.unwritten:
        raise NotWrittenYetError(reply.unwritten)
    _must(not reply.no_function, f"this is {reply.no_function}, not a function. Pass it without parentheses.")
    told = reply.error
    if own := re.search(rf"\b({LATENT_DIM}|{EPILOGUE_DIM})\b", told):  # not ours: see ``_some_shape``
        told += f". Models have more or fewer latent numbers than {own[0]}; ask `.shape`"
    if "the time passed ()" in told:
        told += ". The time passed is a column, (N, 1): one number for each point"
    _must(not told, f"it stopped with {told}.")
    return reply


def _leaves_alone(reply, words):
    _must(reply.intact, f"it changes the model. {words}")
    _must(reply.all_learn, "it leaves weights that cannot be trained. Do without `requires_grad_`.")


def _one(reply):
    return reply.terms[""] if list(reply.terms) == [""] else Term(reply.kind)


def _are_terms(reply, names):
    example = "{" + ", ".join(f'"{name}": ...' for name in names) + "}"
    kind = "nothing" if reply.kind == "NoneType" else f"a {reply.kind}"
    is_dict = list(reply.terms) != [""]
    _must(is_dict, f"it returns {kind}; expected the terms by name, return {example}.")
    there = ", ".join(reply.terms) or "none"
    told = f"its terms are {there}; expected {', '.join(names)}: return {example}."
    _must(set(reply.terms) == set(names), told)


def _is_tensor(asked, found, shape, slips_of_shape=()):
    _must(found.kind != "NoneType", f"{asked.subject} is None. End the function with `return`.")
    kind = f"of type {found.kind}, not a tensor"
    _must(found.kind == "Tensor", f"{asked.subject} is {kind}. Do without lists, `.item()` and numpy.")
    told = f"has the shape {found.shape}, not {tuple(shape) or 'that of one number'}. {asked.hint}"
    as_asked = found.shape == tuple(shape) and found.value is not None
    _must(as_asked, f"{asked.subject} {dict(slips_of_shape).get(found.shape, told)}")


def _holds(asked, found, given, weights):
    """Return the right term; see that the one found has its value, and its slopes by weights."""
    _is_tensor(asked, found, ())
    number = found.value.item()
    _must(math.isfinite(number), f"{asked.subject} is {number}. Look for a logarithm or quotient of 0.")
    told = "does not depend on what it was given, so nothing can be learned from it"
    _must(found.slopes is not None, f"{asked.subject} {told}. {ATTACHED}")
    right = _agrees(asked, found, *given)
    told = "has the right value, but training cannot use it: a part of it is detached, or has other slopes"
    _must(_same_slopes(found, right, weights), f"{asked.subject} {told}. {ATTACHED}")
    return right


def _agrees(asked, found, *given):
    right = asked.right(*given)
    if not _close(found.value, right):
        for words, wrong in asked.slips.items():
            _must(not _close(found.value, wrong(*given)), f"{asked.subject} {words}")
        values = f" ({found.value.item():.4g} instead of {right.item():.4g})" if right.dim() == 0 else ""
        raise SlipError(f"{asked.subject} has another value than expected{values}. {asked.hint}")
    return right


def _same_slopes(found, right, weights):
    ours = torch.autograd.grad(right, [*weights.values()], retain_graph=True, materialize_grads=True)
    rounding = 1e-5 * max(slope.abs().amax() for slope in ours)
    return all(
        name in found.slopes and _close(found.slopes[name], slope, 1e-3, rounding)
        for name, slope in zip(weights, ours, strict=True)
    )


def _close(a, b, tolerance=1e-4, rounding=1e-12):
    a, b = a.detach().double(), b.detach().double()
    return a.shape == b.shape and bool((a - b).abs().amax() < tolerance * b.abs().amax() + rounding)
