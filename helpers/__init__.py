"""Helpers for the course "From Autoencoder to VAE": data, models, losses, training and pictures.

The chapters import the rooms by name, for example ``from helpers import data, plots``, and do so before
they import torch. For torch's threads, OpenMP's, heed what is said here only if it is said before:

- They wait without spinning. Else several learners on one machine hold one another up (six trainings at
  once took 70 to 95 seconds each, and take 11); alone a training is as fast as ever.
- There are as many as this process may use cores. Torch counts the cores that it sees, also where a
  container's quota, such as Binder's, leaves it one of them.

Your own settings in the environment win.
"""

import os
import sys

from loky import cpu_count  # heeds affinity and the quotas of cgroup v1 and v2

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "OMP_NUM_THREADS" not in os.environ:
    os.environ["OMP_NUM_THREADS"] = str(cpu_count())
    if torch := sys.modules.get("torch"):  # too late for the environment, not for a smaller number
        torch.set_num_threads(min(torch.get_num_threads(), cpu_count()))
