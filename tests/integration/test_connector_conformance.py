"""What every connector owes, whichever broker is behind it. Each test is one numbered requirement."""

from __future__ import annotations

import inspect
import math
import re
from collections.abc import Callable, Iterator
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from made_brokers import BROKERS, FAR, TOKEN, Broker
from made_terminal_broker import TerminalBroker, TerminalOptions

from connectors.base import (
    CloseOrder,
    Connector,
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    OpenOrder,
    Outcome,
    Rejected,
    StaleToken,
)
from trading.market import Deal, Entry, Position, Side, quote_fault

TERMINAL = "terminal"
Test = TypeVar("Test", bound=Callable[..., Any])


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask each broker of ours in turn; with --mt5-terminal, that one alone."""
    if "broker" in metafunc.fixturenames:
        given = metafunc.config.getoption("mt5_terminal") is not None
        metafunc.parametrize("broker", [TERMINAL] if given else sorted(BROKERS), indirect=True)


@pytest.fixture
def broker(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Broker]:
    if request.param == TERMINAL:
        if getattr(request.function, "needs_our_own", False):
            pytest.skip("it needs a market and an account that do what the test wants")
        made: Broker = TerminalBroker(TerminalOptions.given(request.config), tmp_path)
    else:
        made = BROKERS[request.param](tmp_path)
    yield made
    made.end()


def our_own(test: Test) -> Test:
    """Mark a question that cannot be asked of somebody else's market."""
    test.needs_our_own = True  # type: ignore[attr-defined]  # read by the fixture
    return test


def expected_price(broker: Broker, side: Side) -> float:
    quote = next(q for q in broker.connector.quotes(FAR) if q.commodity == broker.commodity)
    return quote.opening_price(side)


def open_order(broker: Broker, side: Side = Side.BUY, lots: float | None = None, magic: int | None = None) -> OpenOrder:
    lots, magic = broker.lots if lots is None else lots, broker.magic if magic is None else magic
    return OpenOrder(broker.commodity, side, lots, magic, "wb-1", expected_price(broker, side))


def opened(broker: Broker, side: Side = Side.BUY, lots: float | None = None, magic: int | None = None) -> Done:
    outcome = broker.connector.open(open_order(broker, side, lots, magic), TOKEN, FAR)
    assert isinstance(outcome, Done), outcome
    return outcome


def close_order(broker: Broker, ticket: int, side: Side = Side.BUY, lots: float | None = None) -> CloseOrder:
    lots, price = broker.lots if lots is None else lots, expected_price(broker, side.opposite)
    return CloseOrder(ticket, broker.commodity, side, lots, broker.magic, price)


def close(broker: Broker, ticket: int, side: Side = Side.BUY, lots: float | None = None, token: int = TOKEN) -> Outcome:
    return broker.connector.close(close_order(broker, ticket, side, lots), token, FAR)


def position(broker: Broker, ticket: int) -> Position:
    return next(p for p in broker.connector.positions(FAR) if p.ticket == ticket)


def deals_of(broker: Broker, position_id: int) -> list[Deal]:
    return [deal for deal in broker.connector.deals(0, FAR) if deal.position_id == position_id]


def code(outcome: Outcome) -> str:
    assert isinstance(outcome, Rejected), outcome
    return outcome.code


QUESTIONS: dict[str, Callable[[Connector, str, float], object]] = {
    "instruments": lambda connector, commodity, deadline: connector.instruments(deadline),
    "account": lambda connector, commodity, deadline: connector.account(deadline),
    "quotes": lambda connector, commodity, deadline: connector.quotes(deadline),
    "bars": lambda connector, commodity, deadline: connector.bars(commodity, 3, deadline),
    "positions": lambda connector, commodity, deadline: connector.positions(deadline),
    "orders": lambda connector, commodity, deadline: connector.orders(0, deadline),
    "deals": lambda connector, commodity, deadline: connector.deals(0, deadline),
    "fence": lambda connector, commodity, deadline: connector.fence(TOKEN, deadline),
}


# ------------------------------------------------------------ the face of it


def test_c01_no_call_and_no_order_has_a_place_for_a_stop_or_a_target(broker: Broker) -> None:
    names = {field.name for order in (OpenOrder, CloseOrder) for field in fields(order)}
    for call in [name for name in vars(Connector) if not name.startswith("_")]:
        member = getattr(type(broker.connector), call)
        if callable(member):
            names |= set(inspect.signature(member).parameters)

    forbidden = re.compile(r"stop|target|profit|(^|_)(sl|tp)(_|$)")
    assert [name for name in sorted(names) if forbidden.search(name)] == []
    assert "deadline" in names  # signatures were read at all


