"""`connector sync`: one process and one Dagster run per shop, side by side, and what became of each."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

from connector.outcome import exit_code
from connector.state.errors import StateError
from connector.sync_request import SyncRequest

_TO_END = 5.0  # seconds that a shop's process has to end by itself when the command is stopped
SIDE_BY_SIDE = 16  # processes of about 200 MB each; a till is waited for most of the time

Report = dict[str, Any]
Watch = Callable[[str, str, int, int | None], None]  # shop, what, how many done, of how many


@dataclass
class _Running:
    request: SyncRequest
    process: BaseProcess
    result: tuple[str, Report] | None = None
    reason: str | None = None  # why there is no result, if the process could tell


def prepare() -> None:
    """Starts the process from which every shop's is forked; it imports Dagster and the assets once, for all of them."""
    multiprocessing.get_context("forkserver").set_forkserver_preload(["connector.cli", "assets.forked"])
    forkserver.ensure_running()


def sync(requests: Sequence[SyncRequest], watch: Watch) -> dict[str, Any]:
    """Runs every request to its end; the document that `connector sync --json` prints.

    A shop whose process dies is failed, and no other notices.
    """
    prepare()
    waiting = list(requests)
    running: dict[Connection, _Running] = {}
    results: dict[str, tuple[str, Report]] = {}
    context = multiprocessing.get_context("forkserver")
    try:
        while waiting or running:
            while waiting and len(running) < SIDE_BY_SIDE:
                request = waiting.pop(0)
                running.update([_start(context, request)])
            for channel in wait(list(running)):
                assert isinstance(channel, Connection)
                if not _listen(channel, running[channel], watch):
                    ended = running.pop(channel)
                    ended.process.join()
                    results[ended.request.shop.key] = ended.result or _died(ended)
    finally:
        _end([each.process for each in running.values()])
    return _document(requests, results)


def _end(processes: Sequence[BaseProcess]) -> None:
    """Stops them, with a few seconds to note how far they came; a till that hangs would keep them longer."""
    for process in processes:
        process.terminate()
    deadline = time.monotonic() + _TO_END
    for process in processes:
        process.join(max(0.0, deadline - time.monotonic()))
        if process.is_alive():
            process.kill()


def _start(context: Any, request: SyncRequest) -> tuple[Connection, _Running]:
    receiving, sending = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(request, sending), name=f"sync {request.shop.key}")
    process.start()
    sending.close()
    return receiving, _Running(request, process)


def _listen(channel: Connection, running: _Running, watch: Watch) -> bool:
    """Takes one message; False when there will be no more."""
    try:
        kind, *content = channel.recv()
    except (EOFError, OSError):  # the latter: it died in the middle of a message
        channel.close()
        return False
    if kind == "progress":
        watch(running.request.shop.key, *content)
    elif kind == "failed":
        running.reason = content[0]
    else:
        running.result = (content[0], content[1])
    return True


def _child(request: SyncRequest, channel: Connection) -> None:
    """The process of one shop. It does not outlive the command, and its standard output is not the command's."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the command, which ends us
    os.dup2(2, 1)
    from assets.launch import launch

    def tell(*message: Any) -> None:
        with suppress(OSError):  # the command has stopped listening, and is about to end us
            channel.send(message)

    try:
        tell("report", *launch(request, partial(tell, "progress")))
    except StateError as error:
        tell("failed", str(error))
    except Exception as error:  # a mistake of ours: no traceback, which could show what it was working on
        tell("failed", f"unexpected {type(error).__name__}: {error}")
    channel.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)


def _died(ended: _Running) -> tuple[str, Report]:
    shop, how = ended.request.shop.key, ended.process.exitcode
    message = ended.reason or (
        f"the process of shop {shop} ended early ({f'signal {-how}' if how and how < 0 else f'exit code {how}'}). "
        "What was delivered is in the ledger; the next run goes on from there."
    )
    try:
        return _left_behind(ended.request, message)
    except StateError as error:
        told = message if str(error) in message else f"{message} {error}"
        report = {"shop": shop, "status": "failed", "message": told, "entities": []}
        return "", {**report, "calls": None, "quota": None}


def _left_behind(request: SyncRequest, message: str) -> tuple[str, Report]:
    """The id and the report of a run that has no end, as far as it is written down."""
    from connector.report import shop_report
    from connector.shop_run import ShopRun, State

    shop, state = request.shop, State.open()
    try:
        last = ShopRun(shop, state, run_id="none").log.last_run(shop.key)
        run_id = last["run_id"] if last and last["status"] is None else ""
        report = shop_report(ShopRun(shop, state, run_id=run_id), request.only)
        return run_id, {**report, "status": "failed", "message": message}
    finally:
        state.close()


def _document(requests: Sequence[SyncRequest], results: dict[str, tuple[str, Report]]) -> dict[str, Any]:
    shops = [results[request.shop.key][1] for request in requests]
    code = exit_code([shop["status"] for shop in shops])
    return {
        "run_ids": {shop: run_id for shop, (run_id, _) in results.items() if run_id},
        "ok": code == 0,
        "exit_code": code,
        "shops": shops,
    }
