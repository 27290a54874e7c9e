"""Changing the key of the refused records: old payloads stay readable, and one sync seals them with the new key."""

from __future__ import annotations

import pytest
from cryptography.fernet import Fernet

from connector.state.sealing import KEYS_VARIABLE
from tests.faults.shop_world import World
from tests.refused.refusals import CUSTOMER, EUROS, ORDER, PRODUCT, listed, refused


def test_after_one_sync_under_both_keys_the_old_one_can_go(refusing: World, caplog: pytest.LogCaptureFixture) -> None:
    old = (refusing.home / "key").read_text().strip() if not refusing.state else refusing.state[KEYS_VARIABLE]
    new = Fernet.generate_key().decode()
    refusing.state = {**refusing.state, KEYS_VARIABLE: f"{new},{old}"}
    shown = refused(refusing, "show", "a_9", "--unmasked").document["refused"]
    assert shown[0]["payload"]["last_name"] == "Nom9"

    refusing.sync()
    refusing.state = {**refusing.state, KEYS_VARIABLE: new}

    everything = refused(refusing, "show", "--unmasked")
    assert everything.code == 0
    assert len(everything.document["refused"]) == 4
    assert {row["tries"] for row in listed(refusing).values()} == {1}  # nothing was sent for it


def test_a_sync_says_how_many_no_key_opens_and_delivers_as_ever(
    refusing: World, caplog: pytest.LogCaptureFixture
) -> None:
    keys = ",".join(Fernet.generate_key().decode() for _ in range(2))
    refusing.state = {**refusing.state, KEYS_VARIABLE: keys}

    assert refusing.sync().status == "refused"

    assert "shop alpha: 4 refused record(s) were sealed with a key that is not in CONNECTOR_KEYS" in caplog.text
    assert set(listed(refusing)) == {CUSTOMER, ORDER, PRODUCT, EUROS}
