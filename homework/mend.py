"""A returned notebook, put back into the form of its release, with the student's own cells and words."""

import ast
import base64
import binascii
import copy
import io
import re
import tokenize
from typing import NamedTuple

import nbformat
from nbformat import NotebookNode
from nbgrader import utils

MOST_CELLS, MOST_LETTERS, MOST_PICTURE = 500, 2_000_000, 3_000_000  # letters of all cells, of a picture
AROUND = re.compile(r"""^(#+|[A-Za-z]{0,2}['"]+)|['"]+$""")  # what is around the words of a comment or a text
WORD = r"[*_\"'(]*\w[\w'\u2019-]*[*_,.:;!?)\"]*"
SENTENCE = re.compile(rf"({WORD}\s+){{3}}{WORD}")  # that somebody may have meant as an answer


class Mended(NamedTuple):
    """A notebook that can be run and graded.

    Args:
        notebook: the cells, made anew: nothing of what came back but their text and pasted pictures.
        looks: what a person should look at, in words that hold none of the student's.
    """

    notebook: NotebookNode
    looks: list[str]


def mend(returned: NotebookNode, released: NotebookNode) -> Mended:
    """Put a returned notebook's locked cells back to where and what they were in the release.

    Students' own cells stay, in their order. A check that is lost or out of order stands right behind the
    answer that it asks; where that is gone, at the end. Words that a student wrote elsewhere are added
    to each answer that was left blank.

    Raises:
        ValueError: it holds more than anybody would write.
    """
    if len(returned.cells) > MOST_CELLS or sum(len(cell.source) for cell in returned.cells) > MOST_LETTERS:
        raise ValueError(f"it has more than {MOST_CELLS} cells, or {MOST_LETTERS:,} letters")
    looks = []
    by_id = {cell.id: cell for cell in released.cells}
    originals = {grade_id(cell): cell for cell in released.cells if grade_id(cell)}
    cells = [made for cell in returned.cells for made in _anew(cell, by_id | originals, looks)]
    cells = _one_of_each(cells, originals, looks)
    cells = _complete(cells, originals, looks)
    _bring_words(cells, released, looks)
    _name_each(cells)
    return Mended(nbformat.v4.new_notebook(cells=cells, metadata=released.metadata), looks)


def grade_id(cell: NotebookNode) -> str | None:
    """The name by which nbgrader knows a cell."""
    return cell.metadata.get("nbgrader", {}).get("grade_id")


def is_check(cell: NotebookNode) -> bool:
    """Is this a cell whose points are decided by questions?"""
    return cell.cell_type == "code" and utils.is_grade(cell) and utils.is_locked(cell)


def _anew(cell, originals, looks):
    """The same cell without what could act, such as tags and outputs; and what overwrote a locked one."""
    marks = cell.metadata.get("nbgrader", {})
    name = marks.get("grade_id") if isinstance(marks, dict) else None
    original = originals.get(name) or originals.get(cell.get("id"))
    is_answer = original is not None and utils.is_solution(original)
    is_code = (original if is_answer else cell).cell_type == "code"  # of an answer, whatever became of it
    made = (nbformat.v4.new_code_cell if is_code else nbformat.v4.new_markdown_cell)(cell.source)
    if not is_code and (pictures := _pictures(cell.get("attachments"))):
        made.attachments = pictures
    if original is None or original.cell_type != made.cell_type:
        return [made]
    made.id, made.metadata = original.id, copy.deepcopy(original.metadata)
    if not utils.is_locked(original) or _plain(made.source) == _plain(original.source):
        return [made]
    if is_check(original):
        looks.append(f"the check {original.id} was changed; restored")
        return [nbformat.v4.new_code_cell(made.source), copy.deepcopy(original)]
    return [copy.deepcopy(original), nbformat.v4.new_markdown_cell(made.source)]


def _pictures(attachments):
    kept = {}
    for name, kinds in (attachments or {}).items():
        for kind in ("image/png", "image/jpeg"):
            if is_picture(kinds.get(kind)):
                kept.setdefault(name, {})[kind] = kinds[kind]
    return kept


def is_picture(found: object) -> bool:
    """Is this a picture's bytes in base64, and not too many?"""
    try:
        return len(found) < MOST_PICTURE and bool(base64.b64decode("".join(found.split()), validate=True))
    except (TypeError, AttributeError, ValueError, binascii.Error):
        return False


