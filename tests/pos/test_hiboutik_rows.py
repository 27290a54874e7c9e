"""What becomes of the till's rows: typed where they can be, kept with the reason where not."""

from __future__ import annotations

from datetime import date

import pytest
from loopback_till import Reply, reply

from connector.config import Consent
from connector.pos import rows
from connector.pos.hiboutik_rows import detail_lines, is_closed_sale
from connector.pos.protocol import PosError, SaleNeeds
from connector.pos.row_reader import text_of, whole_number

STORE = {"store_id": 1, "store_name": "Centre", "store_warehouse_id": 4, "store_default_currency": "EUR",
         "store_time_zone": "Europe/Paris", "discounts": []}  # fmt: skip
PRODUCT = {"product_id": 1204, "product_model": "Mariniere", "product_barcode": "2430000012044", "product_brand": 3,
           "product_price": "39.00", "product_discount_price": "0.00", "product_category": 12, "product_arch": 0,
           "product_supplier_reference": "MAR-01", "products_desc": "Coton bio", "updated_at": "2025-02-25 11:43:36",
           "product_size_details": [{"size_id": 32}]}  # fmt: skip
CUSTOMER = {"customers_id": 5, "last_name": "Martin", "first_name": "Claire", "email": "claire.martin@example.org",
            "phone": "0612345678", "vat": "", "country": "FRA", "date_of_birth": "1987-03-14", "validity": "0000-00-00",
            "loyalty_points": 101, "intial_loyalty_points": 0, "prepaid_purchases": "0.00", "store_credit": "12.50",
            "customers_ref_ext": "", "last_order_date": "2024-06-28", "customers_code": ""}  # fmt: skip


def customers(pos):
    return [row for page in pos.customers() for row in page.to_pylist()]


def test_addresses_of_a_customer_who_was_read_by_himself_cost_no_other_call(make, till, counter):
    addresses = [{"address_id": "9", "address": "4 rue des Lilas", "city": "Lyon", "zip_code": 69003, "gender": 0}]
    till.serve(
        {
            "/customer/5": [CUSTOMER | {"addresses": addresses}],
            "/customer/6": [CUSTOMER | {"customers_id": 6, "addresses": []}],
        }
    )
    pos = make()
    pos.customers_by_id([5])
    (row,) = pos.addresses(5).to_pylist()
    assert counter.spent == 1
    assert [each for each in row["addresses"][0].items() if each[1]] == [
        ("address_id", 9), ("address", "4 rue des Lilas"), ("zip_code", "69003"), ("city", "Lyon"), ("listed", True),
    ]  # fmt: skip
    assert pos.addresses(6)["addresses"].to_pylist() == [[]]
    assert counter.spent == 2


@pytest.mark.parametrize(("page", "why"), [([], "not there"), ([{"customers_id": 6, "product_id": 6}], "has no '")])
def test_a_page_that_is_gone_or_has_not_the_key_does_not_say_that_there_is_none(make, till, page, why):
    till.serve({"/customer/6": page, "/products/6": page})
    pos = make()
    for read in (pos.addresses, pos.images):
        with pytest.raises(PosError, match=why):
            read(6)


def test_images_come_in_the_order_of_the_products_page(make, till):
    images = [{"url": "https://img.example/a.jpg", "width": "9", "height": "9"}, {"width": "9"}]
    till.serve({"/products/1204": [PRODUCT | {"images": images}]})
    (row,) = make().images(1204).to_pylist()
    assert [(each["place"], each["url"]) for each in row["images"]] == [(1, "https://img.example/a.jpg"), (2, "")]


def test_stores_come_in_the_order_of_their_ids(make, till):
    till.serve({"/stores": [{"store_id": "12"}, {"store_id": 3}, STORE]})
    table = make().stores()
    assert table.schema == rows.STORES
    assert table["store_id"].to_pylist() == [1, 3, 12]
    assert table.to_pylist()[0] == {
        "store_id": 1, "name": "Centre", "currency": "EUR", "time_zone": "Europe/Paris", "warehouse_id": 4,
        "problems": None,
    }  # fmt: skip


def test_categories_and_brands(make, till):
    till.serve({
        "/categories/": [{"category_id": 12, "category_name": "Hauts", "category_id_parent": 2, "category_enabled": 0}],
        "/brands/": [{"brand_id": 3, "brand_name": "Armor", "brand_enabled": "1"}],
    })  # fmt: skip
    pos = make()
    assert pos.categories().to_pylist() == [
        {"category_id": 12, "parent_id": 2, "name": "Hauts", "enabled": False, "problems": None}
    ]
    assert pos.brands().to_pylist() == [{"brand_id": 3, "name": "Armor", "enabled": True, "problems": None}]


