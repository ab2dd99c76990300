"""The instructor's commands: ``python -m homework --help``. Each is one or a few of nbgrader's."""

import argparse
import os
import sys
from pathlib import Path

try:
    import nbgrader  # noqa: F401
except ModuleNotFoundError:
    sys.exit('nbgrader is missing. Install it: pip install --editable ".[homework]"')

from traitlets import TraitError

from homework import collect, grade, marks, release
from homework.course import CHAPTERS, COURSE, Course


def main(arguments: list[str] | None = None) -> None:
    """Run one command; say what is wrong in a line where it cannot be done."""
    options = parser().parse_args(arguments)
    try:
        options.command(Course(options.course.resolve()), options)
    except (OSError, RuntimeError, ValueError, TraitError) as error:
        sys.exit(f"{options.name}: {error}")


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    top = argparse.ArgumentParser(prog="python -m homework", description=__doc__.split("\n")[0])
    top.add_argument("--course", type=Path, default=COURSE, help="folder of your course (%(default)s)")
    commands = top.add_subparsers(dest="name", required=True, metavar="command")

    def command(name, run, words, chapter=True):
        made = commands.add_parser(name, help=words, description=words)
        made.set_defaults(command=run)
        if chapter:
            made.add_argument("chapter", type=_chapter, choices=CHAPTERS, help="1 to 4, or epilogue")
        return made

    made = command("release", _release, "make the students' notebook, and a zip of it")
    made.add_argument("--deadline", help='for example "2027-01-31 18:00 Europe/Berlin"; UTC without a zone')
    made = command("collect", _collect, "take in the returned notebooks")
    made.add_argument("returned", type=Path, nargs="+", help="folders, zips from your LMS, or notebooks")
    made = command("grade", _grade, "run every notebook that is not graded yet")
    made.add_argument(
        "--jobs", type=_jobs, default=os.cpu_count(), help="notebooks side by side (%(default)s)"
    )
    made.add_argument("--again", action="store_true", help="grade the graded ones, too")
    command("open", lambda course, _: course.formgrader(), "open the page to grade answers by hand", False)
    command("feedback", _feedback, "write a page for each student, and a zip of them")
    command("marks", lambda course, _: marks.marks(course), "export all marks to marks.csv", False)
    command("key", lambda course, options: release.key(course, options.chapter), "write the answer key")
    return top


def _chapter(name):
    return int(name) if name.isdecimal() else name


def _jobs(number):
    if not number.isdecimal() or int(number) < 1:
        raise argparse.ArgumentTypeError(f"{number!r} is no number of notebooks, which is 1 or more")
    return int(number)


def _release(course, options):
    release.release(course, options.chapter, options.deadline)


def _collect(course, options):
    collect.collect(course, options.chapter, options.returned)


def _grade(course, options):
    grade.grade(course, options.chapter, options.jobs, options.again)


def _feedback(course, options):
    marks.feedback(course, options.chapter)


if __name__ == "__main__":
    main()
