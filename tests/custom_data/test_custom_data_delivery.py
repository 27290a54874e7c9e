"""Custom data of one's own, from the till to ShopiMind through real HTTP against the strict sandbox."""

from __future__ import annotations

import copy
from typing import Any

from tests.custom_data.conftest import STOCK, Declare, declare
from tests.custom_data.declarations import PLACED, SHELF, TICKET, VIP, field
from tests.sync.test_sync_plan import assert_the_sync_does_what_the_plan_says
from tests.sync.world import World


def by(world: World, name: str, *keys: str) -> dict[Any, dict[str, Any]]:
    return {tuple(row[key] for key in keys): row for row in world.held(name)}


def definition(world: World, name: str) -> dict[str, Any]:
    (found,) = [d for d in world.sandbox.crm.shops["alpha"].definitions.values() if d["name"] == name]
    return found


def test_without_a_declaration_nothing_changes(declared: Declare) -> None:
    world = declared()
    assert world.sync().code == 0
    assert [each["name"] for each in world.sandbox.crm.shops["alpha"].definitions.values()] == ["pos_profile"]


def test_the_built_in_ones_say_what_each_store_knows(declared: Declare) -> None:
    world = declared("pos_store_activity", "pos_stock")
    ran = world.sync()
    assert ran.code == 0, ran.shop()["message"]
    sources = world.sources()
    activity = world.held("pos_store_activity")
    found = {
        (row["store"], row["id_data_source"]): (row["orders_count"], row["amount_spent"], row["currency"])
        for row in activity
        if row["orders_count"] == 2
    }
    assert found == {("Lyon", sources["1"]): (2, 22.55, "EUR")}
    denis = next(row for row in activity if row["store_id"] == 2)
    assert (denis["orders_count"], denis["amount_spent"]) == (1, 20.0)  # 40.00 less the return that is not sent
    assert denis["id_data_source"] == sources["2"]
    assert denis["first_order_at"].endswith("+04:00")
    stock = by(world, "pos_stock", "product_id", "store_id")
    assert {key: row["available"] for key, row in stock.items()} == {
        (900_000_011, 1): 9, (900_000_011, 2): 0, (900_000_011, 5): 0,
        (900_000_012, 1): 0, (900_000_012, 2): 0, (900_000_012, 5): 0,
    }  # fmt: skip
    assert {key[1]: row["id_data_source"] for key, row in stock.items()} == {
        int(store): sources[store] for store in ("1", "2", "5")
    }
    assert STOCK[2]["stock_available"] == -1


def test_one_of_ones_own_has_every_type_exactly(declared: Declare) -> None:
    world = declared(VIP)
    ran = world.sync()
    assert (ran.code, ran.row("vip_card")["sent"]) == (0, 3), ran.shop()["message"]
    cards = {row["card"]: row for row in world.held("vip_card")}
    assert set(cards) == {"VIP-101", "VIP-102", "VIP-104"}  # 103 has no e-mail, so ShopiMind does not have him
    ines, bastien = cards["VIP-101"], cards["VIP-102"]
    assert (ines["points"], ines["spent"], ines["tier"], ines["opted_in"]) == (40, 22.55, "none", False)
    assert (bastien["tier"], type(bastien["points"])) == ("REU", int)
    assert ines["id_data_source"] == world.sources()["1"]
    made = definition(world, "vip_card")
    assert (made["status"], made["unique_keys"]) == ("active", ["contact_id"])
    assert [each["name"] for each in made["fields"]] == [*(each["name"] for each in VIP["fields"]), "id_data_source"]


def test_an_unchanged_second_run_writes_nothing(declared: Declare) -> None:
    world = declared("pos_store_activity", "pos_stock", VIP, SHELF, PLACED, TICKET)
    assert world.sync().code == 0
    world.record()
    again = world.sync()
    assert again.code == 0
    assert world.crm_calls(writes=True) == []
    assert {name: again.row(name)["unchanged"] for name in ("vip_card", "ticket", "pos_stock")} == {
        "vip_card": 3, "ticket": 8, "pos_stock": 6,
    }  # fmt: skip


def test_a_plan_predicts_the_sync(declared: Declare) -> None:
    world = declared("pos_store_activity", "pos_stock", VIP, PLACED, SHELF, TICKET)
    planned, _ = assert_the_sync_does_what_the_plan_says(world)
    assert planned.row("placed")["new"] == 3
    assert_the_sync_does_what_the_plan_says(world)
    world.till().put("customers", {"customers_id": 101, "loyalty_points": 41})
    planned, _ = assert_the_sync_does_what_the_plan_says(world, "--only", "vip_card")
    assert (planned.row("vip_card")["changed"], set(planned.rows())) == (1, {("vip_card", None)})


