"""The sensor by which Dagster learns of shops that webhooks install: it has the code location reloaded, and starts syncs."""

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import dagster as dg

from assets.builder import sync_job_name
from assets.shop import DUE_ONLY, range_tags
from connector.config import Shop
from connector.shop_run import ShopRun, State
from connector.shops import known_shops
from connector.state.webhook_installations import activated_since
from connector.window import country_zone, first_and_last_day

log = logging.getLogger(__name__)

DAGSTER_URL_VARIABLE = "CONNECTOR_DAGSTER_URL"  # where Dagster's web server is
DEFAULT_DAGSTER_URL = "http://127.0.0.1:3000"
SECONDS = 30  # between two looks


def installations_sensor(file: Path, shops: Sequence[Shop], jobs: Sequence[Any]) -> dg.SensorDefinition:
    """Compares the shops that this code location was loaded with to those that there are now."""
    loaded = _shape(shops)

    @dg.sensor(
        name="installations",
        jobs=jobs or None,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Has this code location reloaded when a webhook has installed a shop or taken one away, and starts the sync of "
        "a shop that was activated.",
    )
    def installations(context: dg.SensorEvaluationContext) -> Iterator[dg.RunRequest | dg.SkipReason]:
        known = known_shops(file)
        if _shape(known) != loaded:
            yield dg.SkipReason(_reload(context))
            return
        with closing(State.open()) as state:
            for shop in known:
                since = shop.installation_id and activated_since(state.db, shop.installation_id)
                if since:
                    yield _sync(ShopRun(shop, state, run_id="sensor"), int(since))

    return installations


def _shape(shops: Sequence[Shop]) -> set[tuple[str, bool]]:
    """What decides which assets, jobs and sensors there are: the shops, and whether their till pushes."""
    return {(shop.key, shop.pos.webhook_secret is not None) for shop in shops}


def _sync(run: ShopRun, since: int) -> dg.RunRequest:
    """One sync per activation: Dagster launches a run key once. What was deferred are days that are due."""
    first, last = first_and_last_day(run)
    today = datetime.now(country_zone(run.shop.country)).date()
    return dg.RunRequest(
        run_key=f"{run.shop.key} activated {since}",
        job_name=sync_job_name(run.shop),
        tags=range_tags(min(first, today), min(last, today)),
        run_config=DUE_ONLY,
    )


def _reload(context: dg.SensorEvaluationContext) -> str:
    """Asks Dagster's web server to load this code location anew; what came of it."""
    # here, because its import takes time that a sync need not wait for
    from dagster_graphql import DagsterGraphQLClient, DagsterGraphQLClientError, ReloadRepositoryLocationStatus

    address = os.environ.get(DAGSTER_URL_VARIABLE) or DEFAULT_DAGSTER_URL
    parts = urlsplit(address)
    origin = context.code_location_origin
    name = origin.location_name if origin else "pos-to-shopimind"
    try:
        client = DagsterGraphQLClient(
            parts.hostname or "",
            port_number=parts.port,
            use_https=parts.scheme == "https",
            path_prefix=parts.path.rstrip("/"),
            timeout=60,
        )
        answer = client.reload_repository_location(name)
    except DagsterGraphQLClientError as error:
        told = f"Dagster's web server at {parts.hostname} could not be asked ({type(error).__name__}): set {DAGSTER_URL_VARIABLE}"
    else:
        if answer.status == ReloadRepositoryLocationStatus.SUCCESS:
            return f"The shops have changed; code location {name} was loaded anew."
        told = f"code location {name} could not be loaded anew ({answer.failure_type}): {answer.message}"
    log.error("%s", told)
    return f"The shops have changed, but {told}. Until then the new ones are synced by `connector sync` only."
