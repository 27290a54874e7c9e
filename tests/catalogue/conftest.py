"""Worlds whose till has sizes, tags and lists."""

from __future__ import annotations

import pytest

from connector.sandbox.accounts import Row
from tests.sync.conftest import MakeWorld, make_world, warm
from tests.sync.world import CUSTOMERS, PRODUCTS, World, day, line, sale, till_account

__all__ = ["make_world", "warm"]

SIZES: list[Row] = [
    {"size_id": 32, "size_name": "M", "barcode": "2430000012051"},
    {"size_id": 33, "size_name": "L", "barcode": ""},
]
SHIRT: Row = {
    "product_id": 21, "product_model": "Marinière", "product_price": "39.00", "product_vat": 1,
    "product_size_type": 4, "product_size_details": SIZES,
}  # fmt: skip


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """A till with a shirt in two sizes, of which one was sold; tags and lists; every rule of the catalogue switched on."""
    ines, bastien, *others = CUSTOMERS
    world = make_world(
        [
            till_account(
                customers=[ines | {"tags": [1], "lists": [1]}, bastien | {"tags": [1, 2]}, *others],
                products=[*PRODUCTS, SHIRT],
                stock=[
                    {"product_id": 21, "product_size": 32, "warehouse_id": warehouse, "stock_available": 3}
                    for warehouse in (1, 2)
                ],
                tags=[{"tag_cat_id": 1, "tag_cat": "Fidélité", "tag_details": [
                    {"tag_id": 1, "tag": "VIP"}, {"tag_id": 2, "tag": "Newsletter"}]}],
                customer_lists=[{"list_id": 1, "list_name": "Newsletter"}],
                sales=[sale(501, day(1), line(21, 1, "39.00", product_size=32), line())],
            )
        ]
    )  # fmt: skip
    world.sandbox.till.switches.customers_extra_keys = ["tags"]
    world.configure(
        lambda shops: (
            shops[0]
            .setdefault("rules", {})
            .update(variations="send", customer_groups="tags", newsletter="send", consent={"list": "Newsletter"})
        )
    )
    return world
