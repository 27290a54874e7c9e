"""The sandbox's ShopiMind routes around the records: data sources, integration config, contacts and lists."""

from __future__ import annotations

from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.crm_call import ApiError, Call, answer, list_answer, list_of_docs, route
from connector.sandbox.crm_checks import (
    Field,
    Fields,
    boolean,
    field_errors,
    filled,
    integer_id,
    one_of,
    opt,
    req,
)
from connector.sandbox.crm_state import Doc, now_text


def routes() -> list[Route]:
    return [
        route("GET", "data-sources", list_sources),
        route("POST", "data-sources", create_source),
        route("PUT", "data-sources/{id}", update_source),
        route("DELETE", "data-sources/{id}", delete_source),
        route("GET", "integration-config", read_config),
        route("PUT", "integration-config", write_config),
        route("GET", "contacts", read_contact),
        route("GET", "contacts/all", list_contacts),
        route("GET", "lists", list_lists),
        route("POST", "lists", create_list),
        route("GET", "lists/{id}", read_list),
        route("GET", "lists/{id}/contacts", list_list_contacts),
        route("PATCH", "lists/{id}", update_list),
        route("DELETE", "lists/{id}", delete_list),
    ]


def checked_body(call: Call, fields: Fields) -> Doc:
    """The body as an object with these fields only; anything else answers 400 with every complaint."""
    body = call.object_body()
    if errors := field_errors(body, fields, unknown="refuse"):
        raise ApiError(400, errors)
    return body


# --- data sources --------------------------------------------------------------------------------------------------


def _config(value: Any) -> str | None:
    return None if type(value) in (str, dict) else "must be a string or an object"


_SOURCE: Fields = {
    "label": req(filled),
    "type": opt(filled),
    "config": opt(_config),
    "parent_id": opt(integer_id),
    "is_default": Field(boolean, required=False),
}
_SOURCE_CHANGE: Fields = {**_SOURCE, "label": Field(filled, required=False), "active": Field(boolean, required=False)}


async def list_sources(call: Call) -> Response:
    """All of them, active or not, as a plain array ordered by parent, then creation."""
    sources = sorted(call.data.sources.values(), key=lambda s: (s["parent_id"] or 0, s["id_data_source"]))
    if call.crm.switches.numeric_ids == "string":
        texts = ("id_data_source", "id_shop", "parent_id")
        sources = [s | {name: str(s[name]) for name in texts if s[name] is not None} for s in sources]
    return answer(call, sources)


async def create_source(call: Call) -> Response:
    body = checked_body(call, _SOURCE)
    label = _free_label(call, body["label"], None)
    parent = _parent(call, body.get("parent_id"), None)
    if body.get("is_default"):
        _no_other_default(call)
    source = call.crm.add_source(
        call.data,
        label,
        body.get("type"),
        is_default=body.get("is_default", False),
        config=_config_text(body.get("config")),
        parent_id=parent,
    )
    return answer(call, source, created=True)


async def update_source(call: Call) -> Response:
    source = _source(call)
    body = checked_body(call, _SOURCE_CHANGE)
    changed = source | body | {"updated_at": now_text()}
    if "label" in body:
        changed["label"] = _free_label(call, body["label"], source["id_data_source"])
    if "parent_id" in body:
        _parent(call, body["parent_id"], source["id_data_source"])
    if "config" in body:
        changed["config"] = _config_text(body["config"])
    if body.get("is_default"):
        _no_other_default(call)
    return answer(call, call.data.keep("data_sources", source["id_data_source"], changed))


async def delete_source(call: Call) -> Response:
    """Deactivates: the source stays listed, its children lose their parent. The default one cannot be deleted."""
    source = _source(call)
    if source["is_default"]:
        raise ApiError(400, "The default data source cannot be deleted")
    for child in call.data.sources.values():
        if child["parent_id"] == source["id_data_source"]:
            call.data.keep("data_sources", child["id_data_source"], child | {"parent_id": None})
    call.data.keep("data_sources", source["id_data_source"], source | {"active": False, "updated_at": now_text()})
    return answer(call, {"success": True})


def _source(call: Call) -> Doc:
    source = call.data.sources.get(call.path_int("id"))
    if source is None:
        raise ApiError(404, "Data source not found")
    return source


def _free_label(call: Call, label: str, own_id: int | None) -> str:
    """The trimmed label. It is unique per shop, deactivated sources included."""
    trimmed = label.strip()
    caseless = call.crm.switches.label_comparison == "caseless"
    wanted = trimmed.casefold() if caseless else trimmed
    for number, other in call.data.sources.items():
        taken = other["label"].casefold() if caseless else other["label"]
        if number != own_id and taken == wanted:
            raise ApiError(call.crm.switches.duplicate_label_status, "Data source label is already used")
    return trimmed


