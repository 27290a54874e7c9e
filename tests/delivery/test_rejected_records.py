"""What becomes of the records that ShopiMind does not take: each stands alone, and none takes a neighbour down."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest
import stamina
from sqlalchemy import delete

from connector.delivery.counts import Counts
from connector.delivery.deliver import Deliverer, Delivery
from connector.delivery.entities import CUSTOMERS, POS_PROFILES, Entity
from connector.delivery.ledger import Ledger
from connector.delivery.masking import without_long_numbers, without_persons
from connector.delivery.refused import RefusedStore
from connector.mapping.records import Records
from connector.shopimind.client import ShopiMind
from connector.state.database import open_database
from connector.state.sealing import Sealer
from connector.state.tables import ledger, refused
from tests.scripted_server import Reply, Request, ScriptedServer

SHOP = "lea"
BAD = "c13"


@pytest.fixture(autouse=True)
def no_waiting() -> Iterator[None]:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


class World:
    """One shop's ledger and refused records, and a ShopiMind that answers as a test wants."""

    def __init__(self, home: Path, api: ScriptedServer, client: ShopiMind) -> None:
        self.api, self.client = api, client
        self.db = open_database(home)
        self.refused = RefusedStore(self.db, SHOP, Sealer(home))

    def deliver(self, run_id: str, ids: list[str], entity: Entity = CUSTOMERS) -> Delivery:
        records = Records()
        for external_id in ids:
            payload: dict[str, Any] = {"customer_id": external_id, "first_name": "Léa", "phone_number": "+33612345678"}
            if entity is not CUSTOMERS:
                payload["contact_id"] = {"by": "id_customer", "value": external_id}
            records.send(external_id, payload)
        resource = self.client.customers if entity is CUSTOMERS else self.client.custom_data_records.of(1)
        deliverer = Deliverer(self.db, Ledger(self.db, SHOP), self.refused, run_id=run_id)
        return deliverer.deliver(entity, [records.table()], resource, {None: 1})

    def forget(self) -> None:
        """As if nothing had been delivered or refused."""
        with self.db.begin() as connection:
            for table in (ledger, refused):
                connection.execute(delete(table))

    def counts(self, run_id: str, ids: list[str], entity: Entity = CUSTOMERS) -> Counts:
        return self.deliver(run_id, ids, entity).counts[None]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with ScriptedServer() as api, ShopiMind("int_x", api.url) as client:
        made = World(tmp_path, api, client)
        yield made
        made.db.close()


def refusing(entry: Any) -> Any:
    """Answers that leave the bad item out, and say so with this entry."""

    def respond(request: Request) -> Reply:
        bad = sum(item["customer_id"] == BAD for item in request.json)
        body = {"sent_count": len(request.json) - bad, "rejected_count": bad, "rejected_items": [entry] * bad}
        return Reply(200, {"statusCode": 200, **body})

    return respond


IDS = [f"c{n}" for n in range(50)]


@pytest.mark.parametrize(
    "entry", [{"row": 3, "why": ["lang is odd"]}, "lang is odd", {"nr": "x", "text": "lang is odd"}]
)
def test_a_rejection_of_an_unknown_shape_takes_no_neighbour_down(world: World, entry: Any) -> None:
    world.api.respond = refusing(entry)
    counts = world.counts("r1", IDS)
    assert (counts.sent, counts.refused, counts.failed) == (49, 1, 0)
    (kept,) = world.refused.all()
    assert kept["external_id"] == BAD
    assert "lang is odd" in kept["reason"]


def test_one_that_is_left_out_without_a_word_fails_alone(world: World) -> None:
    def respond(request: Request) -> Reply:
        taken = sum(item["customer_id"] != BAD for item in request.json)
        return Reply(200, {"statusCode": 200, "sent_count": taken, "rejected_count": 0})

    world.api.respond = respond
    counts = world.counts("r1", IDS)
    assert (counts.sent, counts.refused, counts.failed) == (49, 0, 1)


def spoilt_by(bad: set[str], status: int, requests: list[int]) -> Any:
    """Answers that refuse every request with one of these in it, and count the requests."""

    def respond(request: Request) -> Reply:
        requests.append(len(request.json))
        if any(item["customer_id"] in bad for item in request.json):
            return Reply(status, {"statusCode": status, "message": ["[0] lang must be a string"], "error": "Bad"})
        return Reply(200, {"statusCode": 200, "sent_count": len(request.json), "rejected_count": 0})

    return respond


