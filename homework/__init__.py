"""Any chapter is a homework: ``python -m homework`` releases, collects and grades it with nbgrader."""

from pathlib import Path

HERE = Path(__file__).parent
