"""The catalogue that comes with the program, as a whole."""

from __future__ import annotations

from collections import Counter
from zoneinfo import ZoneInfo

import pytest
from made_sessions import utc

from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from trading.calendars import TradingTimes
from trading.commodities import Commodity, find, folded
from trading.groups import direction
from trading.market import Side, moment

CATALOGUE = read_catalogue()
FIRST, LAST = utc("2026-01-01T00:00"), utc("2026-12-31T00:00")
A_TUESDAY = utc("2026-03-03T15:00")  # when every market trades

each_commodity = pytest.mark.parametrize("commodity", CATALOGUE.values(), ids=list(CATALOGUE))


@pytest.fixture(scope="module")
def times(calendars: CalendarStore) -> dict[str, TradingTimes]:
    return calendars.times_of(CATALOGUE.values(), FIRST, LAST)


def test_it_has_what_people_trade() -> None:
    wanted = (
        "GOLD SILVER PLATINUM PALLADIUM COPPER ZINC WTI_CRUDE BRENT_CRUDE NATURAL_GAS WHEAT CORN SOYBEANS COFFEE COCOA "
        "SUGAR EURUSD GBPUSD AUDUSD NZDUSD USDJPY USDCHF USDCAD EURGBP EURJPY GBPJPY EURCHF AUDJPY USDMXN USDZAR "
        "USDNOK USDSEK NASDAQ_100 SP_500 DOW_30 RUSSELL_2000 DAX_40 EURO_STOXX_50 FTSE_100 NIKKEI_225 BITCOIN ETHEREUM"
    )
    assert set(wanted.split()) <= set(CATALOGUE)
    assert len(CATALOGUE) >= 50


def test_it_has_some_of_every_class() -> None:
    counts = Counter(commodity.asset_class for commodity in CATALOGUE.values())
    assert min(counts[kind] for kind in ("fx", "metal", "energy", "grain", "soft", "index", "crypto")) >= 3
    assert counts["fx"] >= 28  # each of the eight great currencies in each other


def test_every_pair_of_the_great_currencies_is_there_once() -> None:
    great = {"USD", "EUR", "GBP", "JPY", "CHF", "AUD", "NZD", "CAD"}
    pairs = [
        frozenset((each.base_currency, each.profit_currency))
        for each in CATALOGUE.values()
        if {each.base_currency, each.profit_currency} <= great
    ]
    assert len(pairs) == len(set(pairs)) == 28


@each_commodity
def test_every_name_leads_to_its_own_commodity(commodity: Commodity) -> None:
    assert folded(commodity.id)
    for name in commodity.names:
        for written in (name, name.lower(), f"{name[:3]}/{name[3:]}"):
            assert find(CATALOGUE, written) is commodity


@each_commodity
def test_every_commodity_can_be_traded_on_a_tuesday(commodity: Commodity, times: dict[str, TradingTimes]) -> None:
    assert times[commodity.id].is_open(A_TUESDAY)


@each_commodity
def test_the_day_ends_when_the_catalogue_says(commodity: Commodity, times: dict[str, TradingTimes]) -> None:
    end = times[commodity.id].day_end(A_TUESDAY)
    assert end is not None
    assert moment(end).astimezone(ZoneInfo(commodity.zone)).strftime("%H:%M") == commodity.day_end


@each_commodity
def test_hints_are_of_a_size_that_can_be_traded(commodity: Commodity) -> None:
    assert 0 < commodity.volume_step_lots <= commodity.volume_min_lots <= commodity.volume_max_lots
    assert commodity.typical_spread_points > 0
    assert abs(commodity.swap_long_per_lot) + abs(commodity.swap_short_per_lot) > 0
    assert "generic" in commodity.symbols


@each_commodity
def test_a_pair_is_called_by_its_currencies_and_stands_in_the_group_of_one_of_them(commodity: Commodity) -> None:
    if commodity.asset_class != "fx":
        assert commodity.group not in {each.profit_currency for each in CATALOGUE.values()}
        return
    assert commodity.id == f"{commodity.base_currency}{commodity.profit_currency}"
    assert commodity.group in (commodity.base_currency, commodity.profit_currency)
    assert commodity.group == "USD" or "USD" not in commodity.id


def test_long_the_dollar_is_one_bet_however_its_pair_is_written() -> None:
    sells = ("EURUSD", "GBPUSD", "AUDUSD", "NZDUSD")
    buys = ("USDJPY", "USDCHF", "USDCAD", "USDMXN", "USDZAR")
    assert {direction(CATALOGUE[name], Side.SELL) for name in sells} == {1}
    assert {direction(CATALOGUE[name], Side.BUY) for name in buys} == {1}
    assert {direction(CATALOGUE[name], Side.BUY) for name in ("GOLD", "DAX_40", "WTI_CRUDE", "CORN")} == {1}


def test_only_what_has_been_below_zero_may_be_negative() -> None:
    assert [name for name, commodity in CATALOGUE.items() if commodity.may_be_negative] == ["WTI_CRUDE"]
