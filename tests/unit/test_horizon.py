"""When a trade is closed whatever happens, and how much may happen until then."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_readings import a_forecast, a_reading
from made_trades import a_bitcoin, a_commodity, a_trade, utc

from trading.calendars import build
from trading.horizon import horizon, remaining_variance
from trading.market import HOUR, MINUTE, Instant
from trading.settings import Settings
from trading.trade import Trade

FX = build(a_commodity(), utc("2026-01-01T00:00"), utc("2026-12-31T00:00"))
CRYPTO = build(a_bitcoin(), utc("2026-01-01T00:00"), utc("2026-12-31T00:00"))
SETTINGS = Settings()
NO_RULES = Settings(auto_close_profitable_daily=False, auto_close_profitable_friday=False)
WEDNESDAY = utc("2026-03-04T12:00")
DAY_WINDOW = utc("2026-03-04T21:45")  # 17:00 in New York, a quarter of an hour before
FRIDAY_WINDOW = utc("2026-03-06T21:45")


def trade_until(time_stop_at: Instant, *, closes_at_day_end: bool = True) -> Trade:
    return a_trade(time_stop_at=time_stop_at, closes_at_day_end=closes_at_day_end)


def test_a_day_trade_ends_when_the_window_of_the_day_begins() -> None:
    assert horizon(trade_until(WEDNESDAY + 48 * HOUR), FX, SETTINGS, WEDNESDAY) == DAY_WINDOW


def test_a_trade_that_may_stay_overnight_ends_before_the_weekend() -> None:
    trade = trade_until(WEDNESDAY + 168 * HOUR, closes_at_day_end=False)
    assert horizon(trade, FX, SETTINGS, WEDNESDAY) == FRIDAY_WINDOW
    assert horizon(trade, FX, NO_RULES, WEDNESDAY) == trade.time_stop_at


def test_a_week_of_days_with_a_rest_between_them_is_looked_through_to_its_end() -> None:
    rests = build(a_commodity(hours={"sessions": ("Mon-Fri 18:00-17:00",)}), FX.first, FX.last)
    monday = utc("2026-03-02T12:00")
    trade = trade_until(monday + 168 * HOUR, closes_at_day_end=False)
    assert horizon(trade, rests, SETTINGS, monday) == FRIDAY_WINDOW


def test_the_longest_hold_ends_it_where_that_comes_first() -> None:
    for overnight in (True, False):
        trade = trade_until(WEDNESDAY + 2 * HOUR, closes_at_day_end=overnight)
        assert horizon(trade, FX, SETTINGS, WEDNESDAY) == WEDNESDAY + 2 * HOUR
    assert horizon(trade_until(WEDNESDAY - 1), FX, SETTINGS, WEDNESDAY) == WEDNESDAY - 1


def test_a_loser_that_its_window_left_open_looks_to_the_next_one() -> None:
    trade = trade_until(WEDNESDAY + 48 * HOUR)
    for at in (DAY_WINDOW, DAY_WINDOW + 5 * MINUTE, DAY_WINDOW + 15 * MINUTE):
        assert horizon(trade, FX, SETTINGS, at) == utc("2026-03-05T21:45")


def test_over_a_weekend_it_counts_from_the_next_opening() -> None:
    saturday = utc("2026-03-07T12:00")
    monday_window = utc("2026-03-09T20:45")  # New York has changed its clocks on the Sunday
    assert horizon(trade_until(saturday + 168 * HOUR), FX, SETTINGS, saturday) == monday_window
    late_friday = FRIDAY_WINDOW + MINUTE
    assert horizon(trade_until(saturday + 168 * HOUR), FX, SETTINGS, late_friday) == monday_window


def test_a_market_without_weekends_knows_days_and_no_fridays() -> None:
    assert horizon(trade_until(WEDNESDAY + 48 * HOUR), CRYPTO, SETTINGS, WEDNESDAY) == DAY_WINDOW
    overnight = trade_until(WEDNESDAY + 168 * HOUR, closes_at_day_end=False)
    assert horizon(overnight, CRYPTO, SETTINGS, WEDNESDAY) == overnight.time_stop_at


def test_without_the_daily_rule_only_the_week_ends_a_day_trade() -> None:
    settings = Settings(auto_close_profitable_daily=False)
    assert horizon(trade_until(WEDNESDAY + 72 * HOUR), FX, settings, WEDNESDAY) == FRIDAY_WINDOW


@given(st.integers(0, 14 * 24 * 60), st.integers(1, 200 * 60), st.booleans())
def test_the_horizon_lies_ahead_and_never_beyond_the_longest_hold(minutes: int, left: int, overnight: bool) -> None:
    now = WEDNESDAY + minutes * MINUTE
    trade = trade_until(now + left * MINUTE, closes_at_day_end=not overnight)
    at = horizon(trade, FX, SETTINGS, now)
    assert now < at <= trade.time_stop_at


def test_only_open_hours_count_for_the_variance() -> None:
    friday, monday = utc("2026-03-06T20:00"), utc("2026-03-09T02:00")
    reading = a_reading(at=friday, forecast=a_forecast(friday))
    # Two hours of Friday, and five of the Sunday and Monday after the weekend.
    assert remaining_variance(reading, FX, friday, monday) == pytest.approx(7e-6)


def test_nothing_is_expected_without_a_forecast_or_without_time() -> None:
    reading = a_reading(at=WEDNESDAY, forecast=a_forecast(WEDNESDAY))
    assert remaining_variance(None, FX, WEDNESDAY, DAY_WINDOW) is None
    assert remaining_variance(a_reading(at=WEDNESDAY), FX, WEDNESDAY, DAY_WINDOW) is None
    assert remaining_variance(reading, FX, WEDNESDAY, WEDNESDAY) is None


def test_nothing_is_expected_once_bars_have_stopped_coming() -> None:
    reading = a_reading(at=WEDNESDAY, forecast=a_forecast(WEDNESDAY))
    assert remaining_variance(reading, FX, WEDNESDAY + 3 * HOUR, DAY_WINDOW) is not None
    assert remaining_variance(reading, FX, WEDNESDAY + 3 * HOUR + 1, DAY_WINDOW) is None


def test_a_weekend_without_bars_is_not_a_feed_that_died() -> None:
    friday_end, monday = utc("2026-03-06T22:00"), utc("2026-03-08T22:30")
    reading = a_reading(at=friday_end, forecast=a_forecast(friday_end))
    assert remaining_variance(reading, FX, monday, monday + HOUR) is not None
