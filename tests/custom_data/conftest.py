"""Worlds whose shop declares custom data. Property tests are not timed, as in `tests/mapping`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import settings

from tests.sync.conftest import MakeWorld, make_world, warm
from tests.sync.world import STORES, World, till_account

__all__ = ["make_world", "warm"]

settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

Declare = Callable[..., World]
STOCK = [
    {"product_id": 11, "product_size": 0, "warehouse_id": 1, "stock_available": 7},
    {"product_id": 11, "product_size": 3, "warehouse_id": 1, "stock_available": 2},
    {"product_id": 12, "product_size": 0, "warehouse_id": 2, "stock_available": -1},
]


def declare(world: World, *declarations: Any) -> None:
    """Makes these the custom data of the world's shop."""
    world.configure(lambda shops: shops[0].update(custom_data=list(declarations)))


@pytest.fixture
def declared(make_world: MakeWorld) -> Declare:
    """Makes a world of three stores, each with its own warehouse, that declares the custom data given."""

    def make(*declarations: Any) -> World:
        stores = [{**store, "store_warehouse_id": number} for number, store in enumerate(STORES, 1)]
        world: World = make_world([till_account(stores=stores, stock=STOCK)])
        declare(world, *declarations)
        return world

    return make
