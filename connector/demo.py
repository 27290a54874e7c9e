"""`connector demo`: the sample shops through the sandbox, and till, ledger and ShopiMind compared."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from connector.config import SHOPIMIND_URL_VARIABLE, Shop, load_shops
from connector.reconciliation import reconcile_shop
from connector.shop_run import ShopRun, State
from connector.state.database import URL_VARIABLE
from connector.state.errors import StateMistake
from connector.state.home import HOME_VARIABLE, home, private_directory
from connector.state.lake import LAKE_VARIABLE
from connector.sync import Watch, sync
from connector.sync_request import SyncRequest

SAMPLES = Path(__file__).parent.parent / "data_samples"
# Where production may keep its state: the samples must never be noted there.
_NOT_THE_DEMOS = ("DAGSTER_HOME", URL_VARIABLE, LAKE_VARIABLE, SHOPIMIND_URL_VARIABLE)


@dataclass(frozen=True)
class Demonstration:
    """What the demo did: the sync's document, and per shop its reconciliation's."""

    folder: Path
    shops_file: Path
    document: dict[str, Any]
    reconciled: dict[str, dict[str, Any]]

    @property
    def agrees(self) -> bool:
        """Every shop was synced, nothing failed, and till, ledger and ShopiMind agree."""
        reports = self.document["shops"]
        return (
            all(report["status"] in ("delivered", "refused") for report in reports)
            and set(self.reconciled) == {report["shop"] for report in reports}
            and all(found["status"] == "agrees" for found in self.reconciled.values())
        )


def demonstrate(watch: Watch, say: Callable[[str], None], shops_file: Path | None = None) -> Demonstration:
    """Starts the sandbox, syncs every sample shop into it as production would, and counts. Starts from nothing each time.

    The sandbox's configuration is written to `shops_file`, by default in the demo's own folder. Raises `StateMistake` when
    another demo has that folder.
    """
    place = private_directory(home())
    try:
        with FileLock(place / ".demo.lock", blocking=False):
            return _demonstrate(place / "demo", watch, say, shops_file)
    except Timeout:
        raise StateMistake(
            HOME_VARIABLE,
            f"Another demo runs in {place / 'demo'}, and each starts from nothing there. Wait for it, or set {HOME_VARIABLE} to "
            "another folder.",
        ) from None


def _demonstrate(folder: Path, watch: Watch, say: Callable[[str], None], shops_file: Path | None) -> Demonstration:
    from connector.sandbox.serve import Sandbox

    shutil.rmtree(folder, ignore_errors=True)
    private_directory(folder)
    os.environ[HOME_VARIABLE] = str(folder)
    for variable in _NOT_THE_DEMOS:
        os.environ.pop(variable, None)
    shops_file = shops_file.absolute() if shops_file else folder / "shops.yaml"
    with Sandbox(folder / "sandbox", SAMPLES) as sandbox:
        sandbox.write_shops_yaml(shops_file)
        say(f"sandbox: till at {sandbox.till_url}, ShopiMind at {sandbox.crm_url}")
        shops = load_shops(shops_file)
        document = sync([SyncRequest(shop) for shop in shops], watch)
        reconciled = {shop.key: _counted(shop) for shop in shops}
    return Demonstration(folder, shops_file, document, reconciled)


def _counted(shop: Shop) -> dict[str, Any]:
    """The comparison of everything that there is, from the first day to today."""
    state = State.open()
    run = ShopRun(shop, state, run_id="demo")
    try:
        return reconcile_shop(run, first=run.first_day).document()
    finally:
        run.close()
        state.close()
