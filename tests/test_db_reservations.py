"""Reservations: however many threads and processes compete, a resource has one owner, and its tokens only grow."""

from __future__ import annotations

import logging
import multiprocessing
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from multiprocessing.sharedctypes import Synchronized
from multiprocessing.synchronize import Barrier
from typing import Any, TypeAlias

import pytest
from sqlalchemy import text

from persistence import sqlite
from persistence.errors import LedgerUnavailable, StaleToken
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.reservations import Fence, Reservation, Reservations, account_resource
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.market import Side
from trading.trade import TradeState

TTL_SECONDS = 60.0
TTL_MS = 60_000
CONTENDERS = 4
DEADLINE_SECONDS = 60.0
HASTY_TTL_SECONDS = 1.0  # of a process that soon gives up waiting for others
SLOTS = [f"alpha:C{number}" for number in range(25)]

Competition: TypeAlias = Callable[[str, Sequence[str], int | None], list[Reservation]]
"""All contenders at once try to reserve each resource in turn; answers what each of them was given. The number is what
their lease clock shows, None for the database's own."""


@contextmanager
def a_ledger(url: str, at: int | None = None) -> Iterator[Ledger]:
    """A ledger whose lease clock stands still, or is the database's own."""
    ledger = Ledger.open(url, writer="test", lease_clock=None if at is None else lambda: at)
    try:
        yield ledger
    finally:
        ledger.close()


@pytest.fixture
def url(any_url: str) -> str:
    """An empty ledger that several processes may share, of each kind in turn."""
    return any_url


# ---------------------------------------------------------------- the contenders


def reserve_each(
    reservations: Reservations, owner: str, resources: Sequence[str], ready: Callable[[float], object]
) -> list[Reservation]:
    """One contender: waits before each resource until all are ready, and answers what it was given."""
    given = []
    for resource in resources:
        ready(DEADLINE_SECONDS)
        reservation = reservations.reserve_resource(resource, owner, TTL_SECONDS)
        if reservation is not None:
            given.append(reservation)
    return given


def threads_of_one_ledger(url: str, resources: Sequence[str], at: int | None) -> list[Reservation]:
    """Threads compete over the one connection of their process."""
    ready = threading.Barrier(CONTENDERS)
    with a_ledger(url, at) as ledger, ThreadPoolExecutor(CONTENDERS) as threads:
        runs = [
            threads.submit(reserve_each, ledger.reservations, f"thread {number}", resources, ready.wait)
            for number in range(CONTENDERS)
        ]
        return [reservation for run in runs for reservation in run.result(DEADLINE_SECONDS)]


def threads_with_a_ledger_each(url: str, resources: Sequence[str], at: int | None) -> list[Reservation]:
    """Threads compete over the file, each with a connection of its own."""
    ready = threading.Barrier(CONTENDERS)

    def contender(number: int) -> list[Reservation]:
        with a_ledger(url, at) as ledger:
            return reserve_each(ledger.reservations, f"thread {number}", resources, ready.wait)

    with ThreadPoolExecutor(CONTENDERS) as threads:
        return [won for wins in threads.map(contender, range(CONTENDERS)) for won in wins]


in_child: dict[str, Any] = {}
"""What the processes share; set in each of them when it starts."""


def begin_child(ready: Barrier, clock: Synchronized[int]) -> None:
    """The first thing that a process does."""
    in_child.update(ready=ready, clock=clock)


def contend_in_child(url: str, resources: Sequence[str], at: int | None) -> list[Reservation]:
    """One process's part in a competition."""
    with a_ledger(url, at) as ledger:
        return reserve_each(ledger.reservations, owner_name(), resources, in_child["ready"].wait)


@pytest.fixture(scope="module")
def processes() -> Iterator[ProcessPoolExecutor]:
    """As many processes as there are contenders, started from nothing, as an operator's would be."""
    fresh = multiprocessing.get_context("spawn")
    shared = (fresh.Barrier(CONTENDERS), fresh.Value("q", 1))
    with ProcessPoolExecutor(CONTENDERS, mp_context=fresh, initializer=begin_child, initargs=shared) as pool:
        yield pool


@pytest.fixture(params=["processes", "threads_with_a_ledger_each", "threads_of_one_ledger"])
def compete(request: pytest.FixtureRequest) -> Competition:
    """Each kind of contender in turn."""
    if request.param == "threads_of_one_ledger":
        return threads_of_one_ledger
    if request.param == "threads_with_a_ledger_each":
        return threads_with_a_ledger_each
    pool: ProcessPoolExecutor = request.getfixturevalue("processes")

    def by_processes(url: str, resources: Sequence[str], at: int | None) -> list[Reservation]:
        runs = [pool.submit(contend_in_child, url, resources, at) for _ in range(CONTENDERS)]
        return [reservation for run in runs for reservation in run.result(DEADLINE_SECONDS)]

    return by_processes


