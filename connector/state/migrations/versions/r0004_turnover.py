"""What the till's turnover told of every day, and what a day's last reading looked like."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Days that were read before have no digest: their next reading is compared with nothing."""
    op.create_table(
        "turnover",
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("store_id", sa.BigInteger, nullable=False),
        sa.Column("day", sa.Text, nullable=False),
        sa.Column("sales", sa.BigInteger, nullable=False),
        sa.Column("cents", sa.BigInteger, nullable=False),
        sa.Column("pieces", sa.BigInteger, nullable=True),
        sa.Column("told_at", sa.BigInteger, nullable=False),
        sa.Column("disputed_sales", sa.BigInteger, nullable=True),
        sa.Column("disputed_cents", sa.BigInteger, nullable=True),
        sa.PrimaryKeyConstraint("shop", "store_id", "day"),
        sqlite_with_rowid=False,
    )
    op.add_column("days", sa.Column("digest", sa.LargeBinary(16), nullable=True))
