"""A trade followed along recorded bars: where it ends, and at what price."""

from __future__ import annotations

from dataclasses import replace

import pytest
from made_brownian import brownian
from made_courses import Bar, a_trade_at, course_of, hours_from
from made_trades import NOON

from trading.audit import RULES, Comparison, with_rules
from trading.audit_entries import random_entries
from trading.market import HOUR, MINUTE, SECOND, Side
from trading.settings import Settings
from trading.shadow import End, filled, follow
from trading.trade import CloseReason, Trade

ALONE = with_rules(Settings(), frozenset())
FLAT: Bar = (1.1, 1.1, 1.1, 1.1)
BOTH_SIDES = pytest.mark.parametrize("side", Side)


def bar(side: Side, *gained: float) -> Bar:
    """A bar by its open, best, worst and close, as gains of a trade of this side that entered at 1.1."""
    opened, best, worst, closed = (1.1 + side.sign * gain for gain in gained)
    return opened, max(best, worst), min(best, worst), closed


def followed(trade: Trade, *bars: Bar, settings: Settings = ALONE, spread: float = 0.0) -> End:
    """The end of a trade that was entered at noon, at the end of a flat bar."""
    course = course_of(hours_from(NOON - HOUR, [FLAT, *bars, *[bars[-1]] * 6], spread))
    end = follow(trade, course, settings, since=NOON)
    assert end is not None
    return end


@BOTH_SIDES
def test_a_stop_inside_a_bar_fills_at_the_stop(side: Side) -> None:
    end = followed(a_trade_at(NOON, side), bar(side, 0, 0.002, -0.02, 0))
    assert end.reason is CloseReason.STOP
    assert end.gain == pytest.approx(-0.01)
    assert end.at == NOON + HOUR // 3, "where the adverse extreme is"


@BOTH_SIDES
def test_a_stop_behind_a_gap_fills_at_the_open(side: Side) -> None:
    end = followed(a_trade_at(NOON, side), bar(side, -0.015, 0, -0.02, 0))
    assert end.reason is CloseReason.STOP
    assert end.gain == pytest.approx(-0.015)
    assert end.at == NOON


@BOTH_SIDES
def test_a_target_behind_a_gap_fills_at_the_open_too(side: Side) -> None:
    trade = a_trade_at(NOON, side, target_price=1.1 + side.sign * 0.01)
    end = followed(trade, bar(side, 0.013, 0.02, 0.012, 0.015))
    assert end.reason is CloseReason.TARGET
    assert end.gain == pytest.approx(0.013)


@BOTH_SIDES
def test_the_stop_comes_before_a_target_of_the_same_bar(side: Side) -> None:
    trade = a_trade_at(NOON, side, target_price=1.1 + side.sign * 0.01)
    assert followed(trade, bar(side, 0, 0.02, -0.02, 0.01)).reason is CloseReason.STOP


@BOTH_SIDES
def test_the_longest_hold_ends_it_at_the_closing_price(side: Side) -> None:
    end = followed(a_trade_at(NOON, side), *[bar(side, 0, 0.002, -0.002, 0.001)] * 6)
    assert (end.reason, end.at) == (CloseReason.TIME_STOP, NOON + 5 * HOUR)
    assert end.gain == pytest.approx(0.001), "of the bar that has just ended"


@BOTH_SIDES
def test_each_side_pays_its_half_of_the_spread(side: Side) -> None:
    """Entered at the mid for once, so that the closing half is to be seen alone."""
    end = followed(a_trade_at(NOON, side), *[bar(side, 0, 0.002, -0.002, 0.001)] * 6, spread=0.0004)
    assert end.gain == pytest.approx(0.001 - 0.0002)


def test_a_profit_is_taken_before_the_day_ends_and_a_loss_is_not() -> None:
    trade = a_trade_at(NOON, closes_at_day_end=True, time_stop_at=NOON + 40 * HOUR)
    at_five = NOON + 10 * HOUR  # in New York, where the day ends
    hours = [(1.1, 1.101, 1.099, 1.1005)] * 36
    won = followed(trade, *hours)
    assert (won.reason, won.at) == (CloseReason.DAY_END, at_five - SECOND)
    lost = followed(replace(trade, time_stop_at=NOON + 30 * HOUR), *[(1.1, 1.101, 1.099, 1.0995)] * 36)
    assert (lost.reason, lost.at) == (CloseReason.TIME_STOP, NOON + 30 * HOUR)


def test_what_was_before_it_is_watched_decides_nothing() -> None:
    """A shadow begins where a rule first spoke, perhaps in the middle of a bar."""
    course = course_of(hours_from(NOON - HOUR, [FLAT, (1.1, 1.101, 1.08, 1.1), *[FLAT] * 6]))
    end = follow(a_trade_at(NOON), course, ALONE, since=NOON + 30 * MINUTE)
    assert end is not None
    assert end.reason is CloseReason.TIME_STOP


def test_a_trade_that_outlives_the_bars_has_no_end() -> None:
    course = course_of(hours_from(NOON - HOUR, [FLAT] * 3))
    assert follow(a_trade_at(NOON), course, ALONE, since=NOON) is None


@BOTH_SIDES
def test_a_trailing_stop_follows_what_is_known_at_closes_and_not_extremes_known_afterwards(side: Side) -> None:
    trade = a_trade_at(NOON, side, trailing_distance=0.01)
    end = followed(trade, bar(side, 0, 0.03, 0, 0.025), bar(side, 0.025, 0.025, 0.01, 0.02), settings=only("trailing"))
    assert end.reason is CloseReason.TRAILING_STOP
    assert end.gain == pytest.approx(0.015), "a distance behind the close of 0.025"
    assert end.heard == {"trailing"}
    later = [bar(side, 0.02, 0.02, 0.01, 0.02)] * 6
    course = course_of(hours_from(NOON - HOUR, [FLAT, bar(side, 0, 0.03, 0, 0.025), *later]))
    as_replayed = follow(trade, course, only("trailing"), since=NOON, at_extremes=True)
    assert as_replayed is not None
    assert as_replayed.gain == pytest.approx(0.02), "a distance behind the best tick of 0.03"


@pytest.mark.parametrize(
    ("previous", "current", "got"),
    [(None, 0.9, 0.9), (1.1, 0.9, 1.0), (0.9, 1.1, 1.0), (0.95, 0.9, 0.9), (1.0, 0.9, 0.9), (1.1, 1.0, 1.0)],
)
def test_a_level_is_filled_where_it_lies_on_the_path(previous: float | None, current: float, got: float) -> None:
    assert filled(previous, current, 1.0) == got


@pytest.mark.parametrize("rule", RULES)
def test_a_trade_on_which_a_rule_is_silent_ends_to_the_bit_as_its_shadow(rule: str) -> None:
    course = course_of(brownian(2_000, seed=3))
    comparison = Comparison.of(rule)
    entries = random_entries(course, 1_500, 1_850, 25, seed=1, stream=0)
    silent = 0
    for entry in entries:
        ends = [
            follow(entry.trade, course, with_rules(Settings(), rules), since=entry.trade.submitted_at)
            for rules in (comparison.rules, comparison.shadow)
        ]
        if ends[0] is not None and ends[1] is not None and rule not in ends[0].heard:
            silent += 1
            assert ends[0].gain == ends[1].gain
            assert ends[0].at == ends[1].at
    assert silent > 0


def only(rule: str) -> Settings:
    """This rule on, the others off."""
    return with_rules(Settings(), frozenset({rule}))