@pytest.mark.parametrize("description", ["products_desc", "product_desc"])
def test_products_in_either_spelling_of_their_description(make, till, description):
    row = {key: value for key, value in PRODUCT.items() if key != "products_desc"} | {description: "Coton bio"}
    till.serve({"/products/": [row]})
    (page,) = make().products()
    assert page.schema == rows.PRODUCTS
    (found,) = page.to_pylist()
    assert [size["size_id"] for size in found.pop("sizes")] == [
        size["size_id"] for size in PRODUCT.get("product_size_details", [])
    ]
    assert found == {
        "product_id": 1204, "name": "Mariniere", "description": "Coton bio", "barcode": "2430000012044",
        "reference": "MAR-01", "price": "39.00", "promo_price": "0.00", "category_id": 12, "brand_id": 3,
        "archived": False, "updated_at": "2025-02-25 11:43:36", "listed": True, "problems": None,
    }  # fmt: skip


def test_a_size_that_cannot_be_read_is_no_fault_of_its_product(make, till):
    sizes = [{"size_id": 32, "size_name": "M", "barcode": "2430000012051"}, {"size_id": "?"}, "L"]
    till.serve({"/products/": [PRODUCT | {"product_size_details": sizes}]})
    ((product,),) = (page.to_pylist() for page in make().products())
    assert product["problems"] is None
    assert [(size["size_id"], size["name"], size["barcode"]) for size in product["sizes"]] == [
        (32, "M", "2430000012051"), (None, "", ""), (None, "", ""),
    ]  # fmt: skip
    assert [size["problems"] for size in product["sizes"]] == [
        None, "size_id: '?' is not a whole number", "the row is 'L', not an object",
    ]  # fmt: skip


def test_stock_is_one_row_per_product_size_and_warehouse(make, till):
    level = {"product_id": 1204, "product_size": 32, "warehouse_id": 1, "stock_available": 6}
    till.serve({"/stock_available/all_wh/": [level, level, level | {"warehouse_id": 2, "stock_available": 1.5}]})
    assert make().stock().to_pylist() == [
        {"product_id": 1204, "size_id": 32, "warehouse_id": 1, "available": "6", "problems": None},
        {"product_id": 1204, "size_id": 32, "warehouse_id": 2, "available": "1.5", "problems": None},
    ]


@pytest.mark.parametrize("key", ["customers_id", "customer_id"])
def test_customers_in_either_spelling_of_their_id(make, till, key):
    till.serve(
        {"/customers/": [{key: 5} | {name: value for name, value in CUSTOMER.items() if name != "customers_id"}]}
    )
    assert customers(make()) == [{
        "customer_id": 5, "first_name": "Claire", "last_name": "Martin", "email": "claire.martin@example.org",
        "phone": "0612345678", "country": "FRA", "birth_date": "1987-03-14", "last_order_date": "2024-06-28",
        "loyalty_points": "101", "store_credit": "12.50", "prepaid_balance": "0.00", "consents": False,
        "groups": None, "problems": None,
    }]  # fmt: skip


def test_null_and_missing_text_is_empty(make, till):
    till.serve({"/customers/": [{"customers_id": 16, "phone": None, "loyalty_points": None}]})
    (row,) = customers(make())
    assert (row["phone"], row["loyalty_points"], row["country"], row["problems"]) == ("", "", "", None)


def test_a_row_that_cannot_be_typed_is_kept_with_the_reason_beside_its_neighbours(make, till):
    till.serve(
        {"/customers/": [{"customers_id": "abc"}, "nonsense", {}, {"customers_id": 5, "email": ["a"]}, CUSTOMER]}
    )
    found = customers(make())
    assert [row["customer_id"] for row in found] == [None, None, None, 5]
    assert [row["problems"] for row in found] == [
        "customers_id: 'abc' is not a whole number",
        "the row is 'nonsense', not an object",
        "customers_id: None is not a whole number",
        "email: is a list or an object, not text",
    ]


def test_a_link_that_cannot_be_read_is_a_problem_and_a_missing_one_is_none(make, till):
    till.serve({"/products/": [PRODUCT | {"product_brand": "Armor", "product_category": None}]})
    (page,) = make().products()
    (row,) = page.to_pylist()
    assert (row["brand_id"], row["category_id"]) == (0, 0)
    assert row["problems"] == "product_brand: 'Armor' is not a whole number"


@pytest.mark.parametrize(("value", "number"), [(12, 12), ("12", 12), (" 12 ", 12), (12.0, 12), ("12.00", 12), (0, 0)])
def test_whole_numbers_come_in_several_dresses(value, number):
    assert whole_number(value) == number


