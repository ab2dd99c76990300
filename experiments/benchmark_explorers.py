"""How fast an explorer answers in JupyterLab, beside the usual ways.

``python -m experiments.benchmark_explorers``, in the repository's root, needs the extra ``browser`` and
Chromium. Three sliders that show the same digit stand in one notebook: ours, one that redraws a matplotlib
figure for each step, and one that sends PNGs to an ``ipywidgets.Image``. Measured in one run, in the page:
the time from a key press to the frame that shows another digit (median of 50), and for ours also that of all
four chapters side by side, the time from a stroke on the pad to the frame with another copy, decoding alone
with and without WebAssembly, the frames a second of a drag across the map, and how long an exported page
takes until its explorer answers. Then, without a page, what a film costs a training.
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import nbformat
import torch
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook
from playwright.sync_api import sync_playwright

from helpers import data, films, losses, training
from helpers.models import Autoencoder
from helpers.settings import MAP_DIM, MAP_PEAK_LR, MAP_WIDTH
from tests.browser import conftest

SETUP = """
import io
import ipywidgets as widgets
from PIL import Image
from helpers import checkpoints, data, explorer, plots
images, labels = data.load_mnist("test")
images, labels = images[:3000], labels[:3000]
model = checkpoints.load(4, latent_dim=2)
"""
OURS = "explorer.explore_map(model, images, labels)"
CHAPTERS = """
shipped = {f"chapter {n}": checkpoints.load(n) for n in (1, 2, 3, 4)}
explorer.explore_chapters(shipped, images, labels)
"""
PAD = "explorer.explore_numbers(shipped['chapter 4'], images, labels, pad=explorer.open_pad())"
MATPLOTLIB = """
from matplotlib import pyplot as plt
def draw(number):
    plt.imshow(model.decode([[number, 0.0]])[0, 0].detach(), cmap="gray_r")
    plt.show()
widgets.interactive(draw, number=widgets.FloatSlider(min=-2.4, max=2.4, step=0.01))
"""
PNG = """
picture = widgets.Image(width=280, height=280)
slider = widgets.FloatSlider(min=-2.4, max=2.4, step=0.01)
def redraw(_=None):
    pixels = ((1 - model.decode([[slider.value, 0.0]])[0, 0]) * 255).byte().numpy()
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, format="PNG", compress_level=1)
    picture.value = buffer.getvalue()
