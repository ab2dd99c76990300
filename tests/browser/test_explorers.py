"""The explorers in JupyterLab: by hand and keyboard, beside a busy kernel, for everybody, fifty times."""

import re

import pytest
import torch
from axe_playwright_python.sync_playwright import Axe
from conftest import Explored

from helpers import checkpoints

KERNEL = """async source => {
    const {context} = window.jupyterapp.shell.currentWidget;
    const future = context.sessionContext.session.kernel.requestExecute({code: source});
    let printed = "";
    future.onIOPub = ({content}) => { if (content.name === "stdout") printed += content.text; };
    await future.done;
    return printed;
}"""
WHERE = "print(*[slider.value for slider in explored.page.controls])"


@pytest.fixture
def page(in_lab):
    return in_lab["map"].page


@pytest.fixture(autouse=True)
def _as_at_first(page):
    page.bring_to_front()  # frames stop in the pages behind another
    yield
    page.emulate_media(reduced_motion=None)
    page.mouse.move(5, 5)


def settled(explored):
    """Wait until the page has told the kernel and the screen reader of the last change."""
    explored.page.wait_for_timeout(600)


def run_in_last_cell(page, source):
    page.evaluate(
        """async source => {
            const panel = window.jupyterapp.shell.currentWidget.content;
            panel.activeCellIndex = panel.widgets.length - 1;
            panel.activeCell.model.sharedModel.setSource(source);
            await window.jupyterapp.commands.execute("notebook:run-cell");
        }""",
        source,
    )


def unpinned(explored):
    """Let the point follow the pointer."""
    explored.map.scroll_into_view_if_needed()
    if "explorer-pinned" in explored.map.get_attribute("class"):
        explored.map.click()


def off_by(pixels, image):
    """By how many shades of 255 canvas and PyTorch differ at most."""
    expected = 255 * (1 - image.detach().reshape(-1).numpy())
    return abs(torch.tensor(pixels).numpy() - expected).max()


def test_the_map_and_its_sliders_follow_each_other(in_lab):
    explored = in_lab["map"]
    explored.map.focus()
    start = explored.values()
    explored.press("ArrowRight", 10)
    explored.press("Shift+ArrowUp")
    right = explored.values()
    assert right[0] > start[0]
    assert right[1] > start[1]
    cross = explored.map.screenshot()
    explored.sliders().first.focus()
    explored.press("ArrowLeft", 30)
    assert explored.values()[0] < right[0]
    assert explored.map.screenshot() != cross


def test_the_digit_is_what_pytorch_decodes(in_lab):
    explored, model = in_lab["map"], checkpoints.load(4, latent_dim=2)
    unpinned(explored)
    for x, y in [(100, 60), (200, 300), (330, 120), (400, 380)]:
        explored.map.hover(position={"x": x, "y": y})
        settled(explored)
        point = explored.page.evaluate(KERNEL, WHERE)
        assert off_by(explored.pixels(), model.decode([[float(number) for number in point.split()]])) <= 1


def test_backdrop_and_neighborhoods_can_be_switched_on_and_off(in_lab):
    explored = in_lab["map"]
    picture = "canvas => canvas.toDataURL()"
    for name in ("Backdrop of digits", "Neighborhoods"):
        off = explored.box.locator(".explorer-map-picture").evaluate(picture)
        explored.button(name).click()
        assert explored.button(name).get_attribute("aria-pressed") == "true"
        assert explored.box.locator(".explorer-map-picture").evaluate(picture) != off
        explored.button(name).click()
        assert explored.box.locator(".explorer-map-picture").evaluate(picture) == off
    assert in_lab["map-1"].button("Neighborhoods").count() == 0


def test_hover_follows_a_click_pins_and_a_drag_moves(in_lab):
    explored, mouse = in_lab["map"], in_lab["map"].page.mouse
    unpinned(explored)
    box = explored.map.bounding_box()

    def at(x, y):
        mouse.move(box["x"] + x, box["y"] + y)
        return explored.values()

    hovered = at(150, 150)
    assert at(250, 250) != hovered
    mouse.down()
    mouse.up()
    pinned = explored.values()
    assert at(150, 150) == pinned
    mouse.down()
    assert at(320, 100) != pinned
    dragged = explored.values()
    mouse.up()
    assert at(200, 200) == dragged
    mouse.down()
    mouse.up()
    assert at(300, 300) != at(200, 200)


