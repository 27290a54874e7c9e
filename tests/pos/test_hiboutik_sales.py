"""The sales of a day: two kinds of calls, lines that add up, and a sale's own page only where they do not."""

from __future__ import annotations

from datetime import date

import pytest
from loopback_till import Memory, Reply, reply

from connector.pos import rows
from connector.pos.hiboutik_sales import MEMORY_TRAIT
from connector.pos.protocol import PosAccessDenied, PosError, QuotaReached, SaleNeeds

DAY = date(2024, 6, 5)
HEADERS, SOLD = "/closed_sales/1/2024/06/05", "/products_sold/1/2024/06/05/"
ALL = SaleNeeds(anonymous_lines=True, external_reference=True)
CUSTOMERS_ONLY = SaleNeeds(anonymous_lines=False, external_reference=True)
BLIND = SaleNeeds(anonymous_lines=False, external_reference=False)


def header(sale_id: int, total: str, customer: int = 5, **more: object) -> dict[str, object]:
    return {
        "sale_id": sale_id, "created_at": "2024-06-05 11:20:14", "completed_at": "2024-06-05 11:22:32", "store_id": 1,
        "vendor_id": 1, "unique_sale_id": f"2024-06-1-{sale_id}", "customer_id": customer, "currency": "EUR",
        "payment": "CB", "total": total, "sale_ext_ref": "", **more,
    }  # fmt: skip


def sold(
    sale_id: int, quantity: object, price: str, discount: str = "0.00", product: int = 1204, **more: object
) -> dict:
    return {
        "sale_id": sale_id, "sale_date": "2024-06-05 11:22:32", "store_id": 1, "product_id": product,
        "quantity": quantity, "product_price": price, "vat": "0.20000", "discount": discount, **more,
    }  # fmt: skip


def page(sale_id: int, *lines: tuple[int, object, str], **more: object) -> list[dict[str, object]]:
    items = [
        {"product_id": product, "quantity": quantity, "item_total_gross": total, "vat": "0.20000", "line_item_id": n}
        for n, (product, quantity, total) in enumerate(lines, 1)
    ]
    return [header(sale_id, "0.00") | {"line_items": items, "ressource_id": 0, "quotation": 0} | more]


def without(row: dict[str, object], key: str) -> dict[str, object]:
    return {name: value for name, value in row.items() if name != key}


def sales(pos, needs=ALL):
    table = pos.sales(1, DAY, needs)
    assert table.schema == rows.SALES
    return table.to_pylist()


def lines_of(row):
    return [(line["product_id"], line["quantity"], line["total"]) for line in row["lines"]]


def test_a_day_costs_two_calls_however_many_sales_it_has(make, till):
    till.serve({
        HEADERS: [header(n, "70.20") for n in range(1, 101)],
        SOLD: [sold(n, 2, "39.00", "7.80") for n in range(1, 101)],
    })  # fmt: skip
    found = sales(make())
    assert len(found) == 100
    assert till.urls == [HEADERS, SOLD + "?p=1"]
    assert found[41] == {
        "sale_id": 42, "store_id": 1, "day": "2024-06-05", "customer_id": 5, "closed_at": "2024-06-05 11:22:32",
        "reference": "2024-06-1-42", "currency": "EUR", "total": "70.20", "external_reference": "",
        "lines": [{"product_id": 1204, "quantity": "2", "total": "70.20", "tax_rate": "0.20000", "size_id": None}],
        "lines_from": "bulk", "problems": None,
    }  # fmt: skip


def test_an_empty_day_costs_one_call(make, till):
    assert sales(make()) == []
    assert till.urls == [HEADERS]


NOTHING = [Reply(404, b"nothing here"), Reply(204, b""), reply({}), reply(None)]
TURNOVER = "/reports/turnover/1/2024/06"


def turnover(day: str, sales: object, total: str = "0.00") -> dict[str, object]:
    return {"date": day, "day_of_week": 3, "total_incl_taxes": total, "total_excl_taxes": total, "nb_sales": sales}


@pytest.mark.parametrize("nothing", NOTHING, ids=["404", "204", "object", "null"])
def test_a_day_that_is_answered_with_nothing_is_empty_when_the_turnover_says_so(make, till, nothing):
    for rows_of_month in ([], [turnover("2024-06-04", 3, "12.00")], [turnover("2024-06-05", 0)]):
        till.asked.clear()
        till.serve({HEADERS: nothing, TURNOVER: rows_of_month})
        assert sales(make()) == []
        assert till.urls == [HEADERS, TURNOVER]


