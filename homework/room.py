"""A student's notebook is run in a kernel of its own, and each answer in it is asked from outside."""

import base64
import re
from collections import Counter
from collections.abc import Callable
from typing import NamedTuple

import nbformat
from nbclient.exceptions import CellTimeoutError, DeadKernelError
from nbformat import NotebookNode
from nbgrader import utils
from nbgrader.preprocessors import Execute
from traitlets import Integer

from helpers import checks, questions
from helpers.questions import NotWrittenYetError, Question, Reply
from homework.assignment import CHECK
from homework.kernel import LimitedKernelManager
from homework.mend import grade_id, is_check, is_picture

PICTURE = re.compile(
    r'<img src="data:image/png;base64,([\w+/=]*)" width="\d+" style="max-width: 100%" alt="[^"<>]*">'
)
EXPLORER = "application/vnd.jupyter.widget-view+json"
PROMISES = "promises-check"  # the cell that the few digits of a grading would fail
ASK = "__import__('helpers.questions', fromlist=['']).answer_in_jupyter({content!r}, {name!r})"
MOST_IN_ALL = 10  # times as much as of a cell is kept of a notebook
PATIENCE = 3  # cells that take too long, before the rest is not tried
MISSING = re.compile(r"No module named '([\w.]{1,50})'")


class Verdict(NamedTuple):
    """What the questions to an answer have shown; ``words`` are for its student."""

    right: bool
    words: str
    blank: bool = False


class Task(NamedTuple):
    """An answer's function, and how it is asked."""

    check: Callable  # of helpers.checks
    function: str
    answer: str  # the name of the cell that defines it

    @classmethod
    def of(cls, notebook: NotebookNode) -> dict[str, "Task"]:
        """The tasks of a released notebook, by the name of the check's cell."""
        tasks, answer = {}, None
        for cell in notebook.cells:
            if utils.is_solution(cell):
                answer = grade_id(cell)
            if is_check(cell):
                check, function = CHECK.fullmatch(cell.source).groups()
                tasks[grade_id(cell)] = cls(getattr(checks, check), function, answer)
        return tasks


