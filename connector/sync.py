"""`connector sync`: a Dagster run per shop, in processes side by side, and what became of each."""

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
from itertools import islice
from multiprocessing import forkserver
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from typing import Any

import psutil

from connector.outcome import exit_code
from connector.state.errors import StateError
from connector.sync_request import SyncRequest

_TO_END = 5.0  # seconds that a shop's process has to end by itself when the command is stopped
SIDE_BY_SIDE = 16  # processes at most, of about 200 MB each; a till is waited for most of the time
_LOOK_AGAIN = 0.25  # seconds, whether the machine has time for another process
_BUSY = 85  # per cent of all cores
_SILENT = 2.0  # seconds without a word from any process

Report = dict[str, Any]
Watch = Callable[[str, str, int, int | None], None]  # shop, what, how many done, of how many


@dataclass
class _Worker:
    """A process that syncs one shop after another, and the shop that it is at."""

    process: BaseProcess
    channel: Connection
    request: SyncRequest
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
    workers = _Workers(requests)
    try:
        results = workers.work(watch)
    finally:
        workers.end()
    return _document(requests, results)


class _Workers:
    """The processes. There is one more whenever the machine has time for it, and each goes on with the next shop."""

    def __init__(self, requests: Sequence[SyncRequest]) -> None:
        self._context = multiprocessing.get_context("forkserver")
        self._waiting = iter(requests)
        self._working: dict[Connection, _Worker] = {}
        self._leaving: list[BaseProcess] = []
        self._heard = self._looked = 0.0

    def work(self, watch: Watch) -> dict[str, tuple[str, Report]]:
        """By shop, the id of its run and its report."""
        results: dict[str, tuple[str, Report]] = {}
        for request in islice(self._waiting, min(os.cpu_count() or 1, SIDE_BY_SIDE)):
            self._start(request)  # returns once everything is imported
        psutil.cpu_percent()  # each answer is about the time since the one before
        self._heard = self._looked = time.monotonic()
        while self._working:
            for channel in wait(list(self._working), timeout=_LOOK_AGAIN):
                assert isinstance(channel, Connection)
                self._heard = time.monotonic()
                worker = self._working[channel]
                if not _goes_on(worker, watch):
                    results[worker.request.shop.key] = worker.result or _died(worker)
                    self._follow(worker)
            self._leaving = [process for process in self._leaving if process.is_alive()]
            if len(self._working) < SIDE_BY_SIDE and self._is_time_for_more():
                for request in islice(self._waiting, 1):
                    self._start(request)
        for process in self._leaving:
            process.join()
        return results

    def end(self) -> None:
        """Stops those that still work, with a few seconds to note how far they came; a till that hangs would keep them longer."""
        processes = [*self._leaving, *(worker.process for worker in self._working.values())]
        for process in processes:
            process.terminate()
        deadline = time.monotonic() + _TO_END
        for process in processes:
            process.join(max(0.0, deadline - time.monotonic()))
            if process.is_alive():
                process.kill()

    def _is_time_for_more(self) -> bool:
        """Whether the machine mostly waits for answers; or it is busy with something else, and all the shops hang."""
        now = time.monotonic()
        if now - self._looked < _LOOK_AGAIN:
            return False
        self._looked = now
        return psutil.cpu_percent() < _BUSY or now - self._heard > _SILENT

    def _follow(self, worker: _Worker) -> None:
        """The next shop, in the same process; in another one if an error ended it."""
        following = next(self._waiting, None)
        if not _takes(worker, following):
            del self._working[worker.channel]
            self._leaving.append(worker.process)
            if following is not None:
                self._start(following)

    def _start(self, request: SyncRequest) -> None:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(target=_work, args=(request, theirs), name=f"sync {request.shop.key}")
        process.start()
        theirs.close()
        self._working[ours] = _Worker(process, ours, request)


def _goes_on(worker: _Worker, watch: Watch) -> bool:
    """Takes one message; False when the shop is through, or there will be no more."""
    try:
        kind, *content = worker.channel.recv()
    except (EOFError, OSError):  # the latter: it died in the middle of a message
        worker.process.join()
        return False
    if kind == "progress":
        watch(worker.request.shop.key, *content)
    elif kind == "failed":
        worker.reason = content[0]
    else:
        worker.result = (content[0], content[1])
    return worker.result is None


def _takes(worker: _Worker, following: SyncRequest | None) -> bool:
    """Whether the process goes on with that shop. If there is none, or it met an error, it ends."""
    if worker.result is None:
        following = None
    with suppress(OSError):  # it is gone already
        worker.channel.send(following)
        if following is not None:
            worker.request, worker.result = following, None
            return True
    worker.channel.close()
    return False


def _work(first: SyncRequest, channel: Connection) -> None:
    """The process of some shops. It does not outlive the command, and its standard output is not the command's."""
    threading.Thread(target=_end_with_parent, daemon=True).start()
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to the command, which ends us
    os.dup2(2, 1)
    from assets.launch import Launcher

    def tell(*message: Any) -> None:
        with suppress(OSError):  # the command has stopped listening, and is about to end us
            channel.send(message)

    with Launcher() as launcher, suppress(EOFError, OSError):  # the command is gone, and ends us
        request: SyncRequest | None = first
        while request is not None:
            try:
                told = launcher.launch(request, partial(tell, "progress"))
            except StateError as error:
                tell("failed", str(error))
                break
            except Exception as error:  # a mistake of ours: no traceback, which could show what it was working on
                tell("failed", f"unexpected {type(error).__name__}: {error}")
                break
            tell("report", *told)
            request = channel.recv()
    channel.close()


def _end_with_parent() -> None:
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os.kill(os.getpid(), signal.SIGKILL)


def _died(worker: _Worker) -> tuple[str, Report]:
    shop, how = worker.request.shop.key, worker.process.exitcode
    message = worker.reason or (
        f"the process of shop {shop} ended early ({f'signal {-how}' if how and how < 0 else f'exit code {how}'}). "
        "What was delivered is in the ledger; the next run goes on from there."
    )
    try:
        return _left_behind(worker.request, message)
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
