"""What each lifecycle webhook of ShopiMind changes, in one transaction: the claim, the state, and what a new shop is given."""

from __future__ import annotations

import logging
import re
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import Connection

from connector.config import Configuration
from connector.receive.signature import FUTURE, TOLERANCE
from connector.shops import ConfigsMistake, installed_shop
from connector.state.database import Database
from connector.state.sealing import Sealer
from connector.state.webhook_installations import (
    LifecycleState,
    WebhookInstallation,
    WebhookInstallations,
    without_secrets,
)

log = logging.getLogger(__name__)

EVENTS: Mapping[str, LifecycleState | None] = {
    "integration.installed": "installed",
    "integration.activated": "activated",
    "integration.deactivated": "deactivated",
    "integration.uninstalled": "uninstalled",
    "integration.config_updated": None,
}
_ID = re.compile(r"[!-~]{1,200}")
_KEY_LENGTH = 40
SHOWN = 120  # characters of a name that comes from outside


@dataclass(frozen=True)
class Webhook:
    """One that was believed: its body, and the time stamp and signature that came with it."""

    body: Mapping[str, Any]
    timestamp: int
    signature: str

    def text(self, name: str, most: int | None = None) -> str | None:
        """A text (or a number as text) of the body, whole or `most` characters of it; None when it is not there.

        A token or an identity that is cut is another one: only names that are shown may be.
        """
        value = self.body.get(name)
        if isinstance(value, bool) or not isinstance(value, str | int):
            return None
        return str(value).strip()[:most] or None


class Unprocessable(Exception):
    """The webhook cannot be carried out: what ShopiMind is answered. Never holds a value of the configuration."""


def new_webhook_secret() -> str:
    """A secret for the address that a shop's till pushes to."""
    return secrets.token_urlsafe(32)


