"""All chapters within Binder's limits: ``python -m experiments.benchmark_binder [chapter ...]``, as root.

The epilogue is number 5. JupyterLab's server is started as Binder starts it, in a control group of one core
and 2 GB, and runs each chapter from top to bottom in a kernel. Printed are the minutes, the seconds to the
first picture, and the most memory that server and kernel took (PSS).
"""

import argparse
import contextlib
import json
import os
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from pathlib import Path

import nbformat
import psutil
from jupyter_client import BlockingKernelClient

from hub import COURSE, limits

BINDER = limits.Limits(memory=2 * 2**30, cores=1, tasks=1000, everybody=2 * 2**30)
NAME, TOKEN = "binder", "benchmark"
CHAPTERS = sorted((COURSE / "notebooks").glob("*.ipynb"))


def inside(groups: list[Path]) -> list[str]:
    """Return what comes before a command that is to run within limits, and find them as in a container."""
    steps = (f"echo $$ > {group}/cgroup.procs; mount --bind {group} {group.parents[1]}; " for group in groups)
    return ["unshare", "--mount", "bash", "-ec", "".join(steps) + 'exec "$@"', "bash"]


class Server:
    """A server within the limits, which notes how much memory it and its kernels take."""

    def __init__(self, groups: list[Path], runtime: str):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.address, self.runtime, self.most, self.done = f"http://127.0.0.1:{port}", runtime, 0, False
        command = [
            *inside(groups),
            COURSE / "binder" / "start",
            sys.executable,
            "-m",
            "jupyterlab",
            "--no-browser",
        ]
        command += ["--allow-root", f"--port={port}", f"--IdentityProvider.token={TOKEN}"]
        environment = os.environ | {"JUPYTER_RUNTIME_DIR": runtime}
        self.process = subprocess.Popen(command, cwd=COURSE, env=environment, stderr=subprocess.DEVNULL)
        threading.Thread(target=self._weigh, daemon=True).start()

    def ask(self, method: str, path: str, content: dict | None = None) -> dict:
        """Return what the server answers, which may just be starting."""
        body = None if content is None else json.dumps(content).encode()
        headers = {"Authorization": f"token {TOKEN}"}
        request = urllib.request.Request(self.address + path, body, headers, method=method)
        for _ in range(300):
            with contextlib.suppress(OSError), urllib.request.urlopen(request) as answer:
                return json.loads(answer.read() or "{}")
            time.sleep(0.2)
        raise RuntimeError(f"the server at {self.address} does not answer")

    def _weigh(self):
        while not self.done:
            with contextlib.suppress(psutil.NoSuchProcess):
                first = psutil.Process(self.process.pid)
                people = [first, *first.children(recursive=True)]
                self.most = max(self.most, sum(one.memory_full_info().pss for one in people))
            time.sleep(0.1)

    def end(self) -> None:
        """Stop it with its kernels."""
        self.done = True
        self.process.terminate()
        self.process.wait()


def run(server: Server, chapter: Path) -> tuple[float, float]:
    """Run a chapter's cells; return the seconds to its first picture, and to its end.

    Raises:
        RuntimeError: a cell failed.
    """
    path = f"notebooks/{chapter.name}"
    wanted = {"path": path, "name": "", "type": "notebook", "kernel": {"name": "python3"}}
    session = server.ask("POST", "/api/sessions", wanted)
    client = BlockingKernelClient(connection_file=f"{server.runtime}/kernel-{session['kernel']['id']}.json")
    client.load_connection_file()
    client.start_channels()
    client.wait_for_ready(timeout=120)
    start, pictures = time.perf_counter(), []

    def look(message):
        if "image/png" in message["content"].get("data", {}):
            pictures.append(time.perf_counter() - start)

    for cell in nbformat.read(chapter, as_version=4).cells:
        if cell.cell_type == "code":
            reply = client.execute_interactive(cell.source, output_hook=look, timeout=1800)
            if reply["content"]["status"] != "ok":
                raise RuntimeError(f"{chapter.name}: {cell.id}: {reply['content']}")
    seconds = time.perf_counter() - start
    client.stop_channels()
    server.ask("DELETE", f"/api/sessions/{session['id']}")
    return pictures[0], seconds


def main() -> None:
    """Print what the chapters named, or all, need."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("chapters", type=int, nargs="*", default=range(1, len(CHAPTERS) + 1))
    chosen = parser.parse_args().chapters
    groups = limits.groups(NAME, BINDER)
    if not groups:
        sys.exit("This account may not make control groups: run it as root.")
    for number in chosen:
        with tempfile.TemporaryDirectory() as runtime:
            server = Server(groups, runtime)
            try:
                picture, seconds = run(server, CHAPTERS[number - 1])
            finally:
                server.end()
        print(
            f"chapter {number}: {seconds / 60:.1f} minutes, first picture after {picture:.1f} s, "
            f"server and kernel at most {server.most / 2**20:.0f} MB",
            flush=True,
        )
    limits.remove(NAME)


if __name__ == "__main__":
    main()
