"""A close whose answer was lost is looked up and not doubled; one that was refused, or done in part, goes on."""

from __future__ import annotations

import math

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    account,
    alerts,
    closes_sent,
    deals,
    look,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    story,
    unanswered,
)

from actors.messages import Adjust, Close
from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from connectors.base import CloseOrder, Outcome
from connectors.mock_script import Step, delay, fail, hang, lost_reply, partly, reject
from persistence.errors import LedgerUnavailable
from trading.market import Entry, Side
from trading.settings import Settings
from trading.settings_accounts import PaperSettings
from trading.trade import CloseReason, Trade, TradeState

BOTH_SIDES = pytest.mark.parametrize("side", list(Side))


def stopped(start_crew: StartCrew, *closes: Step, side: Side = Side.BUY) -> tuple[ScriptedCrew, Trade]:
    """A crew whose broker does this with the next closes, and its open trade, whose stop the price has just reached."""
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    crew.run_for(10)
    alpha = crew.brokers["alpha"]
    alpha.script(close=list(closes))
    bid = trade.stop_price if side is Side.BUY else trade.stop_price - 0.0001
    alpha.price("EURUSD", bid, bid + 0.0001)
    return crew, trade


def must_have_stopped(crew: ScriptedCrew, trade: Trade) -> None:
    """The trade is closed by its stop, and everybody says the same."""
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    must_agree(crew)


@BOTH_SIDES
def test_a_lost_reply_to_an_executed_close_is_looked_up_and_not_sent_again(start_crew: StartCrew, side: Side) -> None:
    crew, trade = stopped(start_crew, lost_reply(executed=True), side=side)
    crew.run_for(1)
    assert now(crew, trade).state is TradeState.CLOSING
    crew.run_for(60)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 1
    assert len(deals(crew, trade)) == 2


def test_a_lost_reply_to_a_close_that_was_not_executed_is_looked_up_and_then_sent_again(start_crew: StartCrew) -> None:
    crew, trade = stopped(start_crew, lost_reply(executed=False))
    crew.run_for(3)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 2
    alpha = crew.brokers["alpha"]
    calls = [request.call for request in alpha.requests if request.call in ("close", "positions")]
    assert "positions" in calls[calls.index("close") : len(calls) - calls[::-1].index("close")]


def test_nothing_is_sent_again_while_the_look_up_fails(start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    crew, trade = stopped(start_crew, lost_reply(executed=False))
    with monkeypatch.context() as broken:
        broken.setattr(crew.brokers["alpha"], "positions", unanswered)
        crew.run_for(300)
    assert (closes_sent(crew), now(crew, trade).state) == (1, TradeState.CLOSING)
    crew.run_for(60)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 2


@pytest.mark.parametrize("step", [hang(), delay(30), fail()], ids=["hangs", "answers late", "raises"])
def test_a_close_that_is_not_answered_by_the_deadline_is_settled_in_the_end(start_crew: StartCrew, step: Step) -> None:
    crew, trade = stopped(start_crew, step)
    crew.run_for(120)
    must_have_stopped(crew, trade)
    assert len(deals(crew, trade)) == 2


def test_a_close_that_goes_through_in_parts_goes_on_with_what_is_left(start_crew: StartCrew) -> None:
    crew, trade = stopped(start_crew, partly(0.5), partly(0.5))
    crew.run_for(1)
    crew.run_for(10)
    must_have_stopped(crew, trade)
    asked = [request.arguments[0].volume_lots for request in crew.brokers["alpha"].asked("close")]  # type: ignore[attr-defined]
    assert asked[0] == trade.volume_lots
    assert asked == sorted(asked, reverse=True)
    assert len(deals(crew, trade)) == 1 + len(asked)
    assert sum(deal.volume_lots for deal in deals(crew, trade)[1:]) == pytest.approx(trade.volume_lots)
    assert now(crew, trade).volume_lots == trade.volume_lots


def test_a_refused_close_is_tried_again_ever_more_slowly_and_a_person_is_told(start_crew: StartCrew) -> None:
    crew, trade = stopped(start_crew, *[reject("market_closed")] * 8)
    sent_by = []
    for _ in range(10):
        crew.run_for(1)
        sent_by.append(closes_sent(crew))
    assert sent_by[0] == 1
    assert sent_by[-1] == 4, "after 0, 1, 3 and 7 seconds"
    assert len(alerts(crew, "stuck")) == 1
    crew.run_for(300)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 9
    assert len(crew.ledger.journal.list(kind="close_put_off")) == 1, "one line that is counted up"
    assert len(alerts(crew, "stuck")) == 1


def test_repeating_the_command_to_close_closes_once(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    for _ in range(5):
        crew.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.OPERATOR, None))
    crew.run_for(60)
    crew.tell(platform_actor("alpha"), Close(trade.trade_id, "EURUSD", CloseReason.OPERATOR, None))
    crew.run_for(1)
    assert closes_sent(crew) == 1
    must_agree(crew)


