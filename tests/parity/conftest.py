from __future__ import annotations

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import stamina

from connector.shopimind.envelope import Envelope

HERE = Path(__file__).parent
QUICK = {"backoffBaseMs": 1, "backoffCapMs": 2}

OfficialCalls = Callable[..., list[dict[str, Any]]]


@pytest.fixture(scope="session")
def modules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the official SDK is, in the version that the lock file names."""
    for program in ("node", "npm"):
        if shutil.which(program) is None:
            pytest.skip(f"the official SDK needs {program}, which is not installed")
    home = tmp_path_factory.mktemp("official_sdk")
    for name in ("package.json", "package-lock.json"):
        shutil.copy(HERE / name, home)
    command = ["npm", "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
    installed = subprocess.run(command, cwd=home, capture_output=True, text=True, timeout=240, check=False)
    if installed.returncode:
        pytest.skip(f"the official SDK could not be installed: {installed.stderr.strip()[-300:]}")
    return home / "node_modules"


@pytest.fixture
def official(modules: Path) -> OfficialCalls:
    """Makes calls with the official SDK: `official(url, [class, method, *arguments], ...)` -> its envelopes."""

    def run(url: str, *calls: list[Any], token: str = "int_parity", **options: Any) -> list[dict[str, Any]]:
        settings = {"baseUrl": url, "labelSource": None, "retry": QUICK} | options
        environment = {name: value for name, value in os.environ.items() if "proxy" not in name.lower()}
        done = subprocess.run(
            ["node", HERE / "official.js"],
            input=json.dumps({"token": token, "options": settings, "calls": calls}),
            env=environment | {"NODE_PATH": str(modules)},
            capture_output=True,
            text=True,
            timeout=60,
            check=True,
        )
        envelopes: list[dict[str, Any]] = json.loads(done.stdout)
        return envelopes

    return run


@pytest.fixture(autouse=True)
def no_waiting() -> Any:
    with stamina.set_testing(True, attempts=4, cap=True):
        yield


def as_official(envelope: Envelope) -> dict[str, Any]:
    """Our envelope with the names of the official one."""
    error = envelope.error
    told = error and {
        "message": error.message,
        "code": error.code,
        "retryable": error.retryable,
        "attempts": error.attempts,
    }
    return {"ok": envelope.ok, "statusCode": envelope.status_code, "data": envelope.data, "error": told}


def official_envelope(envelope: dict[str, Any]) -> dict[str, Any]:
    """The official envelope without its private notes and without `details`, which are compared apart."""
    error = envelope["error"]
    told = error and {name: error[name] for name in ("message", "code", "retryable", "attempts")}
    return {name: envelope[name] for name in ("ok", "statusCode", "data")} | {"error": told}
