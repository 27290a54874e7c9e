"""The ASGI application: its routes, who may call them, how much and how often, and the form of every answer."""

from __future__ import annotations

import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import Route

from connector.config import Configuration, Shop
from connector.receive import health, signature, till_answers
from connector.receive.body import CLOSES, Unread, check_length, read_body
from connector.receive.budget import BUDGET, within_budget
from connector.receive.lifecycle import SHOWN, Lifecycle, Unprocessable, Webhook
from connector.receive.purge import Purger
from connector.receive.rate import RateLimit
from connector.receive.till import till_routes
from connector.shop_run import State
from connector.shops import ConfigsMistake, installed_shop
from connector.state.errors import StateError
from connector.state.webhook_installations import WebhookInstallations

log = logging.getLogger(__name__)

WEBHOOK_LIMIT, QUESTION_LIMIT = 1024 * 1024, 64 * 1024  # bytes of a body


class Refused(Exception):
    """The request is answered with this status and `{"success": false, "error": ...}`."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


@dataclass
class Receiver:
    """What the routes work with. `file` is where the configuration was read."""

    file: Path
    configuration: Configuration
    state: State
    # of requests that are not believed, per address, of tills per shop too; of believed ones, per installation
    unbelieved: RateLimit = field(default_factory=lambda: RateLimit(per_second=1, burst=30))
    unbelieved_tills: RateLimit = field(default_factory=lambda: RateLimit(per_second=1, burst=30))
    believed: RateLimit = field(default_factory=lambda: RateLimit(per_second=2, burst=60))

    def __post_init__(self) -> None:
        assert self.configuration.receive is not None
        self.receive = self.configuration.receive
        self.lifecycle = Lifecycle(self.configuration, self.state.db, self.state.sealer)
        self.purger = Purger(self.state)

    @property
    def secrets(self) -> list[str]:
        return [each.get_secret_value() for each in self.receive.webhook_secrets]

    def find_shop(self, key: str) -> Shop | None:
        """The shop whose till pushes to that key: of the file, or one that an activation made, as long as it is installed.

        Raises `StateError`.
        """
        for shop in self.configuration.shops:
            if shop.key == key:
                return shop
        template = self.receive.installed_shops
        if template is None or template.pos.webhook_secret is None:
            return None
        installation = WebhookInstallations(self.state.db, self.state.sealer).of_shop(key)
        if installation is None or installation.webhook_secret is None:
            return None
        try:
            return installed_shop(installation, template)
        except ConfigsMistake:
            return None  # `connector status` tells its problem; polling finds the sale


def create_app(receiver: Receiver) -> Starlette:
    """The service over one configuration and one state; its state is `app.state.receiver`."""

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        receiver.purger.start()
        yield
        await run_in_threadpool(receiver.purger.stop)

    routes = [
        _route("POST", "/webhook/receive", receive_webhook),
        _route("POST", "/webhook/test-connection", test_connection),
        _route("POST", "/webhook/remote-data/{resource}", remote_data),
        _route("GET", "/health", show_health),
        *till_routes(receiver.find_shop, receiver.state, receiver.unbelieved_tills),
    ]
    app = Starlette(routes=routes, lifespan=lifespan)
    app.router.redirect_slashes = False
    app.state.receiver = receiver
    return app


def answer(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A JSON answer."""
    sent = {"Cache-Control": "no-store", **(headers or {})}
    return Response(orjson.dumps(body), status, media_type="application/json", headers=sent)


def _route(method: str, path: str, handler: Callable[[Request, Receiver], Awaitable[Response]]) -> Route:
    async def endpoint(request: Request) -> Response:
        try:
            return await handler(request, request.app.state.receiver)
        except (Refused, Unread) as why:
            return answer({"success": False, "error": why.error}, why.status, why.headers)
        except ClientDisconnect:
            return answer({"success": False, "error": "disconnected"}, 400)  # nobody reads it
        except StateError as error:
            log.error("%s %s: %s", method, path, error)
            return answer({"success": False, "error": "internal_error"}, 503)
        except TimeoutError:
            log.error("%s %s: not done within %.1f s", method, path, BUDGET)
            return answer({"success": False, "error": "timeout"}, 503)
        except Exception as error:  # a mistake of ours: its text and traceback might show what it was working on
            log.error("%s %s: unexpected %s", method, path, type(error).__name__)
            return answer({"success": False, "error": "internal_error"}, 500)

    return Route(path, endpoint, methods=[method])


async def _believed(request: Request, receiver: Receiver, limit: int) -> Webhook:
    """The signed JSON object of a request. Raises `Unread`, or `Refused`: 401, 429, or 400 when it is no JSON object."""
    address = request.client.host if request.client else "unknown"
    check_length(request, limit)
    try:
        signature.check_headers(request.headers)  # most forgeries end here, unread
        body = await read_body(request, limit)
        timestamp = signature.verify(request.headers, body, receiver.secrets)
    except signature.Unsigned as unsigned:
        # Only now: behind a proxy all may share an address, and nobody's forgeries may keep ShopiMind's own webhooks out.
        if not receiver.unbelieved.take(address):
            raise Refused(429, "rate_limited", CLOSES) from None
        log.warning("%s from %s: not believed (%s)", request.url.path, address, unsigned.reason)
        raise Refused(401, "unauthorized", CLOSES) from None
    try:
        value = orjson.loads(body)
    except ValueError:
        raise Refused(400, "invalid_json") from None
    if not isinstance(value, dict):
        raise Refused(400, "invalid_json")
    webhook = Webhook(value, timestamp, request.headers[signature.SIGNATURE_HEADER].lower())
    if not receiver.believed.take(webhook.text("installation_id") or request.url.path):
        raise Refused(429, "rate_limited")
    return webhook


async def receive_webhook(request: Request, receiver: Receiver) -> Response:
    webhook = await _believed(request, receiver, WEBHOOK_LIMIT)
    try:
        await within_budget(partial(receiver.lifecycle.carry_out, webhook))
    except Unprocessable as why:
        log.warning("webhook of installation %s: %s", webhook.text("installation_id", SHOWN), why)
        return answer({"success": False, "error": str(why)})
    receiver.purger.wake()
    return answer({"success": True})


async def test_connection(request: Request, receiver: Receiver) -> Response:
    webhook = await _believed(request, receiver, QUESTION_LIMIT)
    problem = await _asked(partial(till_answers.connection_problem, receiver, webhook))
    return answer({"success": True} if problem is None else {"success": False, "error": problem})


async def remote_data(request: Request, receiver: Receiver) -> Response:
    webhook = await _believed(request, receiver, QUESTION_LIMIT)
    if request.path_params["resource"] != "stores":
        raise Refused(404, "unknown_resource")
    try:
        return answer({"data": await within_budget(partial(till_answers.stores, receiver, webhook))})
    except (till_answers.NoAnswer, TimeoutError) as why:
        return answer({"success": False, "error": str(why) or till_answers.TOO_SLOW, "data": []})


async def _asked(work: Callable[[], None]) -> str | None:
    try:
        await within_budget(work)
    except till_answers.NoAnswer as why:
        return str(why)
    except TimeoutError:
        return till_answers.TOO_SLOW
    return None


async def show_health(request: Request, receiver: Receiver) -> Response:
    problems = await health.problems(receiver.state, BUDGET)
    return answer({"status": "degraded" if problems else "ok", "problems": problems}, 503 if problems else 200)
