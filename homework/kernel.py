"""Where students' code runs: in a kernel that can neither use up the machine nor look around in it."""

import shutil
import subprocess
import sys
from pathlib import Path

from jupyter_client.manager import AsyncKernelManager
from platformdirs import user_cache_path
from traitlets import Bool, Float, Integer

from homework import HERE


class LimitedKernelManager(AsyncKernelManager):
    """Starts a kernel within limits and, where it is asked to, in a sandbox."""

    memory_gb = Float(4, help="memory that a student's code may take, in GB").tag(config=True)
    file_mb = Integer(200, help="size of the largest file that it may write, in MB").tag(config=True)
    cpu_seconds = Integer(600, help="processor time after which it is killed").tag(config=True)
    sandbox = Bool(False, help="run it in bubblewrap (Linux); see homework/README.md").tag(config=True)

    def format_kernel_cmd(self, extra_arguments=None):
        """Return the command that starts the kernel."""
        limits = {"d": int(self.memory_gb * 2**20), "f": self.file_mb * 2048, "t": self.cpu_seconds}
        start = "".join(f"ulimit -{kind} {limit}; " for kind, limit in limits.items()) + 'exec "$@"'
        sandbox = self._bubblewrap() if self.sandbox else []
        return ["/bin/sh", "-c", start, "limits", *sandbox, *super().format_kernel_cmd(extra_arguments)]

    async def interrupt_kernel(self):
        """Interrupt by message: a signal would end the sandbox, not the cell."""
        self.kernel_spec.interrupt_mode = "message"
        await super().interrupt_kernel()

    def _bubblewrap(self):
        """Everything read-only; empty are the temporary and home folders, this repository and the course.

        What Python and a chapter need is put back, and this kernel's connection file, not the others'.
        """
        connection = Path(self.connection_file)
        command = ["bwrap", "--ro-bind", "/", "/", "--dev", "/dev", "--proc", "/proc"]
        for empty in ("/tmp", "/run", Path.home(), connection.parent, HERE.parent, Path.cwd()):
            command += ["--tmpfs", str(empty)]  # nbgrader works in the course folder
        needed = [sys.base_prefix, sys.prefix, HERE.parent / "helpers", connection]
        needed += user_cache_path("matplotlib").glob("fontlist-*")  # else each kernel looks for fonts
        for there in map(str, needed):
            command += ["--ro-bind-try", there, there]
        # Among its own processes the kernel is the first, and would take that for the death of its parent.
        command += ["--unshare-pid", "--unsetenv", "JPY_PARENT_PID"]
        return [*command, "--chdir", "/tmp", "--die-with-parent", "--"]


def has_bubblewrap() -> bool:
    """Can bubblewrap be used here? Some systems have it and do not permit it."""
    trial = ["bwrap", "--ro-bind", "/", "/", "--unshare-pid", "true"]
    return shutil.which("bwrap") is not None and subprocess.run(trial, capture_output=True).returncode == 0
