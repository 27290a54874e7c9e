"""How every route of the sandbox's ShopiMind is called and answers: key, body, errors, lists, bulk counters."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.crm_state import CrmState, Doc, ShopData, now_text
from connector.sandbox.shopimind_rules import find_label_source

BODY_LIMIT = 25 * 1024 * 1024  # bytes
DEFAULT_PAGE, LARGEST_PAGE = 10, 100  # a larger `limit` silently becomes the default


class ApiError(Exception):
    """Answers with this status and NestJS's error body; `message` is a text or the list of what does not validate."""

    REASONS: Mapping[int, str] = {400: "Bad Request", 404: "Not Found", 409: "Conflict", 413: "Payload Too Large"}

    def __init__(self, status: int, message: str | list[str]) -> None:
        super().__init__(message)
        self.status, self.message = status, message

    def response(self) -> Response:
        body: Doc = {"statusCode": self.status, "message": self.message}
        if self.status in self.REASONS:
            body["error"] = self.REASONS[self.status]
        return json_response(body, self.status)


def json_response(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")


@dataclass
class Call:
    """One authenticated request: whose it is and its parsed body (None when it has none)."""

    request: Request
    crm: CrmState
    data: ShopData
    body: Any

    def path(self, name: str) -> str:
        return str(self.request.path_params[name])

    def path_int(self, name: str) -> int:
        """A numeric path parameter; anything else answers 400."""
        text = self.path(name)
        if not text.isascii() or not text.isdigit():
            raise ApiError(400, "Validation failed (numeric string is expected)")
        return int(text)

    def query(self, name: str) -> str | None:
        value = self.request.query_params.get(name)
        return None if value is None else str(value)

    def object_body(self) -> Doc:
        if type(self.body) is not dict:
            raise ApiError(400, "the body must be an object")
        return self.body

    def array_body(self, limit: int) -> list[Any]:
        """The body as a list of at most `limit` items."""
        if type(self.body) is not list:
            raise ApiError(400, "the body must be an array")
        if len(self.body) > limit:
            raise ApiError(self.crm.switches.over_limit_status, [f"items must contain no more than {limit} elements"])
        return self.body


Handler = Callable[[Call], Awaitable[Response]]


def route(method: str, path: str, handler: Handler) -> Route:
    """A route under /v1 that checks the key first, then the body, then calls `handler`."""

    async def endpoint(request: Request) -> Response:
        crm: CrmState = request.app.state.crm
        installation = crm.find(request.headers.get("spm-api-key", ""))
        if installation is None or installation.status != "active":
            return ApiError(401, "Unauthorized").response()
        try:
            body = await _body(request, crm)
            return await handler(Call(request, crm, crm.shop(installation.shop), body))
        except ApiError as error:
            return error.response()

    return Route("/v1/" + path, endpoint, methods=[method])


async def _body(request: Request, crm: CrmState) -> Any:
    raw = await request.body()
    if not raw:
        return None
    if len(raw) > BODY_LIMIT:
        raise ApiError(413, "request entity too large")
    if not request.headers.get("content-type", "").startswith("application/json"):
        raise ApiError(400, "Content-Type must be application/json")
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise ApiError(400, f"the body is not JSON: {error}") from None
    if b"label_source" in raw and (place := find_label_source(body)):
        complaint = f"{request.method} {request.url.path}: {place} must not be sent (labelSource must be null)"
        crm.complaints.append(complaint)
        raise ApiError(400, [complaint])
    return body


def answer(call: Call, data: Any, *, created: bool = False) -> Response:
    """A single read or write: the payload under `data`."""
    status = call.crm.switches.create_status if created else 200
    return json_response({"statusCode": status, "data": data}, status)


def bulk_answer(call: Call, entity: str, sent: int, rejected: Sequence[tuple[int, Any, list[str]]]) -> Response:
    """Counters at the top level, with each refused item, its place and its errors."""
    switches = call.crm.switches
    for _, item, errors in rejected:
        call.data.refuse(entity, item, errors)
    if switches.reject_shape == "index":
        items = [{"index": place, "item": item, "errors": errors} for place, item, errors in rejected]
    else:
        items = [
            {"objectIndex": place, "object": item, "validationErrors": [{"message": each} for each in errors]}
            for place, item, errors in rejected
        ]
    status = switches.all_rejected_status if rejected and not sent else 200
    body = {"statusCode": status, "sent_count": sent, "rejected_count": len(rejected), "rejected_items": items}
    return json_response(body, status)


def list_answer(call: Call, total: int, page_of: Callable[[int, int], Iterable[Any]]) -> Response:
    """One page with `meta.pagination`. `page_of(offset, end)` gives its items as dicts or as compact JSON."""
    limit, offset = _whole(call, "limit", DEFAULT_PAGE), _whole(call, "offset", 0)
    if not 1 <= limit <= LARGEST_PAGE:
        limit = DEFAULT_PAGE
    wanted = call.request.query_params.getlist("fields[]")
    texts = call.crm.switches.numeric_ids == "string"
    items: list[Any] = []
    for item in page_of(offset, offset + limit):
        if wanted or texts:
            item = orjson.loads(item) if type(item) is bytes else item
            if wanted:
                item = {name: item[name] for name in wanted if name in item}
            items.append(_ids_as_texts(item) if texts else item)
        else:
            items.append(orjson.Fragment(item) if type(item) is bytes else item)
    page, pages = offset // limit + 1, max(1, -(-total // limit))
    pagination = {
        "total_items": total,
        "items_per_page": limit,
        "total_pages": pages,
        "current_page": page,
        "offset": offset,
        "has_previous_page": page > 1,
        "has_next_page": offset + limit < total,
        "next_page": page + 1 if offset + limit < total else None,
        "previous_page": page - 1 if page > 1 else None,
    }
    meta = {"pagination": pagination, "generated_at": now_text()}
    return json_response({"statusCode": 200, "data": items, "meta": meta})


def list_of_docs(call: Call, docs: Iterable[Doc]) -> Response:
    """A paged list of small documents."""
    chosen = [doc for doc in docs if matches(doc, filters(call))]
    return list_answer(call, len(chosen), lambda start, end: chosen[start:end])


def list_of_records(call: Call, kind: str, only: Callable[[Doc], bool] | None = None) -> Response:
    """A paged list of the visible records of a kind."""
    call.data.settle()
    table, wanted = call.data.tables[kind], filters(call)
    if only is None and not wanted:
        keys = table.keys()
        return list_answer(call, len(keys), lambda start, end: [table.visible[k][1] for k in keys[start:end]])
    found = [doc for _, body in table.visible.values() if matches(doc := orjson.loads(body), wanted)]
    chosen = [doc for doc in found if only is None or only(doc)]
    return list_answer(call, len(chosen), lambda start, end: chosen[start:end])


def filters(call: Call) -> dict[str, str]:
    """`filters[name][eq]=value` or `filters[name]=value`; the real syntax is not published, so others answer 400."""
    wanted = {}
    for key, value in call.request.query_params.multi_items():
        if key.startswith("filters["):
            name = key.removeprefix("filters[").removesuffix("[eq]").removesuffix("]")
            if "[" in name or "]" in name:
                raise ApiError(400, f"{key}: only the operator eq is known")
            wanted[name] = value
    return wanted


def matches(doc: Doc, wanted: Mapping[str, str]) -> bool:
    return all(str(doc.get(name)) == value for name, value in wanted.items())


def _whole(call: Call, name: str, default: int) -> int:
    text = call.query(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit():
        raise ApiError(400, f"{name} must be a whole number")
    return int(text)


def _ids_as_texts(value: Any, name: str = "") -> Any:
    if type(value) is dict:
        return {key: _ids_as_texts(each, key) for key, each in value.items()}
    if type(value) is list:
        return [_ids_as_texts(each, name.removesuffix("s")) for each in value]
    if type(value) is int and (name == "id" or name.startswith("id_") or name.endswith("_id")):
        return str(value)
    return value
