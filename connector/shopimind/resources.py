"""What the resources of the ShopiMind API can do: one class per kind of resource (`client.py` declares which exist)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Generic, TypeVar

from connector.shopimind import bulk
from connector.shopimind.envelope import Envelope, whole
from connector.shopimind.transport import Transport, encode, segment, unusable

Item = Mapping[str, Any]
PAGE = 100  # the most that the API gives at once; asked for more, it silently gives 10


class Resource:
    """Something under one path of the API."""

    chunk_size = 50

    def __init__(self, transport: Transport, path: str) -> None:
        self.transport, self.path = transport, path

    def __repr__(self) -> str:
        return f"<{type(self).__name__} {self.path}>"

    def _get(self, path: str, query: Mapping[str, Any] | None = None) -> Envelope:
        return self.transport.call("GET", path, query=query)

    def _list(self, path: str, query: Mapping[str, Any]) -> Envelope:
        envelope = self.transport.call("GET", path, query=query, may_be_list=True)
        body = envelope.data
        if envelope.ok and not isinstance(body.get("data") if isinstance(body, dict) else body, list):
            return unusable(body, "HTTP 2xx, but not the list that was expected")
        return envelope


class Listed(Resource):
    """A resource whose items can be read page by page."""

    def list(self, limit: int | None = None, offset: int | None = None, **query: Any) -> Envelope:
        """One page (10 items unless `limit` says otherwise, at most 100). `query`: filters, order, fields."""
        return self._list(self.path, {"limit": limit, "offset": offset, **query})

    def list_all(self, **query: Any) -> Iterator[dict[str, Any]]:
        """Every item, in pages of 100. Raises `ShopiMindError` for a page that cannot be read."""
        offset = 0
        previous: Any = None
        while True:
            envelope = self.list(PAGE, offset, **query)
            rows = envelope.rows(f"list of {self.path} from {offset}")
            if not rows or rows == previous:  # a server that ignores the offset repeats itself
                return
            yield from rows
            offset += len(rows)
            if not goes_on(envelope.data, offset):
                return
            previous = rows


def goes_on(body: Any, offset: int, *, untold: bool = True) -> bool:
    """Whether there is a page after the first `offset` items; `untold` when the body does not say."""
    meta = body.get("meta") if isinstance(body, dict) else None
    pagination = meta.get("pagination") if isinstance(meta, dict) else None
    if isinstance(pagination, dict):
        if isinstance(pagination.get("has_next_page"), bool):
            return bool(pagination["has_next_page"])
        total = whole(pagination.get("total_items"))
        if total is not None:
            return offset < total
    return untold


class Saved(Resource):
    """A resource that takes arrays of items; saving an item again by its id replaces it."""

    def __init__(self, transport: Transport, path: str, chunk_size: int = 50) -> None:
        super().__init__(transport, path)
        self.chunk_size = chunk_size

    def bulk_save(self, items: Sequence[Item], chunk: bool = True, chunk_size: int | None = None) -> Envelope:
        """Saves full items: one envelope for all (see `bulk.merged`), an item's rejection being no failure.

        The chunks are sent side by side, unlike the official SDK, so an id may be among the items only once. With
        `chunk` false everything goes in one request, even an empty list.
        """
        return self._bulk("POST", items, chunk, chunk_size)

    def bulk_update(self, items: Sequence[Item], chunk: bool = True, chunk_size: int | None = None) -> Envelope:
        """Updates items that may be partial, like `bulk_save` otherwise."""
        return self._bulk("PUT", items, chunk, chunk_size)

    def _bulk(self, method: str, items: Sequence[Item], chunk: bool, chunk_size: int | None) -> Envelope:
        encoded = [encode(item) for item in items]
        if not chunk:
            return bulk.save_one(self, method, encoded)
        chunks = _cut(encoded, chunk_size or self.chunk_size)
        answers = bulk.side_by_side(
            lambda part, stop: bulk.save_one(self, method, part, stop), chunks, self.transport.requests_in_flight
        )
        return bulk.merged(dict(answers), chunks)


T = TypeVar("T")


def _cut(items: Sequence[T], size: int) -> list[Sequence[T]]:
    return [items[start : start + max(1, size)] for start in range(0, len(items), max(1, size))]


class Synced(Saved):
    """A sync entity without reads: saved in bulk, deleted one by one or in bulk. `ids_key` names the ids to delete."""

    def __init__(self, transport: Transport, path: str, ids_key: str, chunk_size: int = 50) -> None:
        super().__init__(transport, path, chunk_size)
        self.ids_key = ids_key

    def delete(self, item_id: str | int) -> Envelope:
        return self.transport.call("DELETE", f"{self.path}/{segment(item_id)}", may_be_empty=True)

    def bulk_delete(self, item_ids: Sequence[str | int]) -> Envelope:
        """One request for all of them: the API takes an object here, so there are no chunks."""
        body = encode({self.ids_key: list(item_ids)})
        return self.transport.call("POST", f"{self.path}/bulk-delete", body, may_be_empty=True)


class SyncedList(Synced, Listed):
    """A sync entity that can be read back as a list."""


class Customers(SyncedList):
    def get(self, customer_id: str, fields: Sequence[str] | None = None) -> Envelope:
        return self._get(f"{self.path}/{segment(customer_id)}", {"fields": fields})

    def list_groups(self, customer_id: str, **query: Any) -> Envelope:
        return self._list(f"{self.path}/{segment(customer_id)}/groups", query)


class Orders(SyncedList):
    def get(self, order_id: str, fields: Sequence[str] | None = None) -> Envelope:
        return self._get(f"{self.path}/id/{segment(order_id)}", {"fields": fields})

    def get_by_reference(self, reference: str, fields: Sequence[str] | None = None) -> Envelope:
        return self._get(f"{self.path}/reference/{segment(reference)}", {"fields": fields})


Child = TypeVar("Child", bound=Synced)


class Nested(Generic[Child]):
    """A sync entity that belongs to another: `of(owner)` is that owner's, `all` takes items that name their owner."""

    def __init__(self, transport: Transport, kind: type[Child], owners: str, name: str, ids_key: str) -> None:
        self._transport, self._kind, self._owners, self._name, self._ids_key = transport, kind, owners, name, ids_key
        self.all = Saved(transport, f"{owners}/{name}/bulk")

    def of(self, owner_id: str | int) -> Child:
        return self._kind(self._transport, f"{self._owners}/{segment(owner_id)}/{self._name}", self._ids_key)


