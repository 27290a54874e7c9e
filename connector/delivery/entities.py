"""What is delivered, in the order in which it is: reference data first, then people, then what names them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.config import Shop
    from connector.shopimind.client import ShopiMind
    from connector.shopimind.resources import SyncedList


@dataclass(frozen=True)
class Entity:
    """One kind of record. `per_request` is how many of them one request may carry (ShopiMind's own limit)."""

    name: str
    per_request: int


DATA_SOURCES = "data_sources"

ORDER_STATUSES = Entity("order_statuses", 100)
CATEGORIES = Entity("categories", 100)
MANUFACTURERS = Entity("manufacturers", 100)
CUSTOMERS = Entity("customers", 50)
PRODUCTS = Entity("products", 50)
ORDERS = Entity("orders", 50)
POS_PROFILES = Entity("pos_profiles", 20)

ENTITIES = (ORDER_STATUSES, CATEGORIES, MANUFACTURERS, CUSTOMERS, PRODUCTS, ORDERS, POS_PROFILES)
EVENTS = "events"  # no records: triggered one by one, only where the shop has some
NAMES = (DATA_SOURCES, *(entity.name for entity in ENTITIES), EVENTS)


def names_of(shop: Shop) -> tuple[str, ...]:
    """What is delivered of this shop, in its order."""
    return NAMES if shop.events else tuple(name for name in NAMES if name != EVENTS)


def resource_of(crm: ShopiMind, entity: Entity) -> SyncedList:
    """Where an entity is saved and listed. Profiles are not among them: their place depends on their definition."""
    return {
        ORDER_STATUSES: crm.orders_statuses,
        CATEGORIES: crm.products_categories,
        MANUFACTURERS: crm.products_manufacturers,
        CUSTOMERS: crm.customers,
        PRODUCTS: crm.products,
        ORDERS: crm.orders,
    }[entity]
