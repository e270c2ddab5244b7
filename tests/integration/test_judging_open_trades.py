"""Open trades are weighed at each bar: valued, adjusted, switched or closed, with the reasons in the journal.

The rules have tests of their own (`tests/unit`); here they act through the actors, the ledger and the broker.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any, NoReturn

import numpy as np
import pytest
from crew_helpers import (
    BID,
    StartCrew,
    account,
    alerts,
    closes_sent,
    heard,
    ledger_away,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    told,
)

from actors import monitor, valuing, weighing
from actors.messages import Adjust, Bars, Close, Grounds, MarketRead, ReadingsWanted, TradeChanged
from actors.names import ANALYST, MONITOR, platform_actor
from actors.past import read_past
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from feeds.synthetic import synthetic_bars
from persistence.journal import JournalLine
from trading.analysis import Regime, Strategy
from trading.closings import window_of_day
from trading.exit_memory import ExitMemory
from trading.market import HOUR, SECOND, Instant, Side
from trading.opinion import Candidate, Opinion
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_accounts import PaperSettings
from trading.settings_exits import ExitSettings, switchable
from trading.trade import CloseReason, Trade, TradeState
from trading.valuation import Valuation
from trading.volatility import VolatilityForecast

USUAL = 0.005**2 / 24  # the variance of an hour when a day has a volatility of half a per cent
BOTH_SIDES = pytest.mark.parametrize("side", list(Side))
TTL_SECONDS = 60.0
USUAL_RULES: dict[str, Any] = {
    "exits": {rule: {"enabled": rule not in ("break_even", "signal_gone")} for rule in switchable(ExitSettings())}
}
FOR_HOURS: dict[str, Any] = {**USUAL_RULES, "price_poll_seconds": 10}  # of a market that hardly moves
EVERY_RULE: dict[str, Any] = {"exits": {rule: {"enabled": True} for rule in switchable(ExitSettings())}}


@pytest.fixture(params=[weighing.FEW, 0], ids=["one by one", "in columns"])
def _judged(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Few trades are weighed one by one, and many in columns of numbers."""
    monkeypatch.setattr(weighing, "FEW", request.param)


BOTH_WAYS = pytest.mark.usefixtures("_judged")


def candidate(strategy: Strategy, side: Side, *, confidence: float = 90.0) -> Candidate:
    """One that passes the gate, unless its confidence is below 65."""
    return Candidate(strategy, side, 0.9, 0.9, 0.9, 0.9, confidence, 65.0, ())


def reading(
    at: Instant,
    *candidates: Candidate,
    hourly_variance: float = USUAL,
    regime: Regime = Regime.RANGE,
    mean_price: float | None = None,
) -> MarketReading:
    """What an analyst would tell of EURUSD at the end of an hour."""
    forecast = VolatilityForecast(at, hourly_variance, np.ones(24))
    opinion = Opinion(index=0, regime=regime, candidates=candidates, barred=(), sentiment=None)
    return MarketReading("EURUSD", at, 3600, opinion, forecast, 0.005, mean_price)


def read(crew: ScriptedCrew, *candidates: Candidate, **changes: Any) -> None:
    """Let the analyst have read a bar that ends now."""
    crew.tell(MONITOR, MarketRead(reading(crew.now, *candidates, **changes)))
    crew.run_for(0)


def lines(crew: ScriptedCrew, kind: str, trade: Trade) -> Sequence[JournalLine]:
    """The journal's lines of one kind about a trade, oldest first."""
    return crew.ledger.journal.list(kind=kind, trade_id=trade.trade_id, newest_first=False)


def broken(*arguments: object, **named: object) -> NoReturn:
    """A part of the program with a defect."""
    raise ZeroDivisionError("a defect")


def still_for(side: Side) -> Candidate:
    """The trade's own strategy goes on speaking for it."""
    return candidate(Strategy.DAY, side)


@BOTH_SIDES
@BOTH_WAYS
def test_a_trade_is_valued_once_for_each_bar(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew, side)
    crew.run_for(60)
    assert lines(crew, "valuation", trade) == [], "without a reading nothing is made up"
    read(crew, still_for(side))
    crew.run_for(120)
    (line,) = lines(crew, "valuation", trade)
    said = line.detail
    assert said["target"] + said["stop"] + said["neither"] == pytest.approx(1, abs=1e-7)
    assert 0.4 < said["profit"] < 0.6
    assert said["strategy"] == "day"
    window = window_of_day(crew.market.times["EURUSD"], 15, crew.now)
    assert window is not None
    assert said["horizon_at"] == window.starts_at, "the rule of the day closes it before its longest hold is over"
    assert said["seconds_left"] == (window.starts_at - line.at) / SECOND
    assert said["sigma"] == pytest.approx(math.sqrt(USUAL * (window.starts_at - line.at) / HOUR))
    crew.run_for(3600)
    read(crew, still_for(side))
    crew.run_for(60)
    assert len(lines(crew, "valuation", trade)) == 2


