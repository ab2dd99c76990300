"""Learners share a machine: threads wait politely, and there are no more than a container grants."""

import os
import subprocess
import sys

import loky
import pytest

from experiments.benchmark_sharing import slowest


def settings(code="", **environment):
    """What a new process finds set once it has imported a helper."""
    told = """
import os, torch
print(os.environ["OMP_WAIT_POLICY"], torch.get_num_threads(), os.environ.get("GOMP_SPINCOUNT"))
"""
    command = [sys.executable, "-c", f"{code}\nfrom helpers import models\n{told}"]
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("OMP_", "GOMP_"))}
    done = subprocess.run(command, env=clean | environment, capture_output=True, text=True)
    return done.stdout.split() or done.stderr


def test_threads_wait_politely_and_are_as_many_as_cores_may_be_used():
    assert settings() == ["PASSIVE", str(loky.cpu_count()), "1000"]


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="affinity is Linux's")
def test_a_process_that_may_use_one_core_has_one_thread():
    assert settings("import os; os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})")[1] == "1"


def test_a_quota_of_one_core_means_one_thread_also_after_torch():
    quota = "import loky; loky.cpu_count = lambda: 1"
    assert settings(quota)[1] == "1"
    assert settings(f"import torch; torch.set_num_threads(2)\n{quota}")[1] == "1"


def test_a_reader_s_own_settings_win():
    assert settings(OMP_WAIT_POLICY="ACTIVE", OMP_NUM_THREADS="1") == ["ACTIVE", "1", "None"]
    assert settings(GOMP_SPINCOUNT="0")[2] == "0"


def test_three_learners_at_once_need_about_three_times_as_long_as_one():
    """Loosely, since machines are noisy; spinning threads made it ten times and more."""
    alone = min(slowest(1) for _ in range(2))
    assert slowest(3) < 2 * 3 * alone
