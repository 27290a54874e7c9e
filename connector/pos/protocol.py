"""What any point-of-sale system must offer to be read, and how it says that it cannot be."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Protocol

import pyarrow as pa


class PosError(Exception):
    """The till could not be read. The message says what happened, with which store and page, and what to do."""


class PosAccessDenied(PosError):
    """The till refuses our credentials (401) or a right is missing (403). Nobody but the merchant can mend it."""


class PosUnavailable(PosError):
    """The till did not answer, or only with failures of its own, however often it was asked. Later it may."""


class QuotaReached(PosError):
    """The account's calls for this month are used up, by our own count or by the till's 429. Nothing is asked after."""


class CallsKept(QuotaReached):
    """What is left of the month is kept from history: for daily syncs and other applications. Today is still read."""


class CallCounter(Protocol):
    """The account's durable count of calls in its month (see `connector.state.calls`)."""

    @property
    def probing(self) -> bool:
        """Whether the till said stop before this run, and the run's first call finds out if that still holds."""
        ...

    def spend(self) -> None:
        """Counts one call before it is made. Raises `QuotaReached` instead when the month has none left for it."""

    def answered(self) -> None:
        """The till answered, so a stop that an earlier run met is over."""

    def stop(self) -> datetime:
        """The till itself said that the quota is reached; until when that holds, with the account's time zone.

        Every later `spend` of this run, and of every other run of the account that goes on now, raises `QuotaReached`.
        """
        ...


class AccountMemory(Protocol):
    """What was learned about one account and need not be found out again."""

    def recall(self, trait: str) -> str | None: ...

    def learn(self, trait: str, value: str) -> None: ...


@dataclass(frozen=True)
class SaleNeeds:
    """What of a sale the shop's rules will look at, so that no call is spent on anything else."""

    anonymous_lines: bool  # false: lines of sales without a customer are never looked at
    external_reference: bool  # false: nobody asks whether a sale came from a web shop


class PointOfSale(Protocol):
    """One account of a till. Tables have the schemas of `connector.pos.rows`; every row carries the account's own ids.

    Every method may raise `PosError` or one of its kinds, and `connector.http.TransportFailure`-like failures never
    leave it untranslated. Pages are yielded as they are read, each row once, whatever the till repeats between pages.
    """

    incomplete_lists: set[str]  # "products", "customers", ...: lists whose last pass did not see every row
    warnings: list[str]  # each thing that is odd but stops nothing, once, as a sentence

    def check_rights(self) -> list[str]:
        """What the credentials do not allow, a sentence each; a handful of calls."""
        ...

    def stores(self) -> pa.Table:
        """`STORES`, ordered by `store_id`."""

    def categories(self) -> pa.Table:
        """`CATEGORIES`."""

    def brands(self) -> pa.Table:
        """`BRANDS`."""

    def products(self) -> Iterator[pa.Table]:
        """`PRODUCTS`, page by page, all `listed`."""

    def stock(self) -> pa.Table:
        """`STOCK`, one row per product, size and warehouse."""

    def customers(self) -> Iterator[pa.Table]:
        """`CUSTOMERS`, page by page, from list rows only."""

    def customer_groups(self) -> pa.Table:
        """`CUSTOMER_GROUPS`, by the rule `customer_groups` of the shop; empty without one."""

    def customers_by_id(self, customer_ids: Collection[int]) -> pa.Table:
        """`CUSTOMERS` read one by one; an id that no longer exists gives no row."""

    def addresses(self, customer_id: int) -> pa.Table:
        """`ADDRESSES`, one row, without its digest; no address where the customer has none.

        Raises `PosError` where he has no page, or it does not say which addresses he has. One call, none for a customer who
        was read before by himself.
        """

    def images(self, product_id: int) -> pa.Table:
        """`IMAGES`, one row, without its digest; no image where the product has none. One call.

        Raises `PosError` where it has no page, or the page does not say which images there are.
        """

    def sales(self, store_id: int, day: date, needs: SaleNeeds, references: Mapping[int, str] = ...) -> pa.Table:
        """`SALES` of one store that the till lists under one closing day, with lines that add up.

        Empty when there are none. Open tickets and quotes are not in it. `references` are the external references, by
        sale id, that an earlier reading found: they are taken where finding them again would cost a call.
        """

    def expect_month(self, store_id: int, lines: Mapping[date, int], others: int) -> bool:
        """Says that the `sales` of these days of one month will be asked for, each with at most so many lines.

        `others`: at most so many lines on the other days of the month. Makes no call. True: the till may then read them
        together, so that they are best asked for without other stores' days in between. A system that has nothing to
        gain leaves this as it is.
        """
        return False

    def turnover(self, store_id: int, year: int, month: int) -> pa.Table:
        """`TURNOVER` of one store and month: what the till itself counts per closing day, to check a reading against.

        A day without sales may have a row or none.
        """

    def customers_total(self) -> int | None:
        """How many rows the list of customers has, by the till's own word; None when it does not say. One call."""

    def products_total(self) -> int | None:
        """The same for the list of products."""

    def close(self) -> None:
        """Gives the connections back."""
