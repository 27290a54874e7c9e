"""The source's side of a reconciliation: the till's own totals, and its sales: read, and to be delivered as orders."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.agreement import WANTED
from connector.delivery.entities import ORDERS
from connector.mapping.facts import SaleKind
from connector.mapping.identifiers import number_of, text_ids
from connector.mapping.outcomes import Skip
from connector.reconciliation_lines import money
from connector.shop_run import ShopRun

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
