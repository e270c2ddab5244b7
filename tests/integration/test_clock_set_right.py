"""A computer's clock that was hours wrong when a trade was opened, and is set right while the trade lives."""

from __future__ import annotations

import math

import pytest
from crew_helpers import move, now, opened

from actors.scripted_crew import ScriptedCrew
from trading.market import HOUR, SECOND
from trading.trade import CloseReason, TradeState

HOUR_SECONDS = HOUR // SECOND


@pytest.mark.parametrize("hours", [3, -3, 12])
def test_the_deals_of_a_trade_are_found_whatever_the_clock_showed_when_it_was_opened(
    leader: ScriptedCrew, hours: int
) -> None:
    leader.world.step_market(hours * HOUR_SECONDS)
    leader.run_for(120)
    trade = opened(leader)
    leader.world.step_market(-hours * HOUR_SECONDS)
    leader.run_for(120)
    move(leader, trade.stop_price)
    leader.run_for(120)

    closed = now(leader, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    assert closed.profit == round(sum(deal.net for deal in leader.brokers["alpha"].deals(0, math.inf)), 2)
