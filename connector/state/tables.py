"""The tables of the database. Times are epoch seconds, money is whole cents, days are `YYYY-MM-DD`.

`connector/state/migrations/versions` builds them; a test keeps the two alike.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Table,
    Text,
    UniqueConstraint,
)
from sqlalchemy.types import TypeEngine

metadata = MetaData()

# Small rows under a composite key: one tree instead of two in SQLite.
_COMPACT: dict[str, Any] = {"sqlite_with_rowid": False}


def _key(name: str, kind: type[TypeEngine[Any]] = Text) -> Column[Any]:
    return Column(name, kind, primary_key=True, autoincrement=False)


# The last payload that ShopiMind accepted for every record.
ledger = Table(
    "ledger",
    metadata,
    _key("shop"),
    _key("entity"),
    _key("external_id"),
    Column("digest", LargeBinary(16), nullable=False),
    Column("source", BigInteger, nullable=False),
    Column("store_id", BigInteger),
    Column("day", Text),
    Column("cents", BigInteger),
    Column("currency", Text),
    Column("run_id", Text, nullable=False),
    Column("delivered_at", BigInteger, nullable=False),
    Index("ledger_by_store_day", "shop", "entity", "store_id", "day"),
    **_COMPACT,
)

# Records that ShopiMind, or our own validation, will not take; until they are replayed or changed.
refused = Table(
    "refused",
    metadata,
    _key("shop"),
    _key("entity"),
    _key("external_id"),
    Column("digest", LargeBinary(16), nullable=False),
    Column("source", BigInteger),
    Column("store_id", BigInteger),
    Column("day", Text),
    Column("field", Text),
    Column("reason", Text, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # sealed, see connector.state.sealing
    Column("by", Text, nullable=False),  # 'shopimind' | 'connector'
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("run_id", Text, nullable=False),
    Column("edition", Text),  # see connector.mapping.edition; null: to be tried again whatever it is
)

# What was set up at ShopiMind: sources, definitions, statuses.
provisioned = Table(
    "provisioned",
    metadata,
    _key("shop"),
    _key("kind"),
    _key("natural_key"),
    Column("remote_id", BigInteger),
    Column("detail", Text),  # JSON
    Column("at", BigInteger, nullable=False),
)

# Calls to the till, per account and month `YYYY-MM`.
calls = Table(
    "calls",
    metadata,
    _key("account"),
    _key("month"),
    Column("used", BigInteger, nullable=False),
    Column("history", BigInteger, nullable=False, server_default="0"),  # of these, for days that no daily sync needs
    Column("since", BigInteger),  # the first of them; null: unknown
    Column("stopped_at", BigInteger),  # the till's own 429; null: it answers
    **_COMPACT,
)

account_memory = Table(
    "account_memory", metadata, _key("account"), _key("trait"), Column("value", Text, nullable=False), **_COMPACT
)

installations = Table(
    "installations",
    metadata,
    _key("shop"),
    Column("status", Text, nullable=False),  # 'active' | 'inactive'
    Column("since", BigInteger, nullable=False),
    Column("reason", Text),
    Column("first_day", Text),
)

# What ShopiMind's lifecycle webhooks say, see connector.state.webhook_installations.
webhook_installations = Table(
    "webhook_installations",
    metadata,
    _key("installation_id"),
    Column("number", BigInteger, nullable=False, unique=True),  # never given twice: the prefix is made of it
    Column("state", Text, nullable=False),  # 'installed' | 'activated' | 'deactivated' | 'uninstalled'
    Column("since", BigInteger, nullable=False),  # when the state came about
    Column("said_at", BigInteger, nullable=False),  # the time stamp of the newest webhook that was carried out
    Column("shop", Text, unique=True),  # null until the first activation that makes a shop
    Column("merchant", Text, nullable=False),  # installations of one merchant share integer ids
    Column("shop_name", Text),
    Column("offset", BigInteger),
    Column("token", LargeBinary),  # sealed
    Column("configs", LargeBinary),  # sealed JSON
    Column("webhook_secret", LargeBinary),  # sealed
    Column("problem", Text),  # why it makes no shop although it is activated
    Column("to_purge", Boolean, nullable=False),
)

# Webhooks that were carried out: a verbatim replay is answered without work.
webhooks = Table(
    "webhooks",
    metadata,
    _key("installation_id"),
    _key("signature"),
    Column("at", BigInteger, nullable=False, index=True),
)

leases = Table(
    "leases",
    metadata,
    _key("shop"),
    _key("entity"),
    Column("holder", Text, nullable=False),
    Column("token", Text, nullable=False),
    Column("expires_at", Float(53), nullable=False),
    **_COMPACT,
)

# How far the reading of every closing day got.
days = Table(
    "days",
    metadata,
    _key("shop"),
    _key("store_id", BigInteger),
    _key("day"),
    Column("read_at", BigInteger),
    Column("complete", Boolean, nullable=False),
    Column("sales", Integer, nullable=False),
    Column("cents", BigInteger),
    Column("digest", LargeBinary(16)),  # of what was read
    **_COMPACT,
)

# What the till's turnover told of every day of the months that it was asked for, days without sales included.
turnover = Table(
    "turnover",
    metadata,
    _key("shop"),
    _key("store_id", BigInteger),
    _key("day"),
    Column("sales", BigInteger, nullable=False),
    Column("cents", BigInteger, nullable=False),  # over all currencies
    Column("pieces", BigInteger),
    Column("told_at", BigInteger, nullable=False),
    Column("disputed_sales", BigInteger),  # what was read of the day when it was last read again for this
    Column("disputed_cents", BigInteger),
    **_COMPACT,
)

# What is known of every closed sale read so far: home stores, profiles and reconciliation count from it.
closed_sales = Table(
    "closed_sales",
    metadata,
    _key("shop"),
    _key("sale_id", BigInteger),
    Column("store_id", BigInteger, nullable=False),
    Column("day", Text, nullable=False),
    Column("customer_id", BigInteger, nullable=False),
    Column("closed_at", BigInteger),
    Column("cents", BigInteger),
    Column("currency", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("sent", Boolean, nullable=False),
    Index("closed_sales_by_customer", "shop", "customer_id"),
    Index("closed_sales_by_store_day", "shop", "store_id", "day"),
    **_COMPACT,
)

# The number of every product's size, from which its variation's id is made. Never given anew: ids would change hands.
variations = Table(
    "variations",
    metadata,
    _key("shop"),
    _key("product_id", BigInteger),
    _key("size_id", BigInteger),
    Column("number", BigInteger, nullable=False),
    UniqueConstraint("shop", "number", name="variations_number"),
    **_COMPACT,
)

# Not called `runs` in the database: Dagster has a table of that name, and may be given the same PostgreSQL database.
runs = Table(
    "sync_runs",
    metadata,
    _key("run_id"),
    _key("shop"),
    Column("started_at", BigInteger, nullable=False),
    Column("finished_at", BigInteger),
    Column("status", Text),
    Column("message", Text),
    Column("calls_till", Integer, nullable=False),
    Column("calls_shopimind", Integer, nullable=False),
    Column("quota", Text),  # JSON
    Index("sync_runs_by_shop", "shop", "started_at"),
)

run_entities = Table(
    "sync_run_entities",
    metadata,
    _key("run_id"),
    _key("shop"),
    _key("entity"),
    _key("place"),  # the store id as text, '' for what has no store
    Column("store_id", BigInteger),
    Column("id_data_source", BigInteger),
    Column("counts", Text, nullable=False),  # JSON
)

# Since when an event is told of: the start of the first run that had it. Sales that closed before are none of its.
event_starts = Table(
    "event_starts", metadata, _key("shop"), _key("event"), Column("since", BigInteger, nullable=False), **_COMPACT
)

# What ShopiMind is told of each sale: a row is made once in a lifetime, with the ledger's note of the order's delivery.
event_outbox = Table(
    "event_outbox",
    metadata,
    _key("shop"),
    _key("event"),  # its code name
    _key("sale_id", BigInteger),  # the till's own
    Column("customer_id", BigInteger, nullable=False),  # the till's own
    Column("closed_at", BigInteger, nullable=False),
    Column("state", Text, nullable=False),  # see connector.delivery.outbox
    Column("reason", Text),
    Column("payload", LargeBinary),  # sealed; null once it is settled
    Column("tries", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),  # of the state
    Column("run_id", Text, nullable=False),  # of the state
    Index("event_outbox_by_state", "shop", "state", "closed_at"),
    **_COMPACT,
)

# Sales that tills have pushed: until a run has delivered them, or read their day after they came.
till_inbox = Table(
    "till_inbox",
    metadata,
    _key("shop"),
    _key("message_id"),  # in the order in which they came
    Column("sale_id", BigInteger, nullable=False),
    Column("payload", LargeBinary, nullable=False),  # sealed, see connector.state.sealing
    Column("received_at", BigInteger, nullable=False),
    Column("tries", Integer, nullable=False),
    Column("tried_at", BigInteger),
)

# Customers of whom a till has told that something changed, until it is known whether they still exist.
changed_customers = Table(
    "changed_customers",
    metadata,
    _key("shop"),
    _key("customer_id", BigInteger),
    Column("told_at", BigInteger, nullable=False),
    **_COMPACT,
)

# Customers of whom a sale was read once that is another customer's now, or is gone: without any sale left, one of them may have
# become part of somebody else.
lost_sales = Table("lost_sales", metadata, _key("shop"), _key("customer_id", BigInteger), **_COMPACT)

# Sales that were somebody's and are his no more. Where no later version was sent, ShopiMind may still hold the order as his.
former_sales = Table(
    "former_sales", metadata, _key("shop"), _key("customer_id", BigInteger), _key("sale_id", BigInteger), **_COMPACT
)

# What the marks of erased customers are made with: sealed, one per shop, so that a change of keys leaves the marks valid.
tombstone_keys = Table("tombstone_keys", metadata, _key("shop"), Column("key", LargeBinary, nullable=False), **_COMPACT)

# Customers who were erased: marks that name nobody and that only the shop's key can make, see connector.state.tombstones.
tombstones = Table(
    "tombstones",
    metadata,
    _key("shop"),
    Column("mark", LargeBinary(32), primary_key=True),
    Column("erased_at", BigInteger, nullable=False),
    **_COMPACT,
)
