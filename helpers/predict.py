"""Predictions that answer: the reader guesses, and the cell after shows the guess beside the outcome.

What answers a guess is linked to it in the page, so that it answers in an exported page, too, without a
kernel. Whoever makes no guess loses nothing.
"""

import html
import random
from string import ascii_uppercase

import ipywidgets as widgets
from IPython.display import display
from torch import Tensor

from helpers import plots
from helpers.front_ends import Choice, LargeHTML, Selected, Whole

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
        asked = widgets.HTML(f"<b>Your prediction.</b> {html.escape(question)}")
        chosen = self.heard(lambda answer: f"Your guess: {answer}.")
        super().__init__(f"{question} ({', '.join(answers)})", [asked, *seen, control, chosen], COLUMN)
        display(self)

    def comes_true(self, answer: str, outcome: str | float) -> bool:
        """Whether an answer is the outcome or, of numbers, at most a step away from it."""
        value = self.answers[answer]
        return abs(value - outcome) <= self.step * (1 + 1e-9) if self.step else value == outcome

    def told(self, outcome: str | float) -> str:
        """An outcome in words; a ValueError if nobody could have guessed it."""
        if self.step:
            return f"{outcome:.3g}{self.unit}"
        for answer, value in self.answers.items():
            if value == outcome:
                return answer if answer == value else f"{answer}, {value}"
        possible = ", ".join(map(str, self.answers.values()))
        raise ValueError(f"The outcome {outcome!r} is none of the answers: {possible}.")

    def heard(self, reply) -> Selected:
        """Shows ``reply`` to the answer that is chosen, in the page alone; nothing while none is."""
        replies = [widgets.HTML(html.escape(reply(answer))) for answer in self.answers]
        return Selected(self.control, replies)


def choice(question: str, *answers: str) -> Guess:
    """Ask which of a few answers it will be."""
    return Guess(question, dict(zip(answers, answers, strict=True)), _buttons(answers))


def picture(question: str, pictures: dict[str | float, Tensor]) -> Guess:
    """Ask which of a few pictures it will be; they are shown shuffled, with letters for names.

    Args:
        question: one sentence, which also decides their order.
        pictures: name to images, see ``models.as_batch``.
    """
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


_revealed: dict[str, tuple[Guess, str | float]] = {}  # question to its last guess, and the outcome


def reveal(guess: Guess, outcome: str | float) -> Spoken:
    """Show what came out, and beside it what was guessed.

    Args:
        guess: what ``choice``, ``picture`` or ``number`` returned.
        outcome: one of the answers, or a number.

    Raises:
        ValueError: nobody could have guessed that.
    """
    words = f"Outcome: {guess.told(outcome)}"
    _revealed[guess.question] = guess, outcome

    def reply(answer):
        return f"You said {answer}: {'it came true.' if guess.comes_true(answer, outcome) else 'a surprise.'}"

    return Spoken(words, [widgets.HTML(f"<b>{html.escape(words)}</b>"), guess.heard(reply)], ROW)


def summary() -> Spoken:
    """Show in one line how the predictions did that were revealed so far."""

    def reply(place, guess, outcome):
        return lambda answer: (
            f"{place} {'came true' if guess.comes_true(answer, outcome) else 'surprised you'}"
        )

    words = f"Of {len(_revealed)} predictions, those you made:"
    chips = [
        guess.heard(reply(i, guess, outcome)) for i, (guess, outcome) in enumerate(_revealed.values(), 1)
    ]
    return Spoken(words, [widgets.HTML(f"<b>{words}</b>"), *chips], ROW)
