"""Make pages light: pictures in modern formats, and widgets as compressed blocks that the page unpacks.

A block is a script element that no browser runs: gzip, as base64. Whatever two widgets share, a script or
the weights of a network, is one block. Weights are rounded, as finely as the page's size allows. Each view
comes with the blocks that it needs and that no earlier one needed. The first explorer comes before all other
views, so that it lives while they are still on their way; its networks come last: rows of digits begin with
the first of them. ``course.js`` unpacks.

A page that weighs too much however they are rounded sheds its last networks, with the explorers that compute
with them, into a script beside it, which it loads when one of these comes near. A file for each network, for
all pages that show it, would be loaded once, but every page would be many files, and its first explorer would
wait for some of them. This way most pages stay one file, and no first explorer waits.
"""

import base64
import functools
import io
import json
import re
import zlib
from collections.abc import Iterator

import numpy as np
from PIL import Image

# In a matrix's standard deviation, to which its weights are rounded: 5 to 3.6 bits for each of them.
STEPS = (8, 6, 5, 4, 3)
LONG_TEXT = 1000  # characters: shorter ones are not worth a block of their own
PNG = re.compile(r"data:image/png;base64,([A-Za-z0-9+/=]+)")
EXPLORERS = frozenset(("explorer", "explorer-stepped"))  # classes by which course.js knows them, too
PICTURE_WIDTH = 760  # CSS pixels, of a page's column
Piece = tuple[str, str, bytes]  # of a page's widgets: a block or a view, its name, and what it holds


# ------------------------------------------------------------------------------------------ pictures


@functools.cache  # as is much else, since a page is put together anew until it is light enough
def picture(png: bytes) -> tuple[str, tuple[int, int]]:
    """Return a picture as the shortest of modern data addresses, and its size in pixels.

    Lossless WebP is short for flat colors, AVIF for shades. Neither has more than two pixels for each at
    which a page shows it.
    """
    image = Image.open(io.BytesIO(png)).convert("RGB")
    if image.width > 2 * PICTURE_WIDTH:
        image.thumbnail((2 * PICTURE_WIDTH, image.height), Image.Resampling.LANCZOS)
    made = {"webp": _saved(image, "WEBP", lossless=True, method=4)}
    made["avif"] = _saved(image, "AVIF", quality=60, speed=6, subsampling="4:4:4")
    kind = min(made, key=lambda name: len(made[name]))
    return f"data:image/{kind};base64,{_base64(made[kind])}", image.size


def with_light_pictures(text: str) -> str:
    """Return text in which all PNG pictures in data addresses are light."""
    return PNG.sub(lambda found: picture(base64.b64decode(found[1]))[0], text)


