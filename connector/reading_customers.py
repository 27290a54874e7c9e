"""Reading one shop's customers: the till's list, and those that sales name and the list does not have yet."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector import reading_passes
from connector.due_days import recent_from
from connector.pos.protocol import PosAccessDenied, PosError, PosUnavailable, QuotaReached
from connector.pos.rows import CUSTOMERS
from connector.shop_run import ShopRun

_CUSTOMERS_ASKED = 250  # customers read one by one in a run, at most: as many as one page of the list has

log = logging.getLogger(__name__)


def read_customers(run: ShopRun) -> Iterator[pa.Table]:
    """Every listed customer, page by page. Whether the list was whole is remembered for runs that do not read it.

    A long list whose turn it is not (`connector.reading_passes`) is taken from the lake as it is.
    """
    if (carried := reading_passes.carried_over(run, "customers", CUSTOMERS)) is not None:
        yield from map(run.tombstones.customers, carried)
        return
    reading_passes.begin(run, "customers")
    number = pages = 0
    for page in run.till.customers():
        number, pages = number + page.num_rows, pages + 1
        run.progress("customers", number, None)
        yield run.tombstones.customers(page)
    reading_passes.ended(run, "customers", pages)
    if not run.dry:
        run.memory.learn(_partial(run), "yes" if "customers" in run.till.incomplete_lists else "no")


def read_new_customers(run: ShopRun, sales: Iterator[pa.Table], listed: Iterator[pa.Table]) -> pa.Table:
    """Customers that the sales name and whose row is not that of a list just read, one call each.

    First those who were created after the list was read. Ids only grow, so an id above every listed one is a new
    customer; a smaller one that is not listed was deleted, if the list is whole. Where it may lack rows, that one is asked
    for too: a till that counts more rows than it shows would keep its days open for ever. Where that would be a page's
    worth or more, or a customer could not be asked for, `run.new_customers_read` stays false: the days that name unknown
    customers are read again.

    Then, when this run has not read the list and reads sales itself, known customers with new sales in the look-back or
    today: the till has changed their points, perhaps their e-mail. They are asked for as far as the day's allowance goes
    (`connector.reading_passes`); the others wait for the list's next pass. What was read of them stays until then.
    """
    ids = pa.chunked_array([page["customer_id"].combine_chunks() for page in listed], pa.int64())
    highest = pc.max(ids).as_py() or 0
    kept = _kept_from_earlier(run, highest)
    named, touched = _customers_of(run, map(run.tombstones.sales, sales))
    unknown = pa.array(sorted(named - set(kept["customer_id"].to_pylist())), pa.int64())
    unknown = unknown.filter(pc.invert(pc.is_in(unknown, value_set=ids)))
    asked = [customer_id for customer_id in unknown.to_pylist() if customer_id > highest]
    if highest == 0:
        asked = []  # the list is empty: one call per customer would read the whole of it
    elif _is_partial(run) and len(unknown) <= _CUSTOMERS_ASKED:
        asked = unknown.to_pylist()
    whole = _is_whole(run, highest == 0, len(unknown) - len(asked))
    found, all_asked = _ask_for(run, asked)
    run.new_customers_read = whole and all_asked
    fresh = pa.concat_tables([CUSTOMERS.empty_table(), *found, *_read_anew(run, touched - set(unknown.to_pylist()))])
    return run.tombstones.others(pa.concat_tables([kept.filter(_not_in(kept, fresh)), fresh]))


def new_customers_written(run: ShopRun) -> dict[str, Any]:
    """What `read_new_customers` gave is in the lake, and holds until the list is read again."""
    run.memory.learn(_singles_since(run), _pass_at(run))
    return {}


def current_customers(listed: Iterable[pa.Table], new: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """Every customer once: the rows of the list, but for those who were read by themselves since; then these."""
    singles = pa.concat_tables([CUSTOMERS.empty_table(), *new])
    for page in listed:
        yield page.filter(_not_in(page, singles))
    yield singles


def list_is_whole(run: ShopRun, name: str) -> bool:
    """Whether this run looks at every row of that list of the till ("products", "customers", ...), and the last pass over it
    saw them all; by this run itself where it is read at intervals: nothing counts as gone from a list that was not read."""
    if name in run.till.incomplete_lists or (name in reading_passes.LISTS and name not in run.passes):
        return False
    if name == "customers" and run.customers_touched is not None:
        return False
    return name != "customers" or run.memory.recall(_partial(run)) != "yes"


def _kept_from_earlier(run: ShopRun, highest: int) -> pa.Table:
    """Who was read by himself before: a new customer as long as the list lacks him, any other until it is read again."""
    before = run.snapshot("pos_new_customers", CUSTOMERS) or CUSTOMERS.empty_table()
    if "customers" not in run.passes and (run.memory.recall(_singles_since(run)) or "") == _pass_at(run):
        return before
    return before.filter(pc.greater(before["customer_id"], highest))


def _customers_of(run: ShopRun, sales: Iterable[pa.Table]) -> tuple[set[int], set[int]]:
    """Whom the sales name; and of these who has a sale that no earlier run has read, where the list is not read."""
    recent = {s.store_id: recent_from(run.ctx, s.store_id, run.started).isoformat() for s in run.ctx.stores}
    named, bought = set[int](), dict[int, int]()
    for table in sales:
        table = table.filter(pc.greater(table["customer_id"], 0))
        named.update(table["customer_id"].to_pylist())
        if "customers" in run.passes:
            continue
        columns = (table[name].to_pylist() for name in ("sale_id", "customer_id", "store_id", "day"))
        for sale_id, customer_id, store_id, day in zip(*columns, strict=True):
            if sale_id is not None and store_id in recent and day >= recent[store_id]:
                bought[sale_id] = customer_id
    before = run.sales_read.customers_of(bought)
    return named, {customer for sale, customer in bought.items() if before.get(sale) != customer}


def _read_anew(run: ShopRun, touched: set[int]) -> list[pa.Table]:
    if run.inbox_only:  # what the till pushes is delivered without asking it
        return []
    allowed = reading_passes.singles_left(run)
    asked = sorted(touched, reverse=True)[:allowed]
    reading_passes.singles_asked(run, len(asked))
    found, _ = _ask_for(run, asked, since="His row is that of the list's last pass; the next one reads him again.")
    if len(touched) > len(asked):
        log.info(
            "shop %s: of %d customers with new sales %d were read by themselves; the others wait for the list's next pass",
            run.shop.key,
            len(touched),
            len(asked),
        )
    return found


def _not_in(rows: pa.Table, others: pa.Table) -> Any:
    return pc.invert(pc.is_in(rows["customer_id"], value_set=others["customer_id"]))


def _pass_at(run: ShopRun) -> str:
    last = reading_passes.last_pass(run, "customers")
    return "" if last is None else str(last.at)


def _singles_since(run: ShopRun) -> str:
    return f"single_customers_since/{run.shop.key}"  # which pass the rows of `pos_new_customers` came after


def _partial(run: ShopRun) -> str:
    return f"customers_incomplete/{run.shop.key}"  # what the account's memory calls a list that lacks customers


def _is_partial(run: ShopRun) -> bool:
    """Whether the last pass over the list may have lacked rows."""
    if "customers" in run.passes:  # by this run, which remembers nothing of it when it only plans
        return "customers" in run.till.incomplete_lists
    return run.memory.recall(_partial(run)) == "yes"


def _is_whole(run: ShopRun, is_empty: bool, unknown: int) -> bool:
    """Whether a customer that is not listed does not exist. It is told when sales name some and that is not known."""
    if not unknown or not (is_empty or _is_partial(run)):
        return True
    how = "is empty" if is_empty else "lacks customers"
    run.problems.append(
        f"customers: the till's list {how}, and sales name {unknown} that are not in it. Their sales count as of "
        "unknown customers for now; the next run reads those days again."
    )
    return False


def _ask_for(run: ShopRun, customer_ids: list[int], since: str = "") -> tuple[list[pa.Table], bool]:
    """The customers, each asked for by itself; false when one of them was not answered for. `since` tells what then counts."""
    found = []
    failed: list[str] = []
    for customer_id in customer_ids[:_CUSTOMERS_ASKED]:
        try:
            found.append(run.till.customers_by_id([customer_id]))
        except QuotaReached as stop:
            run.stop_reasons.setdefault("quota", str(stop))
            return found, False
        except PosError as error:
            failed.append(f"customer {customer_id}: {error} {since}".strip())
            if isinstance(error, (PosAccessDenied, PosUnavailable)):
                break
    if len(customer_ids) > _CUSTOMERS_ASKED:
        failed.append(
            f"customers: sales name {len(customer_ids)} that the list does not have; {_CUSTOMERS_ASKED} of them were "
            "asked for, the next run goes on."
        )
    run.problems += failed
    return found, not failed
