"""The calls that are compared: the official SDK's class, method and arguments, and ours."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from connector.shopimind.client import ShopiMind
from connector.shopimind.envelope import Envelope

Ours = Callable[[ShopiMind], Envelope]


def items(count: int) -> list[dict[str, Any]]:
    return [
        {"customer_id": f"c{n}", "first_name": "Léa", "group_ids": None, "id_data_source": 12} for n in range(count)
    ]


ADDRESS = {"address_id": 1, "customer_id": "c1"}
DEFINITION = {"name": "pos_profile", "unique_keys": ["contact_id"], "fields": []}
TRIGGER = {"contact": {"email": "lea@example.com"}, "metaData": {"total": 13.8}}
CHUNK = {"chunk": True}
PRICE = {"target_system_schema": "products", "system_field_name": "price"}
FILTERS = {"email": {"eq": "a b@example.com"}}

CALLS: list[tuple[list[Any], Ours]] = [
    (["SpmCustomers", "bulkSave", items(120), CHUNK], lambda c: c.customers.bulk_save(items(120))),
    (["SpmCustomers", "bulkSave", items(120)], lambda c: c.customers.bulk_save(items(120), chunk=False)),
    (["SpmCustomers", "bulkSave", [], CHUNK], lambda c: c.customers.bulk_save([])),
    (["SpmCustomers", "bulkSave", []], lambda c: c.customers.bulk_save([], chunk=False)),
    (
        ["SpmCustomers", "bulkSave", items(5), {"chunk": True, "chunkSize": 2}],
        lambda c: c.customers.bulk_save(items(5), chunk_size=2),
    ),
    (["SpmCustomers", "bulkUpdate", items(51), CHUNK], lambda c: c.customers.bulk_update(items(51))),
    (["SpmCustomers", "delete", "c1"], lambda c: c.customers.delete("c1")),
    (["SpmCustomers", "bulkDelete", ["c1", "c2"]], lambda c: c.customers.bulk_delete(["c1", "c2"])),
    (["SpmCustomers", "get", "c1", ["email", "lang"]], lambda c: c.customers.get("c1", ["email", "lang"])),
    (["SpmCustomers", "listGroups", "c1"], lambda c: c.customers.list_groups("c1")),
    (
        ["SpmCustomers", "list", {"limit": 5, "offset": 10, "filters": FILTERS, "x": True}],
        lambda c: c.customers.list(5, 10, filters=FILTERS, x=True),
    ),
    (["SpmCustomersGroups", "bulkSave", items(101), CHUNK], lambda c: c.customers_groups.bulk_save(items(101))),
    (
        ["SpmCustomersAddresses", "bulkSave", "c1", [ADDRESS], CHUNK],
        lambda c: c.customers_addresses.of("c1").bulk_save([ADDRESS]),
    ),
    (
        ["SpmCustomersAddresses", "bulkSaveAll", [ADDRESS], CHUNK],
        lambda c: c.customers_addresses.all.bulk_save([ADDRESS]),
    ),
    (["SpmCustomersAddresses", "delete", "c1", 4], lambda c: c.customers_addresses.of("c1").delete(4)),
    (["SpmCustomersAddresses", "bulkDelete", "c1", [4]], lambda c: c.customers_addresses.of("c1").bulk_delete([4])),
    (["SpmProducts", "bulkSave", items(51), CHUNK], lambda c: c.products.bulk_save(items(51))),
    (["SpmProducts", "bulkDelete", [1, 2]], lambda c: c.products.bulk_delete([1, 2])),
    (["SpmProductsCategories", "bulkSave", items(101), CHUNK], lambda c: c.products_categories.bulk_save(items(101))),
    (["SpmProductsCategories", "bulkDelete", [1]], lambda c: c.products_categories.bulk_delete([1])),
    (
        ["SpmProductsManufacturers", "bulkSave", items(101), CHUNK],
        lambda c: c.products_manufacturers.bulk_save(items(101)),
    ),
    (["SpmProductsManufacturers", "bulkDelete", ["m"]], lambda c: c.products_manufacturers.bulk_delete(["m"])),
    (["SpmProductsImages", "bulkSaveAll", items(2), CHUNK], lambda c: c.products_images.all.bulk_save(items(2))),
    (["SpmProductsImages", "bulkDelete", 5, ["i"]], lambda c: c.products_images.of(5).bulk_delete(["i"])),
    (
        ["SpmProductsVariations", "bulkSave", 5, items(51), CHUNK],
        lambda c: c.products_variations.of(5).bulk_save(items(51)),
    ),
    (["SpmProductsVariations", "bulkDelete", 5, [1]], lambda c: c.products_variations.of(5).bulk_delete([1])),
    (["SpmOrders", "bulkSave", items(51), CHUNK], lambda c: c.orders.bulk_save(items(51))),
    (["SpmOrders", "get", "o1"], lambda c: c.orders.get("o1")),
    (["SpmOrders", "getByReference", "T 1/2"], lambda c: c.orders.get_by_reference("T 1/2")),
    (["SpmOrders", "bulkDelete", ["o1"]], lambda c: c.orders.bulk_delete(["o1"])),
    (["SpmOrdersCarriers", "bulkSave", items(101), CHUNK], lambda c: c.orders_carriers.bulk_save(items(101))),
    (["SpmOrdersStatuses", "bulkSave", items(101), CHUNK], lambda c: c.orders_statuses.bulk_save(items(101))),
    (["SpmVouchers", "bulkSave", items(51), CHUNK], lambda c: c.vouchers.bulk_save(items(51))),
    (["SpmVouchers", "list", {"limit": 1}], lambda c: c.vouchers.list(1)),
    (["SpmCarts", "list", {"limit": 1}], lambda c: c.carts.list(1)),
    (["SpmDataSources", "list"], lambda c: c.data_sources.list()),
    (["SpmDataSources", "create", {"label": "x"}], lambda c: c.data_sources.create({"label": "x"})),
    (["SpmDataSources", "update", 4, {"active": True}], lambda c: c.data_sources.update(4, {"active": True})),
    (["SpmDataSources", "delete", 4], lambda c: c.data_sources.delete(4)),
    (["SpmIntegrationConfig", "get"], lambda c: c.integration_config.get()),
    (["SpmIntegrationConfig", "set", {"a": 1}], lambda c: c.integration_config.set({"a": 1})),
    (["SpmCustomDataDefinitions", "list", {"limit": 100}], lambda c: c.custom_data_definitions.list(100)),
    (["SpmCustomDataDefinitions", "get", 7], lambda c: c.custom_data_definitions.get(7)),
    (["SpmCustomDataDefinitions", "create", DEFINITION], lambda c: c.custom_data_definitions.create(DEFINITION)),
    (["SpmCustomDataDefinitions", "extend", 7, DEFINITION], lambda c: c.custom_data_definitions.extend(7, DEFINITION)),
    (["SpmCustomDataDefinitions", "activate", 7], lambda c: c.custom_data_definitions.activate(7)),
    (["SpmCustomDataDefinitions", "deactivate", 7], lambda c: c.custom_data_definitions.deactivate(7)),
    (["SpmCustomDataDefinitions", "delete", 7], lambda c: c.custom_data_definitions.delete(7)),
    (["SpmCustomDataDefinitions", "listOverrides"], lambda c: c.custom_data_definitions.list_overrides()),
    (
        ["SpmCustomDataDefinitions", "updateOverrides", PRICE, []],
        lambda c: c.custom_data_definitions.update_overrides("products", "price", []),
    ),
    (
        ["SpmCustomDataRecords", "bulkSave", 7, items(41), CHUNK],
        lambda c: c.custom_data_records.of(7).bulk_save(items(41)),
    ),
    (["SpmCustomDataRecords", "list", 7, {"limit": 5}], lambda c: c.custom_data_records.of(7).list(5)),
    (
        ["SpmCustomDataRecords", "update", 7, 9, {"points": 1}],
        lambda c: c.custom_data_records.of(7).update(9, {"points": 1}),
    ),
    (["SpmCustomDataRecords", "delete", 7, 9], lambda c: c.custom_data_records.of(7).delete(9)),
    (
        ["SpmCustomDataRecords", "bulkDelete", 7, list(range(21)), CHUNK],
        lambda c: c.custom_data_records.of(7).bulk_delete(list(range(21))),
    ),
    (["SpmEvents", "create", {"code_name": "x"}], lambda c: c.events.create({"code_name": "x"})),
    (["SpmEvents", "update", {"id_event": 1}], lambda c: c.events.update({"id_event": 1})),
    (["SpmEvents", "get", 1, ["name"]], lambda c: c.events.get(1, ["name"])),
    (["SpmEvents", "list"], lambda c: c.events.list()),
    (["SpmEvents", "listHistories"], lambda c: c.events.list_histories()),
    (["SpmEvents", "trigger", "pos purchase", TRIGGER], lambda c: c.events.trigger("pos purchase", TRIGGER)),
    (["SpmEvents", "delete", 1], lambda c: c.events.delete(1)),
    (["SpmContacts", "get", {"id_customer_shop": "c1"}], lambda c: c.contacts.get(id_customer_shop="c1")),
    (["SpmContacts", "list", {"limit": 1}], lambda c: c.contacts.list(limit=1)),
    (["SpmContacts", "listLists", 3], lambda c: c.contacts.list_lists(3)),
    (["SpmContacts", "listTags", 3], lambda c: c.contacts.list_tags(3)),
    (["SpmContacts", "listConsentHistory"], lambda c: c.contacts.list_consent_history()),
    (["SpmContacts", "listMessagesReject"], lambda c: c.contacts.list_messages_reject()),
    (["SpmLists", "create", {"name": "VIP"}], lambda c: c.lists.create({"name": "VIP"})),
    (["SpmLists", "get", 4], lambda c: c.lists.get(4)),
    (["SpmLists", "update", 4, {"name": "VIP"}], lambda c: c.lists.update(4, {"name": "VIP"})),
    (["SpmLists", "listContacts", 4, {"limit": 2}], lambda c: c.lists.list_contacts(4, limit=2)),
    (["SpmLists", "delete", 4], lambda c: c.lists.delete(4)),
]
