"""Whether a shop's ShopiMind installation is active, and the first day that the shop syncs."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import date
from typing import Literal

from sqlalchemy import select

from connector.state.database import Database, upsert
from connector.state.tables import installations

Status = Literal["active", "inactive"]


class Installation:
    """One shop's installation; active until ShopiMind says otherwise."""

    def __init__(self, db: Database, shop: str, *, clock: Callable[[], float] = time.time) -> None:
        self._db = db
        self._shop = shop
        self._clock = clock

    def status(self) -> Status:
        """What ShopiMind last said."""
        return "inactive" if self._column("status") == "inactive" else "active"

    def reason(self) -> str | None:
        """Why it is inactive; `None` while it is active."""
        return self._column("reason")

    def mark_active(self) -> None:
        """ShopiMind accepts the shop's token. Writes only when that is news."""
        if self._column("status") != "active":
            self._keep("active", int(self._clock()), None)

    def mark_inactive(self, reason: str, at: int) -> None:
        """ShopiMind refuses the shop's token, since `at` (epoch seconds) unless it was inactive before."""
        if self.status() == "active":
            self._keep("inactive", at, reason)

    def first_day(self, default: date, *, dry: bool = False) -> date:
        """The first day that is synced: `default` when first asked, the same day ever after. `dry` decides nothing."""
        if dry:
            return date.fromisoformat(self._column("first_day") or default.isoformat())
        row = {"shop": self._shop, "status": "active", "since": int(self._clock()), "first_day": default.isoformat()}
        with self._db.begin() as connection:
            upsert(connection, installations, [row], update=())
            table = installations
            empty = table.c.first_day.is_(None)
            connection.execute(
                table.update().where(table.c.shop == self._shop, empty).values(first_day=row["first_day"])
            )
            kept = connection.execute(select(table.c.first_day).where(table.c.shop == self._shop)).scalar_one()
        return date.fromisoformat(kept)

    def _column(self, name: str) -> str | None:
        query = select(installations.c[name]).where(installations.c.shop == self._shop)
        with self._db.read() as connection:
            value: str | None = connection.execute(query).scalar()
        return value

    def _keep(self, status: Status, since: int, reason: str | None) -> None:
        row = {"shop": self._shop, "status": status, "since": since, "reason": reason}
        with self._db.begin() as connection:
            upsert(connection, installations, [row])
