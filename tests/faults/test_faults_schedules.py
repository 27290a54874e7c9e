"""Whatever goes wrong, in whatever order: a shop's end state is that without faults, or it is told what waits and why.

The long form is `make soak`. What may go wrong is in `troubles.py`, what is checked after every sync in `promises.py`.
"""

from __future__ import annotations

import logging
import random
import shutil
import sqlite3
import tempfile
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, rule, run_state_machine_as_test

from connector.delivery.ledger import Ledger
from connector.sandbox.serve import Sandbox
from tests.faults.broken import Broken
from tests.faults.shop_world import World
from tests.faults.story import Story
from tests.faults.till_changes import shop_of
from tests.faults.troubles import KINDS, NOTHING, Blow, Trouble, draw_faults, draw_kill, draw_state_trouble

RECORDS = 30

pytestmark = pytest.mark.only_local("the file of the database is locked and deleted")

chances = st.integers(0, 2**32).map(random.Random)


class TroubledShop(RuleBasedStateMachine):
    """Changes at the till, and syncs that go wrong; at the end one that does not."""

    @initialize()
    def open(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="troubled-"))
        self.sandbox = Sandbox(self.folder / "sandbox", self.folder, accounts=[shop_of(RECORDS)]).start()
        self.story = Story(World(self.sandbox, self.folder, self.folder / "home"), RECORDS // 3)
        self.broken = False

    @rule(chance=chances)
    def change_the_till(self, chance: random.Random) -> None:
        for _ in range(3):
            self.story.change(chance)

    @rule(chance=chances)
    def sync_with_faults(self, chance: random.Random) -> None:
        self._sync(draw_faults(chance))

    @rule(chance=chances)
    def sync_and_be_killed(self, chance: random.Random) -> None:
        self._sync(draw_kill(chance))

    @rule(chance=chances)
    def sync_with_a_state_in_trouble(self, chance: random.Random) -> None:
        self._sync(draw_state_trouble(chance))

    def _sync(self, trouble: Trouble) -> None:
        self.broken = True
        self.story.sync(trouble)
        self.broken = False

    def teardown(self) -> None:
        try:
            if not self.broken:
                self.story.settle()
        finally:
            self.sandbox.stop()
            shutil.rmtree(self.folder, ignore_errors=True)


@pytest.mark.slow
@pytest.mark.timeout(900)  # some 25 syncs
def test_after_any_schedule_of_faults_the_end_state_is_that_without_them() -> None:
    short = settings(
        max_examples=4,
        stateful_step_count=4,
        derandomize=True,
        database=None,
        deadline=None,
        phases=[Phase.explicit, Phase.generate],  # to make a schedule smaller would take longer than to read it
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(TroubledShop, settings=short)


def test_the_command_killed_midway_is_made_up_for_by_the_next_sync(story: Story) -> None:
    story.sync(Trouble(blow=Blow("kill", "crm", nth=8, command=True)))
    story.settle()

    assert story.figures.kills == 1
    assert len(story.figures.repeated) == 1


# --- each kind of trouble there is


def test_every_kind_of_fault_is_drawn_on_its_side_and_a_seed_draws_the_same_again() -> None:
    drawn = [fault for seed in range(2_000) for fault in draw_faults(random.Random(seed)).faults]

    for side, groups in KINDS.items():
        number = len(
            {(f.kind, f.status, f.applied, str(f.body), str(f.headers), f.retry_in) for f in drawn if f.side == side}
        )
        assert number == sum(map(len, groups))
    assert drawn[:4] == [fault for seed in range(2) for fault in draw_faults(random.Random(seed)).faults][:4]
    assert {draw_state_trouble(random.Random(seed)).blow is None for seed in range(20)} == {True, False}


def test_while_the_database_is_locked_nothing_is_sent_that_could_not_be_noted(story: Story) -> None:
    story.sync(Trouble(blow=Blow("lock", "crm", 1, path="^/v1/customers")))
    saves = [entry["path"] for entry in story.world.requests("crm", method="POST")]
    assert saves[saves.index("/v1/customers") + 1 :] == []  # whatever followed would be sent again
    story.settle()


@pytest.mark.parametrize("kind", ["lock", "lose"])
def test_a_database_that_is_locked_or_lost_midway_loses_nothing(story: Story, kind: str) -> None:
    story.sync(Trouble(blow=Blow(kind, "crm", nth=8)))  # type: ignore[arg-type]
    story.settle()


# --- the promises are really looked at


def test_a_lost_record_is_noticed(story: Story) -> None:
    story.sync(NOTHING)
    orders = story.world.crm().tables["orders"].accepted
    orders.pop(next(key for key in orders if key.startswith("a_1003")))

    with pytest.raises(Broken, match="a_1003"):
        story.settle()


def test_a_record_under_another_stores_source_is_noticed(story: Story) -> None:
    story.sync(NOTHING)
    sale = next(iter(story.world.till().books.sales_of_day(1, story.world.sandbox.accounts[0].first_day, "date_z")))
    sale["store_id"] = 2

    with pytest.raises(Broken, match="of store 2 is under"):
        story.sync(NOTHING)


def test_records_that_are_sent_again_without_a_cause_are_noticed(story: Story) -> None:
    story.sync(NOTHING)
    for file in story.world.home.glob("state.sqlite*"):
        file.unlink()

    with pytest.raises(Broken, match="sent again"):
        story.sync(NOTHING)


@pytest.mark.parametrize(("entity", "killed_at"), [("customers", "^/v1/products$"), ("products", "^/v1/orders$")])
def test_an_entity_that_is_sent_again_after_a_kill_that_came_later_is_noticed(
    story: Story, entity: str, killed_at: str
) -> None:
    story.sync(Trouble(blow=Blow("kill", "crm", nth=1, path=killed_at)))
    with closing(sqlite3.connect(story.world.home / "state.sqlite")) as state:
        assert state.execute("DELETE FROM ledger WHERE entity = ?", [entity]).rowcount > 0
        state.commit()

    with pytest.raises(Broken, match=f"sent again without a cause.*{entity}"):
        story.sync(NOTHING)


def test_answers_that_are_not_noted_are_noticed(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Ledger, "note", lambda self, connection, entity, delivered, **when: None)

    with pytest.raises(Broken, match="answered for and not noted"):
        story.sync(NOTHING)


@pytest.fixture
def story(make_world: Callable[..., World]) -> Story:
    """A little shop, never synced yet."""
    return Story(make_world(shop_of(RECORDS)), RECORDS // 3)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)
