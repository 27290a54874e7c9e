"""The receiver as a real server in a thread, and a sender that signs as ShopiMind does, or as somebody else would."""

from __future__ import annotations

import hashlib
import hmac
import socket
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx
import orjson
import uvicorn
import yaml

from connector.config import load_configuration
from connector.receive.app import Receiver, create_app
from connector.shop_run import State
from connector.state.webhook_installations import WebhookInstallation, WebhookInstallations

SECRET = "whsec_test_0001"
TOKEN = "int_webhook_token_0001"
KEY = "hiboutik-key-alpha"
CONFIGS = {"hib_account": "alpha", "hib_login": "ops@example.org", "hib_key": KEY}
TILL_ANYWHERE = "http://127.0.0.1:9/{account}/api"


def installed_shops(pos: Mapping[str, Any] | None = None, **keys: Any) -> dict[str, Any]:
    """The section `installed_shops`, with further keys of it and of its `pos`."""
    account = {
        "system": "hiboutik",
        "configs": {"account": "hib_account", "login": "hib_login", "api_key": "hib_key"},
        "base_url": TILL_ANYWHERE,
    }
    return {"lang": "fr", "pos": account | dict(pos or {}), **keys}


def write_configuration(file: Path, shops: list[dict[str, Any]] | None = None, **receive: Any) -> Path:
    """A `shops.yaml` whose section `receive` makes shops of activations, but for what is given."""
    section: dict[str, Any] = {"webhook_secrets": [SECRET], "installed_shops": installed_shops()} | receive
    document = {"receive": section, **({"shops": shops} if shops else {})}
    file.write_text(yaml.safe_dump(document, allow_unicode=True), encoding="utf-8")
    return file


def signed(body: bytes, secret: str = SECRET, at: float | str | None = None) -> dict[str, str]:
    """The two headers, as the interface's description has them."""
    stamp = at if isinstance(at, str) else str(int(time.time() if at is None else at))
    digest = hmac.new(secret.encode(), stamp.encode() + b"." + body, hashlib.sha256).hexdigest()
    return {"X-Shopimind-Timestamp": stamp, "X-Shopimind-Signature": digest}


def answer_to_a_drop(url: str, path: str, headers: Mapping[str, str] | None = None) -> bytes:
    """All that a server says to the first byte of a body that was to be longer, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", httpx.URL(url).port or 0), timeout=3) as sender:
        lines = {"Host": "localhost", "Content-Length": "1000", **(headers or {})}
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        sender.sendall(f"POST {path} HTTP/1.1\r\n{head}\r\nx".encode())
        return b"".join(iter(lambda: sender.recv(4096), b""))


class Service:
    """One worker of the receiver. A context manager."""

    def __init__(self, file: Path) -> None:
        self.state = State.open()
        self.receiver = Receiver(file, load_configuration(file), self.state)
        config = uvicorn.Config(create_app(self.receiver), port=0, log_level="critical", access_log=False)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self.url = ""
        self._last = 0.0  # when the last webhook was sent

    def __enter__(self) -> Service:
        self._thread.start()
        while not self._server.started:
            assert self._thread.is_alive()
            time.sleep(0.005)
        self.url = f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"
        return self

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(10)
        self.state.close()

    def post(self, path: str, body: bytes, headers: Mapping[str, str]) -> httpx.Response:
        return httpx.post(self.url + path, content=body, headers=dict(headers), timeout=10)

    def ask(self, path: str, body: Any, **signing: Any) -> httpx.Response:
        """A signed question or webhook."""
        raw = orjson.dumps(body)
        return self.post(path, raw, signed(raw, **signing))

    def tell(
        self, event: str, installation: str = "inst_alpha", at: float | None = None, **fields: Any
    ) -> httpx.Response:
        """A lifecycle webhook, signed; each at a second of its own, as two in one second with one body would be a replay."""
        if at is None:
            at = self._last = max(time.time(), self._last + 1)
        body = {"event": f"integration.{event}", "installation_id": installation, **fields}
        return self.ask("/webhook/receive", body, at=at)

    def install(self, installation: str = "inst_alpha", token: str = TOKEN, **fields: Any) -> None:
        """Installed and activated, as it should go."""
        assert self.tell("installed", installation, access_token=token, **fields).json() == {"success": True}
        answer = self.tell("activated", installation, **{"configs": CONFIGS} | fields)
        assert (answer.status_code, answer.json()) == (200, {"success": True})

    @property
    def installations(self) -> dict[str, WebhookInstallation]:
        """What is stored, by installation."""
        found = WebhookInstallations(self.state.db, self.state.sealer).all()
        return {each.installation_id: each for each in found}