def test_c02_the_calls_take_what_the_protocol_says(broker: Broker) -> None:
    for call in [name for name in vars(Connector) if not name.startswith("_")]:
        promised, kept = getattr(Connector, call), getattr(type(broker.connector), call)
        if callable(promised):
            assert list(inspect.signature(kept).parameters) == list(inspect.signature(promised).parameters), call


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_c03_a_question_without_a_connection_raises_not_connected(broker: Broker, question: str) -> None:
    broker.connector.disconnect()

    with pytest.raises(NotConnected):
        QUESTIONS[question](broker.connector, broker.commodity, FAR)


def test_c04_an_order_without_a_connection_is_a_definite_no(broker: Broker) -> None:
    done = opened(broker)
    second, closing = open_order(broker, magic=broker.magic + 1), close_order(broker, done.ticket)
    broker.connector.disconnect()

    assert code(broker.connector.open(second, TOKEN, FAR)) == "not_connected"
    assert code(broker.connector.close(closing, TOKEN, FAR)) == "not_connected"
    broker.connector.connect(FAR)
    assert [p.ticket for p in broker.connector.positions(FAR)] == [done.ticket]


def test_c05_connecting_twice_and_again_finds_the_account_as_it_was(broker: Broker) -> None:
    done = opened(broker)
    broker.connector.connect(FAR)
    broker.connector.disconnect()
    broker.connector.disconnect()
    broker.connector.connect(FAR)

    assert position(broker, done.ticket).magic == broker.magic


@pytest.mark.parametrize("question", sorted(QUESTIONS))
def test_c06_a_question_after_its_deadline_is_not_answered(broker: Broker, question: str) -> None:
    broker.clock.sleep(10)

    with pytest.raises(DeadlinePassed):
        QUESTIONS[question](broker.connector, broker.commodity, 10.0)


def test_c07_an_order_after_its_deadline_is_not_sent(broker: Broker) -> None:
    done = opened(broker)
    broker.clock.sleep(10)

    assert code(broker.connector.open(open_order(broker, magic=broker.magic + 1), TOKEN, 10.0)) == "deadline_passed"
    assert code(broker.connector.close(close_order(broker, done.ticket), TOKEN, 10.0)) == "deadline_passed"
    assert [p.ticket for p in broker.connector.positions(FAR)] == [done.ticket]


# ------------------------------------------------------------ the market


def test_c08_quotes_are_whole_one_a_commodity_and_never_from_the_future(broker: Broker) -> None:
    for _ in range(4):
        broker.move()
        quotes = broker.connector.quotes(FAR)
        assert [quote.commodity for quote in quotes] == sorted(broker.connector.instruments(FAR))
        assert all(quote_fault(quote) is None and quote.bid < quote.ask for quote in quotes)
        assert all(quote.time <= broker.clock.now() for quote in quotes)


@our_own
def test_c09_a_quotes_time_is_that_of_its_tick_and_grows_old_when_the_market_is_shut(broker: Broker) -> None:
    broker.shut()
    before = {quote.commodity: quote for quote in broker.connector.quotes(FAR)}[broker.commodity]
    broker.clock.sleep(7200)
    after = {quote.commodity: quote for quote in broker.connector.quotes(FAR)}[broker.commodity]

    assert after == before
    assert broker.clock.now() - after.time >= 7_200_000


@our_own
def test_c10_a_shut_market_refuses_orders_and_keeps_the_position(broker: Broker) -> None:
    done = opened(broker)
    broker.shut()

    assert code(broker.connector.open(open_order(broker, magic=broker.magic + 1), TOKEN, FAR)) == "market_closed"
    assert code(close(broker, done.ticket)) == "market_closed"
    assert position(broker, done.ticket).volume_lots == broker.lots


@our_own
def test_c11_bars_are_the_last_completed_ones_oldest_first(broker: Broker) -> None:
    series = broker.connector.bars(broker.commodity, 4, FAR)

    assert len(series) == 4
    assert list(series.time) == sorted(series.time)
    assert series.end(3) == broker.clock.now()
    broker.clock.sleep(3599.999)
    assert broker.connector.bars(broker.commodity, 4, FAR).end(3) == series.end(3)
    broker.clock.sleep(0.001)
    assert broker.connector.bars(broker.commodity, 4, FAR).end(3) == broker.clock.now()


@our_own
def test_c12_of_fewer_bars_than_asked_for_all_are_given(broker: Broker) -> None:
    assert len(broker.connector.bars(broker.commodity, 1_000, FAR)) == broker.bars_so_far
    assert len(broker.connector.bars(broker.commodity, 0, FAR)) == 0


