"""What the broker books after a trade is over: late deals, and orders that came and went between two scans."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import NoReturn

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    alerts,
    closes_sent,
    lost,
    move,
    must_agree,
    now,
    only_alpha,
    opened,
    positions,
    scripted,
    story,
)

from actors.names import platform_actor
from actors.scripted_crew import ScriptedCrew
from connectors.base import NotConnected
from connectors.mock import HEDGING
from connectors.mock_script import fills_later, reject
from trading.market import HOUR, SECOND, Deal, instant
from trading.trade import CloseReason, Trade, TradeState

HOUR_SECONDS = HOUR // SECOND
DAY_SECONDS = 24 * HOUR_SECONDS


SLOWLY = {"price_poll_seconds": 50, "ai_monitor_interval_seconds": 120}  # for days that go by


def stopped(crew: ScriptedCrew) -> Trade:
    """A trade that was closed by its stop just now."""
    trade = opened(crew)
    move(crew, trade.stop_price)
    crew.run_for(crew.market.settings.price_poll_seconds + 2)
    closed = now(crew, trade)
    assert closed.state is TradeState.CLOSED
    assert closed.profit is not None
    return closed


def adjusted(crew: ScriptedCrew, trade: Trade, **money: float) -> None:
    """The broker books money on a position that is long closed."""
    assert trade.position_id is not None
    crew.brokers["alpha"].adjust(trade.position_id, **money)


def test_a_clock_that_is_set_back_by_hours_puts_off_no_audit(leader: ScriptedCrew) -> None:
    closed = stopped(leader)
    leader.run_for(4 * HOUR_SECONDS)
    leader.world.step_market(-3 * HOUR_SECONDS)
    adjusted(leader, closed, swap=-1.23)
    leader.run_for(300 + 121)
    assert now(leader, closed).profit == pytest.approx((closed.profit or 0) - 1.23)


@pytest.mark.parametrize(("minutes", "within_seconds"), [(0, 1), (30, 300), (2 * 24 * 60, 300), (9 * 24 * 60, 3600)])
def test_a_late_deal_corrects_the_profit_to_the_cent(
    start_crew: StartCrew, minutes: float, within_seconds: float
) -> None:
    crew = start_crew(only_alpha(**SLOWLY))
    closed = stopped(crew)
    crew.run_for(minutes * 60)
    adjusted(crew, closed, swap=-1.23, commission=-0.05)
    crew.run_for(within_seconds + 121)
    corrected = now(crew, closed)
    assert corrected.profit == round((closed.profit or 0.0) - 1.28, 2)
    assert (corrected.state, corrected.closed_at, corrected.exit_price) == (
        TradeState.CLOSED,
        closed.closed_at,
        closed.exit_price,
    )
    assert story(crew.ledger.journal.list(trade_id=closed.trade_id, newest_first=False)).states[-2:] == ["closed"] * 2
    (line,) = crew.ledger.journal.list(kind="profit_corrected")
    assert line.detail == {"profit_before": closed.profit, "profit_after": corrected.profit, "deals": 3}
    must_agree(crew)
    crew.run_for(2 * HOUR_SECONDS)
    assert len(crew.ledger.journal.list(kind="profit_corrected")) == 1


def test_a_late_deal_is_found_by_the_next_life_of_the_account(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    closed = stopped(crew)
    crew.run_for(20 * 60)
    adjusted(crew, closed, commission=-3.5)
    crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(2)
    assert now(crew, closed).profit == round((closed.profit or 0.0) - 3.5, 2)
    must_agree(crew)


def test_what_was_closed_longer_ago_is_not_asked_for_any_more(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**SLOWLY))
    closed = stopped(crew)
    crew.run_for(10 * DAY_SECONDS + 2 * HOUR_SECONDS)
    alpha = crew.brokers["alpha"]
    alpha.requests.clear()
    crew.run_for(3 * HOUR_SECONDS)
    assert alpha.asked("positions")
    assert alpha.asked("deals") == []
    assert now(crew, closed) == closed


def away(*question: object) -> NoReturn:
    """A broker that answers nothing."""
    raise NotConnected("the broker is away over the weekend")


def test_what_is_booked_over_a_weekend_on_a_trade_of_thursday_is_found_on_sunday_evening(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    thursday = instant(datetime(2026, 3, 5, 17, 20, tzinfo=UTC))
    crew = start_crew(only_alpha(**SLOWLY), origin=thursday)
    closed = stopped(crew)
    friday_night, saturday, sunday_night = (thursday + hours * HOUR for hours in (28, 48, 77))
    crew.run_for((friday_night - crew.world.now()) / SECOND)
    with monkeypatch.context() as weekend:
        weekend.setattr(crew.brokers["alpha"], "_require_connection", away)
        crew.run_for((saturday - crew.world.now()) / SECOND)
        adjusted(crew, closed, swap=-2.27)
        crew.run_for((sunday_night - crew.world.now()) / SECOND)
        assert now(crew, closed).profit == closed.profit, "nobody could see it before"
    crew.run_for(300)
    assert now(crew, closed).profit == round((closed.profit or 0.0) - 2.27, 2)
    must_agree(crew)


def test_after_some_days_an_account_is_asked_for_its_history_every_hour_alone(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**SLOWLY))
    stopped(crew)
    crew.run_for(4 * DAY_SECONDS)
    alpha = crew.brokers["alpha"]
    alpha.requests.clear()
    crew.run_for(6 * HOUR_SECONDS)
    assert len(alpha.asked("deals")) == 6


def test_between_two_of_these_hours_no_more_is_asked_for_than_what_ended_lately(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(**SLOWLY))
    first = stopped(crew)
    adjusted(crew, first, swap=-1.0)
    crew.run_for(5 * DAY_SECONDS)
    corrected = now(crew, first)
    move(crew, BID)
    second = stopped(crew)
    alpha = crew.brokers["alpha"]
    alpha.requests.clear()
    crew.run_for(3 * HOUR_SECONDS)
    starts = [since for asked in alpha.asked("deals") for since in asked.arguments if isinstance(since, int)]
    assert sum(since < first.submitted_at for since in starts) == 3
    assert sum(first.submitted_at < since < second.submitted_at for since in starts) >= 3 * 8
    assert (now(crew, first), now(crew, second)) == (corrected, second), "half a history corrects nothing"


def test_a_quiet_account_is_asked_for_its_history_seldom(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    stopped(crew)
    crew.run_for(10 * 60)
    alpha = crew.brokers["alpha"]
    alpha.requests.clear()
    crew.run_for(3 * HOUR_SECONDS)
    assert len(alpha.asked("deals")) == 3 * 12
    assert len(alpha.asked("positions")) == 3 * 120, "a scan each time, and no more"


def test_a_history_that_does_not_show_the_whole_trade_corrects_nothing(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    closed = stopped(crew)
    as_it_is = crew.brokers["alpha"].deals
    with monkeypatch.context() as lagging:
        lagging.setattr(crew.brokers["alpha"], "deals", lambda since, deadline: as_it_is(since, deadline)[:1])
        crew.run_for(5 * 60)
    assert now(crew, closed) == closed


def as_of_another_account(crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch) -> None:
    """From now on the broker shows the history of an account whose positions happen to have our positions' numbers."""
    alpha = crew.brokers["alpha"]
    as_it_is = alpha.deals

    def others(since: int, deadline: float) -> list[Deal]:
        return [replace(deal, magic=deal.magic and deal.magic + 9, profit=-77.0) for deal in as_it_is(since, deadline)]

    monkeypatch.setattr(alpha, "deals", others)


