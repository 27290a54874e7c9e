"""Starts the worlds, without waiting between retries."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import stamina

import assets.launch
from connector.pos import hiboutik_calls
from connector.sandbox.accounts import TillAccount
from connector.sandbox.serve import Sandbox
from tests.conftest import NewState
from tests.faults.little_till import alpha
from tests.faults.shop_world import World


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a sync sets in it is taken back."""
    before = dict(os.environ)
    os.environ.pop("DAGSTER_HOME", None)
    yield
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries as in earnest, four tries, but without the waits between them. Not so in the command's own process."""
    monkeypatch.setattr(hiboutik_calls, "sleep", lambda seconds: None)
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture(autouse=True)
def runs_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster keeps this process's runs in memory, which halves the time of a sync. The command keeps them in its home."""
    monkeypatch.setattr(assets.launch, "open_instance", dg.DagsterInstance.ephemeral)


@pytest.fixture
def make_world(tmp_path: Path, new_state: NewState) -> Iterator[Callable[..., World]]:
    """Starts a sandbox over the given accounts (default: `alpha`)."""
    with ExitStack() as stack:

        def make(*accounts: TillAccount, **options: Any) -> World:
            folder = Path(tempfile.mkdtemp(prefix="world-", dir=tmp_path))
            state = stack.enter_context(new_state())
            sandbox = Sandbox(folder / "sandbox", folder, accounts=list(accounts or (alpha(),)), **options)
            return World(stack.enter_context(sandbox), folder, folder / "home", state)

        yield make


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """The shop `alpha`, never synced yet."""
    return make_world()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[TillAccount], dict[str, Any]]:
    """The end state of one sync of that account without any fault, with its state in a home; each is synced once."""
    known: dict[str, dict[str, Any]] = {}

    def state(account: TillAccount) -> dict[str, Any]:
        if account.label not in known:
            folder = tmp_path_factory.mktemp("undisturbed")
            with Sandbox(folder / "sandbox", folder, accounts=[account]) as sandbox:
                world = World(sandbox, folder, folder / "home")
                assert world.sync(account.account).status == "delivered"
                known[account.label] = world.end_state(account.account)
        return known[account.label]

    return state
