"""Sends what is new or changed, several chunks in flight, and notes each chunk's outcome before it counts."""

from __future__ import annotations

import logging
import re
import time
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from connector.delivery.compare import Record, Verdict, compare
from connector.delivery.counts import INACTIVE, Counts
from connector.delivery.entities import CUSTOMERS, ORDERS, Entity
from connector.delivery.ledger import Delivered, Ledger
from connector.delivery.masking import without_long_numbers, without_persons
from connector.delivery.outbox import Outbox
from connector.delivery.references import AWAITS_ANOTHER, Awaited, customer_of
from connector.delivery.refused import By, Refusal, RefusedStore
from connector.delivery.requests import in_requests, in_turns
from connector.shopimind.bulk import save_chunks
from connector.shopimind.envelope import UNIDENTIFIED, Envelope, Rejection, masked, rejections, whole_rejection
from connector.shopimind.resources import Saved
from connector.state.database import Database
from connector.state.leases import Lease, LeaseLost

log = logging.getLogger(__name__)

NO_SOURCE = "its store has no data source in ShopiMind yet"
CUSTOMER_NOT_VISIBLE = "ShopiMind does not know its customer yet, who was sent in this run"
_WHOLE_REQUEST_REFUSED = frozenset({400, 413, 422})
_OF_THE_CUSTOMER = re.compile(r"contact|customer|relation", re.IGNORECASE)


@dataclass
class Delivery:
    """What became of one entity: counts per store, and the (store, day) pairs of which something still waits."""

    counts: dict[int | None, Counts] = field(default_factory=lambda: defaultdict(Counts))
    waiting: set[tuple[int | None, str | None]] = field(default_factory=set)
    inactive: bool = False  # a 401 ended it, or it was not started because of an earlier one
    failed: set[str] | None = None  # the ids of what waits, where other entities refer to them

    def fail(self, record: Record, reason: str) -> None:
        """A record that is tried again by the next run."""
        if self.failed is not None:
            self.failed.add(record.external_id)
        self.counts[record.store_id].fail(reason)
        self.waiting.add((record.store_id, record.day))


