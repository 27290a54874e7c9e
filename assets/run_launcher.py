"""Dagster's own launcher of runs, for whose processes the files of Dagster's records stay open as they do for the command line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import cast

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import DefaultRunLauncher, LaunchRunContext
from dagster._core.remote_representation.code_location import GrpcServerCodeLocation

from assets.instance import with_open_files


class OpenFilesRunLauncher(DefaultRunLauncher):
    """Named in the `dagster.yaml` that the connector writes. The web server and the daemon keep Dagster's own storages."""

    def launch_run(self, context: LaunchRunContext) -> None:
        """As `DefaultRunLauncher` (Dagster 1.13), which tells the code server of the instance as it is here."""
        run, workspace = context.dagster_run, context.workspace
        assert run.remote_job_origin is not None
        assert workspace is not None
        origin = run.remote_job_origin.repository_origin.code_location_origin
        location = cast("GrpcServerCodeLocation", workspace.get_code_location(origin.location_name))
        told = cast("dg.DagsterInstance", _InstanceOfRun(self._instance))
        self.launch_run_from_grpc_client(told, run, location.client)
        self._run_ids.add(run.run_id)


@dataclass(frozen=True)
class _InstanceOfRun:
    """What the launcher asks of an instance, and passes on."""

    instance: dg.DagsterInstance

    def add_run_tags(self, run_id: str, tags: Mapping[str, str]) -> None:
        self.instance.add_run_tags(run_id, tags)

    def get_ref(self) -> InstanceRef:
        return with_open_files(self.instance.get_ref(), self.instance.root_directory)