def test_a_finger_moves_the_point(in_lab, page):
    explored = in_lab["map"]
    explored.map.scroll_into_view_if_needed()
    box = explored.map.bounding_box()
    session = page.context.new_cdp_session(page)
    before = explored.values()
    for kind, x in (("touchStart", 120), ("touchMove", 200), ("touchMove", 300)):
        point = [{"x": box["x"] + x, "y": box["y"] + 120}]
        session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": point})
    session.send("Input.dispatchTouchEvent", {"type": "touchEnd", "touchPoints": []})
    page.wait_for_timeout(100)
    after = explored.values()
    assert after != before
    assert after[0] > 0


def test_arrow_keys_stay_out_of_the_notebook_s_command_mode(in_lab, page):
    active = "() => window.jupyterapp.shell.currentWidget.content.activeCellIndex"
    controls = [
        in_lab["map"].map,
        in_lab["map"].sliders().first,
        in_lab["numbers"].button("Reset"),
        in_lab["learned"].box.get_by_role("button", name="3", exact=True),
    ]
    for control in controls:
        control.focus()
        before = page.evaluate(active)
        for key in ("ArrowDown", "ArrowUp", "ArrowUp", "x", "b"):
            page.keyboard.press(key)
        assert page.evaluate(active) == before
    assert page.locator(".explorer").count() == len(in_lab)


def test_the_sliders_work_while_the_kernel_is_busy(in_lab, page):
    page.evaluate(
        """() => { const {context} = window.jupyterapp.shell.currentWidget;
        context.sessionContext.session.kernel.requestExecute({code: "import time; time.sleep(60)"}); }"""
    )
    indicator = page.locator(".jp-Notebook-ExecutionIndicator")
    page.wait_for_timeout(1000)
    for name in ("map", "numbers", "chapters", "learned"):
        explored = in_lab[name]
        before = explored.pixels()
        explored.sliders().first.focus()
        explored.press("ArrowRight", 15)
        page.wait_for_timeout(100)
        assert explored.pixels() != before, name
    assert indicator.get_attribute("data-status") == "busy"
    page.evaluate("() => window.jupyterapp.commands.execute('notebook:interrupt-kernel')")
    page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()


def test_python_learns_where_the_hand_came_to_rest(in_lab, page):
    explored = in_lab["map"]
    explored.map.focus()
    explored.press("ArrowLeft", 7)
    settled(explored)
    read = page.evaluate(KERNEL, WHERE)
    assert [float(value) for value in read.split()] == pytest.approx(explored.values(), abs=0.005)


def test_the_buttons_move_all_twelve_sliders(in_lab):
    explored = in_lab["numbers"]
    for name in ("Random point", "A real digit"):
        explored.button(name).click()
        assert sum(value != 0 for value in explored.values()) > 9
        explored.button("Reset").click()
        assert explored.values() == [0] * 12


def test_a_walk_plays_and_stops(in_lab, page):
    explored = in_lab["numbers"]
    explored.button("Reset").click()
    explored.button("Walk").click()
    seen = {tuple(explored.values())}
    for _ in range(20):
        page.wait_for_timeout(100)
        seen.add(tuple(explored.values()))
        if len(seen) == 3:
            break
    assert len(seen) == 3
    explored.button("Stop").click()
    stopped = explored.values()
    page.wait_for_timeout(300)
    assert explored.values() == stopped
    assert explored.button("Walk").is_visible()


def test_a_hand_on_a_slider_ends_a_walk(in_lab, page):
    explored = in_lab["numbers"]
    explored.button("Walk").click()
    explored.sliders().first.focus()
    explored.press("Home")
    explored.press("PageUp")
    page.wait_for_timeout(200)
    after = explored.values()
    page.wait_for_timeout(300)
    assert explored.values() == after
    assert explored.button("Walk").is_visible()


