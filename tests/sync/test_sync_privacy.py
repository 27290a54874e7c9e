"""No secret in any output, log, event or file, and no personal data but in the lake and in sealed payloads."""

from __future__ import annotations

import base64
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox.fault_plan import FaultPlan, status_fault
from connector.sandbox.serve import crm_token
from tests.sync.conftest import MakeWorld
from tests.sync.world import CUSTOMERS, PRODUCTS, Ran, World, day, line, sale, till_account, usual_sales

SECRETS = [
    "hiboutik-key-alpha",
    crm_token("alpha"),
    base64.b64encode(b"ops@example.org:hiboutik-key-alpha").decode(),
    "hiboutik-oauth-beta",
    crm_token("beta"),
]
PERSONS = ["morvane", "ourgaud", "Bastien", "262692120002", "06 39 98 01 01", "0692 12 00 02", "1980-02-31"]


@pytest.fixture(scope="module")
def world(make_shared_world: MakeWorld) -> World:
    """What makes a connector talk: refusals by both sides that quote the record, failures, a revoked token."""
    born = {**CUSTOMERS[0], "date_of_birth": "1980-02-31"}
    accounts = [
        till_account(
            customers=[born, *CUSTOMERS[1:3]],
            products=[*PRODUCTS, {"product_id": 14, "product_model": ""}],
            sales=[*usual_sales(), sale(509, day(1), line(), customer=102, total="beaucoup")],
        ),
        till_account("beta", offset=0),
    ]
    world = make_shared_world(accounts)

    def by_token(shops: list[dict]) -> None:  # type: ignore[type-arg]
        pos = shops[1]["pos"]
        del pos["login"], pos["api_key"]
        pos["oauth_token"] = "hiboutik-oauth-beta"

    world.configure(by_token)
    return world


@pytest.fixture(scope="module")
def said(world: World) -> list[Ran]:
    """Everything that a few days of life said."""
    quoting = {
        "statusCode": 400,
        "message": ["bastien.ourgaud@example.org of OURGAUD Bastien, +262692120002, is taken"],
    }
    world.sandbox.crm_server.faults = FaultPlan([status_fault(400, path="/v1/customers$", body=quoting)])
    everything = [world.sync("--shop", "alpha")]
    assert everything[0].row("customers")["refused"] == 2
    failing = {"statusCode": 500, "message": "duplicate key bastien.ourgaud@example.org"}
    world.sandbox.crm_server.faults = FaultPlan([status_fault(500, path="/v1/orders$", body=failing)])
    everything.append(world.sync("--full", "--from", str(day(6))))
    world.sandbox.crm_server.faults = FaultPlan()
    world.sandbox.till.switches.html = ["closed_sales/1"]
    everything.append(world.sync())
    world.sandbox.till.switches.html = []
    world.sandbox.till.tills["beta"].account.oauth_token = "another"
    world.sandbox.crm.set_status("alpha", "revoked")
    everything += [world.sync(), world.plan(), world.status(), world.refused("list"), world.refused("show", "a_101")]
    shops = ["--shops", str(world.shops_file)]
    everything += [world.run("check", *shops), world.run("sync", *shops), world.run("refused", "list", *shops)]
    world.sandbox.crm.set_status("alpha", "active")
    assert {ran.code for ran in everything} <= {0, 1, 3, 4}
    return everything


def test_no_output_holds_a_secret_or_a_person(said: list[Ran]) -> None:
    for ran in said:
        for word in [*SECRETS, *PERSONS]:
            assert word.lower() not in (ran.out + ran.err).lower(), word


def files(home: Path) -> Iterator[tuple[Path, bytes]]:
    for path in home.rglob("*"):
        if path.is_file():
            yield path, path.read_bytes()


def test_no_file_under_the_home_holds_a_secret(world: World, said: list[Ran]) -> None:
    seen = 0
    for path, content in files(world.home):
        seen += 1
        for secret in SECRETS:
            assert secret.encode() not in content, (path, secret)
    assert seen > 10  # Dagster's files; with the state elsewhere hardly any others


def test_no_file_but_the_lakes_holds_a_person(world: World, said: list[Ran]) -> None:
    for path, content in files(world.home):
        if path.suffix != ".parquet":
            for person in PERSONS:
                assert person.lower().encode() not in content.lower(), (path, person)


@pytest.mark.only_local("the lake is in the home")
def test_the_lake_does_hold_them_so_that_the_search_means_something(world: World, said: list[Ran]) -> None:
    lake = [path for path in world.home.rglob("*.parquet") if "customers" in str(path)]
    assert lake


def test_the_event_log_was_searched_as_it_is_stored(world: World, said: list[Ran]) -> None:
    """SQLite keeps texts as they are: what the search above would find is in the same files."""
    (log,) = world.home.rglob(f"{said[0].document['run_ids']['alpha']}.db")
    with sqlite3.connect(f"file:{log}?mode=ro", uri=True) as connection:
        (events,) = connection.execute("select count(*) from event_logs").fetchone()
    assert events > 20
    assert b"ASSET_MATERIALIZATION" in log.read_bytes()


@pytest.mark.only_local("the database and the key are in the home")
def test_what_is_under_the_home_is_for_its_owner_only(world: World, said: list[Ran]) -> None:
    assert (world.home / "state.sqlite").stat().st_mode & 0o077 == 0
    for name in ("state.sqlite", "key"):
        assert (world.home / name).stat().st_mode & 0o077 == 0
