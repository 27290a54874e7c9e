"""Every mistake in `custom_data` is told before any call, all at once, with its place."""

from __future__ import annotations

import copy
from typing import Any

import pyarrow as pa
import pytest

from assets.shop import names_for
from connector.config_rows import ROW_KINDS
from connector.pos import rows
from tests.config.conftest import load, told
from tests.custom_data.declarations import CONTACT, PLACED, SHELF, TICKET, VIP, field

__all__ = ["load", "told"]


def spoilt(declaration: dict[str, Any], **changes: Any) -> dict[str, Any]:
    return {**copy.deepcopy(declaration), **changes}


def with_field(changed: dict[str, Any]) -> dict[str, Any]:
    return spoilt(VIP, fields=[CONTACT, changed])


def test_what_is_right_loads(load):
    (shop,) = load({"custom_data": ["pos_stock", "pos_store_activity", VIP, PLACED, SHELF, TICKET]})
    assert [each.name for each in shop.custom_data][:2] == ["pos_stock", "pos_store_activity"]
    assert load({})[0].custom_data == load({"custom_data": None})[0].custom_data == ()


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("emial", "did you mean email?"),
        ("sk_live_51H", "names an unknown column"),
        ("lowr(email)", "did you mean lower?"),
        ("lower(customer_id)", "lower takes text as argument 1, and gets a whole number"),
        ("default(email, 1)", "takes arguments of one type"),
        ("lower()", "takes 1 argument(s), not 0"),
        ("concat(email)", "or more"),
        ("customer_id", "gives a whole number, which a field of type text does not take"),
        ("email + email", "there are no operators"),
        ("email.upper()", "may only have columns"),
        ("__import__('os').system('true')", "may only have columns"),
        ("lower(text=email)", "separated by commas"),
        ("lower(*email)", "separated by commas"),
        ("[email", "is not an expression"),
        ("(" * 250, "is not an expression"),
        ("b'x'", "neither text"),
        (r"'\ud800'", "cannot be sent"),
        (r"concat('\x00', email)", "cannot be sent"),
        ("text(99999999999)", "has a number past"),
        ("'" + "x" * 400 + "'", "is longer than"),
    ],
)  # fmt: skip
def test_an_expression_that_is_none_or_does_not_fit(told, value, message):
    mistakes = told({"custom_data": [with_field(field("x", "text", value))]})
    assert list(mistakes) == ["shops[0].custom_data[0].fields[1].value"]
    assert message in mistakes["shops[0].custom_data[0].fields[1].value"]
    assert "sk_live" not in str(mistakes)


def test_all_of_them_at_once(told):
    wrong_fields = [
        CONTACT,
        field("id_data_source", "number", "1"),
        field("l", "list", "email"),
        field("L", "text", "email"),
    ]
    mistakes = told(
        {
            "custom_data": [
                spoilt(VIP, unique_keys=["card_no"], fields=wrong_fields),
                spoilt(VIP, name="VIP_Card"),
                spoilt(TICKET, name="Pos_Profile"),
                spoilt(TICKET, name="orders"),
                spoilt(TICKET, name="ticket2", source="home_store"),
                spoilt(PLACED, name="lonely"),
                spoilt(SHELF, name="odd", colour="red"),
                spoilt(TICKET, name="fidélité"),
                "pos_stok",
            ]
        }
    )
    places = {
        "[0].unique_keys[0]", "[0].fields[1].name", "[0].fields[2].options", "[0].fields[3].name", "[1].name", "[2].name",
        "[3].name", "[4].source", "[5].fields[1].relates_to", "[6].colour", "[7].name", "[8]",
    }  # fmt: skip
    assert set(mistakes) == {f"shops[0].custom_data{place}" for place in places}


def test_a_circle_concerns_only_its_own_definitions(told):
    def related(name: str, to: str) -> dict[str, Any]:
        return spoilt(SHELF, name=name, fields=[*SHELF["fields"], field("other", "number", "parent_id", relates_to=to)])

    mistakes = told({"custom_data": [related("one", "two"), related("two", "one"), related("three", "one"), SHELF]})
    assert set(mistakes) == {f"shops[0].custom_data[{place}].fields[2].relates_to" for place in (0, 1)}


def test_a_relation_takes_what_its_target_is_found_by(told):
    text = field("shelf", "text", "name", relates_to="shelf")
    contact = field("buyer", "number", "customer_id", relates_to="contacts")
    bare = field("buyer", "number", "contact(customer_id)")
    mistakes = told(
        {
            "custom_data": [
                SHELF,
                spoilt(PLACED, fields=[PLACED["fields"][0], text]),
                with_field(contact),
                spoilt(VIP, name="v", fields=[CONTACT, bare]),
            ]
        }
    )
    assert "another type of value" in mistakes["shops[0].custom_data[1].fields[1].relates_to"]
    assert "contact(...)" in mistakes["shops[0].custom_data[2].fields[1].value"]
    assert "must be contacts" in mistakes["shops[0].custom_data[3].fields[1].relates_to"]


def test_no_definition_can_take_the_name_of_an_asset(load, told):
    (shop,) = load({})
    for name in names_for(shop, ()):
        assert told({"custom_data": [spoilt(TICKET, name=name)]}), name


@pytest.mark.parametrize("kind", ["categories", "brands", "stores", "stock", "customers", "products"])
def test_the_columns_are_those_of_the_tills_rows(kind):
    schema = getattr(rows, kind.upper())
    made = {"home_store_id", "orders_count", "amount_spent", "first_order_at", "last_order_at", "stock"}
    lists = {column.name for column in schema if pa.types.is_nested(column.type)}  # no value of a field
    assert set(ROW_KINDS[kind].columns) - made == set(schema.names) - lists - {"problems", "listed"}
