"""What a person sees on a materialization: counts by outcome and store, amounts, a small chart. Never a customer's data."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from decimal import Decimal
from itertools import groupby
from typing import Any

import dagster as dg
import pyarrow as pa

from connector.delivery.counts import Counts
from connector.delivery.ledger import DayHeld
from connector.due_days import day_range
from connector.mapping.context import ShopContext, StoreInfo
from connector.reading_sales import amount_of

Metadata = dict[str, Any]

_BARS = "▁▂▃▄▅▆▇█"
_REASONS = 20  # of a kind, at most


def store_name(store: StoreInfo) -> str:
    """How a store is called wherever a person reads of it."""
    return f"{store.name} ({store.store_id})"


def of_delivery(counts: Mapping[str, Counts]) -> Metadata:
    """Of a delivery without days; `counts` by entity."""
    total = _total(counts.values())
    return {
        "read": total.read,
        "sent": total.sent,
        "unchanged": total.unchanged,
        "skipped": total.skipped.total(),
        "refused": total.refused,
        "waiting": total.failed,
        **_reasons(total),
    }


def of_delivery_of_days(counts: Mapping[str, Counts], days: int) -> Metadata:
    """Of a delivery of so many days as a whole; `counts` by store. A day's own figures are those of `of_day_delivered`."""
    outcomes = outcome_table(counts, "store")
    return {
        "this run" if days == 1 else f"this run, all of its {days} days": outcomes,
        **_reasons(_total(counts.values())),
    }


def outcome_table(counts: Mapping[str, Counts], heading: str) -> dg.MarkdownMetadataValue:
    """One row per key of `counts`, and their sum when there are several."""
    rows = dict(counts)
    if len(rows) > 1:
        rows["all"] = _total(counts.values())
    return _table(
        [heading, "read", "skipped", "unchanged", "sent", "refused", "waiting"],
        [[name, c.read, c.skipped.total(), c.unchanged, c.sent, c.refused, c.failed] for name, c in rows.items()],
    )


def of_day_read(ctx: ShopContext, sales: pa.Table) -> Metadata:
    """Of one day's `SALES`: how many and how much per store, and at what time of the day."""
    amounts: dict[str, Decimal] = defaultdict(Decimal)
    per_store: dict[int | None, Counts] = {store.store_id: Counts() for store in ctx.stores}
    columns = (sales[name].to_pylist() for name in ("store_id", "total", "currency"))
    for store_id, total, currency in zip(*columns, strict=True):
        counts = per_store.setdefault(store_id, Counts())
        counts.read += 1
        amount = amount_of(total)
        counts.add_amount(amount, currency)
        amounts[currency or "?"] += amount or 0
    names: dict[int | None, str] = {store.store_id: store_name(store) for store in ctx.stores}
    rows = [[names.get(key, f"unknown ({key})"), c.read, _money(c.amounts)] for key, c in per_store.items()]
    hours = Counter(str(text)[11:13] for text in sales["closed_at"].to_pylist())
    return {
        "sales": sales.num_rows,
        **{f"amount in {currency}": float(amount) for currency, amount in sorted(amounts.items())},
        "by store": _table(["store", "sales", "amount"], rows),
        **_hours({int(hour): number for hour, number in hours.items() if hour.isdigit() and int(hour) < 24}),
    }


def of_day_recorded(records: pa.Table) -> Metadata:
    """Of one day's `RECORDS` of orders."""
    return of_outcomes(Counter(records["outcome"].to_pylist()))


def of_outcomes(outcomes: Mapping[str, int]) -> Metadata:
    """How many records are to be sent, and how many are not."""
    words = {"send": "to send", "skipped": "skipped by a rule", "refused": "refused"}
    return {word: outcomes.get(outcome, 0) for outcome, word in words.items()}


def of_run(ctx: ShopContext, lines: Iterable[Mapping[str, Any]], order: Sequence[str]) -> Metadata:
    """Of a whole run, from the lines of `connector.state.run_log`: by entity, in that order, and by store where it has several."""
    names = {store.store_id: store_name(store) for store in ctx.stores}
    lines = sorted(lines, key=lambda line: order.index(line["entity"]))
    counts = {
        f"{line['entity']}, {names.get(line['store_id'], '?')}" if line["store_id"] else line["entity"]: _noted(
            line["counts"]
        )
        for line in lines
    }
    return {"outcomes": outcome_table(counts, "entity"), **_reasons(_total(counts.values()))} if counts else {}


