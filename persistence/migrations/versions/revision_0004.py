"""Which account at which broker each platform is."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Nothing is known of the platforms that are there: each is what the settings say when it is next led."""
    op.create_table(
        "broker_account",
        sa.Column("platform", sa.String(64), primary_key=True),
        sa.Column("login", sa.BigInteger, nullable=False),
        sa.Column("server", sa.Text, nullable=False),
        sa.UniqueConstraint("login", "server", name="broker_account_once"),
        sqlite_with_rowid=False,
    )
