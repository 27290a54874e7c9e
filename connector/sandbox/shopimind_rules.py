"""Which items the sandbox's ShopiMind takes: one table of fields per entity, and the errors that an item earns.

Field types, required fields and formats are those of the ShopiMind API as its SDKs state and its connectors use them.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from connector.sandbox.crm_checks import (
    Check,
    Field,
    Fields,
    at_most,
    boolean,
    country,
    currency,
    day,
    email,
    field_errors,
    filled,
    instant,
    integer,
    integer_id,
    lang,
    link,
    list_of,
    money,
    not_negative,
    number_as_text,
    one_of,
    opt,
    postal_code,
    req,
    text,
)
from connector.sandbox.crm_switches import CrmSwitches

_DATES: Fields = {"created_at": req(instant), "updated_at": req(instant)}
_MAYBE_DATES: Fields = {"created_at": opt(instant), "updated_at": opt(instant)}
_COMMON: Fields = {"id_data_source": opt(integer_id), "source_label": opt(filled), "shop_id": opt(filled)}


def entity_fields(switches: CrmSwitches) -> dict[str, Fields]:
    """The table of fields of every sync entity, under these switches."""
    free = switches.negative_amounts == "accept"
    amount = money if free else not_negative(money)
    count = integer if free else not_negative(integer)
    return _people(switches) | _catalogue(amount, count) | _sales(switches, amount, count)


def _people(switches: CrmSwitches) -> dict[str, Fields]:
    def customer_email(value: Any) -> str | None:
        return None if value == "" and switches.empty_email == "accept" else email(value)

    return {
        "customers": {
            "customer_id": req(filled),
            "email": req(customer_email),
            "first_name": req(text),
            "last_name": req(text),
            "phone_number": opt(text),
            "gender": opt(one_of(0, 1, 2)),
            "birth_date": opt(day),
            "is_opt_in": Field(boolean, required=False),
            "is_newsletter_subscribed": req(boolean),
            "lang": req(lang),
            "group_ids": opt(list_of(filled)),
            "is_active": Field(boolean, required=False),
            **_DATES,
            **_COMMON,
        },
        "addresses": {
            "address_id": req(integer_id),
            "customer_id": req(filled),  # in the path of the nested route
            "first_name": req(text),
            "last_name": req(text),
            "primary_phone": opt(text),
            "secondary_phone": opt(text),
            "company": opt(text),
            "address_line_1": req(text),
            "address_line_2": opt(text),
            "postal_code": Field(postal_code, nullable=True),
            "city": req(text),
            "country": Field(country, nullable=True),
            "is_active": req(boolean),
            **_MAYBE_DATES,
            **_COMMON,
        },
        "groups": {"group_id": req(filled), "lang": req(lang), "name": req(filled), **_DATES, **_COMMON},
        "newsletter": {
            "email": req(email),
            "is_subscribed": req(boolean),
            "first_name": req(text),
            "last_name": req(text),
            "postal_code": Field(postal_code, nullable=True),
            "lang": req(lang),
            "updated_at": req(instant),
            **_COMMON,
        },
    }


def _catalogue(amount: Check, count: Check) -> dict[str, Fields]:
    return {
        "products": {
            "product_id": req(integer_id),
            "lang": req(lang),
            "name": req(filled),
            "reference": opt(text),
            "ean13": opt(text),
            "description": req(text),
            "description_short": opt(text),
            "link": req(link),
            "image_link": opt(link),
            "category_ids": opt(list_of(integer_id)),
            "manufacturer_id": opt(filled),
            "currency": req(currency),
            "price": req(amount),
            "price_discount": opt(amount),
            "quantity_remaining": req(count),
            "is_active": req(boolean),
            **_DATES,
            **_COMMON,
        },
        "categories": {
            "category_id": req(integer_id),
            "lang": req(lang),
            "name": req(filled),
            "description": req(text),
            "parent_category_id": opt(integer_id),
            "link": req(link),
            "is_active": req(boolean),
            **_DATES,
            **_COMMON,
        },
        "manufacturers": {
            "manufacturer_id": req(filled),
            "name": req(filled),
            "is_active": req(boolean),
            **_DATES,
            **_COMMON,
        },
        "images": {
            "image_id": req(filled),
            "product_id": req(filled),  # typed as a string here, although products use a number
            "lang": req(lang),
            "url": req(link),
            "is_default": req(boolean),
            "variation_id": opt(integer_id),
            **_MAYBE_DATES,
            **_COMMON,
        },
        "variations": {
            "variation_id": req(integer_id),
            "product_id": req(filled),
            "lang": req(lang),
            "name": req(filled),
            "reference": opt(text),
            "ean13": opt(text),
            "link": req(link),
            "image_link": opt(link),
            "price": req(amount),
            "price_discount": opt(amount),
            "quantity_remaining": req(count),
            "is_default": req(boolean),
            **_MAYBE_DATES,
            **_COMMON,
        },
    }


def _sales(switches: CrmSwitches, amount: Check, count: Check) -> dict[str, Fields]:
    return {
        "orders": {
            "order_id": req(filled),
            "lang": req(lang),
            "reference": opt(text),
            "carrier_id": opt(filled),
            "status_id": req(filled),
            "address_delivery_id": opt(filled),
            "address_invoice_id": opt(filled),
            "customer": req(_order_customer(switches)),
            "products": req(_order_lines(switches, amount, count)),
            "cart_id": req(filled),
            "cart_updated_at": req(instant),
            "amount": req(amount),
            "amount_without_tax": req(amount),
            "shipping_costs": req(amount),
            "shipping_costs_without_tax": req(amount),
            "shipping_number": opt(text),
            "currency": req(currency),
            "voucher_used": opt(at_most(256)),
            "voucher_value": opt(number_as_text),
            "is_confirmed": req(boolean),
            **_DATES,
            **_COMMON,
        },
        "carriers": {"carrier_id": req(filled), "name": req(filled), "is_active": req(boolean), **_DATES, **_COMMON},
        "statuses": {
            "status_id": req(filled),
            "lang": req(lang),
            "name": req(filled),
            "is_deleted": req(boolean),
            **_DATES,
            **_COMMON,
        },
        "vouchers": {
            "voucher_id": req(filled),
            "lang": req(lang),
            "code": req(filled),
            "description": req(text),
            "started_at": req(instant),
            "ended_at": opt(instant),
            "customer_id": opt(filled),
            "type_voucher": req(one_of("free_shipping", "amount_reduction", "percentage_reduction", "specific_coupon")),
            "value": opt(amount),
            "minimum_amount": req(amount),
            "currency": req(currency),
            "reduction_tax": req(boolean),
            "is_used": req(boolean),
            "is_active": req(boolean),
            **_DATES,
            **_COMMON,
        },
    }


def _order_customer(switches: CrmSwitches) -> Check:
    named: Fields = {
        "customer_id": req(filled),
        "email": req(text if switches.empty_email == "accept" else email),
        "created_at": req(instant),
    }
    nobody: Fields = {"customer_id": req(text), "email": req(text), "created_at": Field(instant, nullable=True)}

    def checked(value: Any) -> str | None:
        if type(value) is not dict:
            return "must be an object"
        empty = switches.empty_order_customer == "accept" and value.get("customer_id") == ""
        fields = nobody if empty else named
        errors = field_errors(value, fields, unknown=switches.unknown_item_fields, at="customer.")
        if not errors and value["email"] and (problem := email(value["email"])):
            errors = [f"customer.email {problem}"]
        return _nested(errors)

    return checked


def _order_lines(switches: CrmSwitches, amount: Check, count: Check) -> Check:
    line: Fields = {
        "product_id": req(integer_id),
        "product_variation_id": opt(integer_id),
        "price": req(amount),
        "price_without_tax": req(amount),
        "manufacturer_id": opt(filled),
        "quantity": req(count),
    }

    def checked(value: Any) -> str | None:
        if type(value) is not list:
            return "must be an array"
        if not value and switches.empty_order_products == "refuse":
            return "should not be empty"
        errors: list[str] = []
        for place, each in enumerate(value):
            if type(each) is not dict:
                errors.append(f"products.{place} must be an object")
            else:
                errors += field_errors(each, line, unknown=switches.unknown_item_fields, at=f"products.{place}.")
        return _nested(errors)

    return checked


def _nested(errors: Collection[str]) -> str | None:
    return "is not valid: " + "; ".join(errors) if errors else None


# --- the rules of one running server -------------------------------------------------------------------------------


class ItemRules:
    """The tables of fields under one set of switches, ready for use."""

    def __init__(self, switches: CrmSwitches) -> None:
        self._fields = entity_fields(switches)
        self._unknown = switches.unknown_item_fields
        self._source_required = switches.data_source == "required"

    def errors(self, entity: str, item: Any, sources: Collection[int]) -> list[str]:
        """Why this item is refused (empty when it is not). `sources` are the ids an item may be tagged with."""
        if type(item) is not dict:
            return ["each item must be an object"]
        errors = field_errors(item, self._fields[entity], unknown=self._unknown)
        source = item.get("id_data_source")
        if source is None:
            if self._source_required:
                errors.append("id_data_source is required")
        elif source not in sources:
            errors.append(f"id_data_source {source} is not a data source of this shop")
        return errors


def find_label_source(body: Any, at: str = "body") -> str | None:
    """Where in a parsed body the key `label_source` is, or None."""
    if type(body) is dict:
        for name, value in body.items():
            if name == "label_source":
                return f"{at}.{name}"
            if found := find_label_source(value, f"{at}.{name}"):
                return found
    elif type(body) is list:
        for place, value in enumerate(body):
            if found := find_label_source(value, f"{at}[{place}]"):
                return found
    return None
