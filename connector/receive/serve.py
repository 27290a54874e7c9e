"""Runs the service until Ctrl-C or SIGTERM. Behind a proxy that ends TLS: it speaks plain HTTP."""

from __future__ import annotations

import logging
import os
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import uvicorn

from connector.config import ConfigError, Configuration, Mistake, load_configuration
from connector.receive.app import Receiver, create_app
from connector.shop_run import State
from connector.shops import shops_of
from connector.state.errors import StateMistake
from connector.state.sealing import KEYS_VARIABLE
from connector.state.webhook_installations import WebhookInstallations

log = logging.getLogger(__name__)

_TO_END = 5  # seconds that requests under way have when the service is stopped


def serve(file: Path, host: str, port: int, on_ready: Callable[[str], None]) -> None:
    """Serves the configuration of the file; `on_ready` is given the address once it answers. In the main thread only.

    Raises `ConfigError` or `StateMistake` when it cannot work as it is configured, `OSError` when it cannot listen.
    """
    logging.getLogger("connector.receive").setLevel(logging.INFO)
    configuration = _checked(file)
    listening = _bound(host, port)
    state = State.open()
    try:
        _look_at_the_keys(configuration, state, file)
        receiver = Receiver(file, configuration, state)
        receiver.lifecycle.give_webhook_secrets()
        app = create_app(receiver)
        config = uvicorn.Config(
            app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=_TO_END
        )
        shown = f"[{host}]" if ":" in host else host
        _Server(config, lambda: on_ready(f"http://{shown}:{listening.getsockname()[1]}")).run(sockets=[listening])
    finally:
        state.close()
        listening.close()


def _checked(file: Path) -> Configuration:
    configuration = load_configuration(file)
    if configuration.receive is None:
        raise ConfigError([Mistake("receive", "is missing: it says by which secrets webhooks are believed")], file)
    if not os.environ.get(KEYS_VARIABLE, "").replace(",", "").strip():
        raise StateMistake(
            KEYS_VARIABLE,
            f"{KEYS_VARIABLE} is not set. Nothing was done. Tokens and credentials that webhooks bring are sealed, and every "
            "process that reads them needs the same key: make one, and give it to all of them (docs/installations.md).",
        )
    return configuration


def _look_at_the_keys(configuration: Configuration, state: State, file: Path) -> None:
    installations = WebhookInstallations(state.db, state.sealer)
    if closed := installations.reseal():
        log.error(
            "%d token(s) or configuration(s) were sealed with a key that is not in %s; their shops wait. Add it at the end.",
            closed,
            KEYS_VARIABLE,
        )
        return
    shops_of(configuration, installations.all(), file)  # an installed shop's key may have come into the file


def _bound(host: str, port: int) -> socket.socket:
    family, kind, proto, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, proto)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


class _Server(uvicorn.Server):
    """Tells when it answers, and takes a signal for the wish to end, not for a failure."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {each: signal.signal(each, self.handle_exit) for each in (signal.SIGINT, signal.SIGTERM)}
        try:
            yield
        finally:
            for each, handler in before.items():
                signal.signal(each, handler)
