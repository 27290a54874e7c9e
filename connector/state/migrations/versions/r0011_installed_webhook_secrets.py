"""By which secret the till of a shop that webhooks installed pushes its sales."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """None has one: no such shop could be pushed to before."""
    op.add_column("webhook_installations", sa.Column("webhook_secret", sa.LargeBinary))
