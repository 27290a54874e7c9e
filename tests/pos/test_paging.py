"""Every row once, whatever the headers claim and however the pages overlap."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connector.pos import paging
from connector.pos.paging import PAGE_SIZE, Listing, Page, total_rows
from connector.pos.protocol import PosError


class PagedTill:
    """A list of numbers in pages of 250; `claims` is added to the true total, None sends none."""

    def __init__(self, rows: int, claims: int | None = 0, overlap: int = 0, ignores_page: bool = False) -> None:
        self.rows, self.claims, self.overlap, self.ignores_page = list(range(rows)), claims, overlap, ignores_page
        self.calls = 0

    def fetch(self, number: int) -> Page:
        self.calls += 1
        number = 1 if self.ignores_page else number
        start = max(0, (number - 1) * PAGE_SIZE - (self.overlap if number > 1 else 0))
        rows = self.rows[start : number * PAGE_SIZE]
        return Page(rows, None if self.claims is None or not rows else max(0, len(self.rows) + self.claims))

    def listing(self) -> Listing:
        return Listing("/numbers/", self.fetch, lambda row: row)


def read(listing: Listing) -> list[int]:
    return [row for page in listing.pages() for row in page]


sizes = st.integers(0, 4 * PAGE_SIZE) | st.sampled_from(
    [n * PAGE_SIZE + d for n in range(5) for d in (-1, 0, 1) if n + d >= 0]
)


@given(rows=sizes, claims=st.none() | st.integers(-1100, 1100), overlap=st.integers(0, PAGE_SIZE - 1))
def test_every_row_is_read_once_whatever_the_till_claims_and_repeats(rows, claims, overlap):
    till = PagedTill(rows, claims, overlap)
    assert read(till.listing()) == till.rows
    assert till.calls <= len(till.rows) // PAGE_SIZE + 2


@given(rows=sizes, claims=st.none() | st.integers(-1100, 0), overlap=st.integers(0, PAGE_SIZE - 1))
def test_a_pass_that_saw_all_that_is_claimed_is_complete(rows, claims, overlap):
    listing = PagedTill(rows, claims, overlap).listing()
    read(listing)
    assert listing.complete


@given(rows=st.integers(1, 4 * PAGE_SIZE), missing=st.integers(1, 1100))
def test_a_pass_that_saw_fewer_rows_than_claimed_is_not_complete(rows, missing):
    listing = PagedTill(rows, missing).listing()
    read(listing)
    assert not listing.complete


@pytest.mark.parametrize(("rows", "calls"), [(0, 1), (1, 1), (249, 1), (250, 2), (251, 2), (499, 2), (612, 3)])
@pytest.mark.parametrize("claims", [None, 0])
def test_no_more_pages_are_asked_for_than_it_takes(rows, calls, claims):
    till = PagedTill(rows, claims)
    read(till.listing())
    assert till.calls == calls


@pytest.mark.parametrize("claims", [None, 0])
def test_a_till_that_ignores_the_page_number_is_found_out_by_its_second_answer(claims):
    till = PagedTill(612, claims, ignores_page=True)
    listing = till.listing()
    assert read(listing) == till.rows[:250]
    assert (till.calls, listing.complete, listing.repeats) == (2, False, True)


def test_a_list_that_is_not_paged_is_read_in_one_call():
    calls = []
    listing = Listing("/stock/", lambda number: calls.append(number) or Page(list(range(5500)), None), lambda row: row)
    assert len(read(listing)) == 5500
    assert (calls, listing.complete) == ([1], True)


def test_a_short_page_does_not_end_a_list_that_claims_more():
    pages = {1: Page([1, 2], 5), 2: Page([3], 5), 3: Page([4, 5], 5)}
    listing = Listing("/numbers/", lambda number: pages[number], lambda row: row)
    assert read(listing) == [1, 2, 3, 4, 5]
    assert listing.complete


def test_equal_rows_without_an_id_are_all_kept():
    pages = {1: Page(["tea"] * 250, None), 2: Page(["tea", "tea"], None)}
    listing = Listing("/lines/", lambda number: pages[number], lambda row: None)
    assert len(read(listing)) == 252


def test_pages_without_ids_that_repeat_as_a_whole_end_the_list():
    listing = Listing("/lines/", lambda number: Page([f"line {n}" for n in range(250)], None), lambda row: None)
    assert len(read(listing)) == 250
    assert listing.repeats


def test_a_pass_that_was_cut_short_is_not_complete():
    listing = PagedTill(600).listing()
    next(listing.pages())
    assert not listing.complete


def test_a_list_without_end_is_left_after_a_fixed_number_of_pages(monkeypatch):
    monkeypatch.setattr(paging, "PAGE_LIMIT", 7)
    listing = Listing("/numbers/", lambda n: Page(list(range(n * 250, n * 250 + 250)), None), lambda row: row)
    with pytest.raises(PosError, match="/numbers/: no end after 7 pages"):
        read(listing)


@pytest.mark.parametrize(
    ("header", "total"),
    [
        ("1-250/2676", 2676),
        (" 1-250/2676 ", 2676),
        ("items 1-250/2676", 2676),
        ("", None),
        ("*/0", None),
        ("1-250/*", None),
        ("1-250", None),
        ("1-250/-3", None),
    ],
)
def test_content_range_is_read_where_it_can_be(header, total):
    assert total_rows(header) == total
