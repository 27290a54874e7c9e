"""A till that cannot be read: wrong credentials, missing rights, answers that are none, no answer at all."""

from __future__ import annotations

import json
import resource
from collections.abc import Callable
from typing import Any

import pytest

from connector.sandbox.fault_plan import PRESETS, Fault, status_fault
from tests.faults.little_till import alpha, days_ago
from tests.faults.shop_world import World


def test_a_revoked_key_fails_after_one_call_and_tells_where_to_look(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    world.till().account.api_key = "another"

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "401" in failed.message
    assert "api_key" in failed.message
    assert "key-of-alpha" not in failed.message
    assert len(world.requests("till")) == 1
    assert not world.requests("crm")
    assert world.status()["status"] == "failed"

    world.till().account.api_key = "key-of-alpha"
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


@pytest.mark.parametrize(("path", "right"), [("customers", "Customers tab"), ("products_sold", "Sales tab")])
def test_a_right_that_is_missing_is_named_and_nothing_is_lost(
    world: World, undisturbed: Callable[..., Any], path: str, right: str
) -> None:
    world.sandbox.till.switches.forbidden = [path]

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "403" in failed.message
    assert right in failed.message
    refused = [entry for entry in world.requests("till") if entry["status"] == 403]
    assert len(refused) <= 5  # those in flight

    world.sandbox.till.switches.forbidden = []
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


ANSWERS = {
    "html": (PRESETS["html"], "HTML"),
    "redirect": (PRESETS["redirect"], "edirect"),
    "an object": (PRESETS["wrong_shape"], "instead of a list"),
    "half of the JSON": (Fault(kind="truncated"), "not JSON"),
    "half, then a reset": (Fault(kind="cut"), "ECONN"),
    "no answer": (Fault(kind="reset"), "ECONN"),
    "503": (status_fault(503), "503"),
    "404": (status_fault(404), "404"),
    "too long a wait": (status_fault(503, retry_after=3600), "503"),
}


@pytest.mark.parametrize("path", ["/products/$", "/closed_sales/2/"])
def test_an_unusable_answer_fails_the_run_tells_its_kind_and_loses_nothing(
    make_world: Callable[..., World], undisturbed: Callable[..., Any], path: str
) -> None:
    world = make_world()
    for fault, words in ANSWERS.values():
        world.break_till(Fault(**{**vars(fault), "path": path, "side": "till"}))

        failed = world.sync()

        assert (failed.status, failed.exit_code) == ("failed", 1), words
        assert words in failed.message
        assert path.strip("$") in failed.message
        world.mend()
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_an_answer_of_two_gigabytes_is_not_read_into_memory(world: World) -> None:
    world.break_till(Fault(kind="oversize", path="/customers/", size=2 * 1024**3))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "26214400 bytes" in failed.message
    assert len(world.requests("till", "/customers/")) == 1
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 * 1024  # KiB


def test_an_answer_that_is_small_on_the_wire_only_is_refused_too(world: World) -> None:
    world.break_till(Fault(kind="oversize", path="/products/", compressed=True))

    failed = world.sync()

    assert failed.exit_code == 1
    assert "26214400 bytes" in failed.message


def test_a_till_that_answers_slowly_is_waited_for(world: World) -> None:
    world.break_till(Fault(kind="drip", path="/closed_sales/", every=5, seconds=0.5))
    assert world.sync().status == "delivered"


def test_an_unreachable_till_fails_the_run_and_names_the_cause(world: World) -> None:
    world.configure(pos={"base_url": "http://127.0.0.1:9/api"})

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "ECONNREFUSED" in failed.message
    assert failed.report["calls"] == {"hiboutik": 4, "shopimind": 0}


def test_a_till_without_any_store_is_an_error_that_says_so(world: World) -> None:
    world.break_till(Fault(kind="answer", status=200, path="/stores", body=[]))

    failed = world.sync()

    assert (failed.status, failed.exit_code) == ("failed", 1)
    assert "no store" in failed.message


def without_customer_dates(state: dict[str, Any]) -> dict[str, Any]:
    orders = [json.loads(text) for text in state["orders"]]
    return state | {"orders": [order | {"customer": order["customer"] | {"created_at": None}} for order in orders]}


def test_a_day_that_fails_leaves_the_days_before_it_delivered(world: World, undisturbed: Callable[..., Any]) -> None:
    world.break_till(status_fault(500, path=f"/closed_sales/1/{days_ago(1).replace('-', '/')}"))

    failed = world.sync()

    assert failed.status == "failed"
    assert days_ago(1).replace("-", "/") in failed.message
    world.mend()
    assert world.sync().status == "delivered"
    # An order is not sent again because its customer's date changed (contract, section 5), and sales after the day that
    # failed were delivered before that day told of an earlier one.
    assert without_customer_dates(world.end_state()) == without_customer_dates(undisturbed(alpha()))


@pytest.mark.parametrize("rows", [[None, 7, "row"], [{"surprise": True}]])
def test_a_day_whose_list_holds_what_is_no_sale_is_read_again(
    world: World, undisturbed: Callable[..., Any], rows: list[Any]
) -> None:
    path = f"/closed_sales/1/{days_ago(5).replace('-', '/')}"
    world.break_till(Fault(kind="answer", status=200, path=path, body=rows))

    told = world.sync()

    assert told.status == "refused"
    world.mend()
    assert world.sync().status == "delivered"
    assert without_customer_dates(world.end_state()) == without_customer_dates(undisturbed(alpha()))


@pytest.mark.parametrize("rows", [[None, 7, "row"], [{"surprise": True}]])
def test_a_list_that_holds_what_is_no_product_makes_nothing_inactive(world: World, rows: list[Any]) -> None:
    world.sync()
    world.break_till(Fault(kind="answer", status=200, path="/products/", body=rows))

    told = world.sync()

    assert told.status == "refused"
    assert told.row("products")["sent"] == 0
    assert all(item["is_active"] for item in world.items("products").values())
    world.mend()
    assert world.sync().status == "delivered"  # nothing of that answer is left
