"""Both answers to open questions about ShopiMind: what the connector delivers arrives the same, whichever is right."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from connector.delivery.counts import Counts
from connector.delivery.deliver import Deliverer
from connector.delivery.entities import CUSTOMERS, ENTITIES, ORDERS, PRODUCTS, Entity, resource_of
from connector.delivery.ledger import Ledger
from connector.delivery.refused import RefusedStore
from connector.mapping.customers import map_customers
from connector.mapping.products import map_products
from connector.mapping.records import Records
from connector.pos import rows
from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import InstallationInactive
from connector.shopimind.planning import WantedSource
from connector.shopimind.provisioning import ensure_sources
from connector.state.database import open_database
from connector.state.sealing import Sealer
from tests.mapping.till_examples import customer, mapped, product, sale, shop
from tests.shopimind.crm import TOKEN, Crm

STORE = 1


def both(switch: str, *answers: Any) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("switches", [{switch: answer} for answer in answers], ids=map(str, answers))


def customers(count: int) -> pa.Table:
    listed = [customer(customer_id=n, email=f"claire{n}@example.org") for n in range(1, count + 1)]
    return map_customers(shop(), rows.to_table(listed, rows.CUSTOMERS), {})


def deliver(crm: Crm, home: Path, entity: Entity, records: pa.Table, sources: Mapping[int | None, int]) -> Counts:
    """Delivers as a run does; the counts of all stores."""
    db = open_database(home)
    try:
        deliverer = Deliverer(db, Ledger(db, "shop"), RefusedStore(db, "shop", Sealer(home)), run_id="r1")
        resource = resource_of(crm.client, next(each for each in ENTITIES if each.name == entity.name))
        delivery = deliverer.deliver(entity, [records], resource, sources)
    finally:
        db.close()
    (counts,) = delivery.counts.values()
    return counts


def web(crm: Crm) -> dict[int | None, int]:
    """ShopiMind's own source, for the shop and for its store."""
    number = next(source["id_data_source"] for source in crm.sources if source["is_default"])
    return {None: number, STORE: number}


@both("over_limit_status", 400, 413)
def test_a_request_of_more_items_than_the_real_limit_is_halved_until_it_fits(
    tmp_path: Path, switches: dict[str, Any]
) -> None:
    with Crm(**switches) as crm:
        # the documented limit is 50: as if the real one were lower than what the connector goes by
        counts = deliver(crm, tmp_path, dataclasses.replace(CUSTOMERS, per_request=120), customers(120), web(crm))
        assert (counts.sent, counts.refused, counts.failed) == (120, 0, 0)
        assert len(crm.data.items("customers")) == 120
        assert len(crm.calls) < 40  # far from one by one


@both("all_rejected_status", 200, 400)
def test_a_request_of_bad_records_only_is_refused_record_by_record(tmp_path: Path, switches: dict[str, Any]) -> None:
    with Crm(**switches) as crm:
        bad = Records()
        for name in ("ml_1", "ml_2", "ml_3"):
            bad.send(name, {"customer_id": name, "email": "nobody"})
        counts = deliver(crm, tmp_path, CUSTOMERS, bad.table(), web(crm))
        assert (counts.sent, counts.refused, counts.failed) == (0, 3, 0)


@both("data_source", "required", "optional")
def test_every_record_names_its_data_source_whether_it_has_to_or_not(tmp_path: Path, switches: dict[str, Any]) -> None:
    with Crm(**switches) as crm:
        own = web(crm)
        parts = (
            (CUSTOMERS, customers(2)),
            (PRODUCTS, map_products(shop(), rows.to_table([product()], rows.PRODUCTS), {})),
            (ORDERS, mapped(shop(), sale()).records),
        )
        for entity, records in parts:
            counts = deliver(crm, tmp_path, entity, records, own)
            assert (counts.sent, counts.refused) == (records.num_rows, 0)
            assert {item["id_data_source"] for item in crm.data.items(entity.name)} == {own[None]}


@both("inactive_source", "accept", "refuse")
def test_records_arrive_under_a_source_that_had_been_deactivated(tmp_path: Path, switches: dict[str, Any]) -> None:
    wanted = WantedSource({"connector": "pos-to-shopimind", "pos": "till", "account": "lea"}, "Léa", "Léa (lea)", True)
    with Crm(**switches) as crm:
        (made,) = ensure_sources(crm.client, [wanted])
        assert made.id_data_source is not None
        assert crm.client.data_sources.delete(made.id_data_source).ok
        (found,) = ensure_sources(crm.client, [wanted])
        assert (found.id_data_source, found.outcome) == (made.id_data_source, "sent")
        counts = deliver(crm, tmp_path, CUSTOMERS, customers(3), {None: made.id_data_source, 1: made.id_data_source})
        assert (counts.sent, counts.refused, counts.failed) == (3, 0, 0)
        assert len(crm.data.items("customers")) == 3


@both("empty_order_products", "accept", "refuse")
def test_a_sale_without_lines_is_never_sent_and_its_neighbours_are(tmp_path: Path, switches: dict[str, Any]) -> None:
    with Crm(**switches) as crm:
        records = mapped(shop(), sale(sale_id=41), sale(sale_id=42, lines=[]), sale(sale_id=43)).records
        counts = deliver(crm, tmp_path, ORDERS, records, web(crm))
        assert (counts.sent, dict(counts.skipped), counts.refused) == (2, {"no_line": 1}, 0)
        assert {item["order_id"] for item in crm.data.items("orders")} == {"ml_41", "ml_43"}
        assert all(item["products"] for item in crm.data.items("orders"))


@both("lang_in_key", True, False)
def test_a_product_that_changes_stays_one_row(tmp_path: Path, switches: dict[str, Any]) -> None:
    with Crm(**switches) as crm:
        for name in ("Marinière col rond", "Marinière col bateau"):
            table = map_products(shop(), rows.to_table([product(name=name)], rows.PRODUCTS), {})
            assert deliver(crm, tmp_path, PRODUCTS, table, web(crm)).sent == 1
        (item,) = crm.data.items("products")
        assert (item["name"], item["lang"]) == ("Marinière col bateau", "fr")


@both("label_comparison", "caseless", "exact")
@pytest.mark.parametrize("theirs", ["Léa", "LÉA", " léa "])
def test_somebody_elses_label_is_left_alone_however_it_is_written(theirs: str, switches: dict[str, Any]) -> None:
    wanted = WantedSource({"connector": "pos-to-shopimind", "pos": "till", "account": "lea"}, "Léa", "Léa (lea)", True)
    with Crm(**switches) as crm:
        other = {"label": theirs, "type": "api", "config": {"connector": "another"}}
        crm.client.data_sources.create(other).unwrap("source")
        assert [found.outcome for found in ensure_sources(crm.client, [wanted])] == ["sent"]
        assert [found.outcome for found in ensure_sources(crm.client, [wanted])] == ["unchanged"]
        labels = {source["label"]: json.loads(source["config"]) for source in crm.sources if source["config"]}
        assert labels == {theirs.strip(): {"connector": "another"}, "Léa (lea)": dict(wanted.key)}


@both("token_case", "exact", "ignored")
def test_the_token_is_sent_as_it_is(switches: dict[str, Any]) -> None:
    with Crm(**switches) as crm:
        assert crm.client.data_sources.list().ok
        with ShopiMind(TOKEN.upper(), crm.server.url) as shouting:  # as a merchant might paste it
            if switches["token_case"] == "ignored":
                assert shouting.data_sources.list().ok
            else:
                with pytest.raises(InstallationInactive):
                    list(shouting.data_sources.list_all())
