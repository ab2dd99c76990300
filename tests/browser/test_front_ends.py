"""The explorers outside JupyterLab: Notebook 7, Voila, and where a front end has no anywidget."""

from conftest import DRAWN, JUPYTER_OPTIONS, LAB_OPTIONS, ORDER, Explored, run_all, serving


def explores(page):
    page.locator(DRAWN).nth(len(ORDER) - 1).wait_for(timeout=180_000)
    page.wait_for_timeout(1000)
    for place, name in enumerate(ORDER):
        explored = Explored(page, place)
        assert not explored.box.locator(".explorer-static").is_visible()
        before = explored.pixels()
        explored.sliders().first.focus()
        explored.press("ArrowRight", 20)
        page.wait_for_timeout(100)
        assert explored.pixels() != before, name


def test_notebook_7(tmp_path, page):
    with serving(tmp_path, "notebook", *JUPYTER_OPTIONS) as server:
        page.goto(f"{server.address}/notebooks/notebooks/explorers.ipynb")
        page.locator(".jp-Notebook").wait_for()
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        page.wait_for_timeout(8000)  # until the menu is ready, too
        page.get_by_role("menuitem", name="Run").click()
        page.get_by_text("Run All Cells", exact=True).click()
        explores(page)


def test_voila(tmp_path, page):
    with serving(tmp_path, "voila", "notebooks/explorers.ipynb") as server:
        page.goto(server.address)
        explores(page)


def test_a_front_end_without_anywidget_shows_a_picture_and_a_sentence(tmp_path, page):
    with serving(tmp_path, "jupyterlab", *LAB_OPTIONS, without=["anywidget"]) as server:
        page.goto(server.lab("explorers.ipynb"))
        run_all(page)
        page.locator(".explorer-static").nth(len(ORDER) - 1).wait_for(timeout=120_000)
        for place in range(len(ORDER)):
            explored = Explored(page, place)
            explored.box.scroll_into_view_if_needed()
            assert explored.box.get_by_text("cannot run the live explorer").is_visible()
            picture = explored.box.locator(".explorer-static img")
            assert picture.is_visible()
            assert picture.evaluate("img => img.complete && img.naturalWidth > 0")
            assert picture.get_attribute("alt")
            assert not explored.box.locator(".explorer-controls").is_visible()
