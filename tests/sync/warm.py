"""A process that has everything imported and forks itself for every command: the real one, without its start-up.

Run as `python -m tests.sync.warm SOCKET HOME`; leaves an empty connector's home at HOME, says `ready`, and ends with
the test session. A request is one line of JSON on a connection: `argv`,
`env`, `cwd`, `stdout`, `stderr` (files), `waits` (factor on the pauses between retries) and `ago` (seconds by which the
connector's clock is behind). The answers are two lines: the process id, then the exit code.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import multiprocessing
import os
import signal
import socket
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

_MODULES = (
    *("assets.launch", "connector.check", "connector.cli", "connector.demo", "connector.plan", "connector.status"),
    *("connector.sandbox.hiboutik", "connector.sandbox.serve", "connector.sync"),
    *("psycopg", "s3fs"),  # for a state outside the home
)


def serve(address: str, home: str) -> None:
    """Takes requests until the parent, which holds our standard input, is gone."""
    preload(home)
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(address)
    listener.listen(64)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # handlers need no burial
    os.write(1, b"ready\n")
    if not os.fork():  # ends everything when standard input closes
        listener.close()
        sys.stdin.read()
        with contextlib.suppress(OSError):
            os.kill(os.getppid(), signal.SIGKILL)
        os._exit(0)
    while True:
        connection, _ = listener.accept()
        if os.fork():
            connection.close()
            continue
        listener.close()
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        with contextlib.suppress(BrokenPipeError, ConnectionResetError):
            handle(connection)
        os._exit(0)


def preload(home: str) -> None:
    for name in _MODULES:
        importlib.import_module(name)
    # the processes of the shops come from here too, instead of from a server that would import everything again
    fork = multiprocessing.get_context("fork")
    multiprocessing.get_context = lambda method=None: fork  # type: ignore[assignment]
    sys.modules["connector.sync"].prepare = lambda: None  # type: ignore[attr-defined]
    for name in modules_of_a_sync(home):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    assert threading.active_count() == 1  # a fork takes no other thread along
    gc.collect()
    gc.freeze()


def modules_of_a_sync(home: str) -> list[str]:
    """What a sync imports on its way, found out in a process of its own, which also sets up an empty home there."""
    reading, writing = os.pipe()
    if not os.fork():
        before = set(sys.modules)
        os.environ["CONNECTOR_HOME"] = home
        with contextlib.suppress(BaseException):
            sync_a_little()
        os.write(writing, "\n".join(sorted(set(sys.modules) - before)).encode())
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as found:
        return found.read().split("\n")


def sync_a_little() -> None:
    from assets.instance import open_instance
    from assets.launch import Launcher
    from connector.config import load_shops
    from connector.sandbox.serve import Sandbox
    from connector.shop_run import State
    from connector.sync_request import SyncRequest
    from tests.sync.world import till_account

    with open_instance():
        State.open().close()
    with tempfile.TemporaryDirectory() as folder, Sandbox(Path(folder), Path(), accounts=[till_account()]) as sandbox:
        os.environ["CONNECTOR_HOME"] = folder
        sandbox.write_shops_yaml(Path(folder, "shops.yaml"))
        (shop,) = load_shops(Path(folder, "shops.yaml"))
        with Launcher() as launcher:
            launcher.launch(SyncRequest(shop), lambda *told: None)


def handle(connection: socket.socket) -> None:
    file = connection.makefile("rw", encoding="utf-8")
    request = json.loads(file.readline())
    pid = os.fork()
    if not pid:
        connection.close()
        command(request)
    file.write(f"{pid}\n")
    file.flush()
    _, status = os.waitpid(pid, 0)
    file.write(f"{os.waitstatus_to_exitcode(status)}\n")
    file.flush()


def command(request: dict[str, Any]) -> None:
    """Becomes `python -m connector ARGV`."""
    for number, path in ((0, os.devnull), (1, request["stdout"]), (2, request["stderr"])):
        os.dup2(os.open(path, os.O_RDWR | os.O_CREAT, 0o600), number)
    os.chdir(request["cwd"])
    os.environ.clear()
    os.environ.update(request["env"])
    sys.argv = ["connector", *request["argv"]]
    shorten_waits(request["waits"])
    set_clock(request["ago"])
    code: Any = 0
    try:
        from connector.cli import main

        main()
    except SystemExit as end:
        code = end.code
    except BaseException:
        sys.excepthook(*sys.exc_info())
        code = 70  # no exit code of the connector
    with contextlib.suppress(OSError, ValueError):
        sys.stdout.flush()
        sys.stderr.flush()
    for child in multiprocessing.active_children():
        child.join()
    os._exit(code if isinstance(code, int) else 0 if code is None else 1)


def shorten_waits(factor: float) -> None:
    """Pauses between retries, `Retry-After` excepted, are so many times as long."""
    import stamina

    from connector.pos import hiboutik_calls

    usual = stamina.retry_context

    def shorter(*args: Any, **options: Any) -> Any:
        for name in ("wait_initial", "wait_max", "wait_jitter"):
            if name in options:
                options[name] *= factor
        return usual(*args, **options)

    stamina.retry_context = shorter  # type: ignore[assignment]
    hiboutik_calls.sleep = lambda seconds: time.sleep(seconds * factor)  # type: ignore[assignment]


def set_clock(ago: float) -> None:
    from connector.shop_run import ShopRun

    usual = ShopRun.__post_init__

    def behind(self: ShopRun) -> None:
        self.clock = lambda: time.time() - ago
        usual(self)

    if ago:
        ShopRun.__post_init__ = behind  # type: ignore[method-assign]


if __name__ == "__main__":
    serve(*sys.argv[1:])
