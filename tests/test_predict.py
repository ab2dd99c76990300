"""Predictions: what is asked, what is answered, and what is said where no widget can be shown."""

import numpy as np
import pytest
import torch

from helpers import predict


@pytest.fixture(autouse=True)
def nothing_revealed(monkeypatch):
    monkeypatch.setattr(predict, "_revealed", {})


def replies(told):
    """What each reveal or summary says right now, without its first words."""
    stacks = [part for part in told.children if isinstance(part, predict.Selected)]
    shown = [
        stack.children[stack.selected_index].value for stack in stacks if stack.selected_index is not None
    ]
    return [words for words in shown if words]


def test_a_choice_that_came_true_and_one_that_did_not():
    guess = predict.choice("Mixed or sorted?", "mixed", "sorted")
    guess.control.value = "sorted"
    assert replies(predict.reveal(guess, "sorted")) == ["You said sorted: it came true."]
    assert replies(predict.reveal(guess, "mixed")) == ["You said sorted: a surprise."]


@pytest.mark.parametrize("outcome", [28, 35.0, 0.3 * 100])
def test_a_number_up_to_a_step_away_comes_true(outcome):
    guess = predict.number("How many?", 0, 100, 10, "%")
    assert list(guess.answers)[:2] == ["0%", "10%"]
    assert list(guess.answers)[-1] == "100%"
    guess.control.value = "40%"
    right = replies(predict.reveal(guess, outcome)) == ["You said 40%: it came true."]
    assert right == (outcome >= 30)


def test_steps_that_no_computer_adds_exactly():
    guess = predict.number("What share?", 0, 1, 0.1)
    assert list(guess.answers)[-1] == "1"
    assert guess.comes_true("0.3", 0.2)
    assert not guess.comes_true("0.3", 0.15)


def test_pictures_are_shuffled_and_the_outcome_tells_which_was_which():
    pictures = {str(size): torch.rand(4, 28, 28) for size in (0.1, 0.2, 0.5)}
    guess = predict.picture("Which of them is it?", pictures)
    assert sorted(guess.answers) == ["A", "B", "C"]
    assert list(guess.answers.values()) != list(pictures)
    letter = next(letter for letter, name in guess.answers.items() if name == "0.2")
    assert predict.reveal(guess, "0.2").words == f"Outcome: {letter}, 0.2"


def test_a_picture_is_chosen_by_its_letter():
    guess = predict.picture("Which?", {"one": torch.rand(4, 28, 28), "two": torch.rand(4, 28, 28)})
    assert 'alt="Galleries of digits, side by side: A; B"' in guess.children[1].value
    guess.control.value = "B"
    assert replies(predict.reveal(guess, guess.answers["B"])) == ["You said B: it came true."]


@pytest.mark.parametrize(
    "guess",
    [lambda: predict.choice("Yes?", "yes", "no"), lambda: predict.number("How many?", 0, 64, 8)],
    ids=["choice", "number"],
)
def test_no_guess_is_answered_with_silence(guess):
    guess = guess()
    told = predict.reveal(guess, "yes" if "yes" in guess.answers else 8)
    assert replies(told) == []
    assert told.words in ("Outcome: yes", "Outcome: 8")
    assert replies(predict.summary()) == []


def test_an_outcome_that_nobody_could_guess_is_refused():
    with pytest.raises(ValueError, match="'maybe' is none of the answers: yes, no"):
        predict.reveal(predict.choice("Yes?", "yes", "no"), "maybe")


@pytest.mark.parametrize(
    ("guess", "outcome", "words"),
    [
        (lambda: predict.choice("Which?", "1", "2"), 28.3, "none of the answers: 1, 2"),
        (lambda: predict.number("Which?", 0, 64, 8), "4", "'4' is no number"),
        (lambda: predict.number("Which?", 0, 64, 8), {"blind": 4}, "is no number"),
        (lambda: predict.number("Which?", 0, 64, 8), torch.rand(3), "is no number"),
    ],
)
def test_an_outcome_of_another_question_is_refused_with_the_guess_s_own(guess, outcome, words):
    with pytest.raises(
        ValueError, match=rf"(?s){words}.*This guess is about 'Which\?'. Run the cell that asks"
    ):
        predict.reveal(guess(), outcome)


@pytest.mark.parametrize("outcome", [2, "2", torch.tensor(2), np.int64(2)])
def test_numbers_are_answers_too(outcome):
    guess = predict.choice("Which?", 1, 2, 3)
    guess.control.value = "2"
    assert replies(predict.reveal(guess, outcome)) == ["You said 2: it came true."]


@pytest.mark.parametrize("outcome", [28, torch.tensor(28.0), np.float32(28)])
def test_numbers_of_any_kind_are_outcomes(outcome):
    assert predict.reveal(predict.number("How many?", 0, 64, 8), outcome).words == "Outcome: 28"


def test_questions_without_answers_are_refused():
    with pytest.raises(TypeError, match="one after another"):
        predict.choice("Yes?", ["yes", "no"])
    with pytest.raises(TypeError, match="picture wants names"):
        predict.picture("Which?", [torch.rand(4, 28, 28)] * 2)


def test_a_guess_that_is_asked_again_is_out_of_the_summary_until_it_is_revealed():
    for question in ("First?", "Second?"):
        predict.reveal(predict.choice(question, "yes", "no"), "yes")
    again = predict.choice("First?", "yes", "no")
    assert predict.summary().words == "Of 1 predictions, those you made:"
    again.control.value = "yes"
    predict.reveal(again, "yes")
    assert replies(predict.summary()) == ["1 came true"]


def test_a_closed_guess_is_left_out():
    guess = predict.choice("Yes?", "yes", "no")
    predict.reveal(guess, "yes")
    guess.close()
    assert predict.summary().words == "Of 0 predictions, those you made:"
    assert len(predict.reveal(guess, "yes").children) == 1


def test_the_summary_counts_each_question_once_and_says_nothing_of_those_skipped():
    for answer in (None, "no", "yes"):  # the cell was run three times
        guess = predict.choice("Yes?", "yes", "no")
        guess.control.value = answer
        predict.reveal(guess, "yes")
    predict.reveal(predict.number("Skipped", 0, 10, 1), 3)
    last = predict.number("How many?", 0, 10, 1)
    last.control.value = "7"
    predict.reveal(last, 2.5)
    told = predict.summary()
    assert told.words == "Of 3 predictions, those you made:"
    assert replies(told) == ["1 came true", "3 surprised you"]


def test_where_widgets_cannot_be_shown_words_stand_in():
    guess = predict.choice("Mixed <b>or</b> sorted?", "mixed", "sorted")
    assert guess._repr_mimebundle_()["text/plain"] == "Mixed <b>or</b> sorted? (mixed, sorted)"
    assert "&lt;b&gt;or" in guess.children[0].value
    assert predict.reveal(guess, "mixed")._repr_mimebundle_()["text/plain"] == "Outcome: mixed"


def test_closing_a_guess_closes_all_of_it():
    guess = predict.number("How many?", 0, 64, 8)
    control = guess.control
    guess.close()
    assert control.comm is None
