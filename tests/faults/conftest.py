"""Starts the worlds, without waiting between retries."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import stamina

import assets.launch
from connector.pos import hiboutik_calls
from connector.sandbox.accounts import TillAccount
from connector.sandbox.serve import Sandbox
from connector.state.home import HOME_VARIABLE
from tests.faults.little_till import alpha
from tests.faults.shop_world import World


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Retries as in earnest, four tries, but without the waits between them. Not so in the command's own process."""
    monkeypatch.setattr(hiboutik_calls, "sleep", lambda seconds: None)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    monkeypatch.setenv(HOME_VARIABLE, "unused")  # so that what a sync sets is taken back
    monkeypatch.setenv("CONNECTOR_SHOPS", "unused")
    monkeypatch.setenv("DAGSTER_HOME", "unused")
    monkeypatch.delenv("DAGSTER_HOME")
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


@pytest.fixture(autouse=True)
def runs_in_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    """Dagster keeps this process's runs in memory, which halves the time of a sync. The command keeps them in its home."""
    monkeypatch.setattr(assets.launch, "open_instance", dg.DagsterInstance.ephemeral)


@pytest.fixture
def make_world(tmp_path: Path) -> Iterator[Callable[..., World]]:
    """Starts a sandbox over the given accounts (default: `alpha`)."""
    started: list[Sandbox] = []

    def make(*accounts: TillAccount, **options: Any) -> World:
        folder = tmp_path / f"world{len(started)}"
        folder.mkdir()
        sandbox = Sandbox(folder / "sandbox", folder, accounts=list(accounts or (alpha(),)), **options)
        started.append(sandbox.start())
        return World(sandbox, folder, folder / "home")

    yield make
    for sandbox in started:
        sandbox.stop()


@pytest.fixture
def world(make_world: Callable[..., World]) -> World:
    """The shop `alpha`, never synced yet."""
    return make_world()


@pytest.fixture(scope="session")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> Callable[[TillAccount], dict[str, Any]]:
    """The end state of one sync of that account without any fault; each account is synced once, by its name."""
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
