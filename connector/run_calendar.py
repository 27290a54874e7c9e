"""The closing days of a run over a shop: which are complete, which are due, which it reads, and of which sales are news."""

from __future__ import annotations

from datetime import UTC, date, datetime
from typing import TYPE_CHECKING

from connector.due_days import Days, days_asked, days_due, recent_from, today
from connector.state.lake import LakeMissing

if TYPE_CHECKING:
    from connector.shop_run import ShopRun

HISTORY_SLICE = 31  # days that one backfill reads at most


class RunCalendar:
    """The days of one run, by what is known of the shop at the moment of each question."""

    def __init__(self, run: ShopRun) -> None:
        self._run = run

    def complete(self) -> dict[int, set[str]]:
        """Per store the days that need no reading any more, but for the look-back.

        Not among them: days of refused orders that are to be tried again.
        """
        run = self._run
        complete = run.days.complete_days([store.store_id for store in run.ctx.stores], int(run.clock()))
        for store_id, day in run.refused.days_to_try_again():
            complete.get(store_id, set()).discard(day)
        return complete

    def due(self) -> Days:
        """Every day that is due, with its stores: of the shop's history, and before it where somebody asked for it."""
        run = self._run
        earlier = run.days.asked_before(run.first_day.isoformat())
        return days_due(run.ctx, self.complete(), run.started, earlier)

    def history(self) -> Days:
        """Those of the days due that are older than what every sync reads."""
        due = {day: [s for s in stores if not self._recent(s, day)] for day, stores in self.due().items()}
        return {day: stores for day, stores in due.items() if stores}

    def to_read(self, asked: list[str]) -> Days:
        """Of the asked closing days, the ones to read, with their stores; of new stores every day that is due."""
        run = self._run
        if run.backfill:
            history = self.history()
            return {day: history[day] for day in sorted(history)[-HISTORY_SLICE:]}
        begun = days_asked(run.ctx, asked, run.started)
        if not run.only_due:
            return begun
        wanted = {
            day: [store for store in stores if store in begun.get(day, []) or store in run.new_stores]
            for day, stores in self.due().items()
        }
        return {day: stores for day, stores in wanted.items() if stores}

    def beyond(self) -> set[str]:
        """Days that may lie outside those that the run was asked for: of a new store, of a backfill, of a pushed sale."""
        run = self._run
        pairs = run.read_pairs or {}
        read = {day for day, stores in pairs.items() if run.backfill or run.new_stores.intersection(stores)}
        return read | {day for _, day in run.pushed_pairs}

    def is_news(self, store_id: int, day: str) -> bool:
        """Whether something may be triggered for a sale of that day: for history nothing may."""
        if self._run.backfill:
            return False
        try:
            return self._recent(store_id, day)
        except LakeMissing:  # a replay over a lake that was lost, which cannot tell: better none than one too many
            return False

    def was_over(self, store_id: int, day: str, at: int) -> bool:
        """Whether that day of the store had ended at epoch second `at`."""
        return date.fromisoformat(day) < today(self._run.ctx, store_id, datetime.fromtimestamp(at, UTC))

    def _recent(self, store_id: int, day: str) -> bool:
        return date.fromisoformat(day) >= recent_from(self._run.ctx, store_id, self._run.started)