# ---------------------------------------------------------------- competition


def test_of_all_that_want_a_fresh_resource_exactly_one_gets_it(compete: Competition, url: str) -> None:
    given = compete(url, SLOTS, 1_000)
    assert sorted(reservation.resource for reservation in given) == sorted(SLOTS)
    assert {reservation.token for reservation in given} == {1}
    with a_ledger(url, 1_000) as ledger:
        assert ledger.reservations.all() == sorted(given, key=lambda reservation: reservation.resource)


def test_nobody_gets_a_resource_while_its_holder_lives(compete: Competition, url: str) -> None:
    with a_ledger(url, 1_000) as ledger:
        held = [ledger.reservations.reserve_resource(resource, "holder", TTL_SECONDS) for resource in SLOTS]
    assert compete(url, SLOTS, 1_000 + TTL_MS - 1) == []
    with a_ledger(url, 1_000 + TTL_MS - 1) as ledger:
        assert [ledger.reservations.holder(resource) for resource in SLOTS] == held


def test_an_expired_reservation_is_taken_over_by_exactly_one(compete: Competition, url: str) -> None:
    with a_ledger(url, 1_000) as ledger:
        for resource in SLOTS:
            ledger.reservations.reserve_resource(resource, "the dead", TTL_SECONDS)
    given = compete(url, SLOTS, 1_000 + TTL_MS)
    assert sorted(reservation.resource for reservation in given) == sorted(SLOTS)
    assert {reservation.token for reservation in given} == {2}


def test_on_the_databases_own_clock_too_the_expired_go_to_exactly_one_and_the_live_to_none(
    compete: Competition, url: str
) -> None:
    with a_ledger(url) as ledger:
        for resource in SLOTS:
            ledger.reservations.reserve_resource(resource, "holder", TTL_SECONDS)
        with ledger.writing() as connection:
            expired = "resource IN ('alpha:C5', 'alpha:C15')"
            connection.exec_driver_sql(f"UPDATE reservation SET expires_at = 1 WHERE {expired}")
    given = compete(url, SLOTS, None)
    assert sorted(reservation.resource for reservation in given) == ["alpha:C15", "alpha:C5"]
    assert {reservation.token for reservation in given} == {2}


def test_tokens_strictly_increase_over_many_takeovers(compete: Competition, url: str) -> None:
    tokens = []
    for lease in range(8):
        (reservation,) = compete(url, ["alpha:EURUSD"], 1_000 + lease * TTL_MS)
        tokens.append(reservation.token)
    assert tokens == list(range(1, 9))


# ---------------------------------------------------------------- one owner's part


class Clock:
    """A lease clock that stands still until it is moved."""

    def __init__(self) -> None:
        """At some time after 1970."""
        self.at = 1_000

    def __call__(self) -> int:
        """What the lease clock shows."""
        return self.at


@pytest.fixture
def clock() -> Clock:
    """The lease clock of `reservations`."""
    return Clock()


@pytest.fixture
def reservations(any_ledger: str, clock: Clock) -> Iterator[Reservations]:
    """An empty table of reservations, of each kind in turn."""
    ledger = Ledger.open(any_ledger, lease_clock=clock)
    yield ledger.reservations
    ledger.close()


def given(reservations: Reservations, resource: str = "alpha:EURUSD", owner: str = "me") -> Reservation:
    reservation = reservations.reserve_resource(resource, owner, TTL_SECONDS)
    assert reservation is not None
    return reservation


def test_a_reservation_says_whose_it_is_and_until_when(reservations: Reservations) -> None:
    mine = given(reservations)
    assert mine == Reservation("alpha:EURUSD", "me", token=1, expires_at=1_000 + TTL_MS)
    assert mine.fence == Fence("alpha:EURUSD", "me", token=1)
    assert reservations.is_resource_reserved("alpha:EURUSD")
    assert reservations.holder("alpha:EURUSD") == mine


def test_a_reservation_holds_to_the_last_millisecond_of_its_time(reservations: Reservations, clock: Clock) -> None:
    mine = given(reservations)
    clock.at = mine.expires_at - 1
    assert reservations.is_resource_reserved("alpha:EURUSD")
    clock.at = mine.expires_at
    assert not reservations.is_resource_reserved("alpha:EURUSD")
    assert given(reservations, owner="other").token == 2


def test_its_own_holder_cannot_take_it_twice(reservations: Reservations) -> None:
    given(reservations)
    assert reservations.reserve_resource("alpha:EURUSD", "me", TTL_SECONDS) is None


def test_each_account_and_commodity_is_a_resource_of_its_own(reservations: Reservations) -> None:
    names = ["alpha:EURUSD", "alpha:GOLD", "beta:EURUSD"]
    held = [given(reservations, name, f"owner of {name}") for name in names]
    assert reservations.all() == held
    assert {reservation.token for reservation in held} == {1}


