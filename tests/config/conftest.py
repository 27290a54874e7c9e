"""A good shop to spoil, and the two ways to look at what became of it."""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from connector.config import ConfigError, Shop, load_shops

ABSENT = object()

GOOD_SHOP: dict[str, Any] = {
    "key": "maison-lea",
    "label": "Maison Léa",
    "lang": "fr",
    "shopimind": {"access_token": "int_s3cr3t_0001"},
    "pos": {"system": "hiboutik", "account": "maison-lea", "login": "ops@example.org", "api_key": "k3y_0001"},
    "identifiers": {"prefix": "ml_", "offset": 900_000_000},
}

Load = Callable[..., list[Shop]]
Told = Callable[..., dict[str, str]]


def shop_with(**changes: Any) -> dict[str, Any]:
    """The good shop with some values changed; `pos__login=ABSENT` takes a key away."""
    shop = copy.deepcopy(GOOD_SHOP)
    for path, value in changes.items():
        *above, key = path.split("__")
        inner = shop
        for step in above:
            inner = inner.setdefault(step, {})
        if value is ABSENT:
            del inner[key]
        else:
            inner[key] = value
    return shop


@pytest.fixture
def absent() -> object:
    return ABSENT


@pytest.fixture
def load(tmp_path: Path) -> Load:
    """Loads shops given as changes to the good one, or a whole text."""

    def load_them(*shops: Mapping[str, Any] | str, environ: Mapping[str, str] | None = None) -> list[Shop]:
        path = tmp_path / "shops.yaml"
        if isinstance(shops[0], str):
            path.write_text(shops[0], encoding="utf-8", newline="")
        else:
            whole = {"shops": [shop_with(**shop) for shop in shops if not isinstance(shop, str)]}
            path.write_text(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True), encoding="utf-8")
        return load_shops(path, environ or {})

    return load_them


@pytest.fixture
def told(load: Load) -> Told:
    """Place -> message of every mistake in what `load` is given."""

    def tell(*shops: Mapping[str, Any] | str, environ: Mapping[str, str] | None = None) -> dict[str, str]:
        with pytest.raises(ConfigError) as caught:
            load(*shops, environ=environ)
        return {mistake.where: mistake.message for mistake in caught.value.mistakes}

    return tell
