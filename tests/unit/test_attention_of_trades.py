"""What an open trade waits for, and what several wait for together."""

from __future__ import annotations

import math
from collections.abc import Iterator

from hypothesis import given
from hypothesis import strategies as st
from made_trades import NOON, a_commodity, a_quote, a_trade

from trading.attention import EVERYTHING, NEVER, NOTHING, Attention, Band, together
from trading.exit_bands import quiet_band
from trading.exits import Hold, exit_rules, guard, trail
from trading.market import Side
from trading.settings import Settings

RULES = exit_rules(Settings(), a_commodity())
DISTANCES = st.floats(1e-4, 0.1)


@given(
    st.sampled_from(list(Side)),
    DISTANCES,
    st.none() | DISTANCES,
    st.none() | DISTANCES,
    st.floats(0.9, 1.3),
)
def test_inside_its_band_a_trade_is_neither_closed_nor_trailed(
    side: Side, stop: float, target: float | None, trailing: float | None, closing: float
) -> None:
    trade = a_trade(
        side,
        stop_distance=stop,
        stop_price=1.1 - side.sign * stop,
        target_price=None if target is None else 1.1 + side.sign * target,
        trailing_distance=trailing,
    )
    quote = a_quote(closing, closing)
    band = quiet_band(trade, RULES)
    assert (band.platform, band.commodity, band.side) == (trade.platform, trade.commodity, side)
    if band.low < closing < band.high:
        assert guard(trade, quote, NOON, RULES) == Hold()
        assert trail(trade, quote, NOON, RULES) == Hold()


@given(st.sampled_from(list(Side)), st.floats(-0.02, 0.02))
def test_a_price_clearly_outside_the_levels_is_outside_the_band(side: Side, beyond: float) -> None:
    trade = a_trade(side, target_price=1.1 + side.sign * 0.01)
    band = quiet_band(trade, RULES)
    closing = 1.1 + side.sign * beyond
    if abs(beyond) > 0.01:
        assert not band.low < closing < band.high
    elif abs(beyond) < 0.01 - RULES.point:
        assert band.low < closing < band.high


def test_the_first_instant_counts_and_every_band() -> None:
    low = Band("alpha", "EURUSD", Side.BUY, 1.0, math.inf)
    high = Band("beta", "EURUSD", Side.SELL, -math.inf, 1.2)
    assert together([Attention(20, (low,)), NOTHING, Attention(10, (high,))]) == Attention(10, (low, high))
    assert together([]) == NOTHING == Attention(NEVER, ())


def test_who_waits_for_everything_outweighs_all_others() -> None:
    def asked() -> Iterator[Attention]:
        yield NOTHING
        yield EVERYTHING
        raise AssertionError("nobody else need be asked")

    assert together(asked()) is EVERYTHING
