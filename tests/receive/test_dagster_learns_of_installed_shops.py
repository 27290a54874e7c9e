"""A shop that a webhook installs is one of Dagster's by itself: its code location is loaded anew, and its sync is started once.

A code server, Dagster's own web server and the state of the receiver; the daemon's sensors and its runs are looked at as the
daemon does, without its pauses. What the sensor says of a web server that does not do as it is asked comes from a played one.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
import yaml
from dagster._core.workspace.context import WorkspaceProcessContext
from dagster._core.workspace.load_target import WorkspaceFileTarget
from dagster._daemon import sensor as sensor_daemon
from dagster_webserver.webserver import DagsterWebserver

from assets.definitions import definitions_of
from assets.installations import DAGSTER_URL_VARIABLE
from assets.instance import open_instance
from assets.shop import DUE_ONLY, FIRST, LAST
from connector.sandbox.serve import Server
from connector.shops import known_shops
from tests.assets.code_server import code_server, wait_for
from tests.receive.service import CONFIGS, Service
from tests.scripted_server import Reply, ScriptedServer, closed_port

LOCATION = "shops of webhooks"


@pytest.fixture
def file(service: Service) -> Path:
    """The `shops.yaml` of the receiver, which lists no shop."""
    return service.receiver.file


# --- with a code server and Dagster's web server ---------------------------------------------------------------------


@dataclass
class Dagster:
    """Its daemon's view: the workspace, which the web server shares, and the instance."""

    instance: dg.DagsterInstance
    workspace: WorkspaceProcessContext

    def tick(self) -> str | None:
        """One look of the daemon at all sensors that are on; what `installations` says when it starts nothing."""
        errors = sensor_daemon.execute_sensor_iteration(self.workspace, logging.getLogger("sensors"), None, None)
        assert not list(filter(None, errors))
        (state,) = [each for each in self.instance.all_instigator_state() if each.name == "installations"]
        (tick,) = self.instance.get_ticks(state.instigator_origin_id, state.selector_id, limit=1)
        assert tick.error is None, tick.error
        return tick.skip_reason

    def jobs(self) -> set[str]:
        (location,) = self.workspace.create_request_context().code_locations
        return {job.name for each in location.get_repositories().values() for job in each.get_all_jobs()}

    def syncs(self) -> list[dg.DagsterRun]:
        """The runs that were started, the newest first; nobody carries them out."""
        return list(self.instance.get_runs())


@pytest.fixture
def dagster(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Dagster]:
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "dagster"))
    monkeypatch.setenv(DAGSTER_URL_VARIABLE, f"http://127.0.0.1:{(port := closed_port())}")
    monkeypatch.setattr(sensor_daemon, "is_under_min_interval", lambda *_: False)  # half a minute between two looks
    with ExitStack() as stack:
        instance = stack.enter_context(open_instance())
        code = stack.enter_context(code_server(file))
        wait_for(code)
        server = {"grpc_server": {"host": "127.0.0.1", "port": code, "location_name": LOCATION}}
        (tmp_path / "workspace.yaml").write_text(yaml.safe_dump({"load_from": [server]}))
        target = WorkspaceFileTarget([str(tmp_path / "workspace.yaml")])
        workspace = stack.enter_context(WorkspaceProcessContext(instance, target))
        stack.enter_context(Server(DagsterWebserver(workspace).create_asgi_app(), "till", port=port))
        yield Dagster(instance, workspace)


def test_an_activated_shop_is_loaded_and_synced_once_for_each_activation(service: Service, dagster: Dagster) -> None:
    assert dagster.tick()
    assert "sync_alpha" not in dagster.jobs()

    service.install()
    assert dagster.tick() == f"The shops have changed; code location {LOCATION} was loaded anew."
    assert {"sync_alpha", "today_alpha", "history_alpha"} <= dagster.jobs()
    assert dagster.syncs() == []

    dagster.tick()
    (first,) = dagster.syncs()
    assert (first.job_name, first.tags["shop"]) == ("sync_alpha", "alpha")
    dagster.tick()
    assert len(dagster.syncs()) == 1

    service.tell("deactivated")
    dagster.tick()
    assert len(dagster.syncs()) == 1

    service.tell("activated", configs=CONFIGS)
    for _ in range(2):
        dagster.tick()
        assert [run.job_name for run in dagster.syncs()] == ["sync_alpha", "sync_alpha"]

    service.tell("uninstalled")
    assert "was loaded anew" in (dagster.tick() or "")
    assert "sync_alpha" not in dagster.jobs()


