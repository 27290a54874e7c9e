"""Which customers were erased, as keyed marks that name nobody."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Empty: nobody was erased before."""
    op.create_table(
        "tombstone_keys",
        sa.Column("shop", sa.Text, primary_key=True),
        sa.Column("key", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "tombstones",
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("mark", sa.LargeBinary(32), nullable=False),
        sa.Column("erased_at", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shop", "mark"),
        sqlite_with_rowid=False,
    )