class Lifecycle:
    """Carries webhooks out over one state and one configuration."""

    def __init__(
        self, configuration: Configuration, db: Database, sealer: Sealer, *, clock: Callable[[], float] = time.time
    ) -> None:
        self._configuration, self._db, self._clock = configuration, db, clock
        self._installations = WebhookInstallations(db, sealer)

    def carry_out(self, webhook: Webhook) -> None:
        """Raises `Unprocessable`, which leaves what is believed of the installation as it was but for what it says.

        One that was carried out already does nothing. Raises `StateError` when nothing could be kept at all.
        """
        event = webhook.body.get("event")
        if not isinstance(event, str) or event not in EVENTS:
            raise Unprocessable("unknown_event")
        installation_id = webhook.text("installation_id") or webhook.text("id_shop_integration")
        if installation_id is None or not _ID.fullmatch(installation_id):
            raise Unprocessable("missing_installation_id")
        with self._db.begin(durable=True) as connection:  # a token is sent once
            self._installations.lock(connection)
            self._installations.forget_webhooks(connection, int(self._clock()) - 2 * (TOLERANCE + FUTURE))
            if not self._installations.claim(connection, installation_id, webhook.signature, webhook.timestamp):
                log.info("installation %s: %s came again, nothing to do", installation_id, event)
                return
            refusal = self._apply(connection, event, installation_id, webhook)
            if refusal is not None:
                self._installations.release(connection, installation_id, webhook.signature)
        if refusal is not None:
            raise Unprocessable(refusal)
        log.info("installation %s: %s", installation_id, event)

    def give_webhook_secrets(self) -> None:
        """One to every shop that an activation made before the setting was there. Raises `StateError`."""
        template = self._configuration.receive.installed_shops if self._configuration.receive else None
        if template is None or template.pos.webhook_secret is None:
            return
        of_the_file = {shop.installation_id for shop in self._configuration.shops if shop.installation_id}
        with self._db.begin(durable=True) as connection:
            self._installations.lock(connection)
            self._installations.give_webhook_secrets(connection, new_webhook_secret, but=of_the_file)

    def _apply(self, connection: Connection, event: str, installation_id: str, webhook: Webhook) -> str | None:
        """Changes what is known of the installation; a sentence when it cannot be as the webhook wants it."""
        before = self._installations.find(connection, installation_id)
        if before is not None and webhook.timestamp < before.said_at:
            log.warning("installation %s: %s is older than what came before it, left out", installation_id, event)
            return None
        state = EVENTS[event]
        if before is None and state not in ("installed", "activated"):
            log.warning("installation %s: %s, but it was never installed here", installation_id, event)
            return None
        known = before or self._new(connection, installation_id, webhook)
        now = self._told(known, webhook, state)
        if state == "uninstalled":
            purges = self._configuration.receive is not None and self._configuration.receive.when_uninstalled == "purge"
            self._installations.keep(
                connection, replace(without_secrets(now), to_purge=purges and now.shop is not None)
            )
            return None
        if state in ("installed", "activated"):
            if now.token is None:
                return "no access_token: none came with this webhook, nor with an earlier one"
            now = replace(now, to_purge=False)  # what was to be purged belongs to a shop that is back
        problem = None
        if now.state == "activated":
            now, problem = self._shop_of(connection, now)
        self._installations.keep(connection, replace(now, problem=problem))
        return problem

    def _new(self, connection: Connection, installation_id: str, webhook: Webhook) -> WebhookInstallation:
        number = self._installations.next_number(connection)
        at = webhook.timestamp
        return WebhookInstallation(
            installation_id, number, "installed", at, at, merchant=f"installation {installation_id}"
        )

    def _told(self, known: WebhookInstallation, webhook: Webhook, state: LifecycleState | None) -> WebhookInstallation:
        configs = webhook.body.get("configs")
        merchant = webhook.text("shop_domain", SHOWN) or webhook.text("id_shop", SHOWN)
        return replace(
            known,
            state=state or known.state,
            since=webhook.timestamp if state not in (None, known.state) else known.since,
            said_at=webhook.timestamp,
            # fixed with the offset, which was chosen among those of this merchant
            merchant=merchant if merchant and known.offset is None else known.merchant,
            # the parent source is labelled with it: a later one would rename it, which is what a renamed shop wants
            shop_name=webhook.text("shop_name", SHOWN) or known.shop_name,
            token=webhook.text("access_token") or known.token,
            configs=configs if isinstance(configs, dict) else known.configs,
        )

    def _shop_of(self, connection: Connection, now: WebhookInstallation) -> tuple[WebhookInstallation, str | None]:
        """The installation with its shop: the one in the file that names it, else one of its own, made once."""
        for shop in self._configuration.shops:
            if shop.installation_id == now.installation_id:
                return replace(now, shop=shop.key), None
        template = self._configuration.receive.installed_shops if self._configuration.receive else None
        if template is None:
            return now, "no shop of the connector's configuration names this installation"
        try:
            draft = installed_shop(replace(now, shop=now.shop or "draft", offset=now.offset or 0), template)
        except ConfigsMistake as mistake:
            return now, str(mistake)
        offset = now.offset
        if offset is None:
            taken = self._installations.offsets(connection, now.merchant)
            offset = next((each for each in template.identifiers.offsets if each not in taken), None)
            if offset is None:
                return now, "no integer ids are left for another shop of this merchant"
        key = now.shop or self._free_key(connection, draft.pos.account)
        secret = now.webhook_secret or (None if template.pos.webhook_secret is None else new_webhook_secret())
        return replace(now, shop=key, offset=offset, webhook_secret=secret), None

    def _free_key(self, connection: Connection, account: str) -> str:
        """The till account's name as a key; with a number where another shop has that."""
        taken = self._installations.shops(connection) | {shop.key for shop in self._configuration.shops}
        name = account.lower()[: _KEY_LENGTH - 5]
        numbered = (f"{name}-{number}" for number in range(2, 10_000))
        return name if name not in taken else next(key for key in numbered if key not in taken)
