"""The code location that `workspace.yaml` names: every shop of `shops.yaml`, found as the command line finds it."""

import logging
import os
from datetime import date
from pathlib import Path

import dagster as dg

from assets.resources import Connector
from assets.shop import shop_definitions
from assets.storage import LakeStorage
from connector.config import SHOPS_VARIABLE, ConfigError, Shop, find_shops_file, load_shops
from connector.shop_run import ShopRun, State
from connector.shops import known_shops

log = logging.getLogger(__name__)

SAMPLES = Path(__file__).parent.parent / "data_samples" / "shops.yaml"


def definitions_of(
    shops: list[Shop], *, opened_from: date | None = None, opened_to: date | None = None, pooled: bool = True
) -> dg.Definitions:
    """Definitions of the given shops. `opened_from` adds the days before a shop's own first day, `opened_to` those that
    have begun in a store, but not in the shop's country. `pooled` has runs queue for a shop's till."""
    built = [
        shop_definitions(shop, min(first_day(shop), opened_from or date.max), opened_to, pooled=pooled)
        for shop in shops
    ]
    return dg.Definitions(
        assets=[asset for one in built for asset in one.assets],
        jobs=[job for one in built for job in one.jobs],
        schedules=[schedule for one in built for schedule in one.schedules],
        resources={"connector": Connector(), "io_manager": LakeStorage()},
        executor=dg.in_process_executor,
    )


def first_day(shop: Shop) -> date:
    """The shop's configured first day, else the one that its first sync fixed (or fixes now)."""
    if shop.first_day is not None:
        return shop.first_day
    state = State.open()
    try:
        return ShopRun(shop, state, run_id="definitions").first_day
    finally:
        state.close()


def _shops() -> list[Shop]:
    """As the command line finds them; where there are none at all, the sample shops, so that there is something to see."""
    if not os.environ.get(SHOPS_VARIABLE) and not Path("shops.yaml").exists():
        log.warning("no shops.yaml here and no %s: showing the sample shops of %s", SHOPS_VARIABLE, SAMPLES)
        return load_shops(SAMPLES)
    return known_shops(find_shops_file(None))


@dg.definitions
def defs() -> dg.Definitions:
    try:
        shops = _shops()
    except ConfigError as error:  # its sentences say it all: Dagster would show every frame on the way to them
        raise error.with_traceback(None) from None
    return definitions_of(shops)
