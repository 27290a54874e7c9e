"""A purpose-made till on a loopback port: each test says what it answers, and sees what it was asked."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import orjson

from connector.pos.protocol import QuotaReached

API_KEY = "k3y-nobody-may-see"


@dataclass(frozen=True)
class Asked:
    """One request: path without `/api`, query, headers in lower case."""

    path: str
    query: dict[str, str]
    headers: dict[str, str]

    @property
    def url(self) -> str:
        return self.path + "".join(f"?{name}={value}" for name, value in self.query.items())


@dataclass(frozen=True)
class Reply:
    status: int = 200
    body: bytes = b"[]"
    headers: dict[str, str] = field(default_factory=dict)


def reply(value: Any, status: int = 200, **headers: str) -> Reply:
    """A JSON answer; `Content_Range="1-250/612"` is written as the header `Content-Range`."""
    return Reply(status, orjson.dumps(value), {name.replace("_", "-"): text for name, text in headers.items()})


class LoopbackTill:
    """`answer(asked)` decides; None cuts the connection without an answer."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.answer: Callable[[Asked], Reply | None] = lambda asked: reply([])
        till = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                headers = {name.lower(): value for name, value in self.headers.items()}
                asked = Asked(parts.path.removeprefix("/api"), dict(parse_qsl(parts.query)), headers)
                till.asked.append(asked)
                answer = till.answer(asked)
                if answer is None:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in ({"Content-Length": str(len(answer.body))} | answer.headers).items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(answer.body)

            def log_message(self, *args: Any) -> None: ...

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.base_url = f"http://127.0.0.1:{self._server.server_port}/api"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.005}, daemon=True).start()

    @property
    def urls(self) -> list[str]:
        return [asked.url for asked in self.asked]

    def serve(self, answers: dict[str, Any]) -> None:
        """Answers by path: JSON values, `Reply`s, or lists of `Reply`s for page 1, 2, ...; 404 for any other path."""

        def answer(asked: Asked) -> Reply | None:
            found = answers.get(asked.path, Reply(404, b"nothing here"))
            if isinstance(found, list) and found and isinstance(found[0], Reply):
                page = int(asked.query.get("p", "1"))
                return found[page - 1] if page <= len(found) else reply([])
            return found if isinstance(found, Reply) else reply(found)

        self.answer = answer

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Counter:
    """Counts in memory what the state database counts durably."""

    def __init__(self, most: int = 10_000) -> None:
        self.spent, self.most, self.stopped, self.probing = 0, most, False, False

    def spend(self) -> None:
        if self.stopped or self.spent >= self.most:
            raise QuotaReached("our own count says so")
        self.spent += 1

    def answered(self) -> None:
        self.probing = False

    def stop(self) -> datetime:
        self.stopped = True
        return datetime(2026, 12, 1, tzinfo=UTC)


class Memory:
    def __init__(self, **known: str) -> None:
        self.known = known

    def recall(self, trait: str) -> str | None:
        return self.known.get(trait)

    def learn(self, trait: str, value: str) -> None:
        self.known[trait] = value