# --- with a web server that is played --------------------------------------------------------------------------------


def reloaded(place: dict[str, Any], kind: str = "WorkspaceLocationEntry") -> Reply:
    """Its answer to the mutation."""
    return Reply(body={"data": {"reloadRepositoryLocation": {"__typename": kind, **place}}})


LOADED = {"name": "shops", "locationOrLoadError": {"__typename": "RepositoryLocation", "isReloadSupported": True}}
BROKEN = {"name": "shops", "locationOrLoadError": {"__typename": "PythonError", "message": "shops.yaml is gone"}}


@pytest.fixture
def web(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    with ScriptedServer() as server:
        monkeypatch.setenv(DAGSTER_URL_VARIABLE, server.url + "/dagster/")  # as behind a proxy
        yield server


def evaluated(loaded: dg.Definitions) -> tuple[str | None, list[dg.RunRequest]]:
    """What the sensor of a code location says and asks for."""
    with dg.DagsterInstance.ephemeral() as instance:
        sensor = loaded.resolve_sensor_def("installations")
        data = sensor.evaluate_tick(dg.build_sensor_context(instance=instance, definitions=loaded))
    return data.skip_message, list(data.run_requests or [])


def definitions(file: Path) -> dg.Definitions:
    """The code location as it would be loaded now."""
    return definitions_of(known_shops(file), received=file)


def test_the_web_server_is_asked_for_the_location_while_the_shops_are_not_those_that_were_loaded(
    service: Service, file: Path, web: ScriptedServer
) -> None:
    before = definitions(file)
    assert evaluated(before)[1] == []
    service.install()
    web.script(reloaded(LOADED))
    for _ in range(2):  # a location that was not loaded anew asks again
        said, asked = evaluated(before)
        assert "was loaded anew" in (said or "")
        assert asked == []
    assert web.calls == ["POST /dagster/graphql"] * 2
    question = web.requests[0].json
    assert "reloadRepositoryLocation(" in question["query"]
    assert question["variables"] == {"repositoryLocationName": "pos-to-shopimind"}

    evaluated(definitions(file))
    assert len(web.calls) == 2


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        (reloaded(BROKEN), "could not be loaded anew (PythonError): shops.yaml is gone"),
        (reloaded({"message": "no"}, "ReloadNotSupported"), "could not be loaded anew (ReloadNotSupported): no"),
        (
            Reply(status=502, body=b"<html>"),
            "could not be asked (DagsterGraphQLClientError): set CONNECTOR_DAGSTER_URL",
        ),
        (Reply(reset=True), "could not be asked (DagsterGraphQLClientError): set CONNECTOR_DAGSTER_URL"),
    ],
)
def test_a_location_that_was_not_loaded_anew_is_told(
    service: Service, file: Path, web: ScriptedServer, answer: Reply, told: str
) -> None:
    before = definitions(file)
    service.install()
    web.script(answer)
    said, asked = evaluated(before)
    assert told in (said or "")
    assert "`connector sync`" in (said or "")
    assert asked == []


def test_the_sync_of_an_activation_is_asked_for_under_its_own_key_until_it_is_no_more(
    service: Service, file: Path
) -> None:
    service.install()
    loaded = definitions(file)
    keys = set()
    for _ in range(2):
        _, (asked,) = evaluated(loaded)
        keys.add(asked.run_key)
        assert (asked.job_name, asked.run_config) == ("sync_alpha", DUE_ONLY)
        assert asked.tags[FIRST] <= asked.tags[LAST]
    since = service.installations["inst_alpha"].since
    assert keys == {f"alpha activated {since}"}

    service.tell("config_updated", configs=CONFIGS)  # no activation
    assert [each.run_key for each in evaluated(loaded)[1]] == [f"alpha activated {since}"]
    service.tell("deactivated")
    assert evaluated(loaded)[1] == []
    service.tell("activated", configs=CONFIGS)
    again = service.installations["inst_alpha"].since
    assert again > since
    assert [each.run_key for each in evaluated(loaded)[1]] == [f"alpha activated {again}"]
