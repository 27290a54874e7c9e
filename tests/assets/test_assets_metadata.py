"""What one run over a week leaves for a person to see, and what it must not leave."""

from __future__ import annotations

import re
import tracemalloc
from datetime import timedelta
from pathlib import Path

from assets.showing import of_days_delivered
from connector.delivery.ledger import DayHeld
from connector.quota import in_words, quota_outlook
from tests.assets.conftest import WEEK, Synced, World, materialized, metadata
from tests.sync.world import CUSTOMERS, day

DAILY = ("pos_sales", "orders", "shopimind_orders")


def test_a_range_of_days_is_one_run_of_the_whole_graph(synced: Synced) -> None:
    assert synced.result.success
    done = materialized(synced.result)
    assert len(done) == 23
    assert all(done[name] == {each.isoformat() for each in WEEK} for name in DAILY)
    assert done["shopimind_customers"] == {None}
    assert len(synced.world.orders()) == 4


def test_an_empty_day_is_written_as_an_empty_file_of_the_same_columns(synced: Synced) -> None:
    with synced.world.looking() as run:
        for name in ("pos_sales", "orders"):
            (full,), (empty,) = (run.state.lake.read("alpha", name, each.isoformat()) for each in (day(5), day(2)))
            assert empty.num_rows == 0
            assert empty.schema.equals(full.schema)


def test_a_day_shows_its_sales_and_amounts_by_store(synced: Synced) -> None:
    shown = metadata(synced.result, "pos_sales", day(1))
    assert shown["sales"].value == 2
    assert shown["amount in EUR"].value == 0.0  # one sale of 20.00, one return
    assert "| Lyon (1) | 1 | 20.00 EUR |" in shown["by store"].value
    assert "| Genève (5) | 0 | 0.00 |" in shown["by store"].value
    assert shown["by hour"].value.startswith("10h `")


def test_a_day_shows_what_shopimind_holds_of_it_and_not_what_the_whole_run_did(synced: Synced) -> None:
    assert metadata(synced.result, "shopimind_orders", day(5))["amount in EUR"].value == 46.0
    assert metadata(synced.result, "shopimind_orders", day(4))["orders in ShopiMind"].value == 1
    assert "orders in ShopiMind" not in metadata(synced.result, "shopimind_orders", day(2))


def test_what_the_days_show_takes_the_memory_of_one_of_them(synced: Synced) -> None:
    def peak(days: int) -> int:
        held = (
            DayHeld((day(0) - timedelta(n)).isoformat(), store, "EUR", 1, 100)
            for n in range(days)
            for store in range(200)
        )
        tracemalloc.start()
        try:
            assert sum(shown["orders in ShopiMind"] for _, shown in of_days_delivered(run.ctx, held)) == 200 * days
            return tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()

    with synced.world.looking() as run:
        peak(1)  # what is loaded once
        assert peak(40) < 1.5 * peak(4)


def test_the_summary_gives_the_account_of_the_run(synced: Synced) -> None:
    shown = metadata(synced.result, "shopimind_summary")
    assert shown["status"].value == "delivered"
    assert "| orders, Lyon (1) | 5 | 2 | 0 | 3 | 0 | 0 |" in shown["outcomes"].value
    assert "| skipped | 1 | anonymous |" in shown["reasons"].value
    assert "| Genève (5) |" in shown["sales of the last days"].value
    assert "calls used in" in shown["quota of the month"].value


def test_the_summary_tells_how_far_the_history_is(world: World) -> None:
    shown = metadata(world.run(days=[day(2), day(0)], only_due=True), "shopimind_summary")
    assert shown["history"].value == f"done 0 known 0 left 12 from {day(6).isoformat()}"
    world.run(job="history_alpha", days=[day(6), day(3)], backfill=True)
    shown = metadata(world.run(days=[day(2), day(0)], only_due=True), "shopimind_summary")
    assert shown["history"].value == "done 5 known 5 left 0 from None"  # two stores sold on two and three of these days


def test_the_summary_forecasts_the_month(synced: Synced) -> None:
    with synced.world.looking() as run:
        outlook = quota_outlook(run)
    assert outlook is not None
    told = metadata(synced.result, "shopimind_summary")["quota of the month"].value
    assert told.startswith(f"{outlook['used']} of {outlook['limit']} calls used in {outlook['month']}; ")
    assert f"at this pace {outlook['forecast']} by its end" in told
    assert outlook["forecast"] >= outlook["used"] > 0


def test_a_summary_that_fails_tells_until_when_the_till_stopped_the_account(world: World) -> None:
    world.sandbox.till.switches.quota = 20
    result = world.run(days=WEEK)
    told = result.failure_data_for_node("alpha__shopimind_summary")
    assert told is not None
    assert told.user_failure_data is not None
    shown = told.user_failure_data.metadata
    assert shown["status"].value == "quota"
    with world.looking() as run:
        outlook = quota_outlook(run)
    assert outlook is not None
    assert shown["quota of the month"].value == in_words(outlook)
    assert f"stopped until {outlook['stopped_until']}" in in_words(outlook)


def test_columns_are_known_before_anything_was_ever_read(synced: Synced) -> None:
    for key, spec in ((spec.key, spec) for spec in synced.world.definitions.resolve_all_asset_specs()):
        if not key.path[-1].startswith(("shopimind_", "reconciliation")):  # these keep no rows of their own
            assert spec.metadata["dagster/column_schema"].columns, key


def test_nothing_that_dagster_keeps_names_a_customer_or_holds_a_secret(synced: Synced) -> None:
    """Everything that its files hold in the clear: metadata, events, errors, tags."""
    shop = synced.world.shops[0]
    secrets = [shop.shopimind.access_token.get_secret_value(), "hiboutik-key-alpha", "hiboutik-oauth-alpha"]
    people = [str(each[key]) for each in CUSTOMERS for key in ("email", "last_name", "phone") if each.get(key)]
    phones = [re.sub(r"\D", "", text)[-8:] for text in people if text[0].isdigit()]
    kept = b"".join(
        file.read_bytes() for file in Path(synced.world.instance.root_directory).rglob("*") if file.is_file()
    )
    assert b"pos_sales" in kept
    found = [word for word in [*secrets, *people, *phones] if word.encode() in kept]
    assert not found