def test_c13_bars_of_a_commodity_that_the_account_does_not_have_are_an_error_that_names_it(broker: Broker) -> None:
    with pytest.raises(ConnectorError, match="'PORK'"):
        broker.connector.bars("PORK", 3, FAR)


@our_own
def test_c14_instruments_state_the_terms_of_every_commodity(broker: Broker) -> None:
    instrument = broker.connector.instruments(FAR)[broker.commodity]

    assert instrument.symbol == "EURUSDm"
    assert instrument.contract_size == 100_000
    assert (instrument.volume_min_lots, instrument.volume_step_lots) == (0.01, 0.01)


# ------------------------------------------------------------ opening and closing


@pytest.mark.parametrize("side", list(Side))
@our_own
def test_c15_an_open_becomes_a_position_with_the_brokers_facts(broker: Broker, side: Side) -> None:
    order = open_order(broker, side)
    done = broker.connector.open(order, TOKEN, FAR)

    assert isinstance(done, Done)
    held = position(broker, done.ticket)
    assert (held.commodity, held.side, held.volume_lots) == (broker.commodity, side, broker.lots)
    assert (held.magic, held.comment) == (broker.magic, "wb-1")
    assert (held.position_id, held.open_price, held.open_time) == (done.position_id, done.price, done.time)
    assert done.price == order.expected_price  # no slippage on these accounts
    assert done.time == broker.clock.now()


@pytest.mark.parametrize("side", list(Side))
@our_own
def test_c16_a_round_trip_leaves_two_deals_whose_sum_is_what_the_balance_changed_by(broker: Broker, side: Side) -> None:
    before = broker.connector.account(FAR).balance
    done = opened(broker, side)
    broker.move()
    closed = close(broker, done.ticket, side)

    assert isinstance(closed, Done)
    assert broker.connector.positions(FAR) == ()
    into, out = deals_of(broker, done.position_id)
    assert (into.entry, into.side, into.magic, into.price) == (Entry.IN, side, broker.magic, done.price)
    assert (out.entry, out.side, out.price) == (Entry.OUT, side.opposite, closed.price)
    assert out.profit == pytest.approx((out.price - into.price) * side.sign * 100_000 * broker.lots, abs=0.005)
    assert broker.connector.account(FAR).balance == round(before + into.net + out.net, 2)


@our_own
def test_c17_commission_is_charged_on_the_way_in_and_on_the_way_out(broker: Broker) -> None:
    done = opened(broker, lots=0.5)
    close(broker, done.ticket, lots=0.5)

    assert [deal.commission for deal in deals_of(broker, done.position_id)] == [-1.75, -1.75]


@our_own
def test_c18_the_spread_is_paid_a_round_trip_at_one_price_loses_it(broker: Broker) -> None:
    quote = broker.connector.quotes(FAR)[0]
    done = opened(broker, lots=1.0)
    close(broker, done.ticket, lots=1.0)

    assert deals_of(broker, done.position_id)[1].profit == pytest.approx(-quote.spread * 100_000, abs=0.005)


@our_own
def test_c19_a_partial_close_leaves_the_rest_under_the_same_identifier(broker: Broker) -> None:
    done = opened(broker, lots=0.3)
    part = close(broker, done.ticket, lots=0.1)

    assert isinstance(part, Done)
    assert part.volume_lots == 0.1
    (rest,) = broker.connector.positions(FAR)
    assert (rest.volume_lots, rest.position_id) == (0.2, done.position_id)
    assert broker.connector.account(FAR).margin_used == pytest.approx(100_000 * 0.2 * rest.open_price / 30, abs=0.02)
    assert isinstance(close(broker, rest.ticket, lots=0.2), Done)
    assert [deal.volume_lots for deal in deals_of(broker, done.position_id)] == [0.3, 0.1, 0.2]


def test_c20_more_than_the_position_has_is_not_closed(broker: Broker) -> None:
    done = opened(broker)

    assert code(close(broker, done.ticket, lots=0.11)) == "invalid_volume"
    assert position(broker, done.ticket).volume_lots == broker.lots


def test_c21_closing_what_is_closed_already_changes_nothing(broker: Broker) -> None:
    done = opened(broker)
    close(broker, done.ticket)
    deals, balance = broker.connector.deals(0, FAR), broker.connector.account(FAR).balance

    assert code(close(broker, done.ticket)) == "no_position"
    assert (broker.connector.deals(0, FAR), broker.connector.account(FAR).balance) == (deals, balance)


