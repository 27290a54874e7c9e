"""The Dagster instance of a connector that is run by hand: runs and events under the connector's home."""

import os
from pathlib import Path

import dagster as dg
from dagster._core.instance.ref import InstanceRef
from dagster._serdes import ConfigurableClassData
from filelock import FileLock

from assets.event_log import OpenSqliteEventLog
from assets.run_storage import OpenSqliteRunStorage
from connector.state.home import home, private_directory

_SETTINGS = """\
# Written once by the connector; yours to change.
telemetry:
  enabled: false
nux:
  enabled: false
# Output of steps is not captured: what they say is in the event log, without customers' data.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
concurrency:
  runs:
    max_concurrent_runs: 10
    tag_concurrency_limits:
      - key: shop
        value:
          applyLimitPerUniqueValue: true
        limit: 1
  pools:
    default_limit: 1
run_launcher:
  module: assets.run_launcher
  class: OpenFilesRunLauncher
run_monitoring:
  enabled: true
  poll_interval_seconds: 30
  free_slots_after_run_end_seconds: 5
# Requests are tried again where they are made; Dagster only restarts a run whose process died.
run_retries:
  enabled: true
  max_retries: 2
  retry_on_asset_or_op_failure: false
"""


def dagster_home() -> Path:
    """`$DAGSTER_HOME`, else `dagster` in the connector's home, with our settings where it has none."""
    place = private_directory(Path(os.environ.get("DAGSTER_HOME") or home() / "dagster").absolute())
    settings = place / "dagster.yaml"
    with FileLock(place / ".opening.lock"):
        if not settings.exists():
            settings.write_text(_SETTINGS, encoding="utf-8")
    return place


def open_instance() -> dg.DagsterInstance:
    """The instance at `dagster_home()`. Records in SQLite files are kept open for as long as the instance is."""
    place = str(dagster_home())
    os.environ["DAGSTER_HOME"] = place
    # Dagster makes the tables of a new instance without looking out for another process that does the same
    with FileLock(Path(place) / ".opening.lock"):
        return _opened(place)


def _opened(place: str) -> dg.DagsterInstance:
    os.environ.setdefault("DAGSTER_EVENT_BATCH_SIZE", "1000")  # what a run plans is written at once
    return dg.DagsterInstance.from_ref(with_open_files(InstanceRef.from_dir(place), place))


def with_open_files(ref: InstanceRef, place: str) -> InstanceRef:
    """The same instance, with storages that keep its SQLite files open; as it is where its records are kept elsewhere."""
    defaults = InstanceRef.config_defaults(place)
    log, runs = defaults["event_log_storage"], defaults["run_storage"]
    if log is None or runs is None or (ref.event_storage_data, ref.run_storage_data) != (log, runs):
        return ref
    return ref._replace(
        event_storage_data=_of_ours(OpenSqliteEventLog, log),
        run_storage_data=_of_ours(OpenSqliteRunStorage, runs),
        storage_data=None,  # which is all storages in one: each is made by itself
    )


def _of_ours(storage: type, stock: ConfigurableClassData) -> ConfigurableClassData:
    return ConfigurableClassData(storage.__module__, storage.__name__, stock.config_yaml)
