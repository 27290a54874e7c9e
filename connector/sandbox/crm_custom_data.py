"""The sandbox's ShopiMind routes for custom data: definitions, and the records that each of them accepts."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from typing import Any

import orjson
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.crm_call import ApiError, Call, answer, bulk_answer, list_of_docs, list_of_records, route
from connector.sandbox.crm_checks import (
    Check,
    Field,
    Fields,
    boolean,
    day,
    field_errors,
    filled,
    instant,
    integer,
    list_of,
    number,
    one_of,
    opt,
    req,
    text,
)
from connector.sandbox.crm_disk import Row, compact
from connector.sandbox.crm_settings import checked_body
from connector.sandbox.crm_state import Doc, now_text, records_kind

RECORD_LIMIT = 20
FIELD_TYPES = ("bool", "text", "longtext", "number", "decimal", "list", "date", "datetime", "json", "geolocation")
SYSTEM_SCHEMAS = ("contacts", "products")


def routes() -> list[Route]:
    base, one = "custom-data-definitions", "custom-data-definitions/{id}"
    records = "custom-data-records/{id}"
    return [
        route("POST", records, save_records),
        route("GET", records, list_records),
        route("DELETE", records, delete_record),
        route("POST", records + "/bulk-delete", delete_records),
        route("PATCH", records + "/{record_id}", update_record),
        route("GET", base, list_definitions),
        route("POST", base, create_definition),
        route("GET", one, read_definition),
        route("DELETE", one, delete_definition),
        route("PATCH", one + "/extend", extend_definition),
        route("PATCH", one + "/activate", activate_definition),
        route("PATCH", one + "/deactivate", deactivate_definition),
    ]


# --- definitions ---------------------------------------------------------------------------------------------------


def _anything(value: Any) -> str | None:
    return None


_FIELD: Fields = {
    "name": req(filled),
    "label": req(filled),
    "type": req(one_of(*FIELD_TYPES)),
    "required": req(boolean),
    "description": opt(text),
    "default": opt(_anything),
    "options": opt(list_of(filled)),
}
_RELATION: Fields = {
    "sourceField": req(filled),
    "targetSchemaType": req(one_of("system", "custom")),
    "targetSchema": req(filled),
    "targetField": opt(filled),
}


def _objects(fields: Fields) -> Check:
    def checked(value: Any) -> str | None:
        if type(value) is not list:
            return "must be an array"
        for place, each in enumerate(value):
            errors = field_errors(each, fields, unknown="refuse") if type(each) is dict else ["must be an object"]
            if errors:
                return f"is not valid at {place}: " + "; ".join(errors)
        return None

    return checked


_DEFINITION: Fields = {
    "name": req(filled),
    "description": opt(text),
    "unique_keys": opt(list_of(filled)),
    "fields": req(_objects(_FIELD)),
    "relationships": opt(_objects(_RELATION)),
}
_EXTENSION: Fields = {
    "name": Field(filled, required=False),
    "description": opt(text),
    "fields": opt(_objects(_FIELD)),
    "relationships": opt(_objects(_RELATION)),
}


async def list_definitions(call: Call) -> Response:
    """Deleted ones stay in the list, with their name; there is no order to rely on."""
    return list_of_docs(call, [_shown(call, each) for each in call.data.definitions.values()])


async def read_definition(call: Call) -> Response:
    return answer(call, _shown(call, _definition(call)))


async def create_definition(call: Call) -> Response:
    """A new one is `creating` until it is activated."""
    body = checked_body(call, _DEFINITION)
    _free_name(call, body["name"], None)
    doc: Doc = {
        "id_definition": call.crm.next_id("definitions"),
        "name": body["name"],
        "description": body.get("description"),
        "status": "creating",
        "unique_keys": body.get("unique_keys") or [],
        "fields": body["fields"],
        "relationships": body.get("relationships") or [],
        "created_at": now_text(),
        "updated_at": now_text(),
    }
    if errors := _structure_errors(call, doc):
        raise ApiError(400, errors)
    return answer(call, _shown(call, call.data.keep("definitions", doc["id_definition"], doc)), created=True)


async def extend_definition(call: Call) -> Response:
    """Append only: a field or relationship that is there already is refused."""
    doc, body = _definition(call), checked_body(call, _EXTENSION)
    if "name" in body:
        _free_name(call, body["name"], doc["id_definition"])
    changed = doc | {name: body[name] for name in ("name", "description") if name in body}
    changed["fields"] = doc["fields"] + (body.get("fields") or [])
    changed["relationships"] = doc["relationships"] + (body.get("relationships") or [])
    if errors := _structure_errors(call, changed):
        raise ApiError(400, errors)
    return answer(call, _shown(call, _store(call, changed)))


async def activate_definition(call: Call) -> Response:
    doc = _definition(call)
    if doc["status"] == "active" and call.crm.switches.activate_active_status == 409:
        raise ApiError(409, "Custom data definition is already active")
    return answer(call, _shown(call, _store(call, doc | {"status": "active"})))


async def deactivate_definition(call: Call) -> Response:
    return answer(call, _shown(call, _store(call, _definition(call) | {"status": "inactive"})))


async def delete_definition(call: Call) -> Response:
    doc = call.data.definitions.get(call.path_int("id"))
    if doc is None:
        raise ApiError(400, "Custom data definition not found")
    _store(call, doc | {"status": "deleted"})
    return answer(call, {"success": True})


def _store(call: Call, doc: Doc) -> Doc:
    return call.data.keep("definitions", doc["id_definition"], doc | {"updated_at": now_text()})


def _definition(call: Call) -> Doc:
    doc = call.data.definitions.get(call.path_int("id"))
    if doc is None or doc["status"] == "deleted":
        raise ApiError(400, "Custom data definition not found")
    return doc


def _shown(call: Call, doc: Doc) -> Doc:
    shown = dict(doc)
    key = call.crm.switches.definition_id_key
    if key != "id_definition":
        shown["id"] = doc["id_definition"]
    if key == "id":
        del shown["id_definition"]
    if call.crm.switches.relationships_case == "snake":
        names = {"sourceField": "source_field", "targetSchemaType": "target_schema_type"}
        names |= {"targetSchema": "target_schema", "targetField": "target_field"}
        shown["relationships"] = [{names[k]: v for k, v in each.items()} for each in doc["relationships"]]
    return shown


def _free_name(call: Call, name: str, own_id: int | None) -> None:
    """Names ignore case, accents and trailing spaces (not leading ones); a deleted definition gives its name back."""
    for number_, other in call.data.definitions.items():
        if number_ != own_id and other["status"] != "deleted" and _folded(other["name"]) == _folded(name):
            raise ApiError(
                call.crm.switches.duplicate_definition_status, "custom data definition name is already used."
            )


def _folded(name: str) -> str:
    letters = unicodedata.normalize("NFKD", name.rstrip())
    return "".join(each for each in letters if not unicodedata.combining(each)).casefold()


def _structure_errors(call: Call, doc: Doc) -> list[str]:
    names = [field["name"] for field in doc["fields"]]
    errors = [f"field {name} is defined twice" for name in dict.fromkeys(names) if names.count(name) > 1]
    errors += [f"unique key {key} is not a field" for key in doc["unique_keys"] if key not in names]
    errors += [f"list {f['name']} needs options" for f in doc["fields"] if f["type"] == "list" and not f.get("options")]
    seen = set()
    for each in doc["relationships"]:
        if each["sourceField"] not in names:
            errors.append(f"relationship source {each['sourceField']} is not a field")
        if each["sourceField"] in seen:
            errors.append(f"field {each['sourceField']} has two relationships")
        seen.add(each["sourceField"])
        target = each["targetSchema"]
        if each["targetSchemaType"] == "system":
            if target not in SYSTEM_SCHEMAS:
                errors.append(f"system schema {target} is not known")
        elif not target.isdigit() or int(target) not in call.data.definitions:
            errors.append(f"target definition {target} does not exist")
    return errors


# --- records -------------------------------------------------------------------------------------------------------


def _option(options: list[str]) -> Check:
    allowed = one_of(*options)
    return lambda value: list_of(allowed)(value) if type(value) is list else allowed(value)


def _json(value: Any) -> str | None:
    return None if type(value) in (dict, list) else "must be an object or an array"


_PLAIN: dict[str, Check] = {
    "bool": lambda value: None if type(value) is bool else "must be a boolean value",
    "text": text,
    "longtext": text,
    "number": number,
    "decimal": number,
    "date": day,
    "datetime": instant,
    "json": _json,
    "geolocation": lambda value: None if type(value) in (dict, str) else "must be an object or a string",
}


def record_fields(definition: Doc) -> Fields:
    """The table of fields that a definition stands for."""
    related = {each["sourceField"] for each in definition["relationships"]}
    fields = {}
    for each in definition["fields"]:
        check = _option(each["options"]) if each["type"] == "list" else _PLAIN[each["type"]]
        if each["name"] in related:
            check = _target(check)
        fields[each["name"]] = req(check) if each["required"] else opt(check)
    return fields


def _target(plain: Check) -> Callable[[Any], str | None]:
    """A relation takes the target's id or a resolver."""
    resolver: Fields = {"by": req(one_of("email", "id_contact", "id_customer")), "value": req(_anything)}
    types: dict[str, Check] = {"email": filled, "id_customer": filled, "id_contact": integer}

    def checked(value: Any) -> str | None:
        if type(value) is not dict:
            return plain(value)
        errors = field_errors(value, resolver, unknown="refuse")
        if not errors and (problem := types[value["by"]](value["value"])):
            errors = [f"value {problem}"]
        return "is not a resolver: " + "; ".join(errors) if errors else None

    return checked


