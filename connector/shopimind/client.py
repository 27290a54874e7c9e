"""The ShopiMind API for one installation, as a Python counterpart of the official SDK."""

from __future__ import annotations

from types import TracebackType
from typing import Self

from connector.shopimind import administration as admin
from connector.shopimind.resources import (
    CustomDataRecords,
    Customers,
    Listed,
    Nested,
    Orders,
    Saved,
    Synced,
    SyncedList,
)
from connector.shopimind.transport import Transport

REFERENCE = 100  # items a request of reference data


class ShopiMind:
    """One installation's client; its attributes are the API's resources, named as in the official SDK.

    Every call returns an `Envelope` and raises nothing for a failure of HTTP or network (`list_all` does: it has items
    to give, not an envelope). `base_url` wins over the environment variable `SHOPIMIND_CORE_API_BASE`, which wins over
    the default; plain http is accepted to this machine only (`ValueError`). Bodies go as they are given: `label_source`
    is never added, so sync items carry their `id_data_source`. Safe to share between threads.
    """

    def __init__(self, access_token: str, base_url: str | None = None, *, requests_in_flight: int = 8) -> None:
        transport = Transport(access_token, base_url, requests_in_flight)
        self._transport = transport

        self.customers = Customers(transport, "customers", "customer_ids")
        self.customers_addresses = Nested(transport, SyncedList, "customers", "addresses", "address_ids")
        self.customers_groups = SyncedList(transport, "customers-groups", "group_ids", REFERENCE)
        self.newsletter_subscribers = Saved(transport, "newsletter-subscribers")

        self.products = SyncedList(transport, "products", "product_ids")
        self.products_categories = SyncedList(transport, "products-categories", "category_ids", REFERENCE)
        self.products_manufacturers = SyncedList(transport, "products-manufacturers", "manufacturer_ids", REFERENCE)
        self.products_images = Nested(transport, Synced, "products", "images", "image_ids")
        self.products_variations = Nested(transport, Synced, "products", "variations", "variation_ids")

        self.orders = Orders(transport, "orders", "order_ids")
        self.orders_carriers = SyncedList(transport, "orders-carriers", "carrier_ids", REFERENCE)
        self.orders_statuses = SyncedList(transport, "orders-statuses", "status_ids", REFERENCE)
        self.vouchers = SyncedList(transport, "vouchers", "voucher_ids")
        self.carts = Listed(transport, "carts")

        self.custom_data_definitions = admin.CustomDataDefinitions(transport, "custom-data-definitions")
        self.custom_data_records = CustomDataRecords(transport)

        self.data_sources = admin.DataSources(transport, "data-sources")
        self.integration_config = admin.IntegrationConfig(transport, "integration-config")
        self.events = admin.Events(transport, "events")
        self.contacts = admin.Contacts(transport, "contacts")
        self.lists = admin.Lists(transport, "lists")
        self.shop_connection = admin.ShopConnection(transport, "shop/connection")

    @property
    def base_url(self) -> str:
        """Where the API is, without the version."""
        return self._transport.base_url

    @property
    def attempts(self) -> int:
        """HTTP attempts made so far, retries included."""
        return self._transport.attempts

    def close(self) -> None:
        self._transport.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def __repr__(self) -> str:
        return f"<ShopiMind {self.base_url}>"
