"""`docs/configuration.md` is what an integrator has in hand: its example works and no key is left out."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import pytest

from connector.config import (
    Consent,
    EventType,
    FilesAccount,
    HiboutikAccount,
    Identifiers,
    Receive,
    Rules,
    Shop,
    ShopiMindAccount,
)
from connector.config_files import AnyFile

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")


def test_the_pages_example_loads(load):
    example = re.search(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    assert example
    names = re.findall(r"\$\{(\w+)\}", example[1])
    load(example[1], environ=dict.fromkeys(names, "a-secret"))


MODELS = [Shop, ShopiMindAccount, HiboutikAccount, FilesAccount, Identifiers, Rules, Consent, EventType, Receive]


@pytest.mark.parametrize("model", MODELS)
def test_every_key_is_on_the_page(model):
    assert [key for key in model.model_fields if f"`{key}`" not in PAGE] == []


@pytest.mark.parametrize("file", get_args(AnyFile))
def test_every_column_of_an_export_is_on_the_page(file):
    assert [key for key in file.model_fields["columns"].annotation.model_fields if f"`{key}`" not in PAGE] == []
