"""What is checked of every delivery, where a person sees it: the arithmetic, what waits, and whose source is whose."""

from collections.abc import Collection, Iterable, Mapping

import dagster as dg

from connector.delivery.counts import Counts

ADDS_UP, ALL_DELIVERED = "adds_up", "all_delivered"
RIGHT_SOURCE, SOURCE_FOR_EVERY_STORE = "right_source", "source_for_every_store"

_SHOWN = 20  # names in a sentence, at most

# What a check is for, and whether the step fails when it does not hold.
_SPECS = {
    ADDS_UP: (
        "Nothing is silent: every row read is skipped, unchanged, sent, refused or failed, and only one of them.",
        True,
    ),
    ALL_DELIVERED: ("Nothing waits. What waits is kept, and the next run tries it again.", False),
    RIGHT_SOURCE: ("A source never lies: no order is noted under the data source of another store than its own.", True),
    SOURCE_FOR_EVERY_STORE: ("Every store has its data source in ShopiMind; without one its records wait.", False),
}


def spec(name: str, key: dg.AssetKey) -> dg.AssetCheckSpec:
    """The check as Dagster knows it."""
    description, blocking = _SPECS[name]
    return dg.AssetCheckSpec(name, asset=key, description=description, blocking=blocking)


def of_delivery(counts: Mapping[str, Counts]) -> list[dg.AssetCheckResult]:
    """The two checks that every delivery has; `counts` by what they are of (a store, or the entity)."""
    return [_adds_up(counts), _all_delivered(counts)]


def right_source(strays: Collection[str]) -> dg.AssetCheckResult:
    """Guarantee 6; `strays` are the ids of orders under another store's source."""
    return _result(RIGHT_SOURCE, strays, f"under another store's data source: {some(strays)}")


def source_for_every_store(missing: Collection[str]) -> dg.AssetCheckResult:
    """`missing` are the stores that have none."""
    return _result(SOURCE_FOR_EVERY_STORE, missing, f"no data source for {some(missing)}; their records wait")


def _adds_up(counts: Mapping[str, Counts]) -> dg.AssetCheckResult:
    wrong = [place for place, part in counts.items() if not part.adds_up]
    return _result(ADDS_UP, wrong, f"read is not skipped + unchanged + sent + refused + failed for {some(wrong)}")


def _all_delivered(counts: Mapping[str, Counts]) -> dg.AssetCheckResult:
    waiting = sum(part.failed for part in counts.values())
    reasons = sorted({reason for part in counts.values() for reason in part.failures})
    return dg.AssetCheckResult(
        check_name=ALL_DELIVERED,
        passed=not waiting,
        metadata={"waiting": waiting},
        description=f"{waiting} record(s) wait for the next run: {'; '.join(reasons)}" if waiting else None,
    )


def _result(name: str, wrong: Collection[str], sentence: str) -> dg.AssetCheckResult:
    return dg.AssetCheckResult(check_name=name, passed=not wrong, description=sentence if wrong else None)


def some(names: Iterable[str]) -> str:
    """The first of the names, in order, and how many more there are."""
    names = list(names)
    listed = ", ".join(sorted(names)[:_SHOWN])
    return listed if len(names) <= _SHOWN else f"{listed} and {len(names) - _SHOWN} more"
