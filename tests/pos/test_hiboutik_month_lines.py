"""The lines of a month at once: asked once per account, believed only as far as they prove sales, gone when they are read."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from loopback_till import Memory, reply
from test_hiboutik_sales import ALL, header, page, sold

from connector.pos.hiboutik_month_lines import MONTH_TRAIT, pays
from connector.pos.paging import pages_of

MONTH = "/products_sold/1/2024/06/"
DAYS = [date(2024, 6, 5) + timedelta(days=n) for n in range(3)]


def headers_of(day: date) -> str:
    return f"/closed_sales/1/{day:%Y/%m/%d}"


def sold_on(day: date) -> str:
    return f"/products_sold/1/{day:%Y/%m/%d}/"


def ids_of(day: date) -> list[int]:
    return [day.day * 10 + n for n in range(3)]


def serve(till, month, **more) -> None:
    till.serve(
        {headers_of(day): [header(n, "78.00") for n in ids_of(day)] for day in DAYS}
        | {sold_on(day): [sold(n, 2, "39.00") for n in ids_of(day)] for day in DAYS}
        | {f"/sales/{n}": page(n, (1204, 2, "78.00")) for day in DAYS for n in ids_of(day)}
        | {MONTH: month}
        | more
    )


FEW = dict.fromkeys(DAYS, 30)  # lines at most


def read(pos, lines: dict[date, int] = FEW, others: int = 10) -> list[tuple[int, str, str]]:
    """Every sale with the pieces and the total of its first line; so many lines may be sold on these and the other days."""
    pos.expect_month(1, lines, others)
    rows = [row for day in DAYS for row in pos.sales(1, day, ALL).to_pylist()]
    assert all(row["problems"] is None for row in rows)
    return [(row["sale_id"], row["lines"][0]["quantity"], row["lines"][0]["total"]) for row in rows]


WHOLE = [sold(n, 2, "39.00") for day in DAYS for n in ids_of(day)]
RIGHT = [(n, "2", "78.00") for day in DAYS for n in ids_of(day)]


def asked(till, start: str) -> int:
    return len([url for url in till.urls if url.startswith(start)])


def test_a_month_is_one_listing(make, till, memory):
    serve(till, WHOLE)
    pos = make()
    assert read(pos) == RIGHT
    assert (asked(till, "/products_sold"), asked(till, MONTH + "?p=1")) == (1, 1)
    assert asked(till, "/sales") == 0
    assert memory.known[MONTH_TRAIT] == "yes"
    assert pos.sales(1, DAYS[0], ALL).num_rows == 3  # nothing of the month is kept once its days are read
    assert till.urls[-1] == sold_on(DAYS[0]) + "?p=1"


@pytest.mark.parametrize(
    ("of_a_day", "others"),
    [(200, 150), (100_000, 0), (249, 0), (300, 250)],
    ids=["a page a day", "too much for memory", "full pages", "other days too"],
)
def test_a_month_that_costs_no_less_is_read_by_its_days(make, till, memory, of_a_day, others):
    serve(till, WHOLE)
    assert read(make(), dict.fromkeys(DAYS, of_a_day), others) == RIGHT
    assert (asked(till, MONTH + "?"), asked(till, "/products_sold")) == (0, 3)
    assert MONTH_TRAIT not in memory.known


def test_days_of_more_than_a_page_are_read_at_once_where_nothing_is_sold_on_others(make, till):
    """Six pages by day, four at once: three full ones, and the one that ends them."""
    serve(till, WHOLE)
    assert read(make(), dict.fromkeys(DAYS, 250), others=0) == RIGHT
    assert (asked(till, MONTH + "?"), asked(till, "/products_sold")) == (1, 1)


def test_however_few_lines_there_are_a_month_is_never_dearer_than_its_days():
    for most in ([250, 250], [400, 1, 800], [249, 501, 30, 250]):
        assert pays(most, 0)
        for part in range(1, 101):
            fewer = [each * part // 100 for each in most]
            assert pages_of(sum(fewer)) <= sum(map(pages_of, fewer))


@pytest.mark.parametrize(
    "answer",
    [reply({}, 404), reply({}, 400), reply({}, 403), [], [sold(9999, 2, "39.00")], {"error": "no"}],
    ids=["404", "400", "403", "empty", "other days", "no list"],
)
def test_an_account_without_months_is_asked_once(make, till, memory, answer):
    serve(till, answer)
    assert read(make()) == RIGHT
    assert asked(till, MONTH + "?") == 1
    assert asked(till, "/products_sold") == 1 + len(DAYS)
    assert memory.known[MONTH_TRAIT] == "no"
    assert not make().expect_month(1, FEW, 10)


def test_a_month_that_does_not_come_is_read_by_its_days_and_asked_for_another_time(make, till, memory):
    serve(till, reply({}, 503))
    assert read(make()) == RIGHT
    assert MONTH_TRAIT not in memory.known


def test_a_month_that_leaves_out_days_is_not_believed_again(make, till, memory):
    """As if the address meant a day."""
    serve(till, [sold(n, 2, "39.00") for n in ids_of(DAYS[0])])
    assert read(make()) == RIGHT
    assert asked(till, "/products_sold") == 1 + 2
    assert asked(till, "/sales") == 0
    assert memory.known[MONTH_TRAIT] == "no"


def test_one_sale_that_the_month_has_wrong_is_read_from_its_page(make, till):
    wrong = ids_of(DAYS[1])[0]
    serve(till, [sold(n, 2, "39.00") if n != wrong else sold(n, 1, "1.00") for day in DAYS for n in ids_of(day)])
    assert read(make()) == RIGHT
    assert (asked(till, "/products_sold"), asked(till, f"/sales/{wrong}")) == (1, 1)


def test_a_sale_of_nothing_is_not_proven_by_lines_that_are_missing(make, till):
    exchanged = ids_of(DAYS[1])[0]
    more = {
        headers_of(DAYS[1]): [header(n, "0.00" if n == exchanged else "78.00") for n in ids_of(DAYS[1])],
        f"/sales/{exchanged}": page(exchanged, (1, 1, "5.00"), (2, -1, "-5.00")),
    }
    serve(till, [row for row in WHOLE if row["sale_id"] != exchanged], **more)
    assert (exchanged, "1", "5.00") in read(make())


def test_what_another_run_learned_counts(make, till):
    serve(till, WHOLE)
    pos = make(memory=Memory(products_sold_month="no"))
    assert not pos.expect_month(1, FEW, 10)
    assert read(pos) == RIGHT
    assert asked(till, MONTH + "?") == 0
