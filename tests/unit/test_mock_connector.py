"""The scripted broker does what it is told, call by call, and remembers what it was asked."""

from __future__ import annotations

import math
import tomllib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import trading
from connectors.base import (
    CloseOrder,
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    OpenOrder,
    Outcome,
    Rejected,
    Unknown,
)
from connectors.mock import HEDGING, MockConnector
from connectors.mock_clock import ManualClock
from connectors.mock_script import (
    as_usual,
    delay,
    duplicate,
    fail,
    fills_later,
    hang,
    lost_rejection,
    lost_reply,
    partly,
    reject,
    requote,
)
from trading.bars import BarSeries
from trading.commodities import catalogue
from trading.market import HOUR, SECOND, Deal, Position, Side

COMMODITIES = {
    name: commodity
    for name, commodity in catalogue(
        tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8"))
    ).items()
    if name == "EURUSD"
}
NOON = 1_704_715_200_000
TOKEN = 1


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def mock(clock: ManualClock) -> MockConnector:
    made = MockConnector("alpha", COMMODITIES, clock)
    made.price("EURUSD", 1.1000, 1.1001)
    made.connect(1.0)
    return made


def send(mock: MockConnector, magic: int = 1, lots: float = 0.1, deadline: float = 20.0) -> Outcome:
    return mock.open(OpenOrder("EURUSD", Side.BUY, lots, magic, "", 1.1001), TOKEN, deadline)


def close(mock: MockConnector, ticket: int, lots: float = 0.1, deadline: float = 20.0) -> Outcome:
    return mock.close(CloseOrder(ticket, "EURUSD", Side.BUY, lots, 1, 1.1000), TOKEN, deadline)


def opened(mock: MockConnector, magic: int = 1) -> Done:
    done = send(mock, magic)
    assert isinstance(done, Done)
    return done


def held(mock: MockConnector) -> list[Position]:
    return list(mock.positions(math.inf))


def deals(mock: MockConnector) -> list[Deal]:
    return list(mock.deals(0, math.inf))


# ------------------------------------------------------------ orders


def test_left_alone_it_executes_at_the_bid_and_the_ask_that_were_set(mock: MockConnector) -> None:
    done = opened(mock)
    mock.price("EURUSD", 1.1050, 1.1051)
    closed = close(mock, done.ticket)

    assert isinstance(closed, Done)
    assert (done.price, closed.price) == (1.1001, 1.1050)
    assert sum(deal.net for deal in deals(mock)) == 49.0


def test_a_lost_reply_to_an_executed_order_is_unknown_and_the_position_is_there(mock: MockConnector) -> None:
    mock.script(open=[lost_reply(executed=True)])

    assert isinstance(send(mock), Unknown)
    assert [position.magic for position in held(mock)] == [1]


def test_a_lost_order_is_unknown_and_leaves_no_trace(mock: MockConnector) -> None:
    mock.script(open=[lost_reply(executed=False)])

    assert isinstance(send(mock), Unknown)
    assert (held(mock), mock.orders(0, math.inf)) == ([], ())


def test_a_lost_rejection_is_unknown_and_stands_in_the_history(mock: MockConnector) -> None:
    mock.script(open=[lost_rejection("no_money")])

    assert isinstance(send(mock), Unknown)
    assert [(order.magic, order.accepted) for order in mock.orders(0, math.inf)] == [(1, False)]


def test_a_rejection_is_answered_and_stands_in_the_history(mock: MockConnector) -> None:
    mock.script(open=[reject("trade_disabled", "investor password")])

    assert send(mock) == Rejected("trade_disabled", "investor password")
    assert [order.reason for order in mock.orders(0, math.inf)] == ["trade_disabled: investor password"]


def test_a_requote_says_that_it_is_one(mock: MockConnector) -> None:
    mock.script(open=[requote()])
    outcome = send(mock)

    assert isinstance(outcome, Rejected)
    assert outcome.requote


def test_a_partial_fill_is_floored_to_the_volume_step(mock: MockConnector) -> None:
    mock.script(open=[partly(0.5)])
    outcome = send(mock, lots=0.15)

    assert isinstance(outcome, Done)
    assert outcome.volume_lots == 0.07
    assert held(mock)[0].volume_lots == 0.07


def test_a_partial_close_leaves_the_rest(mock: MockConnector) -> None:
    done = opened(mock)
    mock.script(close=[partly(0.3)])
    close(mock, done.ticket)

    assert held(mock)[0].volume_lots == 0.07


def test_a_delay_within_the_deadline_is_waited_for(mock: MockConnector, clock: ManualClock) -> None:
    mock.script(open=[delay(3.0)])
    outcome = send(mock)

    assert isinstance(outcome, Done)
    assert (outcome.time, clock.elapsed()) == (NOON + 3 * SECOND, 3.0)


def test_a_delay_past_the_deadline_is_unknown_at_the_deadline_and_executed_after_it(
    mock: MockConnector, clock: ManualClock
) -> None:
    mock.script(open=[delay(30.0)])

    assert isinstance(send(mock, deadline=20.0), Unknown)
    assert clock.elapsed() == 20.0
    assert held(mock) == []
    clock.sleep(10)
    assert [position.open_time for position in held(mock)] == [NOON + 30 * SECOND]


