"""What explorers owe to ipywidgets and to the front ends that show them; ``explorer`` need not know it.

A ``Page`` carries all that ``explorer.js`` needs, and follows the controls in the browser. Scripts and
weights are shared by all pages that need the same. Whatever a cell opens is closed once that cell is run
again.
"""

import base64
import functools
import math
import sys
from pathlib import Path

import anywidget
import ipywidgets as widgets
import torch
import traitlets
from IPython import get_ipython
from torch import Tensor

FOLDER = Path(__file__).parent
# Each imports only from those before it.
MODULES = ("page", "network", "guess", "map", "drawing", "pad", "film", "explorer")
LEAST_SLIDER_STEPS = 250
SENT_BY_NAME = {"sync": True, **widgets.widget_serialization}
# An echo would pull back a hand that has moved on.
HEARD_WITHOUT_ECHO = {"sync": True, "echo_update": False}
# A browser never forgets a module, and anywidget would import the scripts anew for every explorer.
IMPORT_SCRIPT_ONCE = """
async function imported(sources) {
  const urls = {};
  for (const [name, source] of sources) {
    const text = source.replace(/(?<=from ")[.][/](\\w+)[.]js(?=";)/g, (_, module) => urls[module]);
    urls[name] = URL.createObjectURL(new Blob([text], { type: "text/javascript" }));
  }
  return import(urls.explorer);
}
async function render(context) {
  const { model } = context;
  const [, id] = model.get("script").split("IPY_MODEL_");
  const sources = (await model.widget_manager.get_model(id)).get("sources");
  const known = (globalThis[Symbol.for("helpers.explorer")] ??= new Map());
  const code = sources.join();
  if (!known.has(code)) known.set(code, imported(sources));
  return (await known.get(code)).render(context);
}
export default { render };
"""
CANNOT_RUN_IT = (
    "This front end cannot run the live explorer (it has no anywidget), so here is a picture of how it "
    "starts; it runs in JupyterLab, Notebook 7, VS Code and Colab."
)


class Shared(widgets.Widget):
    """What pages share; the last of them to be closed closes it."""

    pages = 0  # that are open and show it

    @classmethod
    def with_(cls, **traits) -> "Shared":
        """Return the open one with these traits, or a new one."""
        found = cls.open_with(**traits)
        if not found:
            found = cls(**traits)
            _open_shared.append(found)
        return found

    @classmethod
    def open_with(cls, **traits) -> "Shared | None":
        """Return the open one with these traits, if there is one."""
        own = (one for one in _open_shared if type(one) is cls)
        same = (one for one in own if all(getattr(one, name) == traits[name] for name in traits))
        return next(same, None)

    def close(self):
        if self.comm is not None:
            _open_shared.remove(self)
            _empty(self, **self.nothing)
        super().close()


_open_shared: list[Shared] = []


class Network(Shared):
    """The compressed weights of one encoder or decoder: of each layer its matrix, then its bias.

    Halves, or where there are steps, bytes that count the steps of their layer.
    """

    weights = traitlets.Bytes().tag(sync=True)
    shapes = traitlets.List().tag(sync=True)  # [outputs, inputs] of each layer
    steps = traitlets.List().tag(sync=True)
    nothing = {"weights": b"", "shapes": [], "steps": []}  # noqa: RUF012 (a constant)


class Script(Shared):
    """The modules that draw explorers in the page: pairs of name and source, in the order of ``MODULES``."""

    sources = traitlets.List().tag(sync=True)  # no dict, whose keys would be sorted where notebooks are saved
    nothing = {"sources": []}  # noqa: RUF012 (a constant)


class Pad(widgets.Widget):
    """What a visitor has drawn, shown by all explorers that were given this pad."""

    drawing = traitlets.Dict().tag(**HEARD_WITHOUT_ECHO)  # strokes, and how they lie: see drawing.js
    pixels = traitlets.Unicode("").tag(**HEARD_WITHOUT_ECHO)  # bytes in base 64: pages send text alone

    @property
    def image(self) -> Tensor:
        """The drawing as MNIST would have it, uint8 (28, 28); blank as long as nothing is drawn."""
        pixels = bytearray(base64.b64decode(self.pixels)) or bytearray(28 * 28)
        return torch.frombuffer(pixels, dtype=torch.uint8).reshape(28, 28)


_pads: list[Pad] = []


def open_pad() -> Pad:
    """Return this kernel's pad, with its drawing, however often a cell asks for it."""
    if not _pads or _pads[0].comm is None:
        _pads[:] = [Pad(drawing=pad.drawing, pixels=pad.pixels) for pad in _pads] or [Pad()]
    return _pads[0]


@functools.cache
def _sources():
    return [[name, (FOLDER / f"{name}.js").read_text(encoding="utf-8")] for name in MODULES]


class Page(anywidget.AnyWidget):
    """What ``explorer.js`` draws of ``content``, with these networks, wherever the controls stand.

    On a pad, if there is one, somebody draws what the encoders encode.
    """

    _esm = IMPORT_SCRIPT_ONCE
    _css = FOLDER / "explorer.css"
    script = traitlets.Instance(Script).tag(**SENT_BY_NAME)
    decoders = traitlets.List(traitlets.Instance(Network)).tag(**SENT_BY_NAME)
    encoders = traitlets.List(traitlets.Instance(Network)).tag(**SENT_BY_NAME)
    pads = traitlets.List(traitlets.Instance(Pad), maxlen=1).tag(**SENT_BY_NAME)
    controls = traitlets.List(traitlets.Instance(widgets.Widget)).tag(**SENT_BY_NAME)
    content = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits):
        super().__init__(script=Script.with_(sources=_sources()), **traits)
        for shared in self._shared():
            shared.pages += 1

    def _shared(self):
        return {self.script, *self.decoders, *self.encoders}

    def close(self):
        if self.comm is not None:
            shown = self._shared()
            _empty(self, content={}, decoders=[], encoders=[], pads=[])
            for shared in shown:
                shared.pages -= 1
                if not shared.pages:
                    shared.close()
        super().close()


