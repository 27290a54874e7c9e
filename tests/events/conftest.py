"""The worlds of `tests.sync`, with events."""

from __future__ import annotations

import pytest

from tests.events.telling import Events
from tests.sync.conftest import MakeWorld, make_world, warm  # noqa: F401


@pytest.fixture
def events(make_world: MakeWorld) -> Events:  # noqa: F811
    """The usual shop with the built-in event, synced once; none of its sales is told of."""
    made = Events(make_world())
    made.declare(["pos_purchase"])
    assert made.world.sync().code == 0
    return made
