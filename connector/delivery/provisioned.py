"""What the last provisioning found or made: the data source of each store's records, the definition, the event types."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import orjson
from sqlalchemy import Connection, select

from connector.state.database import Database, upsert
from connector.state.tables import provisioned

_SOURCE, _DEFINITION, _EVENT = "data_source", "definition", "event"


def remember_sources(db: Database, shop: str, sources: Mapping[int | None, int], at: int) -> None:
    """Keeps `id_data_source` per store id, the parent's under None."""
    rows = [
        {"shop": shop, "kind": _SOURCE, "natural_key": _key(store_id), "remote_id": source, "detail": None, "at": at}
        for store_id, source in sources.items()
    ]
    with db.begin() as connection:
        upsert(connection, provisioned, rows)


def known_sources(db: Database, shop: str) -> dict[int | None, int]:
    """`id_data_source` per store id, the parent's under None; empty before the first provisioning."""
    query = select(provisioned.c.natural_key, provisioned.c.remote_id).where(
        provisioned.c.shop == shop, provisioned.c.kind == _SOURCE
    )
    with db.read() as connection:
        return {None if key == "parent" else int(key): source for key, source in connection.execute(query)}


def remember_definition(connection: Connection, shop: str, name: str, definition_id: int, at: int) -> None:
    """Keeps into which definition of that name records go, within the caller's transaction."""
    row = {"shop": shop, "kind": _DEFINITION, "natural_key": name, "remote_id": definition_id, "detail": None, "at": at}
    upsert(connection, provisioned, [row])


def known_definition(db: Database, shop: str, name: str) -> int | None:
    """The id of the definition into which records went; None before the first."""
    query = select(provisioned.c.remote_id).where(
        provisioned.c.shop == shop, provisioned.c.kind == _DEFINITION, provisioned.c.natural_key == name
    )
    with db.read() as connection:
        found: int | None = connection.execute(query).scalar()
    return found


def remember_event_type(
    db: Database, shop: str, code_name: str, id_event: int | None, differences: Sequence[str], at: int
) -> None:
    """Keeps the event type of that code name, and in what it is not as the configuration has it."""
    row = {"shop": shop, "kind": _EVENT, "natural_key": code_name, "remote_id": id_event, "at": at}
    with db.begin() as connection:
        upsert(connection, provisioned, [row | {"detail": orjson.dumps(list(differences)).decode()}])


def known_event_types(db: Database, shop: str) -> dict[str, tuple[int | None, list[str]]]:
    """By code name the id of each event type that was found or made, and its differences."""
    columns = (provisioned.c.natural_key, provisioned.c.remote_id, provisioned.c.detail)
    query = select(*columns).where(provisioned.c.shop == shop, provisioned.c.kind == _EVENT)
    with db.read() as connection:
        return {name: (number, orjson.loads(detail)) for name, number, detail in connection.execute(query)}


def _key(store_id: int | None) -> str:
    return "parent" if store_id is None else str(store_id)
