"""Erasing the customers whom the till has deleted, where `pos.erase_deleted` asks for it.

The till tells by webhook that something became of a customer, not what. So he counts as deleted only when its whole list,
read since, lacks him, his own page is gone, and his sales were not given to somebody else, as a merge of two customers does.
"""

from __future__ import annotations

import logging
from datetime import date

import pyarrow.compute as pc

from connector.erasure import erase_in_run
from connector.pos.protocol import PosError, QuotaReached, SaleNeeds
from connector.reading_customers import list_is_whole
from connector.shop_run import ShopRun

log = logging.getLogger(__name__)

_AT_ONCE = 50  # customers looked for in one run; the others wait for the next
_NO_LINES = SaleNeeds(anonymous_lines=False, external_reference=False)


def erase_deleted(run: ShopRun) -> int:
    """How many were erased. Nothing is done, and no call made, unless this run has read the whole list of customers.

    Whom the list has was changed, which costs no call. Whoever could not be asked for or removed is told among the run's
    `problems`, and waits for the next whole reading of the list.
    """
    if not run.shop.pos.erase_deleted or run.inactive or not list_is_whole(run, "customers"):
        return 0
    told = run.changed_customers.told_before(int(run.started.timestamp()))
    listed = _listed(run) if told else set[int]()
    if not listed:
        return 0  # a till that lists nobody at all has not deleted everybody
    there = {each: at for each, at in told.items() if each in listed or run.tombstones.erased(each)}
    run.changed_customers.settle(there)
    missing = sorted(told.keys() - there.keys())[:_AT_ONCE]
    erased = 0
    try:
        for customer_id in missing:
            if not _is_deleted(run, customer_id):
                run.changed_customers.settle({customer_id: told[customer_id]})
            elif _erase(run, customer_id):
                erased += 1
            else:
                break  # ShopiMind would not take the next one either
    except QuotaReached as stop:
        run.stop_reasons.setdefault("quota", str(stop))
    except PosError as error:
        run.problems.append(f"customers who may have been deleted: {error} They are looked for again by the next sync.")
    return erased


def _listed(run: ShopRun) -> set[int]:
    return {
        number
        for table in run.state.lake.read(run.shop.key, "pos_customers")
        for number in table["customer_id"].to_pylist()
        if number is not None
    }


def _is_deleted(run: ShopRun, customer_id: int) -> bool:
    """Whether he is gone, and not as part of another customer."""
    if run.till.customers_by_id([customer_id]).num_rows:
        return False
    last = run.sales_read.last_of(customer_id)
    if last is None:  # the sync that looks for him may have read his sales as somebody else's a moment ago
        if not run.sales_read.has_lost_a_sale(customer_id):
            return True
        _tell_merge(run, "he has none of the sales any more that he had")
        return False
    sale_id, store_id, day = last
    rows = run.till.sales(store_id, date.fromisoformat(day), _NO_LINES)
    owners = rows.filter(pc.equal(rows["sale_id"], sale_id))["customer_id"].to_pylist()
    if owners and owners[0] in (customer_id, 0, None):
        return True
    _tell_merge(run, f"his sale {sale_id} of {day} is not his any more")
    return False


def _tell_merge(run: ShopRun, why: str) -> None:
    run.warn(
        f"shop {run.shop.key}: a customer is gone from the till, and {why}. That looks like a merge with another customer, so "
        "nobody was erased. If he is to be, use connector erase."
    )


def _erase(run: ShopRun, customer_id: int) -> bool:
    receipt = erase_in_run(run, customer_id)
    if receipt["status"] == "erased":
        log.info("shop %s: a customer whom the till has deleted was erased: %s", run.shop.key, receipt)
        return True
    if receipt["status"] == "failed":
        run.problems.append(f"a customer whom the till has deleted: {receipt['message']}")
    return False
