"""The sandbox's two servers, running: a ShopiMind without shops but those of a test, and the till of the samples."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from crm_shop import Shop, installed
from loopback import serving
from running_till import NOW, SAMPLES, Running
from starlette.applications import Starlette

from connector.sandbox.accounts import load_accounts
from connector.sandbox.crm_state import CrmState
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.hiboutik import create_till
from connector.sandbox.serve import Server
from connector.sandbox.shopimind import create_crm
from connector.sandbox.till_switches import TillSwitches


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with Server(create_crm([]), "crm") as running:
        yield running


@pytest.fixture
def crm(server: Server) -> CrmState:
    crm: CrmState = server.state.crm
    crm.complaints.clear()
    crm.switch_to(CrmSwitches(visibility_delay=0))
    return crm


@pytest.fixture
def shop(server: Server, crm: CrmState) -> Shop:
    return installed(server, "lea")


@pytest.fixture
def other_shop(server: Server, crm: CrmState) -> Shop:
    return installed(server, "noa")


@pytest.fixture(scope="module")
def _server() -> Iterator[tuple[Starlette, str]]:
    app = create_till(load_accounts(SAMPLES), clock=lambda: NOW)
    with serving(app) as base:
        yield app, base


@pytest.fixture
def till(_server: tuple[Starlette, str]) -> Iterator[Running]:
    """The shared server, its switches as they were afterwards. For tests that change no rows."""
    running = Running(*_server)
    yield running
    running.switch(**TillSwitches().model_dump())
    running.client.close()


@pytest.fixture
def fresh(tmp_path: Path) -> Iterator[Running]:
    """A server of its own, for tests that change rows or count calls."""
    app = create_till(load_accounts(SAMPLES), state_file=tmp_path / "till.json", clock=lambda: NOW)
    with serving(app) as base:
        yield Running(app, base)
