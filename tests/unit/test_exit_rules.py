"""The rules that change an open trade or end it early: when each speaks, and what it may not do."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import pytest
from made_readings import a_candidate, a_reading, a_reading_without_signals, an_opinion
from made_trades import NOON, a_commodity, a_trade, an_analysis
from pydantic import ValidationError

from trading.analysis import Strategy
from trading.exits import Adjust, Close, ExitMemory, ExitRules, Hold, Judgement, exit_rules, judge
from trading.market import HOUR, MINUTE, SECOND, Quote, Side
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_exits import ExitSettings
from trading.trade import CloseReason, Trade
from trading.valuation import value

BOTH_SIDES = pytest.mark.parametrize("side", Side)
HORIZON = NOON + 9 * HOUR
SIGMA = 0.005  # a fall of half the distance to the stop, or to the target
WIDE = 0.012  # so much that the target may well be reached, and a nearer one makes a difference
ALL_OFF = {
    name: {"enabled": False}
    for name in ("trailing", "rescale", "mean", "break_even", "adverse_drift", "signal_gone", "regime_switch")
}


def only(rule: str, general: dict[str, Any] | None = None, **changes: Any) -> ExitRules:
    """The rules with all of them off but one."""
    exits = {**ALL_OFF, rule: {"enabled": True, **changes}, **(general or {})}
    return exit_rules(Settings.model_validate({"exits": exits}), a_commodity())


def at(side: Side, gained: float, spread: float = 0.0001, now: int = NOON) -> Quote:
    """A quote at which a trade that entered at 1.10 has gained so much."""
    closing = 1.1 + side.sign * gained
    return (
        Quote("EURUSD", closing, closing + spread, now)
        if side is Side.BUY
        else Quote("EURUSD", closing - spread, closing, now)
    )


def aimed(side: Side, reach: float = 0.01, **changes: Any) -> Trade:
    """Entered at 1.10, stop 0.01 against it, target so far with it."""
    return a_trade(side, **{"target_price": 1.1 + side.sign * reach, **changes})


def judged(trade: Trade, quote: Quote, rules: ExitRules, sigma: float | None = SIGMA, **known: Any) -> Judgement:
    """The judgement, with sigma until the horizon."""
    variance = None if sigma is None else sigma**2
    now = quote.time
    return judge(trade, quote, now=now, rules=rules, **{"horizon_at": HORIZON, "variance": variance, **known})


def set_at(sigma: float, **changes: Any) -> ExitMemory:
    """A target that was set when so much movement was left."""
    return replace(ExitMemory(sigma=sigma, horizon_at=HORIZON), **changes)


# ---------------------------------------------------------------- the target follows the remaining movement


@BOTH_SIDES
def test_less_movement_left_brings_the_target_nearer_in_that_measure(side: Side) -> None:
    trade, quote = aimed(side), at(side, 0.002)
    found = judged(trade, quote, only("rescale"), WIDE, memory=set_at(WIDE / 0.8))
    assert isinstance(found.decision, Adjust)
    closing = quote.closing_price(side)
    assert trade.target_price is not None
    reach = math.log(trade.target_price / closing)
    assert found.decision.target_price == pytest.approx(closing * math.exp(0.8 * reach))
    assert (found.rule, found.decision.stop_price, found.decision.strategy) == ("rescale", trade.stop_price, None)
    assert found.why == "20% less movement is left than when the target was set"


@BOTH_SIDES
def test_a_judgement_shows_what_the_trade_is_worth_before_and_after(side: Side) -> None:
    trade, quote = aimed(side), at(side, 0.002)
    found = judged(trade, quote, only("rescale"), WIDE, memory=set_at(WIDE / 0.8), cost=0.0002)
    assert isinstance(found.decision, Adjust)
    changed = replace(trade, target_price=found.decision.target_price)
    for said, one in ((found.before, trade), (found.after, changed)):
        assert said == value(one, quote, variance=WIDE**2, horizon_at=HORIZON, cost=0.0002)
    assert found.before is not None
    assert found.after is not None
    assert found.after.profit > found.before.profit
    assert found.after.target >= found.before.target + 0.02
    assert found.after.expected_value == pytest.approx(found.before.expected_value, abs=1e-9)


def test_a_target_is_left_alone_while_nothing_has_become_known() -> None:
    """A nearer target would always be likelier: that is no reason."""
    trade, rules = aimed(Side.BUY), only("rescale")
    for gained in (-0.005, 0.0, 0.005):
        assert judged(trade, at(Side.BUY, gained), rules, WIDE, memory=set_at(WIDE)).decision == Hold()
        assert judged(trade, at(Side.BUY, gained), rules, WIDE, memory=set_at(WIDE / 2)).decision == Hold(), (
            "it has grown"
        )


def test_a_target_is_not_moved_for_less_than_the_least_gain() -> None:
    far = aimed(Side.BUY, reach=0.045)  # out of reach, before and after
    assert judged(far, at(Side.BUY, 0.0), only("rescale"), WIDE, memory=set_at(WIDE / 0.8)).decision == Hold()
    easy = only("rescale", {"least_probability_gain": 0.0})
    assert isinstance(judged(far, at(Side.BUY, 0.0), easy, WIDE, memory=set_at(WIDE / 0.8)).decision, Adjust)


def test_no_probability_is_bought_with_expected_value() -> None:
    """Where a drift with the trade is believed in, a nearer target gives some of it away."""
    known: dict[str, Any] = {"memory": set_at(WIDE / 0.7), "signal": an_analysis(Side.BUY, NOON + 1)}
    quote = at(Side.BUY, 0.002, now=NOON + MINUTE)
    assert isinstance(judged(aimed(Side.BUY), quote, only("rescale"), WIDE, **known).decision, Adjust)
    believed = only("rescale", {"drift_sigmas": 0.1})
    assert judged(aimed(Side.BUY), quote, believed, WIDE, **known).decision == Hold()
    generous = only("rescale", {"drift_sigmas": 0.1, "largest_value_loss_sigmas": 0.05})
    found = judged(aimed(Side.BUY), quote, generous, WIDE, **known)
    assert found.before is not None
    assert found.after is not None
    assert 0.01 < found.before.expected_value - found.after.expected_value < 0.05


def test_a_target_set_under_another_horizon_is_no_measure() -> None:
    memory = set_at(WIDE / 0.8, horizon_at=HORIZON - HOUR)
    assert judged(aimed(Side.BUY), at(Side.BUY, 0.002), only("rescale"), WIDE, memory=memory).decision == Hold()


def test_no_target_is_moved_while_it_is_unknown_what_was_done_before() -> None:
    assert judged(aimed(Side.BUY), at(Side.BUY, 0.002), only("rescale"), WIDE, memory=None).decision == Hold()


@BOTH_SIDES
def test_a_day_takes_at_most_a_quarter_of_the_distance_from_the_entry(side: Side) -> None:
    trade, quote = aimed(side), at(side, 0.0, spread=0.0)
    found = judged(trade, quote, only("rescale"), WIDE, memory=set_at(WIDE / 0.3))
    assert isinstance(found.decision, Adjust)
    assert found.decision.target_price is not None
    kept = math.log(found.decision.target_price / 1.1) / math.log((1.1 + side.sign * 0.01) / 1.1)
    assert kept == pytest.approx(0.75)
    cut = replace(trade, target_price=found.decision.target_price)
    memory = replace(set_at(WIDE / 0.3).after(trade, found, now=NOON), sigma=WIDE / 0.3)
    for hours, expected in ((5, Hold), (23, Hold), (24, Adjust)):
        now = NOON + hours * HOUR
        later = judged(cut, at(side, 0.0, 0.0, now), only("rescale"), WIDE, memory=memory)
        assert isinstance(later.decision, expected), hours


@BOTH_SIDES
def test_no_target_comes_nearer_than_three_spreads(side: Side) -> None:
    trade = aimed(side)
    found = judged(
        trade,
        at(side, 0.004, spread=0.0018),
        only("rescale", {"target_cut_a_day_fraction": 0.9, "least_probability_gain": 0.0}),
        WIDE,
        memory=set_at(WIDE / 0.3),
    )
    assert isinstance(found.decision, Adjust)
    assert found.decision.target_price == pytest.approx(1.1 + side.sign * (0.004 + 3 * 0.0018))


def test_two_adjustments_are_an_hour_apart() -> None:
    trade, memory = aimed(Side.BUY), set_at(WIDE / 0.8, adjusted_at=NOON - HOUR + 1)
    assert judged(trade, at(Side.BUY, 0.002), only("rescale"), WIDE, memory=memory).decision == Hold()
    assert isinstance(
        judged(trade, at(Side.BUY, 0.002, now=NOON + 1), only("rescale"), WIDE, memory=memory).decision, Adjust
    )


# ---------------------------------------------------------------- the mean


@BOTH_SIDES
def test_a_mean_that_has_come_nearer_is_aimed_at_and_one_that_went_away_is_not(side: Side) -> None:
    trade = aimed(side, strategy=Strategy.MEAN_REVERSION)
    for gained, expected in ((0.0085, 1.1 + side.sign * 0.0085), (0.012, None), (0.001, 1.1 + side.sign * 0.0075)):
        reading = a_reading(mean_price=1.1 + side.sign * gained)
        found = judged(trade, at(side, 0.002), only("mean"), WIDE, reading=reading, memory=ExitMemory())
        if expected is None:
            assert found.decision == Hold()
        else:
            assert isinstance(found.decision, Adjust)
            assert found.decision.target_price == pytest.approx(expected, abs=2e-5)
            assert found.rule == "mean"


def test_only_a_trade_that_aims_at_the_mean_follows_it() -> None:
    reading = a_reading(mean_price=1.1085)
    found = judged(aimed(Side.BUY), at(Side.BUY, 0.002), only("mean"), WIDE, reading=reading, memory=ExitMemory())
    assert found.decision == Hold()


# ---------------------------------------------------------------- break-even


@BOTH_SIDES
def test_the_stop_goes_to_break_even_half_a_sigma_beyond_it(side: Side) -> None:
    rules = only("break_even")
    assert judged(aimed(side), at(side, 0.0027), rules).decision == Hold()
    found = judged(aimed(side), at(side, 0.0029), rules)
    assert isinstance(found.decision, Adjust)
    assert (found.decision.stop_price, found.rule) == (1.1, "break_even")
    costly = judged(aimed(side), at(side, 0.0032), rules, cost=0.0003)
    assert isinstance(costly.decision, Adjust)
    assert costly.decision.stop_price == pytest.approx(1.1 + side.sign * 0.0003)


def test_a_stop_at_break_even_is_never_within_three_spreads_of_the_price() -> None:
    assert judged(aimed(Side.BUY), at(Side.BUY, 0.005, spread=0.0017), only("break_even")).decision == Hold()


def test_a_stop_beyond_break_even_stays() -> None:
    trade = aimed(Side.BUY, stop_price=1.102)
    assert judged(trade, at(Side.BUY, 0.006), only("break_even")).decision == Hold()


# ---------------------------------------------------------------- closing early


@BOTH_SIDES
def test_a_signal_for_the_other_side_closes_where_signals_are_shown_to_know(side: Side) -> None:
    signal = an_analysis(side.opposite, NOON + 1)
    quote = at(side, 0.001, now=NOON + MINUTE)
    believed = only("adverse_drift", {"drift_sigmas": 0.1})
    believed = replace(believed, opposite_signal_closes=False)
    found = judged(aimed(side), quote, believed, signal=signal)
    assert found.decision == Close(CloseReason.ADVERSE_DRIFT, quote.closing_price(side))
    assert found.before is not None
    assert found.before.expected_value < -0.02
    for ignored in (
        replace(only("adverse_drift"), opposite_signal_closes=False),  # nothing is shown
        replace(only("adverse_drift", {"drift_sigmas": 0.015}), opposite_signal_closes=False),  # too little is
    ):
        assert judged(aimed(side), quote, ignored, signal=signal).decision == Hold()
    assert judged(aimed(side), quote, believed, signal=an_analysis(side, NOON + 1)).decision == Hold()
    old = at(side, 0.001, now=NOON + 301 * SECOND)
    assert judged(aimed(side), old, believed, signal=signal).decision == Hold()


def test_no_more_drift_is_believed_than_a_tenth_of_sigma() -> None:
    with pytest.raises(ValidationError, match="drift_sigmas"):
        ExitSettings(drift_sigmas=0.11)


@BOTH_SIDES
def test_a_trade_closes_when_its_signal_has_gone_and_its_target_is_out_of_reach(side: Side) -> None:
    rules, far = only("signal_gone"), aimed(side, reach=0.02)
    gone = a_reading(an_opinion(a_candidate(Strategy.DAY, side.opposite), a_candidate(Strategy.SWING, side, -1)))
    quote = at(side, 0.001)
    found = judged(far, quote, rules, reading=gone)
    assert found.decision == Close(CloseReason.SIGNAL_GONE, quote.closing_price(side))
    assert found.before is not None
    assert found.before.target < 0.05
    assert judged(aimed(side), quote, rules, reading=gone).decision == Hold(), "the target is within reach"


@BOTH_SIDES
def test_a_signal_that_is_there_or_not_known_has_not_gone(side: Side) -> None:
    far, quote = aimed(side, reach=0.02), at(side, 0.001, now=NOON + MINUTE)
    there = a_reading(an_opinion(a_candidate(Strategy.SWING, side)))
    for known in (
        {"reading": there},
        {"reading": a_reading(None)},
        {"reading": None},
        {"reading": a_reading_without_signals(), "signal": an_analysis(side, NOON + 1)},
    ):
        assert judged(far, quote, only("signal_gone"), **known).decision == Hold()
    assert isinstance(judged(far, quote, only("signal_gone"), reading=a_reading_without_signals()).decision, Close)


@BOTH_SIDES
def test_a_trade_without_a_target_is_measured_by_its_profit(side: Side) -> None:
    rules, gone = only("signal_gone"), a_reading_without_signals()
    trade = a_trade(side)
    found = judged(trade, at(side, -0.0095), rules, reading=gone)
    assert isinstance(found.decision, Close)
    assert found.before is not None
    assert found.before.profit < 0.05
    assert judged(trade, at(side, 0.0), rules, reading=gone).decision == Hold()


# ---------------------------------------------------------------- another strategy


def unsuited(bars: int = 3, **changes: Any) -> ExitMemory:
    """A trade whose strategy the market has not suited for so many bars."""
    return replace(ExitMemory(unsuited_bars=bars), **changes)


def suits(*strategies: Strategy, side: Side = Side.BUY) -> MarketReading:
    """A reading by which these strategies pass on a side, the first by the best margin."""
    margins = range(len(strategies), 0, -1)
    return a_reading(
        an_opinion(*(a_candidate(name, side, margin) for name, margin in zip(strategies, margins, strict=True)))
    )


MOMENTUM: dict[str, Any] = {
    "strategy": Strategy.MOMENTUM,
    "trailing_distance": 0.01,
    "target_price": None,
    "time_stop_at": NOON + 72 * HOUR,
}


@BOTH_SIDES
def test_a_trade_takes_the_best_strategy_that_passes_on_its_side(side: Side) -> None:
    trade = a_trade(side, **MOMENTUM)
    reading = suits(Strategy.DAY, Strategy.MEAN_REVERSION, side=side)
    found = judged(trade, at(side, 0.001), only("regime_switch"), reading=reading, memory=unsuited())
    assert isinstance(found.decision, Adjust)
    assert (found.decision.strategy, found.rule) == (Strategy.DAY, "regime_switch")
    assert found.decision.stop_price == trade.stop_price
    assert found.decision.target_price == pytest.approx(1.1 + side.sign * 1.5 * 0.005 * 1.1)
    assert found.why == "3 bars did not suit momentum; in trend day passes by 2.0 points"
    assert found.before is not None
    assert found.after is not None


@pytest.mark.parametrize(
    ("reading", "memory"),
    [
        (suits(Strategy.DAY, side=Side.SELL), unsuited()),
        (a_reading(an_opinion(a_candidate(Strategy.DAY, Side.BUY, -0.1))), unsuited()),
        (suits(Strategy.DAY), unsuited(2)),
        (suits(Strategy.DAY), unsuited(switched_at=NOON - 4 * HOUR + 1)),
        (suits(Strategy.DAY), unsuited(adjusted_at=NOON - HOUR + 1)),
        (a_reading(None), unsuited()),
        (None, unsuited()),
        (suits(Strategy.DAY), None),
    ],
    ids=["other side", "does not pass", "two bars", "just switched", "just adjusted", "no opinion", "no reading", "-"],
)
def test_a_trade_keeps_its_strategy(reading: MarketReading | None, memory: ExitMemory | None) -> None:
    found = judged(a_trade(**MOMENTUM), at(Side.BUY, 0.001), only("regime_switch"), reading=reading, memory=memory)
    assert found.decision == Hold()


def test_a_switch_never_holds_for_longer_unless_it_may() -> None:
    day = aimed(Side.BUY)
    for strategy in (Strategy.SWING, Strategy.BREAKOUT, Strategy.MOMENTUM):
        known: dict[str, Any] = {"reading": suits(strategy), "memory": unsuited()}
        assert judged(day, at(Side.BUY, 0.001), only("regime_switch"), **known).decision == Hold()
        lenient = only("regime_switch", may_lengthen_hold=True, largest_probability_loss=0.5)
        longer = judged(day, at(Side.BUY, 0.001), lenient, **known)
        assert isinstance(longer.decision, Adjust)
        assert longer.decision.strategy is strategy


def test_a_switch_is_not_a_close_under_another_name() -> None:
    late = at(Side.BUY, 0.001, now=NOON + HOUR)
    trade = a_trade(**MOMENTUM)
    found = judged(trade, late, only("regime_switch"), reading=suits(Strategy.SCALPING), memory=unsuited())
    assert found.decision == Hold()


def test_a_strategy_that_trails_takes_the_target_away_and_the_stop_along() -> None:
    swing = aimed(Side.BUY, strategy=Strategy.SWING, time_stop_at=NOON + 168 * HOUR, closes_at_day_end=False)
    known: dict[str, Any] = {"reading": suits(Strategy.BREAKOUT), "memory": unsuited()}
    strict = judged(swing, at(Side.BUY, 0.004), only("regime_switch"), **known)
    assert strict.decision == Hold(), "without its target and with a nearer stop a profit is less likely"
    found = judged(swing, at(Side.BUY, 0.004), only("regime_switch", largest_probability_loss=0.5), **known)
    assert found.before is not None
    assert found.after is not None
    assert found.after.profit < found.before.profit
    assert isinstance(found.decision, Adjust)
    assert found.decision.target_price is None
    assert found.decision.stop_price == pytest.approx(1.094)


@BOTH_SIDES
def test_a_strategy_that_has_nothing_to_aim_at_leaves_the_trade_to_the_next(side: Side) -> None:
    trade = a_trade(side, **MOMENTUM)
    wanted = suits(Strategy.MEAN_REVERSION, Strategy.DAY, side=side)
    behind = replace(wanted, mean_price=1.1 - side.sign * 0.01)
    ahead = replace(wanted, mean_price=1.1 + side.sign * 0.004)
    for reading, expected in ((behind, Strategy.DAY), (ahead, Strategy.MEAN_REVERSION), (wanted, Strategy.DAY)):
        found = judged(trade, at(side, 0.001), only("regime_switch"), reading=reading, memory=unsuited())
        assert isinstance(found.decision, Adjust)
        assert found.decision.strategy is expected


@BOTH_SIDES
def test_a_switch_never_aims_at_the_price_itself(side: Side) -> None:
    """As it would where the price is at the mean, and there is no spread."""
    trade, quote = a_trade(side, **MOMENTUM), at(side, 0.001, spread=0.0)
    reading = replace(suits(Strategy.MEAN_REVERSION, side=side), mean_price=quote.closing_price(side))
    assert judged(trade, quote, only("regime_switch"), reading=reading, memory=unsuited()).decision == Hold()


# ---------------------------------------------------------------- all of them together


@pytest.mark.parametrize("rule", [name for name in ALL_OFF if name != "trailing"])
def test_every_rule_can_be_switched_off_alone(rule: str) -> None:
    trade, quote, known = speaking(rule)
    switched_off = ExitSettings.model_validate({**ALL_OFF, "drift_sigmas": 0.1})
    on = replace(only(rule, {"drift_sigmas": 0.1}), opposite_signal_closes=False)
    sigma = WIDE if rule in ("rescale", "mean") else SIGMA
    assert judged(trade, quote, on, sigma, **known).rule == rule
    assert judged(trade, quote, replace(on, settings=switched_off), sigma, **known).decision == Hold()


@pytest.mark.parametrize("rule", [name for name in ALL_OFF if name != "trailing"])
def test_without_probabilities_the_rules_that_need_them_are_silent(rule: str) -> None:
    trade, quote, known = speaking(rule)
    rules = replace(only(rule, {"drift_sigmas": 0.1}), opposite_signal_closes=False)
    assert judged(trade, quote, rules, sigma=None, **known).decision == Hold()
    trailing = replace(trade, trailing_distance=0.003)
    found = judged(trailing, quote, exit_rules(Settings(), a_commodity()), sigma=None, **known)
    assert isinstance(found.decision, Adjust | Close), "trailing and the opposite signal go on"
    assert (found.before, found.after) == (None, None)


@pytest.mark.parametrize("rule", [name for name in ALL_OFF if name != "trailing"])
def test_no_rule_speaks_on_a_quote_that_may_not_be_acted_upon(rule: str) -> None:
    trade, quote, known = speaking(rule)
    rules = replace(only(rule, {"drift_sigmas": 0.1}), opposite_signal_closes=False)
    for bad in (
        replace(quote, time=quote.time - 61 * SECOND),
        replace(quote, bid=quote.ask, ask=quote.bid),
        replace(quote, bid=math.nan),
    ):
        found = judge(trade, bad, now=quote.time, rules=rules, horizon_at=HORIZON, variance=WIDE**2, **known)
        assert found == Judgement(Hold())


def speaking(rule: str) -> tuple[Trade, Quote, dict[str, Any]]:
    """A trade, a quote and what is known, on which this rule speaks."""
    quote = at(Side.BUY, 0.004, now=NOON + MINUTE)
    match rule:
        case "rescale":
            return aimed(Side.BUY), quote, {"memory": set_at(WIDE / 0.7)}
        case "mean":
            trade = aimed(Side.BUY, strategy=Strategy.MEAN_REVERSION)
            return trade, quote, {"memory": ExitMemory(), "reading": a_reading(mean_price=1.1075)}
        case "break_even":
            return aimed(Side.BUY), quote, {}
        case "adverse_drift":
            return aimed(Side.BUY), quote, {"signal": an_analysis(Side.SELL, NOON + 1)}
        case "signal_gone":
            return aimed(Side.BUY, reach=0.03), quote, {"reading": a_reading_without_signals()}
        case "regime_switch":
            return a_trade(**MOMENTUM), quote, {"reading": suits(Strategy.DAY), "memory": unsuited()}
    raise AssertionError(rule)


@BOTH_SIDES
def test_a_trailing_stop_shows_its_worth_too(side: Side) -> None:
    trade = aimed(side, trailing_distance=0.01)
    quote = at(side, 0.004)
    found = judged(trade, quote, only("trailing"))
    assert isinstance(found.decision, Adjust)
    assert found.rule == "trailing"
    assert found.before == value(trade, quote, variance=SIGMA**2, horizon_at=HORIZON)
    moved = replace(trade, stop_price=found.decision.stop_price)
    assert found.after == value(moved, quote, variance=SIGMA**2, horizon_at=HORIZON)


def test_another_rule_takes_the_trailing_stop_along() -> None:
    trade = aimed(Side.BUY, trailing_distance=0.01)
    both = only("rescale", {"trailing": {"enabled": True}})
    found = judged(trade, at(Side.BUY, 0.004), both, WIDE, memory=set_at(WIDE / 0.7))
    assert isinstance(found.decision, Adjust)
    assert found.rule == "rescale"
    assert found.decision.stop_price == pytest.approx(1.094)


def test_a_price_without_a_logarithm_leaves_guarding_and_trailing() -> None:
    oil = a_trade(stop_price=-30.0, entry_price=-20.0, stop_distance=10.0, trailing_distance=10.0)
    rules = exit_rules(Settings(), a_commodity(may_be_negative=True))
    quote = Quote("EURUSD", -17.0, -16.9, NOON)
    found = judged(oil, quote, rules, memory=ExitMemory(), reading=a_reading_without_signals())
    assert found.decision == Adjust(-27.0, None, "trailing")
    assert (found.before, found.after) == (None, None)