class Deliverer:
    """Delivers records of one shop, in one run, into ShopiMind and into the ledger."""

    def __init__(
        self,
        db: Database,
        ledger: Ledger,
        refused: RefusedStore,
        *,
        run_id: str,
        full: bool = False,
        in_flight: int = 8,
        lease: Lease | None = None,
        outbox: Outbox | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._outbox = outbox
        self._db, self._ledger, self._refused = db, ledger, refused
        self._run_id, self._full, self._in_flight, self._clock = run_id, full, in_flight, clock
        self._lease = lease
        self.awaited = Awaited(self.undelivered)

    def deliver(
        self,
        entity: Entity,
        tables: Iterable[pa.Table],
        resource: Saved | None,
        sources: Mapping[int | None, int],
        *,
        inactive: bool = False,
        closed: str | None = None,
        progress: Callable[[int], None] = lambda records: None,
    ) -> Delivery:
        """Delivers tables of schema `RECORDS`, in batches, so that memory does not grow with their number; only
        categories are gathered, to go level by level.

        `sources` gives `id_data_source` by store id, the parent's under None; `resource` is None only where nothing can
        be sent: `inactive` says that an earlier 401 forbids any call; `closed` that this entity takes no record now,
        and why. Then everything that would be sent waits. Raises `StateError` when outcomes cannot be noted.
        """
        with self._db.begin():  # raises where nothing can be noted: then nothing is sent either
            pass
        result = Delivery(inactive=inactive, failed=self.awaited.begin(entity))
        run = _EntityRun(self, entity, resource, result, closed)
        for turn in in_turns(entity, tables, run.undelivered):
            run.send(_Part(chunk) for chunk in in_requests(entity, run.to_send(turn, sources, progress)))
            while run.parts:
                parts, run.parts = run.parts, []
                run.send(iter(parts))
        return run.result

    def note(self, entity: Entity, accepted: list[Record], refusals: list[Refusal]) -> None:
        """One transaction per chunk: what is not written here was not delivered, nor will its events be triggered."""
        at = int(self._clock())
        with self._db.begin() as connection:
            self._ledger.note(
                connection, entity.name, [_delivered(record) for record in accepted], run_id=self._run_id, at=at
            )
            if self._outbox is not None and entity is ORDERS:
                self._outbox.add(connection, accepted, run_id=self._run_id, at=at)
            self._refused.forget(
                connection, entity.name, [record.external_id for record in accepted if record.refused_before]
            )
            if refusals:
                self._refused.note(connection, entity.name, refusals, run_id=self._run_id, at=at)

    def forget(self, entity: Entity, records: list[Record]) -> None:
        """Records that are refused no longer, because a rule leaves them out or they are as they were delivered."""
        if records:
            with self._db.begin() as connection:
                self._refused.forget(connection, entity.name, [record.external_id for record in records])

    def verdicts(
        self, table: pa.Table, entity: Entity, sources: Mapping[int | None, int]
    ) -> Iterator[tuple[Verdict, Record]]:
        return compare(table, entity.name, sources=sources, ledger=self._ledger, refused=self._refused, full=self._full)

    def reasons(self, entity: Entity, records: list[Record]) -> dict[str, tuple[str | None, str]]:
        """Why the records were refused before."""
        return self._refused.reasons(entity.name, [record.external_id for record in records]) if records else {}

    def undelivered(self, entity: Entity, external_ids: list[str]) -> set[str]:
        """Those of the records that ShopiMind never accepted, without those that are refused."""
        accepted = self._ledger.delivered_ids(entity.name, external_ids)
        return set(external_ids) - accepted - self._refused.lookup(entity.name, external_ids).keys()

    def customers_sent(self, external_ids: list[str]) -> set[str]:
        """Those of the customers who were delivered in this run."""
        return self._ledger.delivered_by(self._run_id, CUSTOMERS.name, external_ids) if external_ids else set()

    def check_lease(self) -> None:
        """Raises `LeaseLost` when another run may be delivering the same records."""
        if self._lease is not None and self._lease.lost:
            raise LeaseLost(
                "Another run took this shop over while this one was not heard of (a suspended machine, say). "
                "What was delivered is in the ledger; the other run delivers the rest."
            )

    @property
    def in_flight(self) -> int:
        return self._in_flight


@dataclass(slots=True)
class _Part:
    """What goes into one request. `rest` is the other part of a request that was refused: it waits for this one."""

    records: list[Record]
    rest: list[Record] = field(default_factory=list)


class _EntityRun:
    """One entity on its way: chunks out, outcomes in."""

    def __init__(
        self, deliverer: Deliverer, entity: Entity, resource: Saved | None, result: Delivery, closed: str | None
    ) -> None:
        self.deliverer, self.entity, self.resource = deliverer, entity, resource
        self.result, self.closed = result, closed
        self.parts: list[_Part] = []  # of requests that were refused, to be sent next
        self._created: set[str] = set()  # ids in flight that ShopiMind has not had before

    def to_send(
        self, tables: Iterable[pa.Table], sources: Mapping[int | None, int], progress: Callable[[int], None]
    ) -> Iterator[Record]:
        """Records to send; everything else is counted on the way."""
        for table in tables:
            yield from self._to_send(self.deliverer.verdicts(table, self.entity, sources))
            progress(table.num_rows)

    def send(self, parts: Iterator[_Part]) -> None:
        """Sends the parts and settles each as its answer comes. After a 401 the rest waits, unsent."""
        if self.result.inactive or self.closed or self.resource is None:
            for part in parts:
                self.fail([*part.records, *part.rest], INACTIVE if self.result.inactive else str(self.closed))
            return
        under_way: dict[int, _Part] = {}

        def encoded() -> Iterator[list[bytes]]:
            for index, part in enumerate(parts):
                self.deliverer.check_lease()
                under_way[index] = part
                yield [record.tagged() for record in part.records]

        for index, envelope in save_chunks(self.resource, encoded(), in_flight=self.deliverer.in_flight):
            self._settle(under_way.pop(index), envelope)
        for part in (*under_way.values(), *parts):
            self.fail([*part.records, *part.rest], INACTIVE)

    def undelivered(self, external_ids: list[str]) -> set[str]:
        """`Deliverer.undelivered`; none where nothing is sent at all, which has its own reason."""
        if self.result.inactive or self.closed or self.resource is None:
            return set()
        return self.deliverer.undelivered(self.entity, external_ids)

    def fail(self, chunk: list[Record], reason: str) -> None:
        for record in chunk:
            self._created.discard(record.external_id)
            self.result.fail(record, reason)

    def _to_send(self, verdicts: Iterator[tuple[Verdict, Record]]) -> Iterator[Record]:
        again: list[Record] = []
        refused: list[Record] = []
        settled: list[Record] = []
        for verdict, record in verdicts:
            counts = self.result.counts[record.store_id]
            counts.read += 1
            counts.add_amount(record.amount, record.currency)
            if verdict in (Verdict.NEW, Verdict.CHANGED):
                if verdict is Verdict.NEW:
                    self._created.add(record.external_id)
                yield record
            elif verdict is Verdict.NO_SOURCE:
                self.result.fail(record, NO_SOURCE)
            elif verdict is Verdict.NOT_READ:
                self.result.fail(record, record.reason or "?")
            elif verdict is Verdict.REFUSED:
                refused.append(record)
            elif verdict is Verdict.REFUSED_BEFORE:
                again.append(record)
            else:
                if verdict is Verdict.SKIPPED:
                    counts.skipped[record.reason or "?"] += 1
                else:
                    counts.unchanged += 1
                if record.refused_before:
                    settled.append(record)
        self._count_refused(refused, again, settled)

    def _count_refused(self, refused: list[Record], again: list[Record], settled: list[Record]) -> None:
        self.deliverer.forget(self.entity, settled)
        if refused:
            refusals = [_refusal(record, record.field, record.reason or "?", "connector") for record in refused]
            self.deliverer.note(self.entity, [], refusals)
        for record in refused:
            self.result.counts[record.store_id].refuse(record.field, record.reason or "?")
        reasons = self.deliverer.reasons(self.entity, again)
        for record in again:
            self.result.counts[record.store_id].refuse(*reasons.get(record.external_id, (None, "refused before")))

    def _settle(self, part: _Part, envelope: Envelope) -> None:
        if envelope.status_code == 401:
            self.result.inactive = True
            self.fail([*part.records, *part.rest], INACTIVE)
        elif len(part.records) > 1 and _smaller_may_tell(envelope):
            self._halve(part.records)
            self._send_next(part.rest)
        elif envelope.ok and not rejections(envelope):
            self._note(part.records, {})
            self._halve(part.rest)  # one of these spoilt the request: asking for all of them again would tell nothing
        else:
            self._settle_told(part.records, envelope)
            self._send_next(part.rest)

    def _halve(self, records: list[Record]) -> None:
        """The two halves of records that were refused together; the second follows when the first has been told."""
        if len(records) > 1:
            middle = len(records) // 2
            self.parts.append(_Part(records[:middle], records[middle:]))
        else:
            self._send_next(records)

    def _send_next(self, records: list[Record]) -> None:
        if records:
            self.parts.append(_Part(records))

    def _settle_told(self, chunk: list[Record], envelope: Envelope) -> None:
        """An answer that says of each record what became of it."""
        if envelope.ok:
            # an accepted envelope names each rejected record by its place (connector.shopimind.bulk.accounted_for)
            named = rejections(envelope)
            self._note(chunk, {rejection.index: rejection for rejection in named if rejection.index is not None})
        elif envelope.status_code in _WHOLE_REQUEST_REFUSED:
            self._note(chunk, {0: whole_rejection(envelope)})  # of a request with one record
        else:
            code = envelope.error.code if envelope.error else "?"
            what = f"HTTP {envelope.status_code}" if envelope.status_code else code
            log.warning(
                "%s: %d record(s) not delivered (%s: %s); the next run tries them again",
                self.entity.name,
                len(chunk),
                what,
                _spoken(envelope.business_message, chunk),
            )
            self.fail(chunk, f"ShopiMind: {what}")

    def _note(self, chunk: list[Record], answered: Mapping[int, Rejection]) -> None:
        in_doubt = self._in_doubt(chunk, answered)
        rejected = {index: rejection for index, rejection in answered.items() if index not in in_doubt}
        accepted = [record for index, record in enumerate(chunk) if index not in answered]
        refusals = [
            _refusal(chunk[index], rejection.field, rejection.reason, "shopimind")
            for index, rejection in rejected.items()
        ]
        self.deliverer.note(self.entity, accepted, refusals)
        for record in accepted:
            counts = self.result.counts[record.store_id]
            counts.sent += 1
            if record.external_id in self._created:
                counts.created += 1
                self._created.discard(record.external_id)
        for index, rejection in rejected.items():
            self._created.discard(chunk[index].external_id)
            self.result.counts[chunk[index].store_id].refuse(rejection.field, _spoken(rejection.reason, [chunk[index]]))
        for index, reason in in_doubt.items():
            self.fail([chunk[index]], reason)

    def _in_doubt(self, chunk: list[Record], rejected: Mapping[int, Rejection]) -> dict[int, str]:
        """Rejected records that the next run may find taken, and what they wait for."""
        early = dict.fromkeys(self._too_early(chunk, rejected), CUSTOMER_NOT_VISIBLE)
        others = (index for index in rejected if index not in early)
        awaited = self.deliverer.awaited
        return early | {index: AWAITS_ANOTHER for index in others if awaited.by(self.entity, chunk[index].payload)}

    def _too_early(self, chunk: list[Record], rejected: Mapping[int, Rejection]) -> set[int]:
        """Custom data rejected for a customer whom this run sent: ShopiMind stores later than it accepts."""
        if self.entity.definition is None:
            return set()
        doubtful = {
            index: customer_of(chunk[index].payload)
            for index, rejection in rejected.items()
            if _OF_THE_CUSTOMER.search(f"{rejection.field} {rejection.reason}")
        }
        sent = self.deliverer.customers_sent([each for each in doubtful.values() if each is not None])
        return {index for index, external_id in doubtful.items() if external_id in sent}


def _smaller_may_tell(envelope: Envelope) -> bool:
    """Whether half the records, and half again, will show which of them ShopiMind does not take."""
    unidentified = envelope.error is not None and envelope.error.code == UNIDENTIFIED
    return unidentified or envelope.status_code in _WHOLE_REQUEST_REFUSED


def _spoken(reason: str, records: Iterable[Record]) -> str:
    """What an API said of these records, fit for logs and tables: it may quote whose data it was sent."""
    payloads = [record.payload for record in records]
    return masked(without_long_numbers(without_persons(reason, payloads), payloads))


def _delivered(record: Record) -> Delivered:
    assert record.digest is not None
    assert record.source is not None
    return Delivered(
        record.external_id,
        record.digest,
        record.source,
        record.store_id,
        record.day,
        record.amount,
        record.currency,
    )


def _refusal(record: Record, field_name: str | None, reason: str, by: By) -> Refusal:
    return Refusal(
        record.external_id,
        record.refused_as(),
        record.source,
        record.store_id,
        record.day,
        field_name,
        _spoken(reason, [record]) if by == "shopimind" else masked(without_persons(reason, [record.payload])),
        record.payload or "null",
        by,
    )
