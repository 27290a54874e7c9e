"""What the sandbox's ShopiMind holds: per shop its records, sources and definitions, kept in one SQLite file."""

from __future__ import annotations

import time
from collections import Counter, defaultdict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import orjson

from connector.sandbox.crm_disk import Row, WriteBehind, compact
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.shopimind_rules import ItemRules

SEPARATOR = "\x1f"  # between an id and its language in the key of a translated record

Doc = dict[str, Any]
Status = Literal["active", "revoked"]


@dataclass
class Integration:
    """Where the integration takes webhooks, what they are signed with, and the installations made so far, by shop."""

    url: str = ""
    secret: str = ""
    tokens: dict[str, str] = field(default_factory=dict)
    configs: dict[str, Doc] = field(default_factory=dict)


@dataclass
class Installation:
    """One access token and the shop it opens. Any status but "active" answers 401."""

    token: str
    shop: str
    status: Status = "active"


@dataclass
class Table:
    """The records of one kind. `accepted` is what was taken, `visible` what lists already show, both by key."""

    accepted: dict[str, Row] = field(default_factory=dict)
    visible: dict[str, Row] = field(default_factory=dict)
    _keys: list[str] | None = field(default_factory=list)

    def show(self, key: str, row: Row | None) -> None:
        if row is None:
            if self.visible.pop(key, None) is not None:
                self._keys = None
        else:
            if self._keys is not None and key not in self.visible:
                self._keys.append(key)
            self.visible[key] = row

    def keys(self) -> list[str]:
        """The visible keys, oldest first."""
        if self._keys is None:
            self._keys = list(self.visible)
        return self._keys


@dataclass
class Refusal:
    """One refused item, for the page and for tests."""

    at: str
    entity: str
    item: Any
    errors: list[str]


class ShopData:
    """Everything of one shop. Changed by the server's thread only; others may read items, records and contents."""

    def __init__(self, name: str, crm: CrmState) -> None:
        self.name, self.crm = name, crm
        self.tables: defaultdict[str, Table] = defaultdict(Table)
        self.docs: defaultdict[str, dict[str, Doc]] = defaultdict(dict)  # kind -> key -> document
        self.refused: deque[Refusal] = deque(maxlen=200)
        self.refused_count = 0
        self._waiting: deque[tuple[float, Table, str, Row | None]] = deque()

    # Sources, definitions, events, contacts: small documents that are visible at once.

    @property
    def sources(self) -> dict[int, Doc]:
        return {doc["id_data_source"]: doc for doc in self.docs["data_sources"].values()}

    @property
    def definitions(self) -> dict[int, Doc]:
        return {doc["id_definition"]: doc for doc in self.docs["definitions"].values()}

    def keep(self, kind: str, key: object, doc: Doc) -> Doc:
        """Stores a document and gives it back."""
        self.docs[kind][str(key)] = doc
        self.crm.disk.put(self.name, kind, [(str(key), (None, compact(doc)))])
        return doc

    def drop(self, kind: str, key: object) -> bool:
        """Forgets a document; False when there was none."""
        known = self.docs[kind].pop(str(key), None) is not None
        self.crm.disk.put(self.name, kind, [(str(key), None)])
        return known

    def contact_of(self, key: str, **details: Any) -> int:
        """The contact behind a customer (`customer:<id>`) or an address (`email:<address>`), made when it is new."""
        doc = self.docs["contacts"].get(key)
        if doc is None:
            doc = self.keep("contacts", key, {"id_contact": self.crm.next_id("contacts"), "key": key, **details})
        return int(doc["id_contact"])

    # Records: visible after a delay.

    def save(self, kind: str, rows: list[tuple[str, Row | None]]) -> None:
        """Takes new values (None deletes), to be seen by lists after the switch's delay."""
        table, due = self.tables[kind], time.monotonic() + self.crm.switches.visibility_delay
        for key, row in rows:
            if row is None:
                table.accepted.pop(key, None)
            else:
                table.accepted[key] = row
            self._waiting.append((due, table, key, row))
        self.crm.disk.put(self.name, kind, rows)
        self.settle()

    def settle(self) -> None:
        """Lets lists see every write whose delay is over."""
        now = time.monotonic()
        while self._waiting and self._waiting[0][0] <= now:
            _, table, key, row = self._waiting.popleft()
            table.show(key, row)

    def keys_of(self, kind: str, external_id: object) -> list[str]:
        """The keys of one id, in every language."""
        first = str(external_id)
        accepted = self.tables[kind].accepted
        return [key for key in accepted if key == first or key.startswith(first + SEPARATOR)]

    def items(self, kind: str) -> list[Doc]:
        """Every accepted record of a kind, visible or not."""
        return [orjson.loads(body) for _, body in list(self.tables[kind].accepted.values())]

    def records(self, definition_name: str) -> list[Doc]:
        """The custom data records of the definition with this name that is not deleted."""
        found = [d for d in self.definitions.values() if d["name"] == definition_name and d["status"] != "deleted"]
        return self.items(records_kind(found[0]["id_definition"])) if found else []

    def refuse(self, entity: str, item: Any, errors: list[str]) -> None:
        self.refused_count += 1
        self.refused.append(Refusal(now_text(), entity, item, errors))

    def contents(self) -> Doc:
        """Counts per entity and per source (of accepted records), sources, definitions, events, refusals."""
        entities = {}
        for kind, table in sorted(self.tables.items()):
            by_source = Counter(source for source, _ in list(table.accepted.values()))
            entities[kind] = {
                "count": len(table.accepted),
                "by_source": {"none" if source is None else str(source): n for source, n in by_source.items()},
            }
        return {
            "shop": self.name,
            "entities": entities,
            "sources": list(self.sources.values()),
            "definitions": list(self.definitions.values()),
            "events": [{**e, "triggered": len(self.docs[f"triggers:{k}"])} for k, e in self.docs["events"].items()],
            "refused": self.refused_count,
        }


