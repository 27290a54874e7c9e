"""Reading one shop's customers: the till's list, and those that sales name and the list does not have yet."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector.pos.protocol import PosAccessDenied, PosError, PosUnavailable, QuotaReached
from connector.pos.rows import CUSTOMERS
from connector.shop_run import ShopRun

_CUSTOMERS_ASKED = 250  # customers read one by one in a run, at most: as many as one page of the list has


def read_customers(run: ShopRun) -> Iterator[pa.Table]:
    """Every listed customer, page by page. Whether the list was whole is remembered for runs that do not read it."""
    number = 0
    for page in run.till.customers():
        number += page.num_rows
        run.progress("customers", number, None)
        yield page
    if not run.dry:
        run.memory.learn(_partial(run), "yes" if "customers" in run.till.incomplete_lists else "no")


def read_new_customers(run: ShopRun, sales: Iterator[pa.Table], listed: Iterator[pa.Table]) -> pa.Table:
    """Customers that the sales name and that were created after the list was read, one call each, once.

    Ids only grow, so an id above every listed one is a new customer; a smaller one that is not listed was deleted, if
    the list is whole. Where that cannot be told, or a customer could not be asked for, `run.new_customers_read` stays
    false: the days that name unknown customers are read again.
    """
    ids = pa.chunked_array([page["customer_id"].combine_chunks() for page in listed], pa.int64())
    highest = pc.max(ids).as_py() or 0
    before = run.snapshot("pos_new_customers", CUSTOMERS) or CUSTOMERS.empty_table()
    known = before.filter(pc.greater(before["customer_id"], highest))
    named: set[int] = set()
    for table in sales:
        named.update(table["customer_id"].filter(pc.greater(table["customer_id"], 0)).to_pylist())
    unknown = pa.array(sorted(named - set(known["customer_id"].to_pylist())), pa.int64())
    unknown = unknown.filter(pc.invert(pc.is_in(unknown, value_set=ids)))
    newer = [customer_id for customer_id in unknown.to_pylist() if customer_id > highest]
    if highest == 0:
        newer = []  # the list is empty: one call per customer would read the whole of it
    whole = _is_whole(run, highest == 0, len(unknown) - len(newer))
    found, all_asked = _ask_for(run, newer)
    run.new_customers_read = whole and all_asked
    return pa.concat_tables([known, *found])


def list_is_whole(run: ShopRun, name: str) -> bool:
    """Whether this run looks at every row of that list of the till ("products", "customers", ...), and the last pass
    over it saw them all."""
    if name in run.till.incomplete_lists or (name == "customers" and run.customers_touched is not None):
        return False
    return name != "customers" or run.memory.recall(_partial(run)) != "yes"


def _partial(run: ShopRun) -> str:
    return f"customers_incomplete/{run.shop.key}"  # what the account's memory calls a list that lacks customers


def _is_whole(run: ShopRun, is_empty: bool, unknown: int) -> bool:
    """Whether a customer that is not listed does not exist. It is told when sales name some and that is not known."""
    if run.dry or "customers" in run.till.incomplete_lists:
        partial = "customers" in run.till.incomplete_lists
    else:
        partial = run.memory.recall(_partial(run)) == "yes"
    if not unknown or not (partial or is_empty):
        return True
    how = "is empty" if is_empty else "lacks customers"
    run.problems.append(
        f"customers: the till's list {how}, and sales name {unknown} that are not in it. Their sales count as of "
        "unknown customers for now; the next run reads those days again."
    )
    return False


def _ask_for(run: ShopRun, customer_ids: list[int]) -> tuple[list[pa.Table], bool]:
    """The customers, each asked for by itself; false when one of them was not answered for."""
    found = []
    failed: list[str] = []
    for customer_id in customer_ids[:_CUSTOMERS_ASKED]:
        try:
            found.append(run.till.customers_by_id([customer_id]))
        except QuotaReached as stop:
            run.stop_reasons.setdefault("quota", str(stop))
            return found, False
        except PosError as error:
            failed.append(f"customer {customer_id}: {error}")
            if isinstance(error, (PosAccessDenied, PosUnavailable)):
                break
    if len(customer_ids) > _CUSTOMERS_ASKED:
        failed.append(
            f"customers: sales name {len(customer_ids)} that the list does not have; {_CUSTOMERS_ASKED} of them were "
            "asked for, the next run goes on."
        )
    run.problems += failed
    return found, not failed
