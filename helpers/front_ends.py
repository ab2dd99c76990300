"""What explorers owe to ipywidgets and to the front ends that show them; ``explorer`` need not know it.

A ``Page`` carries all that ``explorer.js`` needs, and follows the controls in the browser. Decoders are
shared by all pages that show the same weights. Whatever a cell opens is closed once that cell is run again.
"""

import math
from pathlib import Path

import anywidget
import ipywidgets as widgets
import traitlets
from IPython import get_ipython

SCRIPT = Path(__file__).with_name("explorer.js")
LEAST_SLIDER_STEPS = 250
SENT_BY_NAME = {"sync": True, **widgets.widget_serialization}
# An echo would pull back a hand that has moved on.
HEARD_WITHOUT_ECHO = {"sync": True, "echo_update": False}
# A browser never forgets a module, and anywidget would import explorer.js anew for every explorer.
IMPORT_SCRIPT_ONCE = """
async function render(context) {
  const modules = (globalThis[Symbol.for("helpers.explorer")] ??= new Map());
  const code = context.model.get("code");
  if (!modules.has(code)) {
    modules.set(code, import(URL.createObjectURL(new Blob([code], { type: "text/javascript" }))));
  }
  return (await modules.get(code)).render(context);
}
export default { render };
"""
CANNOT_RUN_IT = (
    "This front end cannot run the live explorer (it has no anywidget), so here is a picture of how it "
    "starts; it runs in JupyterLab, Notebook 7, VS Code and Colab."
)


class Decoder(widgets.Widget):
    """The weights of one decoder in half precision: of each layer its matrix, then its bias.

    Pages get theirs from ``shared_decoder``; the last of them to be closed closes it.
    """

    weights = traitlets.Bytes().tag(sync=True)
    shapes = traitlets.List().tag(sync=True)  # [outputs, inputs] of each layer

    pages = 0  # that are open and show it

    def close(self):
        if self.comm is not None:
            _open_decoders.remove(self)
            _empty(self, weights=b"", shapes=[])
        super().close()


_open_decoders: list[Decoder] = []


def shared_decoder(weights: bytes, shapes: list[list[int]]) -> Decoder:
    """Return the open decoder with these weights, or a new one; see ``Decoder``."""
    for decoder in _open_decoders:
        if (decoder.weights, decoder.shapes) == (weights, shapes):
            return decoder
    _open_decoders.append(Decoder(weights=weights, shapes=shapes))
    return _open_decoders[-1]


class Page(anywidget.AnyWidget):
    """What ``explorer.js`` draws of ``content``, with these decoders, wherever the controls stand."""

    _esm = IMPORT_SCRIPT_ONCE
    _css = SCRIPT.with_suffix(".css")
    code = traitlets.Unicode(SCRIPT.read_text(encoding="utf-8")).tag(sync=True)
    decoders = traitlets.List(traitlets.Instance(Decoder)).tag(**SENT_BY_NAME)
    controls = traitlets.List(traitlets.Instance(widgets.Widget)).tag(**SENT_BY_NAME)
    content = traitlets.Dict().tag(sync=True)

    def __init__(self, **traits):
        super().__init__(**traits)
        for decoder in set(self.decoders):
            decoder.pages += 1

    def close(self):
        if self.comm is not None:
            shown = set(self.decoders)
            _empty(self, content={}, code="", decoders=[])
            for decoder in shown:
                decoder.pages -= 1
                if not decoder.pages:
                    decoder.close()
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
        self.link = widgets.jslink((control, "index"), (self, "selected_index"))

    def close(self):
        self.link.close()
        super().close()


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


class Explorer(Whole):
    """A page, its controls, and the picture that stays where a front end cannot run the page."""

    def __init__(self, page, controls, picture):
        self.page = page
        static = LargeHTML(f"<p>{CANNOT_RUN_IT}</p>{picture}").add_class("explorer-static")
        live = widgets.VBox(controls, layout={"display": "none"}).add_class("explorer-controls")
        layout = {"flex_flow": "row wrap", "align_items": "flex-start", "grid_gap": "0 24px"}
        super().__init__([page, static, live], layout=layout)
        self.add_class("explorer")

    def _repr_mimebundle_(self, **kwargs):
        _, metadata = self.page._repr_mimebundle_(**kwargs)  # how anywidget makes itself known to Colab
        return super()._repr_mimebundle_(**kwargs), metadata


def sliders(ends: dict[str, tuple[float, float]], start: float = 0.0) -> list[Slider]:
    """Return a slider for each name, from one end to the other or a little beyond.

    Steps are round, so that each slider can stand at 0. All share one layout and one style, since each of
    these is a widget, too.
    """
    look = {
        "layout": widgets.Layout(width="430px", max_width="100%"),
        "style": widgets.SliderStyle(description_width="8em"),
        "readout_format": ".2f",
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
    """Empty a widget to be closed, since JupyterLab keeps it, as it was before its last change.

    Therefore the last value to be taken is a small one.
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
    return [part for part in found - {whole} if not isinstance(part, Decoder)]


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