async def save_records(call: Call) -> Response:
    """Upserts on the definition's unique keys. A definition that is not active refuses every record."""
    definition, items = _definition(call), call.array_body(RECORD_LIMIT)
    kind, fields = records_kind(definition["id_definition"]), record_fields(definition)
    rows: list[tuple[str, Row | None]] = []
    rejected: list[tuple[int, Any, list[str]]] = []
    taken: dict[str, Doc] = {}
    for place, item in enumerate(items):
        errors, record = _checked_record(call, definition, fields, item)
        if errors:
            rejected.append((place, item, errors))
            continue
        keys = definition["unique_keys"]
        key = orjson.dumps([record[name] for name in keys]).decode() if keys else None
        known = taken.get(key) or _accepted(call, kind, key) if key else None
        record["id"] = known["id"] if known else call.crm.next_id("records")
        record["created_at"], record["updated_at"] = known["created_at"] if known else now_text(), now_text()
        key = key or str(record["id"])
        taken[key] = record
        rows.append((key, _row(record)))
    call.data.save(kind, rows)
    return bulk_answer(call, definition["name"], len(rows), rejected)


def _row(record: Doc) -> Row:
    source = record.get("id_data_source")
    return (source if type(source) is int else None, compact(record))


def _accepted(call: Call, kind: str, key: str) -> Doc | None:
    row = call.data.tables[kind].accepted.get(key)
    if row is None:
        return None
    found: Doc = orjson.loads(row[1])
    return found


