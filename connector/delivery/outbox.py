"""What ShopiMind is still to be told of sales: one row per event and sale, made once and settled once.

A row is made in the transaction that notes the order's delivery, and never again: neither a replay nor an edit nor a lost
ledger makes a second one. It is marked as being sent before the call, so that whoever comes after a crash knows that the
event may have been triggered.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import orjson
from sqlalchemy import ColumnElement, Connection, func, or_, select, update

from connector.config import EventType, Shop
from connector.delivery.compare import Record
from connector.mapping.sale_events import SaleEvent, sale_event
from connector.state.database import Database, upsert
from connector.state.sealing import Sealer
from connector.state.tables import event_outbox, event_starts

_HOUR = 3_600  # seconds
_AT_ONCE = 500  # sales in one statement


class State(StrEnum):
    """Where a row stands. Only the first two are ever triggered."""

    WAITING = "waiting"
    SENDING = "sending"  # the call was begun, and its outcome is not known
    SENT = "sent"
    UNCLEAR = "unclear"  # it may have been triggered, and is not repeated
    REFUSED = "refused"  # not taken; waits again once it is replayed
    DROPPED = "dropped"  # not to be triggered, for `reason`


class Drop(StrEnum):
    """Why an event is not triggered: the reasons under which its row is counted as skipped."""

    UNCLEAR = "unclear"  # it may have been, and the event is not one that is repeated
    NOT_DECLARED = "not_declared"  # the event is not in shops.yaml any more
    TOO_OLD = "too_old"  # the sale closed more than max_age_hours ago
    ERASED = "erased"  # its customer was erased
    NO_CONSENT = "no_consent"  # the event asks for the customer's consent, and there is none


@dataclass(frozen=True, slots=True)
class Waiting:
    """One row that is not settled. Times are epoch seconds."""

    event: str
    sale_id: int
    customer_id: int
    closed_at: int
    state: State
    reason: str | None


class Outbox:
    """The events of one shop. `store_names` gives the stores' names by id, when a row is made.

    `started` stands for the beginning of an event that has none yet. `is_news` says of a store's closing day whether its
    sales are to be told of: of history no row is made.
    """

    def __init__(
        self,
        db: Database,
        shop: Shop,
        sealer: Sealer,
        *,
        started: int,
        is_news: Callable[[int, str], bool],
        store_names: Callable[[], Mapping[int, str]],
    ) -> None:
        self._db, self._shop, self._sealer = db, shop, sealer
        self._started, self._is_news, self._store_names = started, is_news, store_names
        self.events = {event.code_name: event for event in shop.events}

    def begin(self) -> None:
        """Events that are new in the configuration begin now: the sales that closed before are none of theirs."""
        rows = [{"shop": self._shop.key, "event": name, "since": self._started} for name in self.events]
        if rows:
            with self._db.begin() as connection:
                upsert(connection, event_starts, rows, update=())

    # --- making rows

    def add(self, connection: Connection, orders: Iterable[Record], *, run_id: str, at: int) -> None:
        """Makes the rows of orders that were delivered, within the caller's transaction; those that are there stay."""
        if self.events:
            rows = [
                {
                    **self._key(event, sale),
                    "customer_id": sale.customer_id,
                    "closed_at": sale.closed_at,
                    "state": State.WAITING.value,
                    "reason": None,
                    "payload": self._sealer.seal(orjson.dumps(sale.payload(event))),
                    "tries": 0,
                    "at": at,
                    "run_id": run_id,
                }
                for event, sale in self._of_orders(connection, orders)
            ]
            upsert(connection, event_outbox, rows, update=())

    def would_add(self, orders: Iterable[Record]) -> list[Waiting]:
        """The rows that the delivery of these orders would make."""
        with self._db.read() as connection:
            found = list(self._of_orders(connection, orders))
            made = self._made(connection, {sale.sale_id for _, sale in found})
        return [
            Waiting(event.code_name, sale.sale_id, sale.customer_id, sale.closed_at, State.WAITING, None)
            for event, sale in found
            if (event.code_name, sale.sale_id) not in made
        ]

    def _of_orders(self, connection: Connection, orders: Iterable[Record]) -> Iterator[tuple[EventType, SaleEvent]]:
        since = self._since(connection)
        names = self._store_names()
        for order in orders:
            assert order.payload is not None  # only what is sent comes here
            store = names.get(order.store_id or 0) or f"store {order.store_id}"
            payload = orjson.loads(order.payload)
            sale = sale_event(self._shop.identifiers, payload, order.store_id, store, order.day)
            if sale is None or not self._is_news(sale.store_id, sale.day):
                continue
            for event in self.events.values():
                if sale.closed_at >= since.get(event.code_name, self._started):
                    yield event, sale

    def _since(self, connection: Connection) -> dict[str, int]:
        query = select(event_starts.c.event, event_starts.c.since).where(event_starts.c.shop == self._shop.key)
        return {event: since for event, since in connection.execute(query)}

    def _made(self, connection: Connection, sale_ids: Collection[int]) -> set[tuple[str, int]]:
        ids, table = sorted(sale_ids), event_outbox
        made: set[tuple[str, int]] = set()
        for start in range(0, len(ids), _AT_ONCE):
            query = select(table.c.event, table.c.sale_id).where(
                self._mine(), table.c.sale_id.in_(ids[start : start + _AT_ONCE])
            )
            made.update((event, sale_id) for event, sale_id in connection.execute(query))
        return made

    def _key(self, event: EventType, sale: SaleEvent) -> dict[str, Any]:
        return {"shop": self._shop.key, "event": event.code_name, "sale_id": sale.sale_id}

    # --- deciding and settling

    def open(self, now: int) -> list[Waiting]:
        """What is not settled, oldest sale first; refused ones only while they are young enough to be triggered."""
        table = event_outbox
        ages = [
            (table.c.event == name) & (table.c.closed_at >= now - event.max_age_hours * _HOUR)
            for name, event in self.events.items()
        ]
        unsettled: ColumnElement[bool] = table.c.state.in_([State.WAITING, State.SENDING])
        query = select(*(table.c[name] for name in Waiting.__slots__)).where(
            self._mine(), or_(unsettled, (table.c.state == State.REFUSED) & or_(*ages))
        )
        with self._db.read() as connection:
            rows = connection.execute(query.order_by(table.c.closed_at, table.c.sale_id, table.c.event))
            return [Waiting(**{**row, "state": State(row["state"])}) for row in rows.mappings()]

    def why_not(self, row: Waiting, now: float, consenting: Collection[int]) -> Drop | None:
        """Why the row is not to be triggered, now or ever."""
        event = self.events.get(row.event)
        too_old = event is not None and now - row.closed_at > event.max_age_hours * _HOUR
        if row.state is State.SENDING and (event is None or too_old or not event.at_least_once):
            return Drop.UNCLEAR
        if event is None:
            return Drop.NOT_DECLARED
        if too_old:
            return Drop.TOO_OLD
        if event.consent and row.customer_id not in consenting:
            return Drop.NO_CONSENT
        return None

    def claim(self, row: Waiting, *, run_id: str, at: int) -> dict[str, Any] | None:
        """Marks the row as being sent and gives what to send; None when another run was faster.

        Raises `StateError` when the key that sealed it is not there; then it stays as it was.
        """
        table = event_outbox
        with self._db.begin(durable=True) as connection:  # a mark that is lost would trigger it twice
            sealed = connection.execute(
                select(table.c.payload).where(self._one(row), table.c.state == row.state)
            ).scalar()
            if sealed is None:
                return None
            payload: dict[str, Any] = orjson.loads(self._sealer.open(sealed))
            changed = {"state": State.SENDING, "tries": table.c.tries + 1, "at": at, "run_id": run_id}
            claimed = update(table).where(self._one(row), table.c.state == row.state).values(changed)
            return payload if connection.execute(claimed).rowcount else None

    def settle(
        self, connection: Connection, row: Waiting, state: State, reason: str | None, *, run_id: str, at: int
    ) -> None:
        """Writes an outcome down, within the caller's transaction; what needs no payload any more loses it."""
        changed: dict[str, Any] = {"state": state, "reason": reason, "at": at, "run_id": run_id}
        if state not in (State.WAITING, State.SENDING):
            changed["payload"] = None
        connection.execute(update(event_outbox).where(self._one(row)).values(changed))

    def wait_again(self, external_id: str, payload: Mapping[str, Any], *, run_id: str, at: int) -> bool:
        """A refused event is triggered by the next sync, if the rules let it; False when it is refused no longer."""
        table = event_outbox
        event, _, sale_id = external_id.partition("-")
        changed = {
            "state": State.WAITING,
            "payload": self._sealer.seal(orjson.dumps(payload)),
            "at": at,
            "run_id": run_id,
        }
        refused = (table.c.event == event) & (table.c.sale_id == int(sale_id)) & (table.c.state == State.REFUSED)
        with self._db.begin() as connection:
            return connection.execute(update(table).where(self._mine(), refused).values(changed)).rowcount > 0

    # --- telling

    def totals(self) -> dict[str, Counter[str]]:
        """How many rows of each event are in which state; those that were dropped under their reason."""
        table = event_outbox
        query = select(table.c.event, table.c.state, table.c.reason, func.count()).where(self._mine())
        found: dict[str, Counter[str]] = {name: Counter() for name in self.events}
        with self._db.read() as connection:
            for event, state, reason, number in connection.execute(
                query.group_by(table.c.event, table.c.state, table.c.reason)
            ):
                found.setdefault(event, Counter())[reason if state == State.DROPPED else state] += number
        return found

    def last_sent(self) -> int | None:
        """When an event was last triggered."""
        query = select(func.max(event_outbox.c.at)).where(self._mine(), event_outbox.c.state == State.SENT)
        with self._db.read() as connection:
            last: int | None = connection.execute(query).scalar()
        return last

    def _mine(self) -> ColumnElement[bool]:
        return event_outbox.c.shop == self._shop.key

    def _one(self, row: Waiting) -> ColumnElement[bool]:
        table = event_outbox
        return self._mine() & (table.c.event == row.event) & (table.c.sale_id == row.sale_id)


def external_id(row: Waiting) -> str:
    """By which a refused event is known."""
    return f"{row.event}-{row.sale_id}"
