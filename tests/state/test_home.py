"""Where local state lives."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from connector.state.errors import StateError
from connector.state.home import home


def test_home_is_made_in_the_current_directory_and_for_its_owner_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert home() == tmp_path / ".connector"
    assert stat.S_IMODE(home().stat().st_mode) == 0o700


def test_home_is_where_the_variable_says_with_all_its_parents(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path / "var" / "connector"))

    assert home() == tmp_path / "var" / "connector"
    assert stat.S_IMODE((tmp_path / "var").stat().st_mode) == 0o700


def test_a_home_that_cannot_be_made_is_an_error_that_names_the_variable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    monkeypatch.setenv("CONNECTOR_HOME", str(tmp_path / "file" / "connector"))

    with pytest.raises(StateError, match="CONNECTOR_HOME"):
        home()
