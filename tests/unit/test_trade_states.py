"""The states of a trade, the arrows between them, and its number at the broker."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from made_trades import a_trade

from trading.market import Side
from trading.order_numbers import magic_number, prefix_of, sequence_of
from trading.trade import ACTIVE, ARROWS, HELD, ForbiddenTransition, TradeState, arrow, resource

EVERY_PAIR = list(product(TradeState, TradeState))


def reachable(start: TradeState) -> set[TradeState]:
    """Every state that a trade can come to from ``start``."""
    found, frontier = {start}, {start}
    while frontier:
        frontier = {after for before, after in ARROWS if before in frontier} - found
        found |= frontier
    return found


@pytest.mark.parametrize(("before", "after"), [pair for pair in EVERY_PAIR if pair in ARROWS])
def test_every_arrow_has_a_name(before: TradeState, after: TradeState) -> None:
    assert arrow(before, after)


@pytest.mark.parametrize(("before", "after"), [pair for pair in EVERY_PAIR if pair not in ARROWS])
def test_there_is_no_other_way(before: TradeState, after: TradeState) -> None:
    with pytest.raises(ForbiddenTransition, match=f"there is no way from {before} to {after}"):
        arrow(before, after)


def test_every_trade_can_come_to_an_end() -> None:
    for state in TradeState:
        assert reachable(state) & {TradeState.CLOSED, TradeState.FAILED}


def test_a_closed_trade_stays_closed() -> None:
    assert reachable(TradeState.CLOSED) == {TradeState.CLOSED}


def test_a_trade_whose_order_may_have_been_sent_is_never_forgotten() -> None:
    """UNKNOWN leads to FAILED only by looking the order up; nothing leads back to SUBMITTED, so nothing is resent."""
    assert all(after is not TradeState.SUBMITTED for _, after in ARROWS)
    assert "look-up" in ARROWS[TradeState.UNKNOWN, TradeState.OPEN]
    assert "scans" in ARROWS[TradeState.UNKNOWN, TradeState.FAILED]


def test_only_an_order_that_was_given_up_can_come_late() -> None:
    assert [before for before, after in ARROWS if after is TradeState.LATE] == [TradeState.FAILED]


def test_a_late_position_is_held_but_does_not_occupy_the_slot() -> None:
    assert TradeState.LATE in HELD - ACTIVE
    assert {TradeState.CLOSED, TradeState.FAILED}.isdisjoint(ACTIVE | HELD)


def test_a_trade_cannot_be_changed_only_replaced() -> None:
    with pytest.raises(FrozenInstanceError):
        a_trade().stop_price = 0.0  # type: ignore[misc]  # the very thing that is shown to fail


def test_a_trade_occupies_its_platforms_slot_for_its_commodity() -> None:
    assert a_trade().resource == resource("alpha", "EURUSD") == "alpha:EURUSD"


@pytest.mark.parametrize("side", Side)
def test_a_trade_has_trailed_when_its_stop_stands_tighter_than_agreed(side: Side) -> None:
    assert not a_trade(side).trailed
    assert a_trade(side, stop_price=1.1 - side.sign * 0.0099).trailed
    assert a_trade(side, stop_price=1.1 + side.sign * 0.01).trailed
    assert not a_trade(side, entry_price=None, opened_at=None).trailed


@given(st.integers(1, (1 << 16) - 1), st.integers(1, (1 << 32) - 1))
def test_a_magic_number_carries_both_its_parts_and_fits_a_double(prefix: int, sequence: int) -> None:
    magic = magic_number(prefix, sequence)
    assert (prefix_of(magic), sequence_of(magic)) == (prefix, sequence)
    assert 0 < magic < 1 << 53
    assert int(float(magic)) == magic


@pytest.mark.parametrize(
    ("prefix", "sequence", "message"),
    [
        (0, 1, "account prefix is 0; expected 1 to 65535"),
        (1 << 16, 1, "account prefix is 65536"),
        (1, 0, "order sequence is 0; expected 1 to 4294967295"),
        (1, 1 << 32, "order sequence is 4294967296"),
    ],
)
def test_a_magic_number_out_of_range_is_refused(prefix: int, sequence: int, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        magic_number(prefix, sequence)


def test_a_strangers_small_number_has_no_prefix_of_ours() -> None:
    assert prefix_of(0) == prefix_of(123_456) == 0
