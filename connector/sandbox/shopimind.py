"""The sandbox's ShopiMind API: its application, and the routes of the sync entities (customers, orders, ...)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox import crm_admin, crm_custom_data, crm_events, crm_page, crm_settings
from connector.sandbox.crm_call import (
    ApiError,
    Call,
    Handler,
    answer,
    bulk_answer,
    list_of_records,
    route,
)
from connector.sandbox.crm_disk import Row, compact
from connector.sandbox.crm_state import SEPARATOR, CrmState, Doc, Installation, ShopData
from connector.sandbox.crm_switches import CrmSwitches


@dataclass(frozen=True)
class Entity:
    """One sync entity: where it lives, what its id is called, and how many a request may carry."""

    name: str
    path: str
    id_field: str
    limit: int = 50
    translated: bool = False  # sent once per language, so the language is a part of the key
    owner: str | None = None  # the id in a nested path, which its flat items carry as a field
    listed: bool = True
    deleted: bool = True
    flat: str | None = None


ENTITIES = (
    Entity("orders", "orders", "order_id"),
    Entity("customers", "customers", "customer_id"),
    Entity("products", "products", "product_id", translated=True),
    Entity("addresses", "customers/{customer_id}/addresses", "address_id", owner="customer_id",
           flat="customers/addresses/bulk"),
    Entity("groups", "customers-groups", "group_id", 100, translated=True),
    Entity("newsletter", "newsletter-subscribers", "email", listed=False, deleted=False),
    Entity("categories", "products-categories", "category_id", 100, translated=True),
    Entity("manufacturers", "products-manufacturers", "manufacturer_id", 100),
    Entity("images", "products/{product_id}/images", "image_id", translated=True, owner="product_id", listed=False,
           flat="products/images/bulk"),
    Entity("variations", "products/{product_id}/variations", "variation_id", translated=True, owner="product_id",
           listed=False, flat="products/variations/bulk"),
    Entity("carriers", "orders-carriers", "carrier_id", 100),
    Entity("statuses", "orders-statuses", "status_id", 100, translated=True),
    Entity("vouchers", "vouchers", "voucher_id", translated=True),
)  # fmt: skip


def create_crm(
    installations: Iterable[Installation], path: Path | None = None, switches: CrmSwitches | None = None
) -> Starlette:
    """The API as an application; its state is `app.state.crm`. Without a `path` nothing outlives the process."""
    crm = CrmState(installations, path, switches)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        crm.disk.start()
        yield
        crm.disk.close()

    routes = [*_entity_routes(), *crm_custom_data.routes(), *crm_settings.routes(), *crm_events.routes()]
    routes += [*crm_admin.routes(), *crm_page.routes()]
    app = Starlette(routes=routes, lifespan=lifespan, exception_handlers={404: _no_route, 405: _no_route, 500: _broken})
    app.router.redirect_slashes = False
    app.state.crm = crm
    return app


async def _no_route(request: Request, _: Exception) -> Response:
    crm: CrmState = request.app.state.crm
    installation = crm.find(request.headers.get("spm-api-key", ""))
    if installation is None or installation.status != "active":
        return ApiError(401, "Unauthorized").response()
    return ApiError(404, f"Cannot {request.method} {request.url.path}").response()


async def _broken(request: Request, error: Exception) -> Response:
    return ApiError(500, f"Internal server error of the sandbox: {error!r}").response()


def _entity_routes() -> list[Route]:
    fixed = [route("POST", e.flat, save_of(e, whole=True)) for e in ENTITIES if e.flat]
    fixed += [
        route("GET", "orders/id/{order_id}", read_order),
        route("GET", "orders/reference/{reference}", read_order_by_reference),
        route("GET", "carts", list_carts),
    ]
    for entity in ENTITIES:
        if entity.deleted:
            fixed.append(route("POST", entity.path + "/bulk-delete", delete_many_of(entity)))
            fixed.append(route("DELETE", entity.path + f"/{{{entity.id_field}}}", delete_one_of(entity)))
        if entity.listed:
            fixed.append(route("GET", entity.path, list_of(entity)))
    saves = [
        route(method, entity.path, save_of(entity, whole=method == "POST"))
        for entity in ENTITIES
        for method in ("POST", "PUT")
    ]
    customer = [
        route("GET", "customers/{customer_id}", read_customer),
        route("GET", "customers/{customer_id}/groups", list_customer_groups),
    ]
    return [*saves, *fixed, *customer]


# --- saving --------------------------------------------------------------------------------------------------------


def save_of(entity: Entity, *, whole: bool) -> Handler:
    """Saves an array of items, each an upsert on its id; `whole` items carry every required field (POST)."""

    async def save(call: Call) -> Response:
        items = call.array_body(entity.limit)
        owner = call.request.path_params.get(entity.owner) if entity.owner else None
        sources, translated = call.data.sources, entity.translated and call.crm.switches.lang_in_key
        if call.crm.switches.inactive_source == "refuse":
            sources = {number: doc for number, doc in sources.items() if doc["active"]}
        rows: list[tuple[str, Row | None]] = []
        rejected: list[tuple[int, Any, list[str]]] = []
        for place, item in enumerate(items):
            full = _completed(call, entity, item, owner, whole=whole)
            errors = call.crm.rules.errors(entity.name, full, sources)
            if not errors and entity.name == "orders":
                errors = _order_references(call, full)
            if not errors and entity.name == "products":
                errors = _product_references(call, full)
            if not errors and entity.name == "categories":
                errors = _parent_category(call, full)
            if errors:
                rejected.append((place, item, errors))
                continue
            rows.append((_key(full, entity, translated), (full.get("id_data_source"), compact(full))))
            if entity.name == "customers":
                call.data.contact_of(contact_key(call, full))
        call.data.save(entity.name, rows)
        return bulk_answer(call, entity.name, len(rows), rejected)

    return save


def _key(item: Doc, entity: Entity, translated: bool) -> str:
    return f"{item[entity.id_field]}{SEPARATOR}{item['lang']}" if translated else str(item[entity.id_field])


def _completed(call: Call, entity: Entity, item: Any, owner: str | None, *, whole: bool) -> Any:
    """The item as it is to be stored: with its owner from the path, and for a PUT over what is already there."""
    if type(item) is not dict:
        return item
    if owner is not None:
        item = item | {entity.owner: owner}
    if whole or item.get(entity.id_field) is None:
        return item
    translated = entity.translated and call.crm.switches.lang_in_key and "lang" in item
    known = call.data.tables[entity.name].accepted.get(_key(item, entity, translated))
    return orjson.loads(known[1]) | item if known else item


def _order_references(call: Call, order: Doc) -> list[str]:
    if call.crm.switches.order_references == "free":
        return []
    missing = []
    for field, kind in (("status_id", "statuses"), ("carrier_id", "carriers")):
        value = order.get(field)
        if value is not None and not call.data.keys_of(kind, value):
            missing.append(f"{field} {value} does not exist")
    customer = order["customer"]["customer_id"]
    if customer and not call.data.keys_of("customers", customer):
        missing.append(f"customer.customer_id {customer} does not exist")
    return missing


def _product_references(call: Call, product: Doc) -> list[str]:
    if call.crm.switches.product_references == "free":
        return []
    named = [("categories", number) for number in product.get("category_ids") or []]
    named += [("manufacturers", product["manufacturer_id"])] if product.get("manufacturer_id") else []
    return [f"{kind} {value} does not exist" for kind, value in named if not call.data.keys_of(kind, value)]


def _parent_category(call: Call, category: Doc) -> list[str]:
    parent = category.get("parent_category_id")
    free = parent is None or call.crm.switches.parent_category == "free"
    return [] if free or call.data.keys_of("categories", parent) else [f"parent_category_id {parent} does not exist"]


def contact_key(call: Call, customer: Doc) -> str:
    """Which contact a customer belongs to."""
    if call.crm.switches.contact_per == "email" and customer["email"]:
        return "email:" + str(customer["email"]).casefold()
    return f"customer:{customer['customer_id']}"


# --- deleting ------------------------------------------------------------------------------------------------------


def delete_one_of(entity: Entity) -> Handler:
    """Deletes one id in every language; an unknown one is fine."""

    async def delete(call: Call) -> Response:
        _delete(call.data, entity, [call.path(entity.id_field)])
        return answer(call, {"success": True})

    return delete


def delete_many_of(entity: Entity) -> Handler:
    ids_field = entity.id_field + "s"

    async def delete(call: Call) -> Response:
        body = call.object_body()
        ids = body.get(ids_field)
        if set(body) != {ids_field} or type(ids) is not list:
            raise ApiError(400, [f"the body must be an object with the one key {ids_field}, an array"])
        if len(ids) > entity.limit:
            raise ApiError(
                call.crm.switches.over_limit_status, [f"{ids_field} must contain no more than {entity.limit} elements"]
            )
        _delete(call.data, entity, ids)
        return bulk_answer(call, entity.name, len(ids), [])

    return delete


def _delete(data: ShopData, entity: Entity, ids: list[Any]) -> None:
    data.save(entity.name, [(key, None) for each in ids for key in data.keys_of(entity.name, each)])


# --- reading -------------------------------------------------------------------------------------------------------


def list_of(entity: Entity) -> Handler:
    async def listing(call: Call) -> Response:
        owner = call.request.path_params.get(entity.owner) if entity.owner else None
        only = (lambda item: item[entity.owner] == owner) if owner is not None else None
        return list_of_records(call, entity.name, only)

    return listing


def _visible(data: ShopData, kind: str, key: str, name: str) -> Doc:
    data.settle()
    row = data.tables[kind].visible.get(key)
    if row is None:
        raise ApiError(404, f"{name} not found")
    found: Doc = orjson.loads(row[1])
    return found


async def read_customer(call: Call) -> Response:
    return answer(call, _visible(call.data, "customers", call.path("customer_id"), "Customer"))


async def list_customer_groups(call: Call) -> Response:
    customer = _visible(call.data, "customers", call.path("customer_id"), "Customer")
    wanted = customer.get("group_ids") or []
    return list_of_records(call, "groups", lambda group: group["group_id"] in wanted)


async def read_order(call: Call) -> Response:
    return answer(call, _visible(call.data, "orders", call.path("order_id"), "Order"))


async def read_order_by_reference(call: Call) -> Response:
    call.data.settle()
    reference = call.path("reference")
    needle = b'"reference":' + orjson.dumps(reference)
    for _, body in call.data.tables["orders"].visible.values():
        if needle in body:
            return answer(call, orjson.loads(body))
    raise ApiError(404, "Order not found")


async def list_carts(call: Call) -> Response:
    return list_of_records(call, "carts")
