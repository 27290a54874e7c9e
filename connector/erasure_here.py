"""Erasing one customer here: a tombstone first, then every row and file that names him."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

import orjson
import pyarrow as pa
import pyarrow.compute as pc
from sqlalchemy import Connection, delete, select, update

from connector.delivery import entities
from connector.delivery.outbox import Drop
from connector.delivery.outbox import State as Sent
from connector.erasure_shopimind import contact_fields
from connector.mapping.records import RECORDS
from connector.pos.systems import NotASale, pushed_sale
from connector.shop_run import ShopRun
from connector.state.errors import StateError
from connector.state.tables import closed_sales, days, event_outbox, ledger, refused, till_inbox

_OF_CUSTOMERS = frozenset({"customers", "newsletter", "pos_profiles"})  # their records are known by the customer's id
_AT_ONCE = 500


@dataclass(frozen=True)
class Person:
    """The till's customer, the id by which ShopiMind knows him, and the ids of the orders and addresses that are his."""

    customer_id: int
    name: str
    order_ids: frozenset[str]
    former_order_ids: frozenset[str]  # of sales that are his no more, whose orders ShopiMind may still hold as his
    address_ids: frozenset[str] = frozenset()

    def is_named_by(self, payload: Any) -> bool:
        """Whether a record, or a till's row, is his."""
        if isinstance(payload, list):
            return any(map(self.is_named_by, payload))
        if not isinstance(payload, dict):
            return False
        if payload.get("by") == "id_customer" and payload.get("value") == self.name:
            return True
        of_him = {self.customer_id, str(self.customer_id), self.name}
        if any(isinstance(v := payload.get(key), int | str) and v in of_him for key in ("customer_id", "customers_id")):
            return True
        return any(map(self.is_named_by, payload.values()))


def sales_of(run: ShopRun, customer_id: int) -> set[int]:
    """The sales that are known to be his, from the database and the lake."""
    query = select(closed_sales.c.sale_id).where(
        closed_sales.c.shop == run.shop.key, closed_sales.c.customer_id == customer_id
    )
    with run.state.db.read() as connection:
        found = set(connection.execute(query).scalars())
    for day in run.state.lake.partitions(run.shop.key, "pos_sales"):
        for table in run.state.lake.read(run.shop.key, "pos_sales", day):
            found.update(table.filter(pc.equal(table["customer_id"], customer_id))["sale_id"].to_pylist())
    return found - {None}


def addresses_of(run: ShopRun, customer_id: int) -> set[int]:
    """The till's addresses that are known to be his."""
    if not run.state.lake.exists(run.shop.key, "pos_addresses"):
        return set()
    found = set[int | None]()
    for table in run.state.lake.read(run.shop.key, "pos_addresses"):
        for row in table.filter(pc.equal(table["customer_id"], customer_id)).to_pylist():
            found.update(address["address_id"] for address in row["addresses"] or ())
    return {each for each in found if each is not None}


def erase_rows(run: ShopRun, person: Person) -> tuple[dict[str, int], int]:
    """Tombstone and database, in one transaction: what was removed, and since when (epoch seconds) he is erased."""
    at = int(run.clock())
    messages, open_again = _pushed(run, person)
    with run.state.db.begin(durable=True) as connection:  # the receipt says so
        since = run.tombstones.add(connection, person.customer_id, at)
        removed = {
            "ledger": _from_ledger(run, connection, person),
            "refused": _from_refused(run, connection, person),
            "events": _from_outbox(run, connection, person, at),
            "pushed_sales": len(messages),
            "sales": _from_sales(run, connection, person),
        }
        for message in messages:
            one = (till_inbox.c.shop == run.shop.key) & (till_inbox.c.message_id == message)
            connection.execute(delete(till_inbox).where(one))
        run.sales_read.forget_losses(connection, person.customer_id)
        run.days.reopen(connection, open_again)
    return removed, since


def erase_files(run: ShopRun, person: Person) -> int:
    """Rewrites every file of the lake that names him, whom the till need not be asked for after that; how many did."""
    rewritten = sum(_rewrite(run, person, name, partition) for name, partition in run.state.lake.files(run.shop.key))
    run.changed_customers.forget(person.customer_id)
    return rewritten


def _from_ledger(run: ShopRun, connection: Connection, person: Person) -> int:
    before = 0
    for entity in entities.of_shop(run.shop):
        if entity.name in _OF_CUSTOMERS:
            ids = [person.name]
        elif entity is entities.ORDERS:
            ids = sorted(person.order_ids | person.former_order_ids)
        elif entity is entities.ADDRESSES:
            continue
        elif contact_fields(run, entity):
            noted = run.ledger.records(entity.name)["external_id"].to_pylist()
            ids = [each for each in noted if person.name in each.split("/")]
        else:
            continue
        before += len(run.ledger.delivered_ids(entity.name, ids))
        run.ledger.forget(connection, entity.name, ids)
    ids = sorted(person.address_ids)  # also of a rule since changed
    before += len(run.ledger.delivered_ids(entities.ADDRESSES.name, ids))
    run.ledger.forget(connection, entities.ADDRESSES.name, ids)
    others = [name for name in ("newsletter",) if name not in entities.names_of(run.shop)]  # of a rule since changed
    for name in others:
        connection.execute(
            delete(ledger).where(
                ledger.c.shop == run.shop.key, ledger.c.entity == name, ledger.c.external_id == person.name
            )
        )
    return before


