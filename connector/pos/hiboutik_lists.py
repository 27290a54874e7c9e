"""The two shapes in which Hiboutik answers: a list, paged or not, and one object, usually wrapped in a list."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import Any

from connector.pos.hiboutik_calls import HiboutikCalls, NothingSaid, NotThere, Rejected
from connector.pos.hiboutik_rows import key_of
from connector.pos.paging import PAGE_SIZE, Listing, Page, total_rows
from connector.pos.protocol import PosError
from connector.pos.row_reader import Row


def listing(
    calls: HiboutikCalls,
    path: str,
    key: Callable[[Any], Hashable | None],
    *,
    numbered: bool = False,
    stop_without_right: bool = True,
) -> Listing:
    """One pass over the list at `path`. `numbered`: the API documents `?p=`, so page 1 is asked for by number too.

    An answer that says nothing raises `NothingSaid` while the pages are read. `stop_without_right` is that of `HiboutikCalls.get`.
    """
    what = f"Hiboutik account {calls.account}: {path}"

    def fetch(number: int) -> Page:
        page = number if numbered or number > 1 else None
        reply = calls.get(path, page=page, stop_without_right=stop_without_right)
        if not isinstance(reply.value, list):
            says_nothing = reply.value is None or reply.value == {}
            raise (NothingSaid if says_nothing else PosError)(
                f"{what}, page {number}: answered {_kind(calls, reply.value)} instead of a list. Nothing of it was used."
            )
        return Page(reply.value, total_rows(reply.content_range))

    return Listing(what, fetch, key)


def claimed_rows(calls: HiboutikCalls, path: str) -> int | None:
    """How many rows the paged list at `path` has, from its first page alone; None when that does not tell.

    A list that fits on one page comes without `Content-Range`, and is counted.
    """
    reply = calls.get(path, page=1)
    if not isinstance(reply.value, list):
        raise PosError(
            f"Hiboutik account {calls.account}: {path}: answered {_kind(calls, reply.value)} instead of a list. "
            "Its rows were not counted."
        )
    total = total_rows(reply.content_range)
    return len(reply.value) if total is None and len(reply.value) < PAGE_SIZE else total


def one(calls: HiboutikCalls, path: str, id_keys: tuple[str, ...], wanted: int) -> Row | None:
    """The one object at `path`, which must carry the id `wanted`; None when it is gone (404 or an empty list).

    Raises `Rejected` when it has another id, `PosError` when the answer is nothing with an id at all.
    """
    try:
        value = calls.get(path).value
    except NotThere:
        return None
    if value == []:
        return None
    what = f"Hiboutik account {calls.account}: {path}: answered"
    rows = {key_of(*id_keys)(row): row for row in (value if isinstance(value, list) else [value])}
    if wanted in rows:
        found: Row = rows[wanted]
        return found
    if any(rows):
        raise Rejected(f"{what} with another number than {wanted}.")
    raise PosError(
        f"{what} {_kind(calls, value)} without {id_keys[0]}. Nothing of it was used; the next run asks again."
    )


def _kind(calls: HiboutikCalls, value: object) -> str:
    if isinstance(value, Mapping):
        words = calls.quoted(value)
        return f"an object ({words})" if words else "an object"
    return {list: "a list", str: "a text", type(None): "null"}.get(type(value), "a number")
