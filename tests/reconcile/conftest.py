"""Shops that were synced a moment ago, and ways to spoil what the three places hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from connector.sandbox.serve import crm_token
from connector.shopimind.client import ShopiMind
from tests.sync.conftest import MakeWorld, make_shared_world, make_world, warm
from tests.sync.world import Ran, World

__all__ = ["make_shared_world", "make_world", "warm"]

A_MOMENT_AGO = 0.001  # days: long enough for ShopiMind to show what was delivered then


@dataclass
class Reconciled:
    """What `connector reconcile --json` said of one shop."""

    ran: Ran
    shop: dict[str, Any]

    @property
    def outcome(self) -> tuple[int, str]:
        return self.ran.code, self.shop["status"]

    @property
    def named(self) -> dict[str, list[str]]:
        """What is named, by kind and only the kinds that there are: entity and id."""
        kinds = {kind: [f"{e['entity']} {e['external_id']}" for e in self.shop[kind]] for kind in KINDS}
        return {kind: names for kind, names in kinds.items() if names}

    def line(self, entity: str, store_id: int | None = None, day: Any = None) -> dict[str, Any]:
        day = None if day is None else str(day)
        (line,) = [
            line
            for line in self.shop["lines"]
            if (line["entity"], line["store_id"], line["day"]) == (entity, store_id, day)
        ]
        return line

    @property
    def in_doubt(self) -> set[tuple[str, int | None, str | None]]:
        """The lines that do not agree."""
        return {(line["entity"], line["store_id"], line["day"]) for line in self.shop["lines"] if not line["agrees"]}


KINDS = ("missing", "extra", "different")


def reconcile(world: World, *argv: str, shop: str = "alpha") -> Reconciled:
    """`connector reconcile --json`."""
    ran = world.run("reconcile", "--json", "--shops", str(world.shops_file), *argv)
    return Reconciled(ran, ran.shop(shop))


@contextmanager
def shopimind(world: World, shop: str = "alpha") -> Iterator[ShopiMind]:
    """Somebody else's hands on the shop's ShopiMind."""
    with ShopiMind(crm_token(shop), world.sandbox.crm_url) as crm:
        yield crm


def change(world: World, entity: str, key: str, external_id: Any, **changes: Any) -> None:
    """Saves a record again with other values, or under another id."""
    record = world.held_by_id(entity, key)[external_id] | changes
    with shopimind(world) as crm:
        assert getattr(crm, entity).bulk_save([record]).counts.sent == 1


def lose_a_profile(world: World) -> None:
    (definition,) = world.sandbox.crm.shops["alpha"].definitions
    with shopimind(world) as crm:
        records = crm.custom_data_records.of(definition)
        assert records.delete(records.list(1).unwrap("list")[0]["id"]).ok


@pytest.fixture
def make_synced(make_world: MakeWorld) -> Callable[..., World]:
    """Makes a world whose shops were synced a moment ago."""

    def make(*args: Any, expected: int = 0, **options: Any) -> World:
        world = make_world(*args, **options)
        ran = world.sync(ago_days=A_MOMENT_AGO)
        assert ran.code == expected, [shop["message"] for shop in ran.document["shops"]]
        world.record()
        return world

    return make


@pytest.fixture
def synced(make_synced: Callable[..., World]) -> World:
    """The usual shop `alpha`, synced a moment ago, to be spoiled."""
    return make_synced()


@pytest.fixture(scope="module")
def _in_order(make_shared_world: MakeWorld) -> World:
    world = make_shared_world()
    assert world.sync(ago_days=A_MOMENT_AGO).code == 0
    return world


@pytest.fixture
def in_order(_in_order: World) -> World:
    """The same, for tests that only look."""
    _in_order.sandbox.till.switches.turnover_empty_days = True
    _in_order.record()
    return _in_order


@pytest.fixture
def world(make_world: MakeWorld) -> World:
    """The usual shop `alpha`, never synced."""
    return make_world()
