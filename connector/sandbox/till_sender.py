"""What the played till pushes by itself: a form to every webhook whose event has happened."""

from __future__ import annotations

import asyncio
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import urlencode

from connector.sandbox.accounts import Row, is_closed
from connector.sandbox.hiboutik_sale import sale_detail
from connector.sandbox.till import Till

if TYPE_CHECKING:
    from connector.sandbox.hiboutik import TillServer

USER_AGENT = "HiboutikCallBack/1.0"
PATIENCE = 10.0  # seconds; nobody knows the real one


class TillSender:
    """Sends what the switches let through. A message to a synchronous webhook is waited for, any other is not."""

    def __init__(self, server: TillServer) -> None:
        self._server = server
        self._held: list[tuple[str, bytes]] = []
        self._under_way: set[asyncio.Task[None]] = set()

    async def sale_changed(self, till: Till, sale: Row) -> None:
        """A sale was closed, or a closed one changed."""
        if is_closed(sale):
            body = encoded(sale_payload(sale, till, self._server))
            await self._send(till, "sale", sale["store_id"], body)

    async def customer_changed(self, till: Till, customer_id: int) -> None:
        """A customer was added, changed or deleted."""
        await self._send(till, "customer", None, encoded({"customer_id": customer_id}))

    async def _send(self, till: Till, action: str, store_id: int | None, body: bytes) -> None:
        switches = self._server.switches
        for webhook in till.rows("webhooks"):
            listens = webhook.get("webhook_store_id", 0)
            everywhere = listens == 0 and switches.webhooks_all_stores
            if webhook.get("webhook_action") != action or not (everywhere or store_id is None or listens == store_id):
                continue
            if switches.webhooks_lost:
                continue
            messages = [(webhook["webhook_url"], body)] * switches.webhooks_copies
            if switches.webhooks_reordered and not self._held:
                self._held = messages
                continue
            messages, self._held = [*messages, *self._held], []
            sending = asyncio.get_running_loop().create_task(self._post(messages, switches.webhooks_delay_ms / 1000))
            self._under_way.add(sending)
            sending.add_done_callback(self._under_way.discard)
            if not webhook.get("webhook_async"):
                await sending

    async def _post(self, messages: list[tuple[str, bytes]], delay: float) -> None:
        await asyncio.sleep(delay)
        for url, body in messages:
            await asyncio.to_thread(_post, url, body)


def _post(url: str, body: bytes) -> None:
    """Once, whatever comes of it."""
    headers = {"User-Agent": USER_AGENT, "Content-Type": "application/x-www-form-urlencoded"}
    try:
        with urllib.request.urlopen(urllib.request.Request(url, body, headers), timeout=PATIENCE) as answer:
            answer.read()
    except OSError:  # refused, timed out, or an error status
        return


def sale_payload(sale: Row, till: Till, server: TillServer) -> Row:
    """The keys of old, then every key of the sale's page. `unique_order_id` lacks its last part, as the real one does."""
    now: datetime = server.clock().replace(tzinfo=None)
    number = str(sale.get("unique_sale_id", ""))
    legacy: Row = {
        "order_id": sale["sale_id"],
        "sale_id": sale["sale_id"],
        "unique_order_id": number[: number.rfind("-") + 1],
        "shop_id": sale["store_id"],
        "vendor_id": sale["vendor_id"],
        "customer_id": sale["customer_id"],
        "user_id": sale["vendor_id"],
        "date_time": sale["completed_at"],
    }
    return legacy | sale_detail(sale, till, server.switches, now)


def encoded(payload: Row) -> bytes:
    """As PHP's `http_build_query` writes it, but for an empty list, which comes as an empty text."""
    return urlencode([pair for key, value in payload.items() for pair in _fields(key, value)]).encode()


def _fields(name: str, value: Any) -> list[tuple[str, str]]:
    if isinstance(value, dict | list):
        parts = value.items() if isinstance(value, dict) else enumerate(value)
        return [pair for key, each in parts for pair in _fields(f"{name}[{key}]", each)] or [(name, "")]
    if value is None:
        return []
    return [(name, str(int(value)) if isinstance(value, bool) else str(value))]
