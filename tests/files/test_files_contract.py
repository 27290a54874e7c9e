"""The test kit of `PointOfSale`, over an export folder and over the sandbox's Hiboutik till."""

from __future__ import annotations

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from connector.config_files import FilesAccount
from connector.http_retries import RetryPolicy
from connector.pos import hiboutik_calls
from connector.pos.files import ExportFolder
from connector.pos.hiboutik import Hiboutik
from connector.pos.testing import CountedCalls, Known, PointOfSaleContract, RememberedInMemory
from connector.sandbox.hiboutik import create_till
from connector.sandbox.serve import Server
from tests.files.export import Export
from tests.sync.world import CUSTOMERS, PRODUCTS, day, till_account, usual_sales


class TestExportFolder(PointOfSaleContract):
    costs_calls = False

    @pytest.fixture(autouse=True)
    def _files(self, export: Export, tmp_path: Path) -> None:
        self.export, self.nowhere = export, tmp_path / "nowhere"

    def open(self, counter: CountedCalls, memory: RememberedInMemory) -> ExportFolder:
        return ExportFolder(FilesAccount.model_validate(self.export.pos()))

    def open_broken(self, counter: CountedCalls, memory: RememberedInMemory) -> ExportFolder:
        return ExportFolder(FilesAccount.model_validate(self.export.pos(folder=str(self.nowhere))))

    def known(self) -> Known:
        return Known(
            stores=[1, 2],
            sales={
                (1, day(5)): {501: "12.00"},
                (2, day(5)): {502: "1020.00"},
                (1, day(4)): {503: "6.00"},
                (2, day(3)): {505: "6.00"},
            },
            empty_day=(2, day(4)),
            customers=[101, 102, 103],
            absent_customer=999,
            products=[11, 12],
            categories=[1],
            brands=[1],
        )


class TestHiboutik(PointOfSaleContract):
    @pytest.fixture(autouse=True)
    def _till(self, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
        at_once = RetryPolicy(statuses=hiboutik_calls.RETRIES.statuses, base=0.0, cap=0.0, jitter=0.0)
        monkeypatch.setattr(hiboutik_calls, "RETRIES", at_once)
        self.account = till_account()
        with Server(create_till([self.account]), "till") as server:
            self.url = f"{server.url}/alpha/api"
            yield

    def open(self, counter: CountedCalls, memory: RememberedInMemory) -> Hiboutik:
        return self._opened(self.url, counter, memory)

    def open_broken(self, counter: CountedCalls, memory: RememberedInMemory) -> Hiboutik:
        return self._opened("http://127.0.0.1:9/api", counter, memory)  # the port "discard": nobody listens

    def _opened(self, url: str, counter: CountedCalls, memory: RememberedInMemory) -> Hiboutik:
        sign_in: dict[str, Any] = {"login": self.account.login, "api_key": self.account.api_key}
        return Hiboutik("alpha", url, **sign_in, consent=None, counter=counter, memory=memory)

    def known(self) -> Known:
        sales: dict[Any, dict[int, str]] = {}
        for sale in usual_sales():
            ago = next(ago for ago in range(10) if sale["completed_at"].startswith(f"{day(ago)}"))
            total = str(Decimal(sale["total"]).quantize(Decimal("0.01")))
            sales.setdefault((sale["store_id"], day(ago)), {})[sale["sale_id"]] = total
        return Known(
            stores=[1, 2, 5],
            sales=sales,
            empty_day=(5, day(5)),
            customers=[row["customers_id"] for row in CUSTOMERS],
            absent_customer=999,
            products=[row["product_id"] for row in PRODUCTS],
            categories=[1, 2],
            brands=[1],
            secrets=[str(self.account.api_key)],
        )