def test_a_broker_that_expires_requests_drops_a_late_order(clock: ManualClock) -> None:
    mock = MockConnector("alpha", COMMODITIES, clock, capabilities=replace(HEDGING, expires_requests=True))
    mock.price("EURUSD", 1.1, 1.1001)
    mock.connect(1.0)
    mock.script(open=[delay(30.0)])

    assert isinstance(send(mock, deadline=20.0), Unknown)
    clock.sleep(60)
    assert held(mock) == []


def test_a_hanging_order_ends_at_its_deadline_and_nothing_comes_of_it(mock: MockConnector, clock: ManualClock) -> None:
    mock.script(open=[hang()])

    assert isinstance(send(mock, deadline=20.0), Unknown)
    clock.sleep(3600)
    assert clock.elapsed() == 3620.0
    assert held(mock) == []


def test_a_late_fill_comes_when_it_is_due_at_the_price_of_then(mock: MockConnector, clock: ManualClock) -> None:
    mock.price_by("EURUSD", lambda at: (1.1 + (at - NOON) * 1e-9, 1.2))
    mock.script(open=[fills_later(60)])
    assert isinstance(send(mock), Unknown)

    clock.sleep(59)
    assert held(mock) == []
    clock.sleep(100)
    (late,) = held(mock)
    assert (late.magic, late.open_time, late.open_price) == (1, NOON + 60 * SECOND, 1.2)


def test_late_fills_come_in_the_order_in_which_they_are_due(mock: MockConnector, clock: ManualClock) -> None:
    mock.script(open=[fills_later(60), fills_later(30)])
    send(mock, 1)
    send(mock, 2)
    clock.sleep(100)

    assert [deal.magic for deal in deals(mock)] == [2, 1]


def test_a_late_close_closes_when_it_is_due(mock: MockConnector, clock: ManualClock) -> None:
    done = opened(mock)
    mock.script(close=[fills_later(5)])

    assert isinstance(close(mock, done.ticket), Unknown)
    assert len(held(mock)) == 1
    clock.sleep(5)
    assert held(mock) == []


def test_a_duplicate_is_two_positions_under_one_magic(mock: MockConnector) -> None:
    mock.script(open=[duplicate()])
    done = send(mock)

    assert isinstance(done, Done)
    assert [position.magic for position in held(mock)] == [1, 1]
    assert held(mock)[0].ticket == done.ticket


def test_a_plain_outcome_is_answered_and_nothing_is_executed(mock: MockConnector) -> None:
    lie = Done(order=7, position_id=7, ticket=7, volume_lots=0.1, price=1.0, time=NOON)
    mock.script(open=[lie])

    assert send(mock) == lie
    assert held(mock) == []


def test_an_order_can_be_made_to_raise_against_the_rules(mock: MockConnector) -> None:
    mock.script(open=[fail(ConnectorError("pipe broken"))])

    with pytest.raises(ConnectorError, match="pipe broken"):
        send(mock)


def test_steps_are_used_up_in_order_and_then_it_is_as_usual(mock: MockConnector) -> None:
    mock.script(open=[reject("a"), as_usual()])
    mock.script(open=[reject("b")])

    answers = [send(mock, magic) for magic in range(1, 5)]

    assert [answer.code if isinstance(answer, Rejected) else "done" for answer in answers] == ["a", "done", "b", "done"]


def test_a_refusal_beside_the_broker_uses_up_no_step(mock: MockConnector) -> None:
    opened(mock, 1)
    mock.script(open=[requote()])

    assert send(mock, 1) == Rejected("repeated", "magic 1 was sent already")
    assert send(mock, 2) == Rejected("requote", "scripted", requote=True)


def test_a_lost_order_used_up_its_magic(mock: MockConnector) -> None:
    mock.script(open=[lost_reply(executed=False)])
    send(mock)

    assert send(mock) == Rejected("repeated", "magic 1 was sent already")


def test_a_broker_that_does_not_dedupe_executes_a_repeat(clock: ManualClock) -> None:
    mock = MockConnector("alpha", COMMODITIES, clock, capabilities=replace(HEDGING, dedupes_open=False))
    mock.price("EURUSD", 1.1, 1.1001)
    mock.connect(1.0)
    opened(mock)
    opened(mock)

    assert len(held(mock)) == 2


# ------------------------------------------------------------ questions and the connection


def test_a_question_can_fail_so_often_and_then_answers(mock: MockConnector) -> None:
    mock.fail("positions", times=2)

    for _ in range(2):
        with pytest.raises(ConnectorError, match="scripted"):
            mock.positions(20.0)
    assert mock.positions(20.0) == ()


def test_a_hanging_question_ends_at_its_deadline(mock: MockConnector, clock: ManualClock) -> None:
    mock.script(quotes=[hang()])

    with pytest.raises(DeadlinePassed):
        mock.quotes(20.0)
    assert clock.elapsed() == 20.0


