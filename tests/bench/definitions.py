"""How long Dagster waits for the definitions of many shops in one code location."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import yaml

SHOPS = (20, 100)

# In a process of its own, as a code server loads them; what a web server then asks of it (the snapshot) is apart.
_LOAD = """
import json, time
began = time.perf_counter()
from assets.definitions import defs
from dagster._core.remote_representation.external_data import RepositorySnap
imported = time.perf_counter()
made = defs()
repository = made.get_repository_def()
loaded = time.perf_counter()
RepositorySnap.from_def(repository)
print(json.dumps([imported - began, loaded - imported, time.perf_counter() - loaded]))
"""


def measure() -> list[dict[str, Any]]:
    """One row per number of shops: seconds for the imports, the definitions, and the snapshot of them for the UI."""
    found = []
    for number in SHOPS:
        with tempfile.TemporaryDirectory(prefix="bench-") as folder:
            file = Path(folder) / "shops.yaml"
            file.write_text(yaml.safe_dump({"shops": [_shop(n) for n in range(number)]}))
            environment = os.environ | {"CONNECTOR_SHOPS": str(file), "CONNECTOR_HOME": folder}
            ran = subprocess.run(
                [sys.executable, "-c", _LOAD], env=environment, capture_output=True, text=True, check=True
            )
        imports, definitions, snapshot = json.loads(ran.stdout.splitlines()[-1])
        found.append({"shops": number, "imports": imports, "definitions": definitions, "snapshot": snapshot})
    return found


def _shop(number: int) -> dict[str, Any]:
    return {
        "key": f"shop-{number}",
        "label": f"Shop {number}",
        "lang": "fr",
        "shopimind": {"access_token": f"int_{number}"},
        "pos": {"system": "hiboutik", "account": f"shop{number}", "login": "ops@example.org", "api_key": "key"},
        "identifiers": {"prefix": f"s{number}_", "offset": 900_000_000},
        "first_day": "2024-01-01",
    }
