"""A room full of learners on a real hub: ``python -m hub.load --learners 40``, on the machine for the room.

Starts the hub as ``python -m hub`` does. Every learner logs in by the form, opens chapter 1, runs all its
cells with pauses to read, moves sliders, saves. Meanwhile one more learner runs an endless loop and another
fills the memory, again and again; and when half is done, the hub is killed, and has to come back with nobody
losing anything. Printed, and written as JSON if you like, is what it took. It ends with 1 if anything failed.
"""

import argparse
import asyncio
import contextlib
import json
import os
import random
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import defaultdict
from pathlib import Path

import psutil

from hub import COURSE
from hub.learner import CHAPTER, Learner
from hub.state import servers

PASSWORD = "a-room-of-learners"
READING = (5, 20)  # seconds between two cells
EAT = "eaten = []\nwhile True:\n    eaten.append(bytes([1]) * 10**8)"
SLIDES = (0.25, 0.5, 0.75)


class Room:
    """What was seen of all learners together."""

    def __init__(self, learners: int, pace: float):
        self.learners, self.pace = learners, pace
        self.seconds = {kind: [] for kind in ("log in", "open", "cell", "training", "slider", "save")}
        self.failures, self.people = [], []
        self.half, self.done = asyncio.Event(), asyncio.Event()
        self.memory, self.most, self.system = {}, 0, 0  # PSS of each, of all at once; the machine's
        self.by_place = defaultdict(list)
        self.eaten = self.back_after = self.cells = 0

    async def timed(self, kind: str, work):
        """Await some work and note how long it took."""
        start = time.perf_counter()
        result = await work
        self.seconds[kind].append(time.perf_counter() - start)
        return result

    async def pause(self, share: float = 1.0) -> None:
        """Read, as people do."""
        await asyncio.sleep(share * self.pace * random.uniform(*READING))

    def finished(self, cells: int) -> None:
        """Note a finished cell of so many in the chapter."""
        self.cells += 1
        if self.cells >= self.learners * cells / 2:
            self.half.set()


