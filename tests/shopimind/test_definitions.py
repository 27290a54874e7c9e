"""A custom data definition found or made, against the sandbox's ShopiMind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from connector.sandbox.faults import Fault, FaultPlan
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.planning import DefinitionSpec, calls_needed, plan_definition
from connector.shopimind.provisioning import DefinitionOutcome, ensure_definition, read_definitions
from tests.shopimind.crm import Crm


def field(name: str, kind: str = "number", required: bool = False) -> dict[str, Any]:
    return {"name": name, "label": name.title(), "type": kind, "required": required}


RELATION = {"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}
FIELDS = [field("contact_id", required=True), field("points"), field("home_store", "text")]
SPEC = DefinitionSpec("pos_profile", "Loyalty state", ["contact_id"], FIELDS, [RELATION])
ONLY_POINTS = {**SPEC.body(), "fields": FIELDS[:2]}


@pytest.fixture(
    params=[
        {},
        {"relationships_case": "snake", "definition_id_key": "id", "numeric_ids": "string"},
        {"duplicate_definition_status": 409, "activate_active_status": 200},
    ],
    ids=["plain", "odd", "other statuses"],
)
def crm(request: pytest.FixtureRequest) -> Iterator[Crm]:
    with Crm(**request.param) as running:
        yield running


def create(crm: Crm, body: dict[str, Any], *then: str) -> int:
    crm.client.custom_data_definitions.create(body).unwrap("definition")
    number: int = crm.definitions[-1]["id_definition"]
    for step in then:
        getattr(crm.client.custom_data_definitions, step)(number)
    crm.forget_calls()
    return number


def names(crm: Crm, place: int = -1) -> list[str]:
    return [each["name"] for each in crm.definitions[place]["fields"]]


def test_the_first_time_it_is_created_and_activated(crm: Crm) -> None:
    planned = calls_needed([], plan_definition(read_definitions(crm.client), SPEC)) - 1
    assert crm.calls == ["GET custom-data-definitions"]
    outcome = ensure_definition(crm.client, SPEC)
    number = crm.definitions[0]["id_definition"]
    assert outcome == DefinitionOutcome(number, "active", "sent")
    expected = [
        "GET custom-data-definitions",
        "POST custom-data-definitions",
        f"PATCH custom-data-definitions/{number}/activate",
    ]
    assert crm.calls == expected
    assert planned == 3
    assert crm.definitions[0]["status"] == "active"
    assert names(crm) == ["contact_id", "points", "home_store"]


def test_the_next_time_one_call_finds_it(crm: Crm) -> None:
    first = ensure_definition(crm.client, SPEC)
    crm.forget_calls()
    assert ensure_definition(crm.client, SPEC) == DefinitionOutcome(first.id, "active", "unchanged")
    assert crm.calls == ["GET custom-data-definitions"]


def test_it_is_found_by_name_beyond_the_first_hundred(crm: Crm) -> None:
    for n in range(105):
        crm.client.custom_data_definitions.create({**ONLY_POINTS, "name": f"other {n}"})
    number = create(crm, {**SPEC.body(), "name": "POS_Profile"}, "activate")
    assert ensure_definition(crm.client, SPEC) == DefinitionOutcome(number, "active", "unchanged")
    assert crm.calls == ["GET custom-data-definitions"] * 2


def test_one_left_in_creating_is_activated(crm: Crm) -> None:
    number = create(crm, SPEC.body())
    assert ensure_definition(crm.client, SPEC) == DefinitionOutcome(number, "active", "sent")
    assert crm.calls == ["GET custom-data-definitions", f"PATCH custom-data-definitions/{number}/activate"]


def test_it_is_extended_with_the_missing_fields_only(crm: Crm) -> None:
    number = create(crm, ONLY_POINTS, "activate")
    assert ensure_definition(crm.client, SPEC) == DefinitionOutcome(number, "active", "sent")
    assert crm.calls == ["GET custom-data-definitions", f"PATCH custom-data-definitions/{number}/extend"]
    assert names(crm) == ["contact_id", "points", "home_store"]


def test_a_deleted_homonym_is_ignored(crm: Crm) -> None:
    number = create(crm, SPEC.body(), "activate", "delete")
    outcome = ensure_definition(crm.client, SPEC)
    assert (outcome.status, outcome.outcome) == ("active", "sent")
    assert outcome.id != number


def test_an_inactive_one_is_left_to_the_merchant(crm: Crm) -> None:
    number = create(crm, ONLY_POINTS, "activate", "deactivate")
    outcome = ensure_definition(crm.client, SPEC)
    assert (outcome.id, outcome.status, outcome.outcome) == (number, "inactive", "failed")
    assert "inactive" in str(outcome.reason)
    assert crm.calls == ["GET custom-data-definitions"]
    assert crm.definitions[0]["status"] == "inactive"


@pytest.mark.parametrize("applied", [True, False], ids=["done", "not done"])
@pytest.mark.parametrize("step", ["POST custom-data-definitions$", "PATCH activate", "PATCH extend"])
def test_a_lost_answer_at_any_step_leads_to_the_same_end(crm: Crm, step: str, applied: bool) -> None:
    if "extend" in step:
        create(crm, ONLY_POINTS)
    method, path = step.split(" ")
    crm.break_once(method, path, kind="answer", status=503, applied=applied)
    outcome = ensure_definition(crm.client, SPEC)
    assert (outcome.status, outcome.outcome) == ("active", "sent")
    assert len(crm.definitions) == 1
    assert crm.definitions[0]["status"] == "active"
    assert names(crm) == ["contact_id", "points", "home_store"]


def test_a_name_taken_meanwhile_by_another_run_is_used(crm: Crm) -> None:
    definitions = crm.client.custom_data_definitions
    create_ours = definitions.create

    def create_after_the_other_run(item: Any) -> Any:
        with crm.another_client() as other:
            ensure_definition(other, SPEC)
        return create_ours(item)

    definitions.create = create_after_the_other_run  # type: ignore[method-assign]
    outcome = ensure_definition(crm.client, SPEC)
    assert (outcome.id, outcome.status) == (crm.definitions[0]["id_definition"], "active")
    assert len(crm.definitions) == 1


def test_one_that_another_run_activates_meanwhile_is_used(crm: Crm) -> None:
    number = create(crm, SPEC.body())
    definitions = crm.client.custom_data_definitions
    activate_ours = definitions.activate

    def activate_after_the_other_run(item_id: int) -> Any:
        with crm.another_client() as other:
            assert other.custom_data_definitions.activate(item_id).ok
        return activate_ours(item_id)

    definitions.activate = activate_after_the_other_run  # type: ignore[method-assign]
    assert ensure_definition(crm.client, SPEC) == DefinitionOutcome(number, "active", "sent")
    assert [each["status"] for each in crm.definitions] == ["active"]


def test_a_refusal_is_told_in_the_apis_words(crm: Crm) -> None:
    spec = DefinitionSpec("pos_profile", "", ["nowhere"], FIELDS)
    outcome = ensure_definition(crm.client, spec)
    assert (outcome.id, outcome.outcome) == (None, "refused")
    assert str(outcome.reason).startswith("custom data definition 'pos_profile': ")
    assert "HTTP 400" in str(outcome.reason)


def test_a_failure_that_lasts_is_an_outcome(crm: Crm) -> None:
    crm.server.faults = FaultPlan(faults=[Fault(kind="answer", method="PATCH", path="activate", status=503)])
    outcome = ensure_definition(crm.client, SPEC)
    assert (outcome.status, outcome.outcome) == ("creating", "failed")
    assert "HTTP 503" in str(outcome.reason)


def test_a_401_ends_it_at_once(crm: Crm) -> None:
    crm.revoke()
    with pytest.raises(InstallationInactive):
        ensure_definition(crm.client, SPEC)
    assert crm.calls == ["GET custom-data-definitions"]
