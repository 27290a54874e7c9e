"""The graph that a shop adds to Dagster: as it is written down in `graph.txt`, described, and apart from every other shop's."""

from __future__ import annotations

import difflib

import dagster as dg
import pytest

from assets.definitions import SAMPLES, definitions_of
from connector.config import EventType, Shop, load_shops
from tests.assets.graph import FILE, REWRITE, graph_of_the_sample


def shops(*keys: str) -> list[Shop]:
    """Shops with these keys, otherwise like the first of the samples."""
    like = load_shops(SAMPLES)[0]
    return [like.model_copy(update={"key": key}) for key in keys]


def asset_keys(definitions: dg.Definitions) -> set[dg.AssetKey]:
    return set(definitions.resolve_asset_graph().get_all_asset_keys())


def names(definitions: dg.Definitions) -> set[str]:
    """Of everything but assets: jobs and schedules with their kind, groups and pools."""
    jobs = {f"job {job.name}" for job in definitions.jobs or ()}
    schedules = {f"schedule {schedule.name}" for schedule in definitions.schedules or ()}
    nodes = [definitions.resolve_asset_graph().get(key) for key in asset_keys(definitions)]
    groups = {f"group {node.group_name}" for node in nodes}
    return jobs | schedules | groups | {f"pool {pool}" for node in nodes for pool in node.pools or ()}


def test_the_graph_of_a_shop_is_as_written_down() -> None:
    written, found = FILE.read_text("utf-8"), graph_of_the_sample()
    changes = difflib.unified_diff(
        written.splitlines(), found.splitlines(), "graph.txt", "the graph as it is now", lineterm="", n=7
    )
    if written != found:
        told = "\n".join(changes)
        pytest.fail(f"the graph has changed. If that is wanted: {REWRITE}\n\n{told}", pytrace=False)


def test_every_asset_check_job_and_schedule_says_what_it_is_for() -> None:
    definitions = definitions_of(shops("maison-lea"))
    graph = definitions.resolve_asset_graph()
    told = {key.to_user_string(): graph.get(key).description for key in graph.get_all_asset_keys()}
    told |= {str(key): graph.get_check_spec(key).description for key in graph.asset_check_keys}
    for job in definitions.jobs or ():
        told[job.name] = definitions.resolve_job_def(job.name).description
    for schedule in definitions.schedules or ():
        told[f"schedule {schedule.name}"] = definitions.resolve_schedule_def(schedule.name).description
    assert {"maison-lea/shopimind_orders", "sync_maison_lea", "schedule nightly_maison_lea"} <= set(told)
    assert len(graph.asset_check_keys) >= 18
    assert not [name for name, description in told.items() if len(description or "") < 25]


def test_events_are_one_more_asset_after_customers_and_orders_in_every_job_that_delivers() -> None:
    (plain,) = shops("lea")
    purchase = EventType(code_name="visit", name="Visit", properties=("total",))
    telling = definitions_of([plain.model_copy(update={"events": (purchase,)})])
    (key,) = asset_keys(telling) - asset_keys(definitions_of([plain]))
    assert key == dg.AssetKey(["lea", "shopimind_events"])
    needed = {parent.path[-1] for parent in telling.resolve_asset_graph().get(key).parent_keys}
    assert {"shopimind_sources", "shopimind_customers", "shopimind_orders"} <= needed
    jobs = {job.name: telling.resolve_job_def(job.name).asset_layer.selected_asset_keys for job in telling.jobs or ()}
    running = {name for name, keys in jobs.items() if key in keys}
    assert {"sync_lea", "today_lea"} <= running
    assert "reconcile_lea" not in running


@pytest.mark.parametrize(("rule", "owner"), [("addresses", "customers"), ("images", "products")])
def test_addresses_and_images_are_read_and_delivered_by_night_only_after_whom_they_belong_to(
    rule: str, owner: str
) -> None:
    (plain,) = shops("lea")
    rules = plain.rules.model_copy(update={rule: "send"})
    sending = definitions_of([plain.model_copy(update={"rules": rules})])
    more = {key.path[-1] for key in asset_keys(sending) - asset_keys(definitions_of([plain]))}
    assert more == {f"pos_{rule}", rule, f"shopimind_{rule}"}
    graph = sending.resolve_asset_graph()
    needed = {parent.path[-1] for parent in graph.get(dg.AssetKey(["lea", rule])).parent_keys}
    assert {f"pos_{rule}", f"shopimind_{owner}"} <= needed
    assert graph.get(dg.AssetKey(["lea", f"pos_{rule}"])).pools == graph.get(dg.AssetKey(["lea", "pos_sales"])).pools
    assert not [key for key in more if len(graph.get(dg.AssetKey(["lea", key])).description or "") < 25]
    jobs = {job.name: sending.resolve_job_def(job.name).asset_layer.selected_asset_keys for job in sending.jobs or ()}
    running = {name for name, keys in jobs.items() if more & {key.path[-1] for key in keys}}
    assert running == {"sync_lea"}


def test_shops_whose_keys_are_alike_share_nothing() -> None:
    keys = ("lea", "lea-1", "today-lea")
    each = [definitions_of([shop]) for shop in shops(*keys)]
    together = definitions_of(shops(*keys))
    assert len(asset_keys(together)) == sum(len(asset_keys(one)) for one in each) == 24 * len(keys)
    assert len(names(together)) == sum(len(names(one)) for one in each)
    assert asset_keys(together) == set().union(*map(asset_keys, each))
    assert names(together) == set().union(*map(names, each))


def test_no_asset_needs_one_of_another_shop() -> None:
    graph = definitions_of(shops("lea", "lea-1")).resolve_asset_graph()
    for key in graph.get_all_asset_keys():
        assert {parent.path[0] for parent in graph.get(key).parent_keys} <= {key.path[0]}


def test_a_shops_jobs_run_its_own_assets_only() -> None:
    definitions = definitions_of(shops("lea", "lea-1"))
    for job, shop in (("sync_lea", "lea"), ("today_lea", "lea"), ("sync_lea_1", "lea-1"), ("today_lea_1", "lea-1")):
        assert {key.path[0] for key in definitions.resolve_job_def(job).asset_layer.selected_asset_keys} == {shop}


@pytest.mark.parametrize("key", ["-", "7", "a" * 40, "--x--"])
def test_every_key_that_a_shop_may_have_makes_a_graph_that_loads(key: str) -> None:
    definitions = definitions_of(shops(key))
    dg.Definitions.validate_loadable(definitions)
    assert {each.path[0] for each in asset_keys(definitions)} == {key}


def test_a_schedule_starts_a_job_of_its_own_shop() -> None:
    definitions = definitions_of(shops("lea", "lea-1"))
    started = {s.name: definitions.resolve_schedule_def(s.name).job_name for s in definitions.schedules or ()}
    assert {"nightly_lea", "today_lea", "nightly_lea_1", "today_lea_1"} <= set(started)
    for schedule, job in started.items():
        assert schedule.endswith("_lea_1") == job.endswith("_lea_1")
    assert len(set(started.values())) == len(started)
