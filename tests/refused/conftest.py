"""The worlds of `tests.faults`, and one in which records are refused."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.faults.conftest import environment, make_world, no_waiting, runs_in_memory, world  # noqa: F401
from tests.faults.shop_world import World
from tests.refused.refusals import CUSTOMER, EUROS, ORDER, PRODUCT, account, listed


@pytest.fixture
def refusing(make_world: Callable[..., World]) -> World:  # noqa: F811
    """Synced once: four records are refused."""
    made = make_world(account())
    made.configure(rules={"customers_without_email": "send"})
    made.sandbox.crm.switch(empty_email="refuse")
    assert made.sync().status == "refused"
    assert set(listed(made)) == {CUSTOMER, ORDER, PRODUCT, EUROS}
    return made
