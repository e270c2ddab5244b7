"""Orders at the double of MetaTrader 5: what the connector sends, and how it tells what became of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from made_brokers import FAR, MAGIC, TOKEN
from made_metatrader import (
    LOTS,
    SYMBOL,
    MetaTraderBroker,
    answer,
    close,
    code,
    executed,
    metatrader_settings,
    open_order,
    opened,
    sent,
    soon,
)

from connectors.base import (
    Done,
    Rejected,
    Unknown,
)
from connectors.mt5 import facts
from connectors.mt5.orders import FILL_SECONDS


@pytest.fixture
def broker() -> Iterator[MetaTraderBroker]:
    made = MetaTraderBroker()
    yield made
    made.end()


@pytest.fixture
def netting() -> Iterator[MetaTraderBroker]:
    made = MetaTraderBroker(metatrader_settings(netting=True))
    yield made
    made.end()


# ------------------------------------------------------------ orders


def test_an_open_carries_a_magic_a_comment_a_deviation_and_neither_stop_nor_target(broker: MetaTraderBroker) -> None:
    opened(broker)
    request = sent(broker)[0].request
    assert (request.action, request.type, request.symbol, request.volume) == (facts.TRADE_ACTION_DEAL, 0, SYMBOL, LOTS)
    assert (request.magic, request.comment, request.deviation) == (MAGIC, "wb-1", 20)
    assert (request.sl, request.tp, request.stoplimit, request.position) == (0, 0, 0, 0)
    assert request.price == broker.connector.quotes(FAR)[0].ask


def test_a_close_names_the_position_and_the_opposite_type(broker: MetaTraderBroker) -> None:
    done = opened(broker)
    close(broker, done.ticket, lots=0.04)
    request = sent(broker)[1].request
    assert (request.type, request.position, request.volume) == (facts.ORDER_TYPE_SELL, done.ticket, 0.04)


@pytest.mark.parametrize(
    ("filling_mode", "opens", "closes"),
    [(1, [0], [0]), (2, [1], [1]), (3, [0], [1])],
    ids=["fill or kill", "immediate or cancel", "both"],
)
def test_the_filling_is_one_that_the_symbol_takes(filling_mode: int, opens: list[int], closes: list[int]) -> None:
    broker = MetaTraderBroker(filling_mode=filling_mode)
    done = opened(broker)
    assert isinstance(close(broker, done.ticket), Done)
    assert [event.request.type_filling for event in sent(broker)] == [*opens, *closes]


def test_a_filling_that_is_refused_is_followed_by_the_next_one_which_is_remembered(broker: MetaTraderBroker) -> None:
    broker.trade_server.hands.change_symbol(SYMBOL, filling_mode=2)  # and the terms that we have say both
    first, second = opened(broker), opened(broker, magic=MAGIC + 1)
    assert isinstance(close(broker, first.ticket), Done)
    assert isinstance(close(broker, second.ticket), Done)
    assert [event.request.type_filling for event in sent(broker)] == [0, 1, 1, 1, 1]
    assert [event.request.magic for event in sent(broker)][:2] == [MAGIC, MAGIC]


def test_a_position_can_be_closed_whatever_filling_the_broker_takes_by_then() -> None:
    broker = MetaTraderBroker(filling_mode=1)
    done = opened(broker)
    broker.trade_server.hands.change_symbol(SYMBOL, filling_mode=2)
    assert isinstance(close(broker, done.ticket), Done)


def test_after_an_open_whose_fillings_were_all_refused_the_next_order_goes_by_the_terms_of_then() -> None:
    broker = MetaTraderBroker(filling_mode=1)
    opened(broker)
    broker.trade_server.hands.change_symbol(SYMBOL, filling_mode=2)
    assert code(broker.connector.open(open_order(magic=MAGIC + 1), TOKEN, FAR)) == "invalid_fill"
    opened(broker, magic=MAGIC + 2)
    assert [event.request.type_filling for event in sent(broker)] == [0, 0, 1]


def test_where_a_filling_was_refused_and_the_next_ones_answer_lost_the_refusal_proves_nothing(
    broker: MetaTraderBroker,
) -> None:
    answer(broker, code=10030, in_history=True)
    answer(broker, code=-10002)
    assert isinstance(broker.connector.open(open_order(), TOKEN, FAR), Unknown)
    broker.connector.connect(FAR)
    assert broker.connector.orders(0, FAR) == ()


@pytest.mark.parametrize("execution", [facts.SYMBOL_TRADE_EXECUTION_INSTANT, facts.SYMBOL_TRADE_EXECUTION_EXCHANGE])
def test_other_kinds_of_execution_are_traded_too(execution: int) -> None:
    broker = MetaTraderBroker(execution=execution)
    done = opened(broker)
    broker.move()
    assert isinstance(close(broker, done.ticket), Done)
    assert broker.connector.positions(FAR) == ()


def test_the_whole_of_a_position_off_the_step_is_closed_and_parts_of_it_by_the_step(broker: MetaTraderBroker) -> None:
    done = opened(broker, lots=0.15)
    broker.trade_server.hands.change_symbol(SYMBOL, volume_step_lots=0.1, volume_min_lots=0.1)
    broker.connector.instruments(FAR)
    assert code(close(broker, done.ticket, lots=0.05)) == "invalid_volume"
    part = close(broker, done.ticket, lots=0.14)
    assert isinstance(part, Done)
    assert part.volume_lots == 0.1
    assert isinstance(close(broker, done.ticket, lots=0.05), Done)
    assert broker.connector.positions(FAR) == ()


def test_terms_that_the_broker_has_changed_are_read_again_after_it_refused_what_they_allow(
    broker: MetaTraderBroker,
) -> None:
    broker.trade_server.hands.change_symbol(SYMBOL, volume_step_lots=0.1, volume_min_lots=0.1)
    assert code(broker.connector.open(open_order(0.25), TOKEN, FAR)) == "invalid_volume"
    assert opened(broker, lots=0.25, magic=MAGIC + 1).volume_lots == 0.2


def test_a_direction_that_is_full_takes_no_more() -> None:
    broker = MetaTraderBroker(volume_limit_lots=0.25)
    assert broker.connector.instruments(FAR)["EURUSD"].volume_max_lots == 0.25
    assert code(broker.connector.open(open_order(0.26), TOKEN, FAR)) == "invalid_volume"
    opened(broker, lots=0.2)
    assert code(broker.connector.open(open_order(0.2, MAGIC + 1), TOKEN, FAR)) == "limit_volume"


@pytest.mark.parametrize("taken", [10008, 10009])
def test_that_the_broker_took_an_order_is_no_fill_until_its_deal_is_there(broker: MetaTraderBroker, taken: int) -> None:
    answer(broker, code=taken, fills_after_seconds=2)
    begun = broker.clock.elapsed()
    done = opened(broker)
    assert 2 <= broker.clock.elapsed() - begun <= 3
    assert (done.volume_lots, done.position_id) == (LOTS, executed(broker)[0].position_id)
    assert done.price == executed(broker)[0].price


def test_a_deal_that_does_not_come_leaves_the_fate_unknown_and_holds_nobody_up(broker: MetaTraderBroker) -> None:
    answer(broker, code=10009, fills_after_seconds=60)
    begun = broker.clock.elapsed()
    assert isinstance(broker.connector.open(open_order(), TOKEN, soon(broker)), Unknown)
    assert broker.clock.elapsed() - begun <= FILL_SECONDS
    (order,) = broker.connector.orders(0, FAR)
    assert order.accepted
    broker.clock.sleep(60)
    assert [held.magic for held in broker.connector.positions(FAR)] == [MAGIC]


def test_the_wait_for_a_deal_ends_at_the_deadline(broker: MetaTraderBroker) -> None:
    answer(broker, code=10009, fills_after_seconds=60)
    deadline = soon(broker, 1.5)
    assert isinstance(broker.connector.open(open_order(), TOKEN, deadline), Unknown)
    assert broker.clock.elapsed() <= deadline


@pytest.mark.parametrize("fraction", [0.5, 0.3])
def test_a_part_that_is_filled_is_what_the_deals_say(broker: MetaTraderBroker, fraction: float) -> None:
    answer(broker, code=10010, fraction=fraction)
    assert opened(broker).volume_lots == pytest.approx(LOTS * fraction)


def test_an_order_filled_in_pieces_has_the_average_price_of_all_of_them(broker: MetaTraderBroker) -> None:
    answer(broker, pieces=2)
    done = opened(broker)
    assert done.volume_lots == LOTS
    assert len(executed(broker)) == 2
    prices = [deal.price for deal in executed(broker)]
    assert done.price == pytest.approx(sum(prices) / 2)


def test_an_order_that_was_taken_and_ended_unfilled_is_a_definite_no(
    broker: MetaTraderBroker, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer(broker, code=10008, fills_after_seconds=1)
    sleep = broker.clock.sleep

    def shuts(seconds: float) -> None:
        broker.market.shut(SYMBOL)
        sleep(seconds)

    monkeypatch.setattr(broker.clock, "sleep", shuts)
    outcome = broker.connector.open(open_order(), TOKEN, FAR)
    assert code(outcome) == "cancel"
    assert executed(broker) == []


def test_a_comment_that_the_broker_rewrites_changes_nothing(broker: MetaTraderBroker) -> None:
    answer(broker, comment="#123 by broker")
    done = opened(broker)
    (held,) = broker.connector.positions(FAR)
    assert (held.ticket, held.magic, held.comment) == (done.ticket, MAGIC, "#123 by broker")


def test_an_open_whose_position_gets_another_ticket_at_once_is_answered_with_that(broker: MetaTraderBroker) -> None:
    answer(broker, renumbers=True)
    done = opened(broker)
    (held,) = broker.connector.positions(FAR)
    assert (held.ticket, held.position_id) == (done.ticket, done.position_id)
    assert done.ticket != done.position_id


@pytest.mark.parametrize("times", [1, 3])
def test_a_close_follows_its_position_to_the_ticket_that_it_has_now(broker: MetaTraderBroker, times: int) -> None:
    done = opened(broker)
    ticket = done.ticket
    for _ in range(times):
        stale, ticket = ticket, broker.trade_server.hands.renumber(ticket)
        broker.connector.positions(FAR)
    broker.trade_server.hands.renumber(ticket)
    assert isinstance(close(broker, stale), Done)
    assert broker.connector.positions(FAR) == ()


def test_a_requote_is_said_to_be_one() -> None:
    broker = MetaTraderBroker(execution=facts.SYMBOL_TRADE_EXECUTION_INSTANT)
    answer(broker, code=10004)
    outcome = broker.connector.open(open_order(), TOKEN, FAR)
    assert isinstance(outcome, Rejected)
    assert outcome.requote


@pytest.mark.parametrize(
    ("allowed", "why"),
    [({"terminal": False}, "algorithmic trading"), ({"api": False}, "Python"), ({"expert": False}, "broker")],
)
def test_where_programs_may_not_trade_nothing_is_sent_and_the_reason_is_said(
    broker: MetaTraderBroker, allowed: dict[str, bool], why: str
) -> None:
    broker.trade_server.hands.allow_trading(**allowed)
    outcome = broker.connector.open(open_order(), TOKEN, FAR)
    assert isinstance(outcome, Rejected)
    assert outcome.code == "trade_disabled"
    assert why in outcome.reason
    assert sent(broker) == []


def test_a_symbol_without_a_price_is_not_ordered() -> None:
    broker = MetaTraderBroker(priced=("GBPUSD",))
    assert [quote.commodity for quote in broker.connector.quotes(FAR)] == ["GBPUSD"]
    assert code(broker.connector.open(open_order(), TOKEN, FAR)) == "market_closed"


# ------------------------------------------------------------ netting


def test_on_a_netting_account_closes_are_not_harmless_to_repeat(netting: MetaTraderBroker) -> None:
    capabilities = netting.connector.capabilities
    assert (capabilities.netting, capabilities.closes_by_ticket) == (True, False)


def test_on_a_netting_account_a_close_of_what_is_gone_is_not_sent(netting: MetaTraderBroker) -> None:
    done = opened(netting)
    assert isinstance(close(netting, done.ticket), Done)
    assert code(close(netting, done.ticket)) == "no_position"
    assert netting.connector.positions(FAR) == ()
    assert len(executed(netting)) == 2


def test_on_a_netting_account_no_more_is_closed_than_there_is(netting: MetaTraderBroker) -> None:
    done = opened(netting)
    assert code(close(netting, done.ticket, lots=0.2)) == "invalid_volume"
    assert len(executed(netting)) == 1


def test_on_a_netting_account_a_close_waits_for_one_that_is_still_at_work(netting: MetaTraderBroker) -> None:
    done = opened(netting)
    answer(netting, code=10008, fills_after_seconds=300)
    assert isinstance(close(netting, done.ticket, deadline=soon(netting)), Unknown)
    netting.clock.sleep(200)
    assert code(close(netting, done.ticket)) == "close_at_work"
    netting.clock.sleep(200)
    assert netting.connector.positions(FAR) == ()
    assert len(executed(netting)) == 2