def test_the_live_ones_are_listed_by_name(reservations: Reservations, clock: Clock) -> None:
    released = given(reservations, "beta:EURUSD")
    given(reservations, "gamma:EURUSD")
    clock.at += TTL_MS
    reservations.release_resource(released.fence)
    later = [given(reservations, name) for name in ("beta:GOLD", "alpha:GOLD")]
    assert reservations.all() == later[::-1]


@pytest.mark.parametrize("impostor", [{"owner": "other"}, {"token": 7}, {"resource": "beta:EURUSD"}])
def test_a_release_by_another_changes_nothing_and_says_so(
    reservations: Reservations, caplog: pytest.LogCaptureFixture, impostor: dict[str, Any]
) -> None:
    mine = given(reservations)
    stranger = replace(mine.fence, **impostor)
    with caplog.at_level(logging.WARNING, logger="persistence"):
        assert reservations.release_resource(stranger) is False
    assert reservations.holder("alpha:EURUSD") == mine
    said = f"{stranger.resource} was not released: {stranger.owner} does not hold it with token {stranger.token}"
    assert caplog.messages == [said]


def test_a_former_holder_cannot_release_what_another_has_taken_over(reservations: Reservations, clock: Clock) -> None:
    former = given(reservations)
    clock.at = former.expires_at
    heir = given(reservations, owner="heir")
    assert reservations.release_resource(former.fence) is False
    assert reservations.renew_resource(former.fence, TTL_SECONDS) is False
    assert reservations.holder("alpha:EURUSD") == heir


def test_a_renewed_reservation_lives_on_with_its_token(reservations: Reservations, clock: Clock) -> None:
    mine = given(reservations)
    clock.at = mine.expires_at - 1
    assert reservations.renew_resource(mine.fence, TTL_SECONDS)
    assert reservations.holder("alpha:EURUSD") == replace(mine, expires_at=clock.at + TTL_MS)


def test_an_expired_or_released_reservation_cannot_be_renewed(reservations: Reservations, clock: Clock) -> None:
    expired, released = given(reservations), given(reservations, "alpha:GOLD")
    assert reservations.release_resource(released.fence)
    assert not reservations.renew_resource(released.fence, TTL_SECONDS)
    clock.at = expired.expires_at
    assert not reservations.renew_resource(expired.fence, TTL_SECONDS)
    assert reservations.all() == []


def test_a_token_is_never_used_again_after_a_release(reservations: Reservations) -> None:
    tokens = []
    for owner in ("me", "other", "me"):
        reservation = given(reservations, owner=owner)
        tokens.append(reservation.token)
        assert reservations.release_resource(reservation.fence)
        assert not reservations.is_resource_reserved("alpha:EURUSD")
    assert tokens == [1, 2, 3]


def test_reservations_and_tokens_survive_a_restart(url: str) -> None:
    with a_ledger(url, 1_000) as ledger:
        kept = given(ledger.reservations)
        released = given(ledger.reservations, "alpha:GOLD")
        ledger.reservations.release_resource(released.fence)
    with a_ledger(url, 1_000) as ledger:
        assert ledger.reservations.all() == [kept]
        assert given(ledger.reservations, "alpha:GOLD").token == 2


def test_the_databases_clock_is_the_time_of_day(url: str) -> None:
    with a_ledger(url) as ledger, ledger.reading() as connection:
        seconds = "extract(epoch FROM now())" if ledger.dialect == "postgresql" else "strftime('%s', 'now')"
        now_ms = connection.execute(text(f"SELECT {seconds} * 1000")).scalar_one()
    with a_ledger(url) as ledger:
        assert 0 <= given(ledger.reservations).expires_at - TTL_MS - now_ms < DEADLINE_SECONDS * 1_000


# ---------------------------------------------------------------- what a stale token cannot do


def a_new_trade(analysis_id: str) -> NewTrade:
    """An order for EURUSD on alpha."""
    return NewTrade(
        platform="alpha",
        commodity="EURUSD",
        side=Side.BUY,
        strategy=Strategy.DAY,
        regime=Regime.TREND,
        analysis_id=analysis_id,
        confidence=70.0,
        volume_lots=0.1,
        expected_price=1.1,
        stop_distance=0.005,
        target_distance=None,
        trailing_distance=0.004,
        stop_price=1.095,
        target_price=None,
        daily_volatility=0.006,
        submitted_at=1_000,
        time_stop_at=2_000,
        closes_at_day_end=False,
    )