@pytest.mark.parametrize("nothing", NOTHING, ids=["404", "204", "object", "null"])
@pytest.mark.parametrize(
    "told",
    [[turnover("2024-06-05", 2, "12.00")], [turnover("2024-06-05", 0, "12.00")], [turnover("2024-06-05", None)],
     [turnover("yesterday", 1)], [turnover("2024-05-05", 1)], Reply(404, b""), Reply(403, b""), {"error": "no"}],
    ids=["sales", "money", "no-count", "no-day", "another-month", "404", "403", "object"],
)  # fmt: skip
def test_nothing_is_no_empty_day_when_the_turnover_does_not_say_so(make, till, nothing, told):
    till.serve({HEADERS: nothing, TURNOVER: told})
    with pytest.raises(PosError, match="closed_sales/1/2024/06/05"):
        sales(make())


def test_an_object_that_says_something_is_no_empty_day(make, till):
    till.serve({HEADERS: {"error": "busy"}, TURNOVER: []})
    with pytest.raises(PosError, match="busy"):
        sales(make())
    assert till.urls == [HEADERS]


@pytest.mark.parametrize("nothing", NOTHING[2:], ids=["object", "null"])
def test_a_day_whose_lines_are_answered_with_nothing_is_read_from_the_pages(make, till, nothing):
    till.serve({HEADERS: [header(1, "0.00")], SOLD: nothing, "/sales/1": page(1, (1204, 1, "0.00"))})
    assert lines_of(sales(make())[0]) == [(1204, "1", "0.00")]


def test_lines_that_nobody_looks_at_are_not_read(make, till):
    till.serve({HEADERS: [header(1, "39.00", customer=0), header(2, "39.00", sale_ext_ref="WOO-4711")]})
    found = sales(make(), CUSTOMERS_ONLY)
    assert [(row["lines_from"], row["lines"]) for row in found] == [("none", []), ("none", [])]
    assert found[1]["external_reference"] == "WOO-4711"
    assert till.urls == [HEADERS]


def test_open_tickets_and_quotes_are_left_out(make, till):
    till.serve({HEADERS: [
        header(1, "39.00", completed_at="0000-00-00 00:00:00"), header(2, "39.00", quotation=1), header(3, "39.00"),
    ], SOLD: [sold(n, 1, "39.00") for n in (1, 2, 3)]})  # fmt: skip
    assert [row["sale_id"] for row in sales(make())] == [3]


def test_a_sale_listed_twice_is_one_sale(make, till):
    till.serve(
        {
            HEADERS: [header(2, "39.00"), header(1, "39.00"), header(2, "39.00")],
            SOLD: [sold(n, 1, "39.00") for n in (1, 2)],
        }
    )
    assert [row["sale_id"] for row in sales(make())] == [1, 2]


def test_a_line_repeated_between_pages_counts_once(make, till):
    first = [sold(n, 1, "39.00", line_item_id=n) for n in range(1, 251)]
    last = [first[-1], sold(251, 2, "10.00", line_item_id=251)]
    till.serve({HEADERS: [header(250, "39.00"), header(251, "20.00")], SOLD: [reply(first), reply(last)]})
    assert [row["lines_from"] for row in sales(make())] == ["bulk", "bulk"]


def test_equal_lines_without_an_id_are_both_kept(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [sold(1, 1, "39.00"), sold(1, 1, "39.00")]})
    assert lines_of(sales(make())[0]) == [(1204, "1", "39.00")] * 2


def test_lines_come_in_the_order_of_their_ids_however_the_page_shuffles_them(make, till):
    shuffled = [sold(1, 1, "5.00", product=8, line_item_id=62), sold(1, 1, "7.00", product=9, line_item_id=61)]
    till.serve({HEADERS: [header(1, "12.00")], SOLD: shuffled})
    assert [line[0] for line in lines_of(sales(make())[0])] == [9, 8]


@pytest.mark.parametrize("price", ["unit", "line"])
def test_prices_per_piece_and_per_line_are_told_apart_and_remembered(make, till, memory, price):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [sold(1, 2, "39.00" if price == "unit" else "78.00")]})
    assert lines_of(sales(make())[0]) == [(1204, "2", "78.00")]
    assert memory.known[MEMORY_TRAIT].split(",")[0].startswith(price)
    assert len(till.asked) == 2


