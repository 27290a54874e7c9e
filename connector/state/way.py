"""How a run over a shop asks another one, which reads history and is in no hurry, to give way."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable

from sqlalchemy import delete, select

from connector.state.database import Database, upsert
from connector.state.leases import living_holder, this_process
from connector.state.tables import leases

# Held, besides that of the sync, by a run as soon as it reads history: by an unattended backfill, and by any other.
BACKFILL_LEASE, HISTORY_LEASE = "backfill", "history"

GIVES_WAY_IN = 300.0  # seconds to wait for such a run: it still delivers what it has read

_WAY = "way"  # a row among the leases, which outlives its writer until it is granted or too old
_ASKED_FOR = 900.0  # seconds


def reads_history(db: Database, shop: str) -> bool:
    """Whether a run over this shop goes on that would give way."""
    return any(living_holder(db, shop, lease) for lease in (HISTORY_LEASE, BACKFILL_LEASE))


def backfills(db: Database, shop: str) -> bool:
    """Whether it is an unattended backfill, which nobody started to have these days now."""
    return living_holder(db, shop, BACKFILL_LEASE) is not None


def ask_for_way(db: Database, shop: str, *, clock: Callable[[], float] = time.time) -> None:
    """Whoever reads history of this shop ends it soon, and delivers what was read."""
    row = {"shop": shop, "entity": _WAY, "holder": this_process(), "token": uuid.uuid4().hex}
    with db.begin() as connection:
        upsert(connection, leases, [row | {"expires_at": clock() + _ASKED_FOR}])


def way_is_asked(db: Database, shop: str, *, clock: Callable[[], float] = time.time) -> bool:
    """Whether somebody waits for the run that asks this."""
    query = select(leases.c.expires_at).where(leases.c.shop == shop, leases.c.entity == _WAY)
    with db.read() as connection:
        expires_at = connection.execute(query).scalar()
    return expires_at is not None and expires_at > clock()


def way_was_given(db: Database, shop: str) -> None:
    """For the run that asked, or any other that has the shop now: nobody waits for it yet."""
    with db.begin() as connection:
        connection.execute(delete(leases).where(leases.c.shop == shop, leases.c.entity == _WAY))
