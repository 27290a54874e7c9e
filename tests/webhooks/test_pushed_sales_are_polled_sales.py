"""A pushed sale becomes the very records that it would have become when it was read, whatever is odd about it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.config import Rules, Shop, load_shops
from connector.mapping.context import ShopContext, shop_context
from connector.mapping.known_customers import KnownCustomers
from connector.mapping.orders import map_orders
from connector.pos.hiboutik_pushed import pushed_sale
from connector.pos.protocol import PointOfSale, SaleNeeds
from connector.pos.rows import SALES, to_table
from connector.pos.systems import open_point_of_sale
from connector.sandbox.accounts import is_closed
from connector.sandbox.serve import Sandbox
from connector.sandbox.till_sender import encoded, sale_payload
from tests.pos.loopback_till import Counter, Memory

SAMPLES = Path(__file__).parents[2] / "data_samples"
DAYS = [date(2026, 10, 1) + timedelta(days=number) for number in range(52)]
EVERYTHING = {
    "customers_without_email": "send",
    "anonymous_sales": "send",
    "web_orders": "send",
    "returns": "send",
    "return_lines": "send",
    "fractional_quantity": "round",
}


@pytest.fixture(scope="module")
def sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    folder = tmp_path_factory.mktemp("samples")
    with Sandbox(folder / "sandbox", SAMPLES) as served:
        served.write_shops_yaml(folder / "shops.yaml")
        yield served


@pytest.fixture(params=["maison-lea", "atelier-noa"])
def shop(sandbox: Sandbox, request: pytest.FixtureRequest, tmp_path: Path) -> Shop:
    sandbox.write_shops_yaml(tmp_path / "shops.yaml")
    return next(each for each in load_shops(tmp_path / "shops.yaml") if each.key == request.param)


@contextmanager
def opened(shop: Shop, rules: Rules) -> Iterator[PointOfSale]:
    till = open_point_of_sale(shop.pos, rules, Counter(100_000), Memory())
    try:
        yield till
    finally:
        till.close()


def polled(till: PointOfSale, ctx: ShopContext, rules: Rules) -> pa.Table:
    needs = SaleNeeds(rules.anonymous_sales == "send", rules.web_orders == "skip")
    return pa.concat_tables(till.sales(store.store_id, day, needs) for store in ctx.stores for day in DAYS)


def pushed(sandbox: Sandbox, shop: Shop, sale_ids: list[int]) -> pa.Table:
    till = sandbox.till.tills[shop.pos.account]
    bodies = [encoded(sale_payload(till.sale(sale_id), till, sandbox.till.server)) for sale_id in sale_ids]
    return to_table([pushed_sale(body).row for body in bodies], SALES)


def records(ctx: ShopContext, sales: pa.Table, known: KnownCustomers) -> dict[str, dict[str, Any]]:
    mapped = map_orders(ctx, sales, known, {})
    return {record["external_id"]: record for record in mapped.records.to_pylist()}


def facts(ctx: ShopContext, sales: pa.Table, known: KnownCustomers) -> list[dict[str, Any]]:
    """Of customers: nobody asks whether a sale to nobody came from a web shop."""
    return [fact for fact in map_orders(ctx, sales, known, {}).facts.to_pylist() if fact["customer_id"]]


SWITCHES = [
    {},
    {"return_sign": "price"},
    {"fractions": "text", "rate_decimals": 3},
    {"sale_detail": "2021"},
    {"closed_sales_ref_key": False},
]


@pytest.mark.parametrize("given", [{}, EVERYTHING], ids=["usual rules", "everything is sent"])
@pytest.mark.parametrize("switches", SWITCHES, ids=str)
def test_every_pushed_sale_of_the_samples_makes_the_records_of_the_polled_one(
    sandbox: Sandbox, shop: Shop, given: dict[str, Any], switches: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in switches.items():
        monkeypatch.setattr(sandbox.till.switches, name, value)
    shop = shop.model_copy(update={"rules": Rules(**given)})
    with opened(shop, shop.rules) as till:
        ctx = shop_context(shop, DAYS[0], till.stores())
        known = KnownCustomers()
        for page in till.customers():
            known.add(page)
        known.freeze()
        as_polled = polled(till, ctx, shop.rules)
    sale_ids = as_polled["sale_id"].to_pylist()
    assert len(sale_ids) == len(set(sale_ids))
    as_pushed = pushed(sandbox, shop, sale_ids)

    wanted, found = records(ctx, as_polled, known), records(ctx, as_pushed, known)
    assert len(wanted) > 100
    assert found.keys() == wanted.keys()
    for name in wanted:
        assert found[name] == wanted[name]
    assert facts(ctx, as_pushed, known) == facts(ctx, as_polled, known)


def test_the_samples_have_what_can_be_odd_about_a_sale(sandbox: Sandbox) -> None:
    """What makes the comparison above worth something."""
    till = sandbox.till.tills["maison-lea"]
    sales = [sale for number in range(1, 2_000) if (sale := till.sale(number)) and is_closed(sale)]
    lines = [line for sale in sales for line in sale["line_items"]]
    assert any(float(sale["total"]) < 0 for sale in sales)
    assert any(sale["payment"] == "DIV" for sale in sales)
    assert any(sale.get("without_taxes") for sale in sales)
    assert any(sale.get("sale_ext_ref") for sale in sales)
    assert any(sale["customer_id"] == 0 for sale in sales)
    assert any(float(line.get("discount", 0)) for line in lines)
    assert any(line["quantity"] != int(line["quantity"]) for line in lines)
    assert any(line["product_id"] == 0 for line in lines)
