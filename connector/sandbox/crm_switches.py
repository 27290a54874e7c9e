"""What nobody knows about the real ShopiMind server, as switches of the sandbox's one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

from pydantic import ConfigDict, TypeAdapter


@dataclass(frozen=True, kw_only=True)
class CrmSwitches:
    """Each field is one open question; the default is the likeliest answer, or the stricter one where that is cheap."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    # Answers
    reject_shape: Literal["index", "objectIndex"] = "index"
    all_rejected_status: Literal[200, 400] = 200
    create_status: Literal[200, 201] = 200
    over_limit_status: Literal[400, 413] = 400
    numeric_ids: Literal["number", "string"] = "number"  # in lists only
    definition_id_key: Literal["both", "id", "id_definition"] = "both"
    relationships_case: Literal["camel", "snake"] = "camel"
    visibility_delay: float = 0.2  # seconds until an accepted write can be read back

    # What an item may be
    unknown_item_fields: Literal["ignore", "refuse"] = "ignore"
    data_source: Literal["required", "optional"] = "required"  # `id_data_source` on every item
    inactive_source: Literal["accept", "refuse"] = "accept"
    empty_email: Literal["accept", "refuse"] = "accept"
    empty_order_customer: Literal["accept", "refuse"] = "accept"
    empty_order_products: Literal["accept", "refuse"] = "refuse"
    negative_amounts: Literal["accept", "refuse"] = "accept"
    order_references: Literal["free", "must_exist"] = "free"  # status, carrier and customer of an order
    product_references: Literal["free", "must_exist"] = "free"  # categories and manufacturer of a product
    parent_category: Literal["free", "must_exist"] = "free"  # `must_exist`: from an earlier request
    lang_in_key: bool = True  # one row per language of a translated entity, or one row for all

    # Sources, definitions and custom data
    duplicate_label_status: Literal[400, 409] = 400
    label_comparison: Literal["caseless", "exact"] = "caseless"  # always trimmed
    duplicate_definition_status: Literal[400, 409] = 400
    activate_active_status: Literal[200, 409] = 409
    unresolved_relation: Literal["accept", "reject"] = "accept"
    contact_per: Literal["customer", "email"] = "customer"  # "email": customers who share one are one contact

    # Credentials
    token_case: Literal["exact", "ignored"] = "exact"

    def changed(self, changes: Mapping[str, Any]) -> CrmSwitches:
        """A copy with these changes. Raises `ValueError` (pydantic's) for an unknown switch or value."""
        return _ADAPTER.validate_python(asdict(self) | dict(changes))


_ADAPTER = TypeAdapter(CrmSwitches)
