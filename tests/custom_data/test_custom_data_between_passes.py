"""Custom data of customers whose rows were read by themselves since the list was: each of them makes one record."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import yaml

from tests.assets.conftest import WEEK, World, making_world
from tests.conftest import NewState
from tests.custom_data.declarations import VIP
from tests.sync.world import CUSTOMERS, day, sale


@pytest.fixture
def world(new_state: NewState) -> Iterator[World]:
    with making_world(new_state) as made:
        file = made.folder / "shops.yaml"
        document = yaml.safe_load(file.read_text("utf-8"))
        document["shops"][0]["custom_data"] = [VIP]
        file.write_text(yaml.safe_dump(document, allow_unicode=True), "utf-8")
        yield made


def test_a_customer_who_was_read_anew_is_sent_once_as_he_is_now(world: World) -> None:
    assert world.run(days=WEEK).success
    till = world.sandbox.till.tills["alpha"]
    till.put("customers", {**CUSTOMERS[0], "loyalty_points": "77"})
    till.put_sale(sale(601, day(0), customer=101, at="00:00:01"))
    for sent in (1, 0):
        assert world.run(job="today_alpha", days=[day(0)], only_due=True).success
        with world.looking() as run:
            (line,) = [
                each
                for each in run.log.entities(run.log.last_run("alpha")["run_id"], "alpha")
                if each["entity"] == "vip_card"
            ]
        assert (line["counts"]["read"], line["counts"]["sent"]) == (3, sent)
    cards = {each["card"]: each for each in world.sandbox.crm.shops["alpha"].records("vip_card")}
    assert cards["VIP-101"]["points"] == 77
