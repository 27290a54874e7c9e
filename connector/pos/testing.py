"""The contract of `PointOfSale` as tests: what the author of another system runs against his own class.

In a test module of his (pytest collects it by its name):

    class TestMyTill(PointOfSaleContract):
        def open(self, counter, memory): return MyTill(..., counter=counter, memory=memory)
        def open_broken(self, counter, memory): ...  # the same till, out of reach
        def known(self): return Known(...)           # what the played till holds, written down without the class

`pytest.register_assert_rewrite("connector.pos.testing")` in a conftest makes pytest show what differed.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal
from typing import Any

import pyarrow as pa

from connector.pos import rows
from connector.pos.protocol import PointOfSale, PosError, QuotaReached, SaleNeeds

ALL_LINES = SaleNeeds(anonymous_lines=True, external_reference=True)
AT_ONCE = 5  # days of sales that a run reads side by side


class CountedCalls:
    """A `CallCounter` in memory, with `most` calls."""

    def __init__(self, most: int = 1_000_000) -> None:
        self.spent, self.most, self.stopped = 0, most, False

    def spend(self) -> None:
        if self.stopped or self.spent >= self.most:
            raise QuotaReached("the test's own count says so")
        self.spent += 1

    @property
    def probing(self) -> bool:
        return False

    def answered(self) -> None:
        """Nobody stopped it before."""

    def stop(self) -> datetime:
        self.stopped = True
        return datetime.max.replace(tzinfo=UTC)


class RememberedInMemory:
    """An `AccountMemory` that forgets with the test."""

    def __init__(self) -> None:
        self.known: dict[str, str] = {}

    def recall(self, trait: str) -> str | None:
        return self.known.get(trait)

    def learn(self, trait: str, value: str) -> None:
        self.known[trait] = value


@dataclass(frozen=True)
class Known:
    """What a played till holds. Ids are the till's own; what is odd in it on purpose (`problems`) is not in here."""

    stores: Collection[int]
    sales: Mapping[tuple[int, date], Mapping[int, str]]  # store and closing day -> sale id -> total
    empty_day: tuple[int, date]  # of which there is no sale
    customers: Collection[int]
    absent_customer: int
    products: Collection[int]
    categories: Collection[int] = ()
    brands: Collection[int] = ()
    secrets: Collection[str] = field(default=(), repr=False)  # what no message may show


