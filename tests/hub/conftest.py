import importlib.util
import sys
from pathlib import Path

sys.path.append(str(Path(__file__).parents[2]))  # else Python takes this folder for the package hub
collect_ignore_glob = [] if importlib.util.find_spec("jupyterhub") else ["*"]  # needs the extra hub
