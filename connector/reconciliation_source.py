"""The source's side of a reconciliation: the till's own totals, what was read of it, and what should be delivered."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery import entities
from connector.delivery.agreement import WANTED
from connector.delivery.entities import ORDERS, Entity
from connector.mapping.facts import SaleKind
from connector.mapping.identifiers import misc_product_id, number_of, text_ids
from connector.mapping.outcomes import Skip
from connector.mapping.records import REFUSED, SEND, SKIPPED
from connector.mapping.reference import map_order_status
from connector.reconciliation_lines import money
from connector.shop_run import ShopRun
from connector.state.lake import LakeMissing

Place = tuple[int | None, str | None]  # a store and a closing day

_SENT, _REFUSED = "sent", "refused"  # what became of a sale; else the reason for which it was skipped
_OTHER_RULE = "other"  # the sale's customer, or its lines: which of the two is not kept


@dataclass
class TillTotals:
    """What the till says of itself."""

    days: dict[tuple[int, str], tuple[int | None, int | None]] = field(default_factory=dict)  # sales, cents
    months: set[tuple[int, str]] = field(default_factory=set)  # store and YYYY-MM: those that it told
    rows: dict[str, int | None] = field(default_factory=dict)  # of its lists, by entity

    def of(self, store_id: int | None, day: str) -> tuple[int | None, int | None] | None:
        """Sales and cents of a day, none where its month has no row for it; None when the till did not tell."""
        if store_id is None or (store_id, day[:7]) not in self.months:
            return None
        return self.days.get((store_id, day), (0, 0))


@dataclass
class DayRead:
    """What was read of one store and day, and what became of it."""

    records: int = 0
    cents: int = 0
    unreadable: int = 0  # sales whose total is no amount
    skipped: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    refused: int = 0

    def against(self, sales: int | None, cents: int | None) -> dict[str, Any]:
        """The till's own totals, and whether they are what was read; a number that cannot be read is not compared."""
        same = sales in (None, self.records) and (cents is None or bool(self.unreadable) or cents == self.cents)
        return {"records": sales, "amount": money(cents), "agrees": same}

    def as_json(self) -> dict[str, Any]:
        counts = {"skipped": dict(self.skipped), "refused": self.refused}
        return {"records": self.records, "amount": money(self.cents), **counts}


def sales_with_reasons(run: ShopRun) -> pa.Table:
    """Every closed sale that was read, with the id of its order (`external_id`) and what became of it (`reason`)."""
    sales, rules = run.sales_read.all(), run.shop.rules
    ids = text_ids(run.shop.identifiers, sales["sale_id"])
    refused = run.refused.ids(ORDERS.name)
    of_bad_numbers = pa.array([number for name in refused if (number := number_of(name)) is not None], pa.int64())
    conditions = {
        _REFUSED: pc.or_(
            pc.is_in(ids, value_set=pa.array(refused, pa.string())),
            pc.is_in(sales["sale_id"], value_set=of_bad_numbers),
        ),
        _SENT: sales["sent"],
        Skip.ANONYMOUS.value: _both(pc.equal(sales["customer_id"], 0), rules.anonymous_sales == "skip"),
        Skip.WEB_ORDER.value: _both(pc.equal(sales["kind"], SaleKind.WEB_ORDER.value), rules.web_orders == "skip"),
        Skip.RETURN.value: _both(pc.equal(sales["kind"], SaleKind.RETURN.value), rules.returns == "skip"),
    }
    reasons = pc.case_when(pc.make_struct(*conditions.values()), *map(pa.scalar, conditions), pa.scalar(_OTHER_RULE))
    return sales.append_column("external_id", ids).append_column("reason", reasons)


def _both(column: pa.ChunkedArray, flag: bool) -> pa.ChunkedArray:
    return pc.and_(column, pa.scalar(flag))


def sales_by_day(run: ShopRun, sales: pa.Table) -> dict[Place, DayRead]:
    """Every sale counted once: to be sent, skipped for a reason, or refused. Of any day: sales without an id are added."""
    found: dict[Place, DayRead] = defaultdict(DayRead)
    grouped = sales.group_by(["store_id", "day", "reason"])
    for row in grouped.aggregate([([], "count_all"), ("cents", "sum"), ("cents", "count")]).to_pylist():
        read, number = found[row["store_id"], row["day"]], row["count_all"]
        read.records += number
        read.cents += row["cents_sum"] or 0
        read.unreadable += number - row["cents_count"]
        if row["reason"] == _REFUSED:
            read.refused += number
        elif row["reason"] != _SENT:
            read.skipped[row["reason"]] += number
    for external_id, place in run.refused.places(ORDERS.name).items():
        if external_id.startswith("?") and number_of(external_id) is None:  # without any id it is kept nowhere else
            read = found[place]
            read.records, read.refused, read.unreadable = read.records + 1, read.refused + 1, read.unreadable + 1
    return dict(found)


