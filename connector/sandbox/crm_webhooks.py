"""The lifecycle of an installation as ShopiMind drives it: token states, and signed webhooks to the integration.

| route | does |
|---|---|
| `POST /_sandbox/webhooks` | `{"url", "secret"}`: where the integration takes webhooks, and what they are signed with |
| `POST /_sandbox/lifecycle/{shop}` | `{"event": one of `EVENTS`, "configs": {...}}`: the token follows, the webhook goes out |
| `POST /_sandbox/ask/{what}` | sends the body, signed, to `/webhook/{what}` |

The last two answer what the integration answered (`Answered`). `configs` are remembered for later events.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import secrets
import time
import urllib.error
import urllib.request
from dataclasses import dataclass
from typing import Any

import orjson
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import Response

from connector.sandbox.crm_call import ApiError, json_response
from connector.sandbox.crm_state import CrmState, Doc, Installation, Integration, Status

PATIENCE = 2.0  # seconds for the integration's answer
PAUSE = 2.0  # seconds before the one retry
EVENTS = {
    "install": "integration.installed",
    "activate": "integration.activated",
    "config_updated": "integration.config_updated",
    "deactivate": "integration.deactivated",
    "uninstall": "integration.uninstalled",
}
# Set before the webhook goes: a token works from just before the activation, and no more once it is to be revoked.
_TOKEN_STATUS: dict[str, Status] = {
    "install": "revoked",
    "activate": "active",
    "deactivate": "revoked",
    "uninstall": "revoked",
}


@dataclass(frozen=True)
class Answered:
    """What came back: `status` 0 when nothing did; `accepted` is the contract's success: exactly 200, `success` true."""

    status: int
    body: Any
    attempts: int = 1

    @property
    def accepted(self) -> bool:
        return self.status == 200 and isinstance(self.body, dict) and self.body.get("success") is True

    def as_json(self) -> Doc:
        return {"status": self.status, "body": self.body, "accepted": self.accepted, "attempts": self.attempts}


def installation_id(shop: str) -> str:
    """What the webhooks call a shop's installation."""
    return f"inst_{shop}"


def send(integration: Integration, path: str, body: Doc) -> Answered:
    """One signed request, as ShopiMind sends it."""
    raw, timestamp = orjson.dumps(body), str(int(time.time()))
    digest = hmac.new(integration.secret.encode(), f"{timestamp}.".encode() + raw, hashlib.sha256).hexdigest()
    headers = {
        "Content-Type": "application/json",
        "X-Shopimind-Timestamp": timestamp,
        "X-Shopimind-Signature": digest,
    }
    request = urllib.request.Request(integration.url.rstrip("/") + path, raw, headers, method="POST")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=PATIENCE) as answer:
            return Answered(answer.status, _parsed(answer.read()))
    except urllib.error.HTTPError as error:
        return Answered(error.code, _parsed(error.read()))
    except OSError:
        return Answered(0, None)


def _parsed(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except ValueError:
        return body.decode("utf-8", "replace")


async def _deliver(integration: Integration, event: str, body: Doc) -> Answered:
    """An installation is announced once; the rest is tried again when nothing, or a 5xx, came back."""
    answered = await run_in_threadpool(send, integration, "/webhook/receive", body)
    if event == "install" or 0 < answered.status < 500:
        return answered
    await asyncio.sleep(PAUSE)
    again = await run_in_threadpool(send, integration, "/webhook/receive", body)
    return Answered(again.status, again.body, attempts=2)


async def write_webhooks(request: Request, crm: CrmState) -> Response:
    body = orjson.loads(await request.body())
    crm.integration.url, crm.integration.secret = str(body["url"]), str(body["secret"])
    return json_response({"url": crm.integration.url})


async def drive_lifecycle(request: Request, crm: CrmState) -> Response:
    shop, body = request.path_params["shop"], orjson.loads(await request.body())
    event = body.get("event")
    if event not in EVENTS:
        raise ApiError(400, f"event is one of {', '.join(EVENTS)}")
    if not crm.integration.url:
        raise ApiError(409, "POST /_sandbox/webhooks first")
    return json_response((await _drive(crm, shop, event, body.get("configs"))).as_json())


async def _drive(crm: CrmState, shop: str, event: str, configs: Doc | None) -> Answered:
    integration = crm.integration
    if configs is not None:
        integration.configs[shop] = configs
    if event == "install":
        integration.tokens[shop] = "int_" + secrets.token_hex(16)
        crm.install(Installation(integration.tokens[shop], shop, "revoked"))
    token = integration.tokens.get(shop)
    if token is None:
        raise ApiError(404, f"shop {shop} has no installation: install it first")
    if event in _TOKEN_STATUS:
        crm.installations[token].status = _TOKEN_STATUS[event]
    sent: Doc = {
        "event": EVENTS[event],
        "installation_id": installation_id(shop),
        "shop_domain": f"{shop}.example",
        "shop_name": shop.replace("-", " ").title(),
    }
    if event == "install":
        sent["access_token"] = token
    if event in ("install", "activate", "config_updated"):
        sent["configs"] = integration.configs.get(shop, {})
    answered = await _deliver(integration, event, sent)
    if event == "uninstall" or (event == "install" and not answered.accepted):
        del crm.installations[token], integration.tokens[shop]  # dead: no later webhook brings it back
    return answered


async def ask(request: Request, crm: CrmState) -> Response:
    path = f"/webhook/{request.path_params['what']}"
    body = orjson.loads(await request.body())
    return json_response((await run_in_threadpool(send, crm.integration, path, body)).as_json())
