"""Each fault of a simulated broker does what its description says, and none once the broker behaves."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

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
from connectors.mock_clock import ManualClock
from simulation import broker_faults as kinds
from simulation.broker import FAULTS, SimulatedBroker
from simulation.broker_connection import SimulatedConnection
from trading.commodities import catalogue
from trading.market import SECOND, Deal, Side, quote_fault

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
NOON = 1_772_625_600_000
FAR = 1e12
OFTEN = 1_000.0  # the intensity at which a fault strikes nearly every call
PATIENCE_SECONDS = 20.0
QUARANTINE_SECONDS = 120.0


class Broker:
    """An account where one fault strikes, and perhaps others, and a process that is connected to it."""

    def __init__(
        self, fault: str, intensity: float = OFTEN, *, seed: int = 1, netting: bool = False, **others: float
    ) -> None:
        self.clock = ManualClock(NOON)
        self.broker = SimulatedBroker(
            "alpha",
            COMMODITIES,
            {"EURUSD": "EURUSD"},
            self.clock,
            random.Random(seed),
            netting=netting,
            faults={fault: intensity, **others},
        )
        self.truth = self.broker.truth
        self.connection: SimulatedConnection = self.broker.connection(self.clock)
        self._magic = 0
        self.connect()

    def connect(self) -> None:
        for _ in range(1_000):
            try:
                return self.connection.connect(FAR)
            except ConnectorError:
                self.clock.sleep(1)
        raise AssertionError("it never answered")

    @property
    def deadline(self) -> float:
        return self.clock.elapsed() + PATIENCE_SECONDS

    def open(self, lots: float = 0.5) -> Outcome:
        self._magic += 1
        return self.connection.open(OpenOrder("EURUSD", Side.BUY, lots, self._magic, "wb", 1.1), 1, self.deadline)

    def close(self) -> Outcome:
        held = self.truth.positions[0]
        order = CloseOrder(held.ticket, held.commodity, held.side, held.volume_lots, held.magic, 1.1)
        return self.connection.close(order, 1, self.deadline)

    def opens(self) -> Iterator[tuple[Outcome, int, float]]:
        """Outcome, positions there are more right after it, and seconds it took, of some opens."""
        for _ in range(12):
            before, began = len(self.truth.positions), self.clock.elapsed()
            outcome = self.open(0.05)
            yield outcome, len(self.truth.positions) - before, self.clock.elapsed() - began


def test_a_lost_request_executes_nothing_and_answers_nothing() -> None:
    struck = [
        (more, took) for outcome, more, took in Broker(kinds.LOST_REQUEST).opens() if isinstance(outcome, Unknown)
    ]
    assert {more for more, _ in struck} == {0}
    assert {took for _, took in struck} == {0.0, PATIENCE_SECONDS}  # a broken connection, or silence


def test_a_lost_reply_is_an_order_that_was_executed() -> None:
    struck = [more for outcome, more, _ in Broker(kinds.LOST_REPLY).opens() if isinstance(outcome, Unknown)]
    assert len(struck) > 6
    assert set(struck) == {1}


def test_a_lost_rejection_is_known_to_the_history_alone() -> None:
    broker = Broker(kinds.LOST_REJECTION)
    struck = [more for outcome, more, _ in broker.opens() if isinstance(outcome, Unknown)]

    assert set(struck) == {0}
    assert len([order for order in broker.connection.orders(0, FAR) if not order.accepted]) == len(struck) > 6


def test_a_late_arrival_is_judged_by_the_token_of_then() -> None:
    broker = Broker(kinds.LATE_ARRIVAL)
    outcomes = [broker.open(0.05) for _ in range(12)]
    arrived = len(broker.truth.accepted)
    assert any(isinstance(outcome, Unknown) for outcome in outcomes)
    assert broker.truth.waiting
    broker.broker.behave()
    broker.connection.fence(2, FAR)
    broker.clock.sleep(100)

    assert len(broker.truth.positions) == arrived == len(broker.truth.accepted) < len(broker.truth.attempts) == 12


def test_a_late_execution_comes_without_being_asked_again_and_at_times_after_the_quarantine() -> None:
    broker = Broker(kinds.LATE_EXECUTION)
    for _ in range(40):
        broker.open(0.01)
    assert len(broker.truth.accepted) == 40 > len(broker.truth.positions)
    assert broker.truth.waiting
    broker.clock.sleep(400)

    assert broker.truth.waiting == []
    assert len(broker.truth.positions) == 40
    waits = [(record.at - record.attempt.at) / SECOND for record in broker.truth.executed]
    late = [wait for wait in waits if wait > QUARANTINE_SECONDS]
    assert 0 < len(late) < 20


def test_on_a_netting_account_no_close_is_executed_after_the_quarantine() -> None:
    for seed in range(60):
        broker = Broker(kinds.LATE_EXECUTION, seed=seed, netting=True)
        broker.broker.open_by_hand("EURUSD", Side.BUY, 0.1)
        broker.close()
        broker.clock.sleep(500)
        (record,) = [record for record in broker.truth.executed if record.attempt.call == "close"]
        assert (record.at - record.attempt.at) / SECOND < QUARANTINE_SECONDS - PATIENCE_SECONDS


def test_on_a_netting_account_an_open_after_the_quarantine_is_lost_where_something_is_held() -> None:
    fates = set()
    for seed in range(80):
        broker = Broker(kinds.LATE_EXECUTION, seed=seed, netting=True)
        broker.open(0.1)
        broker.clock.sleep(QUARANTINE_SECONDS)
        if broker.truth.waiting:
            broker.broker.open_by_hand("EURUSD", Side.BUY, 0.1)
            broker.clock.sleep(400)
            assert [held.magic for held in broker.truth.positions] == [0]
        fates.add(len(broker.truth.executed))
    assert fates == {0, 1}


def test_on_a_netting_account_nobody_closes_by_hand_what_a_close_on_its_way_would_then_reverse() -> None:
    by_hand = 0
    for seed in range(30):
        broker = Broker(kinds.LATE_EXECUTION, seed=seed, netting=True, closed_by_hand=20.0)
        broker.broker.open_by_hand("EURUSD", Side.BUY, 0.1)
        broker.close()
        while broker.truth.waiting:
            broker.clock.sleep(1)
        assert broker.truth.positions == ()
        assert [deal.entry for deal in broker.truth.deals] == ["in", "out"]
        broker.broker.open_by_hand("EURUSD", Side.BUY, 0.1)
        broker.clock.sleep(100)
        by_hand += broker.truth.positions == ()
    assert by_hand > 20


def test_a_restart_loses_some_of_the_orders_that_wait_and_keeps_the_others() -> None:
    broker = Broker(kinds.LATE_EXECUTION)
    for magic in range(1, 61):
        order = OpenOrder("EURUSD", Side.BUY, 0.01, magic, "", 1.1)
        broker.connection.open(order, 1, broker.clock.elapsed() + 0.001)
    waiting = len(broker.truth.waiting)
    broker.broker.restart(1.0)
    assert 0 < len(broker.truth.waiting) < waiting


def test_while_the_broker_is_away_nothing_is_executed_and_what_waits_comes_after() -> None:
    broker = Broker(kinds.LATE_EXECUTION)
    for magic in range(1, 61):
        order = OpenOrder("EURUSD", Side.BUY, 0.01, magic, "", 1.1)
        broker.connection.open(order, 1, broker.clock.elapsed() + 0.001)
    broker.broker.restart(500.0)
    executed, kept = len(broker.truth.executed), len(broker.truth.waiting)
    broker.clock.sleep(499)
    assert len(broker.truth.executed) == executed
    broker.clock.sleep(1)
    assert len(broker.truth.executed) == executed + kept


def test_a_slow_order_is_answered_within_its_deadline() -> None:
    took = [took for outcome, more, took in Broker(kinds.SLOW_ORDER).opens() if isinstance(outcome, Done) and more == 1]
    assert len(took) == 12
    assert 0 < max(took) <= PATIENCE_SECONDS


def test_a_late_answer_comes_after_the_deadline() -> None:
    took = [took for outcome, _, took in Broker(kinds.LATE_ANSWER).opens() if isinstance(outcome, Done)]
    assert len(took) == 12
    assert PATIENCE_SECONDS < max(took) < PATIENCE_SECONDS + 2


def test_an_order_that_is_delivered_twice_is_executed_once() -> None:
    broker = Broker(kinds.DUPLICATE_DELIVERY)
    assert {(type(outcome), more) for outcome, more, _ in broker.opens()} == {(Done, 1)}
    while broker.truth.positions:
        assert isinstance(broker.close(), Done)
    refused = [record.outcome for record in broker.truth.executed if isinstance(record.outcome, Rejected)]
    assert refused
    assert {outcome.code for outcome in refused} == {"no_position"}


def test_on_a_netting_account_no_close_is_delivered_twice() -> None:
    for seed in range(20):
        broker = Broker(kinds.DUPLICATE_DELIVERY, seed=seed, netting=True)
        broker.open()
        broker.close()
        assert broker.truth.positions == ()


@pytest.mark.parametrize("fault", [kinds.REQUOTE, kinds.PRICE_CHANGED])
def test_another_price_is_a_definite_no_after_which_a_new_order_may_be_tried(fault: str) -> None:
    broker = Broker(fault)
    struck = [(outcome.requote, more) for outcome, more, _ in broker.opens() if isinstance(outcome, Rejected)]
    assert set(struck) == {(True, 0)}
    assert len([order for order in broker.truth.orders if not order.accepted]) == len(struck) > 6


def test_a_rejection_is_a_definite_no() -> None:
    struck = [
        (outcome.code, outcome.requote, more)
        for outcome, more, _ in Broker(kinds.REJECTED).opens()
        if isinstance(outcome, Rejected)
    ]
    assert set(struck) == {("rejected", False, 0)}


def test_a_partial_fill_answers_with_the_volume_that_there_is() -> None:
    broker = Broker(kinds.PARTIAL_FILL)
    lots = [outcome.volume_lots for outcome in (broker.open(0.5) for _ in range(8)) if isinstance(outcome, Done)]
    assert [held.volume_lots for held in broker.truth.positions] == lots
    assert 0.01 <= min(lots) < 0.5


def test_a_rewritten_comment_leaves_the_number_alone() -> None:
    broker = Broker(kinds.COMMENT_REWRITTEN)
    outcomes = [broker.open(0.05) for _ in range(8)]
    assert len(outcomes) == 8
    assert {held.comment for held in broker.truth.positions} >= {"[broker]"}
    assert [held.magic for held in broker.truth.positions] == list(range(1, 9))


def test_a_refused_close_leaves_the_position_and_no_trace_in_the_history() -> None:
    broker = Broker(kinds.REFUSED_CLOSE)
    broker.open()
    outcome = broker.close()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "trade_disabled"
    assert len(broker.truth.positions) == len(broker.truth.orders) == 1


def test_a_partial_close_leaves_the_rest() -> None:
    broker = Broker(kinds.PARTIAL_CLOSE)
    broker.open(0.5)
    outcome = broker.close()
    assert isinstance(outcome, Done)
    assert broker.truth.positions[0].volume_lots == pytest.approx(0.5 - outcome.volume_lots)


@pytest.mark.parametrize(
    ("fault", "error"), [(kinds.FAILED_QUESTION, ConnectorError), (kinds.HUNG_QUESTION, DeadlinePassed)]
)
def test_a_question_without_an_answer_raises(fault: str, error: type[ConnectorError]) -> None:
    broker = Broker(fault)
    raised = 0
    for _ in range(10):
        began = broker.clock.elapsed()
        try:
            broker.connection.positions(broker.deadline)
        except error:
            raised += 1
            assert broker.clock.elapsed() - began == (PATIENCE_SECONDS if error is DeadlinePassed else 0)
    assert raised > 5


def test_a_slow_question_is_answered_within_its_deadline_with_what_is_true_then() -> None:
    broker = Broker(kinds.SLOW_QUESTION)
    for _ in range(10):
        account = broker.connection.account(broker.deadline)
        assert account.time == pytest.approx(broker.clock.now(), abs=2)
    assert 0 < broker.clock.elapsed() < 10 * PATIENCE_SECONDS


def test_a_fence_whose_answer_is_lost_stands() -> None:
    broker = Broker(kinds.LOST_FENCE)
    lost = 0
    for token in range(2, 12):
        try:
            broker.connection.fence(token, FAR)
        except ConnectorError:
            lost += 1
        assert broker.truth.token == token
    assert lost > 5


def test_a_bad_quote_is_one_that_can_be_told() -> None:
    broker = Broker(kinds.BAD_QUOTE)
    faults = {quote_fault(broker.connection.quotes(FAR)[0]) for _ in range(60)}
    assert faults == {None, "not finite", "crossed", "price at or below zero"}


# ------------------------------------------------------------ what happens by itself


def reasons(deals: list[Deal]) -> set[str]:
    return {deal.reason for deal in deals}


def wait_for_reason(broker: Broker, reason: str) -> Deal:
    for _ in range(500):
        found = [deal for deal in broker.truth.deals if deal.reason == reason]
        if found:
            return found[-1]
        if not [held for held in broker.truth.positions if held.magic]:
            broker.open()
        broker.clock.sleep(5)
    raise AssertionError(f"no deal of reason {reason}")


@pytest.mark.parametrize(("fault", "reason"), [(kinds.CLOSED_BY_HAND, "client"), (kinds.STOPPED_OUT, "stop out")])
@pytest.mark.parametrize("netting", [False, True])
def test_a_position_is_closed_without_us_and_its_deal_has_no_magic(fault: str, reason: str, netting: bool) -> None:
    deal = wait_for_reason(Broker(fault, 1.0, netting=netting), reason)
    assert (deal.magic, deal.entry) == (0, "out")


def test_a_person_opens_positions() -> None:
    broker = Broker(kinds.OPENED_BY_HAND, 1.0)
    broker.clock.sleep(2_000)
    assert broker.truth.positions
    assert {held.magic for held in broker.truth.positions} == {0}


def test_on_a_netting_account_a_person_trades_into_what_is_held() -> None:
    broker = Broker(kinds.OPENED_BY_HAND, 1.0, netting=True)
    opened = broker.open()
    assert isinstance(opened, Done)
    broker.clock.sleep(5_000)
    assert {deal.magic for deal in broker.truth.deals if deal.position_id == opened.position_id} == {0, 1}
    assert len(broker.truth.positions) <= 1


def test_a_correction_is_booked_on_a_position_that_is_closed() -> None:
    broker = Broker(kinds.CORRECTION, 1.0)
    broker.open()
    broker.close()
    broker.clock.sleep(1_000)
    deal = broker.truth.deals[-1]
    assert (deal.reason, deal.position_id, deal.volume_lots) == ("correction", broker.truth.deals[0].position_id, 0.0)


def test_a_history_that_is_behind_shows_the_position_gone_before_its_deals() -> None:
    broker = Broker(kinds.HISTORY_BEHIND, 1.0)
    for _ in range(200):
        broker.open(0.01)
        broker.close()
        assert broker.connection.positions(FAR) == ()
        seen = broker.connection.deals(0, FAR)
        if len(seen) < len(broker.truth.deals):
            break
        broker.clock.sleep(3)
    else:
        raise AssertionError("the history was never behind")
    assert seen == tuple(broker.truth.deals[: len(seen)])
    broker.broker.behave()
    assert len(broker.connection.deals(0, FAR)) == len(broker.truth.deals)


@pytest.mark.parametrize("fault", [kinds.NETWORK_CUT, kinds.RESTART])
def test_a_connection_that_is_cut_can_be_made_again_in_time(fault: str) -> None:
    broker = Broker(fault, 1.0)
    cuts = 0
    for _ in range(300):
        broker.clock.sleep(5)
        try:
            broker.connection.positions(FAR)
        except NotConnected:
            cuts += 1
            with pytest.raises(NotConnected, match="not connected"):
                broker.connection.positions(FAR)
            broker.connect()
    assert cuts > 2


def test_a_market_that_is_shut_refuses_shows_an_old_quote_and_opens_with_a_gap() -> None:
    broker = Broker(kinds.MARKET_SHUT, 1.0)
    while broker.truth.is_open("EURUSD"):
        broker.clock.sleep(1)
    before = broker.connection.quotes(FAR)
    outcome = broker.open()
    assert isinstance(outcome, Rejected)
    assert outcome.code == "market_closed"
    broker.clock.sleep(5)
    assert broker.connection.quotes(FAR) == before
    while not broker.truth.is_open("EURUSD"):
        broker.clock.sleep(1)
    assert broker.connection.quotes(FAR)[0].time > before[0].time + 5 * SECOND


def test_stale_quotes_keep_their_time_while_orders_fill_at_the_price_of_now() -> None:
    broker = Broker(kinds.STALE_QUOTES, 1.0)
    while broker.clock.now() - broker.connection.quotes(FAR)[0].time < 8 * SECOND:
        broker.clock.sleep(1)
    stale, real = broker.connection.quotes(FAR)[0], broker.truth.quote("EURUSD")
    outcome = broker.open()
    assert isinstance(outcome, Done)
    assert outcome.price == real.ask != stale.ask


def test_a_jump_is_wider_than_any_step() -> None:
    calm, wild = Broker(kinds.REQUOTE, 0.0), Broker(kinds.JUMP, 1.0)

    def widest(broker: Broker) -> float:
        bids = []
        for _ in range(2_000):
            bids.append(broker.truth.quote("EURUSD").bid)
            broker.clock.sleep(1)
        return max(abs(later - earlier) for earlier, later in pairwise(bids))

    assert widest(wild) > 10 * widest(calm)


# ------------------------------------------------------------ once faults stop


def test_a_broker_that_behaves_answers_everything() -> None:
    for seed in range(10):
        broker = Broker(kinds.REQUOTE, 0.0, seed=seed)
        wild = SimulatedBroker(
            "alpha",
            COMMODITIES,
            {"EURUSD": "EURUSD"},
            broker.clock,
            random.Random(seed),
            faults=dict.fromkeys(FAULTS, 4.0),
        )
        connection = wild.connection(broker.clock)
        for magic in range(1, 40):
            try:
                connection.connect(broker.deadline)
                connection.open(OpenOrder("EURUSD", Side.BUY, 0.01, magic, "", 1.1), 1, broker.deadline)
            except ConnectorError:
                broker.clock.sleep(3)
        wild.behave()
        connection.connect(broker.deadline)
        for magic in range(100, 140):
            began = broker.clock.elapsed()
            quote = connection.quotes(broker.deadline)[0]
            assert quote_fault(quote) is None
            assert broker.clock.now() - quote.time < SECOND
            opened = connection.open(OpenOrder("EURUSD", Side.BUY, 0.01, magic, "", 1.1), 1, broker.deadline)
            assert isinstance(opened, Done)
            out = CloseOrder(opened.ticket, "EURUSD", Side.BUY, 0.01, magic, 1.1)
            assert isinstance(connection.close(out, 1, broker.deadline), Done)
            assert [deal.magic for deal in connection.deals(0, FAR)][-2:] == [magic, magic]
            assert broker.clock.elapsed() == began
