"""Refused records know the edition (`connector.mapping.edition`) under which they were refused."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Those that are there have none, so each is tried once more."""
    op.add_column("refused", sa.Column("edition", sa.Text, nullable=True))
