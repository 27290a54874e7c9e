"""Customers of whom a till has told that something changed: who of them is not listed any more may have been deleted."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Empty: what tills told of customers was not kept before."""
    op.create_table(
        "changed_customers",
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shop", "customer_id"),
        sqlite_with_rowid=False,
    )
