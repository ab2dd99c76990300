"""What is published is what was built: pinned actions, one version, a changelog that knows it."""

import re
from pathlib import Path

import yaml

ROOT = Path(__file__).parent.parent
WORKFLOW = yaml.safe_load((ROOT / ".github" / "workflows" / "publish.yml").read_text())
MAKEFILE = (ROOT / "Makefile").read_text()


def steps():
    return [step for job in WORKFLOW["jobs"].values() for step in job["steps"]]


def test_every_action_is_github_s_own_and_pinned_to_a_commit():
    used = [step["uses"] for step in steps() if "uses" in step]
    assert len(used) >= 6
    for action in used:
        assert re.fullmatch(r"actions/[\w-]+@[0-9a-f]{40}", action)


def test_only_pages_that_were_built_and_checked_are_published():
    commands = [step.get("run", step.get("uses", "")) for step in WORKFLOW["jobs"]["build"]["steps"]]
    order = [next(i for i, command in enumerate(commands) if word in command) for word in
             ("make home", "make html", "test_site.py", "upload-pages-artifact")]  # fmt: skip
    assert order == sorted(order)
    assert WORKFLOW["jobs"]["pages"]["needs"] == WORKFLOW["jobs"]["release"]["needs"] == "build"


def test_all_that_belongs_to_the_pages_is_published_and_attached():
    artifact = next(step for step in steps() if "upload-pages-artifact" in step.get("uses", ""))
    assert artifact["with"]["path"] == "build/html"
    assert "cd build/html && ../../$(BIN)/python -m zipfile -c ../dist/pages.zip *\n" in MAKEFILE


def test_nobody_may_write_but_who_has_to():
    assert WORKFLOW["permissions"] == {"contents": "read"}
    assert "permissions" not in WORKFLOW["jobs"]["build"]


def test_changelog_citation_and_package_agree_on_the_version(project):
    changelog = (ROOT / "CHANGELOG.md").read_text()
    versions = re.findall(r"^## (\d+\.\d+\.\d+), \d{4}-\d\d-\d\d$", changelog, re.MULTILINE)
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert versions[0] == project["version"] == citation["version"]
    assert f"## {versions[0]}, {citation['date-released']}" in changelog


def test_make_knows_all_that_the_workflow_asks_of_it():
    for step in steps():
        for target in re.findall(r"\bmake (\w+)", step.get("run", "")):
            assert re.search(rf"^{target}:", MAKEFILE, re.MULTILINE), target
