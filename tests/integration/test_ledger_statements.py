"""The same promises on PostgreSQL: what its statements must say for them to hold there."""

from __future__ import annotations

import pytest
from sqlalchemy import ClauseElement, make_url
from sqlalchemy.schema import CreateTable

from persistence import trade_rows
from persistence.creation import creation_statements
from persistence.reservation_sql import Statements, statements
from persistence.tables import ONE_ACTIVE_TRADE, ONE_TRADE_PER_ANALYSIS, metadata

UNIQUE = (str(ONE_ACTIVE_TRADE.name), str(ONE_TRADE_PER_ANALYSIS.name))
POSTGRESQL = make_url("postgresql+psycopg://").get_dialect()()


def on_postgresql(statement: ClauseElement) -> str:
    return " ".join(str(statement.compile(dialect=POSTGRESQL)).split())


@pytest.fixture
def reservation() -> Statements:
    """The statements on the database's own clock."""
    return statements("postgresql", bound_clock=False)


def test_every_reading_of_the_clock_is_of_the_moment_and_not_of_the_transactions_beginning(
    reservation: Statements,
) -> None:
    for name, statement in vars(reservation).items():
        said = on_postgresql(statement)
        assert "clock_timestamp()" in said, name
        assert "now()" not in said, name
        assert "CURRENT_TIMESTAMP" not in said, name


def test_a_takeover_computes_its_times_after_it_has_waited_for_the_row(reservation: Statements) -> None:
    said = on_postgresql(reservation.reserve)
    assert "excluded.expires_at" not in said
    assert "excluded.acquired_at" not in said
    assert "SELECT" in said.split("ON CONFLICT")[0]
    assert "NOT (EXISTS" in said.split("ON CONFLICT")[0], "a refusal must cost nothing"


def test_a_fence_locks_its_row_against_a_takeover_until_the_transaction_ends(reservation: Statements) -> None:
    assert on_postgresql(reservation.fence).endswith("FOR SHARE")


def test_a_trade_is_locked_between_comparing_and_setting() -> None:
    assert on_postgresql(trade_rows.SELECT_ONE_TO_CHANGE).endswith("FOR UPDATE")


def test_the_unique_indexes_are_partial_there_too() -> None:
    made = {name: said for said in creation_statements(POSTGRESQL) for name in UNIQUE if f"INDEX {name} " in said}
    assert made[str(ONE_ACTIVE_TRADE.name)].endswith("WHERE state IN ('closing', 'open', 'submitted', 'unknown')")
    assert made[str(ONE_TRADE_PER_ANALYSIS.name)].endswith("WHERE claims_analysis")
    for table in metadata.sorted_tables:
        assert on_postgresql(CreateTable(table))
