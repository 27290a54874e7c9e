"""What is delivered, in the order in which it is: reference data first, then people, then what names them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from connector.config_custom_data import in_order

if TYPE_CHECKING:
    from connector.config import CustomData, Rules, Shop
    from connector.shopimind.client import ShopiMind
    from connector.shopimind.resources import Saved


@dataclass(frozen=True)
class Entity:
    """One kind of record. `per_request` is how many of them one request may carry (ShopiMind's own limit).

    `definition` is the custom data definition whose records they are, if there is one. `kept_as` is what the lake and the
    assets call them, where that is not the entity's name.
    """

    name: str
    per_request: int
    definition: str | None = None
    kept_as: str | None = None

    @property
    def snapshot(self) -> str:
        return self.kept_as or self.name


DATA_SOURCES = "data_sources"
RECORDS_PER_REQUEST = 20  # of custom data

ORDER_STATUSES = Entity("order_statuses", 100)
CATEGORIES = Entity("categories", 100)
MANUFACTURERS = Entity("manufacturers", 100)
CUSTOMER_GROUPS = Entity("customer_groups", 100)
CUSTOMERS = Entity("customers", 50)
ADDRESSES = Entity("addresses", 50)
NEWSLETTER = Entity("newsletter", 50)
PRODUCTS = Entity("products", 50)
VARIATIONS = Entity("variations", 50)
IMAGES = Entity("images", 50)
ORDERS = Entity("orders", 50)
POS_PROFILES = Entity("pos_profiles", RECORDS_PER_REQUEST, definition="pos_profile")

ENTITIES = (
    *(ORDER_STATUSES, CATEGORIES, MANUFACTURERS),
    *(CUSTOMER_GROUPS, CUSTOMERS, ADDRESSES, NEWSLETTER),
    *(PRODUCTS, VARIATIONS, IMAGES),
    *(ORDERS, POS_PROFILES),
)
EVENTS = "events"  # no records: triggered one by one, only where the shop has some
NAMES = (DATA_SOURCES, *(entity.name for entity in ENTITIES), EVENTS)

# Those that a rule of the shop switches on; all others are delivered for every shop.
_SWITCHED: dict[Entity, Callable[[Rules], bool]] = {
    CUSTOMER_GROUPS: lambda rules: rules.customer_groups != "none",
    ADDRESSES: lambda rules: rules.addresses == "send",
    NEWSLETTER: lambda rules: rules.newsletter == "send",
    IMAGES: lambda rules: rules.images == "send",
    VARIATIONS: lambda rules: rules.variations == "send",
}
NOT_LISTED = frozenset(
    {ADDRESSES, NEWSLETTER, VARIATIONS, IMAGES}
)  # ShopiMind has no list of all of these, so they cannot be compared


def custom_entity(declared: CustomData) -> Entity:
    """The records of a declaration of `custom_data`. The till's stock is kept as `pos_stock` already."""
    kept_as = "pos_stock_records" if declared.name == "pos_stock" else None
    return Entity(declared.name, RECORDS_PER_REQUEST, definition=declared.name, kept_as=kept_as)


def custom_of_shop(shop: Shop) -> list[Entity]:
    """A shop's own custom data, each after what it relates to."""
    return [custom_entity(declared) for declared in in_order(shop.custom_data)]


def of_shop(shop: Shop) -> list[Entity]:
    """Every entity of a shop: those of all shops and those that its rules switch on, then its own custom data."""
    built_in = (entity for entity in ENTITIES if entity not in _SWITCHED or _SWITCHED[entity](shop.rules))
    return [*built_in, *custom_of_shop(shop)]


def names_of(shop: Shop) -> list[str]:
    """What is delivered of a shop, the data sources first and what ShopiMind is told of it last."""
    return [DATA_SOURCES, *(entity.name for entity in of_shop(shop)), *([EVENTS] if shop.events else [])]


def resource_of(crm: ShopiMind, entity: Entity) -> Saved:
    """Where an entity is saved and listed. The place of custom data depends on its definition: see `connector.shop_definitions`."""
    return {
        ORDER_STATUSES: crm.orders_statuses,
        CATEGORIES: crm.products_categories,
        MANUFACTURERS: crm.products_manufacturers,
        CUSTOMER_GROUPS: crm.customers_groups,
        CUSTOMERS: crm.customers,
        ADDRESSES: crm.customers_addresses.all,
        NEWSLETTER: crm.newsletter_subscribers,
        PRODUCTS: crm.products,
        VARIATIONS: crm.products_variations.all,
        IMAGES: crm.products_images.all,
        ORDERS: crm.orders,
    }[entity]
