"""`connector refused replay`: refused records sent again although nothing about them changed.

What ShopiMind refused goes out as it was last made, under the data source that its store has now. What our own checks
refused cannot: there is no record, only the till's row. What was made under another configuration must not: its id, or
what it says of a person, may not be what the shop wants now. All are marked, so that whatever is not accepted now is
tried again by the next sync, from the till's row of that time; the days of orders are read again for it.
"""

from __future__ import annotations

import threading
import uuid
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any

import pyarrow as pa

from connector import recording
from connector.config import Shop
from connector.delivering import PARENT_SOURCE
from connector.delivery import entities
from connector.delivery.counts import INACTIVE, Counts
from connector.delivery.deliver import Delivery
from connector.delivery.entities import Entity
from connector.delivery.provisioned import known_sources
from connector.delivery.refused import Filters
from connector.mapping import newsletter, orders
from connector.mapping.records import Records
from connector.outcome import Status, exit_code
from connector.shop_definitions import records_resource
from connector.shop_run import SYNC_LEASE, ShopRun, State
from connector.shopimind.envelope import InstallationInactive, ShopiMindError
from connector.shopimind.provisioning import read_sources
from connector.shopimind.resources import Saved
from connector.state.errors import StateError
from connector.state.leases import Lease, LeaseHeld

Watch = Callable[[str, str, int, int | None], None]  # shop, what, how many done, of how many
Row = dict[str, Any]  # one of `RefusedStore.all`
Place = tuple[str, int | None]  # entity, and the store of an order

_NOWHERE = -1  # what stands for a store that has no data source
_WHAT_COUNTS = {entities.ORDERS.name: orders.what_counts, entities.NEWSLETTER.name: newsletter.what_counts}
_AT_ONCE = 400  # records between two looks at whether to stop
_OWN_CHECKS = (
    "were refused by the connector's own checks, so there is nothing to send: correct their rows in the till. "
    "The next sync reads them again."
)
_ONCE_EACH = (
    "are events, which a replay does not trigger: the next sync does, unless the sale is older than its event allows."
)
_MADE_OTHERWISE = (
    "were made under another configuration or by another version of the connector, so they were not sent: the next sync "
    "makes them anew from the till's rows."
)


class NothingChosen(Exception):
    """No refused record is what was asked for."""


class Interrupted(Exception):
    """The command was stopped: what is in flight is noted, nothing more is sent."""


def replay_shops(shops: Sequence[Shop], filters: Filters, watch: Watch) -> dict[str, Any]:
    """The document that `connector refused replay --json` prints; shops side by side. Raises `NothingChosen`."""
    state, stop = State.open(), threading.Event()
    try:
        if not any(ShopRun(shop, state, "look").refused.all(filters) for shop in shops):
            raise NothingChosen
        with ThreadPoolExecutor(max(1, min(len(shops), 16)), thread_name_prefix="replay") as pool:
            started = [pool.submit(_replay_shop, shop, state, filters, watch, stop) for shop in shops]
            try:
                found = [each.result() for each in started]
            except BaseException:
                stop.set()
                raise
    finally:
        state.close()
    code = exit_code([each["status"] for each in found])
    return {"ok": code == 0, "exit_code": code, "shops": found}


def _replay_shop(shop: Shop, state: State, filters: Filters, watch: Watch, stop: threading.Event) -> dict[str, Any]:
    replay = None
    if not ShopRun(shop, state, "look").refused.all(filters):
        return _nothing(shop)  # whoever holds the shop's lease is in nobody's way
    try:
        with Lease.acquire(state.db, shop.key, SYNC_LEASE) as lease:
            # `full`: the ledger may hold the very record, from before ShopiMind refused it
            run = ShopRun(shop, state, f"replay-{uuid.uuid4().hex[:8]}", full=True, lease=lease)
            try:
                replay = _Replay(run, run.refused.all(filters), watch, stop)
                replay.carry_out()
            finally:
                run.close()
    except Interrupted:
        raise
    except Exception as error:
        told = (
            str(error) if isinstance(error, LeaseHeld | StateError) else f"unexpected {type(error).__name__}: {error}"
        )
        return {**(replay.report() if replay else _nothing(shop)), "status": "failed", "message": told}
    return replay.report()


def _nothing(shop: Shop) -> dict[str, Any]:
    calls = {shop.pos.system: 0, "shopimind": 0}
    return {"shop": shop.key, "status": "delivered", "message": None, "entities": [], "calls": calls}


