"""The till's lists in a reconciliation: what was read of them, what became of it, and what of it should be delivered."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery import entities
from connector.delivery.agreement import WANTED
from connector.delivery.entities import Entity
from connector.mapping.identifiers import misc_product_id
from connector.mapping.records import REFUSED, SEND, SKIPPED
from connector.mapping.reference import map_order_status
from connector.pos.rows import CUSTOMERS, conformed
from connector.reading_customers import current_customers
from connector.recording import record_customers, record_profiles
from connector.shop_run import ShopRun
from connector.state.lake import LakeMissing


@dataclass
class Lists:
    """The till's lists as they were last read, and the records that they make."""

    run: ShopRun
    _made: dict[Entity, pa.Table | None] = field(default_factory=dict)

    def wanted(self, entity: Entity, noted: pa.Table) -> pa.Table:
        """`WANTED` of an entity: its records; where nothing was read that makes any, those of the ledger."""
        records = self._records(entity)
        if records is None:
            return _all_wanted(noted["external_id"])
        sent = pc.and_not(pc.equal(records["outcome"], SEND), self._refused(entity, records))
        return _all_wanted(records.filter(sent)["external_id"])

    def read(self, entity: Entity) -> dict[str, Any] | None:
        """The rows of the till's list, and what became of them; None where there is no such list.

        `built` is the miscellaneous product, which is sent beside the rows that were read: 0 or 1.
        """
        rows = self._rows(entity)
        if rows is None:
            return None
        records = self._records(entity)
        if records is None:  # the list was read, and nothing was made of it yet
            return {"records": rows, "skipped": {}, "refused": 0, "built": 0}
        is_skipped = pc.equal(records["outcome"], SKIPPED)
        reasons = records.filter(is_skipped)["reason"].value_counts().to_pylist()
        misc = str(misc_product_id(self.run.shop.identifiers)) if entity is entities.PRODUCTS else None
        return {
            "records": rows,
            "skipped": {each["values"]: each["counts"] for each in reasons},
            "refused": _number(pc.and_not(self._refused(entity, records), is_skipped)),
            "built": _number(pc.equal(records["external_id"], pa.scalar(misc, pa.string()))),
        }

    def _records(self, entity: Entity) -> pa.Table | None:
        """Its records, but for those that count only once and are not owed (of a product that vanished)."""
        if entity not in self._made:
            try:
                tables = [table.select(["external_id", "outcome", "reason", "once"]) for table in self._made_of(entity)]
            except LakeMissing:
                self._made[entity] = None
            else:
                records = pa.concat_tables(tables)
                self._made[entity] = records.filter(pc.invert(records["once"]))
        return self._made[entity]

    def _made_of(self, entity: Entity) -> Iterable[pa.Table]:
        """As its last run made them; of customers anew: a run of pushed sales makes only those whom these name."""
        if entity is entities.ORDER_STATUSES:
            return [map_order_status(self.run.ctx)]
        if entity is entities.CUSTOMERS:
            return record_customers(self.run, self._customers())
        if entity is entities.POS_PROFILES:
            return record_profiles(self.run, self._customers())
        return self._lake(entity.snapshot)

    def _refused(self, entity: Entity, records: pa.Table) -> pa.ChunkedArray:
        """Which records are: as rows, or by ShopiMind."""
        refused = pa.array(self.run.refused.ids(entity.name), pa.string())
        return pc.or_(pc.equal(records["outcome"], REFUSED), pc.is_in(records["external_id"], value_set=refused))

    def _rows(self, entity: Entity) -> int | None:
        """How many the list has; of customers with the new ones, whom it does not have yet."""
        try:
            if entity is entities.CUSTOMERS:
                return sum(int(table.num_rows) for table in self._customers())
            if entity is entities.PRODUCTS:
                return sum(_number(table["listed"]) for table in self._lake("pos_products"))
        except LakeMissing:
            pass
        return None

    def _customers(self) -> Iterator[pa.Table]:
        listed, new = self._lake("pos_customers"), self._lake("pos_new_customers")
        return current_customers(map(_as_today, listed), map(_as_today, new))

    def _lake(self, name: str) -> Iterator[pa.Table]:
        return self.run.state.lake.read(self.run.shop.key, name)


def _as_today(customers: pa.Table) -> pa.Table:
    """With today's columns. Raises `LakeMissing` where an earlier version wrote others."""
    table = conformed(customers, CUSTOMERS)
    if table is None:
        raise LakeMissing("The till's customers were not read by this version yet.")
    return table


def _all_wanted(ids: pa.ChunkedArray) -> pa.Table:
    columns = {"external_id": ids, "wanted": pa.array([True] * len(ids), pa.bool_())}
    return pa.table([columns.get(c.name, pa.nulls(len(ids), c.type)) for c in WANTED], schema=WANTED)


def _number(flags: pa.ChunkedArray) -> int:
    return pc.sum(flags).as_py() or 0