def test_a_trade_that_opens_within_a_bar_is_valued_by_the_bar_before(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    read(crew, still_for(Side.BUY))
    crew.run_for(600)
    trade = opened(crew)
    crew.run_for(60)
    assert len(lines(crew, "valuation", trade)) == 1


def test_the_commission_of_both_sides_is_a_part_of_break_even(start_crew: StartCrew) -> None:
    claims = []
    for commission in (0.0, 50.0):
        alpha = account(paper=PaperSettings(commission_per_lot=commission))
        crew = start_crew(Settings(accounts=(alpha,)))
        crew.run_for(2)
        trade = opened(crew)
        read(crew, still_for(Side.BUY))
        crew.run_for(60)
        claims.append(lines(crew, "valuation", trade)[0].detail["profit"])
    free, dear = claims
    assert dear < free - 0.05


@BOTH_SIDES
@BOTH_WAYS
def test_an_adjustment_says_who_asked_for_it_why_and_what_it_does_to_probability_and_value(
    start_crew: StartCrew, side: Side
) -> None:
    crew = start_crew(only_alpha(**EVERY_RULE))
    trade = opened(crew, side)
    read(crew, still_for(side))
    move(crew, BID + side.sign * 0.0040)
    crew.run_for(31)
    adjusted = now(crew, trade)
    assert trade.entry_price is not None
    commission = 2 * crew.market.settings.accounts[0].paper.commission_per_lot / 100_000
    assert adjusted.stop_price == pytest.approx(trade.entry_price + side.sign * commission)
    (line,) = lines(crew, "adjustment", trade)
    said = line.detail
    assert (line.reason, said["rule"], said["regime"]) == ("break_even", "break_even", "range")
    assert said["why"]
    assert (said["stop_before"], said["stop_after"]) == (trade.stop_price, adjusted.stop_price)
    for valuation in (said["valuation_before"], said["valuation_after"]):
        assert valuation["target"] + valuation["stop"] + valuation["neither"] == pytest.approx(1, abs=1e-7)
    assert said["valuation_after"]["stop"] > said["valuation_before"]["stop"]
    assert said["valuation_after"]["expected_value"] >= said["valuation_before"]["expected_value"] - 0.01
    crew.run_for(120)
    assert len(lines(crew, "adjustment", trade)) == 1, "what was written is not asked for again"
    move(crew, BID)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.TRAILING_STOP
    must_agree(crew)


def switched(crew: ScriptedCrew, trade: Trade) -> None:
    """Three hours whose market is made for reversion and not for the strategy of the trade."""
    mean = (trade.entry_price or 0.0) + trade.side.sign * 0.0060
    for _ in range(3):
        crew.run_for(3600)
        read(crew, candidate(Strategy.MEAN_REVERSION, trade.side), mean_price=mean, regime=Regime.TREND)
    crew.run_for(31)


@BOTH_SIDES
@BOTH_WAYS
def test_a_trade_gets_the_strategy_of_the_market_that_has_come(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha(**FOR_HOURS))
    trade = opened(crew, side)
    assert trade.strategy is Strategy.DAY
    switched(crew, trade)
    changed = now(crew, trade)
    assert changed.strategy is Strategy.MEAN_REVERSION
    assert changed.stop_price == trade.stop_price
    assert changed.target_price is not None
    assert trade.entry_price is not None
    assert changed.target_price == pytest.approx(trade.entry_price + side.sign * 0.0075 * 0.825, rel=0.01)
    assert changed.time_stop_at <= trade.time_stop_at
    (line,) = (step for step in lines(crew, "adjustment", trade) if step.reason == "regime_switch")
    assert (line.detail["strategy_before"], line.detail["strategy_after"]) == ("day", "mean_reversion")
    assert line.detail["regime"] == "trend"
    assert "3 bars did not suit day" in line.detail["why"]
    assert line.detail["valuation_before"]["profit"] > 0
    (arrow,) = [step for step in lines(crew, "transition", trade) if step.at == line.at]
    assert arrow.detail["strategy"] == "mean_reversion"
    must_agree(crew)


@BOTH_WAYS
def test_a_trade_for_which_nothing_speaks_any_more_is_closed_and_the_reason_is_kept(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**EVERY_RULE))
    trade = opened(crew)
    crew.run_for(crew.market.settings.analysis_max_age_seconds + 1)  # the analysis that opened it speaks no more
    read(crew, hourly_variance=USUAL / 100)  # the target is now some twenty sigmas away, and no candidate speaks for it
    crew.run_for(331)  # the analysis that opened it is then too old to speak for it
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.SIGNAL_GONE)
    assert closes_sent(crew) == 1
    (line,) = lines(crew, "exit", trade)
    assert line.reason == "signal_gone"
    assert line.detail["valuation_before"]["target"] < 0.05
    assert line.detail["valuation_after"] is None
    assert "the signal has gone" in line.detail["why"]
    must_agree(crew)