async def study(room: Room, learner: Learner) -> None:
    """Go through the whole chapter."""
    await room.pause(3)  # some find the room sooner
    await room.timed("log in", learner.log_in())
    notebook = await room.timed("open", learner.open())
    await learner.run(f"mark = {learner.name!r}")
    cells = [cell["source"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    for place, cell in enumerate(cells):
        await room.pause()
        answer = await learner.run(cell)
        room.seconds["training" if "training.fit" in cell else "cell"].append(answer.seconds)
        room.by_place[place].append(answer.seconds)
        if answer.status != "ok":
            room.failures.append(f"{learner.name}: cell {place + 1}: {answer.words}")
        for slider in answer.sliders[:2]:
            for value in SLIDES:
                room.seconds["slider"].append(await learner.move(slider, value))
                await room.pause(0.1)
        notebook["metadata"]["place"] = place
        await room.timed("save", save(learner, notebook))
        room.finished(len(cells))
    await room.half.wait()
    await check_nothing_lost(room, learner, notebook)


async def save(learner: Learner, notebook: dict) -> None:
    """Save the notebook, as JupyterLab does."""
    model = {"type": "notebook", "format": "json", "content": notebook}
    await learner.api("PUT", f"contents/{CHAPTER}", json=model)


async def check_nothing_lost(room: Room, learner: Learner, notebook: dict) -> None:
    """Still logged in, with the same kernel, what it knew, and the notebook as it was saved?"""
    where, _ = await learner.ask("GET", "/hub/home")
    kernels = [session["kernel"]["id"] for session in await learner.api("GET", "sessions")]
    saved = await learner.api("GET", f"contents/{CHAPTER}")
    kept = {
        "the login": where == "/hub/home",
        "the kernel": kernels == [learner.kernel] and not learner.deaths,
        "a variable": (await learner.run("", "mark")).words == repr(learner.name),
        "the notebook": saved["content"]["metadata"].get("place") == notebook["metadata"]["place"],
    }
    room.failures += [f"{learner.name} lost {what}" for what, there in kept.items() if not there]


async def loop(room: Room, learner: Learner) -> None:
    """Run an endless loop until the others are done; an interrupt has to end it then."""
    await learner.log_in()
    await learner.open()
    endless = asyncio.create_task(learner.run("while True:\n    pass"))
    await room.done.wait()
    answer = await learner.interrupt(endless)
    if "KeyboardInterrupt" not in answer.words:
        room.failures.append(f"{learner.name}: the loop ended otherwise: {answer.words}")


async def eat(room: Room, learner: Learner) -> None:
    """Fill the memory until the others are done, with each kernel that takes the place of a dead one."""
    await learner.log_in()
    await learner.open()
    while not room.done.is_set():
        answer = await learner.run(EAT)
        room.eaten += answer.status in ("died", "error")
        await asyncio.sleep(10)
        await learner.api("POST", f"kernels/{learner.kernel}/restart")
        await room.pause()


async def kill_hub(room: Room, state: Path, address: str) -> None:
    """Kill the hub when half is done; then somebody who comes late has to get in as ever."""
    await room.half.wait()
    os.kill(int((state / "hub.pid").read_text()), signal.SIGKILL)
    start = time.perf_counter()
    await asyncio.sleep(0.5)
    await asyncio.to_thread(wait_for_hub, address)
    room.back_after = time.perf_counter() - start
    async with Learner("late", address, PASSWORD) as late:
        room.people.append(late)
        await late.log_in()
        await late.open()
        answer = await late.run("", "6 * 7")
        if answer.words != "42":
            room.failures.append(f"late: {answer.words}")


async def watch(room: Room, state: Path) -> None:
    """Weigh everybody's processes now and then."""
    while not room.done.is_set():
        weights = await asyncio.to_thread(weigh, state)
        room.memory = {name: max(pss, room.memory.get(name, 0)) for name, pss in weights.items()} | {
            name: pss for name, pss in room.memory.items() if name not in weights
        }
        room.most = max(room.most, sum(weights.values()))
        room.system = max(room.system, psutil.virtual_memory().total - psutil.virtual_memory().available)
        await asyncio.sleep(15)


def weigh(state: Path) -> dict[str, int]:
    """The memory of each learner's processes, in bytes (PSS: what is shared is split), and the hub's."""
    own = {f"({name})": int((state / f"{name}.pid").read_text()) for name in ("proxy", "hub", "culler")}
    learners = {name: _pss(number, with_children=True) for name, number in servers(state).items()}
    return learners | {name: _pss(number) for name, number in own.items()}


def _pss(number, with_children=False):
    found = 0
    with contextlib.suppress(psutil.NoSuchProcess):
        first = psutil.Process(number)
        for process in [first, *(first.children(recursive=True) if with_children else [])]:
            with contextlib.suppress(psutil.NoSuchProcess):
                found += process.memory_full_info().pss
    return found


def wait_for_hub(address: str, seconds: float = 120) -> None:
    """Return once the hub answers.

    Raises:
        RuntimeError: it does not.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        with contextlib.suppress(OSError), urllib.request.urlopen(f"{address}/hub/health", timeout=10):
            return
        time.sleep(0.2)
    raise RuntimeError(f"the hub did not answer at {address} within {seconds} seconds")


@contextlib.contextmanager
def hub(state: Path, options: list[str]):
    """Run a hub, as ``python -m hub`` does; yields its address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        where = f"127.0.0.1:{probe.getsockname()[1]}"
    command = [sys.executable, "-m", "hub", "--address", where, "--state", state, "--password", PASSWORD]
    command += options
    process = subprocess.Popen(command, cwd=COURSE, stdout=subprocess.DEVNULL)
    try:
        wait_for_hub(f"http://{where}")
        yield f"http://{where}"
    finally:
        process.terminate()
        process.wait()


async def lesson(learners: int, pace: float, state: Path, address: str) -> Room:
    """Let so many learners study a chapter at once, with the two who disturb, and kill the hub."""
    room = Room(learners, pace)
    async with contextlib.AsyncExitStack() as stack:
        names = [f"learner-{number + 1}" for number in range(learners)]
        everybody = [Learner(name, address, PASSWORD) for name in (*names, "loop", "eater")]
        *studying, looping, eating = [await stack.enter_async_context(learner) for learner in everybody]
        room.people += everybody
        others = [watch(room, state), kill_hub(room, state, address), loop(room, looping), eat(room, eating)]
        running = [asyncio.create_task(noted(room, other)) for other in others]
        await asyncio.gather(*(noted(room, study(room, learner)) for learner in studying))
        room.done.set()
        room.half.set()  # also where a failure kept it from coming
        await asyncio.gather(*running)
        room.failures += [
            f"{learner.name}: a kernel died" for learner in (*studying, looping) if learner.deaths
        ]
    return room


async def noted(room: Room, work) -> None:
    """Await some work; note why it failed."""
    try:
        await work
    except Exception as error:
        room.failures.append(f"{type(error).__name__}: {error}")


def report(room: Room) -> dict:
    """What was seen, in numbers: seconds, megabytes."""
    people = {name: pss for name, pss in room.memory.items() if name.startswith("learner-")}
    megabyte = 2**20
    return {
        "learners": room.learners,
        "pace": room.pace,
        "cores": len(os.sched_getaffinity(0)),
        "machine_mb": psutil.virtual_memory().total // megabyte,
        "failures": room.failures,
        "requests": sum(learner.requests for learner in room.people),
        "memory_used_up": room.eaten,
        "hub_back_after": round(room.back_after, 1),
        "seconds": {kind: spread(values) for kind, values in room.seconds.items() if values},
        "cells": [round(statistics.median(seconds), 2) for _, seconds in sorted(room.by_place.items())],
        "learner_mb": {"median": int(statistics.median(people.values() or [0]) / megabyte)}
        | {"most": max(people.values(), default=0) // megabyte},
        "hub_mb": {name: pss // megabyte for name, pss in room.memory.items() if name.startswith("(")},
        "everybody_mb": room.most // megabyte,
        "machine_used_mb": room.system // megabyte,
    }


def spread(values: list[float]) -> dict[str, float]:
    """How many there were; their median, 95th percentile and greatest."""
    ordered = sorted(values)
    late = ordered[min(len(ordered) - 1, int(0.95 * len(ordered)))]
    found = {"median": statistics.median(ordered), "p95": late, "most": ordered[-1]}
    return {"count": len(ordered)} | {name: round(value, 2) for name, value in found.items()}


def table(found: dict) -> str:
    """The report for people."""
    lines = [f"{'seconds':<12}{'count':>8}{'median':>8}{'95%':>8}{'most':>8}"]
    for kind, row in found["seconds"].items():
        lines.append(f"{kind:<12}{row['count']:>8}{row['median']:>8}{row['p95']:>8}{row['most']:>8}")
    lines += [
        "",
        f"{found['learners']} learners on {found['cores']} cores, {found['machine_mb']} MB",
        "a learner's memory (PSS): median {median} MB, most {most} MB".format(**found["learner_mb"]),
        "everybody's and the hub's: {everybody_mb} MB; in use: {machine_used_mb} MB".format(**found),
        f"requests: {found['requests']}; memory was used up {found['memory_used_up']} times",
        f"the hub was killed and back after {found['hub_back_after']} s",
        f"failures: {len(found['failures'])}",
        *found["failures"],
    ]
    return "\n".join(lines)


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    made = argparse.ArgumentParser(prog="python -m hub.load", description=__doc__.split("\n")[0])
    made.add_argument(
        "--learners", type=int, default=4, help="who study (%(default)s), besides two who disturb"
    )
    made.add_argument(
        "--pace", type=float, default=1.0, help="times 5 to 20 s between two cells (%(default)s)"
    )
    made.add_argument("--report", type=Path, help="write all numbers there, as JSON")
    return made


def main(arguments: list[str] | None = None) -> None:
    """Run the load test and print what was found."""
    options, for_the_hub = parser().parse_known_args(arguments)
    with tempfile.TemporaryDirectory() as folder, hub(Path(folder), for_the_hub) as address:
        room = asyncio.run(lesson(options.learners, options.pace, Path(folder), address))
    found = report(room)
    if options.report:
        options.report.write_text(json.dumps(found, indent=1) + "\n")
    print(table(found))
    sys.exit(bool(room.failures))


if __name__ == "__main__":
    main()
