"""What graders and students see of a notebook in a browser: its words and pictures, nothing that acts.

``homework.settings`` has nbconvert use ``cleaned`` and ``highlighted`` for every page, and
``FeedbackPage`` for feedback. Formgrader's pages of submissions are served by ``GradingPage``, once this
module is loaded as an extension of the Jupyter server.
"""

import base64
import functools
import hashlib
import html
import re
import secrets
import signal
import threading
import time
from contextlib import contextmanager
from urllib.parse import unquote

from bleach.css_sanitizer import CSSSanitizer
from bleach.html5lib_shim import Filter
from bleach.sanitizer import Cleaner
from jinja2 import pass_context
from jupyter_server.utils import url_path_join
from mistune import HTMLRenderer, import_plugin
from nbconvert import HTMLExporter
from nbconvert.filters.highlight import Highlight2HTML
from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath
from nbgrader.server_extensions.formgrader.handlers import SubmissionHandler
from pygments.token import STANDARD_TYPES

from homework.mend import is_picture

MOST_SECONDS, MOST_PICTURES = 5, 30_000_000  # processor time, and letters of base64, for one page

AGAIN = 0.1  # seconds of processor time after which an alarm rings again

FORMATS = """a abbr b blockquote br code dd del details div dl dt em h1 h2 h3 h4 h5 h6 hr i img ins kbd li
mark ol p pre q s samp small span strong sub summary sup table tbody td tfoot th thead tr u ul var"""
TAGS = frozenset(FORMATS.split())
WORDS, SIZE, ALIGN = r"[^\0]*", r"\d{1,4}%?", r"text-align: ?(left|right|center);?"
ATTRIBUTES = {  # what their values may be
    # A web address, of a name with dots: not of this machine, on which Jupyter obeys its own addresses.
    ("a", "href"): r"https?://([a-z0-9-]+\.)+[a-z]{2,}([/?#].*)?|mailto:[\w.+-]+@[\w.-]+",
    ("a", "title"): WORDS,
    ("abbr", "title"): WORDS,
    ("details", "open"): WORDS,
    ("div", "class"): "highlight",
    ("img", "alt"): WORDS,
    ("img", "height"): SIZE,
    ("img", "src"): WORDS,  # _Shown decides
    ("img", "width"): SIZE,
    ("ol", "start"): SIZE,
    ("span", "class"): "|".join(filter(None, STANDARD_TYPES.values())),  # colors of code
    ("td", "style"): ALIGN,
    ("th", "style"): ALIGN,
}
PICTURE = re.compile(r"data:(image/(?:png|jpeg|gif));base64,([A-Za-z0-9+/=]+)")
KINDS = "image/png", "image/jpeg", "image/gif"  # of pictures that show and do nothing else

STUDENTS = '<div class="container" id="notebook-container">'  # where a page's own part ends
MATHJAX = "https://cdnjs.cloudflare.com/ajax/libs/mathjax/2.7.7/"
ONCLICK = "toggle_name(true);", "toggle_name(false);"  # the code in Formgrader's own buttons
STYLE = "<style>.rendered_html, .output_area { contain: content; overflow: auto; }</style>"
MATH = """
const nothing = {URLs: "none", classes: "none", cssIDs: "none", styles: "none", require: "none"};
if (window.MathJax) MathJax.Hub.Config({Safe: {allow: nothing}});
else window.MathJax = {Hub: {Startup: {signal: {Interest: f => f("End")}}}};  // Formgrader's keys wait for it
"""


@pass_context
def cleaned(context, source: str) -> str:
    """Make HTML of Markdown, as nbconvert's filter ``markdown2html``, with nothing in it that acts.

    Pictures show if the notebook holds them; of others, their address does.
    """
    return _in_time(context, source, lambda limits: _html(context, source, limits))


@pass_context
def highlighted(context, source: str, metadata: dict | None = None) -> str:
    """Color a code cell, as nbconvert's filter ``highlight_code``, but always as Python."""
    return _in_time(context, source, lambda _: Highlight2HTML("ipython3")(source))


def unchanged(text: str) -> str:
    """Stand in for a filter that would change addresses after they were looked at."""
    return text


class _Limits:
    """What is left of a page's time and pictures."""

    def __init__(self):
        self.seconds, self.pictures = MOST_SECONDS, MOST_PICTURES


