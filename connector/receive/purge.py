"""Purging what is stored of a shop that was uninstalled: once no run works on it any more, and again after a crash."""

from __future__ import annotations

import logging
import threading

from sqlalchemy import delete

from connector.shop_run import SYNC_LEASE, State
from connector.state.errors import StateError
from connector.state.leases import Lease, LeaseHeld
from connector.state.tables import (
    leases,
    metadata,
    run_entities,
    runs,
    tombstone_keys,
    tombstones,
    webhook_installations,
)
from connector.state.webhook_installations import WebhookInstallations

log = logging.getLogger(__name__)

AGAIN = 10.0  # seconds until a shop is tried again that could not be purged, and between looks for others' webhooks

# Tombstones name nobody, and keep those who were erased from coming back.
# Counts without personal data stay, so that it can be said what was delivered; the rest is about other things.
_STAY = {runs, run_entities, leases, webhook_installations, tombstones, tombstone_keys}


def purge_shop(state: State, shop: str) -> None:
    """Removes all that is stored of a shop but the counts of its runs. Raises `LeaseHeld` while a run works on it."""
    with Lease.acquire(state.db, shop, SYNC_LEASE):
        state.lake.delete_shop(shop)
        with state.db.begin() as connection:
            for table in metadata.sorted_tables:
                if table not in _STAY and "shop" in table.c:
                    connection.execute(delete(table).where(table.c.shop == shop))
            WebhookInstallations(state.db, state.sealer).purged(connection, shop)
    log.info("shop %s: its stored data was purged", shop)


class Purger:
    """A thread that purges what is to be purged, however long a run or the storage keeps it waiting."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._wake, self._stop = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, name="purge", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        self._wake.set()
        self._thread.join(5)

    def wake(self) -> None:
        """Looks at once."""
        self._wake.set()

    def _run(self) -> None:
        while not self._stop.is_set():
            try:
                for shop in WebhookInstallations(self._state.db, self._state.sealer).to_purge():
                    self._purge(shop)
            except StateError as error:
                log.error("purge: %s", error)
            self._wake.wait(AGAIN)
            self._wake.clear()

    def _purge(self, shop: str) -> None:
        try:
            purge_shop(self._state, shop)
        except LeaseHeld:
            log.info("shop %s: a run works on it; its data is purged when that has ended", shop)
        except StateError as error:
            log.error("shop %s: could not be purged, tried again: %s", shop, error)
