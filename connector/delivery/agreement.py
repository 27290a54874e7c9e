"""Record by record: does ShopiMind hold what it should, does the ledger say so, and do both say the same of it?"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from connector.delivery.held import HELD
from connector.delivery.ledger import NOTED

# What the till's rows come to: which records should be delivered, and what is known of them.
WANTED = pa.schema(
    [
        pa.field("external_id", pa.string()),
        pa.field("wanted", pa.bool_()),  # false: the row is known, and a rule skips it or it is refused
        pa.field("source", pa.int64()),  # the `id_data_source` it must have; null: the one that the ledger has
        pa.field("store_id", pa.int64()),
        pa.field("day", pa.string()),
        pa.field("cents", pa.int64()),
        pa.field("currency", pa.string()),
    ]
)

COMPARED = pa.schema(
    [
        pa.field("external_id", pa.string()),
        pa.field("store_id", pa.int64()),
        pa.field("day", pa.string()),
        pa.field("wanted", pa.bool_()),
        pa.field("noted", pa.bool_()),  # in the ledger, and not only there
        pa.field("held", pa.bool_()),  # by ShopiMind
        pa.field("missing_from", pa.string()),  # 'ledger' (it waits) | 'shopimind'; null: it is not missing
        pa.field("extra", pa.bool_()),  # ShopiMind holds it and should not
        pa.field("amount_differs", pa.bool_()),
        pa.field("currency_differs", pa.bool_()),
        pa.field("source_differs", pa.bool_()),
        pa.field("wanted_cents", pa.int64()),
        pa.field("noted_cents", pa.int64()),
        pa.field("held_cents", pa.int64()),
        pa.field("delivered_at", pa.int64()),
    ]
)

_DIFFERS = {"amount": "amount_differs", "currency": "currency_differs", "id_data_source": "source_differs"}


def compared(
    wanted: pa.Table,
    noted: pa.Table,
    held: pa.Table,
    *,
    whole: bool,
    store_of_source: Callable[[int], int | None] = lambda source: None,
    day_of: Callable[[str, int | None], str | None] = lambda moment, store_id: None,
) -> pa.Table:
    """`COMPARED` of one entity, from its `WANTED`, `NOTED` and `HELD` records, joined by their ids.

    `whole` says that `wanted` knows every row that ever was: then whatever else ShopiMind holds is extra. Otherwise a
    record that was delivered once may stay, although the till does not list it any more. `store_of_source` and `day_of`
    (from its `created_at`) find a place for what only ShopiMind knows.
    """
    joined = (
        _named(wanted, WANTED, "w")
        .join(_named(noted, NOTED, "l"), "external_id", join_type="full outer")
        .join(_named(held, HELD, "h"), "external_id", join_type="full outer")
    )
    is_wanted = _true(joined["w_wanted"])
    is_noted, is_held = _true(joined["l_here"]), _true(joined["h_here"])
    extra = _all(is_held, pc.invert(is_wanted))
    if not whole:
        extra = _all(extra, pc.invert(is_noted))
    both = _all(is_wanted, is_noted, is_held)  # what nobody wants stays as last sent, whatever became of it
    source = pc.coalesce(joined["w_source"], joined["l_source"])
    store_id, day = _places(joined, store_of_source, day_of)
    columns = {
        "external_id": joined["external_id"],
        "store_id": store_id,
        "day": day,
        "wanted": is_wanted,
        # what is neither wanted nor held any more is only a memory
        "noted": _all(is_noted, pc.or_(is_wanted, is_held)),
        "held": is_held,
        "missing_from": pc.case_when(
            pc.make_struct(_all(is_wanted, pc.invert(is_noted)), _all(is_wanted, pc.invert(is_held))),
            pa.scalar("ledger"),
            pa.scalar("shopimind"),
        ),
        "extra": extra,
        "amount_differs": _all(both, _unlike(joined, "cents")),
        "currency_differs": _all(both, _unlike(joined, "currency")),
        "source_differs": _all(both, pc.or_(_differ(source, joined["h_source"]), _differ(source, joined["l_source"]))),
        "wanted_cents": joined["w_cents"],
        "noted_cents": joined["l_cents"],
        "held_cents": joined["h_cents"],
        "delivered_at": joined["l_delivered_at"],
    }
    return pa.table([columns[name] for name in COMPARED.names], schema=COMPARED)


def in_doubt(table: pa.Table) -> pa.Table:
    """The rows of `COMPARED` that do not agree."""
    return table.filter(doubtful(table))


def doubtful(table: pa.Table) -> pa.ChunkedArray:
    """Which rows of `COMPARED` do not agree."""
    found = pc.or_(table["extra"], pc.is_valid(table["missing_from"]))
    for name in _DIFFERS.values():
        found = pc.or_(found, table[name])
    return found


def fields_that_differ(row: dict[str, Any]) -> list[str]:
    """Of one row of `COMPARED`, what ShopiMind's records call them."""
    return [field for field, name in _DIFFERS.items() if row[name]]


def _named(table: pa.Table, schema: pa.Schema, letter: str) -> pa.Table:
    """Only rows with an id; every other column gets the letter, and one more says that the row is there."""
    table = table.filter(pc.is_valid(table["external_id"]))
    names = ["external_id", *(f"{letter}_{name}" for name in schema.names if name != "external_id")]
    here = pa.array([True] * table.num_rows, pa.bool_())
    return table.select(schema.names).rename_columns(names).append_column(f"{letter}_here", here)


def _places(
    joined: pa.Table,
    store_of_source: Callable[[int], int | None],
    day_of: Callable[[str, int | None], str | None],
) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    store_id = pc.coalesce(joined["w_store_id"], joined["l_store_id"])
    day = pc.coalesce(joined["w_day"], joined["l_day"])
    strange = pc.and_not(_true(joined["h_here"]), pc.or_(_true(joined["w_here"]), _true(joined["l_here"])))
    if not pc.any(strange).as_py():
        return store_id, day
    stores, days = store_id.to_pylist(), day.to_pylist()
    for place, is_strange in enumerate(strange.to_pylist()):
        if is_strange:
            source, moment = joined["h_source"][place].as_py(), joined["h_created_at"][place].as_py()
            stores[place] = None if source is None else store_of_source(source)
            days[place] = None if moment is None else day_of(moment, stores[place])
    return pa.chunked_array([stores], pa.int64()), pa.chunked_array([days], pa.string())


def _unlike(joined: pa.Table, name: str) -> pa.ChunkedArray:
    """Whether the ledger has something else than the till, or than ShopiMind; what nobody tells is not compared."""
    noted = joined[f"l_{name}"]
    return pc.or_(_differ(noted, joined[f"h_{name}"]), _differ(noted, joined[f"w_{name}"]))


def _differ(one: pa.ChunkedArray, other: pa.ChunkedArray) -> pa.ChunkedArray:
    return _true(pc.not_equal(one, other))


def _true(column: pa.ChunkedArray) -> pa.ChunkedArray:
    return pc.fill_null(column, False)


def _all(*conditions: pa.ChunkedArray) -> pa.ChunkedArray:
    result = conditions[0]
    for condition in conditions[1:]:
        result = pc.and_(result, condition)
    return result
