"""Reading what only the page of one customer or product has: a bounded number a run, from the calls that are to spare."""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from connector.mapping.customers import map_customers
from connector.mapping.records import SEND, digest_bytes
from connector.pos.protocol import CallsKept, PosAccessDenied, PosError, PosUnavailable, QuotaReached
from connector.pos.rows import ADDRESSES, IMAGES, to_table
from connector.reading_pairs import CALLS_IN_FLIGHT
from connector.shop_run import ShopRun

PAGES = 250  # of one kind, asked for by one run at most: as many calls as 62,500 rows of a list cost

_TOLD = 5  # pages that could not be read, told one by one
_IN_VAIN = CALLS_IN_FLIGHT  # pages that could not be read, one after another, before no more are asked for

# What the till's row of a customer, of a product, says. Not what a rule makes of it: its change makes no page worth reading.
_OF_CUSTOMERS = (
    *("first_name", "last_name", "email", "phone", "country", "birth_date"),
    *("last_order_date", "loyalty_points", "store_credit", "prepaid_balance"),
)
_OF_PRODUCTS = (
    *("name", "description", "barcode", "reference", "price", "promo_price"),
    *("category_id", "brand_id", "sizes", "updated_at"),
)

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Details:
    """One kind of pages, and what is kept of them: a row per page, `parts` being the column with what only the page has."""

    whose: str  # the till's list, whose rows tell which pages are worth reading
    snapshot: str
    schema: pa.Schema
    key: str
    parts: str
    part_key: str | None  # by which a part is known that the page has no more; None: it leaves no trace
    told_by: Sequence[str]  # the columns of the list's row that make a page worth reading again when they change
    wanted: Callable[[ShopRun, pa.Table], pa.Table]  # the rows of the list whose pages are worth a call at all
    read: Callable[[ShopRun, int], pa.Table]


