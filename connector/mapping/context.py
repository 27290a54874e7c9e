"""What every mapping needs to know about its shop: identifiers, rules, stores, first day. Built once per run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property
from zoneinfo import ZoneInfo

import pyarrow as pa

from connector.config import Identifiers, Rules, Shop
from connector.mapping import times
from connector.mapping.text import clean


@dataclass(frozen=True)
class StoreInfo:
    """One store, with what its sales are read by."""

    store_id: int
    name: str  # cleaned, never empty
    currency: str  # as the till has it, cleaned, upper case
    time_zone: str  # always a zone that exists
    zone_assumed: bool = False  # the till gave none
    warehouse_id: int | None = None  # what is sold there is taken from


@dataclass(frozen=True)
class ShopContext:
    """One shop. `stores` are in the order of their ids."""

    key: str
    account: str
    website: str  # where the till's pages of products and categories are
    lang: str
    country: str
    label: str
    identifiers: Identifiers
    rules: Rules
    first_day: date
    stores: tuple[StoreInfo, ...]

    @property
    def main_store(self) -> StoreInfo:
        """The store with the lowest id: its currency and time zone are those of everything account-wide."""
        if not self.stores:
            raise ValueError(
                f"shop {self.key}: the till of account {self.account} lists no store, so nothing can be mapped"
            )
        return self.stores[0]

    @cached_property
    def main_zone(self) -> ZoneInfo:
        """The time zone of account-wide dates."""
        return ZoneInfo(self.main_store.time_zone)

    @cached_property
    def first_day_at(self) -> str:
        """The midnight that stands for every date the till does not know."""
        return times.midnight(self.first_day, self.main_zone)

    def store(self, store_id: int | None) -> StoreInfo | None:
        """The store of that id, None when the till lists none."""
        return self._stores_by_id.get(store_id) if store_id is not None else None

    def zone(self, store_id: int | None) -> ZoneInfo:
        """The time zone of a store; of an unknown one, that of the store with the lowest id."""
        return self._zones.get(store_id, self.main_zone) if store_id is not None else self.main_zone

    @cached_property
    def _stores_by_id(self) -> dict[int, StoreInfo]:
        return {store.store_id: store for store in self.stores}

    @cached_property
    def _zones(self) -> dict[int, ZoneInfo]:
        return {store.store_id: ZoneInfo(store.time_zone) for store in self.stores}


def shop_context(shop: Shop, first_day: date, stores: pa.Table) -> ShopContext:
    """The shop as its configuration and its till (`connector.pos.rows.STORES`) describe it.

    A store without a name is called `store <id>`. A store whose time zone is unknown has that of the first store whose
    zone is known, else the first zone of the shop's country. Rows without a store id are left out.
    """
    rows = sorted((row for row in stores.to_pylist() if row["store_id"] is not None), key=lambda row: row["store_id"])
    zones = [clean(row["time_zone"]) for row in rows]
    default_zone = next((name for name in zones if times.zone(name)), None) or times.zone_of_country(shop.country)
    return ShopContext(
        key=shop.key,
        account=shop.pos.account,
        website=shop.pos.website,
        lang=shop.lang,
        country=shop.country,
        label=clean(shop.label),
        identifiers=shop.identifiers,
        rules=shop.rules,
        first_day=first_day,
        stores=tuple(
            StoreInfo(
                store_id=row["store_id"],
                name=clean(row["name"]) or f"store {row['store_id']}",
                currency=clean(row["currency"]).upper(),
                time_zone=zone if times.zone(zone) else default_zone,
                zone_assumed=times.zone(zone) is None,
                warehouse_id=row["warehouse_id"],
            )
            for row, zone in zip(rows, zones, strict=True)
        ),
    )
