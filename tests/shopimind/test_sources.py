"""Data sources found or made, against the sandbox's ShopiMind: once, whatever happens to the calls."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from connector.sandbox.faults import Fault, FaultPlan
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope, InstallationInactive
from connector.shopimind.planning import WantedSource, calls_needed, plan_sources
from connector.shopimind.provisioning import ensure_sources, read_sources
from tests.shopimind.crm import Crm

ACCOUNT = {"connector": "pos-to-shopimind", "pos": "till", "account": "lea"}
PARENT = WantedSource(ACCOUNT, "Maison Léa", "Maison Léa (lea)", parent=True)


def child(store_id: int, name: str) -> WantedSource:
    label = f"Maison Léa - {name}"
    return WantedSource(ACCOUNT | {"store_id": str(store_id)}, label, f"{label} ({store_id})", parent=False)


WANTED = [PARENT, child(1, "Lyon"), child(2, "Paris")]


@pytest.fixture
def crm() -> Iterator[Crm]:
    with Crm() as running:
        yield running


def ours(crm: Crm) -> list[tuple[str, bool]]:
    return [(source["label"], source["active"]) for source in crm.sources if not source["is_default"]]


def ensured(
    crm: Crm, wanted: list[WantedSource] = WANTED, client: ShopiMind | None = None
) -> list[tuple[str, int | None]]:
    return [(found.outcome, found.id_data_source) for found in ensure_sources(client or crm.client, wanted)]


def test_the_first_time_they_are_made_parent_first_with_one_call_each(crm: Crm) -> None:
    planned = calls_needed(plan_sources(read_sources(crm.client), WANTED))
    assert crm.calls == ["GET data-sources"]
    children_first = [WANTED[1], WANTED[2], WANTED[0]]
    outcomes = ensure_sources(crm.client, children_first)
    assert [found.outcome for found in outcomes] == ["sent"] * 3
    assert crm.calls == ["GET data-sources"] + ["POST data-sources"] * 3
    assert planned == 4
    parent = outcomes[2].id_data_source
    made = {source["label"]: source for source in crm.sources}
    assert made["Maison Léa"]["parent_id"] is None
    assert made["Maison Léa - Lyon"]["parent_id"] == made["Maison Léa - Paris"]["parent_id"] == parent
    assert made["Maison Léa - Lyon"]["type"] == "api"
    assert json.loads(made["Maison Léa - Lyon"]["config"]) == ACCOUNT | {"store_id": "1"}


def test_the_next_time_one_call_finds_them(crm: Crm) -> None:
    first = ensured(crm)
    assert len(crm.calls) == 4
    assert ensured(crm) == [("unchanged", number) for _, number in first]
    assert crm.calls == ["GET data-sources"]


def test_a_new_store_costs_one_call_more(crm: Crm) -> None:
    ensured(crm)
    assert [outcome for outcome, _ in ensured(crm, [*WANTED, child(3, "Nice")])] == ["unchanged"] * 3 + ["sent"]
    assert len(crm.sources) == 5


def test_a_renamed_store_updates_its_label(crm: Crm) -> None:
    first = ensured(crm)
    crm.forget_calls()
    renamed = [PARENT, child(1, "Lyon Bellecour"), child(2, "Paris")]
    assert ensured(crm, renamed) == [("unchanged", first[0][1]), ("sent", first[1][1]), ("unchanged", first[2][1])]
    assert ours(crm) == [("Maison Léa", True), ("Maison Léa - Lyon Bellecour", True), ("Maison Léa - Paris", True)]
    assert crm.calls == ["GET data-sources", f"PUT data-sources/{first[1][1]}"]


def test_two_stores_that_swap_names_end_with_the_right_ones(crm: Crm) -> None:
    ensured(crm)
    swapped = [PARENT, child(1, "Paris"), child(2, "Lyon")]
    ensured(crm, swapped)
    ensured(crm, swapped)
    assert ours(crm) == [("Maison Léa", True), ("Maison Léa - Paris", True), ("Maison Léa - Lyon", True)]


def test_a_deactivated_source_is_reactivated(crm: Crm) -> None:
    first = ensured(crm)
    crm.client.data_sources.delete(first[0][1] or 0)  # the children lose their parent, too
    crm.client.data_sources.delete(first[1][1] or 0)
    assert ensured(crm) == [("sent", number) for _, number in first]
    assert all(active for _, active in ours(crm))
    assert [source["parent_id"] for source in crm.sources[2:]] == [first[0][1]] * 2


def test_a_source_made_by_hand_under_the_label_is_taken_over(crm: Crm) -> None:
    made = crm.client.data_sources.create({"label": "Maison Léa - Lyon ", "type": "api"}).unwrap("source")
    assert ("sent", made["id_data_source"]) in ensured(crm)
    assert len(crm.sources) == 4
    ensured(crm)
    assert crm.calls[-1] == "GET data-sources"


def test_a_label_that_somebody_else_has_gets_the_stores_id(crm: Crm) -> None:
    crm.client.data_sources.create({"label": "maison léa - lyon", "type": "api", "config": {"connector": "another"}})
    assert [outcome for outcome, _ in ensured(crm)] == ["sent"] * 3
    assert ("Maison Léa - Lyon (1)", True) in ours(crm)
    assert [outcome for outcome, _ in ensured(crm)] == ["unchanged"] * 3


def test_a_label_that_is_refused_without_being_listed_gets_the_stores_id(crm: Crm) -> None:
    crm.break_once("POST", "data-sources", kind="answer", applied=False, status=409, body={"message": "label is taken"})
    assert [outcome for outcome, _ in ensured(crm, [PARENT])] == ["sent"]
    assert ours(crm) == [("Maison Léa (lea)", True)]


def test_ids_given_as_text_are_understood() -> None:
    with Crm(numeric_ids="string", create_status=201) as crm:
        first = ensured(crm)
        assert all(isinstance(number, int) for _, number in first)
        assert ensured(crm) == [("unchanged", number) for _, number in first]


LOST = {
    "reset": {"kind": "reset"},
    "503": {"kind": "answer", "status": 503},
    "408": {"kind": "answer", "status": 408},
    "html": {"kind": "answer", "status": 200, "body": "<html>"},
}
TAKEN_WITHOUT_ID = [{"statusCode": 200, "data": {}}, {"statusCode": 201}, {}, [], ""]


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST.keys())
@pytest.mark.parametrize("applied", [True, False], ids=["done", "not done"])
def test_a_creation_whose_answer_is_lost_is_looked_for_before_it_is_repeated(
    crm: Crm, lost: dict[str, Any], applied: bool
) -> None:
    crm.break_once("POST", "data-sources", **lost, applied=applied)
    assert ensured(crm, [PARENT]) == [("sent", crm.sources[1]["id_data_source"])]
    assert len(ours(crm)) == 1
    repeated = [] if applied else ["POST data-sources"]
    assert crm.calls == ["GET data-sources", "POST data-sources", "GET data-sources", *repeated]


@pytest.mark.parametrize("body", TAKEN_WITHOUT_ID)
def test_a_creation_that_was_taken_without_an_id_is_found_in_the_list(crm: Crm, body: Any) -> None:
    crm.break_once("POST", "data-sources", kind="answer", status=200, body=body, applied=True)
    assert ensured(crm, [PARENT]) == [("sent", crm.sources[1]["id_data_source"])]
    assert crm.calls == ["GET data-sources", "POST data-sources", "GET data-sources"]


@pytest.mark.parametrize("body", TAKEN_WITHOUT_ID)
def test_a_creation_that_was_taken_but_is_not_listed_yet_is_not_repeated(crm: Crm, body: Any) -> None:
    crm.break_once("POST", "data-sources", kind="answer", status=200, body=body, applied=False)
    (parent,) = ensure_sources(crm.client, [PARENT])
    assert (parent.outcome, parent.id_data_source) == ("failed", None)
    assert "the next run looks again" in str(parent.reason)
    assert crm.calls == ["GET data-sources", "POST data-sources", "GET data-sources"]


@pytest.mark.parametrize("wrapped", [False, True])
def test_lists_without_a_status_code_lead_to_no_second_source(crm: Crm, wrapped: bool) -> None:
    first = ensured(crm)
    body: Any = {"data": crm.sources} if wrapped else crm.sources
    crm.server.faults = _always("GET", "data-sources", 200, body)
    assert ensured(crm) == [("unchanged", number) for _, number in first]
    assert len(crm.sources) == 4


def test_a_parent_that_is_not_listed_yet_stays_the_parent_of_what_is_made_next(crm: Crm) -> None:
    crm.server.faults = FaultPlan(
        faults=[
            Fault(kind="answer", method="GET", path="data-sources", status=200, body={"data": []}),
            Fault(kind="answer", method="POST", path="data-sources", nth=2, status=503),
        ]
    )
    assert [outcome for outcome, _ in ensured(crm, WANTED[:2])] == ["sent", "sent"]
    made = crm.sources[1:]
    assert [source["parent_id"] for source in made] == [None, made[0]["id_data_source"]]


def test_two_runs_at_once_make_one_source_per_store(crm: Crm) -> None:
    both_have_looked = threading.Barrier(2, timeout=10)

    def run() -> list[tuple[str, int | None]]:
        with crm.another_client() as client:
            look, looks = client.data_sources.list, iter([True])

            def look_together() -> Envelope:
                envelope = look()
                if next(looks, False):
                    both_have_looked.wait()
                return envelope

            client.data_sources.list = look_together  # type: ignore[method-assign]
            return ensured(crm, client=client)

    with ThreadPoolExecutor(2) as pool:
        one, other = [future.result() for future in [pool.submit(run), pool.submit(run)]]
    assert [number for _, number in one] == [number for _, number in other]
    assert len(ours(crm)) == 3


def test_without_its_parent_no_child_is_made(crm: Crm) -> None:
    crm.server.faults = _always("POST", "data-sources", 500)
    outcomes = ensure_sources(crm.client, WANTED)
    assert [found.outcome for found in outcomes] == ["failed"] * 3
    assert "HTTP 500" in str(outcomes[0].reason)
    assert "its parent source could not be made" in str(outcomes[1].reason)
    assert crm.calls.count("POST data-sources") == 4
    assert ours(crm) == []


def test_a_failed_change_keeps_the_id_and_does_not_stop_the_others(crm: Crm) -> None:
    first = ensured(crm)
    crm.server.faults = _always("PUT", f"data-sources/{first[1][1]}", 503)
    renamed = [PARENT, child(1, "Lyon Bellecour"), child(2, "Paris Marais")]
    assert ensured(crm, renamed) == [("unchanged", first[0][1]), ("failed", first[1][1]), ("sent", first[2][1])]


def test_a_refusal_is_told_in_the_apis_words(crm: Crm) -> None:
    crm.server.faults = _always("POST", "data-sources", 403, {"statusCode": 403, "message": "too many sources"})
    (parent,) = ensure_sources(crm.client, [PARENT])
    assert (parent.outcome, parent.id_data_source) == ("refused", None)
    assert parent.reason == "data source 'Maison Léa': too many sources (HTTP 403)"
    assert crm.calls == ["GET data-sources", "POST data-sources", "GET data-sources"]


def test_a_list_that_cannot_be_read_fails_them_all_and_makes_none(crm: Crm) -> None:
    crm.server.faults = _always("GET", "data-sources", 502)
    assert ensured(crm) == [("failed", None)] * 3
    assert set(crm.calls) == {"GET data-sources"}


def test_a_401_ends_it_at_once(crm: Crm) -> None:
    crm.revoke()
    with pytest.raises(InstallationInactive):
        ensure_sources(crm.client, WANTED)
    assert crm.calls == ["GET data-sources"]


def test_a_401_midway_ends_it_at_once(crm: Crm) -> None:
    crm.break_once("POST", "data-sources", kind="answer", applied=False, status=401)
    with pytest.raises(InstallationInactive):
        ensure_sources(crm.client, WANTED)
    assert crm.calls == ["GET data-sources", "POST data-sources"]


def _always(method: str, path: str, status: int, body: Any = None) -> FaultPlan:
    return FaultPlan(faults=[Fault(kind="answer", method=method, path=path, status=status, body=body)])