def _one_of_each(cells, originals, looks):
    """Of cells with one name let the last one count that is not as it was released."""
    for name, original in originals.items():
        copies = [cell for cell in cells if grade_id(cell) == name]
        if len(copies) > 1:
            looks.append(f"{name} is there {len(copies)} times; the last changed one counts")
            changed = [cell for cell in copies if cell.source.strip() != original.source.strip()]
            chosen = (changed or copies)[-1]
            cells = [cell for cell in cells if cell is chosen or not any(cell is one for one in copies)]
            # What an earlier copy defines may be needed; a blank or locked one would undo the answer.
            place = next(number for number, cell in enumerate(cells) if cell is chosen)
            earlier = [cell for cell in changed if cell is not chosen and cell.cell_type == "code"]
            cells[place:place] = [nbformat.v4.new_code_cell(cell.source) for cell in earlier]
    return cells


def _complete(cells, originals, looks):
    order = [name for name, original in originals.items() if original.cell_type == "code"]
    if [grade_id(cell) for cell in cells if grade_id(cell) in order] != order:
        looks.append("tasks or checks are out of order or lost; each check stands behind its task now")
        cells = [cell for cell in cells if not is_check(cell)]
    answer = None
    for name, original in originals.items():
        if utils.is_solution(original):
            answer = name
        if any(grade_id(cell) == name for cell in cells):
            continue
        if is_check(original):
            places = [place for place, cell in enumerate(cells) if grade_id(cell) == answer]
            cells.insert(places[-1] + 1 if places else len(cells), copy.deepcopy(original))
        else:
            looks.append(f"{name} was missing")
            if original.cell_type == "markdown":
                cells.append(copy.deepcopy(original))
    return cells


def _bring_words(cells, released, looks):
    """Add what was written in other places to the answers that were left blank, so that a grader reads it."""
    given = {_plain(cell.source) for cell in released.cells}
    own = [cell for cell in cells if _plain(cell.source) not in given | {""}]
    theirs = {words for cell in released.cells for words in _words_in(cell.source)}
    written = [words for cell in own if (words := _written(cell, theirs))]
    answers = [cell for cell in cells if cell.cell_type == "markdown" and utils.is_solution(cell)]
    blank = [cell for cell in answers if _plain(cell.source) in given | {""}]
    if written and blank:
        looks.append("words stand outside the answers; each blank answer shows them")
        for cell in blank:
            cell.source = "\n\n".join(["*Written in other cells:*", *written])


def _name_each(cells):
    seen = set()
    for cell in cells:
        if cell.id in seen:
            cell.id = nbformat.v4.new_code_cell().id
        seen.add(cell.id)


def _plain(words):
    return " ".join(words.split())


def _written(cell, theirs):
    """The words in a cell that is no answer in words, but for those of the release; or ""."""
    if cell.cell_type == "markdown":
        return "" if utils.is_solution(cell) else cell.source
    if _is_prose(cell.source):
        return cell.source
    own = [words for words in _words_in(cell.source) if words not in theirs]
    return "\n\n".join(own)


def _is_prose(source):
    """Is this no code, but comments, a text in quotes, words, or something like ``4 and 9``?"""
    try:
        lines = ast.parse(source).body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return True
    return all(map(_says, lines))


def _says(line):
    """Is this line a text, or some things side by side?"""
    found = getattr(line, "value", None)
    if not isinstance(line, ast.Expr) or any(
        isinstance(part, ast.Name | ast.Call) for part in ast.walk(line)
    ):
        return False
    is_text = isinstance(found, ast.Constant) and isinstance(found.value, str)
    return is_text or isinstance(found, ast.BoolOp | ast.Tuple | ast.List)


def _words_in(source):
    """The comments and texts of code that are as long as a sentence."""
    try:
        tokens = list(tokenize.generate_tokens(io.StringIO(source).readline))
    except (SyntaxError, ValueError, tokenize.TokenError):
        return []
    kinds = tokenize.COMMENT, tokenize.STRING
    said = [_plain(AROUND.sub("", token.string)) for token in tokens if token.type in kinds]
    return [words for words in said if SENTENCE.search(words)]
