"""Telling ShopiMind of sales: each event of the outbox triggered once, or settled for the reason why it is not.

A trigger is not idempotent: it may start a campaign. So a row is marked before its call, the calls go one by one, and what
ends without a clear answer is not repeated, unless the event is declared `at_least_once`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable

import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection

from connector.delivery import entities
from connector.delivery.counts import INACTIVE, Counts
from connector.delivery.masking import without_persons
from connector.delivery.outbox import Drop, State, Waiting, external_id
from connector.delivery.provisioned import remember_event_type
from connector.delivery.refused import Refusal
from connector.delivery.trigger_answers import Answer, answer_of
from connector.mapping.identifiers import text_id
from connector.mapping.records import digest_bytes
from connector.mapping.sale_events import event_properties
from connector.shop_run import ShopRun
from connector.shopimind.envelope import InstallationInactive, masked, whole_rejection
from connector.shopimind.event_types import EventTypeOutcome, EventTypeSpec, ensure_event_types
from connector.shopimind.transport import encode

log = logging.getLogger(__name__)

REFUSED_BEFORE = "refused before"
NOT_VISIBLE = "ShopiMind does not know its contact yet, who was sent in this run"
_IN_A_ROW = 3  # unclear answers after which the rest waits: what is in doubt is lost, what waits is not


def event_specs(run: ShopRun) -> list[EventTypeSpec]:
    """The event types that the shop wants in ShopiMind."""
    return [
        EventTypeSpec(event.code_name, event.name, tuple(event_properties(event)))
        for event in run.outbox.events.values()
    ]


def consenting_customers(run: ShopRun, rows: Iterable[Waiting], customers: Iterable[pa.Table]) -> set[int]:
    """Those of the rows' customers who consent, as the till's list had it last; nobody is asked for in vain.

    `customers` are pages of `connector.pos.rows.CUSTOMERS`; of a customer who comes twice the later row counts.
    """
    asking = {event.code_name for event in run.outbox.events.values() if event.consent}
    wanted = {row.customer_id for row in rows if row.event in asking}
    consents: dict[int, bool] = {}
    if wanted:
        ids = pa.array(sorted(wanted), pa.int64())
        for page in customers:
            found = page.filter(pc.is_in(page["customer_id"], value_set=ids))
            consents.update(zip(found["customer_id"].to_pylist(), found["consents"].to_pylist(), strict=True))
    return {customer_id for customer_id, consented in consents.items() if consented is True}


def trigger_events(run: ShopRun, customers: Iterable[pa.Table]) -> Counts:
    """Triggers what waits, and accounts for every row that was not settled before this run.

    A backfill triggers nothing: what waits is left to the shop's next sync.
    """
    if run.backfill:
        return Counts()
    rows = run.outbox.open(int(run.clock()))
    triggering = _Triggering(run, _declared(run), consenting_customers(run, rows, customers))
    for number, row in enumerate(rows, 1):
        triggering.take(row)
        run.progress(entities.EVENTS, number, len(rows))
    return triggering.counts


def _declared(run: ShopRun) -> dict[str, EventTypeOutcome]:
    if run.inactive:
        return {}
    try:
        outcomes = ensure_event_types(run.crm, event_specs(run))
    except InstallationInactive:
        run.stop_inactive()
        return {}
    for code_name, outcome in outcomes.items():
        remember_event_type(run.state.db, run.shop.key, code_name, outcome.id, outcome.differences, int(run.clock()))
    return outcomes


class _Triggering:
    """The rows of one run, one after another."""

    def __init__(self, run: ShopRun, declared: dict[str, EventTypeOutcome], consenting: Collection[int]) -> None:
        self.run, self.declared, self.consenting = run, declared, consenting
        self.counts = Counts()
        self.paused: str | None = None  # why the rest waits for the next run
        self._unclear_in_a_row = 0

    def take(self, row: Waiting) -> None:
        """Gives the row its one outcome in this run."""
        self.counts.read += 1
        drop = self.run.outbox.why_not(row, self.run.clock(), self.consenting)
        if drop is not None:
            self._settle(row, State.UNCLEAR if drop is Drop.UNCLEAR else State.DROPPED, drop.value)
            self.counts.skipped[drop.value] += 1
        elif row.state is State.REFUSED:
            self.counts.refuse(None, row.reason or REFUSED_BEFORE)
        elif (waits := self._why_wait(row)) is not None:
            self.counts.fail(waits)
        else:
            self._trigger(row)

    def _why_wait(self, row: Waiting) -> str | None:
        if self.run.inactive:
            return INACTIVE
        return self.declared[row.event].closed or self.paused

    def _trigger(self, row: Waiting) -> None:
        self.run.deliverer.check_lease()
        payload = self.run.outbox.claim(row, run_id=self.run.run_id, at=int(self.run.clock()))
        if payload is None:  # it is settled by now
            self.counts.unchanged += 1
            return
        envelope = self.run.crm.events.trigger(row.event, payload)
        answer = answer_of(envelope)
        self._unclear_in_a_row = self._unclear_in_a_row + 1 if answer is Answer.UNCLEAR else 0
        if answer is Answer.TAKEN:
            self._settle(row, State.SENT, None)
            self.counts.sent += 1
            self.counts.created += 1
            return
        what = (
            f"HTTP {envelope.status_code}" if envelope.status_code else (envelope.error and envelope.error.code) or "?"
        )
        said = masked(without_persons(envelope.business_message, [encode(payload).decode()]))
        if answer is Answer.REFUSED:
            self._refuse(row, payload, whole_rejection(envelope).field, said)
        elif answer is Answer.NOT_TAKEN:
            self._settle(row, State.WAITING, what)
            if envelope.status_code == 401:
                self.run.stop_inactive()
            self.paused = f"ShopiMind: {what}"
            self.counts.fail(INACTIVE if self.run.inactive else self.paused)
        else:
            self._leave_unclear(row, what)

    def _leave_unclear(self, row: Waiting, what: str) -> None:
        """Its answer does not tell whether it was triggered."""
        if self.run.outbox.events[row.event].at_least_once:
            self._settle(row, State.SENDING, what)
            self.counts.fail(f"ShopiMind: {what}")
        else:
            log.warning("event %s of sale %s may have been triggered (%s); it is not repeated", *_names(row), what)
            self._settle(row, State.UNCLEAR, what)
            self.counts.skipped[Drop.UNCLEAR.value] += 1
        if self._unclear_in_a_row >= _IN_A_ROW:
            self.paused = f"ShopiMind: {what}, {_IN_A_ROW} times in a row"

    def _refuse(self, row: Waiting, payload: dict[str, object], field: str | None, said: str) -> None:
        if self._is_too_early(row, field, said):
            self._settle(row, State.WAITING, said)
            self.counts.fail(NOT_VISIBLE)
            return
        text = encode(payload).decode()
        refusal = Refusal(
            external_id(row), digest_bytes(text.encode()), None, None, None, field, said, text, "shopimind"
        )
        at = int(self.run.clock())
        with self.run.state.db.begin() as connection:
            self._write(connection, row, State.REFUSED, f"{field or '?'}: {said}", at)
            self.run.refused.note(connection, entities.EVENTS, [refusal], run_id=self.run.run_id, at=at)
        self.counts.refuse(field, said)

    def _is_too_early(self, row: Waiting, field: str | None, said: str) -> bool:
        """Refused for a contact whom this run sent: ShopiMind stores later than it accepts."""
        if "contact" not in f"{field} {said}".lower():
            return False
        name = text_id(self.run.shop.identifiers, "customer_id", row.customer_id)
        return bool(self.run.deliverer.customers_sent([name]))

    def _settle(self, row: Waiting, state: State, reason: str | None) -> None:
        with self.run.state.db.begin() as connection:
            self._write(connection, row, state, reason, int(self.run.clock()))
            if state in (State.SENT, State.UNCLEAR, State.DROPPED):  # after a replay its refusal is still listed
                self.run.refused.forget(connection, entities.EVENTS, [external_id(row)])

    def _write(self, connection: Connection, row: Waiting, state: State, reason: str | None, at: int) -> None:
        self.run.outbox.settle(connection, row, state, reason, run_id=self.run.run_id, at=at)


def _names(row: Waiting) -> tuple[str, int]:
    return row.event, row.sale_id