@pytest.mark.parametrize(
    ("price", "discount"),
    [("39.00", "7.80"), ("39.00", "3.90"), ("35.10", "7.80"), ("78.00", "7.80"), ("78.00", "3.90"), ("70.20", "7.80")],
)
def test_every_reading_of_price_and_discount_is_found_without_another_call(make, till, price, discount):
    till.serve({HEADERS: [header(1, "70.20")], SOLD: [sold(1, 2, price, discount)]})
    assert lines_of(sales(make())[0]) == [(1204, "2", "70.20")]
    assert len(till.asked) == 2


def test_a_sale_that_two_readings_explain_differently_asks_its_page_until_the_account_is_known(make, till, memory):
    # 2 x 10 + 30 - 10 = 40, and 10 + 30 = 40
    till.serve({
        HEADERS: [header(1, "40.00")],
        SOLD: [sold(1, 2, "10.00", line_item_id=1), sold(1, 1, "30.00", "10.00", product=9, line_item_id=2)],
        "/sales/1": page(1, (1204, 2, "20.00"), (9, 1, "20.00")),
    })  # fmt: skip
    (row,) = sales(make())
    assert (row["lines_from"], lines_of(row)) == ("detail", [(1204, "2", "20.00"), (9, "1", "20.00")])
    assert memory.known == {MEMORY_TRAIT: "unit-line,unit-unit"}
    (row,) = sales(make())
    assert (row["lines_from"], lines_of(row)) == ("bulk", [(1204, "2", "20.00"), (9, "1", "20.00")])
    assert till.urls.count("/sales/1") == 1


def test_a_sale_that_tells_readings_apart_serves_the_ambiguous_ones_of_its_day(make, till):
    till.serve({
        HEADERS: [header(1, "40.00"), header(2, "70.20")],
        SOLD: [sold(1, 2, "10.00"), sold(1, 1, "30.00", "10.00"), sold(2, 2, "39.00", "7.80")],
    })  # fmt: skip
    assert [row["lines_from"] for row in sales(make())] == ["bulk", "bulk"]


def test_a_wrong_memory_costs_one_page_and_is_put_right(make, till):
    memory = Memory(**{MEMORY_TRAIT: "line-included"})
    till.serve({
        HEADERS: [header(n, "78.00") for n in range(1, 41)],
        SOLD: [sold(n, 2, "39.00") for n in range(1, 41)],
        "/sales/1": page(1, (1204, 2, "78.00")),
    })  # fmt: skip
    found = sales(make(memory=memory))
    assert [row["lines_from"] for row in found] == ["detail"] + ["bulk"] * 39
    assert {line for row in found for line in lines_of(row)} == {(1204, "2", "78.00")}
    assert memory.known[MEMORY_TRAIT].startswith("unit")


def test_a_sale_whose_return_the_bulk_lines_lack_is_not_proven_by_accident(make, till, memory):
    # two sold at 10 and one taken back: 10 would add up as the price of the whole line
    till.serve({
        HEADERS: [header(1, "78.00"), header(2, "78.00"), header(3, "10.00")],
        SOLD: [sold(1, 2, "39.00"), sold(2, 2, "39.00"), sold(3, 2, "10.00")],
        "/sales/3": page(3, (1204, 2, "20.00"), (1204, -1, "-10.00")),
    })  # fmt: skip
    found = sales(make())
    assert lines_of(found[2]) == [(1204, "2", "20.00"), (1204, "-1", "-10.00")]
    assert memory.known[MEMORY_TRAIT] == "unit-line,unit-unit,unit-included"


@pytest.mark.parametrize(
    "bulk",
    [
        [],
        [sold(1, 2, "38.00")],
        [without(sold(1, 2, "39.00"), "vat")],
        [without(sold(1, 2, "39.00"), "quantity")],
        [without(sold(1, 2, "39.00"), "product_id")],
        [without(sold(1, 2, "39.00"), "product_price")],
        [sold(1, 2, "39.00", product="x")],
        [sold(1, "two", "39.00")],
        [sold(1, 2, "39.00", vat="20")],
        [sold(1, 2, "39.00", discount="?")],
        [sold(2, 2, "39.00")],
    ],
)
def test_bulk_lines_that_do_not_prove_the_sale_are_replaced_by_its_page(make, till, bulk):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: bulk, "/sales/1": page(1, (1204, 2, "78.00"))})
    (row,) = sales(make())
    assert (row["lines_from"], lines_of(row), row["problems"]) == ("detail", [(1204, "2", "78.00")], None)
    assert till.urls == [HEADERS, SOLD + "?p=1", "/sales/1"]