def test_a_command_to_close_an_older_trade_does_not_close_the_one_in_its_slot(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(ai_per_account_cooldown_minutes=0))
    first = opened(crew)
    crew.tell(platform_actor("alpha"), Close(first.trade_id, "EURUSD", CloseReason.OPERATOR, None))
    crew.run_for(1)
    second = opened(crew)
    crew.tell(platform_actor("alpha"), Close(first.trade_id, "EURUSD", CloseReason.OPERATOR, None))
    crew.run_for(1)
    assert now(crew, second).state is TradeState.OPEN


# ------------------------------------------------------------ closed without us


@pytest.mark.parametrize("by", ["close_by_hand", "stop_out"])
@BOTH_SIDES
def test_a_position_that_is_closed_without_us_is_recognised_with_its_profit(
    start_crew: StartCrew, side: Side, by: str
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew, side)
    crew.run_for(45)
    alpha = crew.brokers["alpha"]
    alpha.price("EURUSD", BID + 0.0020, BID + 0.0021)
    assert trade.ticket is not None
    getattr(alpha, by)(trade.ticket)
    crew.run_for(32)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.BROKER)
    assert closed.detail == {"close_by_hand": "broker: client", "stop_out": "broker: stop out"}[by]
    assert closed.profit == round(sum(deal.net for deal in deals(crew, trade)), 2)
    assert closes_sent(crew) == 0
    assert story(crew.ledger.journal.list(trade_id=trade.trade_id, newest_first=False)).states == [
        "submitted",
        "open",
        "closed",
    ]
    must_agree(crew)


