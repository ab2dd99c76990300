"""A student runs a chapter that is still blank; an instructor grades by hand, and what acts does not act."""

import contextlib
import os
import shutil
import sqlite3
from urllib.parse import urlsplit

import nbformat
import pytest
from conftest import JUPYTER_OPTIONS, run_all, running
from hostile import ATTACKS, JS, PIXEL, SHORT, WORD
from nbconvert.filters import markdown2html

from homework import collect, grade, marks, release
from homework.course import CHAPTERS, SAFE_PAGES, Course
from homework.pages import MATHJAX

NAME = CHAPTERS[1]
SWALLOW = [attack for name, attack in ATTACKS.items() if "unclosed" in name]  # what stands below them
AT_ONCE = [attack for name, attack in ATTACKS.items() if attack not in SWALLOW and name != "meta refresh"]
END = "and this is the end."
SHOWS = f"""
from IPython.display import HTML, SVG, Javascript, Latex, Markdown, display
for attack in {list(ATTACKS.values())!r}:
    print(attack)
    display(HTML(attack), Markdown(attack), Latex(attack))
display(Javascript({JS!r}), SVG('<svg xmlns="http://www.w3.org/2000/svg" onload="{JS}"/>'))
display({{"image/png": '"><script>{JS}</script>', "text/plain": "<script>{JS}</script>"}}, raw=True,
        metadata={{"image/png": {{"width": '"><script>{JS}</script>'}}}})
raise ValueError("<script>{JS}</script>")
"""
TOUCH = """() => {
    for (const one of document.querySelectorAll("#notebook-container *:not(button, input, textarea)")) {
        for (const kind of ["mouseover", "focus", "load", "error"]) one.dispatchEvent(new Event(kind));
        if (one.tagName != "A") one.dispatchEvent(new MouseEvent("click", {bubbles: true}));
        if (one.tagName == "DETAILS") one.open = !one.open;
    }
}"""


def honest(notebook):
    for cell in notebook.cells:
        if cell.id == "answer-1":
            cell.source = "More room means more empty room, and blind draws fall into it: $x^2$."


def hostile(notebook):
    """Put all attacks into an answer, each into a cell of its own, and into names and outputs."""
    output = nbformat.v4.new_output("display_data", {"text/html": f"<script>{JS}</script>"})
    for cell in notebook.cells:
        cell.metadata.tags = [f'"><script>{SHORT}</script>']
        if cell.id == "answer-1":
            cell.source = "\n\n".join([ATTACKS["meta refresh"], *AT_ONCE, END, *SWALLOW])
            kinds = {"image/svg+xml": f'<svg onload="{JS}">', "image/png": PIXEL, "text/html": JS}
            cell.attachments = {'b"b.png': kinds, f'"><img src=x onerror="{JS}">.png': kinds}
        if cell.cell_type == "code":
            cell.outputs = [output]
    notebook.cells += [nbformat.v4.new_markdown_cell(attack) for attack in ATTACKS.values()]
    notebook.cells.append(nbformat.v4.new_raw_cell(ATTACKS["script"], metadata={"raw_mimetype": "text/html"}))
    notebook.cells.append(nbformat.v4.new_code_cell(SHOWS, outputs=[output]))
    notebook.cells.append(nbformat.v4.new_code_cell(f"%%html\n<script>{JS}</script>"))


@pytest.fixture(scope="module")
def course(tmp_path_factory):
    """Chapter 1, returned by a student who answered a question and by one who attacks, and graded."""
    root = tmp_path_factory.mktemp("formgrader")
    course = Course(root / "course")
    release.release(course, 1)
    for student, change in {"ada": honest, "mallory": hostile}.items():
        notebook = nbformat.read(course.root / "release" / NAME / f"{NAME}.ipynb", as_version=4)
        change(notebook)
        (root / "returned" / student).mkdir(parents=True)
        nbformat.write(notebook, root / "returned" / student / f"{NAME}.ipynb")
    collect.collect(course, 1, [root / "returned"])
    grade.grade(course, 1, jobs=2)
    with course.gradebook() as book:
        book.update_or_create_student(
            "mallory", first_name=ATTACKS["script"], last_name=ATTACKS["svg onload"]
        )
    return course