def _parent(call: Call, parent_id: int | None, own_id: int | None) -> int | None:
    sources, above = call.data.sources, parent_id
    while above is not None:
        if above not in sources:
            raise ApiError(400, "Parent data source not found")
        if above == own_id:
            raise ApiError(400, "A data source cannot be its own ancestor")
        above = sources[above]["parent_id"]
    return parent_id


def _config_text(config: Any) -> str | None:
    return config if config is None or type(config) is str else orjson.dumps(config).decode()


def _no_other_default(call: Call) -> None:
    for source in call.data.sources.values():
        if source["is_default"]:
            call.data.keep("data_sources", source["id_data_source"], source | {"is_default": False})


# --- integration config --------------------------------------------------------------------------------------------


async def read_config(call: Call) -> Response:
    return answer(call, {"values": {name: doc["value"] for name, doc in call.data.docs["config"].items()}})


async def write_config(call: Call) -> Response:
    body = call.object_body()
    if errors := [f"{k} must be a string, a number or a boolean" for k, v in body.items() if type(v) in (dict, list)]:
        raise ApiError(400, errors)
    for name, value in body.items():
        call.data.keep("config", name, {"value": value})
    return answer(call, {"success": True, "saved_count": len(body)})


# --- contacts: what ShopiMind makes of customers -------------------------------------------------------------------


def contacts(call: Call) -> list[Doc]:
    """One per contact: its id, e-mail and the customers behind it."""
    by_id: dict[int, Doc] = {}
    known = call.data.docs["contacts"]
    for row in call.data.items("customers"):
        doc = known.get(f"customer:{row['customer_id']}") or known.get("email:" + row["email"].casefold())
        if doc is None:
            continue
        contact = by_id.setdefault(
            doc["id_contact"],
            {"id_contact": doc["id_contact"], "id_shop_contact": doc["id_contact"], "email": row["email"]}
            | {"first_name": row["first_name"], "last_name": row["last_name"], "id_customer_shop": []},
        )
        contact["id_customer_shop"].append(row["customer_id"])
    return list(by_id.values())


async def read_contact(call: Call) -> Response:
    """By exactly one of `id_shop_contact`, `id_customer_shop`, `contact_data_email`."""
    fields = {"id_shop_contact": "id_shop_contact", "id_customer_shop": "id_customer_shop"}
    fields["contact_data_email"] = "email"
    given = [name for name in fields if call.query(name) is not None]
    if len(given) != 1:
        raise ApiError(400, f"exactly one of {', '.join(fields)} is expected")
    wanted = call.query(given[0])
    for contact in contacts(call):
        value = contact[fields[given[0]]]
        if wanted in value if type(value) is list else str(value) == wanted:
            return answer(call, contact)
    raise ApiError(404, "Contact not found")


async def list_contacts(call: Call) -> Response:
    return list_of_docs(call, contacts(call))


# --- lists ---------------------------------------------------------------------------------------------------------

_LIST: Fields = {"name": req(filled), "type": req(one_of("list", "segment"))}
_LIST_CHANGE: Fields = {
    "name": Field(filled, required=False),
    "segmentation_config": opt(lambda value: None),
    "keep_updated": Field(boolean, required=False),
}


async def list_lists(call: Call) -> Response:
    return list_of_docs(call, call.data.docs["lists"].values())


async def create_list(call: Call) -> Response:
    number = call.crm.next_id("lists")
    doc = {"id_shop_list": number, **checked_body(call, _LIST), "created_at": now_text()}
    return answer(call, call.data.keep("lists", number, doc), created=True)


def _list(call: Call) -> Doc:
    doc = call.data.docs["lists"].get(str(call.path_int("id")))
    if doc is None:
        raise ApiError(404, "List not found")
    return doc


async def read_list(call: Call) -> Response:
    return answer(call, _list(call))


async def list_list_contacts(call: Call) -> Response:
    _list(call)
    return list_answer(call, 0, lambda start, end: [])


async def update_list(call: Call) -> Response:
    doc = _list(call) | checked_body(call, _LIST_CHANGE)
    return answer(call, call.data.keep("lists", doc["id_shop_list"], doc))


async def delete_list(call: Call) -> Response:
    call.data.drop("lists", call.path_int("id"))
    return answer(call, {"success": True})
