"""pyproject.toml, environment.yml, the Makefile and Binder describe one and the same installation."""

import ast
import os
import re
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
import rattler
import yaml
from packaging.requirements import Requirement
from rattler.exceptions import InvalidMatchSpecError

ROOT = Path(__file__).parent.parent
CONDA_NAMES = {"torch": "pytorch-cpu", "matplotlib": "matplotlib-base"}
CONDA_ONLY = {"python", "pip"}


@pytest.fixture(scope="module")
def conda_lines():
    return yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]


def pip_versions(lines):
    requirements = [Requirement(line) for line in lines]
    return {CONDA_NAMES.get(r.name, r.name): set(str(r.specifier).split(",")) for r in requirements}


def conda_versions(lines):
    pairs = [re.fullmatch(r"([\w-]+)(.*)", line).groups() for line in lines]
    return {name: set(version.split(",")) for name, version in pairs if name not in CONDA_ONLY}


def test_conda_and_pip_install_the_same_versions(project, conda_lines):
    assert conda_versions(conda_lines) == pip_versions(project["dependencies"])


def test_the_makefile_asks_pytorch_for_the_same_versions(project):
    asked = re.findall(r'"((?:torch|torchvision)[<>=][^"]*)"', (ROOT / "Makefile").read_text())
    expected = [line for line in project["dependencies"] if line.startswith("torch")]
    assert asked == expected


def test_conda_accepts_every_line(conda_lines):
    for line in conda_lines:
        rattler.MatchSpec(line, strict=True)
    with pytest.raises(InvalidMatchSpecError):
        rattler.MatchSpec("torchvision>=0.27,<", strict=True)


def test_conda_python_is_one_that_the_project_supports(project, conda_lines):
    (python,) = (line.removeprefix("python=") for line in conda_lines if line.startswith("python="))
    assert Requirement(f"python{project['requires-python']}").specifier.contains(python)


def test_only_conda_forge_is_used():
    channels = yaml.safe_load((ROOT / "environment.yml").read_text())["channels"]
    assert channels == ["conda-forge", "nodefaults"]


@pytest.mark.skipif(sys.platform == "win32", reason="repo2docker and links in git need Linux or macOS")
def test_binder_builds_from_the_linked_environment():
    assert (ROOT / "binder" / "environment.yml").resolve() == ROOT / "environment.yml"
    command = [sys.executable, "-m", "repo2docker", "--no-build", "--debug", str(ROOT)]
    result = subprocess.run(command, capture_output=True, text=True, timeout=120)
    dockerfile = result.stdout + result.stderr
    assert result.returncode == 0, dockerfile
    assert '--file "binder/environment.yml"' in dockerfile
    assert "binder/postBuild" in dockerfile


@pytest.mark.skipif(sys.platform == "win32", reason="make is for Linux and macOS")
@pytest.mark.parametrize(
    ("missing", "advice"),
    [("version_info", "This course needs Python 3.10 or newer"), ("ensurepip", "apt install python3-venv")],
)
def test_make_says_in_one_line_what_python_lacks(tmp_path, missing, advice):
    for name in ("Makefile", "pyproject.toml"):
        shutil.copy(ROOT / name, tmp_path)
    python = tmp_path / "python"
    python.write_text(f'#!/bin/sh\ncase "$2" in *{missing}*) exit 1 ;; esac\nexec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    command = ["make", "--silent", "lab", f"PYTHON={python}"]
    result = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True)
    assert result.returncode != 0
    assert advice in result.stdout
    assert len(result.stdout.splitlines()) == 1
    assert not (tmp_path / ".venv").exists()


def test_every_import_of_the_helpers_is_declared(project):
    declared = {Requirement(line).name for line in project["dependencies"]} | {"helpers", "IPython"}
    declared |= sys.stdlib_module_names
    for file in (ROOT / "helpers").glob("*.py"):
        for module in re.findall(r"^\s*(?:from|import) (\w+)", file.read_text(), re.MULTILINE):
            assert module in declared, f"{file.name} imports {module}"


ROOMS = [  # from the ground up: each may import those before it
    "settings", "models", "data", "flow", "losses", "films", "training", "checkpoints", "judge", "metrics",
    "scoreboard", "plots", "questions", "slips", "checks", "front_ends", "predict", "explorer", "ways",
]  # fmt: skip


