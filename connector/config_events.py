"""What an event of `shops.yaml` is: its name in ShopiMind, what it says of a sale, and when it may be told."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from connector.config_values import Flag, Strict, Text, WholeNumber, matching

# What a sale offers to an event; connector.mapping.sale_events says what each is.
SaleProperty = Literal[
    "total",
    "total_without_tax",
    "currency",
    "store",
    "store_id",
    "order_id",
    "reference",
    "items",
    "day",
    "closed_at",
]
PURCHASE = "pos_purchase"  # the event that need not be described
PURCHASE_PROPERTIES = ("total", "currency", "store", "order_id", "items")
_PURCHASE: dict[str, Any] = {"name": "Purchase in a store", "properties": PURCHASE_PROPERTIES}


def _described_event(value: Any) -> Any:
    """An event as a mapping of all its keys: the built-in one may be named only, or lack its name and properties."""
    if isinstance(value, str):
        if value != PURCHASE:
            raise ValueError(
                f"is not a built-in event, of which there is {PURCHASE}; describe it with code_name, name and properties"
            )
        return {"code_name": PURCHASE, **_PURCHASE}
    if isinstance(value, dict) and value.get("code_name") == PURCHASE:
        return {**_PURCHASE, **value}
    return value


def _check_properties(value: tuple[str, ...]) -> tuple[str, ...]:
    if not value:
        raise ValueError("must name at least one property")
    if len(set(value)) < len(value):
        raise ValueError("names a property twice")
    return value


class EventType(Strict):
    """One kind of event that ShopiMind is told of once per sale. `code_name` is its key there, as it is written here."""

    code_name: Annotated[str, matching(r"[a-z][a-z0-9_]{0,49}", "must be 1 to 50 of a-z, 0-9 and '_', a letter first")]
    name: Text
    properties: Annotated[tuple[SaleProperty, ...], AfterValidator(_check_properties)]
    consent: Flag = False  # only for customers whom the rule `consent` grants it
    at_least_once: Flag = False  # repeat what may have been triggered already, rather than lose it
    max_age_hours: Annotated[WholeNumber, Field(gt=0, le=168)] = 6  # from the sale's closing to the trigger


EventList = tuple[Annotated[EventType, BeforeValidator(_described_event)], ...]
