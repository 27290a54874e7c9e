"""The till's own totals, which a reconciliation checks a reading against: one call each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from loopback_till import LoopbackTill, reply

from connector.pos.hiboutik import Hiboutik
from connector.pos.protocol import PosError

ROWS = [{"customers_id": number} for number in range(1, 251)]


def day(date: Any, sales: Any = 3, total: Any = "30.00") -> dict[str, Any]:
    return {"date": date, "day_of_week": 1, "total_incl_taxes": total, "total_excl_taxes": "25.00", "nb_sales": sales}


def test_the_turnover_of_a_month_is_one_call_with_a_row_a_day(
    till: LoopbackTill, make: Callable[..., Hiboutik]
) -> None:
    till.answer = lambda asked: reply([day("2026-11-01"), day("2026-11-02 00:00:00", "2", -4.5)])
    rows = make().turnover(7, 2026, 3).to_pylist()
    assert [asked.path for asked in till.asked] == ["/reports/turnover/7/2026/03"]
    assert rows == [
        {"store_id": 7, "day": "2026-11-01", "sales": 3, "total": "30.00", "pieces": None, "problems": None},
        {"store_id": 7, "day": "2026-11-02", "sales": 2, "total": "-4.5", "pieces": None, "problems": None},
    ]


@pytest.mark.parametrize("date", [None, "", "0000", "2026-11-011", 20261101, {}])
def test_a_row_whose_day_cannot_be_read_says_so(till: LoopbackTill, make: Callable[..., Hiboutik], date: Any) -> None:
    till.answer = lambda asked: reply([day(date)])
    (row,) = make().turnover(1, 2026, 11).to_pylist()
    assert row["day"] is None
    assert row["problems"].startswith("date: ")


@pytest.mark.parametrize(
    ("rows", "content_range", "total"),
    [
        (ROWS, "1-250/612", 612),
        (ROWS[:40], None, 40),  # a list of one page comes without the header
        ([], None, 0),
        (ROWS, None, None),  # a full page that does not say what follows
        (ROWS, "250 of 612", None),
    ],
)
def test_a_list_is_counted_from_its_first_page_alone(
    till: LoopbackTill, make: Callable[..., Hiboutik], rows: Any, content_range: str | None, total: int | None
) -> None:
    headers = {} if content_range is None else {"Content_Range": content_range}
    till.answer = lambda asked: reply(rows, **headers)
    pos = make()
    assert (pos.customers_total(), pos.products_total()) == (total, total)
    assert [asked.url for asked in till.asked] == ["/customers/?p=1", "/products/?p=1"]


def test_a_total_of_something_else_than_a_list_is_an_error(till: LoopbackTill, make: Callable[..., Hiboutik]) -> None:
    till.answer = lambda asked: reply({"error": "maintenance"})
    with pytest.raises(PosError, match=r"/customers/.*maintenance.*not counted"):
        make().customers_total()
