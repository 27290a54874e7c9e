"""The Hiboutik API as a server: `/{account}/api/...`, with credentials, quota, paging and errors like the real one."""

from __future__ import annotations

import asyncio
import base64
import secrets
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import parse_qsl
from zoneinfo import ZoneInfo

import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from connector.sandbox.accounts import Row, TillAccount
from connector.sandbox.hiboutik_routes import Call, Listing, One, Reply, Value, reply_to
from connector.sandbox.till import Till
from connector.sandbox.till_admin import admin_routes
from connector.sandbox.till_switches import TillSwitches

PAGE = 250
CALLS_PER_STORE = 10_000
HTML = "<!DOCTYPE html><html><body><h1>Hiboutik</h1><p>Maintenance en cours</p></body></html>"


class Logged(NamedTuple):
    """One call as it was answered."""

    account: str
    method: str
    path: str  # after /api/, without slashes around it
    query: str
    status: int


class Refusal(Exception):
    """An error answer: status, then the `error`, `code` and `error_description` of its body."""

    def __init__(self, status: int, error: str, code: int, description: str) -> None:
        super().__init__(description)
        self.status = status
        self.body: Row = {"error": error, "code": code, "error_description": description, "details": {}}
        self.headers: dict[str, str] = {}


@dataclass
class TillServer:
    """All the tills behind one server; the app has it as `app.state.server`."""

    tills: dict[str, Till]
    switches: TillSwitches
    state_file: Path | None
    clock: Callable[[], datetime]
    log: deque[Logged] = field(default_factory=lambda: deque(maxlen=20_000))

    def calls(self) -> dict[str, dict[str, int]]:
        """Calls answered per account and month (`YYYY-MM`, of the account's first store)."""
        return {name: dict(till.calls) for name, till in self.tills.items()}

    def month(self, till: Till) -> str:
        store = till.row("stores", min(key for key in till.keys("stores") if isinstance(key, int))) or {}
        return self.clock().astimezone(ZoneInfo(store.get("store_time_zone", "UTC"))).strftime("%Y-%m")

    def keep(self) -> None:
        """Write changes and counters to the state file, if there is one, so that they survive a restart."""
        if self.state_file is None:
            return
        saved = {
            "switches": self.switches.model_dump(),
            "tills": {name: till.saved() for name, till in self.tills.items()},
        }
        part = self.state_file.with_suffix(".part")
        part.write_bytes(orjson.dumps(saved))
        part.replace(self.state_file)


