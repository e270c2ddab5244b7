"""What a broker of our own charges for nights, and how it turns one currency into another."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.accounting import BETWEEN, conversion, next_rollover, nights_charged
from feeds.catalogue import read_catalogue
from trading.market import instant
from trading.settings_commodities import ThreeNights

CATALOGUE = read_catalogue()
NEW_YORK = ZoneInfo("America/New_York")
MONDAY = datetime(2026, 3, 2, 17, tzinfo=NEW_YORK)
MIDS = {"EURUSD": 1.10, "GBPUSD": 1.25, "USDJPY": 150.0, "USDMXN": 20.0, "EURGBP": 0.90, "EURJPY": 165.0}


def a_week_of(commodity: str) -> list[int]:
    """The nights that are booked at the end of each day of a week, Monday first."""
    day = CATALOGUE[commodity].books_three_nights_on
    return [nights_charged(day, instant(MONDAY + timedelta(days=days))) for days in range(7)]


@pytest.mark.parametrize(
    ("commodity", "nights"),
    [
        ("EURUSD", [1, 1, 3, 1, 1, 0, 0]),
        ("GOLD", [1, 1, 3, 1, 1, 0, 0]),
        ("USDCAD", [1, 1, 1, 3, 1, 0, 0]),  # settled after one day
        ("NASDAQ_100", [1, 1, 1, 1, 3, 0, 0]),
        ("WTI_CRUDE", [1, 1, 1, 1, 3, 0, 0]),
        ("CORN", [1, 1, 1, 1, 3, 0, 0]),
        ("BITCOIN", [1, 1, 1, 1, 1, 1, 1]),
    ],
)
def test_each_commodity_books_the_weekend_on_its_own_day(commodity: str, nights: list[int]) -> None:
    assert a_week_of(commodity) == nights


@pytest.mark.parametrize("commodity", sorted(CATALOGUE))
def test_a_week_always_has_seven_nights(commodity: str) -> None:
    assert sum(a_week_of(commodity)) == 7


@given(
    st.sampled_from(("monday", "tuesday", "wednesday", "thursday", "friday", "never")), st.integers(0, 2_000_000_000)
)
def test_seven_rollovers_in_a_row_book_seven_nights_whenever_they_begin(day: ThreeNights, second: int) -> None:
    at, nights = second * 1_000, 0
    for _ in range(7):
        at = next_rollover(at)
        nights += nights_charged(day, at)
    assert nights == 7


def rate(currency: str, wanted: str, *names: str) -> float | None:
    """What one unit is worth at `MIDS`, as far as these commodities are quoted."""
    way = conversion(currency, wanted, {name: CATALOGUE[name] for name in names})
    return None if way is None else way.rate(MIDS.__getitem__)


def test_a_pair_of_both_currencies_converts_at_its_price_or_at_one_over_it() -> None:
    assert rate("EUR", "USD", "EURUSD") == 1.10
    assert rate("USD", "EUR", "EURUSD") == 1 / 1.10


def test_without_such_a_pair_the_way_leads_through_the_dollar() -> None:
    assert rate("GBP", "JPY", "GBPUSD", "USDJPY") == pytest.approx(1.25 * 150)
    assert rate("JPY", "EUR", "EURUSD", "USDJPY") == pytest.approx(1 / 150 / 1.10)
    assert rate("MXN", "GBP", "USDMXN", "GBPUSD") == pytest.approx(1 / 20 / 1.25)


def test_a_pair_of_both_comes_before_two_with_the_dollar() -> None:
    way = conversion("GBP", "EUR", {name: CATALOGUE[name] for name in ("EURUSD", "GBPUSD", "EURGBP")})
    assert way is not None
    assert way.commodities == ("EURGBP",)


def test_where_a_leg_is_not_quoted_nothing_is_converted() -> None:
    assert rate("GBP", "JPY", "GBPUSD") is None
    assert rate("GBP", "JPY", "USDJPY") is None
    assert rate("GBP", "USD", "EURUSD", "EURGBP") is None  # through the dollar, and through no other


def test_what_is_the_price_of_no_currency_converts_none() -> None:
    assert rate("EUR", BETWEEN, "DAX_40", "NASDAQ_100", "WTI_CRUDE") is None
    assert rate("JPY", BETWEEN, "NIKKEI_225") is None
