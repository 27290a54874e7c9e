"""Categories, parents before children: the levels of their tree, of which one is answered before the next is sent."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping

import orjson
import pyarrow as pa
import pyarrow.compute as pc

from connector.mapping.records import FAILED, RECORDS, SEND

PARENT_WAITS = "its parent category was not delivered, and ShopiMind has not had it before"

Undelivered = Callable[[list[str]], set[str]]  # those of the categories that are neither delivered nor refused


def levels(tables: Iterable[pa.Table], undelivered: Undelivered) -> Iterator[pa.Table]:
    """Tables of `RECORDS` of categories as one table per level of their tree, the roots first.

    Ask for a level when the one above was answered: children of an `undelivered` parent then have the outcome `failed`,
    because ShopiMind may refuse them, and a refused record is not tried again by itself. On the first level are also
    those whose parent is not listed, and those that are each other's parents.
    """
    table = pa.concat_tables([RECORDS.empty_table(), *tables])
    sent = table.filter(pc.equal(table["outcome"], SEND))
    named = zip(sent["external_id"].to_pylist(), sent["payload"].to_pylist(), strict=True)
    parents = {name: _parent(payload) for name, payload in named}
    depths = _depths(parents)
    depth_of_row = pa.array([depths.get(name, 0) for name in table["external_id"].to_pylist()], pa.int64())
    for depth in range(max(depths.values(), default=0) + 1):
        level = table.filter(pc.equal(depth_of_row, depth))
        if depth:
            above = {parents[name] for name in level["external_id"].to_pylist()}
            waiting = undelivered(sorted(name for name in above if name is not None))
            level = _held_back(level, {name for name, parent in parents.items() if parent in waiting})
        yield level


def _parent(payload: str) -> str | None:
    parent = orjson.loads(payload).get("parent_category_id")
    return None if parent is None else str(parent)


def _depths(parents: Mapping[str, str | None]) -> dict[str, int]:
    depths: dict[str, int] = {}
    for start in parents:
        chain: dict[str, None] = {}
        name: str | None = start
        while name is not None and name in parents and name not in depths and name not in chain:
            chain[name] = None
            name = parents[name]
        path = list(chain)
        if name in chain:  # a circle: all of it counts as roots
            first = path.index(name)
            depths.update(dict.fromkeys(path[first:], 0))
            path = path[:first]
        depth = -1 if name is None else depths.get(name, -1)
        for name in reversed(path):
            depth += 1
            depths[name] = depth
    return depths


def _held_back(level: pa.Table, names: set[str]) -> pa.Table:
    """The level with these records kept for the next run."""
    rows = level.to_pylist()
    for row in rows:
        if row["external_id"] in names:
            row.update(outcome=FAILED, reason=PARENT_WAITS, payload=None, digest=None)
    return pa.Table.from_pylist(rows, RECORDS)
