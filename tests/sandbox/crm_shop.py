"""One installation at the sandbox's ShopiMind, as a client sees it, and items for it."""

from __future__ import annotations

from typing import Any

import httpx

from connector.sandbox.crm_state import CrmState, Installation
from connector.sandbox.serve import Server

NOW = "2026-05-02T17:05:00.000Z"


class Shop:
    """One installation as a client sees it, and the server's state behind it."""

    def __init__(self, url: str, token: str, crm: CrmState) -> None:
        self.http = httpx.Client(base_url=url + "/v1/", headers={"spm-api-key": token})
        self.crm, self.data = crm, crm.shop(token.removeprefix("int_"))

    def call(self, method: str, path: str, body: Any = None, **query: Any) -> httpx.Response:
        return self.http.request(method, path, json=body, params=query) if body is not None else self.http.request(
            method, path, params=query
        )  # fmt: skip

    def data_of(self, method: str, path: str, body: Any = None, **query: Any) -> Any:
        answer = self.call(method, path, body, **query)
        assert answer.status_code == 200, answer.text
        return answer.json()["data"]

    @property
    def web(self) -> int:
        """The id of the default source, which every shop has."""
        return int(next(n for n, source in self.data.sources.items() if source["is_default"]))

    def customer(self, number: object = 1, **changes: Any) -> dict[str, Any]:
        return {
            "customer_id": f"ml_{number}", "email": f"p{number}@example.com",
            "first_name": "Léa", "last_name": "Martin", "is_opt_in": True,
            "is_newsletter_subscribed": False, "lang": "fr", "is_active": True,
            "created_at": NOW, "updated_at": NOW, "id_data_source": self.web, **changes,
        }  # fmt: skip

    def product(self, **changes: Any) -> dict[str, Any]:
        return {
            "product_id": 117, "lang": "fr", "name": "Café", "description": "", "link": "https://shop.example/p/117",
            "currency": "EUR", "price": 6.9, "quantity_remaining": 42, "is_active": True,
            "created_at": NOW, "updated_at": NOW, "id_data_source": self.web, **changes,
        }  # fmt: skip

    def order(self, **changes: Any) -> dict[str, Any]:
        return {
            "order_id": "ml_1", "lang": "fr", "reference": "T-1", "status_id": "ml_completed",
            "customer": {"customer_id": "ml_1", "email": "p1@example.com", "created_at": NOW},
            "products": [{"product_id": 117, "price": 6.9, "price_without_tax": 6.54, "quantity": 2}],
            "cart_id": "ml_1", "cart_updated_at": NOW, "amount": 13.8, "amount_without_tax": 13.08,
            "shipping_costs": 0, "shipping_costs_without_tax": 0, "currency": "EUR", "is_confirmed": True,
            "created_at": NOW, "updated_at": NOW, "id_data_source": self.web, **changes,
        }  # fmt: skip

    def definition(self, **changes: Any) -> Any:
        field = {"name": "points", "label": "Points", "type": "number", "required": False}
        key = {"name": "contact_id", "label": "Contact", "type": "number", "required": True}
        relation = {"sourceField": "contact_id", "targetSchemaType": "system", "targetSchema": "contacts"}
        body = {
            "name": "pos_profile",
            "unique_keys": ["contact_id"],
            "fields": [key, field],
            "relationships": [relation],
        }
        return self.data_of("POST", "custom-data-definitions", body | changes)

    def active_definition(self, **changes: Any) -> int:
        number = int(self.definition(**changes)["id"])
        self.data_of("PATCH", f"custom-data-definitions/{number}/activate")
        return number

    def errors_of(self, path: str, item: Any) -> str:
        """Why the server refuses this one item; "" when it takes it."""
        answer = self.call("POST", path, [item]).json()
        assert answer["sent_count"] + answer["rejected_count"] == 1
        return "; ".join(error for entry in answer["rejected_items"] for error in entry["errors"])


def installed(server: Server, name: str) -> Shop:
    crm: CrmState = server.state.crm
    crm.shops.pop(name, None)
    crm.install(Installation(f"int_{name}", name))
    return Shop(server.url, f"int_{name}", crm)