def test_a_missing_discount_is_none(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [without(sold(1, 2, "39.00"), "discount")]})
    assert sales(make())[0]["lines_from"] == "bulk"


def test_a_weighed_quantity_is_kept_as_written(make, till):
    till.serve({HEADERS: [header(1, "16.80")], SOLD: [sold(1, "0.350", "48.00", vat="0.055")]})
    (line,) = sales(make())[0]["lines"]
    assert line == {"product_id": 1204, "quantity": "0.350", "total": "16.80", "tax_rate": "0.055", "size_id": None}


def test_a_sale_of_nothing_has_no_lines_and_no_page(make, till):
    till.serve({HEADERS: [header(1, "0.00")], SOLD: []})
    (row,) = sales(make())
    assert (row["lines_from"], row["lines"]) == ("bulk", [])
    assert len(till.asked) == 2


def test_a_page_that_does_not_add_up_is_still_the_truth(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [], "/sales/1": page(1, (1204, 2, "70.00"))})
    (row,) = sales(make())
    assert (row["lines_from"], lines_of(row), row["total"]) == ("detail", [(1204, "2", "70.00")], "78.00")


@pytest.mark.parametrize("gone", [Reply(404, b""), reply([])])
def test_a_sale_that_vanished_meanwhile_is_a_row_with_a_problem(make, till, gone):
    till.serve({HEADERS: [header(1, "78.00"), header(2, "5.00")], SOLD: [sold(2, 1, "5.00")], "/sales/1": gone})
    vanished, neighbour = sales(make())
    assert (vanished["lines_from"], vanished["lines"]) == ("unread", [])
    assert "sale 1: listed by the till, but its own page does not exist" in vanished["problems"]
    assert (neighbour["lines_from"], neighbour["problems"]) == ("bulk", None)


def test_a_page_that_the_till_rejects_is_a_problem_of_that_sale_only(make, till):
    till.serve(
        {HEADERS: [header(1, "78.00"), header(2, "5.00")], SOLD: [sold(2, 1, "5.00")], "/sales/1": Reply(422, b"")}
    )
    rejected, neighbour = sales(make())
    assert "HTTP 422" in rejected["problems"]
    assert neighbour["lines_from"] == "bulk"


@pytest.mark.parametrize(
    ("answer", "told"), [(Reply(503, b""), "HTTP 503"), (reply({"surprise": True}), "an object without sale_id")]
)
def test_a_page_that_cannot_be_had_now_is_a_problem_of_that_sale_only(make, till, answer, told):
    till.serve({HEADERS: [header(1, "78.00"), header(2, "5.00")], SOLD: [sold(2, 1, "5.00")], "/sales/1": answer})
    without_page, neighbour = sales(make())
    assert told in without_page["problems"]
    assert (without_page["lines_from"], neighbour["lines_from"]) == ("unread", "bulk")


def test_a_till_that_answers_for_no_page_is_not_asked_for_all_of_them(make, till):
    till.answer = lambda asked: (
        reply([header(n, "78.00") for n in range(1, 21)])
        if asked.path == HEADERS
        else reply([])
        if asked.path == SOLD
        else Reply(503, b"")
    )
    found = sales(make())
    assert {row["lines_from"] for row in found} == {"unread"}
    assert len({asked.path for asked in till.asked}) == 2 + 3


@pytest.mark.parametrize("status", [404, 418, 422])
def test_where_the_till_has_no_bulk_lines_the_pages_of_the_sales_are_read(make, till, status):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: Reply(status, b""), "/sales/1": page(1, (1204, 2, "78.00"))})
    pos = make()
    (row,) = sales(pos)
    assert (row["lines_from"], row["problems"]) == ("detail", None)
    assert "HTTP" in pos.warnings[0]


def test_a_missing_right_to_the_pages_is_no_problem_of_a_sale(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [], "/sales/1": Reply(403, b"")})
    with pytest.raises(PosAccessDenied):
        sales(make())


