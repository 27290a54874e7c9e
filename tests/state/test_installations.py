"""Whether a shop's installation is active, and the day its syncing began."""

from __future__ import annotations

from datetime import date

from sqlalchemy import select

from connector.state.installations import Installation
from connector.state.tables import installations


def since(db) -> int:
    with db.read() as connection:
        return connection.execute(select(installations.c.since)).scalar_one()


def test_a_shop_is_active_until_shopimind_says_otherwise(db) -> None:
    installation = Installation(db, "maison-lea", clock=lambda: 300.0)
    assert (installation.status(), installation.reason()) == ("active", None)

    installation.mark_inactive("401 from ShopiMind", at=100)
    assert (installation.status(), installation.reason()) == ("inactive", "401 from ShopiMind")
    assert Installation(db, "other").status() == "active"

    installation.mark_active()
    assert (installation.status(), installation.reason()) == ("active", None)
    assert since(db) == 300


def test_an_installation_is_inactive_since_the_first_time_it_was_found_so(db) -> None:
    installation = Installation(db, "maison-lea")
    installation.mark_inactive("401 from ShopiMind", at=100)
    installation.mark_inactive("401 from ShopiMind", at=200)

    assert since(db) == 100


def test_the_first_day_is_settled_once(db) -> None:
    installation = Installation(db, "maison-lea")
    assert installation.first_day(date(2025, 11, 10)) == date(2025, 11, 10)
    installation.mark_inactive("401 from ShopiMind", at=100)
    installation.mark_active()

    assert installation.first_day(date(2025, 11, 11)) == date(2025, 11, 10)


def test_the_first_day_of_a_shop_that_was_found_inactive_before_it_ever_synced(db) -> None:
    installation = Installation(db, "maison-lea")
    installation.mark_inactive("401 from ShopiMind", at=100)

    assert installation.first_day(date(2025, 11, 10)) == date(2025, 11, 10)
    assert installation.status() == "inactive"
