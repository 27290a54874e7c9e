"""An order that was delivered -> what its events tell ShopiMind, and the properties that an event type declares there."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from connector.config import EventType, Identifiers
from connector.config_events import SaleProperty

Order = Mapping[str, Any]  # the payload of an order, as `connector.mapping.orders` makes it


@dataclass(frozen=True)
class SaleEvent:
    """A sale that events can be triggered for. Times are epoch seconds, ids those of the till."""

    sale_id: int
    customer_id: int
    closed_at: int
    order: Order
    store: str  # its name
    store_id: int
    day: str  # the closing day, YYYY-MM-DD

    def payload(self, event: EventType) -> dict[str, Any]:
        """The body of the trigger. A property that the sale has no value for is left out."""
        values = {name: OFFERED[name].value(self) for name in event.properties}
        return {
            "contact": {"email": self.order["customer"]["email"]},
            "metaData": {name: value for name, value in values.items() if value is not None},
        }


class Offered(NamedTuple):
    """One property that a sale offers: its type in ShopiMind's words, and how it is found."""

    type: str
    description: str
    value: Callable[[SaleEvent], Any]
    always: bool = True  # every sale has a value for it


OFFERED: dict[SaleProperty, Offered] = {
    "total": Offered("decimal", "Total of the sale, with tax", lambda sale: sale.order["amount"]),
    "total_without_tax": Offered(
        "decimal", "Total of the sale, without tax", lambda sale: sale.order["amount_without_tax"]
    ),
    "currency": Offered("text", "Currency of the total", lambda sale: sale.order["currency"]),
    "store": Offered("text", "Name of the store", lambda sale: sale.store),
    "store_id": Offered("number", "Number of the store in the till", lambda sale: sale.store_id),
    "order_id": Offered("text", "The order in ShopiMind", lambda sale: sale.order["order_id"]),
    "reference": Offered("text", "Number of the sale's ticket", lambda sale: sale.order["reference"], False),
    "items": Offered(
        "number", "Number of items", lambda sale: sum(line["quantity"] for line in sale.order["products"])
    ),
    "day": Offered("date", "Closing day, in the store's time", lambda sale: sale.day),
    "closed_at": Offered("text", "Closing time, ISO 8601 with offset", lambda sale: sale.order["created_at"]),
}


def event_properties(event: EventType) -> list[dict[str, Any]]:
    """What the event type declares in ShopiMind, in the slot `metaData`."""
    return [
        {
            "name": name,
            "type": OFFERED[name].type,
            "required": OFFERED[name].always,
            "description": OFFERED[name].description,
        }
        for name in event.properties
    ]


def sale_event(
    identifiers: Identifiers, order: Order, store_id: int | None, store: str, day: str | None
) -> SaleEvent | None:
    """The event of an order; None of one that has none: a return, a sale to nobody, or to somebody without an e-mail."""
    customer = order["customer"]
    if order["amount"] < 0 or not customer["customer_id"] or not customer["email"] or store_id is None or day is None:
        return None
    return SaleEvent(
        sale_id=_number(identifiers, order["order_id"]),
        customer_id=_number(identifiers, customer["customer_id"]),
        closed_at=int(datetime.fromisoformat(order["created_at"]).timestamp()),
        order=order,
        store=store,
        store_id=store_id,
        day=day,
    )


def _number(identifiers: Identifiers, text_id: str) -> int:
    return int(text_id.removeprefix(identifiers.prefix))
