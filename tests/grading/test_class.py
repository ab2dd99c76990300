"""Thirty returned notebooks of a whole chapter, from the LMS's zip to marks and feedback.

It takes minutes, so only ``.ci/run`` runs it: pytest tests/grading/test_class.py --durations=1
"""

import csv
import shutil
import zipfile

import pytest
from classroom import ENERGY, Class, cell

from homework.__main__ import main

LOSS = """def loss(model, images):
    codes = model.encode(images)
    return {
        "reconstruction": losses.reconstruction(model.decoder(codes), images),
        "energy": energy(codes),
    }"""
KINDS = {  # of submissions: code for the two tasks, points
    "perfect": (ENERGY, LOSS, 12),
    "empty": (None, None, 0),
    "first": (ENERGY, None, 6),
    "second": (None, LOSS, 6),
    "slips": (ENERGY.replace("0.5 * ", ""), LOSS.replace("energy(codes)", "0 * energy(codes)"), 0),
}


@pytest.fixture(scope="module")
def thirty(tmp_path_factory):
    """Chapter 2, released, and thirty notebooks as Moodle would download them; expected points by student."""
    room = Class(tmp_path_factory.mktemp("class"), 2)
    expected = {}
    for number in range(30):
        kind = list(KINDS)[number % len(KINDS)]
        energy, loss, points = KINDS[kind]
        notebook = room.released()
        cell(notebook, "energy").source = energy or cell(notebook, "energy").source
        cell(notebook, "loss").source = loss or cell(notebook, "loss").source
        room.hand_in(f"{kind.title()} Student_{number}_assignsubmission_file_", notebook)
        expected[f"{kind.title()}_Student_{number}"] = points
    shutil.make_archive(str(room.returned), "zip", room.returned)
    return room, expected


def test_a_class_is_graded_from_zip_to_marks_and_feedback(thirty):
    room, expected = thirty
    root = room.course.root
    for command in (f"collect 2 {room.returned}.zip", "grade 2 --jobs 2", "feedback 2", "marks"):
        main(["--course", str(root), *command.split()])
    rows = list(csv.DictReader((root / "marks.csv").open(encoding="utf-8-sig")))
    assert {row["student_id"]: float(row["score"]) for row in rows} == expected
    assert {row["name"] for row in rows} == {f"{kind.title()} Student" for kind in KINDS}
    assert {float(row["max_score"]) for row in rows} == {20}
    with zipfile.ZipFile(root / f"{room.name}-feedback.zip") as pages:
        assert len(pages.namelist()) == 30
        slips = pages.read(f"Slips Student_4_assignsubmission_file_/{room.name}.html").decode()
        perfect = pages.read(f"Perfect Student_0_assignsubmission_file_/{room.name}.html").decode()
    assert "energy: not yet. The energy lacks the half." in slips
    assert "Asked with a tensor of the shape" in slips
    assert "energy: right." in perfect
    assert "not yet" not in perfect
