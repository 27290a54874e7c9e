"""The Hiboutik till behind the `PointOfSale` protocol: which address gives which table."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Hashable, Iterator, Mapping
from contextlib import suppress
from datetime import date
from types import MappingProxyType, TracebackType
from typing import Any, Self

import pyarrow as pa
from pydantic import SecretStr

from connector.config import Consent
from connector.pos import hiboutik_rows as wire
from connector.pos import rows
from connector.pos.hiboutik_calls import HiboutikCalls, NothingSaid, NotThere, RightMissing
from connector.pos.hiboutik_consent import ConsentRule
from connector.pos.hiboutik_credentials import credentials
from connector.pos.hiboutik_customer_lists import CustomerLists
from connector.pos.hiboutik_groups import GroupRule, GroupsFrom
from connector.pos.hiboutik_lists import claimed_rows, listing, one
from connector.pos.hiboutik_sales import SalesReader
from connector.pos.hiboutik_turnover import turnover_rows
from connector.pos.protocol import AccountMemory, CallCounter, PointOfSale, PosError, QuotaReached, SaleNeeds
from connector.pos.row_reader import Row

log = logging.getLogger(__name__)

_STORES = "/stores"
_CATEGORIES = "/categories/"
_BRANDS = "/brands/"
_PRODUCTS = "/products/"
_CUSTOMERS = "/customers/"
_STOCK = "/stock_available/all_wh/"


class Hiboutik(PointOfSale):
    """One Hiboutik account, read as `PointOfSale`. Safe to share between threads; a context manager.

    Credentials are a login with its API key, or an OAuth token. Every call, tries again included, is spent from
    `counter` before it is made. After the till refused the credentials, or the quota is reached, nothing more is sent;
    after it refused a right, nothing more that needs that right. `once_within` is that of `HiboutikCalls`.
    """

    def __init__(
        self,
        account: str,
        base_url: str,
        *,
        login: str | None = None,
        api_key: SecretStr | str | None = None,
        oauth_token: SecretStr | str | None = None,
        consent: Consent | None,
        customer_groups: GroupsFrom = "none",
        counter: CallCounter,
        memory: AccountMemory,
        calls_in_flight: int = 5,
        once_within: float | None = None,
    ) -> None:
        self.account = account
        self.warnings: list[str] = []
        self.incomplete_lists: set[str] = set()
        authorization, basic = credentials(login, api_key, oauth_token)
        self._calls = HiboutikCalls(
            account,
            base_url,
            authorization=authorization,
            basic=basic,
            counter=counter,
            calls_in_flight=calls_in_flight,
            once_within=once_within,
        )
        self._customer_pages: dict[int, Row | None] = {}  # those read so far: whoever needs another part asks no more
        lists = CustomerLists(self._calls)
        self._consent = ConsentRule(consent, self._calls, lists, self._warn)
        self._groups = GroupRule(customer_groups, self._calls, lists, self._warn)
        self._memory = memory
        self._sales = SalesReader(self._calls, memory, self._warn)

    def __repr__(self) -> str:
        return f"Hiboutik({self.account!r})"

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Gives the connections back."""
        self._calls.close()

    @property
    def attempts(self) -> int:
        """How many requests were sent, tries again included."""
        return self._calls.attempts

    def stores(self) -> pa.Table:
        """`STORES`, ordered by `store_id` (a row whose id cannot be read comes last)."""
        found = self._whole_list("stores", _STORES, wire.key_of("store_id"), wire.store)
        found.sort(key=lambda row: (row["store_id"] is None, row["store_id"]))
        return rows.to_table(found, rows.STORES)

    def categories(self) -> pa.Table:
        """`CATEGORIES`."""
        return rows.to_table(
            self._small_list("categories", _CATEGORIES, wire.key_of("category_id"), wire.category), rows.CATEGORIES
        )

    def brands(self) -> pa.Table:
        """`BRANDS`."""
        return rows.to_table(self._small_list("brands", _BRANDS, wire.key_of("brand_id"), wire.brand), rows.BRANDS)

    def stock(self) -> pa.Table:
        """`STOCK`, one row per product, size and warehouse."""
        return rows.to_table(self._small_list("stock", _STOCK, wire.stock_key, wire.stock), rows.STOCK)

    def products(self) -> Iterator[pa.Table]:
        """`PRODUCTS`, page by page, all `listed`. See `incomplete_lists` when it is through."""
        for page in self._pages("products", _PRODUCTS, wire.key_of("product_id"), numbered=True):
            yield rows.to_table(map(wire.product, page), rows.PRODUCTS)

    def customers(self) -> Iterator[pa.Table]:
        """`CUSTOMERS`, page by page, from list rows only. See `incomplete_lists` when it is through."""
        carried: dict[ConsentRule | GroupRule, bool] = {}
        for page in self._pages("customers", _CUSTOMERS, wire.key_of(*wire.CUSTOMER_ID), numbered=True):
            for rule in (self._consent, self._groups):
                carried[rule] = carried.get(rule, False) or any(map(rule.carried_by, page))
            found = [wire.customer(row, self._consent.grants(row), self._groups.of(row)) for row in page]
            yield rows.to_table(found, rows.CUSTOMERS)
        for rule, is_carried in carried.items():
            if not is_carried:
                rule.warn_not_carried()

    def customer_groups(self) -> pa.Table:
        """`CUSTOMER_GROUPS`, by the shop's rule; empty without one."""
        return rows.to_table(self._groups.rows(), rows.CUSTOMER_GROUPS)

    def customers_by_id(self, customer_ids: Collection[int]) -> pa.Table:
        """`CUSTOMERS` read one by one, in the order of their ids; an id that no longer exists gives no row."""
        found = []
        for customer_id in sorted(set(customer_ids)):
            row = self._customer_page(customer_id)
            if row is not None:
                found.append(wire.customer(row, self._consent.grants(row), self._groups.of_new(row)))
        return rows.to_table(found, rows.CUSTOMERS)

    def addresses(self, customer_id: int) -> pa.Table:
        """`ADDRESSES` of one customer, from his page: one call, none where it was read before. Raises `PosError`."""
        if customer_id not in self._customer_pages:
            self._customer_page(customer_id)
        found = wire.addresses(self._saying("addresses", f"customer {customer_id}", self._customer_pages[customer_id]))
        return rows.to_table([{"customer_id": customer_id, "addresses": found}], rows.ADDRESSES)

    def images(self, product_id: int) -> pa.Table:
        """`IMAGES` of one product, from its page. Raises `PosError`."""
        row = one(self._calls, f"{_PRODUCTS}{product_id}", ("product_id",), product_id)
        found = wire.images(self._saying("images", f"product {product_id}", row))
        return rows.to_table([{"product_id": product_id, "images": found}], rows.IMAGES)

    def _saying(self, key: str, whose: str, page: Row | None) -> Row:
        """The page, if it says what was asked: a page that is not there, or has not the key, says nothing of "none"."""
        if page is not None and key in page:
            return page
        why = "its page is not there (404, or an empty answer)" if page is None else f"its page has no {key!r}"
        raise PosError(
            f"Hiboutik account {self.account}: {whose}: {why}. What was known is kept; the next run asks again."
        )

    def _customer_page(self, customer_id: int) -> Row | None:
        row = one(self._calls, f"/customer/{customer_id}", wire.CUSTOMER_ID, customer_id)
        self._customer_pages[customer_id] = row
        return row

    def sales(
        self, store_id: int, day: date, needs: SaleNeeds, references: Mapping[int, str] = MappingProxyType({})
    ) -> pa.Table:
        """`SALES` of one store that the till lists under one closing day, with lines that add up, ordered by sale id.

        Open tickets and quotes are not in it. Lines that nobody needs are not read. A sale that cannot be read is a
        row with `problems`. `references`: see the protocol.
        """
        return rows.to_table(self._sales.read(store_id, day, needs, references), rows.SALES)

    def expect_month(self, store_id: int, lines: Mapping[date, int], others: int) -> bool:
        """See the protocol. Where the account gives the lines of a month at once, that is done when it costs fewer calls."""
        return self._sales.expect_month(store_id, lines, others)

    def turnover(self, store_id: int, year: int, month: int) -> pa.Table:
        """`TURNOVER` of one store and month, in one call. A row whose day cannot be read has none."""
        return rows.to_table(turnover_rows(self._calls, store_id, year, month), rows.TURNOVER)

    def customers_total(self) -> int | None:
        """How many rows the list of customers has, by the till's own word; None when it does not say. One call."""
        return claimed_rows(self._calls, _CUSTOMERS)

    def products_total(self) -> int | None:
        """The same for the list of products."""
        return claimed_rows(self._calls, _PRODUCTS)

    def check_rights(self) -> list[str]:
        """What keeps these credentials from reading what a sync reads, one sentence each; [] when nothing does.

        Six calls; one more where the till answers 404 for a day without sales. Raises `QuotaReached`.
        """
        problems: list[str] = []
        store_ids: list[int] = []
        try:
            for path, page in ((_STORES, None), (_PRODUCTS, 1), (_CUSTOMERS, 1), (_STOCK, None)):
                value = self._probe(path, page, problems)
                if path == _STORES and isinstance(value, list):
                    store_ids = sorted(filter(None, map(wire.key_of("store_id"), value)))
            for store_id in store_ids[:1]:
                self._probe_sales(store_id, date.today(), problems)
        except QuotaReached:
            raise
        except PosError as error:
            problems.append(str(error))
        return problems

    def _probe_sales(self, store_id: int, day: date, problems: list[str]) -> None:
        slice_path = f"{store_id}/{day:%Y/%m/%d}"
        try:
            self._probe(f"/closed_sales/{slice_path}", None, problems)
        except NotThere:
            if not self._sales.has_none(store_id, day):
                raise
        with suppress(NotThere):  # then each sale's own page is read
            self._probe(f"/products_sold/{slice_path}/", 1, problems)

    def _probe(self, path: str, page: int | None, problems: list[str]) -> Any:
        try:
            return self._calls.get(path, page=page, stop_without_right=False).value
        except RightMissing as error:
            problems.append(str(error))
            return None

    def _pages(
        self, name: str, path: str, key: Callable[[Any], Hashable | None], *, numbered: bool = False
    ) -> Iterator[list[Any]]:
        """The pages of one pass; `name` is in `incomplete_lists` until a pass has seen every row."""
        self.incomplete_lists.add(name)
        pass_over = listing(self._calls, path, key, numbered=numbered)
        yield from pass_over.pages()
        if pass_over.complete:
            self.incomplete_lists.discard(name)
        else:
            claimed = "more" if pass_over.total is None else str(pass_over.total)
            self._warn(
                f"Hiboutik account {self.account}: {path}: the till gave {pass_over.unique} different rows and has, "
                f"or may have, {claimed}. What it gave is used; nothing missing from it counts as deleted."
            )

    def _whole_list(
        self, name: str, path: str, key: Callable[[Any], Hashable | None], typed: Callable[[object], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        return [typed(row) for page in self._pages(name, path, key) for row in page]

    def _small_list(
        self, name: str, path: str, key: Callable[[Any], Hashable | None], typed: Callable[[object], dict[str, Any]]
    ) -> list[dict[str, Any]]:
        """A whole list, which a till may answer with `{}` or null as long as there is nothing on it.

        From a list that had rows before, such an answer is a fault: all stock would be zero for a day.
        """
        had_rows = f"{name}_had_rows"
        try:
            found = self._whole_list(name, path, key, typed)
        except NothingSaid:
            if self._memory.recall(had_rows) is not None:
                raise
            return []
        if found and self._memory.recall(had_rows) is None:
            self._memory.learn(had_rows, "yes")
        return found

    def _warn(self, sentence: str) -> None:
        if sentence not in self.warnings:
            self.warnings.append(sentence)
            log.warning(sentence)
