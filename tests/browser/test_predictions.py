"""Predictions by keyboard: in JupyterLab, and in an exported page without a kernel."""

import pytest
from axe_playwright_python.sync_playwright import Axe
from conftest import DRAWN, notebook_of

CELLS = [
    "from helpers import data, predict\nimages, _ = data.load_mnist('test')",
    "choice = predict.choice('Mixed or sorted?', 'mixed', 'sorted', 'neither')",
    "predict.reveal(choice, 'sorted')",
    "number = predict.number('What share?', 0, 100, 10, '%')",
    "predict.reveal(number, 44.2)",
    "picture = predict.picture('Which is the first?', {'second': images[8:16], 'first': images[:8]})",
    "predict.reveal(picture, 'first')",
    "predict.summary()",
    "from helpers import explorer, plots\n"
    "explorer.choose({name: plots.strips({name: images[:3]}) for name in ('few', 'many')}, 'amount')",
]


@pytest.fixture
def asked(opened):
    """A page with three predictions, each revealed, and a summary."""
    page = opened(notebook_of("Predictions", *CELLS), "predictions.ipynb")
    page.locator(".prediction").nth(6).wait_for(timeout=120_000)
    page.locator(f".explorer-stepped {DRAWN}").wait_for(state="attached")
    return page


def told(page, place):
    """What stands below a prediction, hidden words left out."""
    return page.locator(".prediction").nth(place).inner_text()


def test_guesses_are_heard_and_answered_by_keyboard(asked):
    for place in (1, 3, 5):
        assert "You said" not in told(asked, place)
    assert "came true" not in told(asked, 6)

    asked.locator(".prediction").nth(0).get_by_role("button").first.focus()
    asked.keyboard.press("Space")
    asked.get_by_text("Your guess: mixed.").wait_for()
    asked.get_by_text("You said mixed: a surprise.").wait_for()
    asked.keyboard.press("Tab")
    asked.keyboard.press("Enter")
    asked.get_by_text("You said sorted: it came true.").wait_for()

    asked.locator(".prediction").nth(2).get_by_role("button", name="40%").press("Space")
    asked.get_by_text("You said 40%: it came true.").wait_for()
    assert "Outcome: 44.2%" in told(asked, 3)

    summary = told(asked, 6)
    assert "1 came true" in summary
    assert "2 came true" in summary
    assert "3 " not in summary.replace("Of 3 predictions", "")


def test_a_slider_through_pictures_has_a_name_and_keeps_its_keys(asked):
    stepped = asked.locator(".explorer-stepped")
    stepped.get_by_role("slider", name="amount").focus()
    asked.keyboard.press("ArrowRight")
    stepped.get_by_role("img", name="many").wait_for()
    assert stepped.get_by_role("slider").get_attribute("aria-valuetext") == "many"
    assert stepped.get_by_role("img", name="few").count() == 0


@pytest.mark.parametrize("place", [".prediction", ".explorer-stepped"])
def test_names_roles_and_contrast(asked, place):
    found = Axe().run(asked, context=place).response["violations"]
    assert not found, [(rule["id"], [node["html"] for node in rule["nodes"]]) for rule in found]