def test_deals_of_another_order_correct_nothing_though_its_position_has_the_same_number(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    closed = stopped(crew)
    as_of_another_account(crew, monkeypatch)
    crew.run_for(5 * 60)
    assert now(crew, closed) == closed
    assert crew.ledger.journal.list(kind="profit_corrected") == []


def test_a_position_that_is_gone_is_missing_while_only_another_orders_deals_are_shown(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    trade = opened(crew)
    as_of_another_account(crew, monkeypatch)
    assert trade.ticket is not None
    crew.brokers["alpha"].close_by_hand(trade.ticket)
    crew.run_for(10 * 60)
    assert now(crew, trade).state is TradeState.OPEN
    assert len(alerts(crew, "missing")) == 1


@pytest.mark.parametrize("settles_at_once", [False, True])
@pytest.mark.parametrize("looks", [True, False], ids=["the next look", "the next life"])
def test_a_given_up_order_that_came_and_went_between_two_scans_is_closed_with_its_profit(
    start_crew: StartCrew, looks: bool, settles_at_once: bool
) -> None:
    crew = start_crew(only_alpha(), capabilities=replace(HEDGING, settles_at_once=settles_at_once))
    crew.brokers["alpha"].script(open=[fills_later(200)])
    trade = lost(crew)
    crew.run_for(190)
    assert now(crew, trade).state is TradeState.FAILED
    alpha = crew.brokers["alpha"]
    crew.run_for(10.1)
    (filled,) = alpha.positions(math.inf)
    move(crew, 1.1020)
    alpha.close_by_hand(filled.ticket)
    assert now(crew, trade).state is TradeState.FAILED
    if not looks:
        crew.tell(platform_actor("alpha"), "a message that nobody takes")
    crew.run_for(31)
    closed = now(crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.BROKER)
    assert closed.profit == round(sum(deal.net for deal in alpha.deals(0, math.inf)), 2) != 0
    assert story(crew.ledger.journal.list(trade_id=trade.trade_id, newest_first=False)).states[-3:] == [
        "failed",
        "late",
        "closed",
    ]
    assert len(alerts(crew, "late")) == 1
    assert closes_sent(crew) == 0
    assert positions(crew) == []
    must_agree(crew)


def test_a_rejected_order_stays_failed(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, reject("no_money"))
    crew.analyse(crew.opinion())
    crew.run_for(2 * HOUR_SECONDS)
    assert [trade.state for trade in crew.ledger.trades.list()] == [TradeState.FAILED]
    assert alerts(crew, "late") == []
