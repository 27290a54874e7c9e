"""`connector demo --json`: the sample shops, and exit 0 only if till, ledger and ShopiMind agree."""

from __future__ import annotations

import pytest
from filelock import FileLock

from connector.config import load_shops
from tests.sync.conftest import MakeWorld


def test_a_second_demo_in_the_same_folder_says_that_one_runs(make_world: MakeWorld) -> None:
    world = make_world()
    world.home.mkdir(parents=True, exist_ok=True)
    kept = world.home / "demo" / "kept"
    kept.parent.mkdir()
    kept.touch()
    with FileLock(world.home / ".demo.lock"):
        ran = world.run("demo", "--json")
    assert ran.code == 2
    assert "Another demo runs" in ran.document["errors"][0]["message"]
    assert kept.exists()


@pytest.mark.slow
def test_the_demo_delivers_the_samples_and_everything_agrees(make_world: MakeWorld) -> None:
    world = make_world()
    ran = world.run("demo", "--json", "--shops", str(world.folder / "demo.yaml"))
    assert {shop.key for shop in load_shops(world.folder / "demo.yaml")} == {"maison-lea", "atelier-noa"}
    assert (ran.code, ran.document["ok"], ran.document["exit_code"]) == (0, True, 0)
    assert {shop["shop"]: shop["status"] for shop in ran.document["shops"]} == {
        "maison-lea": "refused",
        "atelier-noa": "delivered",
    }
    for shop, lines in ran.document["reconciliation"].items():
        rows = {(row["entity"], row["store_id"]): row for row in ran.shop(shop)["entities"]}
        assert {(line["entity"], line["store_id"]) for line in lines} == set(rows)
        for line in lines:
            row = rows[line["entity"], line["store_id"]]
            assert line["agrees"]
            assert line["to_send"] == line["ledger"] == line["shopimind"]
            if line["entity"] != "data_sources":
                assert line["shopimind"]["records"] == row["sent"]
            if line["entity"] == "orders":
                assert line["read"]["records"] == row["read"]
                assert line["till"] is None or line["till"]["agrees"]
