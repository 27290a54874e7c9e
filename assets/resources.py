"""What the assets of every shop work with: one run over one shop, opened when a step first needs it."""

import time
from collections.abc import Generator
from contextlib import ExitStack, closing, contextmanager
from typing import Any

import dagster as dg
from pydantic import Field, PrivateAttr

from assets.orphans import look_lease, run_tags
from connector.config import Shop, find_shops_file
from connector.outcome import Status, shop_status
from connector.shop_run import SYNC_LEASE, Progress, ShopRun, State, no_progress
from connector.shops import known_shops
from connector.state.leases import Lease
from connector.state.way import way_was_given

OUTCOME_TAG = "outcome"  # how a run ended, as `connector status` says it: more than Dagster's success or failure

_progress: Progress = no_progress
_shop: Shop | None = None


@contextmanager
def runs_over(shop: Shop, progress: Progress) -> Generator[None, None, None]:
    """Runs of this process are over the shop as it is given, and tell there how far they are (the command line's bars)."""
    global _progress, _shop
    _progress, _shop = progress, shop
    try:
        yield
    finally:
        _progress, _shop = no_progress, None


class Connector(dg.ConfigurableResource[Any]):
    """Runs over shops. Configuration and secrets come from `shops.yaml` and the environment, never from run config."""

    full: bool = False  # ignore the ledger: send everything again
    only_due: bool = False  # of the partitions asked, read only days that are not complete or within the look-back
    backfill: bool = False  # read the next days that are due of the history, and nothing that every sync reads
    backfill_minutes: float = 15.0  # after which a backfill asks for no more of them
    inbox_only: bool = False  # read no day, deliver what the till has pushed
    only: list[str] = Field(default_factory=list)  # entities asked for by name: their lists are read whole
    wait_for_other_run: float = 60.0  # seconds to wait for another run over the same shop before giving up

    _state: State = PrivateAttr()
    _open: dict[str, ShopRun] = PrivateAttr(default_factory=dict)
    _cleanup: ExitStack = PrivateAttr()
    _run_id: str = PrivateAttr()
    _instance: dg.DagsterInstance | None = PrivateAttr()

    @contextmanager
    def yield_for_execution(self, context: dg.InitResourceContext) -> Generator["Connector", None, None]:
        """Opens the state; closes every shop's run, and writes its outcome down, when the steps are through."""
        with ExitStack() as cleanup:
            self._state = State.open()
            cleanup.callback(self._state.close)
            self._cleanup = cleanup
            self._open = {}
            run = context.run
            self._run_id = run.run_id if run else "no-run"
            self._instance = context.instance
            yield self

    def run(self, shop_key: str) -> ShopRun:
        """The run over one shop, one at a time per shop: raises `LeaseHeld` when another one goes on."""
        if shop_key not in self._open:
            lease = Lease.acquire(self._state.db, shop_key, SYNC_LEASE, wait=self.wait_for_other_run)
            self._cleanup.callback(lease.release)
            way_was_given(self._state.db, shop_key)
            run = ShopRun(
                _configured(shop_key),
                self._state,
                self._run_id,
                full=self.full,
                only_due=self.only_due or self.backfill,
                backfill=self.backfill,
                history_until=time.monotonic() + 60 * self.backfill_minutes if self.backfill else None,
                inbox_only=self.inbox_only,
                only=self.only,
                progress=_progress,
                lease=lease,
            )
            if self._instance:
                self._instance.add_run_tags(self._run_id, run_tags(shop_key))
            run.log.start(self._run_id, shop_key, int(run.clock()))
            self._cleanup.callback(run.close)
            self._cleanup.callback(lambda: self._finish(run))
            self._open[shop_key] = run
        return self._open[shop_key]

    @contextmanager
    def looking(self, shop_key: str) -> Generator[ShopRun, None, None]:
        """A shop as it stands, for a step that delivers nothing: it keeps no other run away and is no sync of its own."""
        run = ShopRun(_configured(shop_key), self._state, self._run_id)
        lease = look_lease(self._run_id)
        with closing(run), Lease.acquire(self._state.db, shop_key, lease):
            if self._instance:
                self._instance.add_run_tags(self._run_id, run_tags(shop_key, lease))
            yield run

    def _finish(self, run: ShopRun) -> None:
        status = self._outcome(run)
        run.finish(status)
        if self._instance:
            self._instance.add_run_tags(self._run_id, {OUTCOME_TAG: status})

    def _outcome(self, run: ShopRun) -> Status:
        """How the run ended. A step that failed outside its body (the lake is full, say) has told nobody but Dagster."""
        status = shop_status(run)
        if status in ("delivered", "refused"):
            run.problems += self._failed_steps()
        return shop_status(run)

    def _failed_steps(self) -> list[str]:
        logs = self._instance.all_logs(self._run_id, of_type=dg.DagsterEventType.STEP_FAILURE) if self._instance else []
        events = [entry.dagster_event for entry in logs if entry.dagster_event]
        errors = [(event.step_key, event.step_failure_data.error) for event in events]
        return [f"{step}: {error.message.strip() if error else 'failed'}" for step, error in errors]


def _configured(shop_key: str) -> Shop:
    if _shop is not None and _shop.key == shop_key:
        return _shop
    for shop in known_shops(find_shops_file(None)):
        if shop.key == shop_key:
            return shop
    raise dg.Failure(
        f"shop {shop_key} is not in shops.yaml any more. Nothing was done. Reload the code location.",
        allow_retries=False,
    )
