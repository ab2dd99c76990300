"""Starts a learner's server: in a sandbox, within limits, in a folder with the learner's own chapters."""

import asyncio
import contextlib
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import BinaryIO

import psutil
from jupyterhub.slugs import safe_slug
from jupyterhub.spawner import SimpleLocalProcessSpawner
from traitlets import Float, Integer, Unicode, default

from hub import COURSE, STATE, limits

SERVER = [sys.executable, "-m", "jupyterhub.singleuser"]
COPIES = COURSE / "hub" / "copies.py"
COPYING = 60  # seconds, at most: a learner's folder can hold what has no end
LEARNER = "1000"  # whom a learner is in the sandbox, outside of it the account that runs the hub
APART = ("--unshare-pid", "--unshare-ipc", "--cap-drop", "ALL")
SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/sys", "/proc/sys", "/proc/sysrq-trigger")
SETTINGS = ("alternatives", "fonts", "group", "hosts", "ld.so.cache", "localtime", "nsswitch.conf", "passwd")
SETTINGS += ("resolv.conf", "ssl/certs")  # of /etc, where there are secrets, too


class CourseSpawner(SimpleLocalProcessSpawner):
    """One server for each learner on this machine; no learner needs an account on it."""

    tasks_limit = Integer(400, help="processes and threads of a learner").tag(config=True)
    everybody = Float(0.85, help="share of the machine's memory for all learners").tag(config=True)
    state_folder = Unicode(str(STATE), help="where the learners' folders are").tag(config=True)

    @property
    def learner(self) -> str:
        """The name as a folder's."""
        return safe_slug(self.user.name)

    @default("home_dir")
    def _default_home_dir(self):
        return str(Path(self.state_folder) / "learners" / self.learner)

    async def start(self):
        """Start the server; what it logs is kept until the next start."""
        home = Path(self.home_dir)
        home.mkdir(parents=True, exist_ok=True)
        apart = sandbox(home) if has_bubblewrap() else []
        self.cmd = [*apart, *SERVER]
        with open(home.with_suffix(".log"), "wb") as log:
            if not await give_chapters(apart, home, log, self.make_preexec_fn(self.user.name)):
                self.log.warning(f"{self.learner}'s chapters stay as they are; why, tells {log.name}")
            self.popen_kwargs = {"cwd": home, "stdout": log, "stderr": subprocess.STDOUT}
            return await super().start()

    def user_env(self, env):
        """Add what a learner's processes find in their environment."""
        threads = str(max(1, int(self.cpu_limit or os.cpu_count())))
        settings = {"JUPYTER_CONFIG_PATH": str(COURSE / "binder"), "OMP_NUM_THREADS": threads}
        return super().user_env(env) | settings

    def make_preexec_fn(self, name):
        """Return what the new process does first: it keeps within the limits."""
        everybody = limits.of_this_machine(self.everybody)
        held = limits.Limits(self.mem_limit, self.cpu_limit, self.tasks_limit, everybody)
        made = limits.groups(self.learner, held)

        def confine():
            limits.hold(made, held)
            for end in (signal.SIGINT, signal.SIGTERM):  # for the server, which listens to it, not for bwrap
                signal.signal(end, signal.SIG_IGN)

        return confine

    async def _signal(self, sig):
        """Send a signal to the sandbox and the server in it; is one of them still there?"""
        if self.proc is None and not server(self.pid):  # of a former run, whose number may be another's
            return False
        try:
            os.killpg(self.pid, sig)
        except ProcessLookupError:
            return False
        return True

    async def stop(self, now=False):
        """Stop the server, and forget its limits."""
        await super().stop(now)
        limits.remove(self.learner)


async def give_chapters(
    apart: list[str], home: Path, log: BinaryIO, preexec_fn: Callable | None = None
) -> bool:
    """Bring a learner's chapters up to date, as the learner would: in the sandbox, and within limits.

    Returns:
        Whether it worked. What a learner has put in their place can keep it from doing so.
    """
    command = map(str, [*apart, sys.executable, "-I", COPIES, COURSE, home])
    started = {"cwd": home, "stdout": log, "stderr": log, "start_new_session": True, "preexec_fn": preexec_fn}
    started["env"] = {"PATH": os.environ.get("PATH", os.defpath)}  # the hub's own holds secrets
    process = await asyncio.create_subprocess_exec(*command, **started)
    try:
        return await asyncio.wait_for(process.wait(), COPYING) == 0
    except asyncio.TimeoutError:
        os.killpg(process.pid, signal.SIGKILL)
        return False


def server(number: int) -> psutil.Process | None:
    """The learner's server with this process number, or None: it has ended, or another got the number."""
    with contextlib.suppress(psutil.Error):
        process = psutil.Process(number)
        if SERVER[-1] in process.cmdline():
            return process
    return None


@cache
def has_bubblewrap() -> bool:
    """Can bubblewrap be used here? Some systems have it and do not permit it."""
    trial = ["bwrap", "--ro-bind", "/", "/", "--unshare-user", "--unshare-pid", "--proc", "/proc", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(trial, capture_output=True).returncode == 0


def sandbox(home: Path) -> list[str]:
    """Return the command that lets a server find the system, what chapters need, and its home.

    Only its home can be changed. Nothing else of this machine is there: no other folders, no processes,
    none of the system's secrets.
    """
    needed = [*SYSTEM, *(f"/etc/{name}" for name in SETTINGS), sys.base_prefix, sys.prefix]
    command = ["bwrap", "--dev", "/dev", "--proc", "/proc", "--tmpfs", "/tmp"]
    for there in map(str, [*needed, *(COURSE / name for name in ("helpers", "binder", "notebooks")), COPIES]):
        command += ["--ro-bind-try", there, there]
    command += ["--bind", str(home), str(home), "--chdir", str(home)]
    return [*command, "--unshare-user", "--uid", LEARNER, "--gid", LEARNER, *APART, "--"]
