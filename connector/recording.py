"""From rows to records where the mapping needs what the database knows: the closed sales read so far."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.entities import CUSTOMERS, ORDERS, PRODUCTS, Entity
from connector.mapping.addresses import AddressNumbers, map_addresses
from connector.mapping.customers import map_customers
from connector.mapping.facts import CustomerFacts, customer_facts
from connector.mapping.identifiers import preferred_number
from connector.mapping.images import first_images, map_images
from connector.mapping.known_customers import KnownCustomers
from connector.mapping.newsletter import Addresses, map_newsletter
from connector.mapping.orders import map_orders
from connector.mapping.products import map_misc_product, map_products, stock_by_product, stock_by_size
from connector.mapping.profiles import map_profiles
from connector.mapping.variations import NamedSizes, map_variations, sizes_of
from connector.pos.rows import ADDRESSES, IMAGES, SALES, conformed
from connector.shop_run import ShopRun

_NAMED = 5  # sizes in a warning
_MISC_PRODUCT = "misc_product"  # what the account's memory calls a shop that needs it


def record_products(
    run: ShopRun, products: Iterable[pa.Table], stock: Iterable[pa.Table], pages: Iterable[pa.Table] = ()
) -> Iterator[pa.Table]:
    """`RECORDS` of the products, and of the miscellaneous product once a line has needed it.

    `pages` are the `IMAGES`, where the shop sends images: the first of a product's is its own.
    """
    available = stock_by_product(pa.concat_tables(stock))
    image_links = first_images(pa.concat_tables([IMAGES.empty_table(), *pages]))
    for rows in products:
        yield map_products(run.ctx, rows, available, image_links)
    if run.needs_misc_product or run.memory.recall(f"{_MISC_PRODUCT}/{run.shop.key}"):
        yield map_misc_product(run.ctx)


def record_images(
    run: ShopRun,
    products: Iterable[pa.Table],
    stock: Iterable[pa.Table],
    pages: Iterable[pa.Table],
    *,
    assume_delivered: bool = False,
) -> Iterator[pa.Table]:
    """`RECORDS` of the images, of products that ShopiMind has. `assume_delivered` is that of `record_profiles`."""
    available = stock_by_product(pa.concat_tables(stock))
    known = pa.concat_tables([IMAGES.empty_table(), *pages])
    for rows in products:
        records = map_products(run.ctx, rows, available)
        delivered = _delivered(run, PRODUCTS, records, assume_delivered=assume_delivered)
        of_page = known.filter(pc.is_in(known["product_id"], value_set=rows["product_id"]))
        yield map_images(run.ctx, rows, delivered, of_page)


def record_variations(run: ShopRun, products: Iterable[pa.Table], stock: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """`RECORDS` of the variations. From here on orders can name every size of these products."""
    available = stock_by_size(pa.concat_tables(stock))
    for rows in products:
        run.variations.allot(sizes_of(rows), preferred_number)
        yield map_variations(run.ctx, rows, available, run.variations.of)


def record_customers(run: ShopRun, customers: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """`RECORDS` of the customers, with their home stores as far as sales were read."""
    for rows in _touched(run, customers):
        yield map_customers(run.ctx, rows, _facts(run, rows))


def record_addresses(
    run: ShopRun,
    customers: Callable[[], Iterable[pa.Table]],
    books: Iterable[pa.Table],
    *,
    assume_delivered: bool = False,
) -> Iterator[pa.Table]:
    """`RECORDS` of the addresses, of customers that ShopiMind has; the customers are gone through twice.

    `assume_delivered` is that of `record_profiles`.
    """
    known = run.tombstones.others(pa.concat_tables([ADDRESSES.empty_table(), *books]))
    there = pa.chunked_array([chunk for rows in customers() for chunk in rows["customer_id"].chunks], pa.int64())
    known = known.filter(pc.is_in(known["customer_id"], value_set=there))  # whoever is gone has no address any more
    numbers = AddressNumbers(known)
    for rows, facts, delivered in known_customers(run, customers(), assume_delivered=assume_delivered):
        of_page = known.filter(pc.is_in(known["customer_id"], value_set=rows["customer_id"]))
        yield map_addresses(run.ctx, rows, facts, delivered, of_page, numbers)


def record_newsletter(run: ShopRun, customers: Callable[[], Iterable[pa.Table]]) -> Iterator[pa.Table]:
    """`RECORDS` of the newsletter subscribers; the customers are gone through twice."""
    addresses = Addresses(map(run.tombstones.customers, customers()))
    for rows in map(run.tombstones.customers, customers()):
        yield map_newsletter(run.ctx, rows, _facts(run, rows), addresses)


def record_profiles(
    run: ShopRun, customers: Iterable[pa.Table], *, assume_delivered: bool = False
) -> Iterator[pa.Table]:
    """`RECORDS` of the loyalty profiles of the customers that ShopiMind has.

    `assume_delivered` takes the customers that a sync would deliver for delivered, as a plan does.
    """
    for rows, facts, delivered in known_customers(run, _touched(run, customers), assume_delivered=assume_delivered):
        yield map_profiles(run.ctx, rows, facts, delivered)


def known_customers(
    run: ShopRun, customers: Iterable[pa.Table], *, assume_delivered: bool
) -> Iterator[tuple[pa.Table, dict[int, CustomerFacts], set[str]]]:
    """Each page of customers, what their sales say, and the external ids of those of the page whom ShopiMind has."""
    for rows in map(run.tombstones.customers, customers):
        facts = _facts(run, rows)
        records = map_customers(run.ctx, rows, facts)
        yield rows, facts, _delivered(run, CUSTOMERS, records, assume_delivered=assume_delivered)


def record_orders(
    run: ShopRun, days: Iterable[tuple[str, pa.Table]], customers: Iterable[pa.Table]
) -> Iterator[tuple[str, pa.Table]]:
    """Each day's `RECORDS`; what its sales say about customers is kept for home stores and profiles.

    Of a day of which this run read only some stores, only those are recorded.
    """
    known = KnownCustomers()
    for rows in customers:
        known.add(run.tombstones.others(rows))
    known.freeze()
    sizes = _named_sizes(run)
    for day, sales in days:
        sales = run.tombstones.sales(conformed(sales, SALES) or sales)
        stores = _stores_read(run, day)
        if stores is not None:
            sales = sales.filter(pc.is_in(sales["store_id"], value_set=pa.array(stores, pa.int64())))
        named = set(sales["customer_id"].to_pylist()) - {None, 0}
        mapped = map_orders(run.ctx, sales, known, run.sales_read.first_closed(named), sizes)
        if not run.new_customers_read:
            _read_again(run, day, sales, named - known.find(named).keys())
        listed = stores if stores is not None else sorted(set(sales["store_id"].to_pylist()) - {None})
        of_them = mapped.facts.filter(pc.is_in(mapped.facts["store_id"], value_set=pa.array(listed, pa.int64())))
        run.sales_read.replace(listed, day, of_them)
        if mapped.needs_misc_product:
            run.needs_misc_product = True
            if not run.dry:
                run.memory.learn(f"{_MISC_PRODUCT}/{run.shop.key}", "yes")
        yield day, mapped.records
    if sizes is not None:
        _tell_unnamed_sizes(run, sizes)


def _named_sizes(run: ShopRun) -> NamedSizes | None:
    """What order lines name their sizes by, where the shop sends variations."""
    if run.shop.rules.variations == "skip":
        return None
    return NamedSizes(run.shop.identifiers, run.variations.of, run.variations.has_sizes)


def _tell_unnamed_sizes(run: ShopRun, sizes: NamedSizes) -> None:
    """The sizes that were sold and that no order could name."""
    if sizes.unknown:
        named = ", ".join(f"{product_id}/{size_id}" for product_id, size_id in sorted(sizes.unknown)[:_NAMED])
        run.warn(
            f"shop {run.shop.key}: {len(sizes.unknown)} size(s) were sold that the list of products does not have "
            f"(product/size {named}): these order lines name no variation. A size that the list gets is named by the orders "
            "of the days that are read after it."
        )
    if sizes.unsaid:
        run.warn(
            f"shop {run.shop.key}: the till's lines do not say which size was sold of {len(sizes.unsaid)} product(s) with "
            "sizes: these order lines name no variation."
        )


def forget_refused_orders(run: ShopRun) -> None:
    """Takes the orders that ShopiMind refuses out of what profiles and reconciliation count as sent."""
    run.sales_read.mark_sent(_sale_ids(run, run.refused.ids(ORDERS.name)), sent=False)


def expect_orders(run: ShopRun, external_ids: Iterable[str]) -> None:
    """Counts refused orders as sent, because they are about to be; `forget_refused_orders` corrects it afterwards."""
    run.sales_read.mark_sent(_sale_ids(run, external_ids), sent=True)


def _sale_ids(run: ShopRun, external_ids: Iterable[str]) -> list[int]:
    ids = (name.removeprefix(run.shop.identifiers.prefix) for name in external_ids)
    return [int(each) for each in ids if each.isdecimal()]


def _read_again(run: ShopRun, day: str, sales: pa.Table, unknown: set[int]) -> None:
    """Keeps a day open that names customers who are unknown only because this run has not asked for new ones."""
    of_unknown = sales.filter(pc.is_in(sales["customer_id"], value_set=pa.array(sorted(unknown), pa.int64())))
    run.unread.update((store_id, day) for store_id in of_unknown["store_id"].to_pylist())


def _stores_read(run: ShopRun, day: str) -> list[int] | None:
    """The stores whose sales of that day this run has read; None when it reads no sales and takes the lake's."""
    return None if run.read_pairs is None else run.read_pairs.get(day, [])


def _touched(run: ShopRun, customers: Iterable[pa.Table]) -> Iterator[pa.Table]:
    """The rows of the customers whom this run looks at: all, or those whom the pushed sales name."""
    if run.customers_touched is None:
        yield from map(run.tombstones.customers, customers)
        return
    touched = pa.array(sorted(run.customers_touched), pa.int64())
    for rows in map(run.tombstones.customers, customers):
        yield rows.filter(pc.is_in(rows["customer_id"], value_set=touched))


def _delivered(run: ShopRun, entity: Entity, records: pa.Table, *, assume_delivered: bool) -> set[str]:
    """The external ids of those of the records to be sent that ShopiMind has, or would have after a sync."""
    names = records["external_id"].filter(pc.equal(records["outcome"], "send")).to_pylist()
    delivered = run.ledger.delivered_ids(entity.name, names)
    if assume_delivered:
        delivered |= set(names) - set(run.refused.lookup(entity.name, names))
    return delivered


def _facts(run: ShopRun, rows: pa.Table) -> dict[int, CustomerFacts]:
    ids = set(rows["customer_id"].to_pylist()) - {None}
    return customer_facts(run.ctx, run.sales_read.groups(ids))
