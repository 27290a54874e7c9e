"""A code server in a process of its own, as docs/operations.md has one started."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dagster._core.errors import DagsterUserCodeUnreachableError
from dagster._grpc.client import DagsterGrpcClient

from connector.config import SHOPS_VARIABLE

PATIENCE = 200.0  # seconds, on a busy machine: every code server and every run imports Dagster


@contextmanager
def code_server(shops_file: Path) -> Iterator[int]:
    """Its port, once it answers. Its runs end with it."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    command = [sys.executable, "-m", "dagster", "code-server", "start", "-m", "assets.definitions"]
    command += ["-h", "127.0.0.1", "-p", str(port), "--log-level", "error"]
    environment = os.environ | {SHOPS_VARIABLE: str(shops_file)}
    process = subprocess.Popen(command, env=environment, start_new_session=True)
    try:
        yield port
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(port: int) -> None:
    client, deadline = DagsterGrpcClient(host="127.0.0.1", port=port), time.monotonic() + PATIENCE
    while True:
        try:
            client.ping("are you there?")
            return
        except DagsterUserCodeUnreachableError:
            assert time.monotonic() < deadline
            time.sleep(0.2)
