"""Erasing the customers whom the till has deleted, where `pos.erase_deleted` asks for it.

The till tells by webhook that something became of a customer, not what. So he counts as deleted only when its whole list,
read since, lacks him, his own page is gone, and his sales were not given to somebody else, as a merge of two customers does.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date

import pyarrow.compute as pc

from connector.erasure import erase_in_run, finish_erasure
from connector.mapping.identifiers import is_pos_id
from connector.pos.protocol import PosAccessDenied, PosError, PosUnavailable, QuotaReached, SaleNeeds
from connector.reading_customers import list_is_whole
from connector.shop_run import ShopRun

log = logging.getLogger(__name__)

_AT_ONCE = 50  # customers looked for in one run; the others wait for the next
_SECONDS = 300.0  # after which one run begins with no more of them: an erasure goes through the shop's whole lake
_IN_VAIN = 3  # of them, one after another, that till or ShopiMind did not answer for, before no more are looked for
_NO_LINES = SaleNeeds(anonymous_lines=False, external_reference=False)


@dataclass(frozen=True)
class Search:
    """What came of it, in customers."""

    erased: int = 0
    left: int = 0  # whom nobody has looked for: the next run begins with them


def erase_deleted(run: ShopRun, clock: Callable[[], float] = time.monotonic) -> Search:
    """Nothing is done, and no call made, unless this run has read the whole list of customers.

    Whom the list has was changed, which costs no call. Whoever could not be asked for or removed is told among the run's
    `problems`; of whom the till's answer cannot be used, a warning tells. Both wait for the next whole reading of the
    list, behind all others. Raises `StateError`.
    """
    if not run.shop.pos.erase_deleted or run.inactive or not list_is_whole(run, "customers"):
        return Search()
    told = run.changed_customers.told_before(int(run.started.timestamp()))
    listed = _listed(run) if told else set[int]()
    if not listed:
        return Search()  # a till that lists nobody at all has not deleted everybody
    until = clock() + _SECONDS
    for customer_id in filter(run.tombstones.erased, told):
        if clock() < until:
            finish_erasure(run, customer_id)
    told = {each: at for each, at in told.items() if not run.tombstones.erased(each)}
    there = {each: at for each, at in told.items() if each in listed or not is_pos_id(each)}
    run.changed_customers.settle(there)
    missing = sorted(told.keys() - there.keys(), key=lambda each: (told[each], each))
    erased, looked_for = _look_for(run, {each: told[each] for each in missing[:_AT_ONCE]}, lambda: clock() < until)
    left = len(missing) - looked_for
    if left:
        log.info(
            "shop %s: %d customers who may have been deleted were not looked for (at most %d are in one sync, for %.0f minutes; "
            "none after a stop). Nothing of them was changed; the next sync begins with them.",
            run.shop.key,
            left,
            _AT_ONCE,
            _SECONDS / 60,
        )
    return Search(erased, left)


def _look_for(run: ShopRun, missing: Mapping[int, int], in_time: Callable[[], bool]) -> tuple[int, int]:
    """How many of these, with when the till told of them, were erased, and how many looked for."""
    erased = in_vain = looked_for = 0
    for customer_id, at in missing.items():
        if in_vain >= _IN_VAIN or run.inactive or not in_time():
            break
        left, answered = False, True
        try:
            if not _is_deleted(run, customer_id):
                run.changed_customers.settle({customer_id: at})
            elif _erase(run, customer_id):
                erased += 1
            else:
                left, answered = True, False
        except QuotaReached as stop:
            run.stop_reasons.setdefault("quota", str(stop))
            break
        except (PosAccessDenied, PosUnavailable) as error:
            left, answered = True, False
            _tell_problem(
                run, f"customers who may have been deleted: {error} They are looked for again by the next sync."
            )
        except PosError as error:
            left = True
            run.warn(
                f"shop {run.shop.key}: customer {customer_id} may have been deleted, and the till's answer does not tell: {error} "
                "Nobody was erased; the next sync asks again. If he is to be erased, use connector erase."
            )
        if left:
            run.changed_customers.put_back({customer_id: at}, int(run.started.timestamp()))
        in_vain = 0 if answered else in_vain + 1
        looked_for += 1
    return erased, looked_for


def _tell_problem(run: ShopRun, sentence: str) -> None:
    if sentence not in run.problems:  # a right that is missing is missing for everybody
        run.problems.append(sentence)


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
        _tell_merge(run, customer_id, "he has none of the sales any more that he had")
        return False
    sale_id, store_id, day = last
    rows = run.till.sales(store_id, date.fromisoformat(day), _NO_LINES)
    owners = rows.filter(pc.equal(rows["sale_id"], sale_id))["customer_id"].to_pylist()
    if owners and owners[0] in (customer_id, 0, None):
        return True
    _tell_merge(run, customer_id, f"his sale {sale_id} of {day} is not his any more")
    return False


def _tell_merge(run: ShopRun, customer_id: int, why: str) -> None:
    run.warn(
        f"shop {run.shop.key}: customer {customer_id} is gone from the till, and {why}. That looks like a merge with another "
        "customer, so nobody was erased. If he is to be, use connector erase."
    )


def _erase(run: ShopRun, customer_id: int) -> bool:
    receipt = erase_in_run(run, customer_id)
    if receipt["status"] == "erased":
        log.info("shop %s: a customer whom the till has deleted was erased: %s", run.shop.key, receipt)
        return True
    if receipt["status"] == "failed":
        _tell_problem(run, f"a customer whom the till has deleted: {receipt['message']}")
    return False
