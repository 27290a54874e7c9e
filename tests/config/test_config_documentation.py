"""`docs/configuration.md` is what an integrator has in hand: its example works and no key is left out."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from connector.config import Consent, Identifiers, PosAccount, Receive, Rules, Shop, ShopiMindAccount

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_pages_example_loads(load):
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    names = re.findall(r"\$\{(\w+)\}", example[1])
    load(example[1], environ=dict.fromkeys(names, "a-secret"))


@pytest.mark.parametrize("model", [Shop, ShopiMindAccount, PosAccount, Identifiers, Rules, Consent, Receive])
def test_every_key_is_on_the_page(model):
    assert [key for key in model.model_fields if f"`{key}`" not in PAGE] == []
