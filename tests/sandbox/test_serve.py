"""Both sandbox servers together: ports, the ready `shops.yaml`, and a clean stop."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import httpx
import pytest
import yaml

from connector.sandbox.serve import Sandbox

DATA = Path(__file__).parents[2] / "data_samples"


@pytest.mark.parametrize("in_process", [True, False])
def test_both_apis_answer_with_the_credentials_of_the_written_shops_yaml(tmp_path: Path, in_process: bool) -> None:
    with Sandbox(tmp_path / "state", DATA, in_process=in_process) as sandbox:
        sandbox.write_shops_yaml(tmp_path / "shops.yaml")
        shops = yaml.safe_load((tmp_path / "shops.yaml").read_text(encoding="utf-8"))["shops"]
        assert len(shops) >= 2
        for shop in shops:
            pos, crm = shop["pos"], shop["shopimind"]
            stores = httpx.get(pos["base_url"] + "/stores/", auth=(pos["login"], pos["api_key"]))
            sources = httpx.get(crm["base_url"] + "/v1/data-sources", headers={"spm-api-key": crm["access_token"]})
            assert (stores.status_code, sources.status_code) == (200, 200)
            assert stores.json()[0]["store_id"]
            assert [source["is_default"] for source in sources.json()["data"]] == [True]


def test_what_the_crm_was_told_is_there_after_a_restart(tmp_path: Path) -> None:
    for _ in range(2):
        with Sandbox(tmp_path, DATA) as sandbox:
            http = httpx.Client(base_url=sandbox.crm_url + "/v1/", headers={"spm-api-key": "int_demo_maison-lea"})
            http.post("data-sources", json={"label": "Lyon"})
            assert [s["label"] for s in http.get("data-sources").json()["data"]] == ["Web", "Lyon"]


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_stops_it_cleanly(tmp_path: Path, stop: signal.Signals) -> None:
    script = textwrap.dedent(
        f"""
        from pathlib import Path
        from connector.sandbox.serve import run_forever
        run_forever(Path({str(tmp_path)!r}), Path({str(DATA)!r}), shops_yaml=Path({str(tmp_path / "shops.yaml")!r}),
                    on_ready=lambda sandbox: print(sandbox.crm_url, flush=True))
        """
    )
    child = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        text=True,
        cwd=DATA.parent,
        env=os.environ | {"PYTHONPATH": "."},
    )
    assert child.stdout is not None
    url = child.stdout.readline().strip()
    assert httpx.get(url + "/").status_code == 200
    assert (tmp_path / "shops.yaml").exists()

    child.send_signal(stop)

    assert child.wait(10) == 0
