"""Sealing: what is kept of a person can be read with the key only, and keys can be changed."""

from __future__ import annotations

import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from connector.state.errors import StateError, StateMistake
from connector.state.sealing import Sealer

PERSON = b'{"email": "lea@example.org"}'


def test_what_is_sealed_does_not_show_and_opens_again(tmp_path: Path) -> None:
    sealed = Sealer(tmp_path).seal(PERSON)

    assert b"example" not in sealed
    assert Sealer(tmp_path).open(sealed) == PERSON


def test_the_key_made_on_first_use_is_for_its_owner_only(tmp_path: Path) -> None:
    Sealer(tmp_path)

    assert [file.name for file in tmp_path.iterdir()] == ["key"]
    assert stat.S_IMODE((tmp_path / "key").stat().st_mode) == 0o600


def test_processes_that_make_the_first_key_at_once_share_one(sqlite_place, workers: Callable) -> None:
    crowd = [workers(sqlite_place, "seals") for _ in range(3)]
    for worker in crowd:
        worker.go()

    sealed = [worker.line().encode() for worker in crowd]
    assert [Sealer(sqlite_place.home).open(each) for each in sealed] == [b"personal"] * 3


def test_a_new_key_in_front_seals_and_the_old_one_still_opens(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv("CONNECTOR_KEYS", old)
    before = Sealer(tmp_path).seal(PERSON)

    monkeypatch.setenv("CONNECTOR_KEYS", f"{new}, {old}")
    after = Sealer(tmp_path).seal(PERSON)
    assert Sealer(tmp_path).open(before) == PERSON

    monkeypatch.setenv("CONNECTOR_KEYS", new)
    assert Sealer(tmp_path).open(after) == PERSON
    with pytest.raises(
        StateError, match=r"cannot be opened with the keys of CONNECTOR_KEYS.*Add the key that sealed it"
    ):
        Sealer(tmp_path).open(before)
    assert not (tmp_path / "key").exists()


def test_what_an_older_key_sealed_can_be_sealed_anew_and_what_no_key_opens_cannot(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    old, new = Fernet.generate_key().decode(), Fernet.generate_key().decode()
    monkeypatch.setenv("CONNECTOR_KEYS", old)
    before = Sealer(tmp_path).seal(PERSON)
    assert not Sealer(tmp_path).has_older_keys

    monkeypatch.setenv("CONNECTOR_KEYS", f"{new},{old}")
    both = Sealer(tmp_path)
    assert both.has_older_keys
    anew = both.resealed(before)
    assert anew is not None
    assert both.resealed(anew) is None

    monkeypatch.setenv("CONNECTOR_KEYS", new)
    assert Sealer(tmp_path).open(anew) == PERSON
    with pytest.raises(StateError, match="cannot be opened"):
        Sealer(tmp_path).resealed(before)


@pytest.mark.parametrize("key", ["hunter2", "é" * 44])
def test_a_key_that_is_none_is_an_error_that_does_not_show_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv("CONNECTOR_KEYS", key)

    with pytest.raises(StateMistake, match="CONNECTOR_KEYS holds something that is not a key") as caught:
        Sealer(tmp_path)
    assert key not in str(caught.value)