def test_idle_numbers_unfold_by_keyboard(in_lab, page):
    explored = in_lab["idle"]
    visible = [slider for slider in explored.sliders().all() if slider.is_visible()]
    assert len(visible) == 2
    explored.button("shown").focus()
    page.keyboard.press("Enter")
    explored.sliders().nth(2).focus()
    before = explored.values()[2]
    page.keyboard.press("ArrowRight")
    assert explored.values()[2] > before


def test_a_second_view_of_an_explorer_works_too(in_lab, page):
    run_in_last_cell(page, "explored")
    first, second = in_lab["map"], Explored(page, len(in_lab))
    second.map.focus()
    second.press("ArrowRight", 3)
    assert first.pixels() == second.pixels()
    assert first.values() == second.values()
    assert second.sliders().first.get_attribute("aria-label") == "number 1"


def test_a_walk_goes_step_by_step_where_motion_is_unwelcome(in_lab, page):
    explored = in_lab["numbers"]
    page.emulate_media(reduced_motion="reduce")
    explored.button("Reset").click()
    explored.button("Walk").click()
    first = explored.values()
    page.wait_for_timeout(500)
    assert explored.values() == first
    for _ in range(7):
        explored.button("Walk").click()
    target = explored.values()
    assert [value / 8 for value in target] == pytest.approx(first, abs=0.03)


def test_four_chapters_decode_the_same_numbers(in_lab):
    explored = in_lab["chapters"]
    assert explored.digits.count() == 4
    spread = explored.sliders().first
    spread.focus()
    explored.press("Home")
    for row in range(4):
        pixels = torch.tensor(explored.pixels(row)).reshape(28, 8, 28)
        assert (pixels == pixels[:, :1]).all()  # at a spread of 0 all draws are the origin
        origin = checkpoints.load(row + 1).decode(torch.zeros(1, 12))
        assert off_by(pixels[:, 0].flatten().tolist(), origin) <= 1
    explored.press("PageUp", 20)
    drawn = explored.pixels()
    explored.button("New random numbers").click()
    assert explored.pixels() != drawn


def test_a_neighborhood_of_size_0_is_its_center(in_lab, test_set):
    explored, model = in_lab["learned"], checkpoints.load(4)
    images, labels = test_set
    for digit in (4, 9):
        explored.box.get_by_role("button", name=str(digit), exact=True).click()
        explored.sliders().first.focus()
        explored.press("Home")
        image = images[(labels == digit).nonzero()[0]]
        pixels = torch.tensor(explored.pixels()).reshape(28, 8, 28)
        assert off_by(pixels[:, 5].flatten().tolist(), model(image)) <= 2
        assert off_by(explored.pixels(row=0), image / 255) <= 1


def test_every_control_shows_its_focus(in_lab, page):
    for explored in in_lab.values():
        explored.box.scroll_into_view_if_needed()
        for control in explored.box.locator("[role='slider'], [tabindex='0'], button:visible").all():
            control.focus()
            page.keyboard.press("Shift")  # as by keyboard
            outline = control.evaluate("element => getComputedStyle(element).outline")
            assert not re.search(r"none|\b0px", outline), control.evaluate("element => element.outerHTML")


def test_the_digit_has_words_for_those_who_do_not_see_it(in_lab, test_set):
    explored = in_lab["map"]
    model = checkpoints.load(4, latent_dim=2)
    ones = model.encode(test_set[0][test_set[1] == 1]).detach()
    edges = explored.box.get_by_role("slider")
    assert edges.count() == 2
    explored.map.scroll_into_view_if_needed()
    explored.map.focus()
    middle = ones.median(dim=0).values
    for axis, (less, more) in enumerate((("ArrowLeft", "ArrowRight"), ("ArrowDown", "ArrowUp"))):
        for _ in range(200):
            gap = middle[axis].item() - explored.values()[axis]
            if abs(gap) < 0.05:
                break
            explored.press(more if gap > 0 else less)
    settled(explored)
    at = " and ".join(f"{value:.2f}" for value in explored.values())
    assert explored.words.text_content() == f"a 1, sure, at {at}"
    assert explored.digits.last.get_attribute("aria-label") == "Decoded digit: a 1, sure"
    for name in ("chapters", "fixed", "learned"):
        other = in_lab[name]
        other.sliders().first.focus()
        other.press("ArrowRight")
        settled(other)
        assert other.digits.last.get_attribute("aria-label") in other.words.text_content()