class _Replay:
    """The chosen records of one shop, under its lease."""

    def __init__(self, run: ShopRun, rows: list[Row], watch: Watch, stop: threading.Event) -> None:
        self.run, self.rows, self.watch, self.stop = run, rows, watch, stop
        self.done = 0
        self.counts: dict[Place, Counts] = defaultdict(Counts)
        self.left: Counter[str] = Counter()  # of `refused`, by the sentence that says why they were not sent
        self.unasked: str | None = None  # why ShopiMind was not asked to take anything
        self.out_of_reach: list[str] = []  # sentences about what no sync reads by itself
        self.sources = known_sources(run.state.db, run.shop.key)

    def carry_out(self) -> None:
        """Marks, then sends, entity by entity in the order of a sync."""
        chosen: dict[str, list[Row]] = defaultdict(list)
        for row in self.rows:
            chosen[row["entity"]].append(row)
        for name, rows in chosen.items():
            self.run.refused.try_again(name, [row["external_id"] for row in rows])
        if any(_why_not_sent(row) is None for row in self.rows):
            self._ask_whether_active()
        for entity in entities.of_shop(self.run.shop):
            to_send = []
            for row in chosen.get(entity.name, []):
                if (why := _why_not_sent(row)) is None:
                    to_send.append(row)
                else:
                    self._leave_to_the_next_sync(row, why)
            if to_send:
                self._send(entity, to_send)
        self._let_wait(chosen.get(entities.EVENTS, []))
        self.out_of_reach.extend(self._tell_out_of_reach())

    def report(self) -> dict[str, Any]:
        """The shop's part of the document."""
        rows = [
            {
                "entity": entity,
                "store_id": store_id,
                **{name: getattr(counts, name) for name in ("read", "sent", "refused", "failed")},
            }
            for entity in entities.names_of(self.run.shop)
            for (name, store_id), counts in sorted(self.counts.items(), key=lambda item: item[0][1] or 0)
            if name == entity
        ]
        return {
            "shop": self.run.shop.key,
            "status": self._status(),
            "message": " ".join(self._sentences()) or None,
            "entities": rows,
            "calls": self.run.calls_made(),
        }

    def _status(self) -> Status:
        if any(reason != INACTIVE for counts in self.counts.values() for reason in counts.failures):
            return "failed"
        if self.run.inactive:
            return "inactive"
        return "refused" if any(counts.refused for counts in self.counts.values()) else "delivered"

    def _sentences(self) -> Iterator[str]:
        yield from self.run.stop_reasons.values()
        for (name, _), counts in self.counts.items():
            for reason, number in counts.failures.items():
                if reason != INACTIVE:
                    yield f"{name}: {number} not sent ({reason}); the next sync tries them again."
        for why, number in self.left.items():
            yield f"{number} of the refused {why}"
        yield from self.out_of_reach

    def _tell_out_of_reach(self) -> Iterator[str]:
        """What is said of records that are still refused although no sync makes them anew by itself."""
        known = entities.names_of(self.run.shop)
        if undeclared := sum(row["entity"] not in known for row in self.rows):
            yield f"{undeclared} are custom data that shops.yaml declares no more: nothing is sent of them."
        listed = self.run.refused.places(entities.ORDERS.name)
        orders = [row for row in self.rows if row["entity"] == entities.ORDERS.name and row["external_id"] in listed]
        stores = self._stores()
        of_stores = [row for row in orders if not stores or row["store_id"] is None or row["store_id"] in stores]
        if gone := len(orders) - len(of_stores):
            yield (
                f"{gone} of the orders that are still refused are of stores that the till does not list any more: "
                "no sync reads those, so they stay as they are."
            )
        first_day = self.run.first_day.isoformat()
        days = [row["day"] for row in of_stores if row["day"] is not None and row["day"] < first_day]
        if days:
            yield (
                f"{len(days)} of the orders that are still refused are of days before first_day ({first_day}), which no "
                f"sync reads by itself; `connector sync --shop {self.run.shop.key} --from {min(days)} --to {max(days)}` "
                "does."
            )

    def _stores(self) -> set[int]:
        """Those that the till listed last; empty when that is not known any more."""
        if not self.run.state.lake.exists(self.run.shop.key, "pos_stores"):
            return set()
        return {store.store_id for store in self.run.ctx.stores}

    def _ask_whether_active(self) -> None:
        """Of an installation that was not active, one call asks whether it is now, before several carry records."""
        if self.run.installation.status() == "active" and self.run.deferred is None:
            return
        try:
            read_sources(self.run.crm)
        except InstallationInactive:
            self.run.stop_inactive()
        except ShopiMindError as error:
            self.unasked = str(error)
        else:
            self.run.installation.mark_active()

    def _let_wait(self, rows: Sequence[Row]) -> None:
        """Refused events wait again; their records stay until a sync has settled them."""
        by_id = {row["external_id"]: row for row in rows}
        at = int(self.run.clock())
        for name, payload in self.run.refused.payloads(entities.EVENTS, list(by_id)):
            if isinstance(payload, dict):
                self.run.outbox.wait_again(name, payload, run_id=self.run.run_id, at=at)
                self._leave_to_the_next_sync(by_id[name], _ONCE_EACH)
            else:
                counts = self.counts[entities.EVENTS, None]
                counts.read += 1
                counts.fail(str(payload))

    def _leave_to_the_next_sync(self, row: Row, why: str) -> None:
        counts = self.counts[row["entity"], row["store_id"]]
        counts.read += 1
        counts.refuse(row["field"], row["reason"])
        self.left[why] += 1

    def _send(self, entity: Entity, rows: list[Row]) -> None:
        if entity is entities.ORDERS:
            recording.expect_orders(self.run, [row["external_id"] for row in rows])
        resource, closed = self._resource(entity)
        try:
            delivery = self.run.deliverer.deliver(
                entity, self._tables(entity, rows), resource, self.sources, inactive=self.run.inactive, closed=closed
            )
        finally:
            # what ShopiMind refused once more was written down as tried: the next sync is to try the till's row
            self.run.refused.try_again(entity.name, [row["external_id"] for row in rows])
            if entity is entities.ORDERS:
                recording.forget_refused_orders(self.run)
        self._add(entity, delivery)

    def _resource(self, entity: Entity) -> tuple[Saved | None, str | None]:
        if self.unasked is not None:
            return None, self.unasked
        if entity.definition is not None:
            return records_resource(self.run, entity)
        return entities.resource_of(self.run.crm, entity), None

    def _add(self, entity: Entity, delivery: Delivery) -> None:
        for store_id, counts in delivery.counts.items():
            self.counts[entity.name, store_id].add(counts)
        if delivery.inactive:
            self.run.stop_inactive()

    def _tables(self, entity: Entity, rows: list[Row]) -> Iterator[pa.Table]:
        """`RECORDS` of what ShopiMind refused, as it was last made; what cannot be opened is counted as failed."""
        store_of = {source: store_id for store_id, source in self.sources.items()}
        for start in range(0, len(rows), _AT_ONCE):
            if self.stop.is_set():
                raise Interrupted
            part = {row["external_id"]: row for row in rows[start : start + _AT_ONCE]}
            records = Records()
            for name, payload in self.run.refused.payloads(entity.name, list(part)):
                row = part[name]
                if isinstance(payload, dict):
                    _add_record(records, row, payload, _source_store(entity, row, store_of))
                else:
                    counts = self.counts[entity.name, row["store_id"]]
                    counts.read += 1
                    counts.fail(str(payload))
            yield records.table()
            self.done += len(part)
            self.watch(self.run.shop.key, entity.name, self.done, len(self.rows))


def _why_not_sent(row: Row) -> str | None:
    """Why the record is left to the next sync; None where it is sent."""
    if row["entity"] == entities.EVENTS:
        return _ONCE_EACH
    if row["by"] == "connector":
        return _OWN_CHECKS
    return None if row["of_now"] else _MADE_OTHERWISE


def _add_record(records: Records, row: Row, payload: dict[str, Any], source_store: int | None) -> None:
    is_order = row["entity"] == entities.ORDERS.name
    records.send(
        row["external_id"],
        payload,
        store_id=row["store_id"],
        source_store_id=source_store,
        day=row["day"],
        amount=Decimal(str(payload["amount"])) if is_order else None,
        currency=payload["currency"] if is_order else None,
        digest_of=_WHAT_COUNTS[row["entity"]](payload) if row["entity"] in _WHAT_COUNTS else None,
    )


def _source_store(entity: Entity, row: Row, store_of: Mapping[int, int | None]) -> int | None:
    """The store under whose data source the record goes, None being the parent's: as it was, where that is known."""
    if entity in PARENT_SOURCE:
        return None
    if entity is entities.ORDERS:
        store_id: int | None = row["store_id"]
        return store_id
    return store_of.get(row["source"], _NOWHERE)
