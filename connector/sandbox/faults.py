"""Makes things go wrong between a client and a server, as a plan says: latency, bad statuses, resets, half answers.

`FaultMiddleware` wraps either sandbox server. It also keeps a journal of requests for tests (off by default) and serves

| route | does |
|---|---|
| `GET, POST, DELETE /_sandbox/faults` | reads, replaces or clears the plan (the JSON form of `FaultPlan`) |
| `GET, POST, DELETE /_sandbox/journal` | reads the recorded requests; `{"on": true}` starts recording; clears |
"""

from __future__ import annotations

import asyncio
import gzip
import socket
import struct
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from email.utils import formatdate
from typing import Any

import orjson
from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from connector.sandbox.fault_plan import Fault, FaultPlan, Side


@dataclass
class RequestJournal:
    """The requests one server got, for tests that look at bytes on the wire. Bounded; off by default."""

    on: bool = False
    entries: list[dict[str, Any]] = field(default_factory=list)
    limit: int = 100_000

    def add(self, scope: Scope, body: bytes, status: int | None, fault: Fault | None) -> None:
        if len(self.entries) >= self.limit:
            return
        try:
            parsed = orjson.loads(body) if body else None
        except orjson.JSONDecodeError:
            parsed = body.decode("utf-8", "replace")
        self.entries.append(
            {
                "method": scope["method"],
                "path": scope["path"],
                "query": scope["query_string"].decode("ascii", "replace"),
                "headers": {k.decode("latin-1"): v.decode("latin-1") for k, v in scope["headers"]},
                "body": parsed,
                "status": status,  # None: no answer was sent
                "fault": fault.kind if fault else None,
            }
        )


class FaultMiddleware:
    """Wraps one server's app. Everything under `/_sandbox` and the page at `/` stay free of faults.

    `refuse` makes the server take no connection for so many seconds; without it such a fault is a mere reset.
    """

    refuse: Callable[[float], None] | None = None

    def __init__(
        self, app: ASGIApp, side: Side, plan: FaultPlan | None = None, journal: RequestJournal | None = None
    ) -> None:
        self.app, self.side = app, side
        self.plan, self.journal = plan or FaultPlan(), journal or RequestJournal()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            return await self.app(scope, receive, send)
        path: str = scope["path"]
        if path in ("/_sandbox/faults", "/_sandbox/journal"):
            return await self._control(scope, receive, send)
        if path == "/" or path.startswith("/_sandbox/") or (self.plan.quiet and not self.journal.on):
            return await self.app(scope, receive, send)
        exchange = _Exchange(self.app, scope, receive, send, self.refuse)
        body = await exchange.read()
        fault = self.plan.pick(self.side, scope["method"], path)
        try:
            if self.plan.latency:
                await asyncio.sleep(self.plan.latency)
            await exchange.answer(fault)
        finally:
            if self.journal.on:
                self.journal.add(scope, body, exchange.status, fault)

    async def _control(self, scope: Scope, receive: Receive, send: Send) -> None:
        method, faults = scope["method"], scope["path"].endswith("faults")
        body, status = b"", 200
        while (message := await receive())["type"] == "http.request":
            body += message.get("body", b"")
            if not message.get("more_body"):
                break
        result: Any = {"ok": True}
        try:
            if method == "POST" and faults:
                self.plan = FaultPlan.from_json(orjson.loads(body))
            elif method == "DELETE" and faults:
                self.plan = FaultPlan()
            elif method == "POST":
                self.journal.on = bool(orjson.loads(body)["on"])
            elif method == "DELETE":
                self.journal.entries.clear()
            else:
                result = self.plan.to_json() if faults else self.journal.entries
        except (ValueError, KeyError, TypeError) as error:
            status, result = 400, {"ok": False, "message": str(error)}
        await Response(orjson.dumps(result), status, media_type="application/json")(scope, receive, send)


