"""Modes of crews, the starts that are counted for crash loops, and disowned positions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Add three tables; those of the first revision stay as they are."""
    create_crew_mode()
    create_crew_start()
    create_disowned()


def create_crew_mode() -> None:
    """One row for each crew and cause."""
    op.create_table(
        "crew_mode",
        sa.Column("crew", sa.String(64), primary_key=True),
        sa.Column("cause", sa.String(32), primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("set_by", sa.String(200), nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def create_crew_start() -> None:
    """One row for each time that a process began to lead a crew."""
    op.create_table(
        "crew_start",
        sa.Column("id", ROW_NUMBER, primary_key=True),
        sa.Column("crew", sa.String(64), nullable=False),
        sa.Column("owner", sa.String(200), nullable=False),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("began_at", sa.BigInteger, nullable=False),
        sa.Column("ended_at", sa.BigInteger),
        sa.Column("ending", sa.String(32)),
        sqlite_autoincrement=True,
    )
    op.create_index("crew_start_ended", "crew_start", ["crew", "ended_at"])


def create_disowned() -> None:
    """One row for each position that an operator declared not ours."""
    op.create_table(
        "disowned",
        sa.Column("platform", sa.String(64), primary_key=True),
        sa.Column("magic", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("disowned_by", sa.String(200), nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
