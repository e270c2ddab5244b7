"""What Alembic runs: the revisions, inside the transaction that the caller has begun and will commit."""

from __future__ import annotations

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()
