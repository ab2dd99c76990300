"""Pages of notebooks show words and pictures, and nothing that acts; none takes long to make."""

import re
import time
from unittest.mock import Mock

import nbformat
import pytest
from bs4 import BeautifulSoup
from hostile import ATTACKS, PIXEL
from jupyter_server.utils import url_path_join
from nbconvert.filters import markdown2html_mistune
from nbgrader.converters import GenerateFeedback
from nbgrader.server_extensions.formgrader import handlers
from tornado.httputil import HTTPHeaders, HTTPServerRequest, RequestStartLine
from tornado.web import Application
from traitlets.config import Config

from homework import pages
from homework.course import CHAPTERS, NOTEBOOKS
from homework.settings import configure

ADDRESS = re.compile(r"https?://[\w.-]+\.[a-z]{2,}([/?#].*)?|mailto:\S+")
HARMLESS = {  # attributes, and what their values may be
    **dict.fromkeys(("alt", "title"), re.compile(r".*", re.DOTALL)),
    **dict.fromkeys(("width", "height", "start"), re.compile(r"\d+%?")),
    "class": re.compile(r"highlight|[a-z]{1,3}\d?"),
    "href": ADDRESS,
    "open": re.compile(""),
    "rel": re.compile("noopener noreferrer nofollow"),
    "src": re.compile(r"data:image/(png|jpeg|gif);base64,[\w+/=]+"),
    "style": re.compile("text-align: ?(left|right|center);?"),
    "target": re.compile("_blank"),
}


def shown(source, attachments=None, page=None):
    cell = nbformat.v4.new_markdown_cell(source, attachments=attachments or {})
    return pages.cleaned({"resources": {} if page is None else page, "cell": cell}, source)


def parsed(page):
    return BeautifulSoup(page, "html.parser")


def text(page):
    return "".join(parsed(page).get_text().replace("¶", "").split())


@pytest.fixture(scope="module")
def settings():
    configure(settings := Config())
    return settings


@pytest.mark.parametrize("attack", ATTACKS.values(), ids=ATTACKS)
def test_nothing_that_acts_gets_through(attack):
    page = shown(attack, {'b"b.png': {"image/svg+xml": "PHN2Zz4=", "image/png": PIXEL}})
    for tag in parsed(page).find_all():
        assert tag.name in pages.TAGS
        for name, value in tag.attrs.items():
            assert HARMLESS[name].fullmatch(" ".join(value) if isinstance(value, list) else value)


def test_tags_of_a_page_are_no_tags_that_act():
    acting = "base button embed form iframe input link math meta object script select style svg textarea"
    assert not pages.TAGS & {*acting.split(), "template", "title", "noscript", "xmp"}


@pytest.mark.parametrize("name", CHAPTERS.values())
def test_chapters_look_as_before(name):
    chapter = nbformat.read(NOTEBOOKS / f"{name}.ipynb", as_version=4)
    for cell in (cell for cell in chapter.cells if cell.cell_type == "markdown" and "![" not in cell.source):
        before, after = markdown2html_mistune(cell.source), shown(cell.source)
        assert text(after) == text(before)
        assert {tag.name for tag in parsed(after).find_all()} - {"a"} == {
            tag.name for tag in parsed(before).find_all()
        } - {"a"}


def test_what_students_write_is_formatted():
    page = shown(
        "- **4** and *9* `x`\n- [why](https://example.org/a?b=1&c=2)\n\n|a|b|\n|-|:-:|\n|1|2|\n\n$a<b$"
    )
    assert [tag.text for tag in parsed(page).select("li, strong, em, code, td, th")] == [
        *("4 and 9 x", "4", "9", "x", "why", "a", "b", "1", "2")
    ]
    assert parsed(page).a["href"] == "https://example.org/a?b=1&c=2"
    assert parsed(page).find_all("td")[1]["style"] == "text-align:center;"
    assert "$a&lt;b$" in page
    assert '<span class="k">def</span>' in shown("```python\ndef energy(codes): ...\n```")


def test_pasted_pictures_are_shown():
    attached = {'my "4".png': {"image/png": PIXEL}, "bad.png": {"image/png": "no base64!"}}
    page = shown(
        f"![a](attachment:my%20%224%22.png) ![b](data:image/png;base64,{PIXEL}) ![c](attachment:bad.png) "
        f'<img src="data:image/png;base64,{PIXEL}" width="50%"> ![d](https://example.org/4.png)',
        attached,
    )
    assert [tag["src"] for tag in parsed(page).find_all("img")] == [f"data:image/png;base64,{PIXEL}"] * 3
    assert "[a picture that is not in the notebook: https://example.org/4.png]" in page
    assert "[a picture that is not in the notebook: attachment:bad.png]" in page