class Room(Execute):
    """nbgrader's execution in a limited kernel; what comes out of it is limited, too.

    Args:
        released: the notebook as it was handed out.
        tasks: to be asked, by the name of the check's cell.
    """

    max_characters = Integer(20_000, help="how much of a cell's printed output is kept").tag(config=True)
    max_pictures = Integer(5_000_000, help="how much of a cell's pictures is kept, in bytes").tag(config=True)

    def __init__(self, released: NotebookNode, tasks: dict[str, Task], **settings):
        super().__init__(kernel_manager_class=LimitedKernelManager, kernel_name="python3", **settings)
        self.released, self.tasks = {cell.id for cell in released.cells}, tasks
        self.shutdown_kernel, self.store_widget_state = "immediate", False
        self.verdicts, self.looks = {}, []
        self.ended, self.late = False, 0
        self.put_out, self.kept, self.reply, self.ends = Counter(), Counter(), None, False

    def preprocess(self, nb, resources=None, km=None):
        """Run the notebook, and ask each answer where its check stands.

        What is wrong there is asked once more at the end, since a cell further down may hold what it needs.
        """
        self.nb = nb
        self.reset_execution_trackers()
        with self.setup_kernel():
            for index, cell in enumerate(nb.cells):
                self._run(cell, index)
            if any(cell.id not in self.released for cell in nb.cells):
                for index, cell in enumerate(nb.cells):
                    self._ask_again(cell, index)
        return nb, resources

    def _run(self, cell, index):
        if self.ended or cell.id == PROMISES or cell.cell_type != "code":
            return
        if grade_id(cell) in self.tasks:
            self.verdicts[grade_id(cell)] = self._verdict(cell, index)
        else:
            self._execute(cell, index)
            self._look_at(cell, index)

    def _ask_again(self, cell, index):
        before = self.verdicts.get(grade_id(cell))
        if before and not (before.right or self.ended):
            verdict = self._verdict(cell, index)
            if verdict.right:
                self.verdicts[grade_id(cell)] = verdict
                self.looks.append(f"{self._name(cell, index)}: wrong there, but right at the notebook's end")

    def _execute(self, cell, index):
        try:
            self.execute_cell(cell, index)
        except (DeadKernelError, CellTimeoutError) as error:
            how = "ended its kernel" if isinstance(error, DeadKernelError) else "could not be interrupted"
            self._end(cell, index, f"{how}; nothing below it ran")
            told = f"This cell {how}; nothing below it ran.\n"
            cell.outputs = [nbformat.v4.new_output("stream", name="stderr", text=told)]
        if self.ends:
            self._end(cell, index, "called exit(); nothing below it ran")

    def on_cell_executed(self, **told):
        """Note that a cell called exit(), which ends the kernel after its reply."""
        super().on_cell_executed(**told)
        payload = told["execute_reply"]["content"].get("payload") or []
        self.ends = any(part.get("source") == "ask_exit" for part in payload)

    def _end(self, cell, index, words):
        self.ended = True
        self.looks.append(f"{self._name(cell, index)} {words}")

    def _look_at(self, cell, index):
        seen = []
        for output in cell.get("outputs", []):
            if output.get("ename") in ("CellTimeoutError", "MemoryError"):
                seen.append(f"stopped with {output.ename}")
                self.late += output.ename == "CellTimeoutError"
            if output.get("ename") == "ModuleNotFoundError" and (found := MISSING.search(output.evalue)):
                seen.append(f"needs {found[1]}, which is not installed here")
        for kind, most in (("characters", self.max_characters), ("bytes of pictures", self.max_pictures)):
            if self.put_out[index, kind] > most:
                seen.append(f"put out {self.put_out[index, kind]:,} {kind}; {most:,} are kept")
        self.looks += [f"{self._name(cell, index)} {words}" for words in seen]
        if self.late == PATIENCE:
            self._end(cell, index, f"was the {PATIENCE}rd that took too long; nothing below it ran")

    def _name(self, cell, index):
        """A cell in words that hold none of the student's."""
        return f"cell {index + 1} ({cell.id if cell.id in self.released else 'not from the release'})"

    def _verdict(self, cell, index):
        task, log = self.tasks[grade_id(cell)], []
        try:
            checks.require(task.check, lambda question: self._ask(task, question, cell, index, log))
        except NotWrittenYetError as error:
            return Verdict(False, str(error), blank=True)
        except checks.SlipError as slip:
            told = f"{task.function}: not yet. {checks.sentence(slip)}"
            return Verdict(False, "\n".join([told, f"Asked {log[-2]}.", f"Came back: {log[-1]}."]))
        except Exception as error:  # made up by somebody who knows what a reply looks like
            self.looks.append(f"{grade_id(cell)}: what came back cannot be compared ({type(error).__name__})")
            return Verdict(False, f"{task.function}: not yet. What came back cannot be compared.")
        return Verdict(True, f"{task.function}: right.\nAsked {len(log) // 2} times, at last {log[-2]}.")

    def _ask(self, task, question: Question, cell, index, log) -> Reply:
        content = base64.b64encode(question.packed()).decode()
        asking = nbformat.v4.new_code_cell(ASK.format(content=content, name=task.function))
        self.reply = None
        log += [question, "nothing"]
        try:
            self.execute_cell(asking, index, store_history=False)
            if any(output.get("ename") == "CellTimeoutError" for output in asking.outputs):
                raise checks.SlipError(f"it gave nothing back within {self.timeout} seconds.")
            log[-1] = Reply.unpacked(base64.b64decode(self.reply or "", validate=True))
        except (DeadKernelError, CellTimeoutError):
            self._end(cell, index, "asked an answer that ended its kernel; nothing below it ran")
            raise checks.SlipError("it ended its kernel, or could not be interrupted.") from None
        except ValueError:
            raise checks.SlipError("nothing came back from it.") from None
        finally:
            self.nb.cells[index] = cell  # nbclient has put the question there
        return log[-1]

    def process_message(self, msg, cell, cell_index):
        """Take in a message from the kernel: no more than allowed, nothing that runs in a browser."""
        kind, content = msg["msg_type"], msg["content"]
        if kind.startswith("comm_"):
            return None  # explorers stay empty
        if kind == "stream":
            # On nbgrader's terms a cell that prints to stderr, if only a warning, has failed.
            msg["content"] = {"name": "stdout", "text": self._text(content.get("text"), cell_index)}
        elif kind == "error":
            lines = [self._text(line, cell_index) for line in content["traceback"]]
            told = {name: self._text(content[name], cell_index) for name in ("ename", "evalue")}
            msg["content"] = told | {"traceback": lines}
        elif "data" in content:
            msg["content"] = content | {"data": self._data(content["data"], cell_index), "metadata": {}}
        return super().process_message(msg, cell, cell_index)

    def _text(self, text, index):
        text, before = str(text), self.put_out[index, "characters"]
        room = min(self.max_characters - before, MOST_IN_ALL * self.max_characters - self.kept["characters"])
        kept = text[: max(0, room)]
        self.put_out[index, "characters"] += len(text)
        self.kept["characters"] += len(kept)
        return kept

    def _data(self, data, index):
        """Text, and a picture in the first form in which it is one."""
        if questions.MIME in data:
            self.reply = str(data[questions.MIME])
            return {}
        if EXPLORER in data:
            data = {"text/plain": "(An explorer, which shows only where the notebook is at home.)"}
        kept = {"text/plain": self._text(data["text/plain"], index)} if "text/plain" in data else {}
        for kind in ("text/html", "image/png", "image/jpeg"):
            content = data.get(kind)
            framed = PICTURE.fullmatch(content) if kind == "text/html" and isinstance(content, str) else None
            if is_picture(framed[1] if framed else content) and (framed or kind != "text/html"):
                before = self.put_out[index, "bytes of pictures"]
                self.put_out[index, "bytes of pictures"] += len(content)
                in_all = self.kept["pictures"] + len(content) <= MOST_IN_ALL * self.max_pictures
                if before + len(content) <= self.max_pictures and in_all:
                    self.kept["pictures"] += len(content)
                    return kept | {kind: content}
        return kept
