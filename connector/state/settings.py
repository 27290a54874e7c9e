"""Whether the variables that lead to the state can work at all: told before anything is done, as a mistake of `shops.yaml` is."""

from __future__ import annotations

import os
from pathlib import Path


def check_settings() -> None:
    """Raises `StateMistake` when they cannot. Opens and makes nothing; what the defaults need is not even imported."""
    nowhere = Path()
    if os.environ.get("CONNECTOR_DATABASE_URL"):
        from connector.state.database import database_address

        database_address(nowhere)
    if os.environ.get("CONNECTOR_LAKE"):
        from connector.state.lake import open_lake

        open_lake(nowhere)
    if os.environ.get("CONNECTOR_KEYS", "").replace(",", "").strip():
        from connector.state.sealing import Sealer

        Sealer(nowhere)