@pytest.mark.parametrize("value", [True, None, "", "12a", 12.5, -3, "-3", 2**63, 1e30, [12], "1_2", "١٢"])
def test_anything_else_is_not_a_whole_number(value):
    assert whole_number(value) is None


@pytest.mark.parametrize(
    ("value", "text"), [(19.9, "19.9"), (1e-7, "0.0000001"), (1e22, "10000000000000000000000"), (False, "")]
)
def test_numbers_become_text_without_an_exponent(value, text):
    assert text_of(value) == text


@pytest.mark.parametrize(
    ("sale", "closed"),
    [
        ({"completed_at": "2024-06-05 11:22:32"}, True),
        ({"completed_at": "2024-06-05 11:22:32", "quotation": "0"}, True),
        ({"completed_at": "2024-06-05 11:22:32", "quotation": "1"}, False),
        ({"completed_at": "0000-00-00 00:00:00"}, False),
        ({"completed_at": ""}, False),
        ({"completed_at": None}, False),
        ({}, True),
        ("not an object", True),
    ],
)
def test_open_tickets_and_quotes_are_no_closed_sales(sale, closed):
    assert is_closed_sale(sale) == closed


ITEM = {"product_id": 1204, "quantity": 2, "product_price": "39.00", "vat": "0.20000", "discount": "7.80",
        "item_total_gross": "70.20", "tax_value": 20, "line_item_id": 57}  # fmt: skip


@pytest.mark.parametrize(
    ("page", "item", "line"),
    [
        ({}, {}, {"total": "70.20", "tax_rate": "0.20000"}),
        ({}, {"item_total_gross": ""}, {"total": "70.20"}),
        ({}, {"item_total_gross": None, "discount": None}, {"total": "78.00"}),
        ({"prices_without_taxes": 1}, {"item_total_gross": None}, {"total": "84.24"}),
        ({}, {"item_total_gross": None, "product_price": "?"}, {"total": ""}),
        ({}, {"vat": None}, {"tax_rate": "0.2"}),
        ({}, {"vat": None, "tax_value": 8.5}, {"tax_rate": "0.085"}),
        ({}, {"vat": None, "tax_value": None}, {"tax_rate": ""}),
        ({"without_taxes": 1}, {}, {"tax_rate": "0", "total": "70.20"}),
        ({}, {"quantity": 0.35}, {"quantity": "0.35"}),
        ({}, {"product_size": 32}, {"size_id": 32}),
        ({}, {"product_size": "none"}, {"size_id": None}),
    ],
)
def test_the_lines_of_a_sale_s_own_page(page, item, line):
    (found,), problems = detail_lines(page | {"line_items": [ITEM | item]})
    assert (
        found == {"product_id": 1204, "quantity": "2", "total": "70.20", "tax_rate": "0.20000", "size_id": None} | line
    )
    assert problems == []


def test_lines_that_cannot_be_typed_are_told_by_place():
    lines, problems = detail_lines({"line_items": [ITEM | {"product_id": "x"}, "text"]})
    assert [line["product_id"] for line in lines] == [0, 0]
    assert problems == [
        "line_items[0]: product_id: 'x' is not a whole number",
        "line_items[1]: the row is 'text', not an object",
    ]
    assert detail_lines({}) == ([], ["line_items: None is not a list"])


def test_small_lists_are_asked_for_without_a_page_and_long_ones_from_page_one(make, till):
    pos = make()
    for read in (pos.stores, pos.categories, pos.brands, pos.stock):
        read()
    list(pos.products())
    list(pos.customers())
    pos.sales(2, date(2026, 3, 7), SaleNeeds(anonymous_lines=True, external_reference=False))
    assert till.urls == [
        "/stores", "/categories/", "/brands/", "/stock_available/all_wh/", "/products/?p=1", "/customers/?p=1",
        "/closed_sales/2/2026/03/07",
    ]  # fmt: skip


def test_pages_are_yielded_as_they_are_read(make, till):
    till.serve({"/products/": [reply([{"product_id": n} for n in range(1, 251)]), reply([{"product_id": 251}])]})
    pages = make().products()
    assert next(pages).num_rows == 250
    assert till.urls == ["/products/?p=1"]
    assert next(pages).num_rows == 1


def test_a_list_that_miscounts_itself_is_named_as_incomplete(make, till):
    till.serve({"/products/": reply([PRODUCT], Content_Range="1-1/3")})
    pos = make()
    till_answers = till.answer
    till.answer = lambda asked: till_answers(asked) if asked.query["p"] == "1" else reply([])
    assert sum(page.num_rows for page in pos.products()) == 1
    assert pos.incomplete_lists == {"products"}
    assert len(pos.warnings) == 1
    till.serve({"/products/": [PRODUCT]})
    list(pos.products())
    assert pos.incomplete_lists == set()