@pytest.mark.parametrize(("status", "places"), [(422, range(50)), (400, [0, 21, 49]), (413, [0, 21, 49])])
def test_the_record_that_spoils_a_request_is_found_in_few_calls(
    world: World, status: int, places: Iterable[int]
) -> None:
    allowed = 2 * math.log2(50) + 1
    for place in places:
        requests: list[int] = []
        world.api.respond = spoilt_by({IDS[place]}, status, requests)
        counts = world.counts(f"r{place}", IDS)
        assert len(requests) <= allowed, (place, requests)
        assert (counts.sent, counts.refused, counts.failed) == (49, 1, 0)
        assert [row["external_id"] for row in world.refused.all()] == [IDS[place]]
        world.forget()


def test_so_are_several_of_them(world: World) -> None:
    requests: list[int] = []
    world.api.respond = spoilt_by({"c3", "c4", "c31", "c49"}, 400, requests)
    counts = world.counts("r1", IDS)
    assert len(requests) <= 4 * (2 * math.log2(50) + 1)
    assert (counts.sent, counts.refused, counts.failed) == (46, 4, 0)


def test_a_request_refused_as_a_whole_says_field_and_reason_too(world: World) -> None:
    world.api.respond = spoilt_by({BAD}, 400, [])
    world.counts("r1", [BAD])
    (kept,) = world.refused.all()
    assert (kept["field"], kept["reason"]) == ("lang", "[0] lang must be a string")


def test_a_request_with_failed_items_is_no_refusal_and_the_next_run_sends_it_again(world: World) -> None:
    requests: list[int] = []

    def respond(request: Request) -> Reply:
        requests.append(len(request.json))
        failed = 1 if len(requests) == 1 else 0
        sent = len(request.json) - failed
        return Reply(200, {"statusCode": 200, "sent_count": sent, "rejected_count": 0, "failed_count": failed})

    world.api.respond = respond
    first = world.counts("r1", IDS)
    assert (first.sent, first.refused, first.failed, requests) == (0, 0, 50, [50])
    assert world.refused.all() == []
    second = world.counts("r2", IDS)
    assert (second.sent, second.failed, requests) == (50, 0, [50, 50])


def test_a_profile_whose_customer_is_not_visible_yet_is_tried_again_by_the_next_run(world: World) -> None:
    world.api.respond = lambda request: Reply(200, {"sent_count": len(request.json), "rejected_count": 0})
    assert world.counts("r1", [BAD]).sent == 1
    world.api.respond = refusing({"index": 0, "errors": ["contact_id: no contact has this id"]})

    early = world.counts("r1", [BAD], POS_PROFILES)
    assert (early.refused, early.failed) == (0, 1)
    assert world.refused.all() == []

    later = world.counts("r2", [BAD], POS_PROFILES)
    assert (later.refused, later.failed) == (1, 0)


def test_a_profile_rejected_for_anything_else_is_refused_at_once(world: World) -> None:
    world.api.respond = lambda request: Reply(200, {"sent_count": len(request.json), "rejected_count": 0})
    world.counts("r1", [BAD])
    world.api.respond = refusing({"index": 0, "errors": ["loyalty_points must be a number"]})
    counts = world.counts("r1", [BAD], POS_PROFILES)
    assert (counts.refused, counts.failed) == (1, 0)


@pytest.mark.parametrize(
    "entry",
    [
        {"index": 0, "source": {"first_name": "Léa"}, "why": "odd"},
        {"index": 0, "errors": ["+33612345678 is odd"]},
        {"index": 0, "errors": ["06 12 34 56 78 is odd"]},
        {"index": 0, "errors": ["0033612345678 is odd"]},
        {"index": 0, "errors": ["0698765432 is odd"]},
        "Léa is odd",
    ],
)
def test_no_reason_repeats_personal_data(world: World, entry: Any) -> None:
    world.api.respond = refusing(entry)
    counts = world.counts("r1", [BAD])
    (kept,) = world.refused.all()
    for text in (kept["reason"], *counts.refusals):
        assert "odd" in text
        assert "Léa" not in text
        assert not any(part in text for part in ("5678", "56 78", "9876"))


def test_ids_and_dates_stay_readable() -> None:
    payload = '{"product_id": 1100000012, "phone_number": "+33612345678"}'
    said = "product 1100000012 of 2026-05-12T10:30:00 is odd"
    assert without_long_numbers(without_persons(said, [payload]), [payload]) == said
