"""What one learner may use of a machine, by control groups (cgroup v1 and v2).

A group holds a learner's server, kernels and terminals together: beyond its memory the largest of them is
ended, and nobody else's; beyond its cores it waits. Making groups takes root. Where they cannot be made,
``hold`` limits what each process may claim, which every account may do, and the system's scheduler shares
the cores among the learners' processes.
"""

import os
import resource
from pathlib import Path
from typing import NamedTuple

SYSTEM = Path("/sys/fs/cgroup")
PARENT = "from-autoencoder-to-vae"
PERIOD = 100_000  # microseconds, in which a group gets its share of the cores
CLAIMED_NOT_USED = 2**29  # what libraries and threads claim beyond what they fill; 200 MB in a chapter


class Limits(NamedTuple):
    """Of one learner, and of all of them together."""

    memory: int  # bytes
    cores: float
    tasks: int  # processes and threads
    everybody: int  # bytes


def groups(learner: str, limits: Limits, system: Path = SYSTEM) -> list[Path]:
    """Make the groups of a learner; return their folders, none where this account may not make any."""
    unified = (system / "cgroup.controllers").exists()
    try:
        return [_unified(learner, limits, system)] if unified else _separate(learner, limits, system)
    except OSError:
        return []


def _unified(learner, limits, system):
    """Version 2: one group for everything."""
    group = system / PARENT / learner
    group.mkdir(parents=True, exist_ok=True)
    for above in (system, system / PARENT):
        (above / "cgroup.subtree_control").write_text("+memory +cpu +pids")
    (system / PARENT / "memory.max").write_text(str(limits.everybody))
    (group / "memory.max").write_text(str(limits.memory))
    if (group / "memory.swap.max").exists():
        (group / "memory.swap.max").write_text("0")
    (group / "cpu.max").write_text(f"{int(limits.cores * PERIOD)} {PERIOD}")
    (group / "pids.max").write_text(str(limits.tasks))
    return group


def _separate(learner, limits, system):
    """Version 1: one group for each kind of limit."""
    wanted = {
        "memory": {"memory.limit_in_bytes": limits.memory},
        "cpu": {"cpu.cfs_period_us": PERIOD, "cpu.cfs_quota_us": int(limits.cores * PERIOD)},
        "pids": {"pids.max": limits.tasks},
    }
    everybody = system / "memory" / PARENT
    everybody.mkdir(exist_ok=True)
    (everybody / "memory.limit_in_bytes").write_text(str(limits.everybody))
    made = []
    for kind, files in wanted.items():
        group = system / kind / PARENT / learner
        group.mkdir(parents=True, exist_ok=True)
        for name, value in files.items():
            (group / name).write_text(str(value))
        made.append(group)
    return made


def of_this_machine(share: float) -> int:
    """So much of this machine's memory, in bytes."""
    return int(share * os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE"))


def hold(made: list[Path], limits: Limits) -> None:
    """Hold this process, and all that it will start, to the limits."""
    for group in made:
        (group / "cgroup.procs").write_text("0")  # this one
    if not made:
        claim = limits.memory + CLAIMED_NOT_USED
        resource.setrlimit(resource.RLIMIT_DATA, (claim, claim))


def remove(learner: str, system: Path = SYSTEM) -> None:
    """Remove the groups of a learner whose processes have ended; a busy one stays."""
    for group in (system / PARENT / learner, *system.glob(f"*/{PARENT}/{learner}")):
        try:
            group.rmdir()
        except OSError:
            continue
