"""Predictions that answer: the reader guesses, and the cell after shows the guess beside the outcome.

What answers a guess is linked to it in the page, so that it answers in an exported page, too, without a
kernel. Whoever makes no guess loses nothing.
"""

import html
import random
from numbers import Real
from string import ascii_uppercase

import ipywidgets as widgets
from IPython.display import display
from torch import Tensor

from helpers import plots
from helpers.front_ends import Choice, LargeHTML, Selected, Whole
from helpers.models import named

COLUMN = {"flex_flow": "column", "margin": "4px 0"}
ROW = {"flex_flow": "row wrap", "grid_gap": "0 16px", "margin": "4px 0"}


class Spoken(Whole):
    """Widgets, and the words that say the same where there are none."""

    def __init__(self, words: str, parts: list[widgets.Widget], layout: dict[str, str]):
        self.words = words
        super().__init__(parts, layout=layout)
        self.add_class("prediction")

    def _repr_mimebundle_(self, **kwargs):
        return super()._repr_mimebundle_(**kwargs) | {"text/plain": self.words}


class Guess(Spoken):
    """A question, and a control for the answer, shown at once; ``reveal`` brings the outcome.

    Args:
        question: one sentence.
        answers: as they are shown, each with what it is compared by.
        control: chooses one of them.
        seen: what stands between question and control.
        step: how far from the outcome a number still comes true.
        unit: of a number.
    """

    def __init__(
        self,
        question: str,
        answers: dict[str, str | float],
        control: widgets.Widget,
        seen: tuple[widgets.Widget, ...] = (),
        step: float = 0,
        unit: str = "",
    ):
        self.question, self.answers, self.control = question, answers, control
        self.step, self.unit = step, unit
        if question in _revealed:
            _revealed[question] = None  # asked again; it keeps its place
        asked = widgets.HTML(f"<b>Your prediction.</b> {html.escape(question)}")
        chosen = self.heard(lambda answer: f"Your guess: {answer}.")
        super().__init__(f"{question} ({', '.join(answers)})", [asked, *seen, control, chosen], COLUMN)
        display(self)

    def comes_true(self, answer: str, outcome: str | float) -> bool:
        """Whether an answer is the outcome or, of numbers, at most a step away from it."""
        value = self.answers[answer]
        return abs(value - outcome) <= self.step * (1 + 1e-9) if self.step else str(value) == str(outcome)

    def told(self, outcome: str | float) -> str:
        """An outcome in words; a ValueError if nobody could have guessed it."""
        if self.step:
            if isinstance(outcome, Real):
                return f"{float(outcome):.3g}{self.unit}"
            wrong = "no number"
        else:
            for answer, value in self.answers.items():
                if str(value) == str(outcome):
                    return answer if answer == value else f"{answer}, {value}"
            wrong = f"none of the answers: {', '.join(map(str, self.answers.values()))}"
        raise ValueError(
            f"The outcome {outcome!r} is {wrong}. This guess is about {self.question!r}. Run the cell "
            "that asks for this outcome first."
        )

    @property
    def is_open(self) -> bool:
        """Whether somebody can still guess: a guess is closed once its cell is run again."""
        return self.control.comm is not None

    def heard(self, reply) -> Selected:
        """Shows ``reply`` to the answer that is chosen, in the page alone; nothing while none is."""
        replies = [widgets.HTML(html.escape(reply(answer))) for answer in self.answers]
        return Selected(self.control, replies)


def choice(question: str, *answers: str) -> Guess:
    """Ask which of a few answers it will be; a TypeError if there are not at least two."""
    if len(answers) < 2:
        raise TypeError('choice wants the answers one after another: choice("A question?", "yes", "no").')
    answers = {str(answer): str(answer) for answer in answers}
    return Guess(question, answers, _buttons(answers))


def picture(question: str, pictures: dict[str | float, Tensor]) -> Guess:
    """Ask which of a few pictures it will be; they are shown shuffled, with letters for names.

    Args:
        question: one sentence, which also decides their order.
        pictures: name to images, see ``models.as_batch``.
    """
    pictures = named("picture", pictures, "group of images")
    names = random.Random(question).sample(list(pictures), len(pictures))
    answers = dict(zip(ascii_uppercase, names, strict=False))
    shown = plots.galleries({letter: pictures[name] for letter, name in answers.items()})
    return Guess(question, answers, _buttons(answers), (LargeHTML(shown.html()),))


def number(question: str, low: float, high: float, step: float, unit: str = "") -> Guess:
    """Ask for a number; a guess up to a step away from the outcome comes true.

    Args:
        question: one sentence.
        low, high, step: of the numbers to choose from.
        unit: is written behind each number, for example ``"%"``.
    """
    values = [low + step * i for i in range(round((high - low) / step) + 1)]
    answers = {f"{value:g}{unit}": value for value in values}
    return Guess(question, answers, _buttons(answers), step=step, unit=unit)


def _buttons(answers):
    return Choice(options=list(answers), value=None, style={"button_width": "auto"})


_revealed: dict[str, tuple[Guess, str | float] | None] = {}  # question to its last guess, and the outcome


def reveal(guess: Guess, outcome: str | float) -> Spoken:
    """Show what came out, and beside it what was guessed.

    Args:
        guess: what ``choice``, ``picture`` or ``number`` returned.
        outcome: one of the answers, or a number.

    Raises:
        ValueError: nobody could have guessed that.
    """
    if getattr(outcome, "ndim", None) == 0:  # a tensor or an array of one number
        outcome = outcome.item()
    words = f"Outcome: {guess.told(outcome)}"
    _revealed[guess.question] = guess, outcome

    def reply(answer):
        return f"You said {answer}: {'it came true.' if guess.comes_true(answer, outcome) else 'a surprise.'}"

    replies = [guess.heard(reply)] if guess.is_open else []
    return Spoken(words, [widgets.HTML(f"<b>{html.escape(words)}</b>"), *replies], ROW)


def summary() -> Spoken:
    """Show in one line how the predictions did that were revealed so far."""

    def reply(place, guess, outcome):
        return lambda answer: (
            f"{place} {'came true' if guess.comes_true(answer, outcome) else 'surprised you'}"
        )

    revealed = [pair for pair in _revealed.values() if pair and pair[0].is_open]
    words = f"Of {len(revealed)} predictions, those you made:"
    chips = [guess.heard(reply(i, guess, outcome)) for i, (guess, outcome) in enumerate(revealed, 1)]
    return Spoken(words, [widgets.HTML(f"<b>{words}</b>"), *chips], ROW)
