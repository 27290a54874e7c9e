"""What ShopiMind's webhooks say of installations, and which webhooks were carried out."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Installations known by a token of `shops.yaml` alone have no row here."""
    op.create_table(
        "webhook_installations",
        sa.Column("installation_id", sa.Text, primary_key=True),
        sa.Column("number", sa.BigInteger, nullable=False, unique=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sa.Column("said_at", sa.BigInteger, nullable=False),
        sa.Column("shop", sa.Text, unique=True),
        sa.Column("merchant", sa.Text, nullable=False),
        sa.Column("shop_name", sa.Text),
        sa.Column("offset", sa.BigInteger),
        sa.Column("token", sa.LargeBinary),
        sa.Column("configs", sa.LargeBinary),
        sa.Column("problem", sa.Text),
        sa.Column("to_purge", sa.Boolean, nullable=False),
    )
    op.create_table(
        "webhooks",
        sa.Column("installation_id", sa.Text, primary_key=True),
        sa.Column("signature", sa.Text, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False, index=True),
    )
