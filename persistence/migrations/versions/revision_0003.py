"""Whose accounts, trades and journal lines these are: several crews may share a database."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"

TABLES = ("account", "trade", "journal")


def upgrade() -> None:
    """What is there already belongs to the crew that has the default's name."""
    for table in TABLES:
        op.add_column(table, sa.Column("crew", sa.String(64), nullable=False, server_default="default"))
    op.drop_index("trade_one_per_analysis", "trade")
    op.create_index(
        "trade_one_per_analysis",
        "trade",
        ["crew", "analysis_id"],
        unique=True,
        sqlite_where=sa.text("claims_analysis"),
        postgresql_where=sa.text("claims_analysis"),
    )
    op.drop_index("journal_newest", "journal")
    op.create_index("journal_newest", "journal", ["crew", "kind", "platform", "commodity", "id"])
