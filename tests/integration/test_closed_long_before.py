"""A row that a restored backup believes open, of a trade that was closed long before: for what, its deals tell."""

from __future__ import annotations

import math

import pytest
from crew_helpers import BID, StartCrew, closes_sent, must_agree, now, only_alpha, opened

from actors.messages import Close
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from connectors.base import CloseOrder, Done
from connectors.mock_script import lost_reply
from trading.trade import CloseReason, Trade, TradeState

TWO_DAYS = 2 * 86_400  # longer than the trade's longest hold, and Friday noon


def began_too_late(start_crew: StartCrew, world: VirtualWorld, ledger_url: str, price: float | None) -> ScriptedCrew:
    """A crew that begins two days after its trade was closed at this price; None: at its stop."""
    first = start_crew(only_alpha(), world=world, database_url=ledger_url)
    trade, alpha = opened(first), first.brokers["alpha"]
    assert trade.ticket is not None
    first.kill()
    world.run_for(60)
    bid = trade.stop_price if price is None else price
    alpha.price("EURUSD", bid, bid + 0.0001)
    order = CloseOrder(trade.ticket, "EURUSD", trade.side, trade.volume_lots, trade.magic, bid)
    assert isinstance(alpha.close(order, trade.account_token, math.inf), Done)
    alpha.price("EURUSD", BID, BID + 0.0001)
    world.run_for(TWO_DAYS)
    alpha.requests.clear()
    return start_crew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=first.brokers)


def the_trade(crew: ScriptedCrew) -> Trade:
    """The only one."""
    (trade,) = crew.ledger.trades.list()
    return trade


@pytest.mark.parametrize(("price", "reason"), [(None, CloseReason.STOP), (BID, CloseReason.UNRECORDED)])
def test_what_was_closed_before_its_longest_hold_was_over_is_not_said_to_be_closed_by_that(
    start_crew: StartCrew, world: VirtualWorld, ledger_url: str, price: float | None, reason: CloseReason
) -> None:
    crew = began_too_late(start_crew, world, ledger_url, price)
    crew.run_for(30)
    trade = the_trade(crew)
    steps = [line.detail["after"] for line in crew.ledger.journal.list(trade_id=trade.trade_id, kind="transition")]
    assert steps[:2] == ["closed", "closing"], "the time stop was judged before the second look"
    assert (trade.state, trade.close_reason) == (TradeState.CLOSED, reason)
    must_agree(crew)


def test_a_close_whose_answer_was_lost_keeps_its_reason(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[lost_reply(executed=True)])
    crew.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.OPERATOR, None))
    crew.run_for(60)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.OPERATOR)
    assert closes_sent(crew) == 1
    must_agree(crew)
