"""A request's raw body, and which one is not read to its end: too large a one, or one that takes too long to come."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

from starlette.requests import Request

PATIENCE = 10.0  # seconds for a whole body: whoever sends one by drops holds a connection, and nothing else, that long

CLOSES = {"Connection": "close"}  # the header with which an answer ends a connection


class Unread(Exception):
    """The body was not read to its end. `status` is the answer's, 413 or 408, and `headers` go with it."""

    def __init__(self, status: int, error: str, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(error)
        self.status, self.error, self.headers = status, error, headers


def check_length(request: Request, limit: int) -> None:
    """Raises `Unread` when the request says itself that its body has more than `limit` bytes."""
    declared = request.headers.get("content-length", "")
    if declared.isdigit() and int(declared) > limit:
        raise Unread(413, "body_too_large")


async def read_body(request: Request, limit: int) -> bytes:
    """The body of at most `limit` bytes. Raises `Unread` as soon as it is known to be longer, or after `PATIENCE`."""
    check_length(request, limit)
    body = bytearray()
    try:
        async with asyncio.timeout(PATIENCE):
            async for piece in request.stream():
                body += piece
                if len(body) > limit:
                    raise Unread(413, "body_too_large")
    except TimeoutError:
        # else uvicorn goes on taking what drops, for as long as it does
        raise Unread(408, "body_too_slow", CLOSES) from None
    return bytes(body)
