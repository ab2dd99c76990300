"""Give the course a home: write the repository's name into every link, badge, citation and Colab line.

``make home REPOSITORY=name/of-it`` calls it. A course without a home offers nothing that needs one: such
lines wait in comments that begin with "with a home:", which the first call opens. A later call, for the same
home or another, finds the name that pyproject.toml has, and replaces it.
"""

import re
import subprocess
import sys
from pathlib import Path

import nbformat

ROOT = Path(__file__).parent.parent
NOWHERE = "OWNER/from-autoencoder-to-vae"
WAITING = re.compile(r"<!-- with a home: (.*?) -->|^# with a home: (.*)$", re.DOTALL | re.MULTILINE)
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[\w.-]+")
NOT_TEXT = {".npz", ".png", ".safetensors"}


def repository(folder: Path = ROOT) -> str | None:
    """Return the repository's name on GitHub, as "owner/name", or None as long as it has none."""
    project = (folder / "pyproject.toml").read_text(encoding="utf-8")
    found = re.search(r'^Repository = "https://github\.com/(.+)"', project, re.MULTILINE)
    return found and found[1]


def site(repository: str) -> str:
    """Return where GitHub publishes this repository's pages, without a slash at the end."""
    owner, name = repository.split("/")
    host = f"{owner}.github.io"
    return f"https://{host}" if name.lower() == host.lower() else f"https://{host}/{name}"


def moved(text: str, old: str, new: str) -> str:
    """Return a text of the course with home ``old`` as it reads with home ``new``; both "owner/name"."""
    text = WAITING.sub(lambda waiting: waiting[1] or waiting[2], text)
    name_ends = r"(?=\.git\b|(?!\.?[\w-]))"
    text = re.sub(rf"(github\.com/|/gh/|/github/){re.escape(old)}{name_ends}", rf"\g<1>{new}", text)
    text = re.sub(re.escape(site(old)) + name_ends, site(new), text)
    old_folder, new_folder = old.split("/")[1], new.split("/")[1]
    return re.sub(rf"(&& cd |lab/tree/){re.escape(old_folder)}{name_ends}", rf"\g<1>{new_folder}", text)


def _write(file, old, new):
    """Move one file, and say whether anything in it has changed."""
    if file.suffix == ".ipynb":
        notebook = nbformat.read(file, as_version=nbformat.NO_CONVERT)
        before = [cell.source for cell in notebook.cells]
        for cell in notebook.cells:
            cell.source = moved(cell.source, old, new)
        changed = before != [cell.source for cell in notebook.cells]
        if changed:
            nbformat.write(notebook, file)
        return changed
    before = file.read_text(encoding="utf-8")
    after = moved(before, old, new)
    if changed := before != after:
        file.write_text(after, encoding="utf-8", newline="\n")
    return changed


def _texts(folder):
    """Every text that git tracks, but for this program and its test, which speak of homes in general."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=folder, capture_output=True, text=True)
    if listed.returncode:
        sys.exit(
            f"This needs a clone made by git, since it changes the files that git tracks:\n{listed.stderr}"
        )
    files = [folder / name for name in listed.stdout.split("\0") if name]
    texts = [
        file for file in files if file.is_file() and not file.is_symlink() and file.suffix not in NOT_TEXT
    ]
    return [file for file in texts if file.name not in ("home.py", "test_home.py")]


def main(folder: Path, wanted: str) -> None:
    """Give the course in ``folder`` the home ``wanted``, "owner/name" or its address on GitHub."""
    new = wanted.strip().removeprefix("https://github.com/").removesuffix("/").removesuffix(".git")
    if not NAME.fullmatch(new) or new == NOWHERE:
        sys.exit(f"{wanted!r} is no repository on GitHub. Name it as make home REPOSITORY=owner/name.")
    old = repository(folder) or NOWHERE
    changed = [file for file in _texts(folder) if _write(file, old, new)]
    for file in changed:
        print(f"  {file.relative_to(folder)}")
    print(f"{len(changed)} files changed. The course lives at https://github.com/{new},")
    print(f"and its pages, once published, at {site(new)}/.")


if __name__ == "__main__":
    main(Path.cwd(), sys.argv[1] if len(sys.argv) > 1 else "")
