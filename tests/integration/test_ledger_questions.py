"""What the ledger answers about trades, and that it answers exactly what it was given."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import astuple
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_ledger import NOON, Holder, a_ledger, a_new_trade

from persistence.ledger import Ledger
from persistence.trades import ACTIVE_OF_CREW, ACTIVE_OF_PLATFORM
from trading.analysis import Regime, Strategy
from trading.market import Side
from trading.trade import CloseReason, Trade, TradeState


@pytest.fixture
def ledger(any_ledger: str) -> Iterator[Ledger]:
    """A ledger of either kind."""
    with a_ledger(any_ledger) as opened:
        yield opened


@pytest.fixture
def me(ledger: Ledger) -> Holder:
    """The process that holds what it needs."""
    return Holder(ledger)


def test_the_cooldown_counts_from_the_newest_trade_that_did_not_fail(me: Holder) -> None:
    assert me.ledger.trades.last_submitted_at("alpha", "EURUSD") is None
    me.close(me.open())
    me.advance(me.submit(submitted_at=NOON + 1, analysis_id="analysis-2"), TradeState.UNKNOWN)
    me.fail(me.ledger.trades.active()[0])
    assert me.ledger.trades.last_submitted_at("alpha", "EURUSD") == NOON
    me.advance(me.submit(submitted_at=NOON + 2, analysis_id="analysis-3"), TradeState.UNKNOWN)
    assert me.ledger.trades.last_submitted_at("alpha", "EURUSD") == NOON + 2
    assert me.ledger.trades.last_submitted_at("alpha", "GOLD") is None
    assert me.ledger.trades.last_submitted_at("beta", "EURUSD") is None


def test_the_last_submission_of_every_account_is_known(me: Holder) -> None:
    me.submit(submitted_at=NOON + 5)
    me.submit(commodity="GOLD", analysis_id="analysis-2", submitted_at=NOON + 3)
    me.submit(platform="beta", analysis_id="analysis-3", submitted_at=NOON + 1)
    me.fail(me.submit(platform="gamma", analysis_id="analysis-4"))
    assert me.ledger.trades.last_submissions() == {"alpha": NOON + 5, "beta": NOON + 1}


def test_trades_are_found_by_account_commodity_state_and_number(me: Holder) -> None:
    trades = me.ledger.trades
    closed = me.close(me.open())
    gold = me.open(commodity="GOLD", analysis_id="analysis-2")
    beta = me.submit(platform="beta", analysis_id="analysis-3")
    assert trades.list() == [beta, gold, closed]
    assert trades.list(newest_first=False, limit=2) == [closed, gold]
    assert trades.list(platform="alpha", states={TradeState.OPEN, TradeState.SUBMITTED}) == [gold]
    assert trades.list(commodity="EURUSD") == [beta, closed]
    assert trades.list(states=()) == []
    assert trades.active() == [gold, beta]
    assert trades.active("beta") == [beta]
    assert trades.by_magic(gold.magic) == gold
    assert trades.by_magic(12) is None


def test_the_tally_counts_every_state_and_adds_up_the_profits(me: Holder) -> None:
    me.close(me.open(), profit=12.5)
    me.close(me.open(analysis_id="analysis-2"), profit=-2.25)
    me.fail(me.submit(analysis_id="analysis-3"))
    me.submit(platform="beta", analysis_id="analysis-4")
    me.open(commodity="GOLD", analysis_id="analysis-5")
    tally = me.ledger.trades.tally()
    counted = {TradeState.CLOSED: 2, TradeState.FAILED: 1, TradeState.SUBMITTED: 1, TradeState.OPEN: 1}
    assert tally.states == counted
    assert tally.realised_profit == 10.25
    assert tally.opened == 3


def test_what_was_realised_since_an_instant_leaves_out_what_closed_before(me: Holder) -> None:
    for number, (at, profit) in enumerate(((NOON - 1, 5.0), (NOON, 12.5), (NOON + 1, -2.25))):
        closing = me.advance(me.open(analysis_id=f"analysis-{number}"), TradeState.CLOSING)
        me.advance(closing, TradeState.CLOSED, closed_at=at, profit=profit)
    trades = me.ledger.trades
    assert trades.realised() == {"alpha": 15.25}
    assert trades.realised(since=NOON) == {"alpha": 10.25}
    assert trades.realised(since=NOON + 2) == {}


def test_trades_that_ended_since_then_are_those_closed_since_and_those_submitted_since_that_failed(me: Holder) -> None:
    def closed(number: int, at: int) -> Trade:
        opened = me.open(analysis_id=f"analysis-{number}")
        closing = me.advance(opened, TradeState.CLOSING, close_reason=CloseReason.STOP)
        return me.advance(closing, TradeState.CLOSED, closed_at=at, profit=1.0)

    closed(1, NOON - 1)
    late = closed(2, NOON)
    me.fail(me.submit(analysis_id="analysis-3", submitted_at=NOON - 1))
    failed = me.fail(me.submit(analysis_id="analysis-4", submitted_at=NOON))
    me.open(analysis_id="analysis-5", submitted_at=NOON)
    assert me.ledger.trades.ended_since("alpha", NOON) == [late, failed]
    assert me.ledger.trades.ended_since("beta", NOON) == []


def test_looking_for_active_trades_does_not_read_the_closed_ones() -> None:
    for query in (ACTIVE_OF_CREW, ACTIVE_OF_PLATFORM):
        with a_ledger() as ledger, ledger.reading() as connection:
            sql = str(query.compile(connection))
            plan = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {sql}", ("alpha",) * sql.count("?")).all()
        assert "trade_one_active" in str(plan)


prices = st.floats(allow_nan=False, allow_infinity=False)
names = st.text("abcXYZ019_-", min_size=1, max_size=20)
instants = st.integers(-(1 << 62), 1 << 62)


@settings(max_examples=30, deadline=None)
@given(
    new=st.builds(
        a_new_trade,
        platform=names.filter(lambda name: name not in ("account", "crew")),
        commodity=names,
        side=st.sampled_from(Side),
        strategy=st.sampled_from(Strategy),
        regime=st.sampled_from(Regime),
        analysis_id=st.text(min_size=1, max_size=30).filter(lambda text: text.isprintable()),
        confidence=prices,
        volume_lots=prices,
        expected_price=prices,
        stop_distance=prices,
        target_distance=st.none() | prices,
        trailing_distance=st.none() | prices,
        stop_price=prices,
        target_price=st.none() | prices,
        daily_volatility=prices,
        submitted_at=instants,
        time_stop_at=instants,
        closes_at_day_end=st.booleans(),
    ),
    later=st.fixed_dictionaries(
        {
            "ticket": st.none() | instants,
            "entry_price": st.none() | prices,
            "closed_at": st.none() | instants,
            "close_reason": st.none() | st.sampled_from(CloseReason),
            "profit": st.none() | prices,
            "detail": st.text(max_size=40).filter(lambda text: text.isprintable()),
        }
    ),
)
def test_whatever_a_trade_holds_comes_back_exactly(new: Any, later: dict[str, Any]) -> None:
    with a_ledger() as ledger:
        me = Holder(ledger)
        submitted = ledger.trades.submit(new, me.account(new.platform), me.hold(f"{new.platform}:{new.commodity}"))
        assert ledger.trades.list() == [submitted]
        opened = me.advance(submitted, TradeState.OPEN, **later)
        found = ledger.trades.get(opened.trade_id)
        assert found == opened
        assert [type(value) for value in astuple(found)] == [type(value) for value in astuple(opened)]