@pytest.mark.parametrize("theme", ["JupyterLab Dark", "JupyterLab Light"])
def test_names_roles_and_contrast_in_light_and_dark(in_lab, page, theme):
    picture = in_lab["map"].box.locator(".explorer-map-picture")
    page.evaluate("theme => window.jupyterapp.commands.execute('apputils:change-theme', {theme})", theme)
    light = "true" if theme.endswith("Light") else "false"
    page.locator(f"body[data-jp-theme-light='{light}']").wait_for(state="attached")
    page.wait_for_timeout(500)
    found = Axe().run(page, context=".explorer").response["violations"]
    assert not found, [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
    darkest = picture.evaluate(
        """canvas => {
            const {data} = canvas.getContext("2d").getImageData(8, 0, 12, canvas.height);  // the axis's name
            return Math.max(...[...data].map((v, i) => i % 4 === 3 && v > 200 ? data[i - 1] : 0));
        }"""
    )
    assert (darkest < 128) == (light == "true")


PLAIN = """
import anywidget, ipywidgets as widgets
class Empty(anywidget.AnyWidget):
    _esm = "export default { render() {} }"
again = widgets.VBox([Empty(), widgets.FloatSlider(), widgets.FloatSlider(), widgets.HTML()])
again
"""
FRESH = """
from helpers.models import Autoencoder
again = explorer.explore_map(Autoencoder(2, width=256), images, labels)
again
"""
CLOSE_ALL = """
for part in explorer.front_ends._parts(again):
    part.close()
again.close()
"""
COUNT = """
import ipywidgets
print(len(ipywidgets.widgets.widget._instances), len(explorer.front_ends._open_shared))
"""


def test_running_a_cell_again_gives_back_what_its_former_run_held(in_lab, page):
    output = page.locator(".jp-Cell").last
    counts = []
    for run in range(3):
        run_in_last_cell(page, f"{FRESH}# run {run}")
        output.locator(".explorer-page canvas").first.wait_for()
        counts.append(page.evaluate(KERNEL, COUNT))
    assert counts == [counts[0]] * 3
    assert output.locator(".explorer").count() == 1
    page.evaluate(KERNEL, "again.close()")


def test_opening_and_closing_fifty_explorers_leaks_nothing(in_lab, page):
    """Nothing beyond what JupyterLab keeps of any closed widget: as many plain ones are the measure."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable")

    def held():
        page.wait_for_timeout(1000)
        for _ in range(3):
            session.send("HeapProfiler.collectGarbage")
        metrics = {m["name"]: m["value"] for m in session.send("Performance.getMetrics")["metrics"]}
        heap = session.send("Runtime.getHeapUsage")
        return metrics["JSEventListeners"], heap["usedSize"] + heap["backingStorageSize"]

    def open_and_close(source, close, times):
        for _ in range(times):
            run_in_last_cell(page, source)
            shown = page.locator(".jp-Cell").last.locator(".widget-slider")
            shown.nth(1).wait_for()
            page.evaluate(KERNEL, close)
            shown.first.wait_for(state="detached")

    def growth(source, close):
        open_and_close(source, close, 5)
        before = held()
        open_and_close(source, close, 50)
        return [later - earlier for earlier, later in zip(before, held(), strict=True)]

    widgets_before = page.evaluate(KERNEL, COUNT)
    plain_listeners, plain_heap = growth(PLAIN, CLOSE_ALL)
    listeners, heap = growth(FRESH, "again.close()")
    assert page.evaluate(KERNEL, COUNT) == widgets_before
    assert listeners < plain_listeners + 50 / 2  # one leaked by each is 50 more; JupyterLab's own vary by 12
    assert heap <= plain_heap + 50 * 20_000  # the weights of one decoder alone take 1.3 MB
