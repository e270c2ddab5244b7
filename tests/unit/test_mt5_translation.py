"""Records of MetaTrader 5 become values of ours: which field is which, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors import wire
from connectors.mt5.calls import SymbolLook
from connectors.mt5.package_records import packed_rates
from connectors.mt5.structures import SymbolInfo, Tick, TradeDeal, TradeOrder, TradePosition, blank, rates_array
from connectors.mt5.terms import SymbolTerms, commissions, terms_of
from connectors.mt5.translation import (
    Fields,
    Names,
    bars_of,
    booked,
    deal_of,
    filled_lots,
    has_prices,
    order_of,
    position_of,
    records,
)
from connectors.wire import BadMessage
from trading.bars import check_bars
from trading.market import HOUR, SECOND, Deal, Entry, Instrument, Order, Position, Side

NAMES = Names({"GOLD": "XAUUSD.m", "EURUSD": "EURUSDm"})
AHEAD = 2 * HOUR
NOON = 1_767_614_400_000


def utc(server_time: int) -> int:
    return server_time - AHEAD


def fields(structure: type, **given: Any) -> Fields:
    return Fields({**blank(structure), **given}, "record")


def position(**given: Any) -> Position:
    told = {
        "ticket": 12, "identifier": 11, "magic": 77, "symbol": "EURUSDm", "type": 1, "volume": 0.3, "price_open": 1.1,
        "time": NOON // SECOND, "time_msc": NOON + 123, "swap": -1.5, "profit": 3.25, "comment": "wb-1",
    }  # fmt: skip
    return position_of(fields(TradePosition, **{**told, **given}), NAMES, utc)


def deal(**given: Any) -> Deal | None:
    told = {
        "ticket": 31, "order": 21, "position_id": 11, "magic": 77, "symbol": "EURUSDm", "type": 0, "entry": 1,
        "volume": 0.3, "price": 1.2, "profit": 10.0, "swap": -1.0, "commission": -0.5, "fee": -0.25,
        "time_msc": NOON + 5, "reason": 3,
    }  # fmt: skip
    return deal_of(fields(TradeDeal, **{**told, **given}), NAMES, utc)


def order(*, is_working: bool = False, in_doubt: frozenset[int] = frozenset(), **given: Any) -> Order | None:
    told = {
        "ticket": 21, "magic": 77, "symbol": "EURUSDm", "type": 0, "state": 4, "volume_initial": 0.3,
        "volume_current": 0.0, "time_setup_msc": NOON, "comment": "wb-1",
    }  # fmt: skip
    return order_of(fields(TradeOrder, **{**told, **given}), NAMES, utc, is_working=is_working, in_doubt=in_doubt)


# ------------------------------------------------------------ names


def test_a_symbol_is_the_commodity_that_the_settings_say_and_no_other() -> None:
    assert [NAMES.commodity(symbol) for symbol in ("XAUUSD.m", "EURUSDm")] == ["GOLD", "EURUSD"]


@pytest.mark.parametrize("symbol", ["XAUUSD", "xauusd.m", "EURUSDm.", "EURUSD", "GOLD"])
def test_a_symbol_that_looks_like_one_of_ours_is_none_of_our_commodities(symbol: str) -> None:
    assert NAMES.commodity(symbol) not in NAMES.symbols


# ------------------------------------------------------------ positions, deals, orders


def test_a_position_keeps_its_identifier_beside_its_ticket_and_is_dated_in_utc() -> None:
    assert position() == Position(
        ticket=12, position_id=11, magic=77, commodity="EURUSD", side=Side.SELL, volume_lots=0.3, open_price=1.1,
        open_time=NOON + 123 - AHEAD, swap=-1.5, profit=3.25, comment="wb-1",
    )  # fmt: skip


def test_a_volume_is_what_it_was_meant_to_be() -> None:
    assert position(volume=0.1 + 0.2).volume_lots == 0.3


@pytest.mark.parametrize(
    ("entry", "expected"), [(0, Entry.IN), (1, Entry.OUT), (2, Entry.IN_OUT), (3, Entry.OUT)], ids=str
)
def test_a_deal_brings_profit_swap_commission_and_fee(entry: int, expected: Entry) -> None:
    made = deal(entry=entry)
    assert made is not None
    assert (made.entry, made.side, made.net, made.reason) == (expected, Side.BUY, 8.25, "expert")
    assert (made.deal, made.order, made.position_id, made.magic) == (31, 21, 11, 77)


@pytest.mark.parametrize("kind", [2, 3, 6, 12])
def test_money_that_has_to_do_with_no_position_is_no_deal(kind: int) -> None:
    assert deal(type=kind, position_id=0, symbol="") is None


@pytest.mark.parametrize("kind", [4, 5, 7, 15])
def test_money_that_was_booked_on_a_position_counts_without_a_volume(kind: int) -> None:
    made = deal(type=kind, entry=0, volume=0.0, profit=-4.0)
    assert made is not None
    assert (made.volume_lots, made.entry, made.position_id, made.net) == (0.0, Entry.IN, 11, -5.75)


def test_credit_is_no_part_of_the_balance() -> None:
    assert booked(fields(TradeDeal, type=3, profit=500.0)) == 0
    assert booked(fields(TradeDeal, type=2, profit=500.0)) == 500
    assert booked(fields(TradeDeal, type=1, profit=5.0, swap=-1.0, commission=-2.0, fee=-0.5)) == 1.5


@pytest.mark.parametrize("state", [2, 5, 6])
def test_an_order_that_ended_unfilled_was_not_accepted(state: int) -> None:
    made = order(state=state, volume_current=0.3)
    assert made is not None
    assert not made.accepted


@pytest.mark.parametrize("state", [2, 5, 6])
def test_an_order_that_ended_with_a_part_of_it_filled_was_accepted(state: int) -> None:
    made = order(state=state, volume_current=0.2)
    assert made is not None
    assert made.accepted


@pytest.mark.parametrize("state", [0, 1, 3, 7, 8, 9])
def test_an_order_that_may_still_be_filled_is_accepted(state: int) -> None:
    for is_working in (False, True):
        made = order(state=state, volume_current=0.3, is_working=is_working)
        assert made is not None
        assert made.accepted


def test_a_filled_order_is_filled_whatever_its_volumes_say() -> None:
    assert filled_lots(fields(TradeOrder, state=4, volume_initial=0.3, volume_current=0.3)) == 0.3


def test_a_refused_close_is_not_shown_as_the_refusal_of_its_open() -> None:
    assert order(state=5, volume_current=0.3, position_id=11) is None
    assert order(state=4, position_id=11) is not None


def test_a_refusal_proves_nothing_while_another_way_of_filling_may_be_under_way() -> None:
    assert order(state=5, volume_current=0.3, in_doubt=frozenset({77})) is None
    assert order(state=5, volume_current=0.3, in_doubt=frozenset({78})) is not None
    assert order(state=4, in_doubt=frozenset({77})) is not None


@pytest.mark.parametrize(
    ("field", "value"),
    [("ticket", "12"), ("identifier", None), ("volume", "much"), ("type", 2), ("symbol", 3), ("time_msc", 1.5)],
)
def test_a_field_of_another_type_is_named_with_its_value(field: str, value: object) -> None:
    with pytest.raises(BadMessage, match=rf"record\.{field} is {value!r}"):
        position(**{field: value})


@given(st.none() | st.integers() | st.text() | st.lists(st.integers(), min_size=1))
def test_what_is_no_list_of_records_is_refused(value: object) -> None:
    with pytest.raises(BadMessage, match="positions"):
        records(value, "positions")


def test_before_the_first_tick_there_is_no_price() -> None:
    assert not has_prices(fields(Tick))
    assert not has_prices(fields(Tick, time_msc=NOON))
    assert has_prices(fields(Tick, time_msc=NOON, bid=-37.63, ask=-37.6))


# ------------------------------------------------------------ bars


def bars(
    *rows: tuple[int, float, float, float, float, int], by_bid: bool = True, until: int = NOON + 100 * HOUR
) -> Any:
    made = rates_array([(at, opened, high, low, close, 9, spread, 0) for at, opened, high, low, close, spread in rows])
    return bars_of("EURUSD", 3600, packed_rates(made), until=until, point=0.0001, by_bid=by_bid, utc=utc)


def test_bars_of_the_bid_become_bars_of_the_middle_with_the_spread_in_prices() -> None:
    series = bars((NOON // SECOND, 1.1, 1.3, 1.0, 1.2, 20), (NOON // SECOND + 3600, 1.2, 1.3, 1.1, 1.2, 0))
    assert list(series.time) == [NOON - AHEAD, NOON - AHEAD + HOUR]
    assert series.open[0] == pytest.approx(1.101)
    assert series.spread[0] == pytest.approx(0.002)
    assert (series.close[1], np.isnan(series.spread[1])) == (1.2, True)
    check_bars(series)


def test_bars_of_the_last_price_stay_as_they_are() -> None:
    assert bars((NOON // SECOND, 1.1, 1.3, 1.0, 1.2, 20), by_bid=False).open[0] == 1.1


@pytest.mark.parametrize(("until", "complete"), [(-1, 1), (0, 2), (1, 2), (HOUR, 3)])
def test_a_bar_is_complete_when_the_brokers_clock_says_so(until: int, complete: int) -> None:
    rows = [(NOON // SECOND + hour * 3600, 1.1, 1.1, 1.1, 1.1, 1) for hour in (-2, -1, 0)]
    assert len(bars(*rows, until=NOON + until)) == complete


def test_no_bars_are_no_bars() -> None:
    assert len(bars()) == 0


def test_of_an_hour_that_comes_twice_one_bar_is_left() -> None:
    start = NOON // SECOND
    series = bars(*((start + hour * 3600, 1.1, 1.1, 1.1, 1.1, 1) for hour in (0, 1, 1, 0, 2)))
    assert list(series.time) == [NOON - AHEAD + hour * HOUR for hour in (0, 1, 2)]


# ------------------------------------------------------------ terms


def terms(margin_per_lot: float | None = 3_666.67, **given: Any) -> SymbolTerms:
    told = {
        "name": "EURUSDm", "digits": 5, "point": 0.00001, "trade_tick_size": 0.00001, "trade_tick_value": 1.0,
        "trade_contract_size": 100_000.0, "volume_min": 0.01, "volume_max": 50.0, "volume_step": 0.01, "ask": 1.1,
        "bid": 1.0999, "currency_base": "EUR", "currency_profit": "USD", "currency_margin": "EUR", "swap_mode": 1,
        "swap_long": -6.0, "swap_short": 2.0,
    }  # fmt: skip
    return SymbolTerms(fields(SymbolInfo, **{**told, **given}), margin_per_lot)


def instrument(made: SymbolTerms, currency: str = "USD", leverage: float = 500.0) -> Instrument:
    return made.instrument("EURUSD", currency, leverage, 3.5)


def test_the_terms_of_a_currency_pair() -> None:
    made = instrument(terms())
    assert replace(made, leverage=30.0, swap_long_per_lot=-6.0, swap_short_per_lot=2.0) == Instrument(
        commodity="EURUSD", symbol="EURUSDm", digits=5, contract_size=100_000.0, volume_min_lots=0.01,
        volume_max_lots=50.0, volume_step_lots=0.01, profit_currency="USD", leverage=30.0, commission_per_lot=3.5,
        swap_long_per_lot=-6.0, swap_short_per_lot=2.0,
    )  # fmt: skip
    assert made.swap_long_per_lot == pytest.approx(-6.0)
    assert made.swap_short_per_lot == pytest.approx(2.0)
    assert made.leverage == pytest.approx(30.0, abs=0.001)


def test_leverage_is_told_in_the_accounts_currency_whatever_the_profit_is_paid_in() -> None:
    """USDJPY on a dollar account: a lot is 100,000 dollars, and a tick of 0.001 yen is 100 yen."""
    yen = terms(2_000.0, ask=150.0, point=0.001, trade_tick_size=0.001, trade_tick_value=100 / 150.0)
    assert instrument(yen).leverage == pytest.approx(50.0)


@pytest.mark.parametrize("margin", [None, 0.0])
def test_leverage_that_cannot_be_told_is_that_of_the_account(margin: float | None) -> None:
    assert instrument(terms(margin), leverage=200.0).leverage == 200.0


@pytest.mark.parametrize(
    ("mode", "expected"),
    [
        (0, 0.0),  # none
        (1, -6.0),  # points, of a dollar each
        (2, -6.6),  # euros, at 1.1
        (3, -6.6),
        (4, -6.0),  # dollars
        (5, -6.0 / 100 / 360 * 110_000),  # per cent a year of 110,000 dollars
        (6, -6.0 / 100 / 360 * 110_000),
        (7, -6.0),
        (8, -6.0),
    ],
)
def test_the_swap_of_each_mode_in_the_accounts_currency(mode: int, expected: float) -> None:
    assert instrument(terms(swap_mode=mode)).swap_long_per_lot == pytest.approx(expected)


def test_a_swap_in_a_currency_that_the_symbol_does_not_convert_is_not_invented() -> None:
    assert instrument(terms(swap_mode=3, currency_margin="CHF")).swap_long_per_lot == 0.0


def test_a_swap_in_the_profit_currency_is_converted_by_the_value_of_a_tick() -> None:
    yen = terms(swap_mode=3, currency_margin="JPY", currency_profit="JPY", trade_tick_size=0.001, trade_tick_value=0.5)
    assert instrument(yen).swap_long_per_lot == pytest.approx(-6.0 * 0.5 / (0.001 * 100_000))


def test_a_futures_contract_is_what_its_ticks_pay() -> None:
    oil = terms(trade_calc_mode=1, trade_contract_size=1.0, trade_tick_size=0.01, trade_tick_value=10.0)
    assert instrument(oil).contract_size == pytest.approx(1_000.0)


def test_a_futures_contract_that_pays_abroad_is_told_in_what_the_account_gets_for_it() -> None:
    """The Nikkei on a dollar account: 500 yen for a price difference of 1, of which the contract size says nothing."""
    nikkei = terms(
        trade_calc_mode=33, trade_contract_size=1.0, currency_profit="JPY", trade_tick_size=5.0, trade_tick_value=16.0
    )
    made = instrument(nikkei)
    assert made.contract_size == pytest.approx(3.2)
    assert made.profit_currency == "USD"


@pytest.mark.parametrize(
    ("given", "fault"),
    [
        ({"volume_step": 0.0}, "volume_step is 0"),
        ({"trade_contract_size": 0.0}, "trade_contract_size is 0"),
        ({"volume_max": math.nan}, "volume_max is nan"),
        ({"trade_calc_mode": 1, "trade_tick_value": 0.0}, "trade_tick_value is 0"),
        ({"trade_calc_mode": 1, "trade_tick_size": 0.0}, "trade_tick_size is 0"),
    ],
)
def test_terms_by_which_no_volume_can_be_told_are_at_fault(given: dict[str, Any], fault: str) -> None:
    assert terms().fault is None
    assert terms(trade_calc_mode=1, trade_contract_size=0.0).fault is None
    assert terms(**given).fault == f"{fault}; expected a number above zero"


def test_the_largest_order_is_the_limit_of_the_direction_where_that_is_smaller() -> None:
    assert instrument(terms(volume_limit=5.0)).volume_max_lots == 5.0
    assert isinstance(terms(volume_limit=5.0).floored(5.01), str)


@given(
    st.integers(1, 10**9).map(lambda units: units / 1e8),
    st.sampled_from([0.001, 0.01, 0.05, 0.1, 0.25, 1.0]),
    st.integers(1, 5),
)
def test_a_volume_is_floored_to_the_step_and_never_raised(volume: float, step: float, least_steps: int) -> None:
    least = round(step * least_steps, 3)
    floored = terms(volume_step=step, volume_min=least, volume_max=20.0).floored(volume)
    if isinstance(floored, str):
        assert volume < least
    else:
        assert least <= floored <= volume
        assert volume - floored < step
        assert Decimal(repr(floored)) % Decimal(repr(step)) == 0


@pytest.mark.parametrize(("volume", "floored"), [(0.1 + 0.2, 0.3), (0.29, 0.29), (0.57, 0.57), (1.15, 1.15)])
def test_what_is_on_the_step_stays_what_it_is(volume: float, floored: float) -> None:
    assert terms().floored(volume) == floored


@pytest.mark.parametrize("volume", [0.0, -1.0, float("nan"), float("inf"), 0.0099, 50.01])
def test_what_cannot_be_traded_says_why_with_the_value(volume: float) -> None:
    why = terms().floored(volume)
    assert isinstance(why, str)
    assert f"{volume:g}" in why


def test_symbols_that_the_broker_does_not_have_are_told_apart() -> None:
    looks = [
        SymbolLook("EURUSDm", terms().fields.record, 3_666.67, 1, "Success"),
        SymbolLook("XAUUSD.m", None, None, -4, "Terminal: Not found"),
    ]
    found, missing = terms_of(wire.encode(looks))
    assert list(found) == ["EURUSDm"]
    assert missing == {"XAUUSD.m": "-4, 'Terminal: Not found'"}


def test_a_symbol_that_answers_by_another_name_is_refused() -> None:
    with pytest.raises(BadMessage, match="'EURUSDm'; expected 'EURUSD'"):
        terms_of(wire.encode([SymbolLook("EURUSD", terms().fields.record, None, 1, "")]))


def test_the_commission_of_a_side_is_the_average_over_the_deals_in_and_out() -> None:
    only_on_the_way_in = [
        fields(TradeDeal, volume=0.5, commission=-3.5),
        fields(TradeDeal, volume=0.5, commission=0.0),
    ]
    each = [fields(TradeDeal, volume=0.1, commission=-0.3), fields(TradeDeal, volume=0.1, commission=-0.3)]
    found = commissions({"A": only_on_the_way_in, "B": each, "C": []})
    assert found == {"A": pytest.approx(3.5), "B": pytest.approx(3.0)}


def test_deals_without_a_commission_show_none_for_it_may_be_booked_by_itself() -> None:
    assert commissions({"A": [fields(TradeDeal, volume=0.5, commission=0.0)]}) == {}
