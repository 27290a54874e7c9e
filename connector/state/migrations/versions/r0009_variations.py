"""The number of every product's size, from which its variation's id is made."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0007"


def upgrade() -> None:
    """Empty: sizes get their numbers as they are read."""
    op.create_table(
        "variations",
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("product_id", sa.BigInteger, nullable=False),
        sa.Column("size_id", sa.BigInteger, nullable=False),
        sa.Column("number", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shop", "product_id", "size_id"),
        sa.UniqueConstraint("shop", "number", name="variations_number"),
        sqlite_with_rowid=False,
    )
