"""The rows of which a shop's custom data is made, as `connector.config_rows` names them, and their records."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.config import CustomData
from connector.delivery.entities import PRODUCTS
from connector.mapping import money, times
from connector.mapping.context import ShopContext
from connector.mapping.custom_data import map_custom_data
from connector.mapping.customers import source_store
from connector.mapping.facts import SALE_FACTS, CustomerFacts, store_activity
from connector.mapping.products import map_products, stock_by_product
from connector.mapping.profiles import of_delivered
from connector.reading_customers import current_customers
from connector.recording import known_customers
from connector.shop_run import ShopRun

Lists = Mapping[str, Iterable[pa.Table]]  # the till's lists that the row kind is made of, as the lake calls them
Tables = Iterator[pa.Table]

_MONEY = pa.decimal128(18, 2)
_NO_FACTS = CustomerFacts()
_AT_ONCE = 2_000  # rows of sales


def record_custom_data(
    run: ShopRun, declared: CustomData, lists: Lists, *, assume_delivered: Collection[str] = ()
) -> Tables:
    """`RECORDS` of one declaration. Of customers and products that ShopiMind does not have there are none.

    `assume_delivered` names the entities whose records count as delivered because a sync would do so, as in a plan.
    """
    rows = _ROWS[declared.rows](_Making(run, declared, lists, assume_delivered))
    return map_custom_data(run.ctx, declared, rows)


class _Making:
    """What the rows of one declaration are made with."""

    def __init__(self, run: ShopRun, declared: CustomData, lists: Lists, assumed: Collection[str]) -> None:
        self.run, self.declared, self.lists, self.assumed = run, declared, lists, assumed

    @property
    def ctx(self) -> ShopContext:
        return self.run.ctx

    def tagged(self, table: pa.Table, home_stores: Sequence[int | None] = ()) -> pa.Table:
        """The rows with the store whose source tags each, and without problems where the till could have had none."""
        if self.declared.tagged_by == "store":
            stores = table["store_id"]
        elif self.declared.tagged_by == "home_store":
            stores = pa.array(home_stores, pa.int64())
        else:
            stores = pa.nulls(table.num_rows, pa.int64())
        if "problems" not in table.column_names:
            table = table.append_column("problems", pa.nulls(table.num_rows, pa.string()))
        return table.append_column("source_store_id", stores)

    def customers(self) -> Iterator[tuple[pa.Table, dict[int, CustomerFacts], set[str]]]:
        pages = current_customers(self.lists["pos_customers"], self.lists["pos_new_customers"])
        return known_customers(self.run, pages, assume_delivered="customers" in self.assumed)

    def products(self) -> Tables:
        """Pages of the products that the till lists; of those alone that ShopiMind has, where the records relate to them."""
        stock = stock_by_product(pa.concat_tables(self.lists["pos_stock"]))
        for page in self.lists["pos_products"]:
            page = page.filter(page["listed"])
            if self.declared.relates_to("products"):
                records = map_products(self.ctx, page, stock)
                page = page.filter(pa.array(self._known(records), pa.bool_()))
            available = [stock.get(product_id, 0) for product_id in page["product_id"].to_pylist()]
            yield page.append_column("stock", pa.array(available, pa.int64()))

    def _known(self, records: pa.Table) -> list[bool]:
        """Of each product's record whether ShopiMind has it."""
        sent = records["external_id"].filter(pc.equal(records["outcome"], "send")).to_pylist()
        known = self.run.ledger.delivered_ids(PRODUCTS.name, sent)
        if "products" in self.assumed:
            known |= set(sent) - set(self.run.refused.lookup(PRODUCTS.name, sent))
        return [name in known for name in records["external_id"].to_pylist()]


def _customers(making: _Making) -> Tables:
    ctx = making.ctx
    for page, facts, delivered in making.customers():
        rows = of_delivered(ctx, page, delivered)
        of_rows = [facts.get(customer_id, _NO_FACTS) for customer_id in rows["customer_id"].to_pylist()]
        columns: dict[str, tuple[pa.DataType, list[Any]]] = {
            "home_store_id": (pa.int64(), [each.home_store_id for each in of_rows]),
            "orders_count": (pa.int64(), [each.orders_count for each in of_rows]),
            "amount_spent": (_MONEY, _amounts([each.spent_cents for each in of_rows])),
            "first_order_at": (pa.string(), [_at(ctx, e.first_order, e.first_order_store) for e in of_rows]),
            "last_order_at": (pa.string(), [_at(ctx, e.last_order, e.last_order_store) for e in of_rows]),
        }
        for name, (kind, values) in columns.items():
            rows = rows.append_column(name, pa.array(values, kind))
        yield making.tagged(rows, [source_store(ctx, each) for each in of_rows])


