"""How learners share a machine: ``python -m experiments.benchmark_sharing`` trains N models at once.

Each learner is a process of its own that imports what a chapter imports, waits for the others, and trains on
20,000 digits. Printed is how long the slowest took, as a share of N times the time of one alone: 1 is
perfect sharing. Beside it stands the same where torch is imported before the helpers, so that OpenMP's
threads keep their defaults. As root, one learner is measured within a quota of one core, too, beside one
who says how many threads to take; 16 are what torch takes where it sees 16 cores. It takes some ten minutes
on two cores.
"""

import os
import subprocess
import sys

from experiments.benchmark_binder import BINDER, NAME, inside
from hub import limits

LEARNERS = (2, 6, 12)
HELPERS_FIRST, TORCH_FIRST = "from helpers import losses, models, training", "import torch"
LEARNER = """
import sys, time
{first}
from helpers import data, losses, models, training
images = data.load_mnist("train")[0][:20_000]
model = models.Autoencoder()
print("ready", flush=True)
sys.stdin.readline()
start = time.perf_counter()
training.fit(model, losses.learned, images, epochs=1)
print(time.perf_counter() - start)
"""


def slowest(learners: int, first: str = HELPERS_FIRST, within: tuple[str, ...] = (), **settings) -> float:
    """Return how many seconds the slowest of so many learners needs, if all train at once.

    Args:
        learners: how many.
        first: what each imports first.
        within: what comes before the command.
        settings: of each learner's environment.
    """
    command = [*within, sys.executable, "-c", LEARNER.format(first=first)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    pipes |= {"env": os.environ | settings}
    processes = [subprocess.Popen(command, text=True, **pipes) for _ in range(learners)]
    for process in processes:
        process.stdout.readline()
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    return max(float(process.communicate()[0]) for process in processes)


def main() -> None:
    """Print the shares for each number of learners."""
    alone = slowest(1)
    print(f"1 learner alone: {alone:.1f} s; with OpenMP's defaults {slowest(1, TORCH_FIRST):.1f} s")
    for learners in LEARNERS:
        ours, defaults = slowest(learners), slowest(learners, TORCH_FIRST)
        print(
            f"{learners} at once: {ours:.1f} s, {ours / alone / learners:.2f} of perfect sharing's; "
            f"with OpenMP's defaults {defaults:.1f} s, {defaults / alone / learners:.2f}"
        )
    groups = limits.groups(NAME, BINDER)
    if groups:
        within = tuple(inside(groups))
        ours = slowest(1, within=within)
        told = {threads: slowest(1, within=within, OMP_NUM_THREADS=str(threads)) for threads in (1, 2, 16)}
        limits.remove(NAME)
        print(f"within one core: {ours:.1f} s; by threads: {told}")


if __name__ == "__main__":
    main()