def _saved(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def _base64(content):
    return base64.b64encode(content).decode()


# -------------------------------------------------------------------------------------------- blocks


class Blocks:
    """The blocks of one page, each once. Weights are rounded to ``steps``, see ``STEPS``."""

    def __init__(self, steps: int):
        self.steps = steps
        self.places = {}  # content to number

    def add(self, content: bytes) -> tuple[int, list[Piece]]:
        """Return the number of the block with this content, and the block, unless it is there already."""
        if content in self.places:
            return self.places[content], []
        number = self.places[content] = len(self.places)
        return number, [("block", str(number), content)]


def element(kind: str, name: str, content: bytes) -> str:
    """Return a piece as HTML, and the word that it has arrived."""
    return (
        f'<script type="application/gzip" data-{kind}="{name}">{compressed(content)}</script>'
        "<script>course.arrived(document.currentScript)</script>\n"
    )


def call(kind: str, name: str, content: bytes) -> str:
    """Return a piece as a line of a script beside the page."""
    return f'course.take("{kind}", "{name}", "{compressed(content)}");\n'


@functools.cache
def compressed(content: bytes) -> str:
    """Return bytes, made small by gzip, as base64. Numbers hardly repeat, which gzip need not look for."""
    shortest = min(_gzip(content, zlib.Z_DEFAULT_STRATEGY), _gzip(content, zlib.Z_HUFFMAN_ONLY), key=len)
    return _base64(shortest)


def _gzip(content, strategy):
    packer = zlib.compressobj(9, zlib.DEFLATED, 16 + zlib.MAX_WBITS, 9, strategy)
    return packer.compress(content) + packer.flush()


def group(view: str, models: dict, blocks: Blocks) -> list[Piece]:
    """Return a view's own blocks, what puts its models together, and last its networks; see ``course.js``.

    Args:
        view: the id of the model to show.
        models: id to model, as nbformat keeps the state of widgets; those that earlier groups lack.
        blocks: of this page, which takes in new ones.
    """
    pieces, late, parts, shells = [], [], [], {}
    for key, model in models.items():
        shells[key] = {**model, "state": dict(model["state"])}
        found = _long_texts(key, shells[key]) + _buffers(key, shells[key], blocks.steps)
        for part, content in found:
            part["block"], made = blocks.add(content)
            (late if "shapes" in part else pieces).extend(made)
            parts.append(part)
    described = json.dumps({"models": shells, "parts": parts}, separators=(",", ":"))
    return [*pieces, ("view", view, described.encode()), *late]


def _long_texts(key, shell):
    """Take long texts out of a model: for each where it belongs, and its bytes."""
    state = shell["state"]
    long = [name for name, value in state.items() if isinstance(value, str) and len(value) > LONG_TEXT]
    return [
        ({"model": key, "path": [name], "kind": "text"}, with_light_pictures(state.pop(name)).encode())
        for name in long
    ]


def _buffers(key, shell, steps):
    """Take the buffers out of a model: for each where it belongs, and its bytes."""
    shapes, found = shell["state"].get("shapes"), []
    for buffer in shell.pop("buffers", []):
        part, content = {"model": key, "path": buffer["path"]}, base64.b64decode(buffer["data"])
        if shapes and buffer["path"] == ["weights"]:
            kind, content = _network(content, shapes, steps)
            part |= {"kind": kind, "shapes": shapes}
        found.append(({"kind": "bytes"} | part, content))
    return found


def _network(content, shapes, steps):
    """The kind and the bytes of a network's weights, rounded where their form is known."""
    halves, form = halves_of(content, shapes)
    if halves is not None:
        return form, rounded(halves, shapes, steps)
    return "bytes", recounted(content, shapes, steps)


def halves_of(content: bytes, shapes: list[list[int]]) -> tuple[np.ndarray | None, str]:
    """Return a network's weights in half precision and the form in which its widget has them, or None.

    The form is "halves", or "planes": all low bytes, then all high ones, deflated.
    """
    if len(content) == 2 * _size(shapes):
        return np.frombuffer(content, "<f2"), "halves"
    planes = _inflated(content)
    if len(planes) != 2 * _size(shapes):
        return None, "bytes"
    return np.ascontiguousarray(planes.reshape(2, -1).T).view("<f2")[:, 0], "planes"


def rounded(halves: np.ndarray, shapes: list[list[int]], steps: int) -> bytes:
    """Return a network's weights with matrices rounded: a palette of 256 halves, then a byte for each weight.

    Args:
        halves: of each layer its matrix, then its bias.
        shapes: (outputs, inputs) of each layer.
        steps: see ``STEPS``.
    """
    parts, start = [], 0
    for outputs, inputs in shapes:
        matrix = halves[start : (start := start + outputs * inputs)].astype(np.float32)
        bias = halves[start : (start := start + outputs)]
        step = max(matrix.std() / steps, np.abs(matrix).max() / 127, 1e-8)
        palette = (step * np.arange(-128, 128)).astype("<f2")
        indices = (matrix / step).round() + 128
        parts += [palette.tobytes(), indices.astype(np.uint8).tobytes(), bias.tobytes()]
    return b"".join(parts)


def recounted(content: bytes, shapes: list[list[int]], steps: int) -> bytes:
    """Return weights that are deflated counts of small steps, a byte each, as counts of larger ones.

    For ``steps`` see ``STEPS``. Whatever else it is stays as it is.
    """
    counts = _inflated(content)
    if len(counts) != _size(shapes):
        return content
    counts, start = counts.view(np.int8).copy(), 0
    for outputs, inputs in shapes:
        matrix = counts[start : start + outputs * inputs]
        step = max(1, round(matrix.std() / steps))
        matrix[:] = np.clip((matrix / step).round(), -(127 // step), 127 // step) * step
        start += outputs * (inputs + 1)
    packer = zlib.compressobj(strategy=zlib.Z_HUFFMAN_ONLY)
    return packer.compress(counts.tobytes()) + packer.flush()


def _size(shapes):
    return sum(outputs * (inputs + 1) for outputs, inputs in shapes)


def _inflated(content):
    """The bytes that were deflated, or none."""
    try:
        return np.frombuffer(zlib.decompress(content), np.uint8)
    except zlib.error:
        return np.empty(0, np.uint8)


# ------------------------------------------------------------------------------------ widgets of a page


def references(model: dict) -> set[str]:
    """Return the ids of all models that one refers to."""
    return set(re.findall(r"IPY_MODEL_(\w+)", json.dumps(model["state"])))


def reachable(view: str, models: dict) -> set[str]:
    """Return the ids of all models that a view needs."""
    found, waiting = set(), {view}
    while waiting:
        key = waiting.pop()
        found.add(key)
        waiting |= references(models[key]) - found
    return found


def computes(view: str, models: dict) -> bool:
    """Say whether a view has a network."""
    return any("shapes" in models[key]["state"] for key in reachable(view, models))


def explorer_first(views: list[str], models: dict) -> list[str]:
    """Return a page's views with its first explorer before the predictions above it, which are read first."""
    first = next((view for view in views if explores(view, models)), None)
    return sorted(views, key=lambda view: view != first)


def explores(view: str, models: dict) -> bool:
    """Say whether a view is an explorer."""
    classes = {
        name for key in reachable(view, models) for name in models[key]["state"].get("_dom_classes", ())
    }
    return not EXPLORERS.isdisjoint(classes)


def widgets(views: list[str], beside: list[str], models: dict, steps: int) -> tuple[str, str]:
    """Return the HTML that brings these views of a page to life, and the script for those in ``beside``."""
    within = explorer_first([view for view in views if view not in beside], models)
    groups = list(_groups(within + beside, models, steps))
    first = len(views) - len(beside)
    html = "".join(element(*piece) for pieces in groups[:first] for piece in pieces)
    return html, "".join(call(*piece) for pieces in groups[first:] for piece in pieces)


def _groups(views: list[str], models: dict, steps: int) -> Iterator[list[Piece]]:
    """What brings views to life, one after the other.

    Models that nothing refers to, such as links between two others, come with the last of what they link.
    """
    blocks, known = Blocks(steps), set()
    needed_by = {view: reachable(view, models) for view in views}
    loose = set(models) - set().union(*needed_by.values(), *map(references, models.values()))
    for view in views:
        after = known | needed_by[view]
        joining = {
            key for key in loose - known if references(models[key]) and references(models[key]) <= after
        }
        after |= set().union(*(reachable(key, models) for key in joining))
        yield group(view, {key: models[key] for key in models if key in after - known}, blocks)
        known = after