def _customer_stores(making: _Making) -> Tables:
    ctx = making.ctx
    for page, _, delivered in making.customers():
        ids = of_delivered(ctx, page, delivered)["customer_id"].to_pylist()
        activity = store_activity(ctx, making.run.sales_read.groups(ids))
        stores = activity["store_id"].to_pylist()
        rows = {
            "customer_id": activity["customer_id"],
            "store_id": activity["store_id"],
            "orders_count": activity["orders_count"],
            "amount_spent": pa.array(_amounts(activity["cents"].to_pylist()), _MONEY),
            "currency": pa.array([_currency(ctx, store_id) for store_id in stores], pa.string()),
            "first_order_at": _moments(ctx, activity["first_order"], stores),
            "last_order_at": _moments(ctx, activity["last_order"], stores),
        }
        yield making.tagged(pa.table(rows))


def _products(making: _Making) -> Tables:
    return (making.tagged(page) for page in making.products())


def _product_stores(making: _Making) -> Tables:
    """Of every product with stock rows, what each store with a warehouse has of it: none where its warehouse has no row."""
    stock = pa.concat_tables(making.lists["pos_stock"])
    there = {
        store.store_id: stock_by_product(stock.filter(pc.equal(stock["warehouse_id"], store.warehouse_id)))
        for store in making.ctx.stores
        if store.warehouse_id
    }
    stocked = pc.unique(stock["product_id"])
    warehouses = {store.store_id: store.warehouse_id for store in making.ctx.stores}
    for page in making.products():
        listed = page["product_id"].filter(pc.is_in(page["product_id"], value_set=stocked)).to_pylist()
        rows = [
            (product_id, store_id, warehouses[store_id], left)
            for product_id in listed
            if product_id is not None
            for store_id, by_product in there.items()
            for left in [by_product.get(product_id, 0)]
        ]
        names = ("product_id", "store_id", "warehouse_id", "available")
        columns = [[row[place] for row in rows] for place in range(len(names))]
        columns[3] = [None if left is None else max(0, left) for left in columns[3]]
        table = pa.table({name: pa.array(c, pa.int64()) for name, c in zip(names, columns, strict=True)})
        problems = [None if left is not None else "available: a stock row cannot be read" for left in columns[3]]
        yield making.tagged(table.append_column("problems", pa.array(problems, pa.string())))


def _stock(making: _Making) -> Tables:
    rows = pa.concat_tables(making.lists["pos_stock"])
    if making.declared.relates_to("products"):
        known = [page["product_id"].combine_chunks() for page in making.products()]
        rows = rows.filter(pc.is_in(rows["product_id"], value_set=pa.chunked_array(known, pa.int64()).combine_chunks()))
    yield making.tagged(rows)


def _sales(making: _Making) -> Tables:
    """Every closed sale read so far in a store that the till lists."""
    ctx = making.ctx
    sales = making.run.sales_read.all().select(SALE_FACTS.names).sort_by("sale_id")
    listed = pa.array([store.store_id for store in ctx.stores], pa.int64())
    sales = sales.filter(pc.is_in(sales["store_id"], value_set=listed))
    if making.declared.relates_to("contacts"):
        known: set[str] = set()
        for _, _, delivered in making.customers():
            known |= delivered
        sales = of_delivered(ctx, sales, known)
    for start in range(0, sales.num_rows, _AT_ONCE):
        part = sales.slice(start, _AT_ONCE)
        stores = part["store_id"].to_pylist()
        part = part.set_column(
            part.schema.get_field_index("closed_at"), "closed_at", _moments(ctx, part["closed_at"], stores)
        )
        yield making.tagged(part.append_column("amount", pa.array(_amounts(part["cents"].to_pylist()), _MONEY)))


def _listed(name: str) -> Callable[[_Making], Tables]:
    return lambda making: (making.tagged(page) for page in making.lists[name])


_ROWS: Mapping[str, Callable[[_Making], Tables]] = {
    "customers": _customers,
    "customer_stores": _customer_stores,
    "products": _products,
    "product_stores": _product_stores,
    "stock": _stock,
    "sales": _sales,
    "categories": _listed("pos_categories"),
    "brands": _listed("pos_brands"),
    "stores": _listed("pos_stores"),
}


def _amounts(cents: Iterable[int | None]) -> list[Any]:
    return [None if each is None else money.amount(each) for each in cents]


def _at(ctx: ShopContext, epoch: int | None, store_id: int | None) -> str | None:
    return None if epoch is None else times.at(epoch, ctx.zone(store_id))


def _moments(ctx: ShopContext, epochs: pa.ChunkedArray, stores: Sequence[int | None]) -> pa.Array[Any]:
    pairs = zip(epochs.to_pylist(), stores, strict=True)
    return pa.array([_at(ctx, epoch, store_id) for epoch, store_id in pairs], pa.string())


def _currency(ctx: ShopContext, store_id: int) -> str | None:
    store = ctx.store(store_id)
    return store.currency if store else None
