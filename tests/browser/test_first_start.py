"""The first start of JupyterLab by ``make lab`` and in Binder: nothing is asked, and nothing has changed."""

import pytest
from conftest import JUPYTER_OPTIONS, ROOT, serving

IS_CHANGED = "() => window.jupyterapp.shell.currentWidget.context.model.dirty"


@pytest.mark.parametrize("ours", [True, False])
def test_a_chapter_opens_without_a_question_and_unchanged(tmp_path, page, monkeypatch, ours):
    """And without the course's own settings both would happen."""
    monkeypatch.setenv("JUPYTER_CONFIG_PATH", str(ROOT / "binder") if ours else "")
    options = (*JUPYTER_OPTIONS, "--LabApp.expose_app_in_browser=True")
    with serving(tmp_path, "jupyterlab", *options) as server:
        page.goto(server.lab("1_autoencoder.ipynb"))
        page.locator(".jp-Notebook-ExecutionIndicator[data-status='idle']").wait_for()
        asked = page.get_by_text("Jupyter news")
        if ours:
            page.wait_for_timeout(5000)
            assert not asked.is_visible()
            assert not page.evaluate(IS_CHANGED)
        else:
            asked.wait_for()
            page.wait_for_function(IS_CHANGED)