def wanted_orders(sales: pa.Table, sources: Mapping[int | None, int]) -> pa.Table:
    """`WANTED` of the sales: an order is wanted if the sale is to be sent, under the source of its store."""
    stores = [store_id for store_id in sources if store_id is not None]
    place = pc.index_in(sales["store_id"], value_set=pa.array(stores, pa.int64()))
    source = pc.take(pa.array([sources[store_id] for store_id in stores], pa.int64()), place)
    wanted = pc.equal(sales["reason"], _SENT)
    others = [sales[name] for name in ("store_id", "day", "cents", "currency")]
    return pa.table([sales["external_id"], wanted, source, *others], schema=WANTED)


def wanted_records(run: ShopRun, entity: Entity, noted: pa.Table) -> pa.Table:
    """`WANTED` of an entity without days: the records of its last run; where none is kept, those of the ledger."""
    names = ["external_id", "outcome", "once"]
    try:
        tables = [map_order_status(run.ctx)] if entity is entities.ORDER_STATUSES else _snapshot(run, entity.snapshot)
    except LakeMissing:
        return _all_wanted(noted["external_id"])
    records = pa.concat_tables([table.select(names) for table in tables])
    # a record that counts only once (a product that vanished) is not owed
    ids = records.filter(pc.and_not(pc.equal(records["outcome"], SEND), records["once"]))["external_id"]
    refused = pa.array(run.refused.ids(entity.name), pa.string())
    return _all_wanted(ids.filter(pc.invert(pc.is_in(ids, value_set=refused))))


def _all_wanted(ids: pa.ChunkedArray) -> pa.Table:
    columns = {"external_id": ids, "wanted": pa.array([True] * len(ids), pa.bool_())}
    return pa.table([columns.get(c.name, pa.nulls(len(ids), c.type)) for c in WANTED], schema=WANTED)


def list_read(run: ShopRun, entity: Entity) -> dict[str, Any] | None:
    """The rows of the till's list when it was last read, and what became of them; None where there is no such list.

    `built` is the miscellaneous product, which is sent beside the rows that were read: 0 or 1.
    """
    rows = _rows_read(run, entity)
    if rows is None:
        return None
    try:
        tables = [table.select(["external_id", "outcome", "reason"]) for table in _snapshot(run, entity.snapshot)]
    except LakeMissing:  # it was read, and nothing was made of it yet
        return {"records": rows, "skipped": {}, "refused": 0, "built": 0}
    records = pa.concat_tables(tables)
    skipped = records.filter(pc.equal(records["outcome"], SKIPPED))["reason"].value_counts().to_pylist()
    refused = pc.or_(
        pc.equal(records["outcome"], REFUSED),
        pc.is_in(records["external_id"], value_set=pa.array(run.refused.ids(entity.name), pa.string())),
    )
    misc = str(misc_product_id(run.shop.identifiers)) if entity is entities.PRODUCTS else None
    return {
        "records": rows,
        "skipped": {each["values"]: each["counts"] for each in skipped},
        "refused": pc.sum(refused).as_py() or 0,
        "built": pc.sum(pc.equal(records["external_id"], pa.scalar(misc, pa.string()))).as_py() or 0,
    }


def _rows_read(run: ShopRun, entity: Entity) -> int | None:
    """New customers, whom no list had yet, included."""
    if entity is entities.PRODUCTS:
        return _rows(run, "pos_products", lambda table: table.filter(table["listed"]))
    if entity is not entities.CUSTOMERS:
        return None
    try:
        listed = pa.concat_tables(_snapshot(run, "pos_customers"))["customer_id"]
    except LakeMissing:
        return None
    return len(listed) + (_rows(run, "pos_new_customers", lambda table: _not_in(table, listed)) or 0)


def _not_in(new: pa.Table, listed: pa.ChunkedArray) -> pa.Table:
    return new.filter(pc.invert(pc.is_in(new["customer_id"], value_set=listed)))


def _rows(run: ShopRun, name: str, chosen: Callable[[pa.Table], pa.Table] = lambda table: table) -> int | None:
    try:
        return sum(int(chosen(table).num_rows) for table in _snapshot(run, name))
    except LakeMissing:
        return None


def _snapshot(run: ShopRun, name: str) -> list[pa.Table]:
    return list(run.state.lake.read(run.shop.key, name))