def of_days_delivered(ctx: ShopContext, held: Iterable[DayHeld]) -> Iterator[tuple[str, Metadata]]:
    """Per day what the ledger has of it: what ShopiMind holds. `held` comes by day, and only one is kept at a time."""
    names = {store.store_id: store_name(store) for store in ctx.stores}
    for day, of_day in groupby(held, key=lambda each: each.day):
        stores = {name: Counts() for name in names.values()}
        for each in of_day:
            counts = stores.setdefault(names.get(each.store_id, f"unknown ({each.store_id})"), Counts())
            counts.read += each.records
            counts.add_amount(Decimal(each.cents) / 100, each.currency)
        yield day, _of_day_delivered(stores)


def _of_day_delivered(stores: Mapping[str, Counts]) -> Metadata:
    whole = _total(stores.values())
    return {
        "orders in ShopiMind": whole.read,
        **{f"amount in {currency or '?'}": float(amount) for currency, amount in sorted(whole.amounts.items())},
        "in ShopiMind, by store": _table(
            ["store", "orders", "amount"], [[name, c.read, _money(c.amounts)] for name, c in stores.items()]
        ),
    }


def sales_chart(ctx: ShopContext, totals: pa.Table) -> dg.MarkdownMetadataValue:
    """A line per store of how many sales each day had, from `connector.state.sales_read.TOTALS`."""
    sales: dict[int, Counter[str]] = {store.store_id: Counter() for store in ctx.stores}
    for total in totals.to_pylist():
        sales.setdefault(total["store_id"], Counter())[total["day"]] += total["sales"]
    seen = {day for of_store in sales.values() for day in of_store}
    if not seen:
        return dg.MetadataValue.md("no sale yet")
    days = day_range(date.fromisoformat(min(seen)), date.fromisoformat(max(seen)))
    names = {store.store_id: store_name(store) for store in ctx.stores}
    rows = [
        [names.get(key, f"unknown ({key})"), f"`{_bars([of_store[day] for day in days])}`", of_store.total()]
        for key, of_store in sales.items()
    ]
    return _table(["store", f"{days[0]} to {days[-1]}", "sales"], rows)


def _hours(sales: Mapping[int, int]) -> Metadata:
    if not sales:
        return {}
    first, last = min(sales), max(sales)
    chart = _bars([sales.get(hour, 0) for hour in range(first, last + 1)])
    return {"by hour": dg.MetadataValue.md(f"{first}h `{chart}` {last + 1}h, most in an hour: {max(sales.values())}")}


def _noted(counts: Mapping[str, Any]) -> Counts:
    plain = {name: counts[name] for name in ("read", "unchanged", "sent", "refused", "failed")}
    noted = Counts(**plain)
    noted.skipped, noted.refusals, noted.failures = (
        Counter(counts.get(n, {})) for n in ("skipped", "refusals", "failures")
    )
    return noted


def _reasons(total: Counts) -> Metadata:
    kinds = [("skipped", total.skipped), ("refused", total.refusals), ("waits", total.failures)]
    rows = [[kind, number, reason] for kind, found in kinds for reason, number in found.most_common(_REASONS)]
    return {"reasons": _table(["", "number", "reason"], rows)} if rows else {}


def _total(parts: Iterable[Counts]) -> Counts:
    total = Counts()
    for part in parts:
        total.add(part)
    return total


def _money(amounts: Mapping[str, Decimal]) -> str:
    return " + ".join(f"{amount:.2f} {currency or '?'}" for currency, amount in sorted(amounts.items())) or "0.00"


def _table(heading: Sequence[str], rows: Iterable[Sequence[Any]]) -> dg.MarkdownMetadataValue:
    def line(cells: Sequence[Any]) -> str:
        return f"| {' | '.join(str(cell).replace('|', '/') for cell in cells)} |"

    return dg.MetadataValue.md("\n".join([line(heading), line(["---"] * len(heading)), *map(line, rows)]))


def _bars(numbers: Sequence[int]) -> str:
    highest = max(numbers, default=0)
    return "".join(_BARS[round(number / highest * (len(_BARS) - 1))] if highest else _BARS[0] for number in numbers)
