"""What the process from which every shop's is forked does once, so that none has to: only that process imports this.

Imported is what would be imported when it is first used, filled are the caches that are the same for all shops. Then
all of it is taken out of the garbage collector's sight, which would look through it in every shop's process anew.
"""

import gc
from contextlib import suppress
from importlib import import_module

LATE = (
    "assets.launch",
    "dagster._core.definitions.repository_definition.repository_data_builder",
    "dagster._core.execution.execute_in_process",
    "dagster._core.executor.in_process",
    "dagster._core.instance.runs.run_domain",
    "dagster._core.secrets.env_file",
    "dagster._core.storage.base_storage",
    "dagster._core.storage.noop_compute_log_manager",
    "encodings.idna",
    "httpcore",
    "pandas",  # by Arrow with the first table, where somebody has installed it
    "upath.implementations.local",
)


def _prepare() -> None:
    for name in LATE:
        with suppress(ImportError):
            import_module(name)
    from assets.event_log import empty_file
    from connector.http import tls

    empty_file()
    tls()


with suppress(Exception):  # what fails here fails in a shop's process too, and is told there
    _prepare()
gc.collect()
gc.freeze()
