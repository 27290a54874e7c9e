"""The code location that `workspace.yaml` names: every shop of `shops.yaml`, found as the command line finds it."""

import logging
import os
from datetime import date
from pathlib import Path

import dagster as dg

from assets.installations import installations_sensor
from assets.resources import Connector
from assets.shop import shop_definitions
from assets.storage import LakeStorage
from connector.config import SHOPS_VARIABLE, ConfigError, Shop, find_shops_file, load_configuration
from connector.shop_run import ShopRun, State
from connector.shops import with_installed

log = logging.getLogger(__name__)

SAMPLES = Path(__file__).parent.parent / "data_samples" / "shops.yaml"


def definitions_of(
    shops: list[Shop],
    *,
    opened_from: date | None = None,
    opened_to: date | None = None,
    pooled: bool = True,
    received: Path | None = None,
) -> dg.Definitions:
    """Definitions of the given shops; `received` is the file to look for new ones in, where webhooks install them.

    `opened_from` adds the days before a shop's own first day, `opened_to` those that
    have begun in a store, but not in the shop's country. `pooled` has runs queue for a shop's till."""
    built = [
        shop_definitions(shop, min(first_day(shop), opened_from or date.max), opened_to, pooled=pooled)
        for shop in shops
    ]
    return dg.Definitions(
        assets=[asset for one in built for asset in one.assets],
        jobs=[job for one in built for job in one.jobs],
        schedules=[schedule for one in built for schedule in one.schedules],
        sensors=[
            *([] if received is None else [installations_sensor(received, shops, [one.jobs[0] for one in built])]),
            *(sensor for one in built for sensor in one.sensors),
        ],
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


def _file() -> Path:
    """As the command line finds it; where there is none at all, the sample shops, so that there is something to see."""
    if not os.environ.get(SHOPS_VARIABLE) and not Path("shops.yaml").exists():
        log.warning("no shops.yaml here and no %s: showing the sample shops of %s", SHOPS_VARIABLE, SAMPLES)
        return SAMPLES
    return find_shops_file(None).absolute()


@dg.definitions
def defs() -> dg.Definitions:
    try:
        file = _file()
        configuration = load_configuration(file)
        shops = with_installed(configuration, file)
    except ConfigError as error:  # its sentences say it all: Dagster would show every frame on the way to them
        raise error.with_traceback(None) from None
    return definitions_of(shops, received=file if configuration.receive else None)
