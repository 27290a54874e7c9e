"""What is delivered, in the order in which it is: reference data first, then people, then what names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from connector.config import Rules
    from connector.shopimind.client import ShopiMind
    from connector.shopimind.resources import Saved


@dataclass(frozen=True)
class Entity:
    """One kind of record. `per_request` is how many of them one request may carry (ShopiMind's own limit)."""

    name: str
    per_request: int


DATA_SOURCES = "data_sources"

ORDER_STATUSES = Entity("order_statuses", 100)
CATEGORIES = Entity("categories", 100)
MANUFACTURERS = Entity("manufacturers", 100)
CUSTOMER_GROUPS = Entity("customer_groups", 100)
CUSTOMERS = Entity("customers", 50)
NEWSLETTER = Entity("newsletter", 50)
PRODUCTS = Entity("products", 50)
VARIATIONS = Entity("variations", 50)
ORDERS = Entity("orders", 50)
POS_PROFILES = Entity("pos_profiles", 20)

ENTITIES = (
    *(ORDER_STATUSES, CATEGORIES, MANUFACTURERS),
    *(CUSTOMER_GROUPS, CUSTOMERS, NEWSLETTER),
    *(PRODUCTS, VARIATIONS, ORDERS, POS_PROFILES),
)
NAMES = (DATA_SOURCES, *(entity.name for entity in ENTITIES))

# Those that a rule of the shop switches on; all others are delivered for every shop.
_SWITCHED: dict[Entity, Callable[[Rules], bool]] = {
    CUSTOMER_GROUPS: lambda rules: rules.customer_groups != "none",
    NEWSLETTER: lambda rules: rules.newsletter == "send",
    VARIATIONS: lambda rules: rules.variations == "send",
}
NOT_LISTED = frozenset({NEWSLETTER, VARIATIONS})  # ShopiMind has no list of these, so they cannot be compared


def entities_of(rules: Rules) -> tuple[Entity, ...]:
    """What is delivered for a shop with these rules, in order."""
    return tuple(entity for entity in ENTITIES if entity not in _SWITCHED or _SWITCHED[entity](rules))


def names_of(rules: Rules) -> tuple[str, ...]:
    """Their names, the data sources first."""
    return (DATA_SOURCES, *(entity.name for entity in entities_of(rules)))


def resource_of(crm: ShopiMind, entity: Entity) -> Saved:
    """Where an entity is saved and listed. Profiles are not among them: their place depends on their definition."""
    return {
        ORDER_STATUSES: crm.orders_statuses,
        CATEGORIES: crm.products_categories,
        MANUFACTURERS: crm.products_manufacturers,
        CUSTOMER_GROUPS: crm.customers_groups,
        CUSTOMERS: crm.customers,
        NEWSLETTER: crm.newsletter_subscribers,
        PRODUCTS: crm.products,
        VARIATIONS: crm.products_variations.all,
        ORDERS: crm.orders,
    }[entity]
