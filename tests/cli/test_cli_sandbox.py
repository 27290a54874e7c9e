"""`connector sandbox` as a command: both APIs until it is stopped, as slow and as faulty as it is told to be."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import yaml


@contextmanager
def served(folder: Path, *options: str) -> Iterator[dict[str, str]]:
    """What the command says when both servers are ready; ended as by Ctrl-C."""
    command = [sys.executable, "-m", "connector", "sandbox", "--json", "--till-port", "0", "--crm-port", "0"]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("CONNECTOR")}
    process = subprocess.Popen(
        [*command, "--shops", str(folder / "shops.yaml"), *options],
        env=environment | {"CONNECTOR_HOME": str(folder / "home")},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    try:
        yield json.JSONDecoder().raw_decode(_document(process.stdout))[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.communicate(timeout=20)


def _document(lines: Iterator[str]) -> str:
    text = ""
    for line in lines:
        text += line
        if line.rstrip() == "}" or (text.startswith("{") and line.rstrip().endswith("}")):
            return text
    raise AssertionError(f"it said: {text}")


def test_it_serves_what_the_file_that_it_writes_says(tmp_path: Path) -> None:
    with served(tmp_path) as said:
        (first, *_) = yaml.safe_load(Path(said["shops"]).read_text())["shops"]
        assert first["pos"]["base_url"].startswith(said["till"])
        secret = os.path.expandvars(first["pos"]["api_key"])
        stores = httpx.get(first["pos"]["base_url"] + "/stores", auth=(first["pos"]["login"], secret))
        assert stores.status_code == 200
        assert len(stores.json()) >= 1


def test_it_is_as_slow_and_as_faulty_as_it_is_told(tmp_path: Path) -> None:
    with served(tmp_path, "--latency", "0.3", "--faults", "503=1.0,seed=1") as said:
        began = time.monotonic()
        answer = httpx.get(said["shopimind"] + "/v1/data-sources", headers={"client-api-key": "whatever"})
        assert answer.status_code == 503
        assert time.monotonic() - began >= 0.3


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("--faults", "gremlins=0.5"),
        ("--faults", "503=2"),
        ("--faults", "503"),
        ("--dataset", "yours"),
        ("--latency", "-1"),
        ("--latency", "nan"),
        ("--till-port", "65536"),
        ("--crm-port", "8701"),  # where the till listens
    ],
)
def test_what_it_cannot_do_is_exit_code_2(tmp_path: Path, option: str, value: str) -> None:
    ran = _refused(tmp_path, "sandbox", "--shops", str(tmp_path / "shops.yaml"), option, value)
    assert ran.stdout == ""
    assert option in ran.stderr
    assert not (tmp_path / "shops.yaml").exists()


def test_with_json_a_mistake_is_the_one_document(tmp_path: Path) -> None:
    ran = _refused(tmp_path, "sandbox", "--json", "--shops", str(tmp_path / "shops.yaml"), "--dataset", "yours")
    document = json.loads(ran.stdout)
    assert (document["exit_code"], document["errors"][0]["where"]) == (2, "--dataset")


@pytest.mark.parametrize("command", ["sandbox", "demo"])
@pytest.mark.parametrize("place", [".", "file/shops.yaml"])
def test_where_no_configuration_can_be_written_nothing_is_begun(tmp_path: Path, command: str, place: str) -> None:
    (tmp_path / "file").touch()
    ran = _refused(tmp_path, command, "--json", "--shops", str(tmp_path / place))
    assert [each["where"] for each in json.loads(ran.stdout)["errors"]] == ["--shops"]
    assert not (tmp_path / "home" / "demo").exists()


def _refused(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """The command, given in such a way that it ends by itself with exit code 2."""
    ran = subprocess.run(
        [sys.executable, "-m", "connector", *words],
        env=os.environ | {"CONNECTOR_HOME": str(folder / "home")},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ran.returncode == 2, ran.stdout + ran.stderr
    return ran
