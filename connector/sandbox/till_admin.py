"""The sandbox's own doors, `/_sandbox/...`: look at a running till and change it. Not part of the Hiboutik API."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import orjson
from pydantic import ValidationError
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from connector.sandbox.accounts import KEYS
from connector.sandbox.till import Till
from connector.sandbox.till_sender import TillSender

if TYPE_CHECKING:
    from connector.sandbox.hiboutik import TillServer

Endpoint = Callable[[Request], Awaitable[Response]]


def admin_routes(server: TillServer) -> list[Route]:
    """
    | path | does |
    |---|---|
    | GET, POST `/_sandbox/switches` | all switches; set those given |
    | GET `/_sandbox/calls` | calls answered per account and month |
    | GET `/_sandbox/log` | the last calls |
    | POST `/_sandbox/{account}/credentials` | set login, api_key, oauth_token |
    | POST `/_sandbox/{account}/sales` | add a sale, or change that `sale_id` (see `Till.put_sale`) |
    | POST `/_sandbox/{account}/sales/{id}/close` | close an open ticket at the body's `completed_at` |
    | POST `/_sandbox/{account}/{kind}` | add or change a row (stores, customers, products, stock, ...) |
    | POST `/_sandbox/{account}/products/{id}/archive` | archive a product |
    | DELETE `/_sandbox/{account}/{kind}/{id}` | delete a row; sales keep its id |

    Sales that are closed or changed here, and customers, are pushed to the webhooks that are registered for them.

    POSTs take a JSON object and answer with the stored row. 404: unknown account, kind or id; 422: cannot be done.
    """

    def guarded(endpoint: Callable[[Request], Awaitable[Any]]) -> Endpoint:
        async def answer(request: Request) -> Response:
            try:
                body = await endpoint(request)
            except LookupError as error:
                return _json({"error": str(error)}, 404)
            except (ValidationError, ValueError) as error:
                return _json({"error": str(error)}, 422)
            server.keep()
            return _json(body)

        return answer

    doors = _Doors(server)
    return [
        Route("/_sandbox/switches", guarded(doors.switches), methods=["GET", "POST"]),
        Route("/_sandbox/calls", guarded(doors.calls)),
        Route("/_sandbox/log", guarded(doors.log)),
        Route("/_sandbox/{account}/credentials", guarded(doors.credentials), methods=["POST"]),
        Route("/_sandbox/{account}/sales", guarded(doors.put_sale), methods=["POST"]),
        Route("/_sandbox/{account}/sales/{id:int}/close", guarded(doors.close_sale), methods=["POST"]),
        Route("/_sandbox/{account}/products/{id:int}/archive", guarded(doors.archive), methods=["POST"]),
        Route("/_sandbox/{account}/{kind}", guarded(doors.put), methods=["POST"]),
        Route("/_sandbox/{account}/{kind}/{id:int}", guarded(doors.delete), methods=["DELETE"]),
    ]


class _Doors:
    def __init__(self, server: TillServer) -> None:
        self.server = server
        self.sender = TillSender(server)

    async def switches(self, request: Request) -> Any:
        if request.method == "POST":
            change = await _object(request)
            checked = type(self.server.switches)(**(self.server.switches.model_dump() | change))
            for name in change:  # the same object, because tests hold it as app.state.switches
                setattr(self.server.switches, name, getattr(checked, name))
        return self.server.switches.model_dump()

    async def calls(self, request: Request) -> Any:
        return self.server.calls()

    async def log(self, request: Request) -> Any:
        return [entry._asdict() for entry in self.server.log]

    async def credentials(self, request: Request) -> Any:
        account, change = self._till(request).account, await _object(request)
        if unknown := set(change) - {"login", "api_key", "oauth_token"}:
            raise ValueError(f"not a credential: {', '.join(sorted(unknown))}")
        for name, value in change.items():
            setattr(account, name, value)
        return {"changed": sorted(change)}

    async def put_sale(self, request: Request) -> Any:
        till = self._till(request)
        sale = till.put_sale(await _object(request))
        await self.sender.sale_changed(till, sale)
        return sale

    async def close_sale(self, request: Request) -> Any:
        till, sale_id = self._till(request), request.path_params["id"]
        if till.sale(sale_id) is None:
            raise LookupError(f"no sale {sale_id}")
        sale = till.put_sale({"sale_id": sale_id, "quotation": 0} | await _object(request))
        await self.sender.sale_changed(till, sale)
        return sale

    async def archive(self, request: Request) -> Any:
        till, product_id = self._till(request), request.path_params["id"]
        if till.row("products", product_id) is None:
            raise LookupError(f"no product {product_id}")
        return till.put("products", {"product_id": product_id, "product_arch": 1})

    async def put(self, request: Request) -> Any:
        till, kind = self._till(request), _kind(request)
        row = till.put(kind, await _object(request))
        if kind == "customers":
            await self.sender.customer_changed(till, row["customers_id"])
        return row

    async def delete(self, request: Request) -> Any:
        kind, key = _kind(request), request.path_params["id"]
        till = self._till(request)
        if not till.delete(kind, key):
            raise LookupError(f"no row {key} in {kind}")
        if kind == "customers":
            await self.sender.customer_changed(till, key)
        return {"deleted": key}

    def _till(self, request: Request) -> Till:
        name = request.path_params["account"]
        if name not in self.server.tills:
            raise LookupError(f"no account {name}")
        return self.server.tills[name]


def _kind(request: Request) -> str:
    kind = str(request.path_params["kind"])
    if kind not in KEYS:
        raise LookupError(f"no kind {kind}; there are {', '.join(KEYS)}, sales")
    return kind


async def _object(request: Request) -> dict[str, Any]:
    body = orjson.loads(await request.body() or b"{}")
    if not isinstance(body, dict):
        raise ValueError("the body is not a JSON object")
    return body


def _json(body: Any, status: int = 200) -> Response:
    return Response(orjson.dumps(body), status, media_type="application/json")
