"""Customers who lost a sale that they had: who of them has none left may have become part of another customer."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Empty: who lost a sale was not kept before."""
    op.create_table(
        "lost_sales",
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shop", "customer_id"),
        sqlite_with_rowid=False,
    )
