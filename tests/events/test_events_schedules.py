"""Lost and doubled triggers under drawn schedules of faults, in both modes. The long form is `make soak ARGS=--events`."""

from __future__ import annotations

import logging
import os
import random
from collections.abc import Iterator
from pathlib import Path

import pytest

from connector.sandbox.fault_plan import Fault
from connector.sandbox.serve import Sandbox
from tests.faults.broken import Broken
from tests.faults.shop_world import World
from tests.faults.story import Story
from tests.faults.till_changes import SHOP, shop_of
from tests.faults.troubles import NOTHING, SILENCE, Trouble
from tests.soak.__main__ import EVENTS_RECORDS
from tests.soak.events import EVENT, TRIGGER, Telling, play

pytestmark = pytest.mark.only_local("each schedule makes its own world")


@pytest.fixture(autouse=True)
def environment() -> Iterator[None]:
    """What a sync in this process sets in it is taken back."""
    before = dict(os.environ)
    yield
    logging.disable(logging.NOTSET)
    os.environ.clear()
    os.environ.update(before)


@pytest.mark.slow
@pytest.mark.parametrize("number", [0, 1], ids=["default", "at_least_once"])
def test_under_a_schedule_of_faults_each_mode_keeps_its_promise(number: int) -> None:
    played = play(0, number, EVENTS_RECORDS)
    assert played.broken is None, played.broken
    assert played.at_least_once == bool(number)
    assert played.figures.sales
    assert played.figures.faults + played.figures.kills


def test_a_trigger_whose_answer_does_not_come_in_time_is_unclear_and_repeated_only_where_that_is_wanted(
    telling: Telling,
) -> None:
    telling.close(random.Random(0))
    telling.story.sync(Trouble((Fault(kind="hang", seconds=SILENCE, side="crm", path=TRIGGER, times=1),)))
    telling.story.sync(NOTHING)
    telling.check()
    found = telling.figures()
    assert (found.lost, found.unclear, found.doubled) == (0, not telling.at_least_once, telling.at_least_once)


def test_a_lost_or_doubled_trigger_is_noticed(telling: Telling) -> None:
    telling.close(random.Random(0))
    telling.story.sync(NOTHING)
    telling.check()
    told = telling.story.world.crm(SHOP).docs[f"triggers:{EVENT}"]
    ((key, document),) = told.items()
    told["again"] = document
    if not telling.at_least_once:
        with pytest.raises(Broken, match="came twice"):
            telling.check()
    del told["again"], told[key]
    with pytest.raises(Broken, match="lost"):
        telling.check()


@pytest.fixture(params=[False, True], ids=["default", "at_least_once"])
def telling(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Telling]:
    """A little shop with the event, synced once."""
    account = shop_of(EVENTS_RECORDS, newest=1)
    with Sandbox(tmp_path / "sandbox", tmp_path, accounts=[account]) as sandbox:
        customers = len(account.books.keys("customers"))
        made = Telling(Story(World(sandbox, tmp_path, tmp_path / "home"), customers), customers, request.param)
        made.story.sync(NOTHING)
        yield made