def records_kind(id_definition: int) -> str:
    """The table that holds the records of a definition."""
    return f"records:{id_definition}"


def now_text() -> str:
    """This instant as the API writes it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class CrmState:
    """One running sandbox CRM: installations, their shops, switches, and what its clients did wrong."""

    def __init__(
        self, installations: Iterable[Installation], path: Path | None = None, switches: CrmSwitches | None = None
    ) -> None:
        self.installations: dict[str, Installation] = {}
        self.integration = Integration()
        self.shops: dict[str, ShopData] = {}
        self.complaints: list[str] = []  # client mistakes no server should forgive, such as a `label_source`
        self.disk = WriteBehind(path)
        self._last_ids: Counter[str] = Counter()
        self.switch_to(switches or CrmSwitches())
        self._load()
        for each in installations:
            self.install(each)

    def switch_to(self, switches: CrmSwitches) -> None:
        """Answers every open question anew, from the next request on."""
        self.rules, self.switches = ItemRules(switches), switches

    def switch(self, **changes: Any) -> None:
        """Changes some switches. Raises `ValueError` for an unknown one."""
        self.switch_to(self.switches.changed(changes))

    def install(self, installation: Installation) -> None:
        """Adds an installation; its shop starts with the default source every shop has."""
        self.installations[installation.token] = installation
        data = self.shop(installation.shop)
        if not data.docs["data_sources"]:
            self.add_source(data, "Web", "web", is_default=True)

    def find(self, token: str) -> Installation | None:
        """The installation that a token opens, whatever its status."""
        if self.switches.token_case == "ignored":
            return next((i for t, i in self.installations.items() if t.lower() == token.lower()), None)
        return self.installations.get(token)

    def set_status(self, shop: str, status: Status) -> None:
        """Revokes or restores every token of a shop."""
        for each in self.installations.values():
            if each.shop == shop:
                each.status = status

    def shop(self, name: str) -> ShopData:
        """The data of a shop, made when it is new."""
        if name not in self.shops:
            self.shops[name] = ShopData(name, self)
        return self.shops[name]

    def next_id(self, kind: str) -> int:
        """A fresh number, unique over all shops, as in one real database."""
        self._last_ids[kind] += 1
        return self._last_ids[kind]

    def add_source(
        self,
        data: ShopData,
        label: str,
        kind: str | None,
        *,
        is_default: bool = False,
        config: str | None = None,
        parent_id: int | None = None,
    ) -> Doc:
        """A new data source of a shop, active."""
        number, now = self.next_id("data_sources"), now_text()
        doc = {
            "id_data_source": number,
            "id_shop": list(self.shops).index(data.name) + 1,
            "label": label,
            "type": kind,
            "is_default": is_default,
            "config": config,
            "active": True,
            "parent_id": parent_id,
            "created_at": now,
            "updated_at": now,
        }
        return data.keep("data_sources", number, doc)

    def _load(self) -> None:
        id_names = {"data_sources": "id_data_source", "definitions": "id_definition", "contacts": "id_contact"}
        id_names |= {"events": "id_event", "lists": "id_shop_list"}
        for shop, kind, key, (source, body) in self.disk.load():
            data = self.shop(shop)
            if kind in id_names or kind.startswith("triggers:") or kind == "config":
                doc = orjson.loads(body)
                data.docs[kind][key] = doc
                if kind.startswith("triggers:"):
                    self._last_ids["triggers"] = max(self._last_ids["triggers"], doc["id"])
                elif kind in id_names:
                    self._last_ids[kind] = max(self._last_ids[kind], doc[id_names[kind]])
            else:
                data.tables[kind].accepted[key] = (source, body)
                data.tables[kind].show(key, (source, body))
                if kind.startswith("records:"):
                    self._last_ids["records"] = max(self._last_ids["records"], orjson.loads(body)["id"])