def test_nobody_takes_over_while_a_transaction_is_behind_its_fence(
    url: str, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    holder = Ledger.open(url, lease_clock=clock)
    monkeypatch.setattr(sqlite, "BUSY_TIMEOUT_SECONDS", 0.05)
    heir = Ledger.open(url, lease_clock=clock, ttl_seconds=HASTY_TTL_SECONDS)
    stale = given(holder.reservations, account_resource("alpha")).fence
    with holder.writing() as connection:
        holder.reservations.require(connection, stale)
        clock.at += TTL_MS
        # The lease ends inside the transaction. Until it commits, the heir waits; here, in vain.
        with ThreadPoolExecutor(1) as other_thread, pytest.raises(LedgerUnavailable, match=r"locked|timeout"):
            other_thread.submit(given, heir.reservations, stale.resource, "heir").result(DEADLINE_SECONDS)
        holder.journal.write(connection, [JournalEntry(clock.at, "note", "written behind the fence")])
    assert given(heir.reservations, stale.resource, "heir").token == stale.token + 1
    with pytest.raises(StaleToken), holder.writing() as connection:
        holder.reservations.require(connection, stale)
    assert [line.reason for line in heir.journal.list()] == ["written behind the fence"]
    holder.close()
    heir.close()


@pytest.mark.parametrize("lost", ["account:alpha", "alpha:EURUSD"])
def test_a_holder_paused_past_its_lease_submits_nothing(url: str, clock: Clock, lost: str) -> None:
    ledger = Ledger.open(url, lease_clock=clock)
    ledger.trades.register_account("alpha")
    fences = {name: given(ledger.reservations, name).fence for name in ("account:alpha", "alpha:EURUSD")}
    clock.at += TTL_MS
    for name in fences:
        if name == lost:
            given(ledger.reservations, name, "heir")
        else:
            fences[name] = given(ledger.reservations, name).fence
    with pytest.raises(StaleToken, match=lost):
        ledger.trades.submit(a_new_trade("analysis-1"), fences["account:alpha"], fences["alpha:EURUSD"])
    assert ledger.trades.list() == []
    ledger.close()


TRADES_EACH = 6


def trade_in_child(url: str) -> Counter[str]:
    """One process that trades, and often sleeps through its own lease; answers what became of its attempts.

    The processes share a clock, which moves when one of them falls asleep: once in three attempts before it submits,
    once in five before it settles what it has submitted. Whoever awakes meets those who have taken over meanwhile.
    """
    clock, ready, me = in_child["clock"], in_child["ready"], owner_name()

    def sleep_through_the_lease() -> None:
        with clock.get_lock():
            clock.value += TTL_MS

    ledger = Ledger.open(url, writer=me, lease_clock=lambda: int(clock.value))
    reservations, trades = ledger.reservations, ledger.trades
    outcomes: Counter[str] = Counter()
    attempts = 0
    ready.wait(DEADLINE_SECONDS)
    while outcomes["traded"] < TRADES_EACH:
        while reservations.is_resource_reserved("account:alpha"):
            pass
        account = reservations.reserve_resource("account:alpha", me, TTL_SECONDS)
        if account is None:
            continue
        attempts += 1
        line = JournalEntry(0, "write", me, detail={"account": account.token})
        try:
            slot = given(reservations, "alpha:EURUSD", me)
            for left in trades.active():
                trades.advance(left, replace(left, state=TradeState.FAILED), account.fence, line)
            if attempts % 3 == 0:
                sleep_through_the_lease()
            trade = trades.submit(a_new_trade(f"{me}-{attempts}"), account.fence, slot.fence, line)
            if attempts % 5 == 0:
                sleep_through_the_lease()
            trades.advance(trade, replace(trade, state=TradeState.FAILED), account.fence, line)
            outcomes["traded"] += 1
        except StaleToken:
            outcomes["stale"] += 1
        else:
            reservations.release_resource(slot.fence)
            reservations.release_resource(account.fence)
    ledger.close()
    return outcomes


def test_no_trade_is_ever_written_under_an_older_token_than_the_one_before(
    processes: ProcessPoolExecutor, url: str
) -> None:
    with a_ledger(url) as ledger:
        ledger.trades.register_account("alpha")
    runs = [processes.submit(trade_in_child, url) for _ in range(CONTENDERS)]
    outcomes = sum((run.result(DEADLINE_SECONDS) for run in runs), Counter[str]())
    with a_ledger(url) as ledger:
        trades = ledger.trades.list(newest_first=False)
        lines = ledger.journal.list(newest_first=False)
    slot_tokens = [trade.commodity_token for trade in trades]
    account_tokens = [line.detail["account"] for line in lines]
    assert slot_tokens == sorted(slot_tokens)
    assert account_tokens == sorted(account_tokens)
    assert len({(line.detail["account"], line.writer) for line in lines}) == len(set(account_tokens))
    assert len(lines) >= len(trades) >= outcomes["traded"]
    assert outcomes["traded"] == CONTENDERS * TRADES_EACH
    assert outcomes["stale"] >= CONTENDERS, "everybody has slept through a lease at least once"