class Slider(widgets.FloatSlider):
    """A slider that tells Python its value."""

    value = traitlets.CFloat(0.0).tag(**HEARD_WITHOUT_ECHO)


class Choice(widgets.ToggleButtons):
    """Buttons that tell Python which one is pressed."""

    index = traitlets.Int(None, allow_none=True).tag(**HEARD_WITHOUT_ECHO)


class Selected(widgets.Stack):
    """Shows the one of its children that a control selects, without asking Python."""

    def __init__(self, control, children):
        super().__init__(children, selected_index=control.index)
        self.link = linked((control, "index"), (self, "selected_index"))

    def close(self):
        if self.comm is not None:
            self.link.unlink()
        super().close()


def linked(source, target) -> widgets.Widget | traitlets.link:
    """Keep two traits equal, in the page alone; in Colab, where such links do nothing, by way of Python.

    See googlecolab/colabtools issue 1612. A notebook in Colab always has its kernel.
    """
    return (traitlets.link if "google.colab" in sys.modules else widgets.jslink)(source, target)


class LargeHTML(widgets.HTML):
    """HTML with a picture in it, which closing gives back."""

    def close(self):
        if self.comm is not None:
            _empty(self, value="", placeholder="")
        super().close()


class Whole(widgets.Box):
    """A box that is closed with all its parts: by ``close()``, and when its cell is run again."""

    def __init__(self, children, **traits):
        super().__init__(children, **traits)
        _close_with_cell(self)

    def close(self):
        if self.comm is not None:
            for part in _parts(self):
                part.close()
        super().close()


class Paged(Whole):
    """A page, and what stands around it."""

    def __init__(self, page, around, **traits):
        self.page = page
        super().__init__([page, *around], **traits)

    def _repr_mimebundle_(self, **kwargs):
        _, metadata = self.page._repr_mimebundle_(**kwargs)  # how anywidget makes itself known to Colab
        return super()._repr_mimebundle_(**kwargs), metadata


class Stepped(Paged):
    """Sliders, what they select below them, and a page that gives each a name, a voice and its keys."""

    def __init__(self, sliders, selected):
        super().__init__(Page(), [*sliders, selected], layout={"flex_flow": "column"})
        self.add_class("explorer-stepped")


class Explorer(Paged):
    """A page, its controls, and the picture that stays where a front end cannot run the page."""

    def __init__(self, page, controls, picture):
        static = LargeHTML(f"<p>{CANNOT_RUN_IT}</p>{picture}").add_class("explorer-static")
        live = widgets.VBox(controls, layout={"display": "none"}).add_class("explorer-controls")
        layout = {"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "0 24px"}
        super().__init__(page, [static, live], layout=layout)
        self.add_class("explorer")


def sliders(
    ends: dict[str, tuple[float, float]], start: float = 0.0, readout_format: str = ".2f"
) -> list[Slider]:
    """Return a slider for each name, from one end to the other or a little beyond.

    Steps are round, so that each slider can stand at 0. All share one layout and one style, since each of
    these is a widget, too.
    """
    look = {
        "layout": widgets.Layout(width="430px", max_width="100%"),
        "style": widgets.SliderStyle(description_width="8em"),
        "readout_format": readout_format,
    }
    made = []
    for name, (low, high) in ends.items():
        step = _round_step((high - low) / LEAST_SLIDER_STEPS)
        low, high = step * math.floor(low / step), step * math.ceil(high / step)
        value = min(max(start, low), high)
        made.append(Slider(value, min=low, max=high, step=step, description=name, **look))
    return made


def _round_step(rough):
    """The largest of 1, 2, 5, 10, 20 ... (or 0.1, 0.2, 0.5 ...) that is not beyond ``rough``."""
    power = 10.0 ** math.floor(math.log10(rough))
    return power * max(factor for factor in (1, 2, 5) if factor * power <= rough)


def _empty(widget, **values):
    """Empty a widget that is about to be closed, the smallest value last.

    JupyterLab keeps closed widgets as they were before their last change.
    """
    for name, value in values.items():
        setattr(widget, name, value)


def _parts(whole):
    """All widgets that hang on ``whole`` and on nothing else: controls, layouts, styles."""
    found, waiting = set(), [whole]
    while waiting:
        widget = waiting.pop()
        for value in [getattr(widget, name) for name in widget.keys]:
            values = value if isinstance(value, (list, tuple)) else [value]
            parts = {part for part in values if isinstance(part, widgets.Widget)}
            waiting += parts - found
            found |= parts
    return [part for part in found - {whole} if not isinstance(part, (Shared, Pad))]


_of_last_runs: dict[str, tuple[str, list[Whole]]] = {}  # cell to the id of its last run, and what that opened


def _close_with_cell(opened):
    """Close what the running cell's former run opened, and remember ``opened`` until the next one.

    Front ends that do not tell which cell runs are asked for its source.
    """
    request = getattr(get_ipython(), "get_parent", dict)()
    cell = request.get("metadata", {}).get("cellId") or request.get("content", {}).get("code")
    if not cell:
        return
    run = request["header"]["msg_id"]
    last_run, still_open = _of_last_runs.get(cell, (run, []))
    if last_run != run:
        for former in still_open:
            former.close()
        still_open = []
    _of_last_runs[cell] = run, [*still_open, opened]
