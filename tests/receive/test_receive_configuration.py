"""The section `receive` of `shops.yaml`: its mistakes are told with all others, with their place."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from connector.config import load_configuration
from tests.config.conftest import GOOD_SHOP, load, shop_with, told  # noqa: F401  # fixtures
from tests.receive.service import SECRET, TOKEN

GOOD: dict[str, Any] = {
    "webhook_secrets": ["${WEBHOOK_SECRET}"],
    "installed_shops": {
        "lang": "fr",
        "pos": {"system": "hiboutik", "configs": {"account": "hib_account", "oauth_token": "hib_token"}},
    },
}
ENVIRON = {"WEBHOOK_SECRET": SECRET}


def text(receive: Any, *shops: dict[str, Any]) -> str:
    return yaml.safe_dump({"receive": receive, **({"shops": list(shops)} if shops else {})})


def changed(**changes: Any) -> dict[str, Any]:
    return GOOD | changes


def installed(**changes: Any) -> dict[str, Any]:
    return changed(installed_shops=GOOD["installed_shops"] | changes)


def test_installed_shops_need_no_others(load) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    assert load(text(GOOD), environ=ENVIRON) == []


def test_secrets_come_from_variables(tmp_path) -> None:  # type: ignore[no-untyped-def]
    file = tmp_path / "shops.yaml"
    file.write_text(text(GOOD))
    receive = load_configuration(file, ENVIRON).receive
    assert receive is not None
    assert [each.get_secret_value() for each in receive.webhook_secrets] == [SECRET]
    assert SECRET not in repr(receive)


@pytest.mark.parametrize(
    ("receive", "place", "sentence"),
    [
        (None, "receive", "is empty"),
        (changed(webhook_secrets=[]), "receive.webhook_secrets", "must not be empty"),
        (changed(webhook_secrets="one"), "receive.webhook_secrets", "must be a list"),
        (changed(webhook_secrets=["${NOT_SET}"]), "receive.webhook_secrets[0]", "receive needs it for webhook_secrets"),
        (changed(when_uninstalled="burn"), "receive.when_uninstalled", "one of: purge, keep"),
        (changed(secret=["x"]), "receive.secret", "unknown key"),
        (installed(lang="français"), "receive.installed_shops.lang", "ISO 639-1"),
        (installed(history_days=0), "receive.installed_shops.history_days", "more than 0"),
        (installed(history_days=36_501), "receive.installed_shops.history_days", "at most 36500"),
        (installed(history_days="a year"), "receive.installed_shops.history_days", "whole number"),
        (
            installed(pos=GOOD["installed_shops"]["pos"] | {"webhook_secret": "one-for-all-of-them"}),
            "receive.installed_shops.pos.webhook_secret",
            "must be generate",
        ),
        (
            installed(pos=GOOD["installed_shops"]["pos"] | {"erase_deleted": True}),
            "receive.installed_shops.pos.erase_deleted",
            "needs webhook_secret",
        ),
        (
            installed(pos=GOOD["installed_shops"]["pos"] | {"calls_in_flight": 6}),
            "receive.installed_shops.pos.calls_in_flight",
            "at most 5",
        ),
        (installed(labels="x"), "receive.installed_shops.labels", "unknown key"),
        (installed(rules={"returns": "maybe"}), "receive.installed_shops.rules.returns", "one of"),
        (installed(rules={"consent": {}}), "receive.installed_shops.rules.consent", "exactly one"),
        (installed(identifiers={"prefix": "p1"}), "receive.installed_shops.identifiers.prefix", "letters"),
        (installed(identifiers={"first_offset": -1}), "receive.installed_shops.identifiers.first_offset", "0 or more"),
        (
            installed(pos={"system": "hiboutik", "configs": {"account": "a"}}),
            "receive.installed_shops.pos.configs.login",
            "give login and api_key, or oauth_token",
        ),
        (
            installed(pos=GOOD["installed_shops"]["pos"] | {"base_url": "http://{account}.example/api"}),
            "receive.installed_shops.pos.base_url",
            "https",
        ),
        (
            installed(pos=GOOD["installed_shops"]["pos"] | {"base_url": "https://{host}/api"}),
            "receive.installed_shops.pos.base_url",
            "may only use {account}",
        ),
    ],
)
def test_a_mistake_of_the_section(told, receive: Any, place: str, sentence: str) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    mistakes = told(text(receive, GOOD_SHOP), environ=ENVIRON)
    assert list(mistakes) == [place]
    assert sentence in mistakes[place]


def governed(**changes: Any) -> dict[str, Any]:
    shop = shop_with(**{"installation_id": "inst_1", **changes})
    shop["shopimind"].pop("access_token", None)
    return shop


def test_a_shop_that_names_its_installation_has_no_token_in_the_file(load, told) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    (shop,) = load(text(GOOD, governed()), environ=ENVIRON)
    assert (shop.installation_id, shop.shopimind.access_token) == ("inst_1", None)
    both = governed() | {"shopimind": {"access_token": TOKEN}}
    assert list(told(text(GOOD, both), environ=ENVIRON)) == ["shops[0].installation_id"]


def test_it_needs_the_section(told) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    mistakes = told(yaml.safe_dump({"shops": [governed()]}))
    assert mistakes == {"shops[0].installation_id": "needs the section receive, which takes ShopiMind's webhooks"}


def test_two_shops_do_not_share_an_installation(told) -> None:  # type: ignore[no-untyped-def]  # noqa: F811
    other = governed(key="other", label="Other", identifiers__prefix="ot_", identifiers__offset=1_000_000_000)
    assert list(told(text(GOOD, governed(), other), environ=ENVIRON)) == ["shops[1].installation_id"]
