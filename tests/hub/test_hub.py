"""What a leader may say to the hub, and what it says to mistakes."""

import asyncio
import hashlib
import json
import os
import re
import signal
import subprocess
import sys
from types import SimpleNamespace

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


def test_the_number_of_a_former_server_may_be_another_s_now():
    other = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"], start_new_session=True)
    former = SimpleNamespace(proc=None, pid=other.pid)
    assert not asyncio.run(spawner.CourseSpawner._signal(former, signal.SIGTERM))
    assert other.poll() is None
    other.kill()


@pytest.mark.parametrize("number", ["", str(2**22 + 1), "1"])
def test_numbers_of_a_former_run_do_no_harm(tmp_path, number):
    (tmp_path / "proxy.pid").write_text(number)
    hub.end_former(tmp_path)
    assert not [*tmp_path.iterdir()]


def test_what_the_guide_says_of_limits_is_so():
    guide = (COURSE / "hub" / "README.md").read_text()
    settings = (COURSE / "hub" / "jupyterhub_config.py").read_text()
    number = dict(re.findall(r"(\w+) = \"?([\d.]+)", settings))
    assert f"**Each learner may use** {number['mem_limit']} GB of memory, one core" in guide
    assert f"and {number['tasks_limit']} processes and threads" in guide
    assert f"may use {float(number['ALL']):.0%} of the machine's memory" in guide
    assert f"as fit, at {number['A_LEARNER']} MB each" in guide


def given(home):
    """Did the chapters get there, as at the start of a server?"""
    apart = spawner.sandbox(home) if spawner.has_bubblewrap() else []
    with open(home.with_suffix(".log"), "wb") as log:
        return asyncio.run(spawner.give_chapters(apart, home, log))


def test_chapters_are_given_before_a_server_starts(tmp_path):
    home = tmp_path / "ada"
    home.mkdir()
    assert given(home), home.with_suffix(".log").read_text()
    assert (home / "notebooks" / "1_autoencoder.ipynb").exists()


def test_what_has_no_end_keeps_nobody_waiting(tmp_path, monkeypatch):
    home = tmp_path / "ada"
    home.mkdir()
    os.mkfifo(home / copies.GIVEN)
    monkeypatch.setattr(spawner, "COPYING", 1)
    assert not given(home)


@pytest.mark.skipif(not spawner.has_bubblewrap(), reason="needs bubblewrap")
@pytest.mark.parametrize("is_there", [True, False])
def test_links_in_a_learner_s_folder_lead_nowhere_outside(tmp_path, is_there):
    home, outside = tmp_path / "ada", tmp_path / "the leader's"
    copies.give(COURSE, home)
    chapter = home / "notebooks" / "1_autoencoder.ipynb"
    chapter.unlink()
    chapter.symlink_to(outside)
    if is_there:
        outside.write_text("secret")
        checksum = hashlib.sha256(b"secret").hexdigest()
        (home / copies.GIVEN).write_text(json.dumps({chapter.name: checksum}))
    given(home)
    assert outside.read_text() == "secret" if is_there else not outside.exists()


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
