"""The resources of the ShopiMind API that are set up rather than synced: sources, definitions, events, lists, ...

Creating is never repeated by itself after a lost answer: read first (see `provisioning.py`), then create again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from connector.shopimind.envelope import Envelope
from connector.shopimind.resources import PAGE, Item, Listed, Resource, goes_on
from connector.shopimind.transport import encode, segment


class Administered(Resource):
    """A resource with creations, changes by id and deletions."""

    def create(self, item: Item) -> Envelope:
        return self.transport.call("POST", self.path, encode(item), replay=False)

    def delete(self, item_id: str | int) -> Envelope:
        return self.transport.call("DELETE", f"{self.path}/{segment(item_id)}", may_be_empty=True)

    def _patch(self, path: str, item: Item | None = None, *, replay: bool = True) -> Envelope:
        body = None if item is None else encode(item)
        return self.transport.call("PATCH", f"{self.path}/{path}", body, replay=replay, may_be_empty=True)


class DataSources(Administered):
    """Sources: one per shop and per store. `delete` deactivates; a deactivated one stays in the list."""

    def list(self, **query: Any) -> Envelope:
        """All of them at once, active or not, parents first."""
        return self._list(self.path, query)

    def list_all(self) -> Iterator[Any]:
        """Every source: one call, and more only if the answer says that there are. Raises `ShopiMindError`."""
        envelope = self.list()
        rows: Any = envelope.rows("list of data sources")
        offset, previous = 0, None
        while rows and rows != previous:  # a server that ignores the offset repeats itself
            yield from rows
            offset += len(rows)
            if not goes_on(envelope.data, offset, untold=False):
                return
            previous, envelope = rows, self.list(limit=PAGE, offset=offset)
            rows = envelope.rows(f"list of data sources from {offset}")

    def update(self, id_data_source: int, changes: Item) -> Envelope:
        return self.transport.call("PUT", f"{self.path}/{segment(id_data_source)}", encode(changes))


class CustomDataDefinitions(Administered, Listed):
    def get(self, id_definition: int) -> Envelope:
        return self._get(f"{self.path}/{segment(id_definition)}")

    def extend(self, id_definition: int, additions: Item) -> Envelope:
        """Adds fields and relationships; what is there cannot be changed. Not repeated after a lost answer."""
        return self._patch(f"{segment(id_definition)}/extend", additions, replay=False)

    def activate(self, id_definition: int) -> Envelope:
        """Only an active definition takes records; 409 means that it is active already."""
        return self._patch(f"{segment(id_definition)}/activate")

    def deactivate(self, id_definition: int) -> Envelope:
        return self._patch(f"{segment(id_definition)}/deactivate")

    def list_overrides(self, **query: Any) -> Envelope:
        return self._list(f"{self.path}/overrides", query)

    def update_overrides(self, schema: str, system_field: str, overrides: Sequence[Item]) -> Envelope:
        """At most three, by priority; none clears them."""
        query = {"target_system_schema": schema, "system_field_name": system_field}
        body = encode({"overrides": list(overrides)})
        return self.transport.call("PUT", f"{self.path}/overrides", body, query=query)


class Events(Administered, Listed):
    """`create` declares a kind of event (409: it exists), `trigger` makes one happen."""

    def get(self, id_event: int, fields: Sequence[str] | None = None) -> Envelope:
        return self._get(f"{self.path}/{segment(id_event)}", {"fields": fields})

    def update(self, changes: Item) -> Envelope:
        """`changes` has `id_event` and what is to change."""
        return self.transport.call("PATCH", self.path, encode(changes), may_be_empty=True)

    def list_histories(self, **query: Any) -> Envelope:
        return self._list(f"{self.path}/histories", query)

    def trigger(self, code_name: str, payload: Item) -> Envelope:
        """Never repeated unless it certainly was not taken: a second one would reach the customer twice."""
        path = f"{self.path}/trigger/{segment(code_name)}"
        return self.transport.call("POST", path, encode(payload), replay=False, may_be_empty=True)


class Lists(Administered, Listed):
    def get(self, id_list: int, fields: Sequence[str] | None = None) -> Envelope:
        return self._get(f"{self.path}/{segment(id_list)}", {"fields": fields})

    def update(self, id_list: int, changes: Item) -> Envelope:
        return self._patch(segment(id_list), changes)

    def list_contacts(self, id_list: int, **query: Any) -> Envelope:
        return self._list(f"{self.path}/{segment(id_list)}/contacts", query)


class Contacts(Resource):
    """The unified profiles that ShopiMind derives. Read only."""

    def get(self, fields: Sequence[str] | None = None, **identifier: str | int) -> Envelope:
        """`identifier` is exactly one of `id_shop_contact`, `id_customer_shop`, `contact_data_email`."""
        return self._get(self.path, {**identifier, "fields": fields})

    def list(self, **query: Any) -> Envelope:
        return self._list(f"{self.path}/all", query)

    def list_lists(self, id_contact: int) -> Envelope:
        return self._list(f"{self.path}/{segment(id_contact)}/lists", {})

    def list_tags(self, id_contact: int) -> Envelope:
        return self._list(f"{self.path}/{segment(id_contact)}/tags", {})

    def list_custom_data_definitions(self, id_contact: int) -> Envelope:
        return self._list(f"{self.path}/{segment(id_contact)}/custom-data-definitions", {})

    def list_consent_history(self, **query: Any) -> Envelope:
        return self._list("contact-consent-history", query)

    def list_messages_reject(self, **query: Any) -> Envelope:
        return self._list("contact-messages-reject", query)


class IntegrationConfig(Resource):
    """The values that the integration keeps for its shop."""

    def get(self) -> Envelope:
        return self._get(self.path)

    def set(self, values: Mapping[str, str | float | bool]) -> Envelope:
        return self.transport.call("PUT", self.path, encode(values))


class ShopConnection(Resource):
    """How an e-commerce connector presents itself; integrations have no use for it."""

    def save(self, configuration: Item, *, client_id: str, client_version: str, current_build: str) -> Envelope:
        headers = {"client-id": client_id, "client-version": client_version, "current-build": current_build}
        return self.transport.call("POST", self.path, encode(configuration), headers=headers, replay=False)