slider.observe(redraw, "value")
redraw()
widgets.VBox([slider, picture])
"""
WATCH = """(area) => {  // after each key press, wait for the frame in which all pictures are other ones
  const pixels = (canvas) => canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height).data;
  const shown = () => {
    const canvases = [...area.querySelectorAll("canvas.explorer-digits")];
    if (canvases.length) return canvases.map((canvas) => pixels(canvas).join());
    return [[...area.querySelectorAll("img")].map((img) => img.complete && img.src).join()];
  };
  window.times = [];
  const pressed = (event) => {
    const before = shown();
    const look = () => {
      if (shown().some((one, i) => one === before[i])) return requestAnimationFrame(look);
      const painted = new MessageChannel();  // its message comes after the frame
      painted.port1.onmessage = () => window.times.push(performance.now() - event.timeStamp);
      painted.port2.postMessage(0);
    };
    requestAnimationFrame(look);
  };
  window.stopWatching?.();
  document.addEventListener("keydown", pressed, {capture: true});
  window.stopWatching = () => document.removeEventListener("keydown", pressed, {capture: true});
}"""
STROKE = """(area) => {  // after each move of the pen, wait for the frame in which the copy is another one
  const copy = area.querySelectorAll(".explorer-seen canvas")[1];
  const shown = () => copy.getContext("2d").getImageData(0, 0, 28, 28).data.join();
  window.times = [];
  area.addEventListener("pointermove", (event) => {
    const before = shown();
    const look = () => {
      if (shown() === before) return requestAnimationFrame(look);
      const painted = new MessageChannel();
      painted.port1.onmessage = () => window.times.push(performance.now() - event.timeStamp);
      painted.port2.postMessage(0);
    };
    requestAnimationFrame(look);
  }, {capture: true});
}"""
DRAG = """async (map) => {  // 5 seconds around the map, a step for every frame
  const box = map.getBoundingClientRect();
  const go = (type, angle) => map.dispatchEvent(new PointerEvent(type, {
    clientX: box.x + 220 + 120 * Math.cos(angle), clientY: box.y + 200 + 120 * Math.sin(angle)}));
  map.setPointerCapture = () => {};
  go("pointerdown", 0);
  const start = performance.now();
  let frames = 0;
  await new Promise((done) => {
    const step = (now) => {
      go("pointermove", (now - start) / 300);
      frames++;
      now - start < 5000 ? requestAnimationFrame(step) : done();
    };
    requestAnimationFrame(step);
  });
  go("pointerup", 0);
  return frames / ((performance.now() - start) / 1000);
}"""
DECODE = """async ([script, shapes, models]) => {  // as many random weights take as long as trained ones
  const module = await import(URL.createObjectURL(new Blob([script], {type: "text/javascript"})));
  const count = shapes.reduce((sum, [outputs, inputs]) => sum + outputs * (inputs + 1), 0);
  const random = () => Float32Array.from({length: count}, () => Math.random() - 0.5);
  const decoders = Array.from({length: models}, () => module.buildDecoder(shapes, random()));
  const digits = models === 1 ? 1 : 8;
  const times = Array.from({length: 100}, () => {
    const codes = Array.from({length: digits}, () => Array.from({length: shapes[0][1]}, Math.random));
    const start = performance.now();
    for (const decode of decoders) decode(codes, () => {});
    return performance.now() - start;
  });
  return times.sort((a, b) => a - b)[50];
}"""


def key_to_picture(page, place):
    """Milliseconds from key to picture, 50 times, for the slider in the given code cell."""
    area = page.locator(".jp-CodeCell").nth(place)
    slider = area.get_by_role("slider").first
    slider.scroll_into_view_if_needed()
    area.evaluate(WATCH)
    slider.focus()
    for press in range(50):
        page.keyboard.press("ArrowRight")
        page.wait_for_function("count => window.times.length > count", arg=press, timeout=10_000)
        page.wait_for_timeout(40 + 7 * press % 17)  # at every phase of a frame
    return page.evaluate("window.times")


def stroke_to_copy(page, place):
    """Milliseconds from a move of the pen to another copy, 50 times, on the pad in the given code cell."""
    area = page.locator(".jp-CodeCell").nth(place)
    paper = area.locator(".explorer-paper")
    paper.scroll_into_view_if_needed()
    box = paper.bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 60)
    page.mouse.down()
    area.evaluate(STROKE)
    for move in range(50):
        page.mouse.move(box["x"] + 63 + 3 * move, box["y"] + 60 + 3 * (move % 20))
        page.wait_for_function("count => window.times.length > count", arg=move, timeout=10_000)
        page.wait_for_timeout(40 + 7 * move % 17)
    page.mouse.up()
    return page.evaluate("window.times")


def in_jupyterlab(page, server):
    page.goto(server.lab("explorers.ipynb"))
    conftest.run_all(page)
    page.locator(conftest.DRAWN).nth(2).wait_for(timeout=120_000)
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
    ways = {"ours": 1, "ours, four chapters": 2, "matplotlib": 4, "ipywidgets.Image": 5}
    times = {way: key_to_picture(page, place) for way, place in ways.items()}
    for way, measured in times.items():
        ratio = statistics.median(measured) / statistics.median(times["ours"])
        print(f"key to picture, {way}: median {statistics.median(measured):.1f} ms, {ratio:.1f} x ours")
    print(f"stroke to copy, twelve numbers: median {statistics.median(stroke_to_copy(page, 3)):.1f} ms")
    drag = page.locator(".explorer-map-cross").first.evaluate(DRAG)
    print(f"drag across the map for 5 s: {drag:.0f} frames a second")
    network = (conftest.ROOT / "helpers" / "network.js").read_text()
    scripts = {"": network, ", without WebAssembly": network.replace("WebAssembly.", "undefined.")}
    for models, dim, width in ((1, 2, 192), (1, 12, 384), (4, 12, 384)):
        shapes = [[width, dim], *[[width, width]] * 4, [784, width]]
        for how, script in scripts.items():
            took = page.evaluate(DECODE, [script, shapes, models])
            print(f"decoding, {models} of {dim} numbers{how}: {took:.2f} ms")


def in_exported_page(page, folder):
    """Seconds from opening an exported page to the first digit that a key has changed."""
    conftest.nbformat.write(notebook(OURS), folder / "page.ipynb")
    command = [sys.executable, conftest.ROOT / "docs" / "pages.py", folder / "page.ipynb", folder]
    subprocess.run(command, check=True, capture_output=True)
    start = time.monotonic()
    page.goto((folder / "page.html").as_uri())
    explored = conftest.Explored(page, 0)
    explored.map.focus()
    before = explored.pixels()
    page.keyboard.press("ArrowUp")
    page.wait_for_timeout(20)
    assert explored.pixels() != before
    print(f"exported page, from opening to exploring: {time.monotonic() - start:.1f} s")


def film_s_cost():
    """What filming 200 digits adds to the training of a map: processor time, three epochs, five times."""
    (images, _), (filmed, labels) = data.load_mnist("train"), data.load_mnist("test")
    film = films.Film(filmed[:200], labels[:200])
    took = {None: [], film: []}
    for kept in [None, film] * 5:
        torch.manual_seed(0)
        model = Autoencoder(MAP_DIM, MAP_WIDTH)
        start = time.process_time()
        training.fit(model, losses.BY_CHAPTER[4], images, epochs=3, peak_lr=MAP_PEAK_LR, film=kept)
        took[kept].append(time.process_time() - start)
    plain, with_film = (statistics.median(seconds) for seconds in took.values())
    print(f"training a map: {plain:.1f} s, filmed {with_film:.1f} s: {with_film / plain - 1:+.1%}")


def notebook(*sources):
    cells = [new_markdown_cell("# Explorers"), *(new_code_cell(s.strip()) for s in (SETUP, *sources))]
    kernel = {"name": "python3", "display_name": "Python 3", "language": "python"}
    return new_notebook(cells=cells, metadata={"kernelspec": kernel})


def main():
    with tempfile.TemporaryDirectory() as temporary, sync_playwright() as playwright:
        folder = Path(temporary)
        options = (folder / "lab", "jupyterlab", *conftest.LAB_OPTIONS)
        browser = playwright.chromium.launch(
            executable_path=conftest.shutil.which("chromium"), args=conftest.CHROMIUM
        )
        page = browser.new_page(viewport={"width": 1400, "height": 1000})
        page.set_default_timeout(60_000)
        with conftest.serving(*options) as server:
            nbformat.write(
                notebook(OURS, CHAPTERS, PAD, MATPLOTLIB, PNG),
                server.folder / "notebooks" / "explorers.ipynb",
            )
            in_jupyterlab(page, server)
        in_exported_page(page, folder)
        browser.close()
    film_s_cost()


if __name__ == "__main__":
    main()
