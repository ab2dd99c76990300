"""Helpers for the course "From Autoencoder to VAE": data, models, losses, training and pictures.

The chapters import the rooms by name, for example ``from helpers import data, plots``, and do so before
they import torch. For torch's threads, OpenMP's, heed what is said here only if it is said before:

- They go to sleep soon while they wait. GNU's OpenMP spins 300,000 times before, so that several learners on
  one machine hold one another up (six trainings at once took 64 seconds each, and take 8). A thousand times
  are enough to be nearly as fast alone; without any, one alone takes half as long again.
- There are as many as this process may use cores. Torch counts the cores that it sees, also where a
  container's quota, such as Binder's, leaves it one of them.

Learners on one machine share its memory, too. The C library of Linux keeps what torch has freed, up to
200 MB at the end of a chapter. Here it gives large blocks back at once, and after long work, by
``give_memory_back()``, what is free between those in use.

Your own settings in the environment win.
"""

import ctypes
import os
import sys
from functools import partial

from loky import cpu_count  # heeds affinity and the quotas of cgroup v1 and v2

if "OMP_WAIT_POLICY" not in os.environ:
    os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")  # which GNU's OpenMP heeds in its stead
if "OMP_NUM_THREADS" not in os.environ:
    os.environ["OMP_NUM_THREADS"] = str(cpu_count())
    if torch := sys.modules.get("torch"):  # too late for the environment, not for a smaller number
        torch.set_num_threads(min(torch.get_num_threads(), cpu_count()))

M_MMAP_THRESHOLD = -3  # glibc's name, in its malloc.h
try:
    give_memory_back = partial(ctypes.CDLL(None).malloc_trim, 0)
    if "MALLOC_MMAP_THRESHOLD_" not in os.environ:
        ctypes.CDLL(None).mallopt(M_MMAP_THRESHOLD, 8 * 2**20)  # training's own blocks are smaller, and stay
except (AttributeError, OSError, TypeError):  # another system, another C library

    def give_memory_back():
        """Nothing that would be known to help."""
