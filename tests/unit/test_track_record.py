"""An account's track record: kept as trades close, it is what reading the ledger anew gives, at every moment."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_trades import NOON, a_trade

from actors.track_record import DAILY_LOSS, RISK_DAY, TrackRecord
from persistence.journal import DRAWDOWN_FORGIVEN, JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from persistence.trades import NewTrade
from trading.market import DAY, HOUR, Instant
from trading.standing import ClosedTrade, Standing
from trading.trade import CloseReason, Trade, TradeState, resource

TTL_SECONDS = 60.0


class Books:
    """A real ledger in memory with the account alpha in it."""

    def __init__(self, ledger: Ledger) -> None:
        self.ledger = ledger
        ledger.trades.register_account("alpha")
        self._account = self._fence(account_resource("alpha"))
        self._slot = self._fence(resource("alpha", "EURUSD"))
        self._count = 0

    def close(self, profit: float | None, at: Instant) -> Trade:
        """One more trade, closed with this profit at this instant."""
        self._count += 1
        fields = {name: getattr(a_trade(), name) for name in NewTrade.__dataclass_fields__}
        new = NewTrade(**{**fields, "analysis_id": f"a-{self._count}"})
        trade = self.ledger.trades.submit(new, self._account, self._slot)
        for state in (TradeState.OPEN, TradeState.CLOSING):
            trade = self._advance(trade, replace(trade, state=state, close_reason=CloseReason.STOP))
        return self._advance(trade, replace(trade, state=TradeState.CLOSED, closed_at=at, profit=profit))

    def correct(self, trade: Trade, profit: float) -> Trade:
        """The broker booked something late."""
        return self._advance(trade, replace(trade, profit=profit))

    def note(self, kind: str, at: Instant, **detail: object) -> None:
        self.ledger.journal.append(JournalEntry(at, kind, "said", "alpha", detail=detail))

    def read(self, now: Instant) -> TrackRecord:
        """The record as a process that begins now reads it."""
        record = TrackRecord()
        record.read(self.ledger, "alpha", now)
        return record

    def _advance(self, before: Trade, after: Trade) -> Trade:
        return self.ledger.trades.advance(before, after, self._account)

    def _fence(self, name: str):  # type: ignore[no-untyped-def]  # whatever the ledger calls it
        reservation = self.ledger.reservations.reserve_resource(name, "me", TTL_SECONDS)
        assert reservation is not None
        return reservation.fence


@contextmanager
def some_books() -> Iterator[Books]:
    ledger = Ledger.open("sqlite://", writer="test", rng=random.Random(0), lease_clock=lambda: 0)
    try:
        yield Books(ledger)
    finally:
        ledger.close()


@pytest.fixture
def books() -> Iterator[Books]:
    with some_books() as made:
        yield made


def keep(record: TrackRecord, books: Books, trade: Trade, now: Instant) -> None:
    """As the desk does it."""
    if not record.note(trade):
        record.read(books.ledger, "alpha", now)


events = st.lists(
    st.one_of(
        st.tuples(st.just("close"), st.floats(-300, 300), st.integers(0, 30)),
        st.tuples(st.just("correct"), st.floats(-300, 300), st.integers(0, 30)),
        st.tuples(st.just("late"), st.floats(-300, 300), st.integers(0, 30)),
        st.tuples(st.just("unsettled"), st.just(0.0), st.integers(0, 30)),
        st.tuples(st.just("forgive"), st.just(0.0), st.integers(0, 30)),
        st.tuples(st.just("day"), st.floats(-300, 300), st.integers(0, 30)),
    ),
    max_size=14,
)


@given(events)
@settings(max_examples=25, deadline=None)
def test_whoever_begins_anew_at_any_moment_knows_what_whoever_went_on_knows(
    happened: list[tuple[str, float, int]],
) -> None:
    with some_books() as books:
        now = NOON
        record, trades = books.read(now), list[Trade]()
        for what, amount, number in happened:
            now += number * HOUR // 4
            if now >= record.day_ends or what == "day":
                carried = {len(trades) + 1: amount} if what == "day" else {}
                record.begin_day(now, carried)
                shown = {str(trade): stood for trade, stood in carried.items()}
                books.note(RISK_DAY, now, day_begins=record.day_begins, floating=shown)
            if what in ("close", "late", "unsettled"):
                closed_at = now - HOUR if what == "late" else now
                trades.append(books.close(None if what == "unsettled" else amount, closed_at))
                keep(record, books, trades[-1], now)
            elif what == "correct" and trades:
                chosen = number % len(trades)
                trades[chosen] = books.correct(trades[chosen], amount)
                keep(record, books, trades[chosen], now)
            elif what == "forgive":
                books.note(DRAWDOWN_FORGIVEN, now, by="somebody")
                record.read(books.ledger, "alpha", now)
            assert books.read(now).standing == record.standing


def test_a_profit_that_is_corrected_changes_the_peak_of_before(books: Books) -> None:
    record = books.read(NOON)
    first = books.close(500.0, NOON)
    keep(record, books, first, NOON)
    keep(record, books, books.close(-100.0, NOON + 1), NOON + 1)
    assert (record.standing.results.realised, record.standing.results.peak) == (400.0, 500.0)
    keep(record, books, books.correct(first, 450.0), NOON + 2)
    assert (record.standing.results.realised, record.standing.results.peak) == (350.0, 450.0)
    assert record.standing.realised_today == 350.0


def test_a_new_day_begins_with_nothing_and_a_closed_trade_counts_from_what_it_stood_at(books: Books) -> None:
    record = books.read(NOON)
    keep(record, books, books.close(-80.0, NOON), NOON)
    record.lose_day()
    assert (record.standing.realised_today, record.standing.halted_until) == (-80.0, record.day_ends)
    record.begin_day(NOON + DAY, {2: -30.0})
    assert (record.standing.realised_today, record.standing.halted_until) == (0.0, None)
    keep(record, books, books.close(-50.0, NOON + DAY), NOON + DAY)
    assert record.standing.realised_today == -20.0
    assert record.standing.results.realised == -130.0


def test_a_lost_day_is_remembered_by_the_journal_until_it_ends(books: Books) -> None:
    ends = books.read(NOON).day_ends
    books.note(DAILY_LOSS, NOON, until=ends)
    assert books.read(ends - 1).standing.halted_until == ends
    assert books.read(ends).standing.halted_until is None


def test_what_another_day_began_with_is_not_taken_for_todays(books: Books) -> None:
    yesterday = books.read(NOON - DAY).day_begins
    books.note(RISK_DAY, NOON - DAY, day_begins=yesterday, floating={"1": -20.0})
    record = books.read(NOON)
    assert (record.standing.carried, record.is_day_begun) == ({}, False)
    assert books.read(NOON - DAY).standing.carried == {1: -20.0}


def test_a_tier_is_news_once_until_there_is_a_new_peak(books: Books) -> None:
    record = books.read(NOON)
    assert [record.is_worse_than_told(factor) for factor in (1.0, 0.75, 1.0, 0.75, 0.5)] == [
        *(False, True, False, False, True)
    ]
    keep(record, books, books.close(10.0, NOON), NOON)
    assert record.is_worse_than_told(0.75)


def test_the_ledger_tells_results_in_order_of_closing_without_the_unsettled(
    books: Books,
) -> None:
    books.close(1.0, NOON + 9)
    books.close(None, NOON + 5)
    books.close(-2.0, NOON + 9)
    books.close(3.0, NOON)
    found = books.ledger.trades.closed_results("alpha")
    assert [(trade.closed_at - NOON, trade.trade_id, trade.profit) for trade in found] == [
        *((0, 4, 3.0), (9, 1, 1.0), (9, 3, -2.0))
    ]
    assert books.ledger.trades.closed_results("beta") == []


def test_an_account_without_a_history_stands_at_nothing(tmp_path: Path, books: Books) -> None:
    assert books.read(NOON).standing == Standing()
    assert ClosedTrade(NOON, 1, 5.0) < ClosedTrade(NOON, 2, -5.0)
