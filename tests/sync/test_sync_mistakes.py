"""Contract, section 3, exit code 2: the command or the configuration is wrong, nothing was done, no call was made."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.sync.conftest import MakeWorld
from tests.sync.world import ROOT, Ran, World, day


@pytest.fixture(scope="module")
def world(make_shared_world: MakeWorld) -> World:
    return make_shared_world()


@pytest.fixture(autouse=True)
def nothing_is_asked(world: World) -> Iterator[None]:
    world.record()
    yield
    assert world.till_calls() == world.crm_calls() == []


def errors(ran: Ran) -> list[dict[str, str]]:
    """Its mistakes, as the contract shapes them."""
    assert ran.code == 2
    assert set(ran.document) == {"ok", "exit_code", "errors"}
    assert (ran.document["ok"], ran.document["exit_code"]) == (False, 2)
    for error in ran.document["errors"]:
        assert {"where", "message"} <= set(error)
        assert error["where"]
        assert error["message"]
    return list(ran.document["errors"])


@pytest.mark.parametrize("command", ["sync", "plan", "check", "status"])
def test_an_unknown_shop(world: World, command: str) -> None:
    ran = world.run(command, "--json", "--shops", str(world.shops_file), "--shop", "nobody", "--shop", "alpha")
    (error,) = errors(ran)
    assert "nobody" in error["message"]
    assert "alpha" in error["message"]  # the ones that there are


@pytest.mark.parametrize("command", ["sync", "plan"])
@pytest.mark.parametrize(
    ("arguments", "where"),
    [
        (["--only", "tickets"], "--only"),
        (["--from", "yesterday"], "--from"),
        (["--from", "2026-02-30"], "--from"),
        (["--from", "20260210"], "--from"),
        (["--to", "2026-W07-2"], "--to"),
        (["--from", str(day(1)), "--to", str(day(2))], "--to"),
        (["--from", str(day(-3))], "--from"),
        (["--to", str(day(40))], "--to"),  # without --from: before the first day, so that no day is left
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_an_option_that_cannot_be_carried_out(world: World, command: str, arguments: list[str], where: str) -> None:
    (error,) = errors(world.run(command, "--json", "--shops", str(world.shops_file), *arguments))
    assert error["where"] == where


def test_every_mistake_of_a_command_is_told_at_once(world: World) -> None:
    ran = world.sync("--only", "tickets", "--only", "carts")
    assert len(errors(ran)) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["sync", "--json", "--shpos", "x"],
        ["sync", "--json", "--only"],
        ["sync", "--json", "extra"],
        ["synk", "--json"],
        ["refused", "shw", "--json"],
        ["refused", "show", "--json"],
        ["refused", "list", "--json", "--entity", "tickets"],
    ],
    ids=" ".join,
)
def test_a_command_that_does_not_exist_like_this(world: World, arguments: list[str]) -> None:
    world.env["CONNECTOR_SHOPS"] = str(world.shops_file)
    errors(world.run(*arguments))


def test_a_day_that_has_begun_anywhere_is_no_mistake(world: World) -> None:
    ran = world.plan("--from", str(day(0, ZoneInfo("Pacific/Kiritimati"))), "--only", "data_sources")
    assert ran.code == 0
    world.record()


def test_a_missing_configuration(world: World) -> None:
    (error,) = errors(world.run("sync", "--json", "--shops", "nowhere.yaml"))
    assert "nowhere.yaml" in error["message"]


def test_every_mistake_of_the_configuration_is_told_with_its_place(world: World) -> None:
    document = yaml.safe_load(world.shops_file.read_text())
    shop = document["shops"][0]
    del shop["pos"]["login"]
    shop["rules"] = {"returns": "keep"}
    shop["colour"] = "blue"
    shop["shopimind"]["access_token"] = "${NO_SUCH_VARIABLE_HERE}"
    bad = world.folder / "bad.yaml"
    bad.write_text(yaml.safe_dump(document))
    found = {error["where"]: error["message"] for error in errors(world.run("sync", "--json", "--shops", str(bad)))}
    assert set(found) == {
        "shops[0].pos.login", "shops[0].rules.returns", "shops[0].colour", "shops[0].shopimind.access_token",
    }  # fmt: skip
    variable = found["shops[0].shopimind.access_token"]
    assert all(word in variable for word in ("NO_SUCH_VARIABLE_HERE", "alpha", "access_token"))


def test_without_json_the_mistake_is_told_on_standard_error(world: World) -> None:
    ran = world.run("sync", "--shops", str(world.shops_file), "--shop", "nobody")
    assert (ran.code, ran.out) == (2, "")
    assert "nobody" in ran.err


def test_the_configuration_is_found_by_option_then_variable_then_place(world: World) -> None:
    good, bad = str(world.shops_file), str(world.folder / "not-there.yaml")
    world.env.pop("CONNECTOR_SHOPS", None)
    assert world.run("status", "--json").code == 0  # ./shops.yaml
    world.env["CONNECTOR_SHOPS"] = bad
    assert "not-there" in errors(world.run("status", "--json"))[0]["message"]
    assert world.run("status", "--json", "--shops", good).code == 0


def test_as_a_module_of_its_own_process_it_is_the_same(world: World) -> None:
    """Everything else in this folder runs in forks of one process; here is the real thing."""
    arguments = [sys.executable, "-m", "connector", "sync", "--json", "--shops", str(world.shops_file), "--only", "x"]
    ended = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=100, check=False)
    errors(Ran(ended.returncode, ended.stdout, ended.stderr))
