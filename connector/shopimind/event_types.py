"""Makes the event types that a shop wants where ShopiMind lacks them, and compares those that are there; changes none.

The nesting of `properties` is not published, so what cannot be read of an existing event type is not held against it.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope, InstallationInactive, ShopiMindError, whole
from connector.shopimind.settling import settle

log = logging.getLogger(__name__)

Row = Mapping[str, Any]  # an event type as the API lists it

_SLOT = "metaData"  # where our properties are
_ALIKE = ({"number", "decimal"}, {"text", "longtext"})  # types that take each other's values, as far as we send them


@dataclass(frozen=True)
class EventTypeSpec:
    """An event type that has to exist. `properties` are what is declared in the slot `metaData`."""

    code_name: str
    name: str
    properties: tuple[Mapping[str, Any], ...]

    def body(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "code_name": self.code_name,
            "properties": {_SLOT: [dict(each) for each in self.properties]},
        }


@dataclass(frozen=True)
class EventTypeOutcome:
    """What became of an event type.

    `closed` says why no trigger of it would be taken as it is; `differences` is all in which it is not what is wanted.
    """

    id: int | None = None
    made: bool = False
    closed: str | None = None
    differences: tuple[str, ...] = ()


def read_event_types(client: ShopiMind) -> list[Row]:
    """All event types: one call per hundred. Raises `ShopiMindError`."""
    return [row for row in client.events.list_all() if isinstance(row, dict)]


def ensure_event_types(client: ShopiMind, specs: Iterable[EventTypeSpec]) -> dict[str, EventTypeOutcome]:
    """Finds or makes the event types, by code name: one call per hundred to look, one for each that is made.

    A failure is an outcome, not an exception. Raises `InstallationInactive`.
    """
    specs = list(specs)
    try:
        rows = read_event_types(client)
    except InstallationInactive:
        raise
    except ShopiMindError as error:
        return {spec.code_name: EventTypeOutcome(closed=str(error)) for spec in specs}
    return {spec.code_name: _ensure(_Making(client, rows, spec)) for spec in specs}


def compare_event_type(row: Row, spec: EventTypeSpec) -> EventTypeOutcome:
    """How an event type that exists stands to the wanted one."""
    number = whole(row.get("id_event")) or whole(row.get("id"))
    slots = _slots(row)
    if slots is None:
        return EventTypeOutcome(number)
    hindrances = list(_hindrances(slots, spec))
    differences = [*hindrances, *_harmless(row, slots, spec)]
    closed = None
    if hindrances:
        told = "; ".join(hindrances)
        closed = f"event {spec.code_name}: its declaration in ShopiMind does not take what is sent ({told})"
    return EventTypeOutcome(number, False, closed, tuple(differences))


def find_event_type(rows: Iterable[Row], code_name: str) -> Row | None:
    return next((row for row in rows if row.get("code_name") == code_name), None)


def _ensure(making: _Making) -> EventTypeOutcome:
    settled = settle(making)
    row = find_event_type(making.rows, making.spec.code_name)
    if row is None:  # it exists, as ShopiMind says, but is not listed
        return EventTypeOutcome(closed=settled.reason if settled.result in ("failed", "refused") else None)
    found = compare_event_type(row, making.spec)
    if found.differences:
        log.warning(
            "event %s exists in ShopiMind, but is not as shops.yaml has it; it is left as it is: %s",
            making.spec.code_name,
            "; ".join(found.differences),
        )
    return EventTypeOutcome(found.id, settled.result == "sent", found.closed, found.differences)


@dataclass(frozen=True)
class _Step:
    needed: bool
    create: bool = True


class _Making:
    """The one step towards an event type: to create it where it is not listed."""

    def __init__(self, client: ShopiMind, rows: list[Row], spec: EventTypeSpec) -> None:
        self.client, self.rows, self.spec = client, rows, spec
        self.name = f"event {spec.code_name}"
        self.taken = False  # ShopiMind says that it exists, whether it lists it or not

    def plan(self) -> _Step:
        return _Step(find_event_type(self.rows, self.spec.code_name) is None and not self.taken)

    def perform(self, step: _Step) -> Envelope:
        envelope = self.client.events.create(self.spec.body())
        self.taken = envelope.status_code == 409
        return envelope

    def note(self, step: _Step, envelope: Envelope) -> bool:
        made = envelope.unwrap(self.name)
        told = made if isinstance(made, dict) else {}
        number = whole(told.get("id_event")) or whole(told.get("id"))
        self.rows.append({**self.spec.body(), "id_event": number})
        return True

    def read(self) -> None:
        self.rows[:] = read_event_types(self.client)

    def other_way(self, step: _Step) -> bool:
        return False


def _hindrances(slots: Mapping[str, list[Row]], spec: EventTypeSpec) -> Iterator[str]:
    declared = {str(each.get("name")): each for each in slots.get(_SLOT, [])}
    for wanted in spec.properties:
        name = wanted["name"]
        if name not in declared:
            yield f"it lacks the property {name}"
        elif not _takes(declared[name].get("type"), wanted["type"]):
            yield f"its property {name} is of type {declared[name].get('type')}, not {wanted['type']}"
        elif declared[name].get("required") is True and not wanted["required"]:
            yield f"it requires the property {name}, which not every sale has"
    sent = {wanted["name"] for wanted in spec.properties}
    for slot, properties in slots.items():
        for each in properties:
            if each.get("required") is True and not (slot == _SLOT and each.get("name") in sent):
                yield f"it requires the property {each.get('name')} ({slot}), which is not sent"


def _harmless(row: Row, slots: Mapping[str, list[Row]], spec: EventTypeSpec) -> Iterator[str]:
    name = row.get("name")
    names = name.values() if isinstance(name, dict) else [name]
    if name is not None and spec.name not in names:
        yield "its name is another one"
    wanted = {each["name"] for each in spec.properties}
    for slot, properties in slots.items():
        for each in properties:
            if each.get("required") is not True and not (slot == _SLOT and each.get("name") in wanted):
                yield f"it has the property {each.get('name')} ({slot}), which is not sent"


def _takes(declared: Any, sent: str) -> bool:
    return declared == sent or any({declared, sent} <= alike for alike in _ALIKE if isinstance(declared, str))


def _slots(row: Row) -> dict[str, list[Row]] | None:
    """The declared properties by slot; None when they cannot be read."""
    declared = row.get("properties")
    if isinstance(declared, str):
        try:
            declared = orjson.loads(declared)
        except ValueError:
            return None
    if declared is None and "properties" in row:
        return {}
    if not isinstance(declared, dict):
        return None
    if any(value is not None and not isinstance(value, list) for value in declared.values()):
        return None
    return {slot: [each for each in value or [] if isinstance(each, dict)] for slot, value in declared.items()}
