"""What ShopiMind lacks, told from what it lists, without any call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connector.shopimind.planning import (
    DefinitionSpec,
    WantedSource,
    calls_needed,
    plan_definition,
    plan_sources,
)

ACCOUNT = {"connector": "pos-to-shopimind", "pos": "till", "account": "lea"}
PARENT = WantedSource(ACCOUNT, "Maison Léa", "Maison Léa (lea)", parent=True)


def child(store_id: int, name: str = "") -> WantedSource:
    label = f"Maison Léa - {name or store_id}"
    return WantedSource(ACCOUNT | {"store_id": str(store_id)}, label, f"{label} ({store_id})", parent=False)


def row(number: Any, label: str, config: Any = None, **rest: Any) -> dict[str, Any]:
    text = json.dumps(config) if isinstance(config, dict) else config
    return (
        {"id_data_source": number, "label": label, "type": "api", "active": True, "parent_id": None}
        | rest
        | {"config": text}
    )


def plan(existing: list[dict[str, Any]], *wanted: WantedSource) -> list[tuple[str, int | None, dict[str, Any]]]:
    return [
        (action.kind, action.id_data_source, dict(action.body)) for action in plan_sources(existing, [PARENT, *wanted])
    ]


OWN = row(5, "Maison Léa", ACCOUNT)
LYON = row(6, "Maison Léa - Lyon", ACCOUNT | {"store_id": "1"}, parent_id=5)


def test_what_is_there_as_wanted_needs_nothing() -> None:
    assert plan([OWN, LYON], child(1, "Lyon")) == [("unchanged", 5, {}), ("unchanged", 6, {})]


def test_ids_and_keys_may_come_as_text_and_the_config_as_an_object() -> None:
    lyon = LYON | {"id_data_source": "6", "parent_id": "5", "config": ACCOUNT | {"store_id": 1, "note": "x"}}
    assert plan([OWN | {"id_data_source": "5"}, lyon], child(1, "Lyon")) == [("unchanged", 5, {}), ("unchanged", 6, {})]


def test_a_missing_source_is_created_with_its_ids_in_the_config() -> None:
    (_, _, _), (kind, _, body) = plan([OWN], child(3))
    assert (kind, body["label"], body["type"], body["parent_id"]) == ("create", "Maison Léa - 3", "api", 5)
    assert json.loads(body["config"]) == ACCOUNT | {"store_id": "3"}


def test_a_child_of_a_parent_still_to_be_made_does_not_know_it_yet() -> None:
    (kind, _, _), (child_kind, _, body) = plan([], child(3))
    assert (kind, child_kind) == ("create", "create")
    assert "parent_id" not in body


@pytest.mark.parametrize("config", [None, "", "{}", "[]", "null", "no json {"])
def test_a_source_of_the_label_whose_config_names_nobody_is_taken_over(config: str | None) -> None:
    (adopted,) = plan([row(8, " Maison Léa ", config)])
    assert adopted[:2] == ("update", 8)
    assert json.loads(adopted[2]["config"]) == ACCOUNT


@pytest.mark.parametrize(
    "foreign",
    [
        row(8, "Maison Léa", {"connector": "another"}),
        row(8, "Maison Léa", {"note": "mine"}),
        row(8, "Maison Léa", ACCOUNT | {"account": "someone"}),
        row(8, "Maison Léa", ACCOUNT | {"store_id": "9"}),
        row(8, "Maison Léa", None, type="web"),
        row(8, "MAISON LÉA ", None, type=None),
    ],
)
def test_a_source_of_somebody_else_keeps_its_label(foreign: dict[str, Any]) -> None:
    ((kind, _, body),) = plan([foreign])
    assert (kind, body["label"]) == ("create", "Maison Léa (lea)")


def test_the_parent_is_not_mistaken_for_one_of_its_children() -> None:
    assert plan([LYON])[0][0] == "create"


def test_a_renamed_store_updates_its_label() -> None:
    assert plan([OWN, LYON], child(1, "Lyon Bellecour"))[1] == ("update", 6, {"label": "Maison Léa - Lyon Bellecour"})


def test_a_deactivated_source_is_reactivated() -> None:
    for inactive in (False, 0, "0"):
        assert plan([OWN, LYON | {"active": inactive}], child(1, "Lyon"))[1] == ("update", 6, {"active": True})


def test_a_child_that_lost_its_parent_gets_it_back() -> None:
    assert plan([OWN, LYON | {"parent_id": None}], child(1, "Lyon"))[1] == ("update", 6, {"parent_id": 5})


def test_two_stores_of_one_name_are_told_apart_for_good() -> None:
    created = plan([OWN], child(1, "Lyon"), child(2, "Lyon"))
    assert [body["label"] for _, _, body in created[1:]] == ["Maison Léa - Lyon", "Maison Léa - Lyon (2)"]
    second = row(7, "Maison Léa - Lyon (2)", ACCOUNT | {"store_id": "2"}, parent_id=5)
    assert [kind for kind, _, _ in plan([OWN, LYON, second], child(1, "Lyon"), child(2, "Lyon"))] == ["unchanged"] * 3


def test_a_label_that_became_free_is_taken_back() -> None:
    variant = LYON | {"label": "Maison Léa - Lyon (1)"}
    assert plan([OWN, variant], child(1, "Lyon"))[1] == ("update", 6, {"label": "Maison Léa - Lyon"})


def test_of_two_sources_of_one_store_the_lowest_id_is_used_and_the_other_told() -> None:
    twin = LYON | {"id_data_source": 9, "label": "Maison Léa - Lyon bis"}
    action = plan_sources([twin, OWN, LYON], [PARENT, child(1, "Lyon")])[1]
    assert (action.kind, action.id_data_source, action.duplicates) == ("unchanged", 6, (9,))


def test_the_order_of_the_list_changes_nothing() -> None:
    rows = [OWN, LYON, row(8, "Maison Léa - 2"), row(9, "Maison Léa - 2")]
    wanted = (child(1, "Lyon"), child(2))
    assert plan(rows, *wanted) == plan(rows[::-1], *wanted)


def test_exactly_one_parent_has_to_be_wanted() -> None:
    for wanted in ([child(1)], [PARENT, PARENT]):
        with pytest.raises(ValueError, match="parent"):
            plan_sources([], wanted)


# --- definitions ---------------------------------------------------------------------------------------------------

FIELDS = [{"name": name, "label": name, "type": "number", "required": False} for name in ("contact_id", "points")]
RELATION = {"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}
SPEC = DefinitionSpec("pos_profile", "Loyalty", ["contact_id"], FIELDS, [RELATION])


def definition(number: Any, status: str, **rest: Any) -> dict[str, Any]:
    known = {"name": "pos_profile", "fields": FIELDS, "relationships": [RELATION]}
    return {"id_definition": number, "status": status} | known | rest


def test_an_active_definition_with_all_fields_needs_nothing() -> None:
    action = plan_definition([definition("7", "active")], SPEC)
    assert (action.id, action.status, action.needed, action.calls) == (7, "active", False, 0)


def test_the_id_may_have_either_name() -> None:
    assert plan_definition([{"id": 7, "name": "POS_Profile ", "status": "active"}], SPEC).id == 7


def test_a_deleted_homonym_is_ignored() -> None:
    action = plan_definition([definition(3, "deleted")], SPEC)
    assert (action.create, action.activate, action.calls) == (True, True, 2)


def test_one_left_in_creating_is_activated() -> None:
    action = plan_definition([definition(3, "creating")], SPEC)
    assert (action.create, action.activate, action.id, action.calls) == (False, True, 3, 1)


def test_an_inactive_one_is_the_merchants_choice() -> None:
    action = plan_definition([definition(3, "inactive", fields=[])], SPEC)
    assert (action.needed, action.calls) == (False, 0)
    assert "inactive" in str(action.reason)


def test_of_several_the_most_usable_then_the_lowest_is_used() -> None:
    rows = [
        definition(n, s) for n, s in [(1, "deleted"), (2, "creating"), (3, "inactive"), (5, "active"), (4, "active")]
    ]
    assert [plan_definition(rows[:most], SPEC).id for most in (1, 2, 3, 4, 5)] == [None, 2, 3, 5, 4]


def test_only_missing_fields_are_added() -> None:
    action = plan_definition([definition(3, "active", fields=[FIELDS[0], {"name": "mine"}])], SPEC)
    assert dict(action.additions) == {"fields": [FIELDS[1]]}


def test_a_relation_in_the_other_spelling_is_there_already() -> None:
    there = [{"source_field": "contact_id", "target_schema_type": "system", "target_schema": "contacts"}]
    assert not plan_definition([definition(3, "active", relationships=there)], SPEC).needed


def test_a_missing_relation_is_added() -> None:
    action = plan_definition([definition(3, "active", relationships=[])], SPEC)
    assert dict(action.additions) == {"relationships": [RELATION]}


def test_what_the_list_leaves_out_is_not_added() -> None:
    assert not plan_definition([{"id": 3, "name": "pos_profile", "status": "active"}], SPEC).needed


def test_the_calls_of_a_plan_are_counted() -> None:
    sources = plan_sources([OWN], [PARENT, child(1), child(2)])
    assert calls_needed(sources) == 3
    assert calls_needed(sources, plan_definition([], SPEC), definitions_listed=0) == 3 + 1 + 2
    assert calls_needed(sources, plan_definition([], SPEC), definitions_listed=201) == 3 + 3 + 2
