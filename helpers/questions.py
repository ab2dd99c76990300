"""What is asked of an answer, and what came back: bytes both ways, so that the two may live apart.

A learner's check asks a function in its own kernel. The grading of a homework sends the same questions
into a kernel where a student's code runs, and compares what comes back in a process where none does. So
``answer`` may be trusted with nothing, and what it returned is read as numbers and short texts only.
"""

import base64
import contextlib
import functools
import json
from collections.abc import Callable, Iterator
from typing import NamedTuple
from unittest import mock

import safetensors.torch
import torch
from IPython import get_ipython
from IPython.display import publish_display_data
from safetensors import SafetensorError
from torch import Tensor

from helpers.flow import LatentDiffusion
from helpers.models import Autoencoder

MOST_NUMBERS = 50_000  # in one tensor that comes back; a longer one is told by its shape alone
MOST_TERMS, MOST_LETTERS = 10, 300
MIME = "application/x-safetensors"  # of a reply among a notebook's outputs
Model = Autoencoder | LatentDiffusion
WORDS = ("kind", "error", "unwritten", "no_function")
FACTS = ("all_learn", "intact", "kept")


class NotWrittenYetError(NotImplementedError):
    """Raised where a homework waits for code; Jupyter shows its message instead of a traceback."""

    def __init__(self, name: str):
        super().__init__(f"{name} is not written yet. Write it in its cell above, and run that cell again.")
        self.function = name

    def _render_traceback_(self):
        return [str(self)]


class Question(NamedTuple):
    """What a function is called with.

    Args:
        arguments: models, tensors and whole numbers, in order. Slopes are asked for by a model's weights,
            else by the tensors that require gradients.
        stand_in: the name of a helper that gets replaced meanwhile, or "".
        strengths: of the stand-in, (latent numbers,); see ``stand_in``.
    """

    arguments: tuple[Model | Tensor | int, ...]
    stand_in: str = ""
    strengths: Tensor = torch.empty(0)

    def __str__(self):
        return "with " + ", ".join(map(_described, self.arguments))

    def packed(self) -> bytes:
        """Return it as bytes, for ``unpacked``."""
        tensors, plan = {"strengths": self.strengths}, []
        for place, argument in enumerate(self.arguments):
            if isinstance(argument, Model):
                plan.append(_measures(argument))
                tensors |= {f"{place}.{name}": weight for name, weight in argument.state_dict().items()}
            elif isinstance(argument, Tensor):
                plan.append({"by": argument.requires_grad})
                tensors[str(place)] = argument
            else:
                plan.append(argument)
        return _packed({"plan": plan, "stand_in": self.stand_in}, tensors)

    @classmethod
    def unpacked(cls, content: bytes) -> "Question":
        """Return the question that was packed, with tensors of its own."""
        facts, tensors = _unpacked(content)
        arguments = []
        for place, argument in enumerate(facts["plan"]):
            if isinstance(argument, int):
                arguments.append(argument)
            elif "by" in argument:
                arguments.append(tensors[str(place)].requires_grad_(argument["by"]))
            else:
                own = {name[len(f"{place}.") :]: weight for name, weight in tensors.items()}
                model = _built(**argument)
                model.load_state_dict({name: own[name] for name in model.state_dict()})
                arguments.append(model)
        return cls(tuple(arguments), facts["stand_in"], tensors["strengths"])


class Term(NamedTuple):
    """A tensor that came back, or what came in place of one.

    Args:
        kind: the name of its type.
        shape: of a tensor.
        value: of a tensor that is not too long, in float64.
        slopes: of a single number by the weights or tensors of the question, by name; None without a graph.
    """

    kind: str
    shape: tuple[int, ...] = ()
    value: Tensor | None = None
    slopes: dict[str, Tensor] | None = None