def create_till(
    accounts: list[TillAccount],
    switches: TillSwitches | None = None,
    state_file: Path | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Starlette:
    """The server of those accounts.

    With a `state_file`, what `/_sandbox/` changed and the call counters are kept there and read back at the start
    (its switches too, unless `switches` are given). `app.state` has `accounts`, `switches`, `tills` (name -> `Till`),
    `calls` (a function: account -> month -> calls), `log` (the last calls as `Logged`) and `server`.
    """
    saved = orjson.loads(state_file.read_bytes()) if state_file and state_file.exists() else {}
    tills = {a.account: Till(a, saved.get("tills", {}).get(a.account)) for a in accounts}
    switches = switches or TillSwitches(**saved.get("switches", {}))
    server = TillServer(tills, switches, state_file, clock)

    async def api(request: Request) -> Response:
        return await _answered(server, request)

    methods = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"]
    app = Starlette(routes=[*admin_routes(server), Route("/{account}/api/{path:path}", api, methods=methods)])
    app.state.server, app.state.accounts, app.state.tills = server, accounts, tills
    app.state.switches, app.state.log, app.state.calls = switches, server.log, server.calls
    return app


async def _answered(server: TillServer, request: Request) -> Response:
    """One call, from the credentials to the log."""
    path = request.path_params["path"].strip("/")
    till = server.tills.get(request.path_params["account"])
    if till is None:
        return Response("no such account", 404, media_type="text/plain")
    till.under_way += 1
    try:
        response = await _dispatched(server, till, request, path)
    except Refusal as refusal:
        response = _error(refusal, server.switches)
    finally:
        till.under_way -= 1
    server.log.append(Logged(till.account.account, request.method, path, request.url.query, response.status_code))
    server.keep()
    return response


async def _dispatched(server: TillServer, till: Till, request: Request, path: str) -> Response:
    switches = server.switches
    _check_credentials(till.account, request.headers.get("authorization", ""))
    _count(server, till)
    if switches.hold_ms:
        await asyncio.sleep(switches.hold_ms / 1000)
    if any(path.startswith(prefix) for prefix in switches.forbidden):
        raise Refusal(403, "insufficient_scope", 3, "Your user does not have the right to do this")
    if not _accepts_json(request.headers.get("accept", "*/*")):
        raise Refusal(406, "not_acceptable", 6, "Only application/json is served")
    if any(path.startswith(prefix) for prefix in switches.html):
        return Response(HTML, media_type="text/html")
    slashed = request.url.path.endswith("/")
    if switches.slash_redirect != "none" and slashed != (switches.slash_redirect == "slash"):
        target = request.url.path.rstrip("/") + ("/" if switches.slash_redirect == "slash" else "")
        return RedirectResponse(str(request.url.replace(path=target)), 301)
    call = Call(
        till, switches, request.method, path, dict(request.query_params), await _body(request),
        server.clock().replace(tzinfo=None),
    )  # fmt: skip
    return _response(reply_to(call), call, request)


def _check_credentials(account: TillAccount, header: str) -> None:
    scheme, _, value = header.partition(" ")
    if scheme.lower() == "bearer":
        if account.oauth_token and secrets.compare_digest(value.strip().encode(), account.oauth_token.encode()):
            return
        raise Refusal(401, "invalid_token", 1, "The access token provided is invalid")
    if scheme.lower() == "basic":
        try:
            given = base64.b64decode(value, validate=True)
        except ValueError:
            given = b""
        if secrets.compare_digest(given, f"{account.login}:{account.api_key}".encode()):
            return
    raise Refusal(401, "invalid_credentials", 2, "Missing or wrong credentials")


def _count(server: TillServer, till: Till) -> None:
    """Take one call out of the month, or refuse it: too many this month, or too many at once. The two look alike."""
    month, switches = server.month(till), server.switches
    quota = CALLS_PER_STORE * len(till.keys("stores")) if switches.quota is None else switches.quota
    used = till.calls.get(month, 0)
    if used >= quota or till.under_way > switches.concurrency:
        refusal = Refusal(429, "too_many_requests", 29, "You have exceeded the rate limit")
        if switches.retry_after is not None:
            refusal.headers["Retry-After"] = str(switches.retry_after)
        raise refusal
    till.calls[month] = used + 1


def _accepts_json(accept: str) -> bool:
    kinds = {part.split(";")[0].strip().lower() for part in accept.split(",")}
    return bool(kinds & {"application/json", "application/*", "*/*"})


async def _body(request: Request) -> Row:
    """A JSON or form body as a mapping; an empty one as `{}`."""
    raw = await request.body()
    if not raw:
        return {}
    if "json" not in request.headers.get("content-type", ""):
        return dict(parse_qsl(raw.decode()))
    try:
        body = orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        raise Refusal(422, "invalid_request", 12, f"The body is not JSON: {error}") from error
    if not isinstance(body, dict):
        raise Refusal(422, "invalid_request", 12, "The body is not a JSON object")
    return body


def _response(reply: Reply, call: Call, request: Request) -> Response:
    if isinstance(reply, Value):
        return _json(reply.body, reply.status)
    if isinstance(reply, One):
        if reply.row is not None:
            return _json([reply.row])
        if call.switches.unknown_id == "empty":
            return _json([])
        raise Refusal(404, "not_found", 4, "Nothing has this id")
    if isinstance(reply, Listing):
        return _page(reply, call, request)
    raise Refusal(404, "not_found", 4, f"No such method or path: {call.method} /{call.path}")


def _page(listing: Listing, call: Call, request: Request) -> Response:
    switches, total = call.switches, len(listing.items)
    if not listing.paged or total <= PAGE:
        # A short list has one page: the second is past its end.
        shown = listing.items if _page_number(call) == 1 or not listing.paged or switches.ignore_page else []
        return _json([listing.shape(item) for item in shown])
    page = 1 if switches.ignore_page else _page_number(call)
    start = max(0, (page - 1) * PAGE - (switches.page_overlap if page > 1 else 0))
    shown = listing.items[start : page * PAGE]
    headers = {}
    if switches.paging_headers and listing.headers and shown:
        headers["Content-Range"] = f"{start + 1}-{start + len(shown)}/{total + switches.content_range_error}"
        headers["Link"] = _link(request, page, -(-total // PAGE), switches)
    return _json([listing.shape(item) for item in shown], headers=headers)


def _page_number(call: Call) -> int:
    text = call.query.get("p", "1")
    return max(1, int(text)) if text.isdecimal() else 1


def _link(request: Request, page: int, last: int, switches: TillSwitches) -> str:
    """`<url>; rel="..."` with the rels `start`, `prev`, `current`, `next`, `last`; each URL ends with `/?p=N`."""
    pages = {"start": 1, "prev": page - 1, "current": page, "next": page + 1, "last": last}
    if not switches.link_next:
        del pages["next"]
    base = str(request.url.replace(query="")).rstrip("/?")
    return ", ".join(f'<{base}/?p={number}>; rel="{rel}"' for rel, number in pages.items() if 1 <= number <= last)


def _error(refusal: Refusal, switches: TillSwitches) -> Response:
    if switches.error_body == "text":
        return Response(f"Error {refusal.status}", refusal.status, refusal.headers, "text/plain")
    body = refusal.body
    if switches.error_body == "no_description":
        body = {"error": body["error"]}
    return _json(body, refusal.status, refusal.headers)


def _json(body: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(body), status, headers, "application/json")