def test_c22_a_ticket_that_never_was_is_no_position(broker: Broker) -> None:
    assert code(close(broker, 999_999)) == "no_position"


@our_own
def test_c23_a_close_that_misnames_the_position_is_refused(broker: Broker) -> None:
    done = opened(broker)

    assert code(close(broker, done.ticket, Side.SELL)) == "invalid_request"
    other = replace(close_order(broker, done.ticket), commodity="GBPUSD")
    assert code(broker.connector.close(other, TOKEN, FAR)) == "invalid_request"
    assert position(broker, done.ticket).volume_lots == broker.lots


@pytest.mark.parametrize("lots", [0.005, 0.0, -0.1, 100.01, math.nan, math.inf])
@our_own
def test_c24_a_volume_off_the_limits_is_refused(broker: Broker, lots: float) -> None:
    assert code(broker.connector.open(open_order(broker, lots=lots), TOKEN, FAR)) == "invalid_volume"
    assert broker.connector.positions(FAR) == ()


@pytest.mark.parametrize(("lots", "floored"), [(0.015, 0.01), (0.0299999, 0.02), (0.109, 0.1)])
@our_own
def test_c44_of_a_volume_off_the_step_never_more_than_was_asked_for_is_opened(
    broker: Broker, lots: float, floored: float
) -> None:
    outcome = broker.connector.open(open_order(broker, lots=lots), TOKEN, FAR)
    if broker.floors_volumes:
        assert isinstance(outcome, Done)
        assert outcome.volume_lots == floored
    else:
        assert code(outcome) == "invalid_volume"
    assert [held.volume_lots for held in broker.connector.positions(FAR)] == [floored] * broker.floors_volumes


def test_c25_a_commodity_that_the_account_does_not_have_is_refused(broker: Broker) -> None:
    order = replace(open_order(broker), commodity="PORK")

    assert code(broker.connector.open(order, TOKEN, FAR)) == "unknown_commodity"


@pytest.mark.parametrize("comment", ["x" * 27, "naïve"])
def test_c26_a_comment_too_long_or_not_ascii_is_refused(broker: Broker, comment: str) -> None:
    order = replace(open_order(broker), comment=comment)

    assert code(broker.connector.open(order, TOKEN, FAR)) == "invalid_request"


@pytest.mark.parametrize("magic", [0, -1, 2**63])
def test_c27_a_magic_that_no_broker_can_carry_is_refused(broker: Broker, magic: int) -> None:
    assert code(broker.connector.open(open_order(broker, magic=magic), TOKEN, FAR)) == "invalid_request"


@our_own
def test_c28_a_position_that_the_account_cannot_pay_for_is_refused(broker: Broker) -> None:
    assert code(broker.connector.open(open_order(broker, lots=3.0), TOKEN, FAR)) == "no_money"
    assert broker.connector.account(FAR).balance == 10_000


# ------------------------------------------------------------ once, and by whom


def test_c29_a_magic_is_executed_once(broker: Broker) -> None:
    assert broker.connector.capabilities.dedupes_open
    done = opened(broker)

    assert code(broker.connector.open(open_order(broker), TOKEN, FAR)) == "repeated"
    close(broker, done.ticket)
    assert code(broker.connector.open(open_order(broker), TOKEN, FAR)) == "repeated"
    assert broker.connector.positions(FAR) == ()


@our_own
def test_c30_a_refused_magic_is_not_executed_later_either(broker: Broker) -> None:
    broker.connector.open(open_order(broker, lots=3.0), TOKEN, FAR)

    assert code(broker.connector.open(open_order(broker), TOKEN, FAR)) == "repeated"


def test_c31_a_repeat_leaves_no_rejected_order_behind_that_a_look_up_could_mistake(broker: Broker) -> None:
    opened(broker)
    broker.connector.open(open_order(broker), TOKEN, FAR)

    assert [order.accepted for order in broker.connector.orders(0, FAR) if order.magic == broker.magic] == [True]


def test_c32_lower_tokens_are_refused_from_the_fence_on(broker: Broker) -> None:
    done = opened(broker)
    broker.connector.fence(TOKEN + 2, FAR)

    assert code(broker.connector.open(open_order(broker, magic=broker.magic + 1), TOKEN + 1, FAR)) == "stale_token"
    assert code(close(broker, done.ticket, token=TOKEN + 1)) == "stale_token"
    with pytest.raises(StaleToken):
        broker.connector.fence(TOKEN + 1, FAR)
    broker.connector.fence(TOKEN + 2, FAR)
    assert isinstance(close(broker, done.ticket, token=TOKEN + 2), Done)


