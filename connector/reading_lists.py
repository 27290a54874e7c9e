"""Reading the lists of one shop's till that every sync reads: its stores and its products."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow as pa
import pyarrow.compute as pc

from connector import reading_passes
from connector.pos.protocol import PosError
from connector.pos.rows import PRODUCTS, STORES
from connector.shop_run import ShopRun

_FEW_PRODUCTS = 20  # so few products may well be replaced at once


def read_stores(run: ShopRun) -> pa.Table:
    """The account's stores. From here on the run knows its time zones and its quota."""
    stores = run.till.stores()
    if stores.filter(pc.is_valid(stores["store_id"])).num_rows == 0:
        raise PosError(
            f"the till of account {run.shop.pos.account} lists no store, so nothing of shop {run.shop.key} can be "
            "attributed. Nothing was delivered. Check that the user's rights include the points of sale."
        )
    before = run.snapshot("pos_stores", STORES)
    if before is not None:
        run.new_stores = set(stores["store_id"].to_pylist()) - set(before["store_id"].to_pylist()) - {None}
    run.use_stores(stores)
    for store in run.ctx.stores:
        if store.zone_assumed:
            run.warn(
                f"shop {run.shop.key}: the till gives store {store.store_id} no time zone that exists; its times are read "
                f"as those of {store.time_zone}. Set it right in the till, then read the store's days again.",
            )
    return stores


def read_products(run: ShopRun) -> Iterator[pa.Table]:
    """Every listed product, then, once, those that were listed before and are gone (`listed` false).

    A long list whose turn it is not (`connector.reading_passes`) is taken from the lake as it is.

    A product is only gone when the list was read completely, and not when so many would be that the list itself is in
    doubt: then what is missing stays as it was. The earlier list comes from the lake.
    """
    if (carried := reading_passes.carried_over(run, "products", PRODUCTS)) is not None:
        yield from carried
        return
    reading_passes.begin(run, "products")
    before = run.snapshot("pos_products", PRODUCTS)
    if before is not None:
        before = before.filter(before["product_id"].is_valid())
    seen: set[int | None] = set()
    pages = 0
    for page in run.till.products():
        pages += 1
        seen.update(page["product_id"].to_pylist())
        run.progress("products", len(seen), None)
        yield page
    if None in seen:
        run.till.incomplete_lists.add("products")  # what has no id may stand for any product
    reading_passes.ended(run, "products", pages)
    if before is None:
        return
    missing = before.filter(pc.invert(pc.is_in(before["product_id"], value_set=pa.array(list(seen), pa.int64()))))
    if "products" not in run.till.incomplete_lists and not _is_doubtful(run, before, missing, is_empty=not seen):
        unlisted = pa.array([False] * missing.num_rows, pa.bool_())
        missing = missing.set_column(PRODUCTS.get_field_index("listed"), PRODUCTS.field("listed"), unlisted)
    yield missing


def _is_doubtful(run: ShopRun, before: pa.Table, missing: pa.Table, *, is_empty: bool) -> bool:
    """Whether a list that says it is whole has lost so many products that it cannot be believed; it is told then."""
    listed, lost = before.filter(before["listed"]).num_rows, missing.filter(missing["listed"]).num_rows
    if lost == 0 or not (is_empty or (listed > _FEW_PRODUCTS and lost * 2 > listed)):
        return False
    run.till.incomplete_lists.add("products")
    run.warn(
        f"shop {run.shop.key}: the till's list of products lacks {lost} of the {listed} that it had before. That is "
        "taken for a fault of the list: none of them was made inactive. If they were deleted on purpose, make them "
        "inactive in ShopiMind.",
    )
    return True
