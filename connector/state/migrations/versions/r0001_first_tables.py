"""The first tables."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Delivery, the till's calls, what was read of each closing day, leases and runs."""
    _delivery()
    _accounts()
    _reading()
    _runs()


def _text(name: str, *, null: bool = False) -> sa.Column[str]:
    return sa.Column(name, sa.Text, nullable=null)


def _big(name: str, *, null: bool = False) -> sa.Column[int]:
    return sa.Column(name, sa.BigInteger, nullable=null)


def _delivery() -> None:
    op.create_table(
        "ledger",
        _text("shop"),
        _text("entity"),
        _text("external_id"),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        _big("source"),
        _big("store_id", null=True),
        _text("day", null=True),
        _big("cents", null=True),
        _text("currency", null=True),
        _text("run_id"),
        _big("delivered_at"),
        sa.PrimaryKeyConstraint("shop", "entity", "external_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ledger_by_store_day", "ledger", ["shop", "entity", "store_id", "day"])
    op.create_table(
        "refused",
        _text("shop"),
        _text("entity"),
        _text("external_id"),
        sa.Column("digest", sa.LargeBinary(16), nullable=False),
        _big("source", null=True),
        _big("store_id", null=True),
        _text("day", null=True),
        _text("field", null=True),
        _text("reason"),
        sa.Column("payload", sa.LargeBinary, nullable=False),
        _text("by"),
        _big("first_at"),
        _big("last_at"),
        sa.Column("tries", sa.Integer, nullable=False),
        _text("run_id"),
        sa.PrimaryKeyConstraint("shop", "entity", "external_id"),
    )
    op.create_table(
        "provisioned",
        _text("shop"),
        _text("kind"),
        _text("natural_key"),
        _big("remote_id", null=True),
        _text("detail", null=True),
        _big("at"),
        sa.PrimaryKeyConstraint("shop", "kind", "natural_key"),
    )


def _accounts() -> None:
    op.create_table(
        "calls",
        _text("account"),
        _text("month"),
        _big("used"),
        sa.PrimaryKeyConstraint("account", "month"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "account_memory",
        _text("account"),
        _text("trait"),
        _text("value"),
        sa.PrimaryKeyConstraint("account", "trait"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "installations",
        _text("shop"),
        _text("status"),
        _big("since"),
        _text("reason", null=True),
        _text("first_day", null=True),
        sa.PrimaryKeyConstraint("shop"),
    )


def _reading() -> None:
    op.create_table(
        "days",
        _text("shop"),
        _big("store_id"),
        _text("day"),
        _big("read_at", null=True),
        sa.Column("complete", sa.Boolean, nullable=False),
        sa.Column("sales", sa.Integer, nullable=False),
        _big("cents", null=True),
        sa.PrimaryKeyConstraint("shop", "store_id", "day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "closed_sales",
        _text("shop"),
        _big("sale_id"),
        _big("store_id"),
        _text("day"),
        _big("customer_id"),
        _big("closed_at", null=True),
        _big("cents", null=True),
        _text("currency"),
        _text("kind"),
        sa.Column("sent", sa.Boolean, nullable=False),
        sa.PrimaryKeyConstraint("shop", "sale_id"),
        sqlite_with_rowid=False,
    )
    op.create_index("closed_sales_by_customer", "closed_sales", ["shop", "customer_id"])
    op.create_index("closed_sales_by_store_day", "closed_sales", ["shop", "store_id", "day"])


def _runs() -> None:
    op.create_table(
        "leases",
        _text("shop"),
        _text("entity"),
        _text("holder"),
        _text("token"),
        sa.Column("expires_at", sa.Float(53), nullable=False),
        sa.PrimaryKeyConstraint("shop", "entity"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "sync_runs",
        _text("run_id"),
        _text("shop"),
        _big("started_at"),
        _big("finished_at", null=True),
        _text("status", null=True),
        _text("message", null=True),
        sa.Column("calls_till", sa.Integer, nullable=False),
        sa.Column("calls_shopimind", sa.Integer, nullable=False),
        _text("quota", null=True),
        sa.PrimaryKeyConstraint("run_id", "shop"),
    )
    op.create_index("sync_runs_by_shop", "sync_runs", ["shop", "started_at"])
    op.create_table(
        "sync_run_entities",
        _text("run_id"),
        _text("shop"),
        _text("entity"),
        _text("place"),
        _big("store_id", null=True),
        _big("id_data_source", null=True),
        _text("counts"),
        sa.PrimaryKeyConstraint("run_id", "shop", "entity", "place"),
    )
