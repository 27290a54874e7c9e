"""What ShopiMind lacks before records can go there: a pure comparison of what it lists with what has to exist."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import orjson

from connector.shopimind.envelope import whole
from connector.shopimind.resources import PAGE

Row = Mapping[str, Any]  # as the API lists it

IDENTITY = ("connector", "pos", "account", "store_id")  # the keys of a source's config that say whose it is


# --- data sources --------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class WantedSource:
    """A source that has to exist. `key` goes into its `config`; by it the source is found again, whatever its label.

    `label_if_taken` is used while somebody else's source has `label`. The one with `parent` is that of all others.
    """

    key: Mapping[str, str]
    label: str
    label_if_taken: str
    parent: bool


@dataclass(frozen=True)
class SourceAction:
    """What one wanted source needs. `body` is what to send; a child's lacks its `parent_id` until the parent is made.

    `duplicates` are the ids of other sources with the same key: the lowest id is used, these are left alone.
    """

    wanted: WantedSource
    kind: Literal["unchanged", "create", "update"]
    id_data_source: int | None = None
    body: Mapping[str, Any] = field(default_factory=dict)
    duplicates: tuple[int, ...] = ()

    @property
    def needed(self) -> bool:
        return self.kind != "unchanged"

    @property
    def create(self) -> bool:
        return self.kind == "create"

    @property
    def calls(self) -> int:
        return 1 if self.needed else 0


def plan_sources(
    existing: Iterable[Row], wanted: Sequence[WantedSource], labels_taken: Iterable[str] = ()
) -> list[SourceAction]:
    """What each wanted source needs, in the order of `wanted`, given the rows that the API lists.

    A source is found by its key, else by its trimmed label among those of type `api` whose config names nobody.
    `labels_taken` are labels that are not free although no row shows it. Raises `ValueError` unless exactly one of the
    wanted ones is the parent.
    """
    if sum(want.parent for want in wanted) != 1:
        raise ValueError("exactly one of the wanted sources has to be the parent")
    rows = sorted((row for row in existing if source_id(row) is not None), key=lambda row: source_id(row) or 0)
    found = _match(rows, wanted)
    parent_id = next(source_id(found[n][0]) if found[n] else None for n, want in enumerate(wanted) if want.parent)
    owners: dict[str, set[Any]] = {}
    for row in rows:
        owners.setdefault(_folded(row.get("label")), set()).add(source_id(row))
    for label in labels_taken:
        owners.setdefault(_folded(label), set()).add("somebody")
    actions: dict[int, SourceAction] = {}
    for place in sorted(range(len(wanted)), key=lambda place: not wanted[place].parent):
        actions[place] = _plan_source(wanted[place], found[place], owners, parent_id)
    return [actions[place] for place in range(len(wanted))]


def _plan_source(
    want: WantedSource, rows: Sequence[Row], owners: dict[str, set[Any]], parent_id: int | None
) -> SourceAction:
    own = source_id(rows[0]) if rows else None
    label = want.label_if_taken if owners.get(_folded(want.label), set()) - {own} else want.label
    body: dict[str, Any] = {}
    if not rows:
        body = {"label": label, "type": "api", "config": _config_text(want)}
        if parent_id is not None and not want.parent:
            body["parent_id"] = parent_id
        owners.setdefault(_folded(label), set()).add(_config_text(want))
        return SourceAction(want, "create", None, body)
    row = rows[0]
    if str(row.get("label", "")).strip() != label:
        body["label"] = label
        owners[_folded(row.get("label"))].discard(own)
        owners.setdefault(_folded(label), set()).add(own)
    if not is_active(row):
        body["active"] = True
    if _identity(row) != dict(want.key):
        body["config"] = _config_text(want)
    if not want.parent and (parent_id is None or whole(row.get("parent_id")) != parent_id):
        body["parent_id"] = parent_id
    duplicates = tuple(number for each in rows[1:] if (number := source_id(each)) is not None)
    return SourceAction(want, "update" if body else "unchanged", own, body, duplicates)


def _match(rows: Sequence[Row], wanted: Sequence[WantedSource]) -> list[list[Row]]:
    """For each wanted source the rows that are it, the one to use first."""
    known: dict[frozenset[tuple[str, str]], list[Row]] = {}
    adoptable: dict[str, list[Row]] = {}
    for row in rows:
        identity = _identity(row)
        if identity is not None:
            known.setdefault(frozenset(identity.items()), []).append(row)
        elif row.get("type") == "api":
            adoptable.setdefault(str(row.get("label", "")).strip(), []).append(row)
    found = [known.get(frozenset(want.key.items()), []) for want in wanted]
    for place, want in enumerate(wanted):
        if not found[place] and adoptable.get(want.label.strip()):
            found[place] = [adoptable[want.label.strip()].pop(0)]
    return found


def _identity(row: Row) -> dict[str, str] | None:
    """Whose source this is by its config; None when that names nobody (empty, or nothing that can be read)."""
    config = row.get("config")
    if isinstance(config, str | bytes):
        try:
            config = orjson.loads(config)
        except ValueError:
            return None
    if not isinstance(config, dict) or not config:
        return None
    return {name: str(config[name]).strip() for name in IDENTITY if config.get(name) is not None}


def source_id(row: Row) -> int | None:
    number = whole(row.get("id_data_source"))
    return number if number is not None else whole(row.get("id"))


def is_active(row: Row) -> bool:
    return row.get("active") not in (False, 0, "0", "false")


def _config_text(want: WantedSource) -> str:
    return orjson.dumps(dict(want.key)).decode()


def _folded(name: Any) -> str:
    """A name as the API compares it: case and spaces around it do not count."""
    return str(name or "").strip().casefold()


# --- custom data definitions ---------------------------------------------------------------------------------------


@dataclass(frozen=True)
class DefinitionSpec:
    """A custom data definition that has to exist; fields and relationships as the API takes them."""

    name: str
    description: str
    unique_keys: Sequence[str]
    fields: Sequence[Mapping[str, Any]]
    relationships: Sequence[Mapping[str, Any]] = ()

    def body(self) -> dict[str, Any]:
        return {
            "name": self.name.strip(),
            "description": self.description,
            "unique_keys": list(self.unique_keys),
            "fields": list(self.fields),
            "relationships": list(self.relationships),
        }


@dataclass(frozen=True)
class DefinitionAction:
    """What a definition needs: creation, activation, the `additions`; or why nothing can be done (`reason`).

    `conflicts` are sentences about fields that are there with another type: nothing can change that, and ShopiMind judges
    each record.
    """

    id: int | None
    status: str | None
    create: bool = False
    activate: bool = False
    additions: Mapping[str, Any] = field(default_factory=dict)
    reason: str | None = None
    conflicts: tuple[str, ...] = ()

    @property
    def needed(self) -> bool:
        return self.create or self.activate or bool(self.additions)

    @property
    def calls(self) -> int:
        return self.create + self.activate + bool(self.additions)


_PREFERENCE = {"active": 0, "inactive": 1, "editing": 2, "creating": 2}


def plan_definition(existing: Iterable[Row], spec: DefinitionSpec) -> DefinitionAction:
    """What the definition needs, given the rows that the API lists.

    Found by name; a deleted homonym does not count. Of several the active one is used, then an inactive one, then one
    in the making, then the lowest id. An inactive one is the merchant's choice and stays as it is.
    """
    found = min(
        (
            row
            for row in existing
            if _plain(row.get("name")) == _plain(spec.name) and definition_status(row) in _PREFERENCE
        ),
        key=lambda row: (_PREFERENCE[definition_status(row)], definition_id(row) or 0),
        default=None,
    )
    if found is None:
        return DefinitionAction(None, None, create=True, activate=True)
    number, status = definition_id(found), definition_status(found)
    if status == "inactive":
        reason = f"the definition {spec.name!r} is inactive: activate it in ShopiMind to receive its records"
        return DefinitionAction(number, status, reason=reason)
    return DefinitionAction(
        number,
        status,
        activate=status != "active",
        additions=_additions(found, spec),
        conflicts=tuple(_conflicts(found, spec)),
    )


def _conflicts(found: Row, spec: DefinitionSpec) -> Iterator[str]:
    listed = found.get("fields")
    fields = [each for each in listed if isinstance(each, dict)] if isinstance(listed, list) else []
    there = {_folded(each.get("name")): each.get("type") for each in fields}
    for each in spec.fields:
        kind = there.get(_folded(each["name"]))
        if kind is not None and kind != each["type"]:
            yield (
                f"the definition {spec.name!r} has its field {each['name']!r} as {kind} in ShopiMind, not as {each['type']}: "
                "records that do not fit are refused; give the field another name to have it as declared"
            )


def _additions(found: Row, spec: DefinitionSpec) -> dict[str, Any]:
    """What is missing. A list that the API leaves out says nothing about what is there."""
    additions: dict[str, Any] = {}
    fields, relations = found.get("fields"), found.get("relationships")
    if isinstance(fields, list):
        there = {_folded(each.get("name")) for each in fields if isinstance(each, dict)}
        additions["fields"] = [each for each in spec.fields if _folded(each["name"]) not in there]
    if isinstance(relations, list):
        sources = [each.get("sourceField") or each.get("source_field") for each in relations if isinstance(each, dict)]
        there = {_folded(name) for name in sources}
        additions["relationships"] = [each for each in spec.relationships if _folded(each["sourceField"]) not in there]
    return {name: missing for name, missing in additions.items() if missing}


def definition_id(row: Row) -> int | None:
    number = whole(row.get("id_definition"))
    return number if number is not None else whole(row.get("id"))


def definition_status(row: Row) -> str:
    return str(row.get("status") or "").strip().lower()


def _plain(name: Any) -> str:
    """A definition's name as the API compares it: without case, accents and spaces around it."""
    apart = unicodedata.normalize("NFKD", _folded(name))
    return "".join(sign for sign in apart if not unicodedata.combining(sign))


def calls_needed(
    sources: Sequence[SourceAction], definition: DefinitionAction | None = None, definitions_listed: int = 0
) -> int:
    """The calls of `ensure_sources` and, if it is planned, of `ensure_definition` when all goes well.

    `definitions_listed` is how many definitions the API lists: they are read a hundred at a time.
    """
    calls = 1 + sum(action.calls for action in sources)
    if definition is not None:
        calls += max(1, -(-definitions_listed // PAGE)) + definition.calls
    return calls
