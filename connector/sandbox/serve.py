"""Runs the sandbox: both APIs, each with its own server and thread, and a ready `shops.yaml` for what they serve."""

from __future__ import annotations

import asyncio
import gc
import multiprocessing
import signal
import socket
import threading
import time
from collections.abc import Callable
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import uvicorn
import yaml
from starlette.applications import Starlette
from starlette.datastructures import State

from connector.sandbox.crm_state import CrmState, Installation
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.fault_plan import FaultPlan, Side
from connector.sandbox.faults import FaultMiddleware, RequestJournal
from connector.sandbox.shopimind import create_crm

if TYPE_CHECKING:
    from connector.sandbox.accounts import TillAccount
    from connector.sandbox.till_switches import TillSwitches

PATIENCE = 15.0  # seconds for a server to start or to stop


class Server:
    """One of the two APIs on a loopback port, in a thread of its own. A context manager.

    `url` is without a trailing slash, `state` is the app's, `journal` and `faults` are those of its `FaultMiddleware`.
    """

    def __init__(
        self,
        app: Starlette,
        side: Side,
        *,
        faults: FaultPlan | None = None,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.state: State = app.state
        self._faulty = FaultMiddleware(app, side, faults)
        self._faulty.refuse = self._refuse
        self._reserved = _bound(host, port)  # never listens: keeps the port ours while nobody does
        self._address: tuple[str, int] = self._reserved.getsockname()
        self._socket = _bound(*self._address)
        self.url = f"http://{host}:{self._address[1]}"
        config = uvicorn.Config(
            self._faulty,
            log_level="critical",  # a scripted reset is not worth a line
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._listening_again: set[asyncio.Task[None]] = set()
        self._thread = threading.Thread(target=self._run, name=f"sandbox {self.url}", daemon=True)

    @property
    def journal(self) -> RequestJournal:
        return self._faulty.journal

    @property
    def faults(self) -> FaultPlan:
        return self._faulty.plan

    @faults.setter
    def faults(self, plan: FaultPlan) -> None:
        self._faulty.plan = plan

    def _run(self) -> None:
        self._server.run(sockets=[self._socket])

    def start(self) -> Server:
        """Returns when the port answers. Raises `RuntimeError` when it does not come to that."""
        self._thread.start()
        end = time.monotonic() + PATIENCE
        while not self._server.started:
            if not self._thread.is_alive() or time.monotonic() > end:
                raise RuntimeError(f"the sandbox server at {self.url} did not start")
            time.sleep(0.005)
        return self

    def stop(self) -> None:
        """Lets requests under way finish (a second at most), then stops."""
        self._server.should_exit = True
        self._thread.join(PATIENCE)
        self._socket.close()
        self._reserved.close()

    def _refuse(self, seconds: float) -> None:
        """As if the server were stopped and started again: to be called in its own thread."""
        for server in self._server.servers:
            server.close()
        self._server.servers.clear()
        for connection in list(self._server.server_state.connections):
            if transport := getattr(connection, "transport", None):
                transport.abort()
        again = asyncio.get_running_loop().create_task(self._listen_again(seconds))
        self._listening_again.add(again)
        again.add_done_callback(self._listening_again.discard)

    async def _listen_again(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
        if self._server.servers or self._server.should_exit:
            return  # two faults at once: the first one's end is the end of both
        config, state = self._server.config, self._server.server_state
        protocol: Callable[..., asyncio.Protocol] = config.http_protocol_class
        factory = partial(protocol, config=config, server_state=state, app_state=self._server.lifespan.state)
        loop = asyncio.get_running_loop()
        self._server.servers.append(await loop.create_server(factory, sock=_bound(*self._address), backlog=2048))

    def __enter__(self) -> Server:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()


def _bound(host: str, port: int) -> socket.socket:
    bound = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    bound.bind((host, port))
    return bound


def crm_token(account: str) -> str:
    """The demo access token of the shop that an account feeds."""
    return f"int_demo_{account}"


class Sandbox:
    """Both APIs over the accounts in `data`, with what they are told kept in `state_dir`. A context manager.

    Port 0 takes a free one. `latency` is in seconds per answer. `till` and `crm` are the state objects of the two apps,
    `till_server` and `crm_server` what runs them. With `in_process=False` both run in a process of their own, so that a
    measured client does not share its interpreter with them; these four then do not exist, everything goes through the
    `/_sandbox` routes.
    """

    till: State
    crm: CrmState
    till_server: Server
    crm_server: Server

    def __init__(
        self,
        state_dir: Path,
        data: Path,
        *,
        host: str = "127.0.0.1",
        till_port: int = 0,
        crm_port: int = 0,
        latency: float = 0.0,
        faults: FaultPlan | None = None,
        crm_switches: CrmSwitches | None = None,
        till_switches: TillSwitches | None = None,
        in_process: bool = True,
        accounts: list[TillAccount] | None = None,
    ) -> None:
        from connector.sandbox.accounts import load_accounts

        self.accounts = load_accounts(data) if accounts is None else accounts
        self.till_url = self.crm_url = ""
        self._state_dir, self._host, self._ports = state_dir, host, (till_port, crm_port)
        self._plan = faults or FaultPlan()
        self._plan.latency = latency or self._plan.latency
        self._switches = till_switches, crm_switches
        self._in_process = in_process
        self._child: _Child | None = None

    def start(self) -> Sandbox:
        """Returns when both answer."""
        if self._in_process:
            self._start_here()
        else:
            till_switches, crm_switches = self._switches
            options = {"host": self._host, "till_port": self._ports[0], "crm_port": self._ports[1]}
            options |= {"crm_switches": crm_switches, "till_switches": till_switches, "accounts": self.accounts}
            self._child = _Child(self._state_dir, self._plan.to_json(), options)
            self.till_url, self.crm_url = self._child.urls
        return self

    def _start_here(self) -> None:
        from connector.sandbox.hiboutik import create_till

        installations = [Installation(crm_token(each.account), each.account) for each in self.accounts]
        self._state_dir.mkdir(parents=True, exist_ok=True)
        till_app = create_till(self.accounts, self._switches[0], self._state_dir / "till.json")
        crm_app = create_crm(installations, self._state_dir / "crm.sqlite", self._switches[1])
        self.till, self.crm = till_app.state, crm_app.state.crm
        self.till_server = Server(till_app, "till", faults=self._plan, host=self._host, port=self._ports[0])
        self.crm_server = Server(crm_app, "crm", faults=self._plan, host=self._host, port=self._ports[1])
        self.till_url, self.crm_url = self.till_server.start().url, self.crm_server.start().url

    def stop(self) -> None:
        if self._child:
            self._child.stop()
        elif self.till_url:
            self.till_server.stop()
            self.crm_server.stop()

    def __enter__(self) -> Sandbox:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def write_shops_yaml(self, path: Path) -> None:
        """A ready configuration for every account served. Its secrets are demo values of this sandbox."""
        shops = {"shops": [self._shop(each) for each in self.accounts]}
        path.parent.mkdir(parents=True, exist_ok=True)
        text = yaml.safe_dump(shops, sort_keys=False, allow_unicode=True)
        path.write_text("# Written by the sandbox; the credentials only work against it.\n" + text, encoding="utf-8")

    def _shop(self, account: TillAccount) -> dict[str, Any]:
        pos: dict[str, Any] = {"system": "hiboutik", "account": account.account}
        if account.login:
            pos |= {"login": account.login, "api_key": account.api_key}
        else:
            pos |= {"oauth_token": account.oauth_token}
        return {
            "key": account.account,
            "label": account.label,
            "lang": account.lang,
            "country": account.country,
            "shopimind": {"access_token": crm_token(account.account), "base_url": self.crm_url},
            "pos": pos | {"base_url": f"{self.till_url}/{account.account}/api"},
            "identifiers": {"prefix": account.prefix, "offset": account.offset},
            "first_day": account.first_day,
        }


class _Child:
    """A process that runs a `Sandbox` until its parent says stop, or is gone."""

    def __init__(self, state_dir: Path, plan: dict[str, Any], options: dict[str, Any]) -> None:
        context = multiprocessing.get_context("spawn")
        self._ours, theirs = context.Pipe()
        self._process = context.Process(
            target=_run_child, args=(theirs, state_dir, plan, options), name="sandbox", daemon=True
        )
        self._process.start()
        theirs.close()
        if not self._ours.poll(4 * PATIENCE):
            raise RuntimeError("the sandbox process did not start")
        self.urls: tuple[str, str] = self._ours.recv()

    def stop(self) -> None:
        self._ours.close()
        self._process.join(PATIENCE)
        self._process.kill()


def _run_child(parent: Connection, state_dir: Path, plan: dict[str, Any], options: dict[str, Any]) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the parent, which then closes the pipe
    with Sandbox(state_dir, Path(), faults=FaultPlan.from_json(plan), **options) as sandbox:
        gc.collect()
        gc.freeze()  # the samples stay for good: looking through them at every collection would be paid per request
        parent.send((sandbox.till_url, sandbox.crm_url))
        try:
            parent.recv()
        except EOFError:
            return


def run_forever(
    state_dir: Path,
    data: Path,
    *,
    shops_yaml: Path | None = None,
    on_ready: Callable[[Sandbox], None] | None = None,
    **options: Any,
) -> None:
    """Serves until Ctrl-C or SIGTERM, then stops cleanly. To be called in the main thread.

    `options` are those of `Sandbox`. Once both servers answer, `shops_yaml` is written and `on_ready` is called.
    """
    stop = threading.Event()
    before = {each: signal.signal(each, lambda *_: stop.set()) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        with Sandbox(state_dir, data, **options) as sandbox:
            if shops_yaml:
                sandbox.write_shops_yaml(shops_yaml)
            if on_ready:
                on_ready(sandbox)
            while not stop.wait(1.0):
                pass
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