def test_a_header_that_cannot_be_typed_is_not_taken_for_one_whose_page_did_not_come(make, till):
    till.serve({HEADERS: [header(1, "5.00", customer="abc")]})
    (row,) = sales(make())
    assert row["lines_from"] == "none"


def test_the_page_of_another_sale_is_a_problem_of_that_sale_only(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [], "/sales/1": page(2, (1204, 2, "78.00"))})
    (row,) = sales(make())
    assert "another number than 1" in row["problems"]


def test_a_page_that_turns_out_to_be_a_quote_is_no_sale(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: [], "/sales/1": page(1, (1204, 2, "78.00"), quotation=1)})
    assert sales(make()) == []


def test_lists_without_the_external_reference_ask_the_page_of_sales_that_need_it(make, till):
    till.serve({
        HEADERS: [without(header(1, "39.00"), "sale_ext_ref"), without(header(2, "39.00", customer=0), "sale_ext_ref")],
        "/sales/1": page(1, (1204, 1, "39.00"), sale_ext_ref="WOO-1"),
    })  # fmt: skip
    known, anonymous = sales(make(), CUSTOMERS_ONLY)
    assert (known["external_reference"], known["lines_from"]) == ("WOO-1", "detail")
    assert (anonymous["external_reference"], anonymous["lines_from"]) == (None, "none")
    assert till.urls == [HEADERS, "/sales/1"]


def test_lists_without_the_external_reference_do_when_nobody_asks_for_it(make, till):
    till.serve({HEADERS: [without(header(1, "39.00"), "sale_ext_ref")], SOLD: [sold(1, 1, "39.00")]})
    (row,) = sales(make(), BLIND)
    assert (row["external_reference"], row["lines_from"]) == (None, "bulk")


def test_what_the_list_does_not_say_is_taken_from_the_page(make, till):
    bare = {"sale_id": 1, "completed_at": "2024-06-05 11:22:32", "customer_id": 5, "sale_ext_ref": ""}
    till.serve({HEADERS: [bare], SOLD: [], "/sales/1": page(1, (1204, 1, "39.00"), total="39.00")})
    (row,) = sales(make())
    assert (row["total"], row["currency"], row["reference"], row["store_id"]) == ("39.00", "EUR", "2024-06-1-1", 1)


def test_a_duty_free_sale_has_no_tax_where_the_list_says_so(make, till):
    till.serve({HEADERS: [header(1, "39.00", without_taxes=1)], SOLD: [sold(1, 1, "39.00")]})
    assert sales(make())[0]["lines"][0]["tax_rate"] == "0"


def test_a_sale_of_another_store_is_never_taken_for_this_one_s(make, till):
    till.serve({HEADERS: [header(1, "39.00", store_id=2)], SOLD: [sold(1, 1, "39.00")]})
    (row,) = sales(make())
    assert row["problems"] == "store_id: the till lists it under store 1, but the sale says 2"


def test_a_sale_that_cannot_be_typed_is_kept_beside_its_neighbours(make, till):
    till.serve(
        {
            HEADERS: [header("x", "39.00"), header(1, "39.00"), 7, header(2, "5.00", customer="?")],
            SOLD: [sold(1, 1, "39.00")],
        }
    )
    found = sales(make())
    assert [(row["sale_id"], row["problems"]) for row in found] == [
        (None, "sale_id: 'x' is not a whole number"),
        (None, "the row is 7, not an object"),
        (1, None),
        (2, "customer_id: '?' is not a whole number"),
    ]


def test_a_list_of_sales_that_says_it_is_longer_than_it_can_be_read_fails_the_day(make, till):
    till.answer = lambda asked: reply([header(n, "0.00") for n in range(1, 251)], Content_Range="1-250/612")
    with pytest.raises(PosError, match="gave 250 sales of 612"):
        sales(make())


def test_a_list_of_sales_that_overstates_its_length_is_used_with_a_warning(make, till):
    till.serve({HEADERS: [reply([header(1, "0.00", customer=0)], Content_Range="1-1/3"), reply([])]})
    pos = make()
    assert len(sales(pos, CUSTOMERS_ONLY)) == 1
    assert len(pos.warnings) == 1


def test_the_quota_reached_in_the_middle_of_a_day_is_told(make, till):
    till.serve({HEADERS: [header(1, "78.00")], SOLD: Reply(429, b"")})
    with pytest.raises(QuotaReached):
        sales(make())
