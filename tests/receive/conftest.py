"""A running receiver over an empty state, and ShopiMind's side of its webhooks; `tests.receive.service` has both."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from connector.state.database import URL_VARIABLE
from connector.state.home import HOME_VARIABLE
from connector.state.lake import LAKE_VARIABLE
from connector.state.sealing import KEYS_VARIABLE
from tests.conftest import NewState
from tests.receive.service import Service, write_configuration
from tests.sync.conftest import make_world, warm  # noqa: F401  # fixtures

MakeService = Callable[..., Service]


@pytest.fixture
def receiving_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, new_state: NewState) -> Iterator[Path]:
    """The variables of an empty state in this process's environment; the home."""
    home = tmp_path / "home"
    monkeypatch.setenv(HOME_VARIABLE, str(home))
    for variable in (URL_VARIABLE, LAKE_VARIABLE):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv(KEYS_VARIABLE, Fernet.generate_key().decode())
    with new_state() as state:
        for variable, value in state.items():
            monkeypatch.setenv(variable, value)
        yield home


@pytest.fixture
def make_service(tmp_path: Path, receiving_state: Path) -> Iterator[MakeService]:
    """Starts receivers over that state; `receive` are keys of the section in `shops.yaml`."""
    with ExitStack() as stack:

        def make(shops: list[dict[str, object]] | None = None, **receive: object) -> Service:
            file = write_configuration(tmp_path / "shops.yaml", shops, **receive)
            return stack.enter_context(Service(file))

        yield make


@pytest.fixture
def service(make_service: MakeService) -> Service:
    """One that makes shops of activations."""
    return make_service()
