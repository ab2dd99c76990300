"""What comes back from a kernel that nobody can trust is read as numbers, or refused."""

import json

import pytest
import safetensors.torch
import torch

from helpers import questions
from helpers.models import Autoencoder
from helpers.questions import Question, Reply, Term


def packed(facts, **tensors):
    told = json.dumps(facts).encode()
    return len(told).to_bytes(4, "big") + told + safetensors.torch.save(tensors)


MODEL = dict.fromkeys(questions.FACTS, True)
GOOD = {"terms": {}, "model": MODEL, "words": dict.fromkeys(questions.WORDS, "")}


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\0\0\0\2{}",
        b"\xff" * 100,
        packed([], points=torch.empty(0, 0)),
        packed(GOOD),
        packed(GOOD | {"terms": 3}, points=torch.empty(0, 0)),
        packed(GOOD | {"terms": {"": 3}}, points=torch.empty(0, 0)),
        packed(
            GOOD | {"terms": {"": {"kind": "Tensor", "shape": 3, "graph": True}}}, points=torch.empty(0, 0)
        ),
        packed(GOOD | {"words": {}}, points=torch.empty(0, 0)),
        packed(GOOD | {"model": {}}, points=torch.empty(0, 0)),
        packed(GOOD, points=torch.tensor(0.0)),
        packed(
            GOOD | {"terms": {"": {"kind": "Tensor", "shape": [float("inf")], "graph": False}}},
            points=torch.empty(0, 0),
        ),
        packed(GOOD, points=torch.empty(0, 0))[:-1],
        (20_000).to_bytes(4, "big") + b"[" * 20_000,
        packed(
            GOOD | {"terms": {"": {"kind": "Tensor", "shape": [], "graph": False}}},
            **{"0": torch.ones(3), "points": torch.empty(0, 0)},
        ),
    ],
)
def test_what_is_no_reply_is_a_value_error(content):
    with pytest.raises(ValueError, match="is no reply"):
        Reply.unpacked(content)


def test_words_and_terms_that_come_back_are_few():
    facts = GOOD | {"words": dict.fromkeys(questions.WORDS, "x" * 10_000)}
    facts["terms"] = {f"{n}" * 1000: {"kind": "k" * 10_000, "shape": [], "graph": False} for n in range(1000)}
    facts["words"]["unwritten"] = "\ud800"
    reply = Reply.unpacked(packed(facts, points=torch.empty(0, 0)))
    assert reply.unwritten.encode()
    assert len(reply.error) == questions.MOST_LETTERS
    assert len(reply.terms) == questions.MOST_TERMS
    assert all(len(name) <= questions.MOST_LETTERS for name in reply.terms)


def test_questions_and_replies_survive_the_way():
    model, images = Autoencoder(3, width=8), torch.rand(5, 1, 28, 28)
    codes = torch.randn(5, 3, requires_grad=True)
    sent = Question((model, images, codes, 7), "energy", torch.rand(3))
    got = Question.unpacked(sent.packed())
    assert torch.equal(got.arguments[0].encode(images), model.encode(images))
    assert torch.equal(got.arguments[1], images)
    assert got.arguments[2].requires_grad
    assert got.arguments[3] == 7
    assert (got.stand_in, str(got)) == ("energy", str(sent))
    reply = questions.ask(lambda model, images, codes, n: {"a": codes.sum() * n, "b": 3}, sent)
    assert reply.terms["a"].value == pytest.approx(7 * codes.sum().item(), rel=1e-4)
    assert reply.terms["b"] == Term("int")
    assert str(reply).endswith("b of type int")


def test_long_tensors_come_back_as_shapes():
    reply = questions.ask(lambda codes: torch.ones(1000, 1000), Question((torch.ones(2, 2),)))
    assert reply.terms[""].shape == (1000, 1000)
    assert reply.terms[""].value is None


def test_a_stand_in_takes_a_helpers_place_for_one_question():
    names = {}
    exec("def energy(codes): return codes.sum()\ndef loss(codes): return energy(codes)", names)
    codes, strengths = torch.randn(4, 3), torch.rand(3)
    reply = questions.ask(names["loss"], Question((codes,), "energy", strengths))
    assert reply.terms[""].value == pytest.approx((codes.square() @ strengths).mean().item(), rel=1e-5)
    assert names["energy"](codes) == codes.sum()
