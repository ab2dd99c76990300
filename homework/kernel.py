"""Where students' code runs: in a kernel that can neither use up the machine nor look around in it."""

import asyncio
import contextlib
import functools
import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psutil
import zmq.asyncio
from jupyter_client.manager import AsyncKernelManager
from platformdirs import user_cache_path
from traitlets import Bool, Float, Integer

from homework import HERE

SYSTEM = ("/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/nix", "/gnu")
SETTINGS = ("alternatives", "fonts", "ld.so.cache", "ld.so.conf", "ld.so.conf.d", "localtime", "mime.types")
ROOM = "/tmp"  # the sandbox's own, in its memory
SOCKETS = "/run/kernel"
PASSED_ON = ("DIGITS_AT_MOST", "LANG", "LC_ALL", "LD_LIBRARY_PATH", "TZ")
FILES = 256  # that a process may hold open, memory without a name among them
MESSAGE_MB = 32  # of the largest message that a kernel may send


class LimitedKernelManager(AsyncKernelManager):
    """Starts a kernel within limits, with little of your environment and, if asked to, in a sandbox."""

    memory_gb = Float(4, help="memory that a student's processes may take together, in GB").tag(config=True)
    file_mb = Integer(200, help="size of the largest file that it may write, in MB").tag(config=True)
    cpu_seconds = Integer(600, help="processor time after which it is killed").tag(config=True)
    sandbox = Bool(False, help="run it in bubblewrap (Linux); see homework/README.md").tag(config=True)

    def __init__(self, **settings):
        super().__init__(**settings)
        self.context = zmq.asyncio.Context()
        self.context.setsockopt(zmq.MAXMSGSIZE, MESSAGE_MB * 2**20)
        if self.sandbox:
            self.transport, self.ip = "ipc", f"{SOCKETS}/socket"

    def format_kernel_cmd(self, extra_arguments=None):
        """Return the command that starts the kernel."""
        limits = {
            "d": int(self.memory_gb * 2**20),
            "f": self.file_mb * 2048,
            "t": self.cpu_seconds,
            "n": FILES,
        }
        start = "".join(f"ulimit -{kind} {limit}; " for kind, limit in limits.items()) + 'exec "$@"'
        sandbox = _bubblewrap(self.file_mb, Path(self.connection_file)) if self.sandbox else []
        return ["/bin/sh", "-c", start, "limits", *sandbox, *super().format_kernel_cmd(extra_arguments)]

    async def start_kernel(self, **options):
        """Start it; what it writes past Jupyter's messages is not kept."""
        of_its_own = {"HOME": ROOM if self.sandbox else str(Path.home()), "USER": "student"}
        of_its_own |= {"PATH": f"{sys.prefix}/bin:/usr/bin:/bin", "OMP_NUM_THREADS": "1"}
        passed_on = {name: os.environ[name] for name in PASSED_ON if name in os.environ}
        options |= {"env": passed_on | of_its_own, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        await super().start_kernel(**options)
        kernel, most = psutil.Process(self.provisioner.process.pid), int(self.memory_gb * 2**30)
        threading.Thread(target=_hold, args=(kernel, most), daemon=True).start()
        if self.sandbox:
            self.ip = f"/proc/{await self._first_inside()}/root{SOCKETS}/socket"
            self._close_control_socket()  # which was opened at the address inside
            self._connect_control_socket()

    async def interrupt_kernel(self):
        """Interrupt by message: a signal would end the sandbox, not the cell."""
        self.kernel_spec.interrupt_mode = "message"
        await super().interrupt_kernel()

    async def _first_inside(self):
        """Its sockets are seen from here through a process that sees the sandbox's files."""
        bubblewrap = psutil.Process(self.provisioner.process.pid)
        for _ in range(1000):
            if inside := bubblewrap.children():
                return inside[0].pid
            await asyncio.sleep(0.01)
        raise RuntimeError("The sandbox did not start within 10 seconds.")


def _hold(kernel, most):
    """Kill a kernel whose processes together take more bytes than they may, until it ends."""
    while kernel.is_running():
        with contextlib.suppress(psutil.Error):
            family = [*kernel.children(recursive=True), kernel]
            if sum(map(_mapped, family)) + _unnamed(family) > most:
                for one in family:
                    one.kill()
        time.sleep(0.5)


def _mapped(process):
    """A process's share of the memory that it sees, in bytes."""
    try:
        told = process.memory_full_info()
    except psutil.AccessDenied:  # it hides, and is told by what it sees in all
        return process.memory_info().rss
    except psutil.NoSuchProcess:
        return 0
    return getattr(told, "pss", told.uss)


def _unnamed(family):
    """The memory, in bytes, in files without a name (``memfd_create``), which no process need see."""
    sizes = {}
    for process in family:
        for place in Path(f"/proc/{process.pid}/fd").glob("*"):
            with contextlib.suppress(OSError):
                if os.readlink(place).startswith("/memfd:"):
                    found = place.stat()
                    sizes[found.st_ino] = found.st_blocks * 512
    return sum(sizes.values())


def _bubblewrap(room_mb, connection=None):
    """The command of a sandbox that holds the system, Python and what a chapter needs, all read-only.

    No network, no processes but its own, and no place to write but in a limited piece of memory.
    """
    command = ["bwrap", "--unshare-all", "--unshare-user", "--disable-userns", "--cap-drop", "ALL"]
    command += ["--die-with-parent", "--new-session", "--proc", "/proc"]
    room = ["--size", str(room_mb * 2**20), "--tmpfs"]
    command += ["--dev", "/dev", *room, "/dev/shm", "--remount-ro", "/dev"]
    command += [*room, ROOM, "--size", str(2**20), "--tmpfs", SOCKETS]
    for there in ("/proc/sys", "/proc/sysrq-trigger"):  # what root may write is root's in a sandbox, too
        command += ["--ro-bind-try", there, there]
    needed = [*SYSTEM, *(f"/etc/{name}" for name in SETTINGS), sys.base_prefix, sys.prefix]
    needed += [HERE.parent / "helpers", *user_cache_path("matplotlib").glob("fontlist-*")]
    for there in map(str, [*needed, *([connection] if connection else [])]):
        command += ["--ro-bind-try", there, there]
    # Among its own processes the kernel is the first, and would take that for the death of its parent.
    return [*command, "--remount-ro", "/", "--unsetenv", "JPY_PARENT_PID", "--chdir", ROOM, "--"]


@functools.cache
def has_bubblewrap() -> bool:
    """Can bubblewrap be used here? Some systems lack it, have an old one, or do not permit it."""
    trial = [*_bubblewrap(1), sys.executable, "-c", "import ipykernel, helpers"]
    return shutil.which("bwrap") is not None and subprocess.run(trial, capture_output=True).returncode == 0
