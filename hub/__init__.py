"""A hub for a room of learners: ``python -m hub`` starts it on one machine, ``python -m hub.load`` tries it.

Nothing here is imported by a chapter. ``hub/README.md`` tells a leader which hub a room needs.
"""

from pathlib import Path

HERE = Path(__file__).parent
COURSE = HERE.parent
STATE = HERE / "state"  # what the hub must not forget, and the learners' work
