"""Time, made short: syncs of this process that do not wait between their tries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import dagster as dg
import stamina

import assets.launch
from connector.http import HttpClient
from connector.pos import hiboutik_calls
from connector.state import database


@contextmanager
def unhurried_nowhere(patience: float | None = None, lock_seconds: float | None = None) -> Iterator[None]:
    """Four tries as in earnest, without the waits between them, and with less patience where it is asked for."""
    pause, begin, opened, lock = (
        hiboutik_calls.sleep,
        HttpClient.__post_init__,
        assets.launch.open_instance,
        database.LOCK_SECONDS,
    )

    def impatient(client: HttpClient) -> None:
        client.timeout = patience or client.timeout
        begin(client)

    hiboutik_calls.sleep = lambda seconds: None
    HttpClient.__post_init__ = impatient  # type: ignore[method-assign]
    assets.launch.open_instance = dg.DagsterInstance.ephemeral
    database.LOCK_SECONDS = lock_seconds or lock
    try:
        with stamina.set_testing(True, attempts=4, cap=True):
            yield
    finally:
        hiboutik_calls.sleep, HttpClient.__post_init__ = pause, begin  # type: ignore[method-assign]
        assets.launch.open_instance, database.LOCK_SECONDS = opened, lock
