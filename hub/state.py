"""What the hub must not forget when it is started again: its secrets, where it listens, whose servers run."""

import contextlib
import ipaddress
import json
import os
import secrets
import sqlite3
from pathlib import Path
from string import ascii_lowercase

LEADER = "leader"  # who may see and stop everybody's server
FEWEST_CHARACTERS = 8  # of the learners' password, as JupyterHub wants it


def secret(state: Path, name: str) -> str:
    """Return a secret of this hub; it is made up when it is asked for the first time."""
    file = state / name
    if not file.exists():
        keep(state, name, secrets.token_hex(32))
    return file.read_text()


def keep(state: Path, name: str, value: str) -> None:
    """Write a secret where only this account can read it."""
    descriptor = os.open(state / name, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with open(descriptor, "w") as file:
        file.write(value)


def password(state: Path, wanted: str | None) -> str:
    """Return the password of all learners: as wanted, else as it was before, else made up.

    Raises:
        ValueError: it is too short.
    """
    if wanted is None:
        if (state / "password").exists():
            return secret(state, "password")
        wanted = "".join(secrets.choice(ascii_lowercase) for _ in range(12))
    if len(wanted) < FEWEST_CHARACTERS:
        raise ValueError(f"the password needs {FEWEST_CHARACTERS} characters or more")
    keep(state, "password", wanted)
    return wanted


def address(text: str) -> tuple[str, int]:
    """Return the IP address and the port of ``0.0.0.0:8000`` and the like.

    Two more ports are used, on this machine only: the next one by the proxy, the one after by the hub.

    Raises:
        ValueError: it is none.
    """
    ip, _, port = text.rpartition(":")
    try:
        return str(ipaddress.ip_address(ip)), int(port)
    except ValueError as error:
        raise ValueError(f"an address looks like 127.0.0.1:8000 or 0.0.0.0:8000, not {text}") from error


def servers(state: Path) -> dict[str, int]:
    """The process number of every learner's server, by the learner's name, as the hub has kept it."""
    with contextlib.closing(sqlite3.connect(state / "hub.sqlite")) as database:
        try:
            rows = database.execute(
                "SELECT users.name, spawners.state FROM spawners JOIN users ON users.id = spawners.user_id "
                "WHERE spawners.server_id IS NOT NULL"
            ).fetchall()
        except sqlite3.OperationalError:  # the hub has not begun yet
            return {}
    return {name: json.loads(kept)["pid"] for name, kept in rows if kept and "pid" in kept}
