"""Makes what has to exist in ShopiMind before records can go there: data sources and custom data definitions.

The steps that `planning.py` finds are taken one by one; where a call's outcome is in doubt the list is read again first
(`settling.py`), so that neither a lost answer nor another run at the same time leads to a second source or definition.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope, InstallationInactive, ShopiMindError
from connector.shopimind.planning import (
    DefinitionAction,
    DefinitionSpec,
    Row,
    SourceAction,
    WantedSource,
    definition_id,
    definition_status,
    plan_definition,
    plan_sources,
    source_id,
)
from connector.shopimind.settling import Result, settle

__all__ = [
    "DefinitionOutcome",
    "DefinitionSpec",
    "SourceOutcome",
    "WantedSource",
    "ensure_definition",
    "ensure_sources",
    "read_definitions",
    "read_sources",
]

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class SourceOutcome:
    """What became of a wanted source. `id_data_source` may be known although a change of it failed."""

    wanted: WantedSource
    id_data_source: int | None
    outcome: Result
    reason: str | None = None
    duplicates: tuple[int, ...] = ()


def read_sources(client: ShopiMind) -> list[Row]:
    """All data sources: one call, unless the API says that there are more. Raises `ShopiMindError`."""
    return [row for row in client.data_sources.list_all() if isinstance(row, dict)]


def _made(envelope: Envelope, name: str) -> Row:
    """What a creation or change answered with, wherever in the body it is; empty when it does not tell."""
    payload = envelope.unwrap(name)
    if isinstance(payload, dict) and isinstance(payload.get("data"), dict):
        payload = payload["data"]
    if isinstance(payload, list) and len(payload) == 1:
        payload = payload[0]
    return payload if isinstance(payload, dict) else {}


def _with_made(rows: list[Row], made: Mapping[int, Row], number_of: Callable[[Row], int | None]) -> list[Row]:
    """The rows, and those that this run made although the API, which stores later, does not list them yet."""
    listed = {number_of(row) for row in rows}
    return rows + [row for number, row in made.items() if number not in listed]


class _SourceMaking:
    """The steps towards one wanted source, over rows that all of them share."""

    def __init__(
        self, client: ShopiMind, rows: list[Row], made: dict[int, Row], wanted: Sequence[WantedSource], place: int
    ) -> None:
        self.client, self.rows, self.made, self.wanted, self.place = client, rows, made, wanted, place
        self.name = f"data source {wanted[place].label!r}"
        self.labels_taken: set[str] = set()

    def plan(self) -> SourceAction:
        return plan_sources(self.rows, self.wanted, self.labels_taken)[self.place]

    def perform(self, step: SourceAction) -> Envelope:
        if step.id_data_source is None:
            return self.client.data_sources.create(step.body)
        return self.client.data_sources.update(step.id_data_source, step.body)

    def note(self, step: SourceAction, envelope: Envelope) -> bool:
        number = step.id_data_source or source_id(_made(envelope, self.name))
        if number is None:
            return False
        before: Row = next((row for row in self.rows if source_id(row) == number), {})
        self.rows[:] = [row for row in self.rows if source_id(row) != number]
        self.rows.append({**before, **step.body, "id_data_source": number})
        if step.create:
            self.made[number] = self.rows[-1]
        return True

    def read(self) -> None:
        self.rows[:] = _with_made(read_sources(self.client), self.made, source_id)

    def other_way(self, step: SourceAction) -> bool:
        """A label may be taken by something that the list does not show, or that the API compares more loosely."""
        want = step.wanted
        if step.body.get("label") != want.label or want.label_if_taken == want.label:
            return False
        self.labels_taken.add(want.label)
        return True


def ensure_sources(client: ShopiMind, wanted: Sequence[WantedSource]) -> list[SourceOutcome]:
    """Finds or makes the wanted sources, the parent first: one call to look, one for each that needs something.

    A failure is an outcome, not an exception; without its parent no child is made. Raises `InstallationInactive`.
    """
    try:
        rows = read_sources(client)
    except InstallationInactive:
        raise
    except ShopiMindError as error:
        return [SourceOutcome(want, None, "failed", str(error)) for want in wanted]
    made: dict[int, Row] = {}
    outcomes: dict[int, SourceOutcome] = {}
    for place in sorted(range(len(wanted)), key=lambda place: not wanted[place].parent):
        outcomes[place] = _ensure_source(_SourceMaking(client, rows, made, wanted, place))
    return [outcomes[place] for place in range(len(wanted))]


def _ensure_source(making: _SourceMaking) -> SourceOutcome:
    step = making.plan()
    if not step.wanted.parent and step.needed and _parent_missing(making):
        reason = f"{making.name}: its parent source could not be made, and nothing is made without it"
        return SourceOutcome(step.wanted, step.id_data_source, "failed", reason, step.duplicates)
    settled = settle(making)
    step = making.plan()
    if step.duplicates:
        others = ", ".join(map(str, step.duplicates))
        log.warning("%s exists more than once: %s is used, %s left alone", making.name, step.id_data_source, others)
    return SourceOutcome(step.wanted, step.id_data_source, settled.result, settled.reason, step.duplicates)


def _parent_missing(making: _SourceMaking) -> bool:
    actions = plan_sources(making.rows, making.wanted)
    return any(action.wanted.parent and action.id_data_source is None for action in actions)


# --- custom data definitions ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DefinitionOutcome:
    """What became of a definition; only an `active` one takes records. `conflicts` as in `DefinitionAction`."""

    id: int | None
    status: str | None
    outcome: Result
    reason: str | None = None
    conflicts: tuple[str, ...] = ()


def read_definitions(client: ShopiMind) -> list[Row]:
    """All definitions, deleted ones included: one call per hundred. Raises `ShopiMindError`."""
    return [row for row in client.custom_data_definitions.list_all() if isinstance(row, dict)]


class _DefinitionMaking:
    """The steps towards one definition: create, activate, extend."""

    def __init__(self, client: ShopiMind, rows: list[Row], spec: DefinitionSpec) -> None:
        self.definitions = client.custom_data_definitions
        self.client, self.rows, self.spec = client, rows, spec
        self.made: dict[int, Row] = {}
        self.name = f"custom data definition {spec.name!r}"

    def plan(self) -> DefinitionAction:
        return plan_definition(self.rows, self.spec)

    def perform(self, step: DefinitionAction) -> Envelope:
        if step.create or step.id is None:
            return self.definitions.create(self.spec.body())
        if not step.activate:
            return self.definitions.extend(step.id, step.additions)
        envelope = self.definitions.activate(step.id)
        # 409: active already
        return Envelope(True, 409, envelope.data, None) if envelope.status_code == 409 else envelope

    def note(self, step: DefinitionAction, envelope: Envelope) -> bool:
        made = _made(envelope, self.name)
        number = definition_id(made) if step.create else step.id
        if number is None:
            return False
        before: Row = next((row for row in self.rows if definition_id(row) == number), {})
        if step.create:
            before = {**self.spec.body(), "status": definition_status(made) or "creating"}
        elif step.activate:
            before = {**before, "status": "active"}
        else:
            added = {name: [*before.get(name, []), *more] for name, more in step.additions.items()}
            before = {**before, **added}
        self.rows[:] = [row for row in self.rows if definition_id(row) != number]
        self.rows.append({**before, "id_definition": number})
        if step.create or number in self.made:
            self.made[number] = self.rows[-1]
        return True

    def read(self) -> None:
        self.rows[:] = _with_made(read_definitions(self.client), self.made, definition_id)

    def other_way(self, step: DefinitionAction) -> bool:
        return False


def ensure_definition(client: ShopiMind, spec: DefinitionSpec) -> DefinitionOutcome:
    """Finds or makes the definition: one call per hundred to look, then those that `plan_definition` counts.

    A failure is an outcome, not an exception. Raises `InstallationInactive`.
    """
    try:
        making = _DefinitionMaking(client, read_definitions(client), spec)
    except InstallationInactive:
        raise
    except ShopiMindError as error:
        return DefinitionOutcome(None, None, "failed", str(error))
    settled = settle(making)
    now = making.plan()
    if now.reason:
        return DefinitionOutcome(now.id, now.status, "failed", now.reason)
    return DefinitionOutcome(now.id, now.status, settled.result, settled.reason, now.conflicts)