def test_a_slow_question_is_waited_for_up_to_its_deadline(mock: MockConnector, clock: ManualClock) -> None:
    mock.script(account=[delay(5), delay(30)])

    assert mock.account(20.0).time == NOON + 5 * SECOND
    with pytest.raises(DeadlinePassed):
        mock.account(20.0)
    assert clock.elapsed() == 20.0


def test_after_a_cut_every_call_fails_until_it_is_connected_again(mock: MockConnector) -> None:
    mock.drop()
    mock.fail("connect")

    with pytest.raises(NotConnected):
        mock.quotes(20.0)
    with pytest.raises(ConnectorError):
        mock.connect(20.0)
    mock.connect(20.0)
    assert len(mock.quotes(20.0)) == 1


def test_it_remembers_what_it_was_asked_and_when(mock: MockConnector, clock: ManualClock) -> None:
    clock.sleep(2)
    send(mock, magic=9)
    mock.drop()
    send(mock, magic=10)

    assert [request.call for request in mock.requests] == ["connect", "open", "open"]
    assert [request.now for request in mock.requests] == [NOON, NOON + 2 * SECOND, NOON + 2 * SECOND]
    orders = [request.arguments[0] for request in mock.asked("open")]
    assert [order.magic for order in orders if isinstance(order, OpenOrder)] == [9, 10]


# ------------------------------------------------------------ the market and other people


def test_a_price_is_fresh_until_it_is_frozen(mock: MockConnector, clock: ManualClock) -> None:
    clock.sleep(100)
    assert mock.quotes(math.inf)[0].time == NOON + 100 * SECOND

    mock.freeze("EURUSD")
    clock.sleep(100)
    assert mock.quotes(math.inf)[0].time == NOON + 100 * SECOND
    assert isinstance(send(mock, deadline=math.inf), Done)  # frozen is not shut

    mock.price("EURUSD", 1.2, 1.3)
    assert mock.quotes(math.inf)[0].time == NOON + 200 * SECOND


def test_a_shut_market_refuses_until_it_opens_again(mock: MockConnector) -> None:
    mock.shut("EURUSD")
    assert send(mock, 1) == Rejected("market_closed", "EURUSD does not trade now")

    mock.reopen("EURUSD")
    opened(mock, 2)


def test_a_commodity_without_a_price_has_no_quote_and_is_not_dealt(clock: ManualClock) -> None:
    mock = MockConnector("alpha", COMMODITIES, clock)
    mock.connect(1.0)

    assert mock.quotes(1.0) == ()
    assert send(mock) == Rejected("market_closed", "EURUSD does not trade now")


def test_without_a_recording_there_are_no_bars(mock: MockConnector) -> None:
    assert len(mock.bars("EURUSD", 10, math.inf)) == 0


def test_bars_are_those_of_the_recording_that_are_complete(mock: MockConnector, clock: ManualClock) -> None:
    ones = np.ones(5)
    mock.history(BarSeries("EURUSD", 3600, NOON + np.arange(5) * HOUR, ones, ones, ones, ones, ones * 0))
    clock.sleep(2 * 3600)

    assert mock.bars("EURUSD", 10, math.inf).time.tolist() == [NOON, NOON + HOUR]


def test_a_position_closed_by_hand_is_gone_with_a_deal_of_the_clients(mock: MockConnector) -> None:
    done = opened(mock)
    mock.close_by_hand(done.ticket)

    assert held(mock) == []
    assert [(deal.reason, deal.magic) for deal in deals(mock)] == [("expert", 1), ("client", 0)]


def test_a_stop_out_is_a_deal_of_the_brokers_own(mock: MockConnector) -> None:
    done = opened(mock)
    mock.stop_out(done.ticket)

    assert deals(mock)[-1].reason == "stop out"
    assert isinstance(mock.stop_out(done.ticket), Rejected)


# ------------------------------------------------------------ mistakes in a test


def test_a_call_that_there_is_not_cannot_be_scripted(mock: MockConnector) -> None:
    with pytest.raises(ValueError, match="there is no call 'opn'; expected one of open, close, connect"):
        mock.script(opn=[hang()])


def test_a_question_cannot_be_answered_with_an_order_s_step(mock: MockConnector) -> None:
    with pytest.raises(ValueError, match="positions cannot be answered with"):
        mock.script(positions=[partly(0.5)])


@pytest.mark.parametrize("fraction", [0.0, 1.0, -1.0, math.nan])
def test_a_part_lies_between_nothing_and_all(fraction: float) -> None:
    with pytest.raises(ValueError, match="fraction is"):
        partly(fraction)


@pytest.mark.parametrize("step", [delay, fills_later])
def test_nothing_can_take_less_than_no_time(step: object) -> None:
    assert callable(step)
    with pytest.raises(ValueError, match="seconds is -1"):
        step(-1)


def test_the_clock_of_a_test_does_not_go_back(clock: ManualClock) -> None:
    clock.go_to(NOON + HOUR)
    assert clock.elapsed() == 3600.0

    with pytest.raises(ValueError, match="cannot go back"):
        clock.go_to(NOON)