@our_own
def test_c33_a_stale_order_uses_up_no_magic_and_no_history(broker: Broker) -> None:
    broker.connector.fence(TOKEN + 1, FAR)
    broker.connector.open(open_order(broker), TOKEN, FAR)

    assert broker.connector.orders(0, FAR) == ()
    assert isinstance(broker.connector.open(open_order(broker), TOKEN + 1, FAR), Done)


def test_c34_an_order_raises_the_fence_to_its_own_token(broker: Broker) -> None:
    broker.connector.open(open_order(broker), TOKEN + 4, FAR)

    assert code(broker.connector.open(open_order(broker, magic=broker.magic + 1), TOKEN + 3, FAR)) == "stale_token"


def test_c35_the_fence_outlives_the_connection(broker: Broker) -> None:
    broker.connector.fence(TOKEN + 1, FAR)
    broker.connector.disconnect()
    broker.connector.connect(FAR)

    assert code(broker.connector.open(open_order(broker), TOKEN, FAR)) == "stale_token"


@our_own
def test_c36_a_persons_position_is_shown_without_a_magic_and_left_alone(broker: Broker) -> None:
    theirs = broker.by_hand(Side.SELL, 0.2)
    ours = opened(broker)
    broker.move()
    close(broker, ours.ticket)

    (left,) = broker.connector.positions(FAR)
    assert (left.ticket, left.magic, left.side, left.volume_lots) == (theirs, 0, Side.SELL, 0.2)
    assert [deal.reason for deal in deals_of(broker, left.position_id)] == ["client"]
    assert {deal.reason for deal in deals_of(broker, ours.position_id)} == {"expert"}


def test_c37_opposite_positions_are_held_side_by_side(broker: Broker) -> None:
    assert not broker.connector.capabilities.netting
    opened(broker, Side.BUY)
    opened(broker, Side.SELL, magic=broker.magic + 1)

    assert [held.side for held in broker.connector.positions(FAR)] == [Side.BUY, Side.SELL]


# ------------------------------------------------------------ history and money


@our_own
def test_c38_a_refused_open_is_found_by_its_magic(broker: Broker) -> None:
    broker.connector.open(open_order(broker, lots=3.0), TOKEN, FAR)

    (order,) = broker.connector.orders(0, FAR)
    assert (order.magic, order.accepted) == (broker.magic, False)
    if broker.says_why_refused:
        assert order.reason.startswith("no_money")


def test_c39_a_refused_close_is_not_taken_for_a_refused_open(broker: Broker) -> None:
    done = opened(broker)
    close(broker, done.ticket, lots=0.11)

    assert [order.accepted for order in broker.connector.orders(0, FAR) if order.magic == broker.magic] == [True]


@our_own
def test_c40_history_is_given_from_an_instant_on_that_instant_included(broker: Broker) -> None:
    first = opened(broker)
    broker.move()
    second = opened(broker, magic=broker.magic + 1)

    assert [order.magic for order in broker.connector.orders(0, FAR)] == [broker.magic, broker.magic + 1]
    assert [deal.position_id for deal in broker.connector.deals(first.time, FAR)] == [first.ticket, second.ticket]
    assert [deal.position_id for deal in broker.connector.deals(first.time + 1, FAR)] == [second.ticket]
    assert broker.connector.orders(second.time + 1, FAR) == ()


@our_own
def test_c41_equity_is_balance_and_what_the_positions_are_worth(broker: Broker) -> None:
    opened(broker)
    broker.move()
    (held,), account = broker.connector.positions(FAR), broker.connector.account(FAR)

    assert account.equity == pytest.approx(account.balance + held.profit + held.swap, abs=0.005)
    assert account.margin_used == pytest.approx(100_000 * broker.lots * held.open_price / 30, abs=0.01)
    assert (account.platform, account.currency, account.time) == ("alpha", "USD", broker.clock.now())


@our_own
def test_c42_a_positions_profit_is_what_closing_it_would_pay(broker: Broker) -> None:
    done = opened(broker, Side.SELL)
    broker.move()
    shown = position(broker, done.ticket).profit
    close(broker, done.ticket, Side.SELL)

    assert deals_of(broker, done.position_id)[1].profit == shown


@our_own
def test_c43_the_same_question_twice_has_the_same_answer(broker: Broker) -> None:
    opened(broker)
    opened(broker, Side.SELL, magic=broker.magic + 1)

    for question in ("account", "quotes", "positions", "orders", "deals", "instruments"):
        asked = QUESTIONS[question]
        assert asked(broker.connector, broker.commodity, FAR) == asked(broker.connector, broker.commodity, FAR)