class Reply(NamedTuple):
    """What a function gave back.

    Args:
        kind: the name of the type that it returned.
        terms: by name, where it returned a dict; else one, with the name "".
        points: what came into the decoder on any way, (points, latent numbers); into a network of
            directions, with the time passed as a last number.
        all_learn: may all weights still be trained after the call? Those of a network of directions, where
            there is one: its autoencoder has been trained before.
        intact: are the weights, and their gradients, as they were before the call?
        kept: are the tensors that it was called with as they were?
        error: in a line, where it stopped.
        unwritten: the name of the function that still waits for code, where one does.
        no_function: the name of the type of what was to be asked, where it cannot be called.
    """

    kind: str = ""
    terms: dict[str, Term] = {}  # noqa: RUF012
    points: Tensor = torch.empty(0, 0)
    all_learn: bool = True
    intact: bool = True
    kept: bool = True
    error: str = ""
    unwritten: str = ""
    no_function: str = ""

    def __str__(self):
        came = ", ".join(f"{name} {_came(term)}".strip() for name, term in self.terms.items())
        return self.error or came or self.kind or "nothing"

    def packed(self) -> bytes:
        """Return it as bytes, for ``unpacked``."""
        tensors, terms = {"points": self.points}, {}
        for place, (name, term) in enumerate(self.terms.items()):
            terms[name] = {"kind": term.kind, "shape": list(term.shape), "graph": term.slopes is not None}
            if term.value is not None:
                tensors[f"{place}"] = term.value
            tensors |= {f"{place}.{by}": slope for by, slope in (term.slopes or {}).items()}
        words = {name: getattr(self, name) for name in WORDS}
        model = {name: getattr(self, name) for name in FACTS}
        return _packed({"terms": terms, "model": model, "words": words}, tensors)

    @classmethod
    def unpacked(cls, content: bytes) -> "Reply":
        """Return the reply that was packed; raise ValueError where this is none."""
        try:
            facts, tensors = _unpacked(content)
            terms = {
                _line(name): _term(place, found, tensors)
                for place, (name, found) in enumerate([*facts["terms"].items()][:MOST_TERMS])
            }
            words = {name: _line(facts["words"][name]) for name in WORDS}
            model = {name: facts["model"][name] is True for name in FACTS}
            if tensors["points"].dim() != 2:
                raise ValueError("points are no rows of latent numbers")
            return cls(terms=terms, points=tensors["points"].double(), **model, **words)
        except (
            LookupError, TypeError, AttributeError, ValueError, OverflowError, RuntimeError, SafetensorError
        ) as error:  # fmt: skip
            raise ValueError("what came back is no reply") from error


@contextlib.contextmanager
def plain_torch() -> Iterator[None]:
    """Float32, gradients and new random numbers, whatever is set; torch is left as it was."""
    dtype = torch.get_default_dtype()
    try:
        with torch.random.fork_rng(), torch.enable_grad():
            torch.set_default_dtype(torch.float32)
            torch.seed()
            yield
    finally:
        torch.set_default_dtype(dtype)


def answer(content: bytes, function: Callable) -> bytes:
    """Put a packed question to a function, and return the packed reply."""
    try:
        with plain_torch():
            return _asked(Question.unpacked(content), function).packed()
    except NotWrittenYetError as error:
        return Reply(error=str(error), unwritten=error.function).packed()
    except (Exception, SystemExit) as error:
        words = " ".join(f"{type(error).__name__}: {error}".split()).rstrip(":.")  # in one line
        return Reply(error=words).packed()


def ask(function: Callable, question: Question) -> Reply:
    """Put a question to a function of this process."""
    return Reply.unpacked(answer(question.packed(), function))


def answer_in_jupyter(content: str, name: str) -> None:
    """Put a question, in base64, to a function of this notebook; the reply goes out as pictures do."""
    try:
        reply = answer(base64.b64decode(content), get_ipython().user_ns.get(name))
    except BaseException as error:  # an interrupt, whose traceback would show the whole question
        reply = Reply(error=type(error).__name__).packed()
    publish_display_data({MIME: base64.b64encode(reply).decode()})


def stand_in(strengths: Tensor, some: Tensor) -> Tensor:
    """What stands in for a helper that another task asks for: a spring of another strength for each number.

    Nobody would write it, so that it gives no answer away; and a right loss of the reader's uses it like
    the helper that it calls by name, so that a slip there is not one here.
    """
    return (some.square() @ strengths).mean()


