"""Accounts that net: positions are everybody's, and a close too many opens the opposite."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    account,
    alerts,
    answers,
    closes_sent,
    decisions,
    ledger_away,
    look,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    sent,
    states,
    told,
    unanswered,
)

from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from connectors.base import CloseOrder, Done
from connectors.mock import NETTING
from connectors.mock_script import delay, fills_later, lost_reply, partly
from trading.market import Entry, Side
from trading.settings import Settings
from trading.trade import CloseReason, Trade, TradeState

QUARANTINE_SECONDS = 120


@pytest.fixture
def crew(start_crew: StartCrew) -> ScriptedCrew:
    """A crew with one account, which nets."""
    return start_crew(only_alpha(), capabilities=NETTING)


def stop(crew: ScriptedCrew, trade: Trade) -> None:
    """Let the price reach the stop of a buy."""
    crew.brokers["alpha"].price("EURUSD", trade.stop_price, trade.stop_price + 0.0001)


def closed_lots(crew: ScriptedCrew) -> list[float]:
    """The volumes of the closes that were sent."""
    return [request.arguments[0].volume_lots for request in crew.brokers["alpha"].asked("close")]  # type: ignore[attr-defined]


@pytest.mark.parametrize("side", list(Side))
def test_a_trade_opens_and_closes_as_anywhere(crew: ScriptedCrew, side: Side) -> None:
    trade = opened(crew, side)
    crew.run_for(60)
    bid = trade.stop_price if side is Side.BUY else trade.stop_price - 0.0001
    crew.brokers["alpha"].price("EURUSD", bid, bid + 0.0001)
    crew.run_for(2)
    assert now(crew, trade).close_reason is CloseReason.STOP
    assert (closes_sent(crew), positions(crew)) == (1, [])
    must_agree(crew)


# ------------------------------------------------------------ a second close would reverse the first


@pytest.mark.parametrize("executed", [True, False])
def test_a_lost_reply_to_a_close_is_never_answered_by_a_hasty_second_one(crew: ScriptedCrew, executed: bool) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[lost_reply(executed=executed)])
    stop(crew, trade)
    crew.run_for(QUARANTINE_SECONDS - 1)
    assert closes_sent(crew) == 1
    crew.run_for(60)
    assert closes_sent(crew) == (1 if executed else 2)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    assert positions(crew) == []
    must_agree(crew)


def test_a_close_that_is_executed_within_the_quarantine_reverses_nothing(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[fills_later(QUARANTINE_SECONDS - 10)])
    stop(crew, trade)
    crew.run_for(QUARANTINE_SECONDS + 60)
    assert (closes_sent(crew), positions(crew)) == (1, [])
    assert now(crew, trade).state is TradeState.CLOSED
    must_agree(crew)


def test_a_restart_does_not_hurry_the_second_close(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[lost_reply(executed=False)])
    stop(crew, trade)
    crew.run_for(60)
    crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(QUARANTINE_SECONDS - 1)
    assert closes_sent(crew) == 1
    crew.run_for(45)
    assert closes_sent(crew) == 2
    must_agree(crew)


def test_the_quarantine_ends_with_a_clean_scan_and_not_without_one(
    crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[lost_reply(executed=False)])
    stop(crew, trade)
    with monkeypatch.context() as silent:
        crew.run_for(1)
        silent.setattr(crew.brokers["alpha"], "deals", unanswered)
        crew.run_for(3 * QUARANTINE_SECONDS)
        assert closes_sent(crew) == 1
    crew.run_for(60)
    assert now(crew, trade).state is TradeState.CLOSED
    must_agree(crew)


def test_a_position_that_was_closed_by_hand_a_moment_before_is_not_closed_again(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.run_for(45)
    crew.brokers["alpha"].close_by_hand(positions(crew)[0].ticket)
    stop(crew, trade)
    crew.run_for(60)
    assert (closes_sent(crew), positions(crew)) == (0, [])
    assert now(crew, trade).close_reason is CloseReason.BROKER
    must_agree(crew)


def test_a_close_in_parts_goes_on_with_what_is_left(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.brokers["alpha"].script(close=[partly(0.5), partly(0.5)])
    stop(crew, trade)
    crew.run_for(30)
    assert now(crew, trade).state is TradeState.CLOSED
    assert positions(crew) == []
    assert sum(deal.volume_lots for deal in crew.brokers["alpha"].deals(0, math.inf) if deal.entry is Entry.OUT) == (
        pytest.approx(trade.volume_lots)
    )
    must_agree(crew)


def test_without_the_ledger_nothing_is_sent(crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    trade = opened(crew)
    with monkeypatch.context() as away:
        away.setattr(crew.ledger._database, "writing", ledger_away)
        stop(crew, trade)
        crew.run_for(300)
        assert closes_sent(crew) == 0
        assert "nothing is closed" in alerts(crew, "ledger")[0]
    crew.run_for(60)
    assert now(crew, trade).close_reason is CloseReason.STOP
    must_agree(crew)


# ------------------------------------------------------------ strangers in one's own position


def test_nothing_is_opened_onto_a_strangers_position(crew: ScriptedCrew) -> None:
    crew.brokers["alpha"].open_by_hand("EURUSD", Side.BUY, 0.05)
    assert told(crew) is None
    assert sent(crew) == []
    assert answers(crew) == ["refused:position of others"]


def test_an_account_where_a_stranger_holds_the_symbol_leaves_the_analysis_to_another(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account("alpha"), account("beta"))), capabilities=NETTING)
    stranger = crew.brokers["alpha"].open_by_hand("EURUSD", Side.BUY, 0.05)
    look(crew)
    crew.run_for(2)
    trade = told(crew)
    assert trade is not None
    assert trade.platform == "beta"
    (line,) = crew.ledger.journal.list(kind="decision")
    assert line.detail["decided_by"] == "only"
    assert {row["platform"]: row["reason"] for row in line.detail["candidates"]} == {
        "alpha": "position of others",
        "beta": None,
    }
    assert isinstance(stranger, Done)
    crew.brokers["alpha"].close_by_hand(stranger.ticket)
    look(crew)
    crew.run_for(2)
    trade = told(crew)
    assert trade is not None
    assert trade.platform == "alpha", "once it is gone"


def test_on_an_account_that_hedges_strangers_are_in_nobodys_way(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    crew.brokers["alpha"].open_by_hand("EURUSD", Side.BUY, 0.05)
    look(crew)
    crew.run_for(2)
    assert opened(crew).platform == "alpha"


@pytest.mark.parametrize("adds", [0.05, 1.0])
def test_of_a_position_that_a_stranger_adds_to_only_our_volume_is_closed(crew: ScriptedCrew, adds: float) -> None:
    trade = opened(crew)
    crew.run_for(10)
    crew.brokers["alpha"].open_by_hand("EURUSD", Side.BUY, adds)
    crew.run_for(60)
    assert now(crew, trade).volume_lots == trade.volume_lots
    assert len(alerts(crew, "merged")) == 1
    assert alerts(crew, "unaccounted") == []
    stop(crew, trade)
    crew.run_for(120)
    assert closed_lots(crew) == [trade.volume_lots]
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    ours = [deal for deal in crew.brokers["alpha"].deals(0, math.inf) if deal.magic == trade.magic]
    assert closed.profit == round(sum(deal.net for deal in ours), 2)
    (left,) = positions(crew)
    assert left.volume_lots == pytest.approx(adds)
    crew.run_for(15 * 60)
    assert told(crew) is None, "what is left is the stranger's"


def test_a_lost_reply_in_a_shared_position_is_not_made_good_from_the_strangers_part(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.run_for(10)
    crew.brokers["alpha"].open_by_hand("EURUSD", Side.BUY, 1.0)
    crew.brokers["alpha"].script(close=[lost_reply(executed=True)])
    stop(crew, trade)
    crew.run_for(3 * QUARANTINE_SECONDS)
    assert closed_lots(crew) == [trade.volume_lots]
    assert now(crew, trade).state is TradeState.CLOSED
    assert positions(crew)[0].volume_lots == pytest.approx(1.0)


def test_a_stranger_who_reduces_our_position_leaves_us_the_rest(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.run_for(10)
    crew.brokers["alpha"].open_by_hand("EURUSD", Side.SELL, 0.04)
    crew.run_for(60)
    rest = round(trade.volume_lots - 0.04, 8)
    assert now(crew, trade).volume_lots == rest
    stop(crew, trade)
    crew.run_for(5)
    assert closed_lots(crew) == [rest]
    assert positions(crew) == []
    must_agree(crew)


def test_a_stranger_who_reverses_our_position_has_closed_it(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    crew.run_for(10)
    crew.brokers["alpha"].open_by_hand("EURUSD", Side.SELL, round(trade.volume_lots + 0.3, 2))
    look(crew)
    look(crew)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.BROKER)
    ours, theirs = crew.brokers["alpha"].deals(0, math.inf)
    for_ours = theirs.profit + theirs.swap + theirs.commission * trade.volume_lots / theirs.volume_lots
    assert closed.profit == round(ours.net + for_ours, 2)
    stop(crew, trade)
    crew.run_for(300)
    assert closes_sent(crew) == 0
    assert len(alerts(crew, "external")) == 1


def test_a_lost_open_that_was_merged_into_a_strangers_position_is_found_by_its_deal(crew: ScriptedCrew) -> None:
    alpha = crew.brokers["alpha"]
    alpha.script(open=[fills_later(5)])
    trade = told(crew)
    assert trade is not None
    crew.run_for(2)
    alpha.open_by_hand("EURUSD", Side.BUY, 0.5)
    crew.run_for(60)
    found = now(crew, trade)
    assert (found.state, found.volume_lots) == (TradeState.OPEN, trade.volume_lots)
    assert positions(crew)[0].volume_lots == pytest.approx(trade.volume_lots + 0.5)
    stop(crew, found)
    crew.run_for(60)
    assert closed_lots(crew) == [trade.volume_lots]
    assert states(crew) == ["closed"]
    assert positions(crew)[0].volume_lots == pytest.approx(0.5)
    crew.run_for(60)
    assert positions(crew)[0].magic == trade.magic, "the broker shows the number of whoever came last"
    assert alerts(crew, "unaccounted") == []
    assert len(alerts(crew, "external")) == 2, "before ours was in it, and after"
    crew.run_for(15 * 60)
    assert told(crew) is None, "whatever number it shows, it is the stranger's"
    assert decisions(crew)[-1] == "refused:position of others"


def test_an_open_that_meets_less_of_a_strangers_opposite_position_has_what_it_left_open(crew: ScriptedCrew) -> None:
    alpha = crew.brokers["alpha"]
    alpha.script(open=[fills_later(5)])
    trade = told(crew)
    assert trade is not None
    crew.run_for(2)
    alpha.open_by_hand("EURUSD", Side.SELL, 0.05)
    crew.run_for(60)
    found = now(crew, trade)
    rest = round(trade.volume_lots - 0.05, 8)
    assert (found.state, found.volume_lots) == (TradeState.OPEN, rest)
    stop(crew, found)
    crew.run_for(60)
    assert closed_lots(crew) == [rest]
    closed = now(crew, trade)
    assert (closed.state, closed.volume_lots, closed.close_reason) == (TradeState.CLOSED, rest, CloseReason.STOP)
    _, opening, closing = alpha.deals(0, math.inf)
    assert closed.profit == round(opening.commission + opening.fee + closing.net, 2)
    assert positions(crew) == []


def test_an_open_that_meets_more_of_a_strangers_opposite_position_is_over_at_once(crew: ScriptedCrew) -> None:
    alpha = crew.brokers["alpha"]
    alpha.script(open=[fills_later(5)])
    trade = told(crew)
    assert trade is not None
    crew.run_for(2)
    alpha.open_by_hand("EURUSD", Side.SELL, 1.0)
    crew.run_for(60)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.BROKER)
    _, opening = alpha.deals(0, math.inf)
    assert closed.profit == round(opening.commission + opening.fee, 2)
    assert closes_sent(crew) == 0
    assert positions(crew)[0].volume_lots == pytest.approx(1.0 - trade.volume_lots)


def test_a_given_up_open_that_is_merged_late_into_a_strangers_position_is_found_by_its_deal(crew: ScriptedCrew) -> None:
    alpha = crew.brokers["alpha"]
    alpha.script(open=[fills_later(190)])
    trade = told(crew)
    assert trade is not None
    crew.run_for(170)
    assert now(crew, trade).state is TradeState.FAILED
    alpha.open_by_hand("EURUSD", Side.BUY, 0.5)
    crew.run_for(20.5)
    alpha.open_by_hand("EURUSD", Side.BUY, 0.5)
    crew.run_for(400)
    late = now(crew, trade)
    assert (late.state, late.volume_lots) == (TradeState.OPEN, trade.volume_lots)
    stop(crew, late)
    crew.run_for(60)
    assert closed_lots(crew) == [trade.volume_lots]
    assert positions(crew)[0].volume_lots == pytest.approx(1.0)


def test_a_position_that_shows_the_number_of_a_later_order_is_still_ours(crew: ScriptedCrew) -> None:
    trade = opened(crew)
    alpha = crew.brokers["alpha"]
    crew.run_for(5)
    alpha.open_by_hand("EURUSD", Side.BUY, 0.01)
    assert positions(crew)[0].magic == 0
    alpha.close(CloseOrder(positions(crew)[0].ticket, "EURUSD", Side.BUY, 0.01, 0, BID), 1, math.inf)
    alpha.requests.clear()
    crew.run_for(60)
    assert alerts(crew, "external") == alerts(crew, "missing") == []
    stop(crew, trade)
    crew.run_for(5)
    assert closed_lots(crew) == [trade.volume_lots]
    assert positions(crew) == []


def test_an_answer_that_comes_too_late_leaves_the_look_up_to_say_what_is_ours(crew: ScriptedCrew) -> None:
    crew.brokers["alpha"].script(open=[delay(30)])
    crew.analyse(crew.opinion())
    crew.run_for(90)
    (trade,) = crew.ledger.trades.list()
    assert trade.state is TradeState.OPEN
    assert len(sent(crew)) == 1
    must_agree(crew)


@pytest.mark.parametrize("ours_came_last", [True, False])
def test_what_is_left_after_our_share_is_not_opened_onto_even_where_it_shows_our_number(
    crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch, ours_came_last: bool
) -> None:
    trade = opened(crew)
    alpha = crew.brokers["alpha"]
    alpha.open_by_hand("EURUSD", Side.BUY, 0.5)
    stop(crew, trade)
    crew.run_for(5)
    assert now(crew, trade).state is TradeState.CLOSED
    alpha.price("EURUSD", BID, BID + 0.0001)
    if ours_came_last:
        as_it_is = alpha.positions
        monkeypatch.setattr(
            alpha, "positions", lambda deadline: [replace(held, magic=trade.magic) for held in as_it_is(deadline)]
        )
    crew.run_for(15 * 60)
    assert [position.volume_lots for position in positions(crew)] == [pytest.approx(0.5)]
    assert told(crew) is None
    assert decisions(crew)[-1] == "refused:position of others"
    assert len(sent(crew)) == 1
