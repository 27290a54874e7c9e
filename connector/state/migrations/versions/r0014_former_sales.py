"""Sales that were a customer's and are his no more: erasing him removes the orders that stayed as they were."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Empty: whose a sale had been was not kept before."""
    op.create_table(
        "former_sales",
        sa.Column("shop", sa.Text, nullable=False),
        sa.Column("customer_id", sa.BigInteger, nullable=False),
        sa.Column("sale_id", sa.BigInteger, nullable=False),
        sa.PrimaryKeyConstraint("shop", "customer_id", "sale_id"),
        sqlite_with_rowid=False,
    )