def _in_time(context, source, work):
    """What comes of work on a cell's text, or the text as it is, if that takes too long or fails."""
    limits = context["resources"].setdefault("limits", _Limits())
    began = time.process_time()
    try:
        with _alarm(limits.seconds / 5):
            return work(limits)
    except Exception as error:  # whatever a text does to three libraries that did not expect it
        reason = "took too long" if isinstance(error, TimeoutError) else "failed"
        told = f"<p><em>Here is what was typed, since formatting it {reason}:</em></p>"
        return f"{told}<pre>{html.escape(PICTURE.sub('[a picture]', source))}</pre>"
    finally:
        limits.seconds = max(0.001, limits.seconds - (time.process_time() - began))


class _Alarm:
    """Raises TimeoutError inside a ``with`` after some processor time, on systems that can."""

    def __init__(self):
        self.is_set = False

    @contextmanager
    def __call__(self, seconds):
        if not hasattr(signal, "setitimer") or threading.current_thread() is not threading.main_thread():
            yield
            return
        signal.signal(signal.SIGVTALRM, self._ring)  # for good: nothing else uses it, and a late one is none
        self.is_set = True
        # Again and again, since one that rings inside a destructor is lost.
        signal.setitimer(signal.ITIMER_VIRTUAL, seconds, AGAIN)
        try:
            try:
                yield
            finally:
                self.is_set = False
        finally:  # once more, had it rung just there
            self.is_set = False
            signal.setitimer(signal.ITIMER_VIRTUAL, 0)

    def _ring(self, *_):
        if self.is_set:
            raise TimeoutError


_alarm = _Alarm()


class _Renderer(IPythonRenderer):
    """nbconvert's, but that it looks for no pictures, and highlights no language but Python."""

    def _embed_image_or_attachment(self, src):
        return src

    def block_code(self, code, info=None):
        is_python = (info or "").split()[:1] in (["python"], ["py"])
        return super().block_code(code, "python") if is_python else HTMLRenderer.block_code(self, code)


def _html(context, source, limits):
    pictures = []  # kept out of what reads text

    def keep(match):
        pictures.append(match)
        return f"picture:{len(pictures) - 1}"

    text = PICTURE.sub(keep, source)
    attached = (context.get("cell") or {}).get("attachments") or {}
    plugins = [import_plugin(name) for name in MarkdownWithMath.DEFAULT_PLUGINS if name != "task_lists"]
    renderer = _Renderer(escape=False, exclude_anchor_links=True)
    made = MarkdownWithMath(renderer=renderer, plugins=plugins).render(text)
    cleaner = Cleaner(
        tags=TAGS,
        attributes=_is_kept,
        protocols={"http", "https", "mailto", "picture", "attachment"},
        css_sanitizer=CSSSanitizer(allowed_css_properties=["text-align"]),
        filters=[functools.partial(_Shown, pictures=pictures, attached=attached, limits=limits)],
    )
    return cleaner.clean(made)


def _is_kept(tag, name, value):
    """May an element have this attribute, with this value?"""
    form = ATTRIBUTES.get((tag, name))
    return form is not None and bool(re.fullmatch(form, value, re.IGNORECASE | re.DOTALL))


class _Shown(Filter):
    """The last step: puts the pictures in, and has links open elsewhere."""

    def __init__(self, source, pictures, attached, limits):
        super().__init__(source)
        self.pictures, self.attached, self.limits = pictures, attached, limits

    def __iter__(self):
        for token in super().__iter__():
            if token.get("name") == "img":
                token = self._picture(token)
            elif token.get("name") == "a" and token["type"] == "StartTag":
                token["data"] |= {(None, "target"): "_blank", (None, "rel"): "noopener noreferrer nofollow"}
            yield token

    def _picture(self, token):
        address = html.unescape(token["data"].get((None, "src"), ""))
        kind, content = self._found(address)
        if len(content) > self.limits.pictures:
            return _words("a picture too many for this page")
        if not is_picture(content):
            return _words(f"a picture that is not in the notebook: {address[:300]}")
        self.limits.pictures -= len(content)
        token["data"][None, "src"] = f"data:{kind};base64,{''.join(content.split())}"
        return token

    def _found(self, address):
        """The kind and content of a picture; nothing where the notebook does not hold it."""
        place, _, name = address.partition(":")
        if place == "picture" and name.isdecimal() and int(name) < len(self.pictures):
            return self.pictures[int(name)].groups()
        kinds = self.attached.get(name) or self.attached.get(unquote(name)) or {}
        return next(((kind, kinds[kind]) for kind in KINDS if isinstance(kinds.get(kind), str)), ("", ""))


