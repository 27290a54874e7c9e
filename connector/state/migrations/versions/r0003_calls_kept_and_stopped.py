"""The calls of a month know since when they are counted, how many were history's, and when the till itself said stop."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Of the months that are there nobody knows: all of their calls count as daily ones, since the month began."""
    op.add_column("calls", sa.Column("history", sa.BigInteger, nullable=False, server_default="0"))
    op.add_column("calls", sa.Column("since", sa.BigInteger, nullable=True))
    op.add_column("calls", sa.Column("stopped_at", sa.BigInteger, nullable=True))