class _Exchange:
    """One request and what becomes of it."""

    def __init__(
        self, app: ASGIApp, scope: Scope, receive: Receive, send: Send, refuse: Callable[[float], None] | None
    ) -> None:
        self.app, self.scope, self._receive, self._send, self.refuse = app, scope, receive, send, refuse
        self.status: int | None = None
        self._body: bytes | None = None

    async def read(self) -> bytes:
        """The whole request body, kept for the app."""
        parts = []
        while (message := await self._receive())["type"] == "http.request":
            parts.append(message.get("body", b""))
            if not message.get("more_body"):
                break
        self._body = b"".join(parts)
        return self._body

    async def receive(self) -> Message:
        if self._body is not None:
            body, self._body = self._body, None
            return {"type": "http.request", "body": body, "more_body": False}
        return await self._receive()

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def answer(self, fault: Fault | None) -> None:
        """Lets the app answer, with this fault in between."""
        if fault is None:
            return await self.app(self.scope, self.receive, self.send)
        if fault.kind == "hang":
            await asyncio.sleep(fault.seconds)
            return await self.app(self.scope, self.receive, self.send)
        if fault.kind in ("drip", "truncated", "cut"):
            start, body = await self._handled()
            return await self._spoilt(fault, start, body)
        if fault.applied:
            await self._handled()
        if fault.kind == "refuse" and self.refuse is not None:
            self.refuse(fault.seconds)
        if fault.kind in ("reset", "refuse"):
            return await self._reset()
        if fault.kind == "oversize":
            return await self._oversize(fault)
        await _error_response(fault)(self.scope, self.receive, self.send)
        return None

    async def _handled(self) -> tuple[Message, bytes]:
        """The app's answer, kept from the client."""
        starts: list[Message] = []
        parts: list[bytes] = []

        async def keep(message: Message) -> None:
            if message["type"] == "http.response.start":
                starts.append(message)
            else:
                parts.append(message.get("body", b""))

        await self.app(self.scope, self.receive, keep)
        return starts[0], b"".join(parts)

    async def _spoilt(self, fault: Fault, start: Message, body: bytes) -> None:
        half = body[: len(body) // 2]
        announced = half if fault.kind == "truncated" else body
        headers = [(k, v) for k, v in start["headers"] if k.lower() != b"content-length"]
        await self.send({**start, "headers": [*headers, (b"content-length", str(len(announced)).encode())]})
        if fault.kind == "truncated":
            await self.send({"type": "http.response.body", "body": half})
        elif fault.kind == "cut":
            await self.send({"type": "http.response.body", "body": half, "more_body": True})
            await asyncio.sleep(0.05)  # so that the half arrives before the reset, which would overtake it
            await self._reset()
        else:
            step = max(1, len(body) // 10)
            pieces = [body[at : at + step] for at in range(0, len(body), step)]
            for piece in pieces:
                await self.send({"type": "http.response.body", "body": piece, "more_body": True})
                await asyncio.sleep(fault.seconds / len(pieces))
            await self.send({"type": "http.response.body", "body": b""})

    async def _reset(self) -> None:
        """Resets the connection: the client sees ECONNRESET, as if the server had been killed."""
        # ASGI has no word for this, so it is uvicorn's: `receive` is a method of the object that holds the transport.
        transport: asyncio.Transport = self._receive.__self__.transport  # type: ignore[attr-defined]
        sock = transport.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # RST instead of FIN
        transport.abort()
        while (await self._receive())["type"] != "http.disconnect":
            pass

    async def _oversize(self, fault: Fault) -> None:
        headers = [(b"content-type", b"application/json")]
        if fault.compressed:
            headers.append((b"content-encoding", b"gzip"))
        await self.send({"type": "http.response.start", "status": 200, "headers": headers})
        pieces = [b'{"statusCode":200,"data":"', b'"}']
        block = b"a" * 262_144
        blocks = -(-fault.size // len(block))
        if fault.compressed:
            whole = gzip.compress(block.join([pieces[0], *[b""] * (blocks - 1), pieces[1]]))
            return await self.send({"type": "http.response.body", "body": whole})
        for piece in (pieces[0], *[block] * blocks, pieces[1]):
            await self.send({"type": "http.response.body", "body": piece, "more_body": True})
        return await self.send({"type": "http.response.body", "body": b""})


def _error_response(fault: Fault) -> Response:
    body = fault.body
    if body is None:
        body = {"statusCode": fault.status, "message": f"scripted {fault.status}"}
        if fault.status == 401:
            body["message"] = "Unauthorized"
    content = body.encode() if type(body) is str else orjson.dumps(body)
    headers = {"content-type": "application/json", **fault.headers}
    if fault.retry_in is not None:
        headers["retry-after"] = formatdate(time.time() + fault.retry_in, usegmt=True)
    return Response(content, fault.status, headers=headers)
