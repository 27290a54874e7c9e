"""The sales that a shop's till has pushed and that no run has delivered yet. Payloads are sealed: they name people."""

from __future__ import annotations

import logging
import secrets
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass, field

from sqlalchemy import bindparam, delete, func, insert, select, update

from connector.state.database import Database
from connector.state.errors import StateError
from connector.state.sealing import Sealer
from connector.state.tables import till_inbox

log = logging.getLogger(__name__)

_FIRST_WAIT, _LONGEST_WAIT = 60, 1_800  # seconds before a message that was not delivered is tried again
_AT_ONCE = 500  # messages of one run; more wait for the next


@dataclass(frozen=True, slots=True)
class Message:
    """One pushed sale, as the till wrote it; `received_at` is in epoch seconds."""

    message_id: str
    sale_id: int
    received_at: int
    body: bytes = field(repr=False)


class TillInbox:
    """One shop's inbox. A message is kept until it is `settle`d; one that was tried in vain waits longer each time.

    `dry` is for a plan, which looks at what waits and leaves it as it is.
    """

    def __init__(
        self, db: Database, shop: str, sealer: Sealer, *, dry: bool = False, clock: Callable[[], float] = time.time
    ) -> None:
        self._db, self._shop, self._sealer, self._dry, self._clock = db, shop, sealer, dry, clock

    def put(self, sale_id: int, body: bytes) -> None:
        """Keeps a message; when this returns, it is on disk. Raises `StateError` when it could not be kept."""
        now = self._clock()
        row = {
            "shop": self._shop,
            "message_id": f"{int(now * 1_000_000):020d}-{secrets.token_hex(4)}",
            "sale_id": sale_id,
            "payload": self._sealer.seal(body),
            "received_at": int(now),
            "tries": 0,
        }
        with self._db.begin(durable=True) as connection:
            connection.execute(insert(till_inbox).values(row))

    def is_due(self) -> bool:
        """Whether a message has come that no run has tried, or one waits whose time to be tried again has come."""
        table, now = till_inbox, int(self._clock())
        query = select(table.c.tries, func.max(table.c.tried_at)).where(table.c.shop == self._shop)
        with self._db.read() as connection:
            tried = connection.execute(query.group_by(table.c.tries)).all()
        return any(tries == 0 or now - at >= _pause(tries) for tries, at in tried)

    def waiting(self) -> list[Message]:
        """What waits, in the order in which it came. A message whose key is gone is told, and left for when it is back."""
        table = till_inbox
        query = select(table.c.message_id, table.c.sale_id, table.c.received_at, table.c.payload)
        query = query.where(table.c.shop == self._shop).order_by(table.c.message_id).limit(_AT_ONCE)
        with self._db.read() as connection:
            rows = connection.execute(query).all()
        found, closed = list[Message](), list[str]()
        for name, sale_id, at, payload in rows:
            try:
                found.append(Message(name, sale_id, at, self._sealer.open(payload)))
            except StateError:
                closed.append(name)
        if closed:
            log.warning(
                "shop %s: %d pushed sale(s) were sealed with a key that is not in %s. They are kept; polling finds the sales.",
                self._shop,
                len(closed),
                self._sealer.where,
            )
            self.note_try(closed)
        return found

    def note_try(self, message_ids: Collection[str]) -> None:
        """A run has begun with these messages."""
        tried = update(till_inbox).where(till_inbox.c.shop == self._shop, till_inbox.c.message_id == bindparam("name"))
        self._for_each(tried.values(tries=till_inbox.c.tries + 1, tried_at=int(self._clock())), message_ids)

    def settle(self, message_ids: Collection[str]) -> None:
        """These messages have had their effect, or never will: they are not needed any more."""
        gone = delete(till_inbox).where(till_inbox.c.shop == self._shop, till_inbox.c.message_id == bindparam("name"))
        self._for_each(gone, message_ids)

    def reseal(self) -> None:
        """Seals with today's key what an earlier one sealed; what no key opens stays as it is."""
        if not self._sealer.has_older_keys:
            return
        table = till_inbox
        query = select(table.c.message_id, table.c.payload).where(table.c.shop == self._shop)
        with self._db.begin() as connection:
            for name, sealed in connection.execute(query).all():
                try:
                    anew = self._sealer.resealed(sealed)
                except StateError:
                    continue
                if anew is not None:
                    one = update(table).where(table.c.shop == self._shop, table.c.message_id == name)
                    connection.execute(one.values(payload=anew))

    def _for_each(self, statement: object, message_ids: Collection[str]) -> None:
        if message_ids and not self._dry:
            with self._db.begin() as connection:
                connection.execute(statement, [{"name": name} for name in message_ids])  # type: ignore[call-overload]


def _pause(tries: int) -> int:
    return min(_FIRST_WAIT << min(tries - 1, 10), _LONGEST_WAIT)