@pytest.fixture(scope="module")
def server(course):
    options = (*JUPYTER_OPTIONS, *SAFE_PAGES)
    with running(course.root, "jupyterlab", *options, environment=os.environ) as server:
        yield server


class Watched:
    """A page, and what it does without being told to."""

    def __init__(self, page):
        self.page, self.said, self.opened, self.requests = page, [], [], []
        page.on("console", lambda message: self.said.append(message.text))
        page.on("dialog", lambda dialog: (self.opened.append(dialog.message), dialog.dismiss()))
        page.on("popup", lambda popup: self.opened.append(popup.url))
        page.on("request", lambda request: self.requests.append(request))
        page.route(f"{MATHJAX}**", lambda route: route.abort())

    def touch(self):
        """Do to everything what could set off a script."""
        self.page.evaluate(TOUCH)
        self.page.wait_for_timeout(1000)

    def refused(self):
        """What the content security policy had to stop, but for a font of Bootstrap's that feedback lacks."""
        said = [words for words in self.said if "Content Security Policy" in words]
        return [words for words in said if "/fonts/glyphicons" not in words]

    def asked_elsewhere(self, *own):
        """Requests by another method than GET, or to addresses that are not the course's own."""
        return [
            (one.method, one.url)
            for one in self.requests
            if one.failure != "csp"
            and (one.method != "GET" or not one.url.startswith((*own, "data:image/", MATHJAX)))
        ]


@pytest.fixture
def watched(page):
    return Watched(page)


def submission(course, server, student):
    """The address of a student's page in Formgrader."""
    with course.gradebook() as book:
        found = book.find_submission_notebook(NAME, NAME, student)
        return f"{server.address}/formgrader/submissions/{found.id}/"


@contextlib.contextmanager
def saved(page, kind):
    """Wait until the page has its grades, and at the end until it has sent a grade or a comment."""
    page.wait_for_load_state("networkidle")
    with page.expect_response(lambda one: f"/api/{kind}/" in one.url and one.request.method == "PUT"):
        yield


def in_gradebook(course):
    with sqlite3.connect(course.root / "gradebook.db") as book:
        return list(book.iterdump())


def test_an_answer_is_graded_by_hand(course, server, page, watched):
    assert course.students(NAME) == ["ada", "mallory"]
    page.goto(f"{server.address}/formgrader/gradebook/{NAME}/{NAME}")
    page.locator(f"a[href*='{submission(course, server, 'ada').split('/')[-2]}']").first.click()
    page.get_by_text("1 point: says why: blind draws fall where no codes are").wait_for()
    answer = page.locator(".nbgrader_cell").filter(has_text="More room means more empty room")
    with saved(page, "grade"):
        answer.locator("input.score").fill("3.5")
        answer.locator("input.score").press("Tab")
    with saved(page, "comment"):
        answer.locator("textarea.comment").fill("Why *there*?")
        answer.locator("textarea.comment").press("Escape")
    with course.gradebook() as book:
        assert book.find_grade("answer-1", NAME, NAME, "ada").manual_score == 3.5
        assert book.find_comment("answer-1", NAME, NAME, "ada").manual_comment == "Why *there*?"
    assert watched.refused() == []


def test_buttons_and_keys_work_under_the_policy(course, server, page, watched):
    ada = submission(course, server, "ada")
    page.goto(ada)
    answer = page.locator(".nbgrader_cell").filter(has_text="More room means more empty room")
    page.locator(".glyphicon-eye-open").click()
    page.locator("a.name-shown").get_by_text("ada").wait_for()
    with saved(page, "grade"):
        answer.get_by_role("button", name="Full credit").click()
    page.locator("input.score").first.press("Tab")
    assert page.evaluate("document.activeElement.className").startswith("extra-credit")
    page.keyboard.press("Control+.")
    page.wait_for_url(lambda url: ada not in url)  # a page writes ?index= into its own address, too
    page.goto(ada)
    page.get_by_role("link", name="Next").click()
    page.wait_for_url(lambda url: ada not in url)
    with course.gradebook() as book:
        assert book.find_grade("answer-1", NAME, NAME, "ada").manual_score == 4
    assert watched.refused() == []


