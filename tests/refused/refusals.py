"""A shop of which ShopiMind and our own checks each refuse something, and `connector refused` over it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from typer.testing import CliRunner

from connector.cli import app
from connector.sandbox.accounts import TillAccount
from tests.faults.little_till import alpha, customer, days_ago, product, sale, store, usual_sales
from tests.faults.shop_world import World

OLD = days_ago(5)  # complete after a sync, and before the look-back
CUSTOMER, ORDER = ("customers", "a_9"), ("orders", "a_901")  # without e-mail: refused by ShopiMind
PRODUCT, EUROS = ("products", "100000007"), ("orders", "a_902")  # refused by our own checks


@dataclass(frozen=True)
class Command:
    """What `connector refused ... --json` came to."""

    code: int
    document: dict[str, Any]

    def row(self, entity: str, store_id: int | None = None) -> dict[str, int]:
        """The counts of that entity."""
        rows = [row for shop in self.document["shops"] for row in shop["entities"]]
        (row,) = [row for row in rows if (row["entity"], row["store_id"]) == (entity, store_id)]
        return {name: row[name] for name in ("read", "sent", "refused", "failed")}


def refused(world: World, *arguments: str) -> Command:
    """The command, in this process; afterwards the journals hold its requests only."""
    world.forget_requests()
    world.enter()
    ran = CliRunner().invoke(app, ["refused", *arguments, "--json", "--shops", str(world.shops_file)])
    assert ran.stdout, (ran.exception, ran.stderr)
    return Command(ran.exit_code, json.loads(ran.stdout))


def listed(world: World, *arguments: str) -> dict[tuple[str, str], dict[str, Any]]:
    """`connector refused list`, by entity and id."""
    return {(row["entity"], row["external_id"]): row for row in refused(world, "list", *arguments).document["refused"]}


def account() -> TillAccount:
    """`alpha` with four records that are refused."""
    stores = [store(1, "Lyon"), store(2, "Nice")]
    return alpha(
        products=[product(number) for number in range(1, 7)] + [product(7, product_model=" ")],
        customers=[customer(number) for number in range(1, 9)] + [customer(9, email="")],
        sales=[*usual_sales(stores), sale(901, 1, OLD, 9), sale(902, 2, OLD, 1, currency="euros")],
    )
