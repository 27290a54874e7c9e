"""The sandbox's ShopiMind for one shop, and what a test wants to know of it."""

from __future__ import annotations

from typing import Any

from connector.sandbox.crm_state import Installation
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.faults import Fault, FaultPlan
from connector.sandbox.serve import Server
from connector.sandbox.shopimind import create_crm
from connector.shopimind.client import ShopiMind

TOKEN = "int_demo_shop"


class Crm:
    """A context manager. `calls` are those that the API saw since the last look."""

    def __init__(self, **switches: Any) -> None:
        self.server = Server(create_crm([Installation(TOKEN, "shop")], None, CrmSwitches(**switches)), "crm")
        self.data = self.server.state.crm.shops["shop"]

    def __enter__(self) -> Crm:
        self.server.start()
        self.server.journal.on = True
        self.client = ShopiMind(TOKEN, self.server.url)
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()
        self.server.stop()

    def another_client(self) -> ShopiMind:
        return ShopiMind(TOKEN, self.server.url)

    def revoke(self) -> None:
        self.server.state.crm.set_status("shop", "revoked")

    def break_once(self, method: str, path: str, **fault: Any) -> None:
        """The next such request goes wrong: by default it is done and its answer lost."""
        fault = {"kind": "reset", "applied": True} | fault
        self.server.faults = FaultPlan(faults=[Fault(method=method, path=path, nth=1, **fault)])

    @property
    def calls(self) -> list[str]:
        entries = list(self.server.journal.entries)
        self.forget_calls()
        return [f"{entry['method']} {entry['path'].removeprefix('/v1/')}" for entry in entries]

    def forget_calls(self) -> None:
        self.server.journal.entries.clear()

    @property
    def sources(self) -> list[dict[str, Any]]:
        return sorted(self.data.sources.values(), key=lambda source: source["id_data_source"])

    @property
    def definitions(self) -> list[dict[str, Any]]:
        return sorted(self.data.definitions.values(), key=lambda definition: definition["id_definition"])
