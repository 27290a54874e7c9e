"""How ShopiMind's lists are read to be compared: whole, each id once, whatever a list leaves out."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from connector.config import Identifiers
from connector.delivery.entities import ORDERS, PRODUCTS, Entity
from connector.delivery.held import NO_SOURCE, held_by_crm
from connector.mapping.identifiers import owns
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import InstallationInactive
from tests.scripted_server import Reply, Request, ScriptedServer

OURS = Identifiers(prefix="a_", offset=900_000_000)
SOURCE = 14


def held(respond: Callable[[Request], Reply], entity: Entity = ORDERS) -> tuple[list[dict[str, Any]], list[Request]]:
    """The rows that are compared, and what was asked for them."""
    with ScriptedServer(respond) as server, ShopiMind("token", server.url) as crm:
        try:
            table = held_by_crm(
                crm, entity, [SOURCE], partial(owns, OURS), None, in_flight=4, progress=lambda rows: None
            )
        finally:
            asked = list(server.requests)
    return table.to_pylist(), asked


def listing(rows: list[dict[str, Any]], *, tells_total: bool = True) -> Callable[[Request], Reply]:
    """A server with this list, that gives a hundred rows at once."""

    def respond(request: Request) -> Reply:
        offset = int(dict(request.query)["offset"])
        meta = {"pagination": {"total_items": len(rows)}} if tells_total else {}
        return Reply(body={"statusCode": 200, "data": rows[offset : offset + 100], "meta": meta})

    return respond


def order(number: int, **more: Any) -> dict[str, Any]:
    return {"order_id": f"a_{number}", "id_data_source": SOURCE, "amount": 6.1, "currency": "EUR", **more}


@pytest.mark.parametrize("tells_total", [True, False])
def test_every_page_is_read_whether_or_not_the_list_tells_its_length(tells_total: bool) -> None:
    rows, asked = held(listing([order(number) for number in range(1, 731)], tells_total=tells_total))
    assert sorted(int(row["external_id"][2:]) for row in rows) == list(range(1, 731))
    offsets = {dict(request.query)["offset"] for request in asked}
    assert offsets >= {str(offset) for offset in range(0, 800, 100)}


def test_only_records_under_our_sources_or_with_our_ids_are_kept() -> None:
    others = [
        order(1, order_id="b_1", id_data_source=3),
        order(1, order_id="a_1x", id_data_source=3),
        order(1, order_id="a_", id_data_source=3),
    ]
    rows, _ = held(listing([*others, order(2, id_data_source=3), order(3, order_id="b_3"), order(4)]))
    assert [row["external_id"] for row in rows] == ["a_2", "b_3", "a_4"]
    numbers = [900_000_000, 999_999_999, 1_000_000_000, 899_999_999, "900000005"]
    rows, _ = held(listing([{"product_id": n, "id_data_source": 3} for n in numbers]), PRODUCTS)
    assert [row["external_id"] for row in rows] == ["900000000", "999999999", "900000005"]


def test_a_record_in_two_languages_or_on_two_pages_counts_once() -> None:
    rows, _ = held(listing([order(1), order(2, amount=1), order(1, lang="en"), order(2)]))
    assert [(row["external_id"], row["cents"]) for row in rows] == [("a_1", 610), ("a_2", 100)]


def test_what_a_list_does_not_tell_is_not_compared() -> None:
    (row,), _ = held(listing([{"order_id": "a_1", "amount": "a lot"}]))
    assert (row["source"], row["cents"], row["currency"]) == (None, None, None)
    (row,), _ = held(listing([order(1, id_data_source=None, amount="19.99")]))
    assert (row["source"], row["cents"]) == (NO_SOURCE, 1999)


def test_after_a_401_no_further_page_is_asked_for() -> None:
    whole = listing([order(number) for number in range(5000)])

    def respond(request: Request) -> Reply:
        return whole(request) if dict(request.query)["offset"] == "0" else Reply(401, {"message": "Unauthorized"})

    with ScriptedServer(respond) as server, ShopiMind("token", server.url) as crm:
        with pytest.raises(InstallationInactive):
            held_by_crm(crm, ORDERS, [SOURCE], partial(owns, OURS), None, in_flight=4, progress=lambda rows: None)
        assert len(server.requests) <= 1 + 4 + 1  # the first page, those in flight, and one that was just starting