@dataclass
class DetailReading:
    """What is known of every page after this run, as tables of `kind.schema`; iterate it once.

    A page is asked for when it was never read (the newest first), when the list's row has changed since, and when it could
    not be read the last time. What is over `PAGES`, or would touch the calls kept for the daily syncs, waits for the next
    run. What could not be read is told, keeps what was known of it, if anything, and has no `row_digest`.
    """

    run: ShopRun
    kind: Details
    listed: Iterable[pa.Table]
    read: int = field(default=0, init=False)
    waiting: int = field(default=0, init=False)
    _failed: dict[int, PosError] = field(default_factory=dict, init=False)  # the pages that were asked for and not read

    def __iter__(self) -> Iterator[pa.Table]:
        run, kind = self.run, self.kind
        known = _known(run, kind)
        digests: dict[int, bytes] = {}
        for page in self.listed:
            digests |= row_digests(kind, kind.wanted(run, page))
        due = pages_due(known, kind, digests)
        fresh = self._ask(due[:PAGES], digests)
        self._tell_failed()
        self.waiting = len(due) - len(fresh)
        asked = [*fresh, *self._failed]
        replaced = pc.is_in(known[kind.key], value_set=pa.array(sorted(asked), pa.int64()))
        before = {row[kind.key]: row for row in known.filter(replaced).to_pylist()}
        yield known.filter(pc.invert(replaced))
        yield to_table([self._with_gone(row, before.get(number)) for number, row in fresh.items()], kind.schema)
        unread = [{kind.key: number, kind.parts: before.get(number, {}).get(kind.parts)} for number in self._failed]
        yield to_table([row | {"row_digest": None} for row in unread], kind.schema)

    def of_reading(self) -> dict[str, Any]:
        """What people should see of it."""
        return {"pages read": self.read, "pages that wait for a later run": self.waiting}

    def _ask(self, due: Sequence[int], digests: Mapping[int, bytes]) -> dict[int, dict[str, Any]]:
        """The rows of the pages that were read, with the digest of the list's row."""
        run, fresh = self.run, dict[int, dict[str, Any]]()
        try:
            for number, row in self._pages(due):
                fresh[number] = row | {"row_digest": digests[number]}
        except CallsKept:  # a stop on purpose that loses nothing: whoever has no turn is counted
            log.info("shop %s: %s: the calls that are left are kept for daily syncs", run.shop.key, self._what)
        except QuotaReached as stop:
            run.stop_reasons.setdefault("quota", str(stop))
        return fresh

    def _pages(self, due: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
        """The pages that the till gives. Raises `QuotaReached`, after those that were in flight then."""
        left, asked, in_vain = deque(due), deque[tuple[int, Future[pa.Table]]](), 0
        stop: QuotaReached | None = None
        with ThreadPoolExecutor(CALLS_IN_FLIGHT, thread_name_prefix="till") as pool:
            while left or asked:
                while left and stop is None and len(asked) < _IN_VAIN - in_vain:
                    asked.append((left[0], pool.submit(self._page, left.popleft())))
                if not asked:
                    break
                number, page = asked.popleft()
                try:
                    (row,) = page.result().to_pylist()
                except QuotaReached as reached:
                    stop = stop or reached
                except PosError as error:
                    in_vain += 1
                    self._failed[number] = error
                else:
                    in_vain = 0
                    self.read += 1
                    self.run.progress(self._what, self.read, len(due))
                    yield number, row
        if stop is not None:
            raise stop

    def _page(self, number: int) -> pa.Table:
        with self.run.calls.for_history():
            return self.kind.read(self.run, number)

    def _tell_failed(self) -> None:
        """A till that does not answer fails the run. One that answers and gives no page would fail every run from now on."""
        silent = {each for each, error in self._failed.items() if isinstance(error, (PosAccessDenied, PosUnavailable))}
        answered = self._failed.keys() - silent
        for numbers, tell in ((silent, self.run.problems.append), (answered, self.run.warn)):
            for number in sorted(numbers, reverse=True)[:_TOLD]:
                tell(f"{self._what} of {self.kind.whose} {number}: {self._failed[number]}")
            if len(numbers) > _TOLD:
                tell(f"{self._what}: {len(numbers) - _TOLD} more pages could not be read; the next run asks again.")

    @property
    def _what(self) -> str:
        return self.kind.snapshot.removeprefix("pos_")

    def _with_gone(self, row: dict[str, Any], before: Mapping[str, Any] | None) -> dict[str, Any]:
        """The row with what its page had before and has no more."""
        parts, key = self.kind.parts, self.kind.part_key
        if key is None:
            return row
        there = {part[key] for part in row[parts]}
        gone = [part for part in (before or {}).get(parts) or () if part[key] is not None and part[key] not in there]
        return row | {parts: [*row[parts], *({**part, "listed": False} for part in gone)]}


def pages_to_ask(run: ShopRun, kind: Details, listed: Iterable[pa.Table]) -> int:
    """How many pages a run would ask for after it had read that list, if the month's calls allowed it. No call is made."""
    digests: dict[int, bytes] = {}
    for page in listed:
        digests |= row_digests(kind, kind.wanted(run, page))
    return min(PAGES, len(pages_due(_known(run, kind), kind, digests)))


def pages_due(known: pa.Table, kind: Details, digests: Mapping[int, bytes]) -> list[int]:
    """The pages to read, in the order in which they are asked for: last those that could not be read the last time."""
    read = dict(zip(known[kind.key].to_pylist(), known["row_digest"].to_pylist(), strict=True))
    never = digests.keys() - read.keys()
    changed = {each for each in digests.keys() - never if read[each] != digests[each]}
    failed = {each for each in changed if read[each] is None}
    return [each for some in (never, changed - failed, failed) for each in sorted(some, reverse=True)]


def _known(run: ShopRun, kind: Details) -> pa.Table:
    known = run.snapshot(kind.snapshot, kind.schema)
    return kind.schema.empty_table() if known is None else known


def row_digests(kind: Details, rows: pa.Table) -> dict[int, bytes]:
    """Of each row of the list what differs when it says something else."""
    ids = rows[kind.key].to_pylist()
    said = zip(*(rows[name].to_pylist() for name in kind.told_by), strict=True)
    return {number: digest_bytes(orjson.dumps(each)) for number, each in zip(ids, said, strict=True)}


def _customers_that_are_sent(run: ShopRun, rows: pa.Table) -> pa.Table:
    """Nobody else's address is sent either."""
    rows = run.tombstones.others(rows)
    return rows.filter(pc.equal(map_customers(run.ctx, rows, {})["outcome"], SEND))


def _products_on_sale(run: ShopRun, rows: pa.Table) -> pa.Table:
    """Nothing is sold any more of the others, and nobody is shown them."""
    on_sale = pc.and_(rows["listed"], pc.invert(pc.fill_null(rows["archived"], False)))
    return rows.filter(pc.and_(on_sale, pc.and_(rows["problems"].is_null(), rows["product_id"].is_valid())))


OF_ADDRESSES = Details(
    whose="customers",
    snapshot="pos_addresses",
    schema=ADDRESSES,
    key="customer_id",
    parts="addresses",
    part_key="address_id",
    told_by=_OF_CUSTOMERS,
    wanted=_customers_that_are_sent,
    read=lambda run, customer_id: run.till.addresses(customer_id),
)

OF_IMAGES = Details(
    whose="products",
    snapshot="pos_images",
    schema=IMAGES,
    key="product_id",
    parts="images",
    part_key=None,
    told_by=_OF_PRODUCTS,
    wanted=_products_on_sale,
    read=lambda run, product_id: run.till.images(product_id),
)


def read_addresses(run: ShopRun, customers: Iterable[pa.Table]) -> DetailReading:
    """The addresses of the customers, as far as they are known: `ADDRESSES`, a row per customer whose page was read."""
    return DetailReading(run, OF_ADDRESSES, customers)


def read_images(run: ShopRun, products: Iterable[pa.Table]) -> DetailReading:
    """The images of the products, as far as they are known: `IMAGES`, a row per product whose page was read."""
    return DetailReading(run, OF_IMAGES, products)
