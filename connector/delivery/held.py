"""What ShopiMind itself holds of a shop: its lists, counted by data source."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.delivery import entities
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import whole
from connector.shopimind.planning import definition_id, definition_status
from connector.shopimind.provisioning import read_definitions


@dataclass
class HeldByCrm:
    """Records of one entity under one data source, and the sum of their `amount` (orders)."""

    records: int = 0
    amount: Decimal = Decimal(0)


def held_by_crm(crm: ShopiMind, sources: Iterable[int], definition: str) -> dict[tuple[str, int], HeldByCrm]:
    """Per entity and `id_data_source`, of the given sources. Reads every list once; raises `ShopiMindError`."""
    ours = set(sources)
    found: dict[tuple[str, int], HeldByCrm] = {}
    for entity in entities.ENTITIES:
        if entity is not entities.POS_PROFILES:
            _count(entity.name, entities.resource_of(crm, entity).list_all(), ours, found)
    for row in read_definitions(crm):
        number = definition_id(row)
        if row.get("name") == definition and definition_status(row) == "active" and number is not None:
            _count(entities.POS_PROFILES.name, crm.custom_data_records.of(number).list_all(), ours, found)
    return found


def _count(
    entity: str, rows: Iterable[dict[str, Any]], ours: set[int], found: dict[tuple[str, int], HeldByCrm]
) -> None:
    for row in rows:
        source = whole(row.get("id_data_source"))
        if source in ours:
            held = found.setdefault((entity, source), HeldByCrm())
            held.records += 1
            if row.get("amount") is not None:
                held.amount += Decimal(str(row["amount"]))
