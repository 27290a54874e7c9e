"""Who may ask the sandbox's ShopiMind, what it answers to no known route, and its own controls."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from crm_shop import Shop

from connector.sandbox.crm_state import Installation
from connector.sandbox.crm_switches import CrmSwitches
from connector.sandbox.serve import Server
from connector.sandbox.shopimind import create_crm


def test_an_unknown_key_is_unauthorized(server: Server, shop: Shop) -> None:
    answer = httpx.get(server.url + "/v1/data-sources", headers={"spm-api-key": "int_nobody"})

    assert (answer.status_code, answer.json()) == (401, {"statusCode": 401, "message": "Unauthorized"})


def test_a_revoked_installation_is_unauthorized_on_everything_until_it_is_active_again(shop: Shop) -> None:
    shop.crm.set_status("lea", "revoked")

    assert [
        shop.call(*each).status_code for each in (("GET", "data-sources"), ("POST", "orders", []), ("GET", "x"))
    ] == [
        401,
        401,
        401,
    ]
    shop.crm.set_status("lea", "active")
    assert shop.call("GET", "data-sources").status_code == 200


def test_an_unknown_route_or_method_is_not_found(shop: Shop) -> None:
    assert shop.call("GET", "nothing").json()["message"] == "Cannot GET /v1/nothing"
    assert shop.call("PATCH", "customers", {}).status_code == 404


def test_a_body_that_is_not_json_is_refused(shop: Shop) -> None:
    answer = shop.http.post("customers", content=b'[{"customer_id":', headers={"content-type": "application/json"})

    assert answer.status_code == 400


@pytest.mark.parametrize("path", ["customers", "integration-config", "data-sources"])
def test_a_label_source_anywhere_is_refused_and_remembered_as_the_clients_mistake(shop: Shop, path: str) -> None:
    method = "PUT" if path == "integration-config" else "POST"

    answer = shop.call(method, path, [{"nested": {"label_source": "web"}}])

    assert answer.status_code == 400
    assert "label_source must not be sent" in shop.crm.complaints[0]


def test_switches_and_token_states_change_over_http(server: Server, shop: Shop) -> None:
    changed = httpx.post(server.url + "/_sandbox/switches", json={"all_rejected_status": 400})
    httpx.post(server.url + "/_sandbox/installations/lea", json={"status": "revoked"})

    assert changed.json()["all_rejected_status"] == 400
    assert shop.crm.switches.all_rejected_status == 400
    assert shop.call("GET", "data-sources").status_code == 401
    assert httpx.post(server.url + "/_sandbox/switches", json={"no_such_switch": 1}).status_code == 400


def test_contents_and_items_can_be_read_over_http(server: Server, shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1)])

    contents = httpx.get(server.url + "/_sandbox/contents", params={"token": "int_lea"}).json()
    items = httpx.get(server.url + "/_sandbox/items", params={"shop": "lea", "entity": "customers"}).json()

    assert contents["entities"]["customers"]["by_source"] == {str(shop.web): 1}
    assert items == [shop.customer(1)]


def test_the_page_shows_counts_and_refusals_but_no_address(server: Server, shop: Shop) -> None:
    shop.call("POST", "customers", [shop.customer(1), shop.customer(2, lang="français")])
    shop.active_definition()

    page = httpx.get(server.url + "/").text

    assert "lang must be an ISO 639-1 code" in page
    assert "pos_profile" in page
    assert "p***@example.com" in page
    assert "p2@example.com" not in page


def test_everything_survives_a_restart(tmp_path: Path) -> None:
    def run(step: int) -> Shop:
        crm_app = create_crm([Installation("int_lea", "lea")], tmp_path / "crm.sqlite", CrmSwitches(visibility_delay=0))
        with Server(crm_app, "crm") as server:
            shop = Shop(server.url, "int_lea", server.state.crm)
            shop.call("POST", "customers", [shop.customer(step)])
            if step == 1:
                number = shop.active_definition()
                shop.call("POST", "customers", [shop.customer("gone")])
                shop.call("DELETE", "customers/ml_gone")
            else:
                number = next(iter(shop.data.definitions))
            record = {"contact_id": {"by": "id_customer", "value": "ml_1"}, "points": step}
            shop.call("POST", f"custom-data-records/{number}", [record])
            return shop

    first, second = run(1), run(2)

    assert second.data.sources == first.data.sources
    assert [c["customer_id"] for c in second.data.items("customers")] == ["ml_1", "ml_2"]
    assert [r["points"] for r in second.data.records("pos_profile")] == [2]
    assert second.crm.next_id("data_sources") > second.web