def _asked(question, function):
    if not callable(function):
        return Reply(no_function=type(function).__name__)
    arguments = question.arguments
    (model,) = [one for one in arguments if isinstance(one, Model)] or [None]
    weights = {str(place): one for place, one in enumerate(arguments) if getattr(one, "requires_grad", False)}
    seen = [torch.empty(0, 0)]
    if model:
        weights = dict(model.named_parameters())
        entrance = model.decoder.hidden[0] if isinstance(model, Autoencoder) else model.enter
        seen = [torch.empty(0, entrance.in_features)]
        entrance.register_forward_pre_hook(lambda _, given: seen.append(given[0]))
    names = {question.stand_in: _in_place(question.strengths)} if question.stand_in else {}
    before = {name: weight.detach().clone() for name, weight in weights.items()}
    tensors = [one for one in arguments if isinstance(one, Tensor)]
    given = [one.detach().clone() for one in tensors]
    with mock.patch.dict(_names_around(function), names):
        found = function(*arguments)
    all_learn = all(one.requires_grad or name.startswith("autoencoder.") for name, one in weights.items())
    intact = all(weight.grad is None and weight.equal(before[name]) for name, weight in weights.items())
    kept = all(map(torch.equal, tensors, given))
    terms = dict([*found.items()][:MOST_TERMS]) if isinstance(found, dict) else {"": found}
    terms = {str(name): _told(one, weights) for name, one in terms.items()}
    points = torch.cat([some.detach().flatten(0, -2) for some in seen])[:MOST_NUMBERS]
    return Reply(type(found).__name__, terms, points, all_learn, intact, kept)


def _in_place(strengths):
    """The stand-in, which takes what it is given by any name."""
    return lambda *given, **named: stand_in(strengths, *given, *named.values())


def _names_around(function):
    """The names that a function sees, also behind ``functools.partial`` and in a callable object."""
    while isinstance(function, functools.partial):
        function = function.func
    inner = function if hasattr(function, "__globals__") else type(function).__call__
    return getattr(inner, "__globals__", {})


def _told(found, weights):
    if type(found) is not Tensor:
        return Term(type(found).__name__)
    value = found.detach().double() if found.numel() <= MOST_NUMBERS else None
    if found.shape or not found.requires_grad:
        return Term("Tensor", tuple(found.shape), value)
    slopes = torch.autograd.grad(
        found,
        [weight.requires_grad_() for weight in weights.values()],
        retain_graph=True,
        materialize_grads=True,
    )
    return Term("Tensor", (), value, dict(zip(weights, slopes, strict=True)))


def _term(place, found, tensors):
    slopes = {
        name.split(".", 1)[1]: one.double() for name, one in tensors.items() if name.startswith(f"{place}.")
    }
    value = tensors.get(str(place))
    shape = tuple(int(length) for length in found["shape"])[:MOST_TERMS]
    if value is not None and value.shape != shape:
        raise ValueError("a tensor has another shape than told")
    value = value if value is None else value.double()
    return Term(_line(found["kind"]), shape, value, slopes if found["graph"] else None)


def _line(words):
    """Words that came back, not too many, and such as can be written down."""
    return str(words)[:MOST_LETTERS].encode("utf-8", "replace").decode()


def _packed(facts, tensors):
    told = json.dumps(facts).encode()
    whole = {name: tensor.detach().clone().contiguous() for name, tensor in tensors.items()}
    return len(told).to_bytes(4, "big") + told + safetensors.torch.save(whole)


def _unpacked(content):
    length = int.from_bytes(content[:4], "big")
    return json.loads(content[4 : 4 + length]), safetensors.torch.load(content[4 + length :])


def _measures(model):
    autoencoder = getattr(model, "autoencoder", model)
    measures = {"latent_dim": model.latent_dim, "width": autoencoder.encoder.code.in_features}
    if model is not autoencoder:
        measures["flow"] = {"width": model.enter.out_features, "depth": len(model.hidden)}
    return measures


def _built(flow=None, **measures):
    autoencoder = Autoencoder(**measures)
    return LatentDiffusion(autoencoder, **flow) if flow else autoencoder


def _described(argument):
    if isinstance(argument, Model):
        return f"a model of {argument.latent_dim} latent numbers"
    if isinstance(argument, Tensor):
        return f"a tensor of the shape {tuple(argument.shape)}"
    return str(argument)


def _came(term):
    if term.kind != "Tensor":
        return f"of type {term.kind}"
    return f"of the shape {term.shape}" if term.shape or term.value is None else f"{term.value.item():.4g}"