class PointOfSaleContract:
    """Derive from it, and say how the till is opened and what it holds. Each test opens its own."""

    costs_calls = True  # false for a system whose reading has no quota: `spend` is then never called

    def open(self, counter: CountedCalls, memory: RememberedInMemory) -> PointOfSale:
        """The class under test over a till that works and holds what `known` says."""
        raise NotImplementedError

    def open_broken(self, counter: CountedCalls, memory: RememberedInMemory) -> PointOfSale:
        """The class under test over a till that cannot be read: nobody listens, or the files are gone."""
        raise NotImplementedError

    def known(self) -> Known:
        raise NotImplementedError

    @contextmanager
    def opened(self) -> Iterator[PointOfSale]:
        """A till that works, closed in the end."""
        with closing(self.open(CountedCalls(), RememberedInMemory())) as till:
            yield till

    # --- lists

    def test_every_table_has_its_schema(self) -> None:
        with self.opened() as till:
            for schema, read in _readings(till, self.known()).values():
                for table in read():
                    assert table.schema.equals(schema)

    def test_lists_have_every_row_once(self) -> None:
        known = self.known()
        with self.opened() as till:
            _same_ids([till.stores()], "store_id", known.stores)
            _same_ids([till.categories()], "category_id", known.categories)
            _same_ids([till.brands()], "brand_id", known.brands)
            _same_ids(till.products(), "product_id", known.products)
            _same_ids(till.customers(), "customer_id", known.customers)
            stock = till.stock().select(["product_id", "size_id", "warehouse_id"]).to_pylist()
            assert len({tuple(row.values()) for row in stock}) == len(stock)
            assert till.incomplete_lists == set()

    def test_stores_are_in_the_order_of_their_ids(self) -> None:
        with self.opened() as till:
            ids = till.stores()["store_id"].to_pylist()
            assert ids == sorted(ids)

    def test_products_of_the_list_are_listed(self) -> None:
        with self.opened() as till:
            assert all(all(page["listed"].to_pylist()) for page in till.products())

    def test_reading_twice_gives_the_same(self) -> None:
        with self.opened() as till:
            for name, (_, read) in _readings(till, self.known()).items():
                assert _rows(read()) == _rows(read()), name

    def test_a_row_without_problems_is_whole(self) -> None:
        """Only what could not be typed is null, and a row says so; text that the till does not have is ""."""
        may_be_unknown = {"problems", "external_reference", "groups", "sizes", "pieces"}
        with self.opened() as till:
            for name, (_, read) in _readings(till, self.known()).items():
                for row in _rows(read()):
                    nulls = {key for key, value in row.items() if value is None} - may_be_unknown
                    assert row["problems"] or not nulls, f"{name}: {row}"

    def test_customers_by_id_are_those_of_the_list(self) -> None:
        known = self.known()
        with self.opened() as till:
            some = sorted(known.customers)[:3]
            listed = {row["customer_id"]: row for row in _rows(till.customers())}
            found = till.customers_by_id([*some, known.absent_customer]).to_pylist()
            assert [row["customer_id"] for row in found] == some
            assert found == [listed[customer_id] for customer_id in some]
            assert till.customers_by_id([]).num_rows == 0

    def test_addresses_are_those_of_the_customer_who_was_asked_for(self) -> None:
        customer_id = min(self.known().customers)
        with self.opened() as till:
            found = till.addresses(customer_id)
        assert found.schema.equals(rows.ADDRESSES)
        assert found["customer_id"].to_pylist() == [customer_id]

    def test_images_are_those_of_the_product_that_was_asked_for(self) -> None:
        product_id = min(self.known().products)
        with self.opened() as till:
            found = till.images(product_id)
        assert found.schema.equals(rows.IMAGES)
        assert found["product_id"].to_pylist() == [product_id]

    def test_totals_are_those_of_the_lists_where_the_till_tells_them(self) -> None:
        known = self.known()
        with self.opened() as till:
            assert till.customers_total() in (None, len(known.customers))
            assert till.products_total() in (None, len(known.products))

    # --- sales

    def test_a_day_has_its_closed_sales_and_no_others(self) -> None:
        with self.opened() as till:
            for (store_id, day), sales in self.known().sales.items():
                table = till.sales(store_id, day, ALL_LINES)
                assert dict(zip(table["sale_id"].to_pylist(), table["total"].to_pylist(), strict=True)) == sales
                assert table["sale_id"].to_pylist() == sorted(sales)
                assert set(table["store_id"].to_pylist()) == {store_id}
                assert set(table["day"].to_pylist()) == {day.isoformat()}

    def test_a_day_without_sales_is_an_empty_table(self) -> None:
        with self.opened() as till:
            table = till.sales(*self.known().empty_day, ALL_LINES)
            assert table.num_rows == 0
            assert table.schema.equals(rows.SALES)

    def test_lines_add_up_or_the_sale_has_problems(self) -> None:
        with self.opened() as till:
            for store_id, day in self.known().sales:
                for sale in till.sales(store_id, day, ALL_LINES).to_pylist():
                    assert sale["lines_from"] in ("bulk", "detail", "none", "unread")
                    assert sale["lines_from"] != "unread" or sale["problems"]
                    if sale["problems"] is None and sale["lines_from"] in ("bulk", "detail"):
                        assert _adds_up(sale), sale

    def test_needs_decide_no_more_than_which_lines_are_read(self) -> None:
        nothing = SaleNeeds(anonymous_lines=False, external_reference=False)
        heads = ("sale_id", "customer_id", "closed_at", "reference", "currency", "total")
        with self.opened() as till:
            for store_id, day in self.known().sales:
                few, all_ = (
                    till.sales(store_id, day, needs).select(heads).to_pylist() for needs in (nothing, ALL_LINES)
                )
                assert few == all_

    def test_several_days_may_be_read_at_once(self) -> None:
        known = self.known()
        with self.opened() as till, ThreadPoolExecutor(AT_ONCE) as pool:
            asked = [pair for pair in known.sales for _ in range(AT_ONCE)]
            found = list(pool.map(lambda pair: till.sales(pair[0], pair[1], ALL_LINES).to_pylist(), asked))
            for pair, sales in zip(asked, found, strict=True):
                assert [sale["sale_id"] for sale in sales] == sorted(known.sales[pair])

    def test_turnover_is_that_of_the_days_sales(self) -> None:
        with self.opened() as till:
            for (store_id, day), sales in self.known().sales.items():
                told = {row["day"]: row for row in till.turnover(store_id, day.year, day.month).to_pylist()}
                row = told[day.isoformat()]
                assert (row["store_id"], row["sales"]) == (store_id, len(sales))
                assert Decimal(row["total"]) == sum(map(Decimal, sales.values()))

    # --- access, calls and failures

    def test_a_till_that_can_be_read_lacks_no_right(self) -> None:
        with self.opened() as till:
            assert till.check_rights() == []

    def test_closing_twice_is_no_error(self) -> None:
        till = self.open(CountedCalls(), RememberedInMemory())
        till.close()
        till.close()

    def test_no_secret_is_shown(self) -> None:
        with self.opened() as till:
            shown = [repr(till), str(till), *till.warnings, *till.check_rights()]
        with closing(self.open_broken(CountedCalls(), RememberedInMemory())) as broken:
            shown += [repr(broken), *broken.check_rights(), *_errors(broken, self.known()).values()]
        assert not [secret for secret in self.known().secrets if any(secret in text for text in shown)]

    def test_a_till_that_cannot_be_read_is_a_pos_error_and_a_problem_of_the_check(self) -> None:
        with closing(self.open_broken(CountedCalls(), RememberedInMemory())) as till:
            assert till.check_rights() != []
            told = _errors(till, self.known())
            assert all(message.strip() for message in told.values())

    def test_every_call_is_paid_before_it_is_made(self) -> None:
        """Without calls left nothing is read; a system that costs none never asks for any."""
        counter = CountedCalls(0)
        with closing(self.open(counter, RememberedInMemory())) as till:
            for name, (_, read) in _readings(till, self.known()).items():
                try:
                    list(read())
                except QuotaReached:
                    assert self.costs_calls, name
                else:
                    assert not self.costs_calls, name
        assert counter.spent == 0
        assert not counter.stopped


