"""Which records a run sent again although ShopiMind had answered for them, and whether it could not know that.

A run that was stopped could not note the answers to the requests that it had in flight. Their records, by name, may be
sent once more, and no others. What it noted is read from the ledger, what was answered from the sandbox's journal.
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import tempfile
from collections import Counter
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connector.state.database import FILE_NAME

IN_FLIGHT = 8  # requests at once, all of one entity
_SAVES = {  # by the path's second part: the entity, and the field with its external id
    "customers": ("customers", "customer_id"),
    "orders": ("orders", "order_id"),
    "products": ("products", "product_id"),
    "products-categories": ("categories", "category_id"),
    "products-manufacturers": ("manufacturers", "manufacturer_id"),
    "orders-statuses": ("order_statuses", "status_id"),
    "custom-data-records": ("pos_profiles", "contact_id"),
}
_NOTED = "SELECT entity, external_id, run_id FROM ledger UNION ALL SELECT entity, external_id, run_id FROM refused"

Name = tuple[str, str]  # of a record: its entity and external id


@dataclass(frozen=True)
class Resent:
    """What a run sent again, and what it left for the next one to send again."""

    again: set[Name]  # sent although their very payload was answered for before
    forgotten: set[Name]  # those of them that went with a lost database, which is no stopped run's doing
    without_cause: set[Name]  # those of them that a run had noted, or that were sent again twice
    unnoted: dict[str, int]  # by entity: requests of this run that were answered and of which records are not noted


class Answered:
    """What ShopiMind has answered for so far, and which of it the ledger does not know."""

    def __init__(self, home: Path) -> None:
        self._home = home
        self._payloads: dict[Name, bytes] = {}  # the last one of each record that was answered for
        self._noted: set[tuple[str, str, str]] = set()  # entity, external id, and the run that noted it
        self._unnoted: set[Name] = set()
        self._forgotten: set[Name] = set()  # those of them whose note went with a lost database

    def take(self, requests: Iterable[dict[str, Any]], *, whole: bool, lost: bool) -> Resent:
        """The requests of a run that has ended: `whole` if it got through everything, `lost` if its database was."""
        again, without_cause, answered = set(), set(), []
        for kind, entry in _saves(requests):
            records = [(_name(kind, item), _mark(item)) for item in entry["body"]]
            repeated = {name for name, mark in records if self._payloads.get(name) == mark}
            again |= repeated
            without_cause |= repeated - self._unnoted
            if entry["status"] == 200 and entry["fault"] in (None, "drip"):  # where it hung, the client had gone
                self._payloads.update(records)
                answered.append({name for name, _ in records})
                self._unnoted -= answered[-1]  # once more is once
        before, self._noted = self._noted, _noted_in(self._home)
        noted = _names(self._noted - before)
        forgotten = _names(before) - _names(self._noted) if lost else set()
        left = [names - noted for names in answered if names - noted]
        resent = Resent(again, again & self._forgotten, without_cause, Counter(next(iter(names))[0] for names in left))
        self._unnoted = (set() if whole else self._unnoted - noted).union(forgotten, *left)
        self._forgotten = (self._forgotten & self._unnoted).union(forgotten, *(left if lost else ()))
        return resent


def _saves(requests: Iterable[dict[str, Any]]) -> Iterable[tuple[str, dict[str, Any]]]:
    for entry in requests:
        kind = entry["path"].split("/")[2]
        if isinstance(entry["body"], list) and entry["body"] and kind in _SAVES:
            yield kind, entry


def _name(kind: str, item: dict[str, Any]) -> Name:
    entity, field = _SAVES[kind]
    value = item[field]
    return entity, str(value["value"] if isinstance(value, dict) else value)


def _mark(item: dict[str, Any]) -> bytes:
    return hashlib.blake2b(json.dumps(item, sort_keys=True).encode(), digest_size=12).digest()


def _names(rows: Iterable[tuple[str, str, str]]) -> set[Name]:
    return {(entity, external_id) for entity, external_id, _ in rows}


def _noted_in(home: Path) -> set[tuple[str, str, str]]:
    """What the database says, read from a copy: the next run is to find it as a killed one left it."""
    with tempfile.TemporaryDirectory() as folder:
        for end in ("", "-wal"):
            if (file := home / f"{FILE_NAME}{end}").exists():
                shutil.copy(file, folder)
        with closing(sqlite3.connect(Path(folder) / FILE_NAME)) as copy:
            if not copy.execute("SELECT 1 FROM sqlite_master WHERE name = 'refused'").fetchone():
                return set()  # deleted, or not made yet
            return set(copy.execute(_NOTED))