def test_a_plan_of_one_of_them_alone_predicts_the_sync_of_an_empty_shop(declared: Declare) -> None:
    world = declared(PLACED, SHELF)
    planned, _ = assert_the_sync_does_what_the_plan_says(world, "--only", "placed")
    assert planned.row("placed")["read"] == 0  # ShopiMind has no product yet
    assert planned.row("shelf")["new"] == 2  # what it relates to comes first


def test_a_relation_to_another_definition_names_it_and_the_field_it_is_found_by(declared: Declare) -> None:
    world = declared(PLACED, SHELF)
    assert world.sync().code == 0
    (custom,) = [each for each in definition(world, "placed")["relationships"] if each["targetSchemaType"] == "custom"]
    assert custom["targetSchema"] == str(definition(world, "shelf")["id_definition"])
    assert (custom["sourceField"], custom["targetField"]) == ("shelf", "shelf_no")


def test_a_new_field_extends_the_definition_and_sends_the_records_again(declared: Declare) -> None:
    world = declared(VIP)
    world.sync()
    more = copy.deepcopy(VIP)
    more["fields"].append(field("mail", "text", "lower(email)"))
    declare(world, more)
    world.record()
    ran = world.sync()
    assert (ran.code, ran.row("vip_card")["sent"]) == (0, 3)
    assert [each["path"].rsplit("/", 1)[-1] for each in world.crm_calls(writes=True)].count("extend") == 1
    assert {row["mail"] for row in world.held("vip_card")} >= {"ines.morvane@example.org"}


def test_a_field_that_is_there_with_another_type_is_told_and_its_records_are_judged_by_shopimind(
    declared: Declare,
) -> None:
    world = declared(VIP)
    world.sync()
    retyped = copy.deepcopy(VIP)
    retyped["fields"][2] = field("points", "text", "default(loyalty_points, 'none')")
    declare(world, retyped)
    ran = world.sync()
    assert (ran.code, ran.row("vip_card")["refused"]) == (3, 3)
    assert "as number in ShopiMind, not as text" in ran.err


def test_an_inactive_definition_is_the_merchants_choice(declared: Declare) -> None:
    world = declared(VIP, TICKET)
    world.sync()
    definition(world, "vip_card")["status"] = "inactive"
    world.till().put("customers", {"customers_id": 101, "loyalty_points": 41})
    planned, ran = world.plan(), world.sync()
    assert (ran.code, ran.row("vip_card")["failed"], planned.row("vip_card")["failed"]) == (1, 1, 1)
    assert ran.row("ticket")["failed"] == 0
    assert definition(world, "vip_card")["status"] == "inactive"


def test_a_row_that_cannot_be_computed_is_refused_like_any_other_and_corrected_in_the_till(declared: Declare) -> None:
    world = declared(VIP)
    world.till().put("customers", {"customers_id": 102, "country": "ESP"})
    ran = world.sync()
    assert (ran.code, ran.row("vip_card")["refused"], ran.row("vip_card")["sent"]) == (3, 1, 2)
    (refused,) = world.refused("list", "--entity", "vip_card").document["refused"]
    assert (refused["field"], refused["reason"]) == ("tier", "not one of the list's options")
    world.till().put("customers", {"customers_id": 102, "country": "REU"})
    assert world.sync().row("vip_card")["sent"] == 1
    assert world.refused("list").document["refused"] == []


def test_of_rows_with_one_key_the_first_is_sent_and_the_others_are_refused(declared: Declare) -> None:
    clash = copy.deepcopy(TICKET)
    clash["fields"] = [field("ticket_id", "text", "currency", required=True), *TICKET["fields"][3:]]
    world = declared(clash)
    ran = world.sync()
    assert (ran.row("ticket")["sent"], ran.row("ticket")["refused"]) == (1, 7)
    world.record()
    assert world.sync().row("ticket")["unchanged"] == 1
    assert world.crm_calls(writes=True) == []


def test_only_takes_a_definition_of_the_shop_and_no_other_word(declared: Declare) -> None:
    world = declared(VIP)
    assert world.sync("--only", "vip_cards").code == 2
    assert world.status().row("vip_card")["delivered"] == 0
    world.sync()
    assert world.status().row("vip_card")["delivered"] == 3


def test_reconcile_counts_them_and_repair_sends_what_is_gone(declared: Declare) -> None:
    world = declared(VIP)
    world.sync()
    data = world.sandbox.crm.shops["alpha"]
    kind = next(k for k in data.tables if k.endswith(str(definition(world, "vip_card")["id_definition"])))
    key = next(iter(data.tables[kind].accepted))
    data.save(kind, [(key, None)])
    arguments = ("reconcile", "--json", "--shops", str(world.shops_file))
    assert world.run(*arguments).code == 1
    assert world.run(*arguments, "--repair").code == 0
    assert len(world.held("vip_card")) == 3
