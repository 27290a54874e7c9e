"""Whether the service can do its work: the database takes writes, and the keys open what is sealed."""

from __future__ import annotations

import asyncio
import logging

from starlette.concurrency import run_in_threadpool

from connector.shop_run import State
from connector.state.errors import StateError
from connector.state.webhook_installations import WebhookInstallations

log = logging.getLogger(__name__)


async def problems(state: State, patience: float) -> list[str]:
    """Which parts cannot do their work, in words that anyone may read; the log has the whole sentences."""
    try:
        return await asyncio.wait_for(run_in_threadpool(_problems, state), patience)
    except TimeoutError:
        log.error("health: the database did not answer within %.1f s", patience)
        return ["database"]


def _problems(state: State) -> list[str]:
    installations = WebhookInstallations(state.db, state.sealer)
    try:
        with state.db.begin() as connection:
            installations.forget_webhooks(connection, before=0)  # a write that changes nothing
    except StateError as error:
        log.error("health: %s", error)
        return ["database"]
    try:
        installations.check_keys()
    except StateError as error:
        log.error("health: %s", error)
        return ["keys"]
    return []