def _checked_record(call: Call, definition: Doc, fields: Fields, item: Any) -> tuple[list[str], Doc]:
    """What is wrong with a record, and the record with its relations resolved and its defaults filled."""
    if definition["status"] != "active":
        return [f"custom data definition is not active ({definition['status']})"], {}
    if type(item) is not dict:
        return ["each record must be an object"], {}
    errors = field_errors(item, fields, unknown="refuse")
    record = {each["name"]: item.get(each["name"], each.get("default")) for each in definition["fields"]}
    for each in definition["relationships"] if not errors else ():
        name, value = each["sourceField"], record[each["sourceField"]]
        if type(value) is dict:
            contact, known = _resolve(call, value)
            record[name] = contact
            if not known and call.crm.switches.unresolved_relation == "reject":
                errors.append(f"{name}: no contact has {value['by']} {value['value']}")
    return errors, record


def _resolve(call: Call, resolver: Doc) -> tuple[int, bool]:
    """The contact that a resolver names and whether it exists; an unknown one gets a number that a later save keeps."""
    by, value, data = resolver["by"], resolver["value"], call.data
    if by == "id_contact":
        return value, any(doc["id_contact"] == value for doc in data.docs["contacts"].values())
    if by == "email":
        owners = [c for c in data.items("customers") if c["email"].casefold() == value.casefold()]
        key = f"customer:{owners[0]['customer_id']}" if owners else "email:" + value.casefold()
        return data.contact_of(key), bool(owners)
    row = data.tables["customers"].accepted.get(value)
    email = orjson.loads(row[1])["email"] if row else ""
    if email and call.crm.switches.contact_per == "email":
        return data.contact_of("email:" + email.casefold()), True
    return data.contact_of(f"customer:{value}"), row is not None


async def list_records(call: Call) -> Response:
    return list_of_records(call, records_kind(_definition(call)["id_definition"]))


def _find(call: Call, kind: str, record_id: str) -> tuple[str, Doc] | None:
    for key, (_, body) in call.data.tables[kind].accepted.items():
        if str((record := orjson.loads(body))["id"]) == record_id:
            return key, record
    return None


async def update_record(call: Call) -> Response:
    definition, body = _definition(call), call.object_body()
    kind = records_kind(definition["id_definition"])
    found = _find(call, kind, call.path("record_id"))
    if found is None:
        raise ApiError(404, "Custom data record not found")
    key, record = found
    fields = {name: field for name, field in record_fields(definition).items() if name in body}
    if errors := field_errors(body, fields, unknown="refuse"):
        raise ApiError(400, errors)
    record |= body | {"updated_at": now_text()}
    call.data.save(kind, [(key, _row(record))])
    return answer(call, record)


async def delete_record(call: Call) -> Response:
    kind = records_kind(_definition(call)["id_definition"])
    found = _find(call, kind, call.query("id") or "")
    if found:
        call.data.save(kind, [(found[0], None)])
    return answer(call, {"success": True})


async def delete_records(call: Call) -> Response:
    definition, ids = _definition(call), call.array_body(RECORD_LIMIT)
    kind = records_kind(definition["id_definition"])
    found = [each for each in (_find(call, kind, str(record_id)) for record_id in ids) if each]
    call.data.save(kind, [(key, None) for key, _ in found])
    return bulk_answer(call, definition["name"], len(found), [])