def test_nothing_acts_in_formgrader(course, server, page, watched):
    before = in_gradebook(course)
    address = submission(course, server, "mallory")
    response = page.goto(address)
    assert "script-src 'nonce-" in response.headers["content-security-policy"]
    page.get_by_text(END).first.wait_for()
    watched.touch()
    assert page.url.partition("?")[0] == address
    assert [words for words in watched.said if WORD in words] == watched.opened == watched.refused() == []
    own = [f"{server.address}/formgrader/static/", f"{server.address}/formgrader/api/", address]
    assert watched.asked_elsewhere(*own) == []
    found = page.locator("#notebook-container a").evaluate_all("all => all.map(one => one.href)")
    links = [urlsplit(link) for link in found]
    assert {link.scheme for link in links} <= {"", "https", "mailto"}
    assert server.address not in {f"http://{link.netloc}" for link in links}
    assert in_gradebook(course) == before


def test_an_attacker_is_graded_by_hand(course, server, page):
    page.goto(submission(course, server, "mallory"))
    scores = page.locator("input.score")
    answer = page.locator(".nbgrader_cell").filter(has_text=END)
    assert scores.count() == 4
    for score in scores.all():
        score.click()  # nothing lies above it
    with saved(page, "grade"):
        answer.locator("input.score").fill("0.5")
        answer.locator("input.score").press("Tab")
    with course.gradebook() as book:
        assert book.find_grade("answer-1", NAME, NAME, "mallory").manual_score == 0.5


def test_feedback_does_not_act(course, watched):
    with course.gradebook() as book:
        for answer in book.find_submission_notebook(NAME, NAME, "mallory").grades:
            answer.needs_manual_grade = False
        book.db.commit()
    marks.feedback(course, 1)
    path = course.root / "feedback" / "mallory" / NAME / f"{NAME}.html"
    watched.page.goto(path.as_uri())
    watched.page.get_by_text(END).first.wait_for()
    watched.touch()
    assert [words for words in watched.said if WORD in words] == watched.opened == watched.refused() == []
    assert watched.asked_elsewhere(path.as_uri()) == []


def test_the_attacks_do_act_on_other_pages(watched, tmp_path):
    page = "".join(markdown2html(attack) for attack in AT_ONCE if "attachment:" not in attack)
    (tmp_path / "page.html").write_text(f"<meta charset='utf-8'>{page}", encoding="utf-8")
    watched.page.goto((tmp_path / "page.html").as_uri())
    watched.touch()
    assert [words for words in watched.said if WORD in words] != []
    assert len(watched.asked_elsewhere((tmp_path / "page.html").as_uri())) > 10


def test_the_policy_stops_what_might_get_through(course, server, page, watched):
    """HTML in an output, which no cell could have put out, takes the place of what nobody thought of."""
    path = course.root / "autograded" / "mallory" / NAME / f"{NAME}.ipynb"
    notebook = nbformat.read(path, as_version=4)
    output = nbformat.v4.new_output("display_data", {"text/html": "\n".join(AT_ONCE)})
    notebook.cells.insert(1, nbformat.v4.new_code_cell("1", outputs=[output]))
    path.chmod(0o644)
    nbformat.write(notebook, path)
    before = in_gradebook(course)
    page.goto(submission(course, server, "mallory"))
    watched.touch()
    page.evaluate("() => document.querySelectorAll('form').forEach(form => form.submit())")
    page.wait_for_timeout(1000)
    assert watched.refused() != []
    assert watched.opened == [words for words in watched.said if words == WORD] == []
    assert watched.asked_elsewhere(f"{server.address}/formgrader/") == []
    assert in_gradebook(course) == before


def test_a_blank_chapter_runs_to_its_end(course, lab, page):
    shutil.copy(course.root / "release" / NAME / f"{NAME}.ipynb", lab.folder / "notebooks" / "blank.ipynb")
    page.goto(lab.lab("blank.ipynb"))
    run_all(page)
    for _ in range(60):
        page.wait_for_timeout(2000)
        page.keyboard.press("ControlOrMeta+s")
        cells = lab.saved("blank.ipynb")
        if cells[-1]["execution_count"]:
            break
    assert [cell["id"] for cell in cells if not cell["execution_count"]] == []
    (said,) = (output for cell in cells if cell["id"] == "loss-check" for output in cell["outputs"])
    assert "loss is not written yet" in "".join(said["text"])
    assert page.get_by_text("loss is not written yet").count() > 0
