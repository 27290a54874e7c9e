"""The graph of a shop as text, one fact a line. `python -m tests.assets.graph` writes `graph.txt` anew, after a wanted change."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import dagster as dg

from assets.definitions import SAMPLES, definitions_of
from connector.config import load_shops

FILE = Path(__file__).with_name("graph.txt")
SHOP = "maison-lea"
REWRITE = "python -m tests.assets.graph"

_ABOUT = f"""\
The whole graph of shop {SHOP}; a run takes the first of its assets whose needs are met.
Compared by test_assets_graph.py, written by {REWRITE}.
"""


def graph_of_the_sample() -> str:
    """The graph of the sample shop, alone in its code location."""
    shops = [shop for shop in load_shops(SAMPLES) if shop.key == SHOP]
    return described(definitions_of(shops))


def described(definitions: dg.Definitions) -> str:
    return "\n".join([_ABOUT, *_assets(definitions), *_jobs(definitions), *_schedules(definitions)])


def _assets(definitions: dg.Definitions) -> Iterator[str]:
    graph = definitions.resolve_asset_graph()
    nodes = [graph.get(key) for key in graph.get_all_asset_keys()]
    for node in sorted(nodes, key=lambda node: -int(node.assets_def.op.tags["dagster/priority"])):
        days = node.partitions_def
        yield f"asset {node.key.to_user_string()}"
        yield f"  group: {node.group_name}"
        yield f"  kinds: {', '.join(sorted(node.kinds))}"
        yield f"  partitions: {f'days of {days.timezone}' if isinstance(days, dg.DailyPartitionsDefinition) else days}"
        yield f"  backfill: {node.backfill_policy.policy_type.value if node.backfill_policy else None}"
        yield f"  pool: {node.assets_def.op.pool}"
        yield f"  freshness: {'yes' if node.freshness_policy else 'no'}"
        loaded = set(node.assets_def.node_keys_by_input_name.values()) - _not_loaded(node.assets_def)
        for key in sorted(node.parent_keys):
            yield f"  needs {key.to_user_string()}{' (loaded)' if key in loaded else ''}"
        for check in sorted((graph.get_check_spec(each) for each in node.check_keys), key=lambda check: check.name):
            yield f"  check {check.name}{' (blocking)' if check.blocking else ''}"
        yield ""


def _not_loaded(asset: dg.AssetsDefinition) -> set[dg.AssetKey]:
    """What it only waits for: inputs of no value."""
    inputs = {each.name: each.dagster_type for each in asset.op.input_defs}
    return {key for name, key in asset.node_keys_by_input_name.items() if inputs[name].is_nothing}


def _jobs(definitions: dg.Definitions) -> Iterator[str]:
    for name in sorted(job.name for job in definitions.jobs or ()):
        job = definitions.resolve_job_def(name)
        yield f"job {name}"
        assets = job.asset_layer.selected_asset_keys
        for key in sorted(assets):
            yield f"  runs {key.to_user_string()}"
        checks = job.asset_layer.asset_graph.asset_check_keys
        for check in sorted(check for check in checks if check.asset_key not in assets):
            yield f"  checks {check.asset_key.to_user_string()}: {check.name}"
        yield ""


def _schedules(definitions: dg.Definitions) -> Iterator[str]:
    for name in sorted(schedule.name for schedule in definitions.schedules or ()):
        schedule = definitions.resolve_schedule_def(name)
        yield f"schedule {name}"
        yield f"  cron: {schedule.cron_schedule}"
        yield f"  time zone: {schedule.execution_timezone}"
        yield f"  job: {schedule.job_name}"
        yield f"  at first: {schedule.default_status.value.lower()}"
        yield ""


if __name__ == "__main__":
    FILE.write_text(graph_of_the_sample(), encoding="utf-8")
