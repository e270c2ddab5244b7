"""Instants, sides and quotes."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import a_quote, an_instrument

from trading.market import Account, Deal, Entry, Quote, Side, instant, iso, moment, quote_fault

whole_milliseconds = st.datetimes(datetime(1970, 1, 1), datetime(2200, 1, 1)).map(
    lambda at: at.replace(microsecond=at.microsecond // 1_000 * 1_000, tzinfo=UTC)
)


@given(whole_milliseconds)
def test_an_instant_survives_the_round_trip_through_a_datetime(at: datetime) -> None:
    assert moment(instant(at)) == at
    assert datetime.fromisoformat(iso(instant(at))) == at


@given(whole_milliseconds, st.integers(-14 * 60, 14 * 60))
def test_an_instant_is_the_same_in_every_zone(at: datetime, offset_minutes: int) -> None:
    assert instant(at.astimezone(timezone(timedelta(minutes=offset_minutes)))) == instant(at)


def test_a_fraction_of_a_millisecond_is_cut_off() -> None:
    assert instant(datetime(2026, 1, 1, microsecond=999_999, tzinfo=UTC)) % 1_000 == 999


def test_a_moment_without_a_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="2026-01-01T12:00:00 has no time zone"):
        instant(datetime(2026, 1, 1, 12))


def test_milliseconds_are_written_only_where_there_are_any() -> None:
    assert iso(0) == "1970-01-01T00:00:00Z"
    assert iso(1_500) == "1970-01-01T00:00:01.500Z"


def test_a_buy_opens_at_the_ask_and_closes_at_the_bid_and_a_sell_the_other_way_round() -> None:
    quote = a_quote(1.1, 1.2)
    assert (quote.opening_price(Side.BUY), quote.closing_price(Side.BUY)) == (1.2, 1.1)
    assert (quote.opening_price(Side.SELL), quote.closing_price(Side.SELL)) == (1.1, 1.2)
    assert quote.mid == pytest.approx(1.15)
    assert quote.spread == pytest.approx(0.1)


def test_the_sign_of_a_side_turns_with_its_opposite() -> None:
    assert (Side.BUY.sign, Side.SELL.sign) == (1, -1)
    for side in Side:
        assert side.opposite.sign == -side.sign
        assert side.opposite.opposite is side


NAN, INFINITE = float("nan"), float("inf")


@pytest.mark.parametrize(
    ("quote", "fault"),
    [
        (a_quote(1.1, 1.2), None),
        (a_quote(1.1, 1.1), None),
        (a_quote(NAN, 1.1), "not finite"),
        (a_quote(1.1, NAN), "not finite"),
        (a_quote(1.1, INFINITE), "not finite"),
        (a_quote(-INFINITE, 1.1), "not finite"),
        (a_quote(1.2, 1.1), "crossed"),
        (a_quote(0.0, 1.1), "price at or below zero"),
        (a_quote(-1.0, 1.1), "price at or below zero"),
    ],
)
def test_a_faulty_quote_says_what_is_wrong_with_it(quote: Quote, fault: str | None) -> None:
    assert quote_fault(quote) == fault


def test_a_negative_price_is_legal_only_where_it_is_allowed() -> None:
    oil = a_quote(-37.63, -37.60)
    assert quote_fault(oil) is not None
    assert quote_fault(oil, may_be_negative=True) is None
    assert quote_fault(a_quote(-37.60, -37.63), may_be_negative=True) == "crossed"


def test_the_point_is_the_last_decimal_of_a_price() -> None:
    assert an_instrument(digits=5).point == pytest.approx(0.00001)
    assert an_instrument(digits=0).point == 1.0


def test_free_margin_is_the_equity_that_no_position_ties_up() -> None:
    assert Account("alpha", "USD", 1_000.0, 900.0, 250.0, 0).margin_free == 650.0


def test_the_net_of_a_deal_is_all_that_it_moved() -> None:
    deal = Deal(1, 1, 1, 1, "EURUSD", Side.BUY, Entry.OUT, 0.1, 1.1, 10.0, -2.0, -0.5, -0.25, 0, "expert")
    assert deal.net == 7.25