def test_imports_run_downward_only():
    assert {file.stem for file in (ROOT / "helpers").glob("*.py")} == {"__init__", *ROOMS}
    for place, room in enumerate(ROOMS):
        source = (ROOT / "helpers" / f"{room}.py").read_text()
        inside = re.findall(r"^\s*from helpers\.(\w+) import", source, re.MULTILINE)
        for several in re.findall(r"^\s*from helpers import (.+)", source, re.MULTILINE):
            inside += [name.split(" as ")[0] for name in several.split(", ")]
        assert set(inside) <= {"give_memory_back", *ROOMS[:place]}, room  # that is of the ground floor
        assert not re.search(r"^\s*(?:from|import) (experiments|homework)", source, re.MULTILINE), room


def test_a_chapter_s_imports_bring_neither_dask_nor_torchvision():
    """Nor a command line's parser of arguments, of ours at least: those live in experiments/."""
    rooms = ", ".join(ROOMS)
    code = f"import sys; from helpers import {rooms}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT
    ).stdout.split()
    assert not {"distributed", "dask", "joblib", "torchvision", "experiments"} & set(loaded)
    assert "helpers.explorer" in loaded


def test_functions_fit_on_a_screen():
    """30 lines of code at most, without the docstring."""
    for folder in ("helpers", "experiments", "homework", "hub"):
        for file in (ROOT / folder).glob("*.py"):
            for node in ast.walk(ast.parse(file.read_text())):
                if isinstance(node, ast.FunctionDef):
                    body = node.body[1:] if ast.get_docstring(node) else node.body
                    lines = body[-1].end_lineno - body[0].lineno + 1 if body else 0
                    assert lines <= 30, f"{file.name}: {node.name} has {lines} lines"


def test_scripts_keep_their_line_ends_in_a_checkout_on_windows():
    """With core.autocrlf, as Windows has it: bash cannot read CRLF."""
    scripts = ["binder/postBuild", ".ci/run", "Makefile"]
    told = subprocess.run(["git", "check-attr", "eol", *scripts], cwd=ROOT, capture_output=True, text=True)
    assert told.stdout.splitlines() == [f"{script}: eol: lf" for script in scripts]


@pytest.mark.skipif(sys.platform == "win32", reason="git makes no links there")
def test_the_course_s_helpers_are_found_where_others_are_in_the_way(tmp_path):
    """Another installed package of that name, and a file of the reader's beside the notebook."""
    folder = tmp_path / "notebooks"
    folder.mkdir()
    (folder / "helpers").symlink_to((ROOT / "notebooks" / "helpers").resolve())
    (folder / "helpers.py").write_text("mine = 1")
    other = tmp_path / "site-packages" / "helpers"
    other.mkdir(parents=True)
    (other / "__init__.py").write_text("theirs = 1")
    environment = os.environ | {"PYTHONPATH": str(other.parent)}
    command = [sys.executable, "-c", "from helpers import settings; print(settings.LATENT_DIM)"]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True)
    assert done.stdout.strip() == "12", done.stderr


def run_with_broken_torchvision(tmp_path, torchvision):
    (tmp_path / "torchvision.py").write_text(textwrap.dedent(torchvision))
    code = "from helpers import data; print(data.torchvision_datasets())"
    environment = os.environ | {"PYTHONPATH": str(tmp_path)}
    command = [sys.executable, "-c", code]
    return subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)


def test_digits_are_read_beside_a_torchvision_whose_compiled_part_is_missing(tmp_path):
    result = run_with_broken_torchvision(
        tmp_path,
        """
        import torch
        torch.library.register_fake("torchvision::nms")(lambda dets, scores, iou_threshold: dets)
        torch.library.register_fake("torchvision::qnms")(lambda dets, scores, iou_threshold: dets)
        datasets = "ready"
        """,
    )
    assert result.stdout.strip() == "ready", result.stderr


def test_a_matching_torchvision_is_left_alone(tmp_path):
    result = run_with_broken_torchvision(
        tmp_path,
        """
        import torch
        library = torch.library.Library("torchvision", "DEF")
        library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
        datasets = "ready"
        """,
    )
    assert result.stdout.strip() == "ready", result.stderr


def test_other_errors_of_torchvision_are_not_hidden(tmp_path):
    result = run_with_broken_torchvision(tmp_path, "raise RuntimeError('something else')")
    assert "something else" in result.stderr