def test_a_page_holds_so_many_pictures():
    large, page = "A" * 2_000_000, {}
    source = "![x](attachment:large.png)" * 1000
    made = [shown(source, {"large.png": {"image/png": large}}, page) for _ in range(2)]
    assert sum(map(len, made)) < pages.MOST_PICTURES + 200_000
    assert "[a picture too many for this page]" in made[0]


@pytest.mark.parametrize(
    "source",
    [
        "<b title=1><div><a>" * 50_000,
        "<details>" * 50_000 + "words",
        "\\\\[" * 100_000,
        "[" * 1_000_000,
        "|a|\n|-|\n" * 30_000,
        "> - " * 100_000,
        "```python\n" + "\n\t" * 50_000,
    ],
    ids=lambda source: source[:12],
)
def test_no_text_takes_long(source, monkeypatch):
    monkeypatch.setattr(pages, "MOST_SECONDS", 1)
    began = time.process_time()
    page = shown(source)
    assert time.process_time() - began < 1
    assert "formatting it took too long" in page
    assert text(page).endswith("".join(source.split())[-100:])


def test_a_large_picture_takes_no_time():
    began = time.process_time()
    page = shown(f"See **this**: ![x](data:image/png;base64,{'A' * 2_000_000}) <!-- {'a ' * 1000} -->")
    assert time.process_time() - began < 1
    assert "<strong>this</strong>" in page
    assert len(parsed(page).img["src"]) > 2_000_000


def test_code_that_takes_long_to_highlight_is_shown_plain(monkeypatch):
    assert '<span class="k">def</span>' in pages.highlighted({"resources": {}}, "def walk(a): ...")
    monkeypatch.setattr(pages, "MOST_SECONDS", 1)
    page = pages.highlighted({"resources": {}}, "\n\t" * 20_000 + "a < b")
    assert page.endswith("a &lt; b</pre>")


def feedback(settings, *cells):
    """A page of feedback as nbgrader writes it, with no marks."""
    step = GenerateFeedback(config=settings)
    exporter = step.exporter_class(parent=step, config=step.config)
    page = {"notebook": "a", "score": 0, "max_score": 0, "late_penalty": 0}
    return exporter.from_notebook_node(nbformat.v4.new_notebook(cells=list(cells)), {"nbgrader": page})[0]


def test_feedback_names_its_own_scripts(settings):
    output = nbformat.v4.new_output("display_data", {"text/html": "<script>1</script>"})
    page = parsed(feedback(settings, nbformat.v4.new_code_cell("1", outputs=[output])))
    rules = page.head.find()["content"]
    nonce = re.search(r"script-src 'nonce-([\w-]+)'", rules)[1]
    own, students = (page.select(f"{place} script") for place in ("head", "#notebook-container"))
    assert {script["nonce"] for script in own} == {nonce}
    assert [script.attrs for script in students] == [{}]
    assert not any("x-mathjax-config" in script.get("type", "") for script in own)
    assert "default-src 'none'" in rules
    assert "unsafe" not in rules.replace("style-src 'unsafe-inline'", "")
    assert nonce not in feedback(settings)


def test_settings_reach_feedback(settings):
    cells = [nbformat.v4.new_markdown_cell(ATTACKS["script"]), nbformat.v4.new_code_cell("%%html\n<b>")]
    cells.append(nbformat.v4.new_markdown_cell("![x](attachment:lost.png) [a](files/b)"))
    students = parsed(feedback(settings, *cells)).find(id="notebook-container")
    assert ATTACKS["script"] in students.text
    assert "attachment:lost.png" in students.text
    assert not students.select("script, [href]")


@pytest.mark.parametrize("first", [True, False], ids=["before nbgrader", "after nbgrader"])
def test_submissions_are_served_by_the_guarded_page(first):
    server = type("Server", (), {"web_app": Application(base_url="/hub/")})
    theirs = [(url_path_join("/hub/", path), *more) for path, *more in handlers.default_handlers]
    if first:
        pages._load_jupyter_server_extension(server)
    server.web_app.add_handlers(".*$", theirs)
    if not first:
        pages._load_jupyter_server_extension(server)

    def served(path):
        line = RequestStartLine("GET", f"/hub/formgrader/{path}", "HTTP/1.1")
        request = HTTPServerRequest(start_line=line, headers=HTTPHeaders(Host="localhost"), connection=Mock())
        return server.web_app.find_handler(request).handler_class

    number = "0123456789abcdef0123456789abcdef"
    assert served(f"submissions/{number}") is served(f"submissions/{number}/") is pages.GradingPage
    assert served(f"submissions/{number}/next") is handlers.SubmissionNavigationHandler
    assert served("gradebook") is handlers.GradebookAssignmentsHandler