Reading = tuple[pa.Schema, Callable[[], Iterable[pa.Table]]]


def _readings(till: PointOfSale, known: Known) -> dict[str, Reading]:
    """Every way of reading rows, by its name."""
    (store_id, day), *_ = known.sales
    return {
        "stores": (rows.STORES, lambda: [till.stores()]),
        "categories": (rows.CATEGORIES, lambda: [till.categories()]),
        "brands": (rows.BRANDS, lambda: [till.brands()]),
        "stock": (rows.STOCK, lambda: [till.stock()]),
        "products": (rows.PRODUCTS, till.products),
        "customers": (rows.CUSTOMERS, till.customers),
        "customers_by_id": (rows.CUSTOMERS, lambda: [till.customers_by_id([min(known.customers)])]),
        "sales": (rows.SALES, lambda: [till.sales(store_id, day, ALL_LINES)]),
        "turnover": (rows.TURNOVER, lambda: [till.turnover(store_id, day.year, day.month)]),
    }


def _errors(till: PointOfSale, known: Known) -> dict[str, str]:
    """What each way of reading says when it fails; any error that is no `PosError` goes on."""
    told = {}
    for name, (_, read) in _readings(till, known).items():
        try:
            found = sum(table.num_rows for table in read())
        except PosError as error:
            told[name] = str(error)
        else:
            raise AssertionError(f"{name}: {found} rows were read of a till that cannot be read")
    return told


def _rows(tables: Iterable[pa.Table]) -> list[dict[str, Any]]:
    return [row for table in tables for row in table.to_pylist()]


def _same_ids(tables: Iterable[pa.Table], column: str, known: Collection[int]) -> None:
    found = [row[column] for row in _rows(tables)]
    assert sorted(found) == sorted(known), column


def _adds_up(sale: Mapping[str, Any]) -> bool:
    cent = Decimal("0.01")
    totals = [Decimal(line["total"]) for line in sale["lines"]]
    by_line = sum((total.quantize(cent, ROUND_HALF_UP) for total in totals), Decimal(0))
    exact = sum(totals, Decimal(0)).quantize(cent, ROUND_HALF_UP)
    return Decimal(sale["total"]).quantize(cent, ROUND_HALF_UP) in (by_line, exact)
