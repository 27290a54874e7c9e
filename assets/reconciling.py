"""The weekly look at a shop: does ShopiMind hold what the till and the ledger say?"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import dagster as dg

from assets import checks
from assets.builder import DELIVERED, AssetBuilder, definition, identifier
from assets.resources import Connector
from connector.reconciliation import reconcile_shop
from connector.reconciliation_result import Reconciliation

NAME, RECONCILED = "reconciliation", "reconciled"
_SERVER_SILENT = "failed"


def reconciling_asset(build: AssetBuilder) -> dg.AssetsDefinition:
    """An asset of its own with one check: a check of the orders would run with every delivery of them, and reads whole lists."""
    shop = build.shop
    key = dg.AssetKey([shop.key, NAME])

    def compute(context: dg.AssetExecutionContext, loaded: Mapping[str, Any]) -> Iterator[Any]:
        connector: Connector = context.resources.connector
        with connector.looking(shop.key) as run:
            found = reconcile_shop(run)
        result = _result(found)
        yield dg.MaterializeResult(metadata=_metadata(found.document()), check_results=[result])

    return definition(
        dg.AssetSpec(
            key,
            group_name=f"{identifier(shop)}_{DELIVERED}",
            description="Till, ledger and ShopiMind side by side: the till's own totals of this month and the last, what was "
            "read of them, and every record that ShopiMind lists. It writes nothing, and no sync makes it. `connector reconcile` "
            "shows more, and with --repair delivers what is missing or different.",
            deps=[dg.AssetKey([shop.key, "shopimind_summary"])],
            kinds={"shopimind", shop.pos.system},
            tags={"shop": shop.key},
        ),
        compute,
        pool=build.pool,
        priority=-1000,  # after everything else, where somebody chooses all assets
        check_specs=[
            dg.AssetCheckSpec(
                RECONCILED,
                asset=key,
                description="All three agree, in count and in money. What is missing, extra or different is named by id.",
            )
        ],
    )


def _result(found: Reconciliation) -> dg.AssetCheckResult:
    """Drift is an error; a stop on purpose only a warning. Raises `Failure` when a server could not be read."""
    document = found.document()
    if found.status == _SERVER_SILENT:
        raise dg.Failure(f"{document['shop']}: {document['message']}", _metadata(document), allow_retries=False)
    agrees = found.status == "agrees"
    return dg.AssetCheckResult(
        check_name=RECONCILED,
        passed=agrees,
        severity=dg.AssetCheckSeverity.ERROR if found.status == "drift" else dg.AssetCheckSeverity.WARN,
        description=None if agrees else " ".join(_sentences(document)),
        metadata=_metadata(document),
    )


def _sentences(document: dict[str, Any]) -> Iterable[str]:
    for kind in ("missing", "extra", "different"):
        if document[kind]:
            yield f"{len(document[kind])} {kind}: {checks.some(_name(each) for each in document[kind])}."
    days = [
        f"{line['day']} of store {line['store_id']}" for line in document["lines"] if _is_other(line) and line["day"]
    ]
    if days:
        yield f"The till has other sales than were read on {checks.some(days)}."
    lists = [line["entity"] for line in document["lines"] if _is_other(line) and not line["day"]]
    if lists:
        yield f"The till lists other {' and '.join(lists)} than were read."
    if document["message"]:
        yield document["message"]


def _is_other(line: dict[str, Any]) -> bool:
    return (line["till"] or {}).get("agrees") is False


def _name(finding: dict[str, Any]) -> str:
    return f"{finding['entity']} {finding['external_id']}"


def _metadata(document: dict[str, Any]) -> dict[str, Any]:
    window = document["window"] or {}
    return {
        "status": document["status"],
        **{kind: len(document[kind]) for kind in ("missing", "extra", "different")},
        "sales compared": f"{window.get('from')} to {window.get('to')}",
        "calls to the till": sum(number for to, number in document["calls"].items() if to != "shopimind"),
        "calls to ShopiMind": document["calls"]["shopimind"],
    }
