"""The code location: found as the command line finds its shops, with mistakes told in a sentence, and without a warning."""

from __future__ import annotations

import logging
import os
import subprocess
import sys
import traceback
import warnings
from pathlib import Path

import dagster as dg
import pytest
import yaml

from assets import definitions as code_location
from assets.definitions import SAMPLES, definitions_of
from connector.config import SHOPS_VARIABLE, ConfigError, load_shops
from connector.state.home import HOME_VARIABLE

ROOT = Path(__file__).parents[2]


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty working directory, and no variable that leads anywhere else."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(HOME_VARIABLE, str(tmp_path / "home"))
    monkeypatch.delenv(SHOPS_VARIABLE, raising=False)
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    return tmp_path


def write_shops(file: Path, key: str = "chez-nous", token: str = "int_secret") -> None:
    """A `shops.yaml` of one shop, otherwise like the first sample."""
    (first, *_) = yaml.safe_load(SAMPLES.read_text("utf-8"))["shops"]
    first["key"], first["shopimind"]["access_token"] = key, token
    file.write_text(yaml.safe_dump({"shops": [first]}), encoding="utf-8")


def loaded_shops() -> set[str]:
    """The shops whose assets the code location shows."""
    return {key.path[0] for key in code_location.defs().resolve_asset_graph().get_all_asset_keys()}


# --- which shops -----------------------------------------------------------------------------------------------------


def test_the_shops_of_the_working_directory_are_loaded(folder: Path) -> None:
    write_shops(folder / "shops.yaml")
    assert loaded_shops() == {"chez-nous"}


def test_the_file_that_the_variable_names_goes_first(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_shops(folder / "shops.yaml")
    write_shops(folder / "others.yaml", key="ailleurs")
    monkeypatch.setenv(SHOPS_VARIABLE, str(folder / "others.yaml"))
    assert loaded_shops() == {"ailleurs"}


def test_without_any_file_the_samples_are_shown_and_it_says_so(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        assert loaded_shops() == {shop.key for shop in load_shops(SAMPLES)} == {"atelier-noa", "maison-lea"}
    assert f"no shops.yaml here and no CONNECTOR_SHOPS: showing the sample shops of {SAMPLES}" in caplog.text


def test_a_shop_without_a_first_day_gets_the_one_that_its_first_sync_would_fix(folder: Path) -> None:
    write_shops(folder / "shops.yaml")
    document = yaml.safe_load((folder / "shops.yaml").read_text("utf-8"))
    del document["shops"][0]["first_day"]
    (folder / "shops.yaml").write_text(yaml.safe_dump(document), encoding="utf-8")
    (shop,) = load_shops(folder / "shops.yaml")
    fixed = code_location.first_day(shop)
    days = code_location.defs().resolve_asset_graph().get(dg.AssetKey(["chez-nous", "pos_sales"])).partitions_def
    assert isinstance(days, dg.DailyPartitionsDefinition)
    assert days.get_first_partition_key() == fixed.isoformat()
    assert code_location.first_day(shop) == fixed


# --- mistakes --------------------------------------------------------------------------------------------------------


def test_a_variable_that_names_no_file_is_told_and_no_sample_is_shown(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(SHOPS_VARIABLE, str(folder / "nowhere.yaml"))
    with pytest.raises(ConfigError, match=r"there is no file .*nowhere\.yaml"):
        code_location.defs()


def test_a_missing_environment_variable_is_named_with_its_shop_and_key_and_no_traceback_of_ours(folder: Path) -> None:
    write_shops(folder / "shops.yaml", token="${NOT_EXPORTED}")
    with pytest.raises(ConfigError) as failed:
        code_location.defs()
    sentence = "the environment variable NOT_EXPORTED is not set; shop chez-nous needs it for shopimind.access_token"
    assert sentence in str(failed.value)
    shown = [frame.name for frame in traceback.extract_tb(failed.tb) if Path(frame.filename).parent == ROOT / "assets"]
    assert shown == ["defs"], "Dagster shows where it called us, and nothing below"
    assert not [frame for frame in traceback.extract_tb(failed.tb) if "connector" in Path(frame.filename).parts]


# --- warnings --------------------------------------------------------------------------------------------------------


def test_a_good_workspace_is_validated_without_a_warning_of_ours(folder: Path) -> None:
    write_shops(folder / "shops.yaml")
    told = subprocess.run(
        [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(ROOT / "workspace.yaml")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT), SHOPS_VARIABLE: str(folder / "shops.yaml")},
        check=False,
    )
    assert told.returncode == 0, told.stderr
    lines = [line for line in (told.stdout + told.stderr).splitlines() if "warning" in line.lower()]
    # Dagster says of this very command that it has a newer one
    assert [line for line in lines if "definitions_validate_command" not in line] == []


def test_building_the_graph_warns_of_nothing_even_when_another_thread_takes_the_filters_away(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    shops = load_shops(SAMPLES)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # what a filter set from here on is worth while another thread leaves its `catch_warnings`
        monkeypatch.setattr(warnings, "simplefilter", lambda *_, **__: None)
        definitions_of(shops)
