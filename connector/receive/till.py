"""`POST /pos/{shop}/{secret}`: what a shop's till pushes, kept durably and answered at once. A run delivers it."""

from __future__ import annotations

import asyncio
import logging
import re
import secrets
from collections.abc import Callable
from functools import partial

import anyio
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from connector.config import Shop
from connector.mapping.identifiers import is_pos_id
from connector.pos.systems import pushed_customer_id, pushed_sale_id
from connector.receive.body import Unread, read_body
from connector.receive.budget import BUDGET, within_budget
from connector.receive.rate import RateLimit
from connector.shop_run import State
from connector.state.changed_customers import ChangedCustomers
from connector.state.errors import StateError
from connector.state.till_inbox import TillInbox

log = logging.getLogger(__name__)

PATH = "/pos/{shop}/{secret}"
BODY_LIMIT = 4 * 1024 * 1024  # bytes: a sale of a thousand lines

_KEY = re.compile(r"[a-z0-9-]{1,40}")  # of any shop: nothing else is looked for, or logged
_NOBODYS = secrets.token_urlsafe(32)  # what an unknown shop's secret is compared with, to take as long
_THREADS = 8  # that may wait for the database: of their own, so that webhooks of ShopiMind find theirs free


def till_routes(find_shop: Callable[[str], Shop | None], state: State, unbelieved: RateLimit) -> list[Route]:
    """The route, for the shops that `find_shop` gives by key. A shop without `pos.webhook_secret` has none.

    | answer | when |
    |---|---|
    | 200 `{}` | kept; of a customer his number, where `pos.erase_deleted` needs it; or nothing to keep: all else is read |
    | 404 | unknown shop, no secret or a wrong one: which of them is not told |
    | 408 | the body did not come within 10 s |
    | 413 | the body is over 4 MiB |
    | 429 | `unbelieved` allows no more of these 404 to that client for that shop: the secret is not looked at |
    | 503 | it could not be kept, or not within the budget of an answer; polling finds the sale |
    """
    threads = anyio.CapacityLimiter(_THREADS)

    async def receive(request: Request) -> Response:
        key = request.path_params["shop"] if _KEY.fullmatch(request.path_params["shop"]) else ""
        # Tills call from their maker's servers: one whose secret is out of date must not keep the others of that address out.
        caller = f"{request.client.host if request.client else 'unknown'} {key}"
        if not unbelieved.allows(caller):
            return JSONResponse({"error": "rate limited"}, 429)
        try:
            began = asyncio.get_running_loop().time()
            shop = await within_budget(partial(find_shop, key), threads=threads) if key else None
            spent = asyncio.get_running_loop().time() - began
            if not _is_secret_of(shop, request.path_params["secret"]):
                unbelieved.take(caller)
                return JSONResponse({"error": "not found"}, 404)
            assert shop is not None  # nobody else has a secret
            body = await read_body(request, BODY_LIMIT)
            await within_budget(partial(_keep, shop, state, body), spent=spent, threads=threads)
        except Unread as why:
            log.warning(
                "shop %s: nothing was kept of what its till pushed: %s; the next poll finds it.", key, why.error
            )
            return JSONResponse({"error": why.error}, why.status, why.headers)
        except ClientDisconnect:
            return JSONResponse({"error": "disconnected"}, 400)  # nobody reads it
        except StateError as error:
            log.error("shop %s: what its till pushed was not kept; the next poll finds it. %s", key, error)
            return JSONResponse({"error": "not kept"}, 503)
        except TimeoutError:
            log.error("shop %s: what its till pushed was not kept within %.1f s; the next poll finds it.", key, BUDGET)
            return JSONResponse({"error": "not kept"}, 503)
        return JSONResponse({})  # a cashier would be shown what stands in "alerte"

    return [Route(PATH, receive, methods=["POST"])]


def _is_secret_of(shop: Shop | None, given: str) -> bool:
    """Takes as long for a wrong secret, an unknown shop and one without a secret."""
    secret = shop.pos.webhook_secret if shop is not None else None
    expected = _NOBODYS if secret is None else secret.get_secret_value()
    return secrets.compare_digest(given.encode(), expected.encode()) and secret is not None


def _keep(shop: Shop, state: State, body: bytes) -> None:
    sale_id = pushed_sale_id(shop.pos, body)
    if sale_id is not None:
        TillInbox(state.db, shop.key, state.sealer).put(sale_id, body)
    elif shop.pos.erase_deleted:
        customer_id = pushed_customer_id(shop.pos, body)
        if customer_id is not None and is_pos_id(customer_id):
            ChangedCustomers(state.db, shop.key).put(customer_id)