def test_a_pass_that_broke_off_leaves_the_list_incomplete(make, till):
    till.serve({"/customers/": [reply([{"customers_id": n} for n in range(1, 251)]), Reply(422, b"")]})
    pos = make()
    with pytest.raises(PosError):
        list(pos.customers())
    assert pos.incomplete_lists == {"customers"}


@pytest.mark.parametrize("gone", [Reply(404, b""), reply([])])
def test_customers_by_id_leaves_out_those_who_are_gone(make, till, gone):
    till.serve({"/customer/5": [CUSTOMER], "/customer/6": {"customer_id": "6"}, "/customer/7": gone})
    assert make().customers_by_id([7, 6, 5, 6])["customer_id"].to_pylist() == [5, 6]
    assert till.urls == ["/customer/5", "/customer/6", "/customer/7"]


def test_another_customer_than_the_one_asked_for_is_an_error(make, till):
    till.serve({"/customer/5": [CUSTOMER | {"customers_id": 6}]})
    with pytest.raises(PosError, match="another number than 5"):
        make().customers_by_id([5])


def test_a_tag_grants_consent_in_any_shape_that_rows_carry_it(make, till):
    till.serve({"/customers/": [
        {"customers_id": 1, "tags": [{"tag_id": 4, "tag": " Newsletter &amp; SMS "}]},
        {"customers_id": 2, "customers_tags": ["newsletter & sms"]},
        {"customers_id": 3, "tags": []},
        {"customers_id": 4, "tags": [{"tag_id": 9, "tag": "Newsletter"}]},
    ]})  # fmt: skip
    pos = make(consent=Consent(tag="Newsletter & SMS"))
    assert [row["consents"] for row in customers(pos)] == [True, True, False, False]
    assert pos.warnings == []


def test_a_misc_text_grants_consent(make, till):
    till.serve({"/customers/": [{"customers_id": 1, "customers_misc": "vip; Newsletter=OUI"},
                                {"customers_id": 2, "customers_misc": None}]})  # fmt: skip
    assert [row["consents"] for row in customers(make(consent=Consent(misc="newsletter=oui")))] == [True, False]


@pytest.mark.parametrize("rule", [Consent(tag="newsletter"), Consent(misc="newsletter")])
def test_rows_without_the_field_that_the_rule_needs_are_told_once(make, till, rule):
    till.serve({"/customers/": [CUSTOMER]})
    pos = make(consent=rule)
    assert [row["consents"] for row in [*customers(pos), *customers(pos)]] == [False, False]
    (warning,) = pos.warnings
    assert "nobody counts as consenting" in warning


@pytest.mark.parametrize("member", [{"customers_id": 5}, {"customer_id": "5", "email": "x@example.org"}, 5])
def test_a_customer_list_grants_consent_and_is_read_once(make, till, member):
    till.serve({
        "/customers/": [{"customers_id": 5}, {"customers_id": 6}],
        "/customers/lists/": [{"list_id": 1, "list_name": "VIP"}, {"list_id": 2, "list_name": " newsletter"}],
        "/customers/lists/2": [member],
    })  # fmt: skip
    pos = make(consent=Consent(list="Newsletter"))
    assert [row["consents"] for row in [*customers(pos), *customers(pos)]] == [True, False] * 2
    assert sorted(till.urls) == ["/customers/?p=1", "/customers/?p=1", "/customers/lists/", "/customers/lists/2"]


def test_a_long_customer_list_is_read_to_its_end(make, till):
    till.serve({
        "/customers/": [{"customers_id": 300}],
        "/customers/lists/": [{"id": 2, "name": "Newsletter"}],
        "/customers/lists/2": [reply([{"customers_id": n} for n in range(1, 251)]), reply([{"customers_id": 300}])],
    })  # fmt: skip
    assert [row["consents"] for row in customers(make(consent=Consent(list="Newsletter")))] == [True]


@pytest.mark.parametrize("lists", [Reply(404, b""), reply([{"list_id": 1, "list_name": "VIP"}])])
def test_a_list_that_does_not_exist_lets_nobody_consent(make, till, lists):
    till.serve({"/customers/": [CUSTOMER], "/customers/lists/": lists})
    pos = make(consent=Consent(list="Newsletter"))
    assert [row["consents"] for row in customers(pos)] == [False]
    assert "'Newsletter' does not exist" in pos.warnings[0]
