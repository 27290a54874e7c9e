"""Three independent counts of one shop, side by side: read from the till, in the ledger, held by ShopiMind."""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from connector.delivery import entities
from connector.delivery.held import HeldByCrm, held_by_crm
from connector.delivery.ledger import Held
from connector.delivery.provisioned import known_sources
from connector.mapping.profiles import PROFILE_DEFINITION
from connector.shop_run import ShopRun


@dataclass(frozen=True)
class Line:
    """One entity (of one store). `till` is what the till's rows come to once skipped and refused ones are taken off."""

    entity: str
    store_id: int | None
    store: str
    id_data_source: int | None
    read: int
    skipped: int
    refused: int
    ledger: int
    crm: int
    till_amount: Decimal | None = None  # orders only, over all currencies
    ledger_amount: Decimal | None = None
    crm_amount: Decimal | None = None

    @property
    def till(self) -> int:
        return self.read - self.skipped - self.refused

    @property
    def agrees(self) -> bool:
        """Whether the three counts are one, in number and, for orders, in money."""
        return self.till == self.ledger == self.crm and self.till_amount == self.ledger_amount == self.crm_amount


def reconcile_first_load(run: ShopRun, report: dict[str, Any]) -> list[Line]:
    """The lines of a shop of which `report` (see `connector.report`) read everything that there is.

    Calls ShopiMind's lists; raises `ShopiMindError`.
    """
    sources = known_sources(run.state.db, run.shop.key)
    crm = held_by_crm(run.crm, sources.values(), PROFILE_DEFINITION["name"])
    names = {store.store_id: store.name for store in run.ctx.stores}
    ledger = run.ledger.held()
    return [
        _line(run, row, sources, ledger, crm, names) for row in report["entities"] if row["entity"] != "data_sources"
    ]


def _line(
    run: ShopRun,
    row: dict[str, Any],
    sources: dict[int | None, int],
    noted: list[Held],
    crm: dict[tuple[str, int], HeldByCrm],
    names: dict[int, str],
) -> Line:
    entity, store_id = row["entity"], row["store_id"]
    chosen = list(sources.values()) if store_id is None else [sources[store_id]]
    held = [crm[entity, source] for source in chosen if (entity, source) in crm]
    ledger = [each for each in noted if each.entity == entity and each.store_id == store_id]
    is_order = entity == entities.ORDERS.name
    return Line(
        entity,
        store_id,
        names.get(store_id, "") if store_id is not None else "",
        row["id_data_source"],
        row["read"],
        sum(row["skipped"].values()),
        row["refused"],
        sum(each.records for each in ledger),
        sum(each.records for each in held),
        _till_amount(run, store_id) if is_order else None,
        Decimal(sum(each.cents for each in ledger)) / 100 if is_order else None,
        sum((each.amount for each in held), Decimal(0)) if is_order else None,
    )


def _till_amount(run: ShopRun, store_id: int | None) -> Decimal:
    """The totals of the store's closed sales that become orders, as they were read."""
    return (
        Decimal(
            sum(
                total["cents"] or 0
                for total in run.sales_read.totals().to_pylist()
                if total["store_id"] == store_id and total["sent"]
            )
        )
        / 100
    )
