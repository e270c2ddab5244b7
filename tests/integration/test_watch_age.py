"""How long ago each open trade was last judged on a usable quote: in virtual time, against what really happened."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import pytest
from crew_helpers import StartCrew, account, move, now, only_alpha, opened
from hypothesis import given
from hypothesis import strategies as st

from actors import weighing
from actors.accounts import Market
from actors.messages import TradeChanged, WatchAges
from actors.names import MONITOR
from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from actors.watch_ages import WatchedTrades
from connectors.mock_script import fail
from trading.market import DAY, MINUTE, SECOND, Instant
from trading.settings import Settings
from trading.trade import Trade, TradeState

POLL_SECONDS = 1.0


def ages(crew: ScriptedCrew) -> dict[int, float]:
    found = crew.system.ask(MONITOR, WatchAges())
    assert isinstance(found, dict)
    return found


def test_a_trade_that_is_watched_is_as_old_as_the_last_poll_at_most(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    assert ages(crew) == {}
    trade = opened(crew)
    for _ in range(20):
        crew.run_for(0.7)
        assert 0 <= ages(crew)[trade.trade_id] <= POLL_SECONDS


def test_while_no_quote_comes_the_age_grows_by_the_second_and_ends_with_the_next_quote(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.run_for(5)
    crew.brokers["alpha"].script(quotes=[fail()] * 40)
    before = ages(crew)[trade.trade_id]
    crew.run_for(30)
    assert ages(crew)[trade.trade_id] == pytest.approx(before + 30, abs=0.01)
    crew.run_for(30)
    assert ages(crew)[trade.trade_id] <= POLL_SECONDS


def test_a_stale_quote_is_no_judging(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.run_for(5)
    broker, stale_after = crew.brokers["alpha"], crew.market.settings.quote_max_age_seconds
    frozen = broker.quotes(1e12)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(broker, "quotes", lambda deadline: frozen)  # asked, it shows the same old tick
        crew.run_for(stale_after + 60)
        assert ages(crew)[trade.trade_id] == pytest.approx(60, abs=2 * POLL_SECONDS)
    crew.run_for(2)
    assert ages(crew)[trade.trade_id] <= POLL_SECONDS


def test_a_trade_that_is_over_has_no_age(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    move(crew, trade.stop_price)
    crew.run_for(5)
    assert now(crew, trade).state is TradeState.CLOSED
    assert ages(crew) == {}


def test_a_trade_whose_end_was_not_heard_of_has_no_age_once_its_slot_holds_another(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.tell(MONITOR, TradeChanged(replace(trade, trade_id=77)))
    crew.run_for(0)
    assert ages(crew).keys() == {77}


def test_many_trades_of_an_account_are_told_apart(start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weighing, "FEW", 0)  # from one on they are judged in columns
    crew = start_crew(
        Settings(accounts=(account("alpha", "EURUSD", "GBPUSD"),)),
        prices={"EURUSD": (1.1, 1.1001), "GBPUSD": (1.3, 1.3001)},
    )
    watched, forgotten = opened(crew), opened(crew, commodity="GBPUSD")
    crew.run_for(5)
    assert max(ages(crew).values()) <= POLL_SECONDS

    broker = crew.brokers["alpha"]
    quotes = broker.quotes
    monkeypatch.setattr(broker, "quotes", lambda deadline: [q for q in quotes(deadline) if q.commodity != "GBPUSD"])
    crew.run_for(300)
    found = ages(crew)
    good_for = crew.market.settings.quote_max_age_seconds
    assert found[forgotten.trade_id] == pytest.approx(300 - good_for, abs=2 * POLL_SECONDS)
    assert found[watched.trade_id] <= POLL_SECONDS


def test_time_in_which_the_market_is_shut_does_not_count(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    times = crew.market.times.of("alpha", "EURUSD")
    closing = times.next_close(crew.now)
    assert closing is not None
    opening = times.next_open(closing)
    assert opening is not None
    watched = WatchedTrades(crew.market)
    watched.begin(trade, (closing - 10 * SECOND, 1_000.0))

    def age(at: Instant) -> dict[int, float]:
        return watched.ages(at, 1_000.0 + (at - (closing - 10 * SECOND)) / SECOND)

    assert age(closing - 1) == {trade.trade_id: pytest.approx(9.999)}
    assert age(closing) == age(opening - 1) == {}, "nobody can judge it now"
    assert age(opening + 5 * SECOND) == {trade.trade_id: pytest.approx(15.0)}


@given(
    st.lists(st.tuples(st.integers(1, 3 * 24 * 60), st.booleans()), min_size=1, max_size=30),
    st.floats(1.0, 3600.0),
)
def test_an_age_is_the_open_time_since_the_last_judging_and_never_more_than_has_elapsed(
    steps: list[tuple[int, bool]], speed: float
) -> None:
    """``steps``: so many minutes of market time on, and whether the trade is judged then. ``speed``: of a recording."""
    (market, trade), at, judged_at = _made(), A_WEDNESDAY_NOON, A_WEDNESDAY_NOON
    times = market.times.of("alpha", "EURUSD")
    watched = WatchedTrades(market)
    watched.begin(trade, (at, 0.0))
    for minutes, is_judged in steps:
        at += minutes * MINUTE
        if at >= A_WEDNESDAY_NOON + 60 * DAY:
            break
        elapsed = (at - A_WEDNESDAY_NOON) / SECOND / speed
        if is_judged and times.is_open(at):
            watched.judged([trade], (at, elapsed))
            judged_at = at
        found = watched.ages(at, elapsed)
        if not times.is_open(at):
            assert found == {}
            continue
        minutes_open = sum(times.is_open(judged_at + k * MINUTE) for k in range((at - judged_at) // MINUTE))
        since = elapsed - (judged_at - A_WEDNESDAY_NOON) / SECOND / speed
        assert found[trade.trade_id] == pytest.approx(min(minutes_open * 60.0, since), abs=1e-3)


@cache
def _made() -> tuple[Market, Trade]:
    with ScriptedCrew(only_alpha()) as crew:
        return crew.market, opened(crew)