def _words(text):
    return {"type": "Characters", "data": f"[{text}]"}


def secured(page: str, nonce: str) -> str:
    """Name the scripts of a page's own by its nonce; what comes from a student stays without."""
    own, mark, students = page.partition(STUDENTS)
    if not mark:
        return page
    own = own.replace(' type="text/x-mathjax-config"', "")  # which MathJax would evaluate
    own = own.replace("latest.js?", "MathJax.js?")  # no question to a third place, what the latest is
    own = own.replace("</head>", f"{STYLE}<script>{MATH}</script></head>", 1)
    return re.sub(r"<script\b", f'<script nonce="{nonce}"', own) + mark + students


def policy(nonce: str, **more: str) -> str:
    """Write a content security policy: scripts by nonce, and pictures of the page's own.

    Args:
        nonce: which the page's scripts have.
        more: what else is allowed, by directive.
    """
    rules = {
        "default_src": "'none'",
        "base_uri": "'none'",
        "form_action": "'none'",
        "font_src": f"data: {MATHJAX}",
        "img_src": "data:",
        "script_src": f"'nonce-{nonce}' {MATHJAX}",
        "style_src": "'unsafe-inline'",
    }
    for name, words in more.items():
        rules[name] = f"{rules[name]} {words}" if name in rules else words
    return "; ".join(f"{name.replace('_', '-')} {words}" for name, words in rules.items())


class FeedbackPage(HTMLExporter):
    """A page of feedback, which brings its content security policy along."""

    def from_notebook_node(self, nb, resources=None, **more):
        """Convert a notebook, but for the first cell, which tells how to hand in."""
        nb.cells = [cell for cell in nb.cells if cell.get("id") != "hand-in"]
        page, resources = super().from_notebook_node(nb, resources, **more)
        nonce = secrets.token_urlsafe()
        meta = f'<meta http-equiv="Content-Security-Policy" content="{policy(nonce)}"/>'
        return secured(page, nonce).replace("<head>", f"<head>{meta}", 1), resources


class GradingPage(SubmissionHandler):
    """Formgrader's page of a submission, under a content security policy."""

    @functools.cached_property
    def nonce(self) -> str:
        """What tells the scripts of this page from others."""
        return secrets.token_urlsafe()

    @property
    def content_security_policy(self) -> str:
        """What this page may do."""
        hashes = [base64.b64encode(hashlib.sha256(code.encode()).digest()).decode() for code in ONCLICK]
        return policy(
            self.nonce,
            connect_src="'self'",
            font_src="'self'",
            frame_ancestors="'self'",
            script_src=" ".join(["'unsafe-hashes'", *(f"'sha256-{one}'" for one in hashes)]),
            style_src="'self'",
        )

    @property
    def exporter(self) -> "GradingPage":
        """nbgrader asks it for the page, by ``from_filename``."""
        return self

    def from_filename(self, filename: str, resources: dict) -> tuple[str, dict]:
        """Convert a notebook; names of students are no HTML."""
        return super().exporter.from_filename(filename, resources=_escaped(resources))

    def render(self, name: str, resources: dict | None = None, **more) -> str:
        """Fill in one of nbgrader's templates, where there is no notebook."""
        return super().render(name, resources=_escaped(resources or {}), **more)

    def write(self, chunk: str | bytes | dict) -> None:
        """Send the page, or a part of it."""
        super().write(secured(chunk, self.nonce) if isinstance(chunk, str) else chunk)


def _escaped(resources):
    return {name: html.escape(word) if isinstance(word, str) else word for name, word in resources.items()}


def _jupyter_server_extension_points():
    return [{"module": "homework.pages"}]


def _load_jupyter_server_extension(app):
    """Serve submissions in nbgrader's place, whichever extension is loaded first."""
    address = url_path_join(app.web_app.settings["base_url"], r"/formgrader/submissions/([^/]+)/?")
    app.web_app.add_handlers(".*$", [(address, GradingPage)])
    rules = app.web_app.default_router.rules
    rules.insert(0, rules.pop(-2))
