import importlib.util
import sys
from pathlib import Path

import pytest

from helpers import data

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

collect_ignore = [] if importlib.util.find_spec("playwright") else ["browser"]  # needs the extra


@pytest.fixture(scope="session")
def project():
    """The [project] table of pyproject.toml."""
    pyproject = Path(__file__).parent.parent / "pyproject.toml"
    return tomllib.loads(pyproject.read_text())["project"]


@pytest.fixture(scope="session")
def train_set():
    return data.load_mnist("train")


@pytest.fixture(scope="session")
def test_set():
    return data.load_mnist("test")