class Records(Saved, Listed):
    """The records of one custom data definition: 20 a request, stored later than accepted."""

    def update(self, record_id: int, changes: Item) -> Envelope:
        """`record_id` is the internal `id` of the list, not a unique key of ours."""
        return self.transport.call("PATCH", f"{self.path}/{segment(record_id)}", encode(changes), may_be_empty=True)

    def delete(self, record_id: int) -> Envelope:
        return self.transport.call("DELETE", self.path, query={"id": record_id}, may_be_empty=True)

    def bulk_delete(self, record_ids: Sequence[int]) -> Envelope:
        """By internal id, 20 a request; an unknown one is skipped by the API."""
        chunks = _cut([encode(record_id) for record_id in record_ids], self.chunk_size)

        def send(part: bulk.Chunk, stop: Any) -> Envelope:
            body = b"[" + b",".join(part) + b"]"
            return self.transport.call("POST", f"{self.path}/bulk-delete", body, may_be_empty=True, stop=stop)

        return bulk.merged(dict(bulk.side_by_side(send, chunks, self.transport.requests_in_flight)), chunks)


class CustomDataRecords:
    """Custom data records; `of(definition)` are those of one definition."""

    chunk_size = 20

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def of(self, id_definition: int) -> Records:
        return Records(self._transport, f"custom-data-records/{segment(id_definition)}", self.chunk_size)
