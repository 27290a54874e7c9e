"""What Alembic runs. It is only ever driven by `connector.state.schema`, which hands over the open connection."""

from __future__ import annotations

from alembic import context

from connector.state.schema import VERSION_TABLE

context.configure(connection=context.config.attributes["connection"], version_table=VERSION_TABLE)
context.run_migrations()
