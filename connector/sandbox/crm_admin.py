"""The controls of the sandbox's ShopiMind, outside its API: switches, token states, and what it holds.

| route | does |
|---|---|
| `GET, POST /_sandbox/switches` | reads the switches; changes those in the body |
| `POST /_sandbox/installations/{shop}` | `{"status": "active" or "revoked"}`; with `"token"` a new installation |
| `GET /_sandbox/contents?shop=` or `?token=` | counts per entity and source, sources, definitions, refusals |
| `GET /_sandbox/items?shop=&entity=` | every accepted record of an entity, or of a definition by its name |
| `GET /_sandbox/refused?shop=` | the last refused items |
| `GET /_sandbox/complaints` | client mistakes that no server should forgive |

`connector/sandbox/crm_webhooks.py` has those of the lifecycle.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import asdict

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox import crm_webhooks
from connector.sandbox.crm_call import ApiError, json_response
from connector.sandbox.crm_state import CrmState, Installation, ShopData


def routes() -> list[Route]:
    return [
        _control("GET", "switches", read_switches),
        _control("POST", "switches", write_switches),
        _control("POST", "installations/{shop}", write_installation),
        _control("GET", "contents", read_contents),
        _control("GET", "items", read_items),
        _control("GET", "refused", read_refused),
        _control("GET", "complaints", read_complaints),
        _control("POST", "webhooks", crm_webhooks.write_webhooks),
        _control("POST", "lifecycle/{shop}", crm_webhooks.drive_lifecycle),
        _control("POST", "ask/{what:path}", crm_webhooks.ask),
    ]


def _control(method: str, path: str, handler: Callable[[Request, CrmState], Awaitable[Response]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request, request.app.state.crm)
        except ApiError as error:
            return error.response()
        except ValueError as error:
            return ApiError(400, str(error)).response()

    return Route("/_sandbox/" + path, endpoint, methods=[method])


async def read_switches(request: Request, crm: CrmState) -> Response:
    return json_response(asdict(crm.switches))


async def write_switches(request: Request, crm: CrmState) -> Response:
    crm.switch(**orjson.loads(await request.body()))
    return json_response(asdict(crm.switches))


async def write_installation(request: Request, crm: CrmState) -> Response:
    shop, body = request.path_params["shop"], orjson.loads(await request.body())
    if body.get("status", "active") not in ("active", "revoked"):
        raise ApiError(400, "status is active or revoked")
    if "token" in body:
        crm.install(Installation(body["token"], shop, body.get("status", "active")))
    elif shop not in crm.shops:
        raise ApiError(404, f"no shop {shop}")
    else:
        crm.set_status(shop, body["status"])
    return json_response({"shop": shop, "status": body.get("status", "active")})


def _shop(request: Request, crm: CrmState) -> ShopData:
    name = request.query_params.get("shop")
    installation = crm.find(request.query_params.get("token", ""))
    name = installation.shop if installation else name
    if name is None or name not in crm.shops:
        raise ApiError(404, "name a shop that exists: ?shop= or ?token=")
    return crm.shops[name]


async def read_contents(request: Request, crm: CrmState) -> Response:
    return json_response(_shop(request, crm).contents())


async def read_items(request: Request, crm: CrmState) -> Response:
    data, entity = _shop(request, crm), request.query_params.get("entity", "")
    return json_response(data.items(entity) if entity in data.tables else data.records(entity))


async def read_refused(request: Request, crm: CrmState) -> Response:
    return json_response([asdict(each) for each in _shop(request, crm).refused])


async def read_complaints(request: Request, crm: CrmState) -> Response:
    return json_response(crm.complaints)