def test_an_opposite_signal_leaves_its_grounds_in_the_journal(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    crew.run_for(60)
    told(crew, Side.SELL)
    crew.run_for(1)
    (line,) = lines(crew, "exit", trade)
    assert line.reason == "opposite_signal"
    assert "speaks for the other side" in line.detail["why"]


def test_a_rule_that_fails_is_said_once_and_the_stops_are_guarded_all_the_same(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    monkeypatch.setattr(weighing, "judge", broken)
    crew.run_for(300)
    (said,) = alerts(crew, "not_judged")
    assert said == "alpha:EURUSD: only its stop and target are guarded: ZeroDivisionError: a defect"
    assert alerts(crew, "crashed") == []
    move(crew, trade.stop_price)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP


def test_a_change_that_was_judged_on_levels_of_before_is_let_go(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    nearer = Adjust(trade.trade_id, "EURUSD", trade.stop_price, BID + 0.02, "regime_switch", judged=trade)
    against_it = Adjust(trade.trade_id, "EURUSD", trade.stop_price, BID + 0.01, "rescale", judged=trade)
    crew.tell(platform_actor("alpha"), nearer)
    crew.tell(platform_actor("alpha"), against_it)
    crew.run_for(5)
    assert [line.reason for line in lines(crew, "adjustment", trade)] == ["regime_switch"]
    assert now(crew, trade).target_price == BID + 0.02


# ---------------------------------------------------------------- what is remembered


def test_what_was_done_to_a_trade_is_known_after_the_process_was_killed(world: VirtualWorld, ledger_url: str) -> None:
    first = ScriptedCrew(only_alpha(**FOR_HOURS), world=world, database_url=ledger_url)
    first.start()
    try:
        first.run_for(1)
        trade = opened(first)
        switched(first, trade)
        changed = now(first, trade)
        assert changed.strategy is Strategy.MEAN_REVERSION
        memory = ExitMemory.from_adjustments(read_past(first.ledger, changed))
        assert memory.switched_at == lines(first, "adjustment", trade)[-1].at
        assert [target for _, target in memory.given_up] == [trade.target_price]
        first.kill()
        world.run_for(TTL_SECONDS + 1)
        second = ScriptedCrew(
            only_alpha(**FOR_HOURS), world.now(), world=world, database_url=ledger_url, brokers=first.brokers
        )
        try:
            second.start()
            second.run_for(60)
            # The mean goes on coming nearer, hour for hour; in a day the target may come nearer by a quarter in all.
            for step in range(3):
                second.run_for(3600)
                mean = (trade.entry_price or 0.0) + 0.0050 - step * 0.0010
                read(second, candidate(Strategy.MEAN_REVERSION, Side.BUY), mean_price=mean)
            second.run_for(31)
            assert trade.target_price is not None
            assert trade.entry_price is not None
            target = now(second, trade).target_price
            assert target is not None
            agreed = math.log(trade.target_price / trade.entry_price)
            assert math.log(target / trade.entry_price) == pytest.approx(0.75 * agreed, abs=1e-6)
            must_agree(second)
        finally:
            second.close()
    finally:
        first.close()


def test_a_monitor_that_begins_anew_while_the_ledger_is_away_guards_and_knows_the_past(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES), world=world, database_url=ledger_url)
    trade = opened(crew)
    switched(crew, trade)
    changes = heard(crew, MONITOR, TradeChanged)
    with monkeypatch.context() as patch:
        patch.setattr(crew.ledger._database, "reading", ledger_away)
        patch.setattr(crew.ledger._database, "writing", ledger_away)
        crew.tell(MONITOR, "nonsense")  # a defect: it begins anew, and there is no ledger
        crew.run_for(1)
        ((_, told_again),) = changes
        assert [change.rule for change in told_again.past] == ["regime_switch"]
        move(crew, trade.stop_price)
        crew.run_for(2)
        assert closes_sent(crew) == 1
    crew.run_for(120)
    assert now(crew, trade).close_reason is CloseReason.STOP
    must_agree(crew)


def test_the_past_that_is_told_is_what_a_restart_reads_from_the_journal(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**EVERY_RULE))
    trade = opened(crew)
    changes = heard(crew, MONITOR, TradeChanged)
    read(crew, still_for(Side.BUY))
    move(crew, BID + 0.0040)
    crew.run_for(31)
    switched(crew, trade)
    move(crew, BID + 0.0055)
    crew.run_for(31)
    past = changes[-1][1].past
    assert {change.rule for change in past} >= {"break_even", "regime_switch"}
    assert past == read_past(crew.ledger, now(crew, trade))


def test_no_defect_in_weighing_ends_the_guarding_of_stops(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    monkeypatch.setattr(weighing.Weigher, "_usable", broken)
    read(crew, still_for(Side.BUY))
    crew.run_for(300)
    (said,) = alerts(crew, "not_judged")
    assert said == "no trade is judged, only stops and targets are guarded: ZeroDivisionError: a defect"
    assert alerts(crew, "crashed") == []
    move(crew, trade.stop_price)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP


@pytest.mark.parametrize("part", ["round_trip_cost", "remaining_variance", "value"])
def test_no_defect_in_a_valuation_ends_the_guarding_of_stops(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(monitor if part == "round_trip_cost" else weighing, part, broken)
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    read(crew, still_for(Side.BUY))
    crew.run_for(120)
    assert len(alerts(crew, "not_judged")) == 1
    assert alerts(crew, "crashed") == []
    move(crew, trade.stop_price)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP


def test_a_valuation_that_the_journal_does_not_take_costs_the_account_nothing(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    monkeypatch.setattr(valuing, "figures", broken)
    read(crew, still_for(Side.BUY))
    crew.run_for(120)
    (said,) = alerts(crew, "valuations_not_written")
    assert said == "alpha: 1 valuations: ZeroDivisionError: a defect"
    assert alerts(crew, "crashed") == []
    assert now(crew, trade).state is TradeState.OPEN


def test_a_figure_that_is_no_number_does_not_keep_a_close_from_leaving(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    worth = Valuation(0.2, 0.3, 0.5, math.nan, 0.0, crew.now + HOUR, 0.001, math.inf)
    grounds = Grounds("a test", None, worth, None)
    crew.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.SIGNAL_GONE, None, grounds))
    crew.run_for(5)
    assert now(crew, trade).close_reason is CloseReason.SIGNAL_GONE
    (line,) = lines(crew, "exit", trade)
    said = line.detail["valuation_before"]
    assert (said["target"], said["profit"], said["expected_price"]) == (0.2, None, None)


def test_valuations_that_cannot_be_written_are_let_go_and_stops_are_guarded(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES), world=world, database_url=ledger_url)
    trade = opened(crew)
    with monkeypatch.context() as patch:
        patch.setattr(crew.ledger._database, "writing", ledger_away)
        read(crew, still_for(Side.BUY))
        crew.run_for(120)
        move(crew, trade.stop_price)
        crew.run_for(2)
        assert closes_sent(crew) == 1
    crew.run_for(120)
    assert now(crew, trade).close_reason is CloseReason.STOP
    must_agree(crew)


def test_valuations_wait_for_the_next_look_at_the_broker_so_that_no_order_waits_for_them(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    crew.run_for(65)
    read(crew, still_for(Side.BUY))
    assert lines(crew, "valuation", trade) == []
    crew.run_for(30)
    (line,) = lines(crew, "valuation", trade)
    assert line.at < crew.now


def test_a_monitor_that_begins_anew_is_told_what_was_read_last(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**USUAL_RULES))
    trade = opened(crew)
    bars = synthetic_bars(seed=5).window(0, 1_500)
    crew.tell(ANALYST, Bars("alpha", bars))
    crew.run_for(0)
    wanted = heard(crew, ANALYST, ReadingsWanted)
    readings = heard(crew, MONITOR, MarketRead)
    crew.tell(MONITOR, "nonsense")
    crew.run_for(5)
    assert len(wanted) == 1
    ((_, message),) = readings
    assert message.reading.at == bars.end(len(bars) - 1)
    assert now(crew, trade).state is TradeState.OPEN
