"""The sandbox's till with the sample accounts, running on loopback, as a client of one account sees it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
from starlette.applications import Starlette

SAMPLES = Path(__file__).parents[2] / "data_samples"
LOGIN = ("ops@example.org", "demo-key-maison-lea")
NOW = datetime(2026, 11, 23, 12, tzinfo=UTC)


class Running:
    """A till that runs on loopback; `get` asks the sample account `maison-lea`."""

    def __init__(self, app: Starlette, base: str) -> None:
        self.app, self.base = app, base
        self.client = httpx.Client(base_url=f"{base}/maison-lea/api/", auth=LOGIN)

    def get(self, path: str, **kwargs: Any) -> httpx.Response:
        return self.client.get(path, **kwargs)

    def rows(self, path: str) -> Any:
        return self.get(path).raise_for_status().json()

    def switch(self, **switches: Any) -> None:
        httpx.post(f"{self.base}/_sandbox/switches", json=switches).raise_for_status()

    def change(self, path: str, **body: Any) -> Any:
        return httpx.post(f"{self.base}/_sandbox/maison-lea/{path}", json=body).raise_for_status().json()