def test_it_takes_two_clean_scans_to_believe_that_a_position_is_gone(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    assert trade.ticket is not None
    crew.brokers["alpha"].close_by_hand(trade.ticket)
    look(crew)
    assert now(crew, trade).state is TradeState.OPEN
    crew.brokers["alpha"].fail("positions")
    look(crew)
    assert now(crew, trade).state is TradeState.OPEN
    look(crew)
    assert now(crew, trade).state is TradeState.CLOSED


def test_an_adjustment_in_between_does_not_make_a_missing_position_younger(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    assert trade.ticket is not None
    crew.brokers["alpha"].close_by_hand(trade.ticket)
    look(crew)
    crew.tell(platform_actor("alpha"), Adjust(trade.trade_id, "EURUSD", trade.stop_price + 0.0001, None, "trailing"))
    look(crew)
    assert now(crew, trade).state is TradeState.CLOSED


def test_a_position_that_the_broker_closed_just_before_our_stop_is_not_called_our_stop(start_crew: StartCrew) -> None:
    crew, trade = stopped(start_crew)
    assert trade.ticket is not None
    crew.brokers["alpha"].stop_out(trade.ticket)
    crew.run_for(60)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.BROKER)
    must_agree(crew)


def test_a_position_that_is_missing_from_one_scan_alone_is_not_closed(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    crew.run_for(29.5)
    with monkeypatch.context() as lagging:
        lagging.setattr(crew.brokers["alpha"], "positions", lambda deadline: ())
        crew.run_for(1)
    crew.run_for(60)
    assert now(crew, trade) == trade


def test_a_position_that_is_gone_and_leaves_no_deals_is_alerted_and_not_invented(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    with monkeypatch.context() as lagging:
        lagging.setattr(crew.brokers["alpha"], "positions", lambda deadline: ())
        lagging.setattr(crew.brokers["alpha"], "deals", lambda since, deadline: ())
        crew.run_for(300)
    assert now(crew, trade).state is TradeState.OPEN
    assert len(alerts(crew, "missing")) == 1


def test_a_position_that_is_reduced_by_hand_is_followed(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    alpha = crew.brokers["alpha"]
    assert trade.ticket is not None
    alpha.close(CloseOrder(trade.ticket, "EURUSD", Side.BUY, 0.07, 0, BID), 1, math.inf)
    alpha.requests.clear()
    crew.run_for(31)
    assert now(crew, trade).volume_lots == positions(crew)[0].volume_lots < trade.volume_lots
    alpha.price("EURUSD", trade.stop_price, trade.stop_price + 0.0001)
    crew.run_for(2)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 1


CHARGED = PaperSettings(commission_per_lot=3.5, slippage_points=0)


@pytest.fixture
def charged(start_crew: StartCrew) -> tuple[ScriptedCrew, Trade]:
    """A crew whose broker charges commission, and its open trade."""
    crew = start_crew(Settings(accounts=(account("alpha", paper=CHARGED),)))
    trade = opened(crew)
    crew.run_for(10)
    return crew, trade


def must_be_closed_by(crew: ScriptedCrew, trade: Trade, reason: CloseReason, deals_made: int) -> None:
    """Closed for this reason in so many deals, whose sum to the cent is the trade's profit."""
    closed, made = now(crew, trade), deals(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, reason)
    assert len(made) == deals_made
    assert sum(deal.commission for deal in made) < 0
    assert closed.profit == round(math.fsum(deal.profit + deal.swap + deal.commission + deal.fee for deal in made), 2)
    assert closed.volume_lots == trade.volume_lots, "what it had, and not what was left at the end"
    outward = [deal for deal in made if deal.entry is Entry.OUT]
    paid = sum(deal.price * deal.volume_lots for deal in outward) / sum(deal.volume_lots for deal in outward)
    assert closed.exit_price == pytest.approx(paid)
    must_agree(crew)


@pytest.mark.parametrize("by", ["close_by_hand", "stop_out"])
def test_a_position_that_is_reduced_twice_and_then_closed_without_us_brings_the_sum_of_its_deals(
    charged: tuple[ScriptedCrew, Trade], by: str
) -> None:
    crew, trade = charged
    alpha = crew.brokers["alpha"]
    assert trade.ticket is not None
    for lots, bid in ((0.03, BID + 0.0013), (0.05, BID - 0.0007)):
        alpha.price("EURUSD", bid, bid + 0.0001)
        alpha.close(CloseOrder(trade.ticket, "EURUSD", Side.BUY, lots, 0, bid), 1, math.inf)
        crew.run_for(31)
        assert now(crew, trade).volume_lots == positions(crew)[0].volume_lots
    alpha.price("EURUSD", BID - 0.0021, BID - 0.0020)
    getattr(alpha, by)(trade.ticket)
    crew.run_for(35)
    must_be_closed_by(crew, trade, CloseReason.BROKER, 4)


def test_a_close_that_went_through_in_part_and_whose_rest_the_broker_stops_out_is_one_trade(
    charged: tuple[ScriptedCrew, Trade],
) -> None:
    crew, trade = charged
    alpha = crew.brokers["alpha"]
    assert trade.ticket is not None
    assert trade.position_id is not None
    alpha.script(close=[partly(0.5), reject("market_closed"), reject("market_closed")])
    alpha.price("EURUSD", trade.stop_price, trade.stop_price + 0.0001)
    crew.run_for(1.5)
    alpha.adjust(trade.position_id, swap=-0.77)
    alpha.price("EURUSD", trade.stop_price - 0.0033, trade.stop_price - 0.0032)
    alpha.stop_out(trade.ticket)
    crew.run_for(60)
    must_be_closed_by(crew, trade, CloseReason.STOP, 4)
    assert now(crew, trade).detail == "broker: stop out"


def test_a_partial_fill_is_closed_for_what_was_filled(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha", paper=CHARGED),)))
    crew.brokers["alpha"].script(open=[partly(0.4)], close=[partly(0.5)])
    trade = opened(crew)
    assert trade.volume_lots == positions(crew)[0].volume_lots
    crew.run_for(5)
    move(crew, trade.stop_price)
    crew.run_for(10)
    must_be_closed_by(crew, trade, CloseReason.STOP, 3)


# ------------------------------------------------------------ crashes in between


@pytest.mark.parametrize("executed", [True, False])
def test_an_actor_that_dies_in_the_middle_of_a_close_goes_on_with_it(start_crew: StartCrew, executed: bool) -> None:
    crew, trade = stopped(start_crew)
    alpha = crew.brokers["alpha"]
    as_it_is = alpha.close

    def dies(order: CloseOrder, token: int, deadline: float) -> Outcome:
        if executed:
            as_it_is(order, token, deadline)
        raise RuntimeError("nobody has thought of this")

    alpha.close = dies  # type: ignore[method-assign]
    while not alerts(crew, "crashed"):
        crew.run_for(0.1)
    del alpha.close
    assert now(crew, trade).state is TradeState.CLOSING
    crew.run_for(2)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 1


def test_a_ledger_that_refuses_the_write_after_the_close_leaves_it_to_the_look_up(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew, trade = stopped(start_crew)
    as_it_is = crew.ledger.trades.advance
    refused: list[TradeState] = []

    def advance(before: Trade, after: Trade, *arguments: object, **named: object) -> Trade:
        if after.state is TradeState.CLOSED and not refused:
            refused.append(after.state)
            raise LedgerUnavailable("ledger.sqlite", "database or disk is full")
        return as_it_is(before, after, *arguments, **named)  # type: ignore[arg-type]

    monkeypatch.setattr(crew.ledger.trades, "advance", advance)
    crew.run_for(1)
    assert refused == [TradeState.CLOSED]
    assert now(crew, trade).state is TradeState.CLOSING
    crew.run_for(2)
    must_have_stopped(crew, trade)
    assert closes_sent(crew) == 1
