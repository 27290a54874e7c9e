"""Erasing one customer in ShopiMind: his custom data, orders, addresses and newsletter status, and at last himself.

Every step may be taken again. The customer comes last, because the others are found by him.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from connector.delivery import entities
from connector.delivery.entities import Entity
from connector.delivery.provisioned import known_definition
from connector.shop_definitions import declared_as
from connector.shop_run import ShopRun
from connector.shopimind.envelope import ApiError, Envelope, ShopiMindError, whole

_AT_ONCE = 50  # ids in one request
_NOT_VISIBLE = 120  # seconds within which ShopiMind may not list yet what it has accepted


def erase_in_shopimind(
    run: ShopRun, name: str, order_ids: Collection[str], address_ids: Collection[str], email: Mapping[str, Any] | None
) -> dict[str, int]:
    """What was removed, by entity. `email` is the newsletter record that ends his subscription, if he may have one.

    Raises `ShopiMindError` for whatever ShopiMind did not confirm; `InstallationInactive` for a 401.
    """
    removed: dict[str, int] = {}
    contact = _contact(run, name)
    for entity in entities.of_shop(run.shop):
        if (fields := contact_fields(run, entity)) is not None:
            removed[entity.name] = _erase_records(run, entity, fields, name, contact)
    removed["orders"] = _erase_orders(run, sorted(order_ids))
    removed["addresses"] = _erase_addresses(run, name, address_ids)
    if email is not None:
        # ShopiMind deletes no subscriber: what it can be told is that he is none any more
        envelope = run.crm.newsletter_subscribers.bulk_save([email])
        _confirmed(envelope, "end of a newsletter subscription")
        removed["newsletter"] = 1
    removed["customers"] = len(run.ledger.delivered_ids(entities.CUSTOMERS.name, [name]))
    _confirmed(run.crm.customers.delete(name), "deletion of a customer", absent_is_fine=True)
    return removed


def contact_fields(run: ShopRun, entity: Entity) -> list[str] | None:
    """The fields by which an entity's records belong to a contact; None where they do not."""
    if entity == entities.POS_PROFILES:
        return ["contact_id"]
    if entity.definition is None:
        return None
    fields = [each.name for each in declared_as(run.shop, entity).fields if each.relates_to == "contacts"]
    return fields or None


def _contact(run: ShopRun, name: str) -> int | None:
    envelope = run.crm.contacts.get(id_customer_shop=name)
    if envelope.status_code in (400, 404):  # he is not known, or not any more
        return None
    found = envelope.unwrap("contact of a customer")
    number = None
    if isinstance(found, dict):
        number = next(
            (n for key in ("id_contact", "id_shop_contact") if (n := whole(found.get(key))) is not None), None
        )
    if number is None:
        raise _failure("contact of a customer", "the answer does not say the contact's number")
    return number


def _erase_records(run: ShopRun, entity: Entity, fields: list[str], name: str, contact: int | None) -> int:
    definition = known_definition(run.state.db, run.shop.key, entity.definition or "")
    if definition is None:
        return 0
    records = run.crm.custom_data_records.of(definition)
    found = []
    for row in records.list_all():
        number = whole(row.get("id"))
        if number is not None and any(_is_his(row.get(field), name, contact) for field in fields):
            found.append(number)
    if found:
        _confirmed(records.bulk_delete(found), f"deletion of {entity.name}")
        with run.state.db.begin() as connection:  # should this end here, the same command must not wait for them again
            run.ledger.forget(connection, entity.name, [name])
    elif entity == entities.POS_PROFILES and _just_delivered(run, entity, name):
        raise _failure(f"deletion of {entity.name}", "it does not list yet what it accepted a moment ago")
    return len(found)


def _is_his(value: Any, name: str, contact: int | None) -> bool:
    if isinstance(value, dict):
        value = value.get("value")
    return value == name or (contact is not None and whole(value) == contact)


def _just_delivered(run: ShopRun, entity: Entity, name: str) -> bool:
    noted = run.ledger.records(entity.name).to_pylist()
    return any(row["external_id"] == name and run.clock() - row["delivered_at"] < _NOT_VISIBLE for row in noted)


def _erase_orders(run: ShopRun, order_ids: list[str]) -> int:
    noted = run.ledger.delivered_ids(entities.ORDERS.name, order_ids)
    for start in range(0, len(order_ids), _AT_ONCE):
        _confirmed(run.crm.orders.bulk_delete(order_ids[start : start + _AT_ONCE]), "deletion of orders")
    return len(noted)


def _erase_addresses(run: ShopRun, name: str, address_ids: Collection[str]) -> int:
    """Those that were delivered, listed already or not, and those that the merchant or another integration gave him."""
    addresses = run.crm.customers_addresses.of(name)
    found = {int(each) for each in run.ledger.delivered_ids(entities.ADDRESSES.name, sorted(address_ids))}
    try:
        found |= {number for row in addresses.list_all() if (number := whole(row.get("address_id"))) is not None}
    except ShopiMindError as error:
        if error.status_code != 404:
            raise
    ids = sorted(found)
    for start in range(0, len(ids), _AT_ONCE):
        # 404: the customer is not there any more, and so neither are they
        _confirmed(addresses.bulk_delete(ids[start : start + _AT_ONCE]), "deletion of addresses", absent_is_fine=True)
    return len(ids)


def _confirmed(envelope: Envelope, what: str, *, absent_is_fine: bool = False) -> None:
    if absent_is_fine and envelope.status_code == 404:
        return
    envelope.unwrap(what)
    if envelope.counts.rejected or envelope.counts.failed:
        raise _failure(what, f"{envelope.counts.rejected + envelope.counts.failed} were not taken")


def _failure(what: str, why: str) -> ShopiMindError:
    return ShopiMindError(what, Envelope(False, 0, None, ApiError(why, "NOT_CONFIRMED", True, 1)))