def _from_refused(run: ShopRun, connection: Connection, person: Person) -> int:
    """His refused records; of what cannot be opened only those whose id is his."""
    columns = (refused.c.entity, refused.c.external_id, refused.c.payload)
    rows = connection.execute(select(*columns).where(refused.c.shop == run.shop.key)).all()
    sales = {each.removeprefix(run.shop.identifiers.prefix) for each in person.order_ids}
    removed = 0
    for entity, external_id, sealed in rows:
        his = (entity in _OF_CUSTOMERS and external_id == person.name) or (
            entity == entities.ORDERS.name and external_id in person.order_ids
        )
        his = his or (entity == entities.ADDRESSES.name and external_id in person.address_ids)
        his = his or (entity == entities.EVENTS and external_id.rpartition("-")[2] in sales)
        if his or person.is_named_by(_opened(run, sealed)):
            run.refused.forget(connection, entity, [external_id])
            removed += 1
    return removed


def _opened(run: ShopRun, sealed: bytes) -> Any:
    try:
        return orjson.loads(run.state.sealer.open(sealed))
    except (StateError, ValueError):
        return None


def _from_outbox(run: ShopRun, connection: Connection, person: Person, at: int) -> int:
    """Rows stay as nobody's, so that no sale is told of twice; what was not told yet never is."""
    table = event_outbox
    his = (table.c.shop == run.shop.key) & (table.c.customer_id == person.customer_id)
    waiting = his & table.c.state.in_([Sent.WAITING, Sent.SENDING, Sent.REFUSED])
    dropped = {"state": Sent.DROPPED, "reason": Drop.ERASED, "at": at}
    connection.execute(update(table).where(waiting).values(dropped))
    return connection.execute(update(table).where(his).values(customer_id=0, payload=None)).rowcount


def _from_sales(run: ShopRun, connection: Connection, person: Person) -> int:
    """His sales are nobody's. Where nobody's are sent, their days are due: they are sent again without him."""
    his = (closed_sales.c.shop == run.shop.key) & (closed_sales.c.customer_id == person.customer_id)
    pairs = connection.execute(select(closed_sales.c.store_id, closed_sales.c.day).where(his).distinct()).all()
    for store_id, day in pairs:
        one = (days.c.shop == run.shop.key) & (days.c.store_id == store_id) & (days.c.day == day)
        connection.execute(update(days).where(one).values(digest=None))  # what is read next is no change by the till
    changed: dict[str, Any] = {"customer_id": 0}
    if run.shop.rules.anonymous_sales == "send":
        run.days.reopen(connection, [(store_id, day) for store_id, day in pairs])
    else:
        changed["sent"] = False
    return connection.execute(update(closed_sales).where(his).values(changed)).rowcount


def _pushed(run: ShopRun, person: Person) -> tuple[list[str], list[tuple[int, str]]]:
    """His sales in the inbox, and their days, which the next sync reads instead."""
    messages, pairs = list[str](), list[tuple[int, str]]()
    for message in run.inbox.waiting():
        try:
            sale = pushed_sale(run.shop.pos, message.body)
        except NotASale:
            continue
        if sale.row.get("customer_id") == person.customer_id:
            messages.append(message.message_id)
            pairs.append((sale.store_id, sale.day))
    return messages, pairs


def _rewrite(run: ShopRun, person: Person, name: str, partition: str | None) -> bool:
    lake, shop = run.state.lake, run.shop.key
    schema = next(iter(lake.read(shop, name, partition))).schema
    if name in _unrelated(run):
        lake.delete(shop, name, partition)  # made anew by the next run; nothing in it says whose a record is
        return True
    clean = _cleaner(run, person, name, schema)
    if clean is None or all(table.equals(clean(table)) for table in lake.read(shop, name, partition)):
        return False
    lake.write(shop, name, partition, map(clean, lake.read(shop, name, partition)), schema)
    return True


def _cleaner(run: ShopRun, person: Person, name: str, schema: pa.Schema) -> Callable[[pa.Table], pa.Table] | None:
    if name == "pos_customers":
        return run.tombstones.customers
    if name in ("pos_new_customers", "pos_addresses"):
        return run.tombstones.others
    if name == "pos_sales":
        return run.tombstones.sales
    if schema.equals(RECORDS):
        return lambda table: _without(person, name, table)
    return None


def _without(person: Person, name: str, table: pa.Table) -> pa.Table:
    """`RECORDS` without his."""
    ids: Collection[str] = [person.name] if name in _OF_CUSTOMERS else person.order_ids if name == "orders" else ()
    his = pc.is_in(table["external_id"], value_set=pa.array(sorted(ids), pa.string())).to_pylist()
    keep = [not (of_id or _names(person, text)) for of_id, text in zip(his, table["payload"].to_pylist(), strict=True)]
    return table if all(keep) else table.filter(pa.array(keep, pa.bool_()))


def _names(person: Person, payload: str | None) -> bool:
    if payload is None or str(person.customer_id) not in payload:
        return False
    return person.is_named_by(orjson.loads(payload))


def _unrelated(run: ShopRun) -> set[str]:
    return {entity.snapshot for entity in unrelated(run)}


def unrelated(run: ShopRun) -> Iterator[entities.Entity]:
    """Custom data about customers or sales that does not say to ShopiMind whose it is."""
    of_people = {each.name for each in run.shop.custom_data if each.rows in ("customers", "customer_stores", "sales")}
    for entity in entities.custom_of_shop(run.shop):
        if entity.name in of_people and contact_fields(run, entity) is None:
            yield entity
