"""What a leader may say to the hub, and what it says to mistakes."""

import subprocess
import sys

import pytest

from hub import COURSE, copies, spawner, state
from hub import __main__ as hub


def test_a_password_is_made_up_once_and_kept(tmp_path):
    made_up = state.password(tmp_path, None)
    assert len(made_up) == 12
    assert state.password(tmp_path, None) == made_up
    assert (tmp_path / "password").stat().st_mode & 0o077 == 0


def test_a_password_of_the_leader_s_own_replaces_it(tmp_path):
    state.password(tmp_path, None)
    assert state.password(tmp_path, "our-workshop") == "our-workshop"
    assert state.password(tmp_path, None) == "our-workshop"


@pytest.mark.parametrize(
    ("options", "advice"),
    [
        (["--password", "short"], "8 characters or more"),
        (["--address", "8000"], "looks like 127.0.0.1:8000"),
        (["--address", "hub.example.org:8000"], "looks like 127.0.0.1:8000"),
    ],
)
def test_mistakes_are_answered_in_a_line(tmp_path, options, advice):
    with pytest.raises(SystemExit, match=advice):
        hub.main(["--state", str(tmp_path), *options])


def test_learners_who_are_not_kept_apart_stay_on_this_machine(monkeypatch, capsys):
    monkeypatch.setattr(hub, "has_bubblewrap", lambda: False)
    hub.check_sandbox("127.0.0.1")
    assert "bubblewrap is missing" in capsys.readouterr().out
    with pytest.raises(RuntimeError, match="apt install bubblewrap"):
        hub.check_sandbox("0.0.0.0")


def test_a_hub_that_has_not_begun_has_no_servers(tmp_path):
    assert state.servers(tmp_path) == {}


def test_what_ends_at_once_again_and_again_is_not_started_for_ever(tmp_path):
    command = [sys.executable, "-c", "raise SystemExit('the port is taken')"]
    with pytest.raises(RuntimeError, match=r"proxy ends as soon as it starts.*proxy\.log"):
        hub.keep_running({"proxy": command}, {}, tmp_path)
    assert (tmp_path / "proxy.log").read_text().startswith("the port is taken")


def test_ends_the_learners_servers_and_nothing_that_got_the_number_of_one(tmp_path, monkeypatch):
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    server = subprocess.Popen([*sleep, spawner.SERVER[-1]], start_new_session=True)
    other = subprocess.Popen(sleep, start_new_session=True)
    monkeypatch.setattr(hub, "servers", lambda _: {"ada": server.pid, "ben": other.pid, "eve": 2**22 + 1})
    hub.end_servers(tmp_path)
    assert server.poll() is not None
    assert other.poll() is None
    other.kill()


@pytest.mark.skipif(not spawner.has_bubblewrap(), reason="needs bubblewrap")
def test_a_learner_sees_the_course_and_can_change_only_their_home(tmp_path):
    for name in ("ada", "ben"):
        copies.give(COURSE, tmp_path / name)
    told = """
        ls {others}; cat /etc/shadow; ls /proc | grep -c "^[0-9]"
        echo changed > notebooks/1_autoencoder.ipynb && echo mine
        echo changed > notebooks/helpers/data.py || echo shared
        for file in /proc/sys/kernel/core_pattern /proc/sysrq-trigger /sys/fs/cgroup /usr/bin; do
            touch $file && echo open
        done
    """
    command = [*spawner.sandbox(tmp_path / "ada"), "bash", "-c", told.format(others=tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    seen, processes, *rest = done.stdout.split()
    assert seen == "ada"
    assert int(processes) < 10
    assert rest == ["mine", "shared"]
    assert "shadow" in done.stderr
    assert (COURSE / "helpers" / "data.py").read_text() != "changed\n"
