"""What ShopiMind's webhooks said of each installation, and which webhooks were carried out. Secrets are sealed."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal

import orjson
from sqlalchemy import Connection, Row, delete, func, select, text, update

from connector.state.database import Database, upsert
from connector.state.errors import StateError
from connector.state.sealing import Sealer
from connector.state.tables import webhook_installations as table
from connector.state.tables import webhooks

LifecycleState = Literal["installed", "activated", "deactivated", "uninstalled"]

_ONE_AT_A_TIME = 0x72656376  # PostgreSQL's advisory lock for numbers, keys and offsets that are given once
_SEALED = ("token", "configs", "webhook_secret")


@dataclass(frozen=True)
class WebhookInstallation:
    """One installation, opened. `shop` is the key of the shop that it governs or makes; None until there is one."""

    installation_id: str
    number: int
    state: LifecycleState
    since: int  # epoch seconds
    said_at: int  # the time stamp of the newest webhook that was carried out
    merchant: str
    shop: str | None = None
    shop_name: str | None = None
    offset: int | None = None
    token: str | None = field(default=None, repr=False)
    configs: Mapping[str, Any] = field(default_factory=dict, repr=False)
    webhook_secret: str | None = field(default=None, repr=False)  # a part of the address that its till pushes to
    problem: str | None = None
    to_purge: bool = False


def activated_since(db: Database, installation_id: str) -> int | None:
    """Since when (epoch seconds) an installation is activated; None while it is not. Opens no seal."""
    with db.read() as connection:
        query = select(table.c.since).where(
            table.c.installation_id == installation_id, table.c.state == "activated", table.c.problem.is_(None)
        )
        since: int | None = connection.execute(query).scalar()
    return since


def lifecycle_state(db: Database, installation_id: str) -> LifecycleState | None:
    """The state that the webhooks left an installation in; None when none has come. Opens no seal."""
    with db.read() as connection:
        query = select(table.c.state).where(table.c.installation_id == installation_id)
        state: LifecycleState | None = connection.execute(query).scalar()
    return state


class WebhookInstallations:
    """All installations that webhooks have told of. What writes does so within the caller's transaction."""

    def __init__(self, db: Database, sealer: Sealer) -> None:
        self._db, self._sealer = db, sealer

    def all(self) -> list[WebhookInstallation]:
        """In the order in which they came. Raises `StateError` when one cannot be opened."""
        with self._db.read() as connection:
            return [self._opened(row) for row in connection.execute(select(table).order_by(table.c.number))]

    def find(self, connection: Connection, installation_id: str) -> WebhookInstallation | None:
        """One of them."""
        row = connection.execute(select(table).where(table.c.installation_id == installation_id)).one_or_none()
        return None if row is None else self._opened(row)

    def of_shop(self, key: str) -> WebhookInstallation | None:
        """The one that makes or governs a shop. Raises `StateError` when it cannot be opened."""
        with self._db.read() as connection:
            row = connection.execute(select(table).where(table.c.shop == key)).one_or_none()
        return None if row is None else self._opened(row)

    def give_webhook_secrets(self, connection: Connection, new_secret: Callable[[], str], but: Collection[str]) -> None:
        """One to every shop that was made without, those of the installations `but` left out. Opens no seal."""
        without = table.c.shop.is_not(None), table.c.configs.is_not(None), table.c.webhook_secret.is_(None)
        for each in connection.execute(select(table.c.installation_id).where(*without)).scalars().all():
            if each not in but:
                sealed = self._sealer.seal(new_secret().encode())
                connection.execute(update(table).where(table.c.installation_id == each).values(webhook_secret=sealed))

    def lock(self, connection: Connection) -> None:
        """Until the transaction ends nobody else's webhook is carried out. (SQLite's transactions are like that anyway.)"""
        if connection.dialect.name == "postgresql":
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _ONE_AT_A_TIME})

    def claim(self, connection: Connection, installation_id: str, signature: str, at: int) -> bool:
        """Takes a webhook on; False when it was carried out before. Undone with the transaction, should that fail."""
        where = webhooks.c.installation_id == installation_id, webhooks.c.signature == signature
        if connection.execute(select(func.count()).select_from(webhooks).where(*where)).scalar():
            return False
        connection.execute(webhooks.insert().values(installation_id=installation_id, signature=signature, at=at))
        return True

    def release(self, connection: Connection, installation_id: str, signature: str) -> None:
        """A webhook that was not carried out after all: the same one may come again."""
        connection.execute(
            delete(webhooks).where(webhooks.c.installation_id == installation_id, webhooks.c.signature == signature)
        )

    def forget_webhooks(self, connection: Connection, before: int) -> None:
        """Those so old that their time stamp alone would have them refused."""
        connection.execute(delete(webhooks).where(webhooks.c.at < before))

    def next_number(self, connection: Connection) -> int:
        """A number that no installation has or had: rows are never deleted."""
        return int(connection.execute(select(func.coalesce(func.max(table.c.number), 0))).scalar_one()) + 1

    def shops(self, connection: Connection) -> set[str]:
        """The keys that are taken."""
        return set(connection.execute(select(table.c.shop).where(table.c.shop.is_not(None))).scalars())

    def offsets(self, connection: Connection, merchant: str) -> set[int]:
        """The offsets that a merchant's installations have or had."""
        query = select(table.c.offset).where(table.c.merchant == merchant, table.c.offset.is_not(None))
        return set(connection.execute(query).scalars())

    def keep(self, connection: Connection, installation: WebhookInstallation) -> None:
        """Writes one down, sealed."""
        row = {column.name: getattr(installation, column.name) for column in table.c}
        for name in ("token", "webhook_secret"):
            row[name] = None if row[name] is None else self._sealer.seal(row[name].encode())
        row["configs"] = self._sealer.seal(orjson.dumps(dict(installation.configs))) if installation.configs else None
        upsert(connection, table, [row])

    def to_purge(self) -> list[str]:
        """The shops whose stored data is to go."""
        with self._db.read() as connection:
            return [
                shop
                for shop in connection.execute(select(table.c.shop).where(table.c.to_purge)).scalars()
                if shop is not None
            ]

    def purged(self, connection: Connection, shop: str) -> None:
        """A shop's stored data is gone."""
        connection.execute(update(table).where(table.c.shop == shop).values(to_purge=False))

    def reseal(self) -> int:
        """Seals with today's key what an earlier one sealed; how many cannot be opened. These stay as they are."""
        closed = 0
        with self._db.begin() as connection:
            for row in connection.execute(select(table)).all():
                for name in _SEALED:
                    sealed = getattr(row, name)
                    try:
                        anew = None if sealed is None else self._sealer.resealed(sealed)
                    except StateError:
                        closed += 1
                        continue
                    if anew is not None:
                        mine = table.c.installation_id == row.installation_id
                        connection.execute(update(table).where(mine).values({name: anew}))
        return closed

    def check_keys(self) -> None:
        """Raises `StateError` when something sealed cannot be opened."""
        self.all()

    def _opened(self, row: Row[Any]) -> WebhookInstallation:
        values = dict(row._mapping)
        try:
            secrets = {
                name: None if values[name] is None else self._sealer.open(values[name]).decode()
                for name in ("token", "webhook_secret")
            }
            configs = {} if row.configs is None else orjson.loads(self._sealer.open(row.configs))
        except StateError:
            raise StateError(
                f"The token or the till credentials of installation {row.installation_id} cannot be opened with the keys "
                f"of {self._sealer.where}. They are still there. Add the key that sealed them at the end of CONNECTOR_KEYS."
            ) from None
        return WebhookInstallation(**values | secrets | {"configs": configs})


def without_secrets(installation: WebhookInstallation) -> WebhookInstallation:
    """The same with token, credentials and the webhook's secret purged."""
    return replace(installation, token=None, configs={}, webhook_secret=None)
