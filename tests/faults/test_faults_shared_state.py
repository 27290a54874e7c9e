"""The state is in PostgreSQL and on object storage, and one of them fails."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

import pytest
from sqlalchemy import make_url

from connector.sandbox.fault_plan import Fault
from connector.state.database import URL_VARIABLE
from connector.state.lake import LAKE_VARIABLE
from connector.state.sealing import KEYS_VARIABLE
from tests.conftest import NewState
from tests.faults.little_till import alpha
from tests.faults.shop_world import World
from tests.shared_state import SharedState

PATIENCE = 60.0


@pytest.fixture
def new_state(shared_state: SharedState) -> NewState:
    """Every world here is of workers that share their state."""
    return shared_state.new


def fails(world: World, **environment: str) -> str:
    """What a sync says that fails without a call to anybody."""
    code, document, err = world.run("sync", **environment)
    assert (code, document["ok"], document["exit_code"]) == (1, False, 1)
    assert "Traceback" not in err
    assert not world.requests("till")
    assert not world.requests("crm")
    return str(document["shops"][0]["message"])


@contextmanager
def held_up(world: World) -> Iterator[dict[str, Any]]:
    """A sync that is in the middle of its work during the block, and then fails; gives its document."""
    world.break_till(Fault(kind="hang", path="/closed_sales/", times=1, seconds=1.0))
    process, ended = world.command("sync", "--json"), {}
    end = time.monotonic() + PATIENCE
    while not world.requests("till", "/closed_sales/"):
        assert time.monotonic() < end
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    yield ended
    out, err = process.communicate(timeout=120)
    assert process.returncode == 1, out
    assert "Traceback" not in err
    ended.update(json.loads(out))


def test_a_database_that_is_away_at_the_start_is_told_and_nothing_is_done(world: World) -> None:
    away = make_url(world.state[URL_VARIABLE]).set(port=1, password="hunter2").render_as_string(hide_password=False)

    message = fails(world, **{URL_VARIABLE: away})

    assert "Connection refused" in message
    assert "Check that it runs" in message
    assert "hunter2" not in message
    assert world.sync().status == "delivered"


def test_a_database_that_goes_away_midway_loses_nothing(
    world: World, shared_state: SharedState, undisturbed: Callable[..., Any]
) -> None:
    with ExitStack() as until_it_failed, held_up(world) as document:
        until_it_failed.enter_context(shared_state.databases.closed(world.state[URL_VARIABLE]))

    assert document["shops"][0]["status"] == "failed"
    assert "could not be used" in document["shops"][0]["message"]
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_a_database_that_is_started_again_midway_loses_nothing(
    world: World, shared_state: SharedState, undisturbed: Callable[..., Any]
) -> None:
    world.break_till(Fault(kind="hang", path="/closed_sales/", times=1, seconds=1.0))
    process = world.command("sync", "--json")
    end = time.monotonic() + PATIENCE
    while not world.requests("till", "/closed_sales/"):
        assert time.monotonic() < end
        time.sleep(0.02)
    with shared_state.databases.closed(world.state[URL_VARIABLE]):
        pass
    out, err = process.communicate(timeout=120)

    assert process.returncode in (0, 1), out
    assert "Traceback" not in err
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_a_bucket_that_is_not_there_is_told_and_the_next_run_delivers_everything(
    world: World, undisturbed: Callable[..., Any]
) -> None:
    code, document, err = world.run("sync", **{LAKE_VARIABLE: "s3://no-such-bucket/lake"})

    assert (code, document["shops"][0]["status"]) == (1, "failed")
    assert "bucket does not exist" in document["shops"][0]["message"]
    assert "Traceback" not in err
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_credentials_that_are_not_taken_are_told_and_not_shown(
    world: World, shared_state: SharedState, undisturbed: Callable[..., Any]
) -> None:
    with shared_state.storage.taking_no_credentials():
        code, document, err = world.run("sync")

    assert (code, document["shops"][0]["status"]) == (1, "failed")
    assert "takes the credentials" in document["shops"][0]["message"]
    assert world.state["AWS_SECRET_ACCESS_KEY"] not in json.dumps(document) + err
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


def test_object_storage_that_goes_away_midway_loses_nothing(
    world: World, shared_state: SharedState, undisturbed: Callable[..., Any]
) -> None:
    with ExitStack() as until_it_failed, held_up(world) as document:
        until_it_failed.enter_context(shared_state.storage.stopped())

    assert document["shops"][0]["status"] == "failed"
    assert "Could not connect" in document["shops"][0]["message"]
    assert world.sync().status == "delivered"
    assert world.end_state() == undisturbed(alpha())


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        (URL_VARIABLE, "mysql://connector:hunter2@127.0.0.1/state"),
        (URL_VARIABLE, "postgresql://connector:in@hunter2@127.0.0.1/state"),
        (LAKE_VARIABLE, "nosuch://bucket"),
        (KEYS_VARIABLE, "hunter2"),
    ],
)
@pytest.mark.parametrize("command", ["sync", "status"])
def test_a_variable_that_cannot_work_is_a_mistake_of_the_configuration(
    world: World, variable: str, value: str, command: str
) -> None:
    code, document, err = world.run(command, **{variable: value})

    assert (code, document["exit_code"]) == (2, 2)
    assert [error["where"] for error in document["errors"]] == [variable]
    assert "hunter2" not in json.dumps(document) + err
    assert not world.requests("till")
