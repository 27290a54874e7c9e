"""The sandbox's ShopiMind routes for custom events: their declaration, and triggering one."""

from __future__ import annotations

from typing import Any

from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.crm_call import ApiError, Call, answer, list_of_docs, route
from connector.sandbox.crm_checks import (
    Check,
    Field,
    Fields,
    boolean,
    day,
    field_errors,
    filled,
    integer,
    number,
    one_of,
    opt,
    req,
    text,
)
from connector.sandbox.crm_settings import checked_body
from connector.sandbox.crm_state import Doc, now_text

SLOTS = ("metaData", "customData", "contact.customData", "visitor.customData")
_TYPES: dict[str, Check] = {
    "bool": boolean,
    "text": text,
    "longtext": text,
    "number": number,
    "decimal": number,
    "date": day,
    "json": lambda value: None if type(value) in (dict, list) else "must be an object or an array",
}


def routes() -> list[Route]:
    return [
        route("POST", "events/trigger/{code_name}", trigger_event),
        route("GET", "events", list_events),
        route("POST", "events", create_event),
        route("PATCH", "events", update_event),
        route("GET", "events/histories", list_triggers),
        route("GET", "events/{id}", read_event),
        route("DELETE", "events/{id}", delete_event),
    ]


_PROPERTY: Fields = {
    "name": req(filled),
    "type": req(one_of(*_TYPES)),
    "required": req(boolean),
    "description": opt(text),
}


def _name(value: Any) -> str | None:
    """A text, or one text per language."""
    if type(value) is dict and value and all(type(each) is str and each for each in value.values()):
        return None
    return filled(value) if type(value) is not dict else "must hold one text per language"


def _properties(value: Any) -> str | None:
    if type(value) is not dict or not set(value) <= set(SLOTS):
        return f"must be an object with the keys {', '.join(SLOTS)}"
    for slot, fields in value.items():
        if type(fields) is not list or any(type(each) is not dict for each in fields):
            return f"{slot} must be an array of objects"
        for place, each in enumerate(fields):
            if errors := field_errors(each, _PROPERTY, unknown="refuse", at=f"{slot}.{place}."):
                return "is not valid: " + "; ".join(errors)
    return None


_EVENT: Fields = {"name": req(_name), "code_name": req(filled), "properties": opt(_properties)}
_EVENT_CHANGE: Fields = {
    "id_event": req(integer),
    "name": Field(_name, required=False),
    "code_name": Field(filled, required=False),
    "properties": opt(_properties),
}
_PERSON: Fields = {
    "id": Field(integer, required=False),
    "email": Field(filled, required=False),
    "phone": Field(filled, required=False),
    "customData": opt(lambda value: None if type(value) is dict else "must be an object"),
}


def _by_id(call: Call, number_: int) -> Doc:
    for event in call.data.docs["events"].values():
        if event["id_event"] == number_:
            return event
    raise ApiError(404, "Event not found")


async def list_events(call: Call) -> Response:
    return list_of_docs(call, call.data.docs["events"].values())


async def read_event(call: Call) -> Response:
    return answer(call, _by_id(call, call.path_int("id")))


async def create_event(call: Call) -> Response:
    body = checked_body(call, _EVENT)
    if body["code_name"] in call.data.docs["events"]:
        raise ApiError(409, f"An event with code_name {body['code_name']} already exists")
    event = {"id_event": call.crm.next_id("events"), **body, "created_at": now_text()}
    return answer(call, call.data.keep("events", body["code_name"], event), created=True)


async def update_event(call: Call) -> Response:
    body = checked_body(call, _EVENT_CHANGE)
    event = _by_id(call, body["id_event"])
    changed = event | body
    if changed["code_name"] != event["code_name"]:
        if changed["code_name"] in call.data.docs["events"]:
            raise ApiError(409, f"An event with code_name {changed['code_name']} already exists")
        call.data.drop("events", event["code_name"])
    return answer(call, call.data.keep("events", changed["code_name"], changed))


async def delete_event(call: Call) -> Response:
    number_ = call.path_int("id")
    for code_name, event in list(call.data.docs["events"].items()):
        if event["id_event"] == number_:
            call.data.drop("events", code_name)
    return answer(call, {"success": True})


async def trigger_event(call: Call) -> Response:
    """Every call counts once more: triggering is not idempotent."""
    code_name = call.path("code_name")
    event = call.data.docs["events"].get(code_name)
    if event is None:
        raise ApiError(404, f"Event {code_name} not found")
    body = call.object_body()
    if errors := _trigger_errors(event, body):
        raise ApiError(400, errors)
    number_ = call.crm.next_id("triggers")
    doc = {"id": number_, "code_name": code_name, "payload": body, "created_at": now_text()}
    call.data.keep(f"triggers:{code_name}", number_, doc)
    return answer(call, {"queued": True})


def _trigger_errors(event: Doc, body: Doc) -> list[str]:
    errors = [f"property {name} should not exist" for name in body if name not in ("contact", "visitor", *SLOTS)]
    if not body.get("contact") and not body.get("visitor"):
        errors.append("at least one of contact or visitor is required")
    for who in ("contact", "visitor"):
        if who in body:
            person = body[who] if type(body[who]) is dict else {"": None}
            errors += field_errors(person, _PERSON, unknown="refuse", at=f"{who}.")
    for slot, fields in (event.get("properties") or {}).items():
        owner, _, name = slot.rpartition(".")
        holder = body.get(owner) or {} if owner else body
        given = holder.get(name) if type(holder) is dict else None
        table = {f["name"]: req(_TYPES[f["type"]]) if f["required"] else opt(_TYPES[f["type"]]) for f in fields}
        errors += field_errors(given if type(given) is dict else {}, table, unknown="refuse", at=f"{slot}.")
    return errors


async def list_triggers(call: Call) -> Response:
    found = [doc for kind, docs in call.data.docs.items() if kind.startswith("triggers:") for doc in docs.values()]
    return list_of_docs(call, found)
