"""The first tables: reservation, account, trade, journal, scheduled."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None

ROW_NUMBER = sa.BigInteger().with_variant(sa.Integer, "sqlite")


def upgrade() -> None:
    """Create everything."""
    create_reservation()
    create_account()
    create_trade()
    create_journal()
    create_scheduled()


def create_reservation() -> None:
    """One row for each resource that was ever reserved."""
    op.create_table(
        "reservation",
        sa.Column("resource", sa.String(200), primary_key=True),
        sa.Column("owner", sa.String(200)),
        sa.Column("token", sa.BigInteger, nullable=False),
        sa.Column("acquired_at", sa.BigInteger, nullable=False),
        sa.Column("expires_at", sa.BigInteger, nullable=False),
        sa.CheckConstraint("token > 0", name="reservation_token"),
        sqlite_with_rowid=False,
        postgresql_with={"fillfactor": 50},
    )


def create_account() -> None:
    """One row for each platform."""
    op.create_table(
        "account",
        sa.Column("platform", sa.String(64), primary_key=True),
        sa.Column("prefix", sa.Integer, nullable=False, unique=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.CheckConstraint("prefix BETWEEN 1 AND 65535", name="account_prefix"),
        sa.CheckConstraint("sequence >= 0", name="account_sequence"),
    )


def create_trade() -> None:
    """One row for each order that was ever submitted, and what became of it."""
    op.create_table(
        "trade",
        sa.Column("trade_id", ROW_NUMBER, primary_key=True),
        sa.Column("platform", sa.String(64), sa.ForeignKey("account.platform"), nullable=False),
        sa.Column("commodity", sa.String(64), nullable=False),
        sa.Column("side", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("strategy", sa.String(32), nullable=False),
        sa.Column("regime", sa.String(32), nullable=False),
        sa.Column("analysis_id", sa.String(128), nullable=False),
        sa.Column("confidence", sa.Double, nullable=False),
        sa.Column("volume_lots", sa.Double, nullable=False),
        sa.Column("magic", sa.BigInteger, nullable=False, unique=True),
        sa.Column("account_token", sa.BigInteger, nullable=False),
        sa.Column("commodity_token", sa.BigInteger, nullable=False),
        sa.Column("expected_price", sa.Double, nullable=False),
        sa.Column("stop_distance", sa.Double, nullable=False),
        sa.Column("target_distance", sa.Double),
        sa.Column("trailing_distance", sa.Double),
        sa.Column("stop_price", sa.Double, nullable=False),
        sa.Column("target_price", sa.Double),
        sa.Column("daily_volatility", sa.Double, nullable=False),
        sa.Column("submitted_at", sa.BigInteger, nullable=False),
        sa.Column("time_stop_at", sa.BigInteger, nullable=False),
        sa.Column("closes_at_day_end", sa.Boolean, nullable=False),
        sa.Column("position_id", sa.BigInteger),
        sa.Column("ticket", sa.BigInteger),
        sa.Column("entry_price", sa.Double),
        sa.Column("opened_at", sa.BigInteger),
        sa.Column("exit_price", sa.Double),
        sa.Column("closed_at", sa.BigInteger),
        sa.Column("close_reason", sa.String(32)),
        sa.Column("profit", sa.Double),
        sa.Column("detail", sa.Text, nullable=False),
        sa.Column("claims_analysis", sa.Boolean, nullable=False),
    )
    active = sa.text("state IN ('closing', 'open', 'submitted', 'unknown')")
    create_index("trade_one_active", "trade", ["platform", "commodity"], where=active, unique=True)
    create_index("trade_one_per_analysis", "trade", ["analysis_id"], where=sa.text("claims_analysis"), unique=True)
    op.create_index("trade_analysis", "trade", ["analysis_id"])
    not_failed = sa.text("state <> 'failed'")
    create_index("trade_last_submission", "trade", ["platform", "commodity", "submitted_at"], where=not_failed)


def create_journal() -> None:
    """One row for each decision and each transition."""
    op.create_table(
        "journal",
        sa.Column("id", ROW_NUMBER, primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("repeated", sa.Integer, nullable=False),
        sa.Column("writer", sa.String(200), nullable=False),
        sa.Column("kind", sa.String(64), nullable=False),
        sa.Column("platform", sa.String(64)),
        sa.Column("commodity", sa.String(64)),
        sa.Column("trade_id", sa.BigInteger),
        sa.Column("analysis_id", sa.String(128)),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("detail", sa.Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_index("journal_newest", "journal", ["kind", "platform", "commodity", "id"])
    create_index("journal_trade", "journal", ["trade_id"], where=sa.text("trade_id IS NOT NULL"))


def create_scheduled() -> None:
    """One row for each scheduled job that has run."""
    op.create_table(
        "scheduled",
        sa.Column("key", sa.String(200), primary_key=True),
        sa.Column("at", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )


def create_index(name: str, table: str, columns: list[str], *, where: sa.TextClause, unique: bool = False) -> None:
    """A partial index, on either database."""
    op.create_index(name, table, columns, unique=unique, sqlite_where=where, postgresql_where=where)
