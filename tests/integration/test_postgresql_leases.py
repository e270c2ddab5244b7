"""The traps that leases have on PostgreSQL, each on a real server: without its remedy the test fails."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from made_ledger import Clock, Holder, a_ledger, a_line
from postgres_server import administer
from sqlalchemy import Connection

from persistence.errors import LedgerUnavailable, StaleToken
from persistence.ledger import Ledger
from persistence.reservations import Fence, Reservation, account_resource

DEADLINE_SECONDS = 60.0
TTL_SECONDS = 3.0  # the least that the settings allow


def test_a_long_transaction_takes_a_lease_by_the_time_of_now_and_not_of_its_beginning(postgresql_url: str) -> None:
    """By the transaction's own `now()` the lease would have been over before it was given: two owners."""
    with a_ledger(postgresql_url) as ledger, a_ledger(postgresql_url) as other:
        statements = ledger.reservations._statements
        with ledger.writing() as connection:
            connection.exec_driver_sql("SELECT pg_sleep(0.3)")
            values = {"res": "alpha:EURUSD", "own": "slow", "ttl": 250}
            row = connection.execute(statements.reserve, values).one()
            clock = connection.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            assert row.expires_at - clock.scalar_one() > 150
        assert other.reservations.reserve_resource("alpha:EURUSD", "other", 60.0) is None


def test_a_lease_that_was_waited_for_begins_when_the_waiting_ends(postgresql_url: str) -> None:
    """By the values that were to be inserted, which are older than the wait, it would be born old."""
    with a_ledger(postgresql_url) as ledger, a_ledger(postgresql_url) as other:
        mine = ledger.reservations.reserve_resource("alpha:EURUSD", "me", 60.0)
        assert mine is not None
        assert ledger.reservations.release_resource(mine.fence)
        with ThreadPoolExecutor(1) as thread:
            with ledger.writing() as connection:
                connection.exec_driver_sql("SELECT 1 FROM reservation FOR UPDATE")
                waiting = thread.submit(other.reservations.reserve_resource, "alpha:EURUSD", "other", 0.4)
                wait_until_blocked(connection)
                connection.exec_driver_sql("SELECT pg_sleep(0.3)")
            taken = waiting.result(DEADLINE_SECONDS)
        assert taken is not None
        with ledger.reading() as connection:
            clock = connection.exec_driver_sql("SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint")
            assert taken.expires_at - clock.scalar_one() > 200


def wait_until_blocked(connection: Connection) -> None:
    """Until another session waits for what this one holds."""
    deadline = time.monotonic() + DEADLINE_SECONDS
    asking = "SELECT count(*) FROM pg_stat_activity WHERE pg_backend_pid() = ANY(pg_blocking_pids(pid))"
    while not connection.exec_driver_sql(asking).scalar_one():
        assert time.monotonic() < deadline


def test_a_takeover_waits_for_the_transaction_behind_the_fence(postgresql_url: str) -> None:
    """A plain SELECT, or FOR KEY SHARE, would let it pass, and a stale write land after it."""
    clock = Clock()
    with a_ledger(postgresql_url, lease_clock=clock) as holder, a_ledger(postgresql_url, lease_clock=clock) as heir:
        fence = Holder(holder).account()
        with ThreadPoolExecutor(1) as thread:
            with holder.writing() as connection:
                holder.reservations.require(connection, fence)
                clock.pass_seconds(60)
                taking = thread.submit(heir.reservations.reserve_resource, fence.resource, "heir", 60.0)
                wait_until_blocked(connection)
                holder.journal.write(connection, [a_line(reason="behind the fence")])
            taken = taking.result(DEADLINE_SECONDS)
        assert taken is not None
        assert taken.token == fence.token + 1
        with pytest.raises(StaleToken), holder.writing() as connection:
            holder.reservations.require(connection, fence)


def test_writers_that_meet_wait_for_each_other_and_none_gets_an_error(postgresql_url: str) -> None:
    """REPEATABLE READ would answer the second with a serialization error."""
    with a_ledger(postgresql_url) as ledger, a_ledger(postgresql_url) as other:
        fence = Holder(ledger).account()
        with ThreadPoolExecutor(1) as thread:
            with ledger.writing() as connection:
                connection.exec_driver_sql("UPDATE reservation SET expires_at = expires_at + 1")
                renewing = thread.submit(other.reservations.renew_resource, fence, 60.0)
                wait_until_blocked(connection)
            assert renewing.result(DEADLINE_SECONDS) is True


def test_a_holder_paused_inside_its_transaction_is_cut_off_and_writes_nothing(postgresql_url: str) -> None:
    """Its transaction holds the lease's row; without a limit nobody could take over until it wakes up."""
    with (
        a_ledger(postgresql_url, ttl_seconds=TTL_SECONDS) as paused,
        a_ledger(postgresql_url, ttl_seconds=TTL_SECONDS) as heir,
    ):
        fence = lease_of(paused, TTL_SECONDS / 10)
        taken: list[Reservation] = []

        def wake_up_too_late() -> None:
            with paused.writing() as connection:
                paused.reservations.require(connection, fence)
                began = time.monotonic()
                taken.append(taken_over(heir, fence.resource))
                assert time.monotonic() - began < TTL_SECONDS
                paused.journal.write(connection, [a_line(reason="too late")])

        with pytest.raises(LedgerUnavailable, match="idle-in-transaction timeout"):
            wake_up_too_late()
        assert taken[0].token == fence.token + 1
        assert heir.journal.list() == []
        paused.journal.append(a_line(reason="on a new connection"))
        with pytest.raises(StaleToken), paused.writing() as connection:
            paused.reservations.require(connection, fence)


def taken_over(heir: Ledger, resource: str) -> Reservation:
    """The lease, asked for again and again, as a process that stands by does."""
    while True:
        try:
            taken = heir.reservations.reserve_resource(resource, "heir", TTL_SECONDS)
        except LedgerUnavailable as error:
            if "lock timeout" not in str(error):
                raise
        else:
            if taken is not None:
                return taken


def lease_of(ledger: Ledger, ttl_seconds: float) -> Fence:
    """Alpha's lease, for so long."""
    ledger.trades.register_account("alpha")
    reservation = ledger.reservations.reserve_resource(account_resource("alpha"), "me", ttl_seconds)
    assert reservation is not None
    return reservation.fence


def test_a_refusal_writes_nothing_at_all(postgresql_url: str) -> None:
    with a_ledger(postgresql_url) as ledger:
        Holder(ledger).account()
        before = administer(postgresql_url, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
        for _ in range(20):
            assert ledger.reservations.reserve_resource("account:alpha", "other", 60.0) is None
        after = administer(postgresql_url, "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint")
    assert after == before, "not even a transaction number"
