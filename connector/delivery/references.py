"""What records refer to: ShopiMind may refuse one as long as it lacks the record that this one names."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import orjson

from connector.delivery.entities import (
    CATEGORIES,
    CUSTOMER_GROUPS,
    CUSTOMERS,
    MANUFACTURERS,
    ORDER_STATUSES,
    ORDERS,
    PRODUCTS,
    VARIATIONS,
    Entity,
)

NAMED = frozenset({ORDER_STATUSES, CATEGORIES, MANUFACTURERS, CUSTOMER_GROUPS, CUSTOMERS, PRODUCTS})
AWAITS_ANOTHER = "ShopiMind does not take it, and has not had yet what it refers to"

Undelivered = Callable[[Entity, list[str]], set[str]]  # those that ShopiMind never accepted, without refused ones


class Awaited:
    """The records that this run could not deliver, by entity; a rejection of those that name them may be due to that.

    Such a rejection must not count as refused: it would not be tried again by itself, and the day of an order would be
    complete without it. Products that order lines name are not looked at: deleted ones keep their ids there for ever.
    """

    def __init__(self, undelivered: Undelivered) -> None:
        self._undelivered = undelivered
        self._failed: dict[Entity, set[str]] = {}

    def begin(self, entity: Entity) -> set[str] | None:
        """Where the ids of the entity's records go that are not delivered; None for one that nothing refers to."""
        return self._failed.setdefault(entity, set()) if entity in NAMED else None

    def by(self, entity: Entity, payload: str | None) -> bool:
        """Whether this record names one that ShopiMind should have and does not have yet.

        Of an entity that this run delivers, these are the ones that failed; of another one, all it never accepted.
        """
        for other, external_id in _references(entity, payload):
            failed = self._failed.get(other)
            if external_id in (self._undelivered(other, [external_id]) if failed is None else failed):
                return True
        return False


def customer_of(payload: str | None) -> str | None:
    """The external id of the customer that a custom data record relates to."""
    values = orjson.loads(payload or "{}").values()
    related = (each for each in values if isinstance(each, dict) and each.get("by") == "id_customer")
    return next((str(each["value"]) for each in related), None)


def _references(entity: Entity, payload: str | None) -> Iterator[tuple[Entity, str]]:
    item: dict[str, Any] = orjson.loads(payload or "{}")
    if entity is ORDERS:
        found = [(ORDER_STATUSES, item.get("status_id")), (CUSTOMERS, item.get("customer", {}).get("customer_id"))]
    elif entity is PRODUCTS:
        found = [(CATEGORIES, number) for number in item.get("category_ids") or []]
        found.append((MANUFACTURERS, item.get("manufacturer_id")))
    elif entity is CUSTOMERS:
        found = [(CUSTOMER_GROUPS, group) for group in item.get("group_ids") or []]
    elif entity is VARIATIONS:
        found = [(PRODUCTS, item.get("product_id"))]
    else:
        found = []
    return ((other, str(external_id)) for other, external_id in found if external_id)
