"""`make dev`: the sandbox, and Dagster's UI and daemon over it, until Ctrl-C. Arguments are those of `dagster dev`."""

import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

from assets.instance import dagster_home
from connector.config import SHOPS_VARIABLE
from connector.demo import SAMPLES
from connector.sandbox.serve import Sandbox
from connector.state.home import HOME_VARIABLE, home, private_directory

REPOSITORY = Path(__file__).parent.parent
TILL_PORT, CRM_PORT = 8701, 8702  # those of `connector sandbox`
_PATIENCE = 30.0  # seconds for Dagster's processes to end


def develop(arguments: list[str]) -> int:
    """Runs both until one ends or somebody stops them. All state is under `dev` in the connector's home, and stays."""
    folder = private_directory(home() / "dev")
    os.environ[HOME_VARIABLE] = str(folder)
    os.environ["DAGSTER_HOME"] = str(folder / "dagster")
    dagster_home()
    sandbox = Sandbox(folder / "sandbox", SAMPLES, till_port=_free(TILL_PORT), crm_port=_free(CRM_PORT))
    with sandbox:
        shops = folder / "shops.yaml"
        sandbox.write_shops_yaml(shops)
        os.environ[SHOPS_VARIABLE] = str(shops)
        _say(f"till: {sandbox.till_url}   ShopiMind: {sandbox.crm_url} (open it in a browser)")
        _say(f"for other commands: export {HOME_VARIABLE}={folder} {SHOPS_VARIABLE}={shops}")
        return _dagster(arguments)


def _dagster(arguments: list[str]) -> int:
    command = [sys.executable, "-m", "dagster", "dev", "-w", "workspace.yaml", *arguments]
    for each in (signal.SIGINT, signal.SIGTERM):  # a shell's background job is started with the first one ignored
        signal.signal(each, signal.default_int_handler)
    # a session of its own: it is stopped by us, once, and not by the terminal at the same time
    child = subprocess.Popen(command, cwd=REPOSITORY, start_new_session=True)
    try:
        return child.wait()
    except KeyboardInterrupt:
        child.send_signal(signal.SIGINT)
        try:
            child.wait(_PATIENCE)
        except subprocess.TimeoutExpired:
            os.killpg(child.pid, signal.SIGKILL)
        return 130


def _free(port: int) -> int:
    """That port, or 0 (any free one) when somebody has it."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return 0
    return port


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)  # noqa: T201


if __name__ == "__main__":
    sys.exit(develop(sys.argv[1:]))
