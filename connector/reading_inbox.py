"""Reading what a shop's till has pushed: each sale is laid over its day in the lake. Nothing is asked of the till.

The same sale may be pushed twice, late, in another order, or never: what the till was asked for last wins.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable, Iterator
from datetime import date

import pyarrow as pa
import pyarrow.compute as pc

from connector.due_days import latest_day
from connector.pos.rows import SALES, to_table
from connector.pos.systems import NotASale, PushedSale, pushed_sale
from connector.shop_run import ShopRun
from connector.state.till_inbox import Message

log = logging.getLogger(__name__)

Written = Callable[[str], pa.Table | None]  # a day's `SALES`, None where it has none yet

_READING_TAKES = 300  # seconds, at most, between a till's answer and the note that its day was read


def with_inbox(
    run: ShopRun, sales: Iterable[tuple[str, pa.Table]], written: Written | None = None
) -> Iterator[tuple[str, pa.Table]]:
    """Days of `SALES` as they were read, then those that pushed sales changed, which must be written in between.

    `written` gives a day back as it was written, where that is not the shop's lake.
    """
    yield from sales
    yield from read_inbox(run, written or (lambda day: run.snapshot("pos_sales", SALES, day)))


def read_inbox(run: ShopRun, written: Written) -> Iterator[tuple[str, pa.Table]]:
    """Each day that has a pushed sale, with the `SALES` that it has and the pushed ones laid over them.

    They are of this run then (`run.read_pairs`), but a pushed day is not a read one: it is in `run.unread`, so it does not
    become complete, and nothing missing from it counts as gone. Messages that have an effect are in `run.inbox_taken`
    until `settle_inbox`; the others are settled here.
    """
    if run.read_pairs is None:
        run.read_pairs = {}
    if run.inbox_only:
        run.customers_touched = set()
    days: dict[str, dict[int, tuple[Message, PushedSale]]] = {}
    for message, sale in _newest(run):
        days.setdefault(sale.day, {})[sale.sale_id] = (message, sale)
    for day in sorted(days):
        table = _laid_over(run, day, list(days[day].values()), written(day))
        if table is not None:
            yield day, table


def settle_inbox(run: ShopRun, *, delivered: bool) -> None:
    """Ends what the run took from the inbox; what waits because something was not delivered is tried again."""
    if delivered:
        run.inbox.settle(run.inbox_taken)
        run.inbox_taken = []


def _newest(run: ShopRun) -> Iterator[tuple[Message, PushedSale]]:
    """The newest message of each sale that this run takes."""
    found: dict[int, tuple[Message, PushedSale]] = {}
    of_sale: dict[int, list[str]] = {}
    without_effect: list[str] = []
    for message in run.inbox.waiting():
        sale = _read(run, message)
        if sale is None:
            without_effect.append(message.message_id)
        elif run.only_due or run.inbox_only or sale.day in run.partition_days:
            found[sale.sale_id] = (message, sale)
            of_sale.setdefault(sale.sale_id, []).append(message.message_id)
    run.inbox.note_try([name for names in of_sale.values() for name in names])
    run.inbox.settle([*without_effect, *(name for names in of_sale.values() for name in names[:-1])])
    yield from found.values()


def _read(run: ShopRun, message: Message) -> PushedSale | None:
    """The sale of a message; None when it is nothing that a sync would deliver, which is told where it is odd."""
    try:
        sale = pushed_sale(run.shop.pos, message.body)
    except NotASale as error:
        reason = str(error)
    else:
        if run.ctx.store(sale.store_id) is None:
            reason = f"is of store {sale.store_id}, which is not known yet; the next sync reads all its days"
        elif sale.day > latest_day(run.ctx, run.started).isoformat():
            reason = f"was closed on {sale.day}, which has not begun"
        elif date.fromisoformat(sale.day) < run.ctx.first_day:
            reason = "was closed before the shop's first day"
        else:
            return sale
    log.info("shop %s: pushed sale %d %s. It was not used.", run.shop.key, message.sale_id, reason)
    return None


def _laid_over(
    run: ShopRun, day: str, pushed: list[tuple[Message, PushedSale]], before: pa.Table | None
) -> pa.Table | None:
    """The day's sales with the pushed ones among them; None when none of them says anything new."""
    read_at = run.days.read_at(day)
    taken: list[tuple[Message, PushedSale]] = []
    for message, sale in pushed:
        if before is None and sale.store_id in read_at:
            # its other sales are known to the database only: laid over nothing, this one would take their place
            if not run.dry:
                with run.state.db.begin() as connection:
                    run.days.reopen(connection, [(sale.store_id, day)])
            run.inbox.settle([message.message_id])
        elif before is not None and _is_older(run, message, sale, before, read_at.get(sale.store_id)):
            run.inbox.settle([message.message_id])
        else:
            taken.append((message, sale))
    if not taken:
        return None
    rows = run.tombstones.sales(to_table([sale.row for _, sale in taken], SALES))
    before = SALES.empty_table() if before is None else run.tombstones.sales(before)
    replaced = pc.fill_null(pc.is_in(before["sale_id"], value_set=rows["sale_id"].combine_chunks()), False)
    _take(run, day, [sale.store_id for _, sale in taken])
    run.inbox_taken += [message.message_id for message, _ in taken]
    if run.customers_touched is not None:
        for table in (rows, before.filter(replaced)):
            run.customers_touched.update(set(table["customer_id"].to_pylist()) - {None, 0})
    return pa.concat_tables([before.filter(pc.invert(replaced)), rows])


def _is_older(run: ShopRun, message: Message, sale: PushedSale, day: pa.Table, read_at: int | None) -> bool:
    """Whether the till was asked for the sale, and gave it whole, after it had pushed it."""
    listed = day.filter(pc.equal(day["sale_id"], sale.sale_id))
    if not listed.num_rows or "unread" in listed["lines_from"].to_pylist():
        return False
    of_this_run = sale.store_id in (run.read_pairs or {}).get(sale.day, []) and (sale.store_id, sale.day) not in (
        run.pushed_pairs
    )
    if of_this_run:
        return message.received_at < run.started.timestamp()
    return read_at is not None and message.received_at < read_at - _READING_TAKES


def _take(run: ShopRun, day: str, stores: list[int]) -> None:
    assert run.read_pairs is not None
    of_day = run.read_pairs.setdefault(day, [])
    of_day += sorted(set(stores) - set(of_day))
    run.pushed_pairs.update((store_id, day) for store_id in stores)
    run.unread.update((store_id, day) for store_id in stores)
