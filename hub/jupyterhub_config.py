"""The hub of a room, on one machine. ``python -m hub`` starts it; ``hub/README.md`` says more."""

import os
from pathlib import Path

from hub.limits import of_this_machine
from hub.state import LEADER, address, secret

c = get_config()  # noqa: F821 (JupyterHub's own)

A_LEARNER = 512 * 2**20  # bytes at the end of a chapter, server included, as hub/load.py measures it
NBGRADER = ("assignment_list", "course_list", "formgrader", "validate_assignment")

state = Path(os.environ["HUB_STATE"])
ip, port = address(os.environ["HUB_ADDRESS"])

# Who may come in. For a room and an afternoon: any name, and one password for all, so learners could log in
# by one another's names. For a term, replace these lines: by the hub's own accounts (NativeAuthenticator),
# your university's (OAuthenticator), or your LMS's (LTIAuthenticator).
c.JupyterHub.authenticator_class = "shared-password"
c.SharedPasswordAuthenticator.user_password = secret(state, "password")
c.SharedPasswordAuthenticator.admin_password = secret(state, "leader_password")
c.Authenticator.allow_all = True
c.Authenticator.admin_users = {LEADER}

# What each learner gets.
c.JupyterHub.spawner_class = "hub.spawner.CourseSpawner"
c.CourseSpawner.state_folder = str(state)
c.CourseSpawner.mem_limit = "2G"
c.CourseSpawner.everybody = ALL = 0.85  # of the machine's memory: the hub and the system keep the rest
c.JupyterHub.active_server_limit = of_this_machine(ALL) // A_LEARNER  # rather "full" than kernels that die
c.CourseSpawner.cpu_limit = 1
c.CourseSpawner.tasks_limit = 400
c.CourseSpawner.default_url = "/lab/tree/notebooks/1_autoencoder.ipynb"
unneeded = ("jupyter_lsp", "notebook", "notebook_shim", "voila")  # without them a server takes 23 MB less
unneeded += tuple(f"nbgrader.server_extensions.{name}" for name in NBGRADER)
c.CourseSpawner.args = [f"--ServerApp.jpserver_extensions={dict.fromkeys(unneeded, False)}"]
c.CourseSpawner.args += ["--KernelManager.transport_encryption=required"]  # for they share a network
c.CourseSpawner.env_keep = ["PATH", "LANG", "LC_ALL", "DIGITS_AT_MOST"]
c.CourseSpawner.start_timeout = c.CourseSpawner.http_timeout = 300  # forty at once on two cores are slow

# Whose server did nothing for an hour has left: the culler, which ``python -m hub`` runs, may stop it.
c.JupyterHub.services = [{"name": "culler", "api_token": secret(state, "culler_token")}]
c.JupyterHub.load_roles = [
    {
        "name": "culler",
        "services": ["culler"],
        "scopes": ["list:users", "read:users:activity", "read:servers", "delete:servers"],
    }
]

# The hub may be killed and started again: servers and proxy go on, and it finds everything as it was.
# Therefore the proxy, which ``python -m hub`` runs, is not the hub's to start or end.
c.JupyterHub.cleanup_servers = False
c.JupyterHub.cleanup_proxy = False
c.JupyterHub.db_url = f"sqlite:///{state}/hub.sqlite"
secret(state, "cookie_secret")
c.JupyterHub.cookie_secret_file = str(state / "cookie_secret")
c.ConfigurableHTTPProxy.should_start = False
c.ConfigurableHTTPProxy.api_url = f"http://127.0.0.1:{port + 1}"
c.JupyterHub.bind_url = f"http://{ip}:{port}"
c.JupyterHub.hub_port = port + 2
