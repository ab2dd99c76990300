"""Limits by control groups of both versions, and without any."""

import subprocess
import sys

import pytest

from hub import limits
from hub.limits import Limits

ADA = Limits(memory=2**30, cores=1.5, tasks=400, everybody=2**33)


def test_version_2_has_one_group_for_all_limits(tmp_path):
    (tmp_path / "cgroup.controllers").write_text("cpu memory pids")
    (group,) = limits.groups("ada", ADA, tmp_path)
    assert (group / "memory.max").read_text() == str(2**30)
    assert (group / "cpu.max").read_text() == "150000 100000"
    assert (group / "pids.max").read_text() == "400"
    assert (tmp_path / "cgroup.subtree_control").read_text() == "+memory +cpu +pids"
    assert (group.parent / "memory.max").read_text() == str(2**33)


def test_version_1_has_a_group_for_each(tmp_path):
    for kind in ("memory", "cpu", "pids"):
        (tmp_path / kind).mkdir()
    memory, cpu, tasks = limits.groups("ada", ADA, tmp_path)
    assert (memory / "memory.limit_in_bytes").read_text() == str(2**30)
    assert (cpu / "cpu.cfs_quota_us").read_text() == "150000"
    assert (tasks / "pids.max").read_text() == "400"


def test_an_account_that_may_not_make_groups_limits_each_process(tmp_path):
    assert limits.groups("ada", ADA, tmp_path / "nothing") == []
    code = "from hub.limits import *; hold([], Limits(2**28, 1, 1, 0)); bytearray(2**31)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert "MemoryError" in done.stderr


def test_groups_of_one_who_has_left_are_removed(tmp_path):
    for folder in (tmp_path / limits.PARENT / "ada", tmp_path / "cpu" / limits.PARENT / "ada"):
        folder.mkdir(parents=True)
    limits.remove("ada", tmp_path)
    assert not [*tmp_path.glob("**/ada")]


def test_who_takes_too_much_memory_is_ended(monkeypatch):
    monkeypatch.setattr(limits, "PARENT", "from-autoencoder-to-vae-trial")  # beside a hub's that may run here
    made = limits.groups("ada", Limits(memory=2**27, cores=1, tasks=50, everybody=2**30))
    if not made:
        pytest.skip("this account may not make groups")
    code = "from hub import limits; from pathlib import Path\n"
    code += f"limits.hold([Path(name) for name in {[str(one) for one in made]}], None)\n"
    code += "print('held', flush=True); eaten = bytes([1]) * 2**29; print('eaten')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    limits.remove("ada")
    assert done.stdout == "held\n"
    assert done.returncode == -9
