"""Positions that this ledger did not open, and positions that no trade of it explains."""

from __future__ import annotations

import math

from crew_helpers import BID, StartCrew, account, alerts, must_agree, now, only_alpha, opened, positions

from actors.names import platform_actor
from connectors.base import OpenOrder
from trading.market import Side
from trading.settings import Settings
from trading.trade import TradeState, magic_number, sequence_of


def test_positions_without_our_prefix_are_never_touched(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("EURUSD", Side.SELL, 0.05)
    prefix = crew.ledger.trades.register_account("alpha")
    stranger = OpenOrder("EURUSD", Side.SELL, 0.07, magic_number(prefix % 65_535 + 1, 1), "another program", BID)
    alpha.open(stranger, 1, math.inf)
    theirs = {position.ticket: position.volume_lots for position in positions(crew)}
    alpha.requests.clear()
    trade = opened(crew)
    alpha.price("EURUSD", trade.stop_price, trade.stop_price + 0.0001)
    crew.run_for(20 * 60)
    assert now(crew, trade).state is TradeState.CLOSED
    opened(crew)
    crew.run_for(3_600)
    closed = {request.arguments[0].ticket for request in alpha.asked("close")}  # type: ignore[attr-defined]
    assert closed.isdisjoint(theirs)
    held = {position.ticket: position.volume_lots for position in positions(crew)}
    assert theirs.items() <= held.items()
    must_agree(crew)


def test_a_position_of_a_stranger_is_told_of_once(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("EURUSD", Side.SELL, 0.05)
    crew.run_for(120)
    (said,) = alerts(crew, "external")
    assert f"[{positions(crew)[0].position_id}]" in str(said)
    opened(crew)
    alpha.open_by_hand("EURUSD", Side.BUY, 0.05)
    crew.run_for(120)
    assert len(alerts(crew, "external")) == 2


def test_a_position_of_our_prefix_that_no_row_explains_shuts_the_account(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha"), account("beta"))))
    alpha = crew.brokers["alpha"]
    prefix = crew.ledger.trades.register_account("alpha")
    alpha.open(OpenOrder("EURUSD", Side.BUY, 0.05, magic_number(prefix, 4_000), "restored", BID), 1, math.inf)
    crew.run_for(31)
    assert len(alerts(crew, "unaccounted")) == 1
    assert opened(crew).platform == "beta"
    assert alpha.asked("close") == []


def test_a_restored_ledger_uses_no_number_that_the_broker_has_seen(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    prefix = crew.ledger.trades.register_account("alpha")
    forgotten = OpenOrder("EURUSD", Side.BUY, 0.05, magic_number(prefix, 4_000), "forgotten", BID)
    alpha.open(forgotten, 1, math.inf)
    alpha.close_by_hand(positions(crew)[0].ticket)
    crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(1)
    assert sequence_of(opened(crew).magic) == 4_001
    must_agree(crew)
