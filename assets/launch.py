"""A shop's sync as one Dagster run in this process: what the command line starts for each shop."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from datetime import date
from typing import Any, Self

import dagster as dg
from sqlalchemy.exc import DatabaseError, OperationalError

from assets.builder import sync_job_name
from assets.definitions import definitions_of
from assets.instance import dagster_home, open_instance
from assets.orphans import end_orphans, run_tags
from assets.resources import runs_over
from assets.shop import names_for, range_tags
from connector.config import Shop
from connector.report import shop_report
from connector.shop_run import Progress, ShopRun, State
from connector.shops import with_present_token
from connector.state.errors import StateError
from connector.state.way import GIVES_WAY_IN, ask_for_way, backfills
from connector.sync_request import SyncRequest
from connector.window import asked_window

_QUIET = {"console": {"config": {"log_level": "CRITICAL"}}}


class Launcher:
    """Runs over one shop after the other, with one Dagster instance that is opened for the first and closed with this."""

    def __init__(self) -> None:
        self._opened = ExitStack()
        self._instance: dg.DagsterInstance | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        with suppress(DatabaseError):  # how every run ended is written; what came after that is lost
            self._opened.close()

    def launch(self, request: SyncRequest, progress: Progress) -> tuple[str, dict[str, Any]]:
        """Runs it to its end; the run's id and its report (see `connector.report`)."""
        state = State.open()
        try:
            shop = with_present_token(request.shop, state.db, state.sealer)
            with _dagsters_records(), runs_over(shop, progress):
                if self._instance is None:
                    self._instance = self._opened.enter_context(open_instance())
                return _launch(request, shop, state, self._instance)
        finally:
            state.close()


def _launch(request: SyncRequest, shop: Shop, state: State, instance: dg.DagsterInstance) -> tuple[str, dict[str, Any]]:
    first, last = asked_window(ShopRun(shop, state, run_id="window"), request.first, request.last)
    end_orphans(instance, state.db, shop.key)
    result = _execute(request, shop, state, instance, first, last)
    run = ShopRun(shop, state, run_id=result.run_id)
    report = shop_report(run, request.only)
    if report["message"] is None and not result.success:
        report["message"] = _first_failure(result)
    return result.run_id, report


@contextmanager
def _dagsters_records() -> Iterator[None]:
    """A disk that will not take Dagster's runs and events is no mistake of ours, and the person at night is told."""
    try:
        yield
    except DatabaseError as error:
        if type(error) not in (DatabaseError, OperationalError):  # a statement that is wrong
            raise
        raise StateError(
            f"Dagster's records of runs and events in {dagster_home()} could not be written or read ({error.orig}). What was "
            "delivered is in the ledger. Make room on the disk; if the files are damaged, move the directory away, it "
            "holds history only. Then run again."
        ) from error


def _execute(
    request: SyncRequest, shop: Shop, state: State, instance: dg.DagsterInstance, first: date, last: date
) -> dg.ExecuteInProcessResult:
    # No pool: the lease keeps runs over a shop apart and says so at once, and a pool's slot outlives a killed process.
    definitions = definitions_of([shop], opened_from=first, opened_to=last, pooled=False)
    only_due = request.first is None and request.last is None
    wait = GIVES_WAY_IN if backfills(state.db, shop.key) else 0.0
    if wait:
        ask_for_way(state.db, shop.key)
    settings = {
        "full": request.full,
        "only_due": only_due,
        "only": list(request.only),
        "wait_for_other_run": wait,
    }
    return definitions.resolve_job_def(sync_job_name(shop)).execute_in_process(
        run_config={"resources": {"connector": {"config": settings}}, "loggers": _QUIET},
        instance=instance,
        tags={**range_tags(first, last), **run_tags(shop.key)},
        asset_selection=_selection(shop, request.only) if request.only else None,
        raise_on_error=False,
    )


def _selection(shop: Shop, only: Sequence[str]) -> list[dg.AssetKey]:
    return [dg.AssetKey([shop.key, name]) for name in sorted(names_for(shop, only))]


def _first_failure(result: dg.ExecuteInProcessResult) -> str:
    for event in result.all_events:
        if event.is_step_failure:
            told = event.step_failure_data.user_failure_data
            if told is not None and told.description:
                return told.description
            error = event.step_failure_data.error
            return error.message if error else "a step failed"
    return "the run failed"
