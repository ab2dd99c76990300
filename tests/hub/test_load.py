"""Four learners on a real hub with a real proxy and real kernels: see ``hub.load``."""

import json
import subprocess
import sys

from hub import COURSE


def test_four_learners_study_while_two_disturb_and_the_hub_is_killed(tmp_path):
    file = tmp_path / "report.json"
    command = [sys.executable, "-m", "hub.load", "--learners=4", "--pace=0.1", f"--report={file}"]
    done = subprocess.run(command, cwd=COURSE, capture_output=True, text=True, timeout=1800)
    print(done.stdout, done.stderr)
    found = json.loads(file.read_text())
    assert found["failures"] == []
    assert done.returncode == 0
    assert found["seconds"]["log in"]["count"] == 4
    assert found["seconds"]["slider"]["count"] >= 4 * 5 * 3  # of the three explorers
    assert found["memory_used_up"] > 0
    assert found["learner_mb"]["most"] < 1000
    assert 0 < found["hub_back_after"] < 60
