"""A simulated account behind MetaTrader 5 terminals: what its workers are told, and what really happened meanwhile."""

from __future__ import annotations

import random
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import trading
from connectors import wire
from connectors.base import ConnectorError, Done, StaleToken
from connectors.mock_clock import ManualClock
from connectors.mt5 import facts
from connectors.mt5.calls import SendOrder
from connectors.mt5.channel import AnswerLost
from connectors.mt5.package_records import unpacked_rates
from simulation import broker_faults as kinds
from simulation import terminal_faults
from simulation.terminal_broker import MetaTraderBroker
from simulation.terminal_channel import TerminalChannel
from simulation.terminal_floor import WATCHDOG_SECONDS, WorldFloor
from trading.commodities import catalogue
from trading.market import HOUR
from trading.settings_accounts import AccountSettings
from trading.settings_metatrader import MetaTraderSettings

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
NOON = 1_772_625_600_000
LOGIN, SERVER, SYMBOL = 7, "Simulated-Demo", "EURUSD.m"
PATIENCE_SECONDS = 20.0
LATEST = 2**31 - 1
OFTEN = 1_000.0  # the intensity at which a fault strikes nearly every call

Json = Any


class Account:
    """An account where some faults strike, and a process with a terminal and a worker."""

    def __init__(
        self, *faults: str, intensity: float = OFTEN, seed: int = 1, netting: bool = False, **how: Any
    ) -> None:
        self.clock = ManualClock(NOON)
        settings = AccountSettings(
            name="alpha",
            connector="mt5",
            symbols={"EURUSD": SYMBOL},
            login=LOGIN,
            server=SERVER,
            mt5=MetaTraderSettings(package="simulator", terminal="simulated", netting=netting),
        )
        struck = dict.fromkeys(faults, intensity)
        self.broker = MetaTraderBroker(settings, COMMODITIES, self.clock, random.Random(seed), faults=struck, **how)
        self.truth = self.broker.truth
        self.strays: list[str] = []
        self.channel = self.process()
        self._magic = 0

    def process(self) -> TerminalChannel:
        """One more process."""
        return self.broker.channel("another", self.strays.append)

    def call(self, call: str, channel: TerminalChannel | None = None, **arguments: Json) -> Json:
        """Ask a worker that was once connected to the terminal."""
        used = channel or self.channel
        if not used.is_open:
            self.initialize(used)
        return used.call(call, arguments, PATIENCE_SECONDS)

    def initialize(self, channel: TerminalChannel | None = None) -> None:
        """Try until a worker is connected to the terminal."""
        used = channel or self.channel
        for _ in range(1_000):
            used.open(PATIENCE_SECONDS)
            try:
                if used.call("initialize", {}, PATIENCE_SECONDS)["account"] is not None:
                    return
            except ConnectorError:
                pass
            self.clock.sleep(1)
        raise AssertionError("no worker ever got a connection")

    def values(self, call: str, **arguments: Json) -> list[dict[str, Json]]:
        """What the package gave to a question."""
        given = self.call(call, **arguments)
        assert given["identity"]["login"] == LOGIN
        return list(given["value"])

    def history(self, what: str) -> list[dict[str, Json]]:
        """All of it."""
        return self.values(what, since=0, until=LATEST)

    def send(
        self,
        *,
        magic: int | None = None,
        token: int = 1,
        position: int | None = None,
        lots: float = 0.5,
        channel: TerminalChannel | None = None,
    ) -> Json:
        """Buy, or close what was bought; with a new number unless one is given."""
        self._magic += 1
        order = SendOrder(
            symbol=SYMBOL,
            order_type=facts.ORDER_TYPE_BUY if position is None else facts.ORDER_TYPE_SELL,
            volume_lots=lots,
            price=1.1,
            deviation_points=20,
            comment="wb",
            position=position,
            fillings=(facts.ORDER_FILLING_FOK, facts.ORDER_FILLING_IOC),
            login=LOGIN,
            server=SERVER,
            trade_mode=facts.ACCOUNT_TRADE_MODE_DEMO,
        )
        number = self._magic if magic is None else magic
        return self.call("send", channel, order=wire.encode(order), token=token, magic=number)

    @property
    def sent(self) -> int:
        """How many orders left the worker, however many kinds of filling each was tried with."""
        return len({attempt.magic for attempt in self.truth.attempts})

    def opens(self, count: int = 24) -> Iterator[tuple[Json, int, float]]:
        """Answer (None: it was lost), positions there are more, and seconds it took, of some opens."""
        for _ in range(count):
            self.initialize()
            before, began = len(self.truth.positions), self.clock.elapsed()
            try:
                answer = self.send(lots=0.05)
            except AnswerLost:
                answer = None
            yield answer, len(self.truth.positions) - before, round(self.clock.elapsed() - began, 3)


def code(answer: Json) -> int:
    """The return code of an order that was sent."""
    assert answer["refused"] is None, answer
    return int(answer["result"]["retcode"])


# ------------------------------------------------------------ left to itself


def test_an_order_goes_through_the_worker_to_the_account_and_everybody_sees_it() -> None:
    account = Account()
    answer = account.send(magic=11)
    assert code(answer) == facts.TRADE_RETCODE_DONE

    (position,) = account.values("positions")
    (live,) = account.truth.positions
    assert (position["identifier"], position["ticket"], position["magic"]) == (live.position_id, live.ticket, 11)
    assert (position["symbol"], position["volume"], position["comment"]) == (SYMBOL, 0.5, "wb")
    assert answer["result"]["order"] == position["identifier"]
    assert code(account.send(position=position["ticket"])) == facts.TRADE_RETCODE_DONE
    assert account.values("positions") == []


def test_all_deals_together_are_the_balance_the_deposit_first() -> None:
    account = Account()
    account.send()
    account.clock.sleep(60)
    account.send(position=account.truth.positions[0].ticket)

    deposit, opened, closed = account.history("history_deals")
    assert (deposit["type"], opened["entry"], closed["entry"]) == (facts.DEAL_TYPE_BALANCE, 0, 1)
    money = sum(deal[of] for deal in (deposit, opened, closed) for of in ("profit", "swap", "commission", "fee"))
    assert round(money, 2) == account.call("look")["account"]["balance"] == account.truth.account.balance


def test_a_correction_is_a_deal_of_its_own_kind_on_the_position() -> None:
    account = Account(kinds.CORRECTION)
    account.send()
    account.send(position=account.truth.positions[0].ticket)
    account.clock.sleep(1)

    corrections = [deal for deal in account.history("history_deals") if deal["type"] == facts.DEAL_TYPE_CORRECTION]
    assert corrections
    assert {deal["position_id"] for deal in corrections} == {account.truth.deals[0].position_id}


def test_a_way_of_filling_that_the_symbol_does_not_take_reaches_nobody() -> None:
    taken = set()
    for seed in range(40):
        account = Account(seed=seed)
        answer = account.send()
        taken.add((account.values("symbols", names=[SYMBOL])[0]["info"]["filling_mode"], answer["filling"]))
        assert len(account.truth.accepted) == len(account.truth.executed) == 1
    assert taken == {(1, facts.ORDER_FILLING_FOK), (2, facts.ORDER_FILLING_IOC), (3, facts.ORDER_FILLING_FOK)}


def test_bars_are_those_of_the_market_in_the_brokers_own_clock() -> None:
    account = Account()
    account.clock.sleep(2 * 3600 + 600)
    tick = account.values("ticks", names=[SYMBOL])[0]
    given = account.call("rates", symbol=SYMBOL, timeframe=facts.TIMEFRAME_H1, start=0, count=10)
    bars = unpacked_rates(given["value"], "rates")

    assert len(bars["time"]) == 3
    assert bars["close"][-1] == pytest.approx(tick["bid"])
    assert 0 <= tick["time"] - bars["time"][-1] < 3600
    of_market = account.broker.connection(account.clock)
    of_market.connect(1e12)
    hours = of_market.bars("EURUSD", 10, 1e12)
    assert list(bars["open"][:2] + hours.spread / 2) == pytest.approx(list(hours.open))


# ------------------------------------------------------------ the order floor


def test_a_token_that_one_process_has_raised_keeps_another_out() -> None:
    account = Account()
    paused, leader = account.process(), account.process()
    account.send(token=3, channel=paused)
    account.call("fence", leader, token=4)

    assert account.send(token=3, channel=paused)["refused"] == "stale_token"
    assert account.send(token=3, position=account.truth.positions[0].ticket, channel=paused)["refused"] == "stale_token"
    with pytest.raises(StaleToken):
        account.call("fence", paused, token=3)
    assert [(record.attempt.token, record.lowest_token) for record in account.truth.accepted] == [(3, 3)]


def test_a_floor_that_lets_stale_tokens_through_is_seen_in_the_truth() -> None:
    account = Account(is_fenced=False)
    account.call("fence", token=4)
    account.send(token=3)
    (record,) = account.truth.accepted
    assert record.attempt.token < record.lowest_token == 4


@pytest.mark.parametrize(("dedupes", "executed"), [(True, 1), (False, 2)])
def test_a_number_is_sent_once_whichever_process_sends_it(dedupes: bool, executed: int) -> None:
    account = Account(dedupes_open=dedupes)
    account.send(magic=5)
    account.send(magic=5, channel=account.process())
    assert len(account.truth.positions) == executed


def test_who_waits_for_the_floor_gets_it_when_the_worker_that_held_it_has_been_ended() -> None:
    clock = ManualClock()
    floor = WorldFloor(clock.elapsed, clock.sleep, fences=True, dedupes=True)
    killed = floor.hold(5.0, clock.elapsed() + 5.0)
    killed.__enter__()  # and never left: nothing of a killed process runs any more

    with floor.hold(60.0, clock.elapsed() + 60.0) as held:
        assert held.token == 0
        assert clock.elapsed() == pytest.approx(5.0 + WATCHDOG_SECONDS, abs=0.5)


# ------------------------------------------------------------ faults of orders

DOUBTFUL = {facts.TRADE_RETCODE_ERROR, facts.TRADE_RETCODE_TIMEOUT, facts.TRADE_RETCODE_CONNECTION, 0}


def is_doubtful(answer: Json) -> bool:
    """Whether the worker's answer says nothing of what became of the order."""
    return answer is None or answer["result"] is None or code(answer) in DOUBTFUL


@pytest.mark.parametrize(
    ("fault", "executed"), [(kinds.LOST_REQUEST, {0}), (kinds.LOST_REPLY, {1}), (kinds.LOST_REJECTION, {0})]
)
def test_what_is_lost_is_answered_by_nothing_in_every_way_that_there_is(fault: str, executed: set[int]) -> None:
    struck = [(answer, more, took) for answer, more, took in Account(fault).opens(40) if is_doubtful(answer)]
    assert {more for _, more, _ in struck} == executed
    assert {took for answer, _, took in struck if answer is None} == {PATIENCE_SECONDS}
    assert any(answer is not None and answer["result"] is None for answer, _, _ in struck)
    assert {code(answer) for answer, _, _ in struck if answer is not None and answer["result"] is not None} <= DOUBTFUL


@pytest.mark.parametrize(
    ("fault", "expected"),
    [
        (kinds.REQUOTE, facts.TRADE_RETCODE_REQUOTE),
        (kinds.PRICE_CHANGED, facts.TRADE_RETCODE_PRICE_CHANGED),
        (kinds.REJECTED, facts.TRADE_RETCODE_REJECT),
    ],
)
def test_a_refused_open_has_its_code_and_stands_in_the_history(fault: str, expected: int) -> None:
    account = Account(fault)
    struck = [(code(answer), more) for answer, more, _ in account.opens() if code(answer) != facts.TRADE_RETCODE_DONE]
    assert set(struck) == {(expected, 0)}
    states = [order["state"] for order in account.history("history_orders")]
    assert states.count(facts.ORDER_STATE_REJECTED) == len(struck) > 6


def test_a_refused_close_leaves_the_position() -> None:
    account = Account(kinds.REFUSED_CLOSE)
    account.send()
    ticket = account.truth.positions[0].ticket
    codes = {code(account.send(position=ticket)) for _ in range(2)}
    assert facts.TRADE_RETCODE_TRADE_DISABLED in codes


def test_a_partial_fill_says_so_where_the_order_takes_what_there_is() -> None:
    codes = set()
    for seed in range(6):
        account = Account(kinds.PARTIAL_FILL, seed=seed)
        answer = account.send(lots=1.0)
        (live,) = account.truth.positions
        codes.add((answer["filling"], code(answer)))
        assert (live.volume_lots < 1.0) == (code(answer) == facts.TRADE_RETCODE_DONE_PARTIAL)
    assert (facts.ORDER_FILLING_IOC, facts.TRADE_RETCODE_DONE_PARTIAL) in codes
    assert (facts.ORDER_FILLING_FOK, facts.TRADE_RETCODE_DONE_PARTIAL) not in codes


def test_a_late_execution_has_its_number_before_it_has_its_deal() -> None:
    account = Account(kinds.LATE_EXECUTION)
    told = [answer["result"] for answer, more, _ in account.opens() if not is_doubtful(answer) and more == 0]
    numbers = {result["order"] for result in told}
    assert {result["retcode"] for result in told} == {facts.TRADE_RETCODE_PLACED, facts.TRADE_RETCODE_DONE}
    assert {order["ticket"] for order in account.values("orders")} & numbers, "some are shown at work"

    account.clock.sleep(1_000)
    assert numbers <= {deal["order"] for deal in account.history("history_deals")}
    assert numbers <= {position["identifier"] for position in account.values("positions")}
    assert account.values("orders") == []


def test_a_late_arrival_is_dropped_by_the_worker_or_executed_late() -> None:
    account = Account(kinds.LATE_ARRIVAL)
    lost = sum(answer is None for answer, _, _ in account.opens(30))
    sent = account.sent
    account.clock.sleep(200)
    assert 0 < 30 - sent < lost, "some never left the worker, and some were given up that did"
    assert len(account.truth.positions) == sent


def test_a_call_that_is_delivered_twice_opens_one_position() -> None:
    account = Account(kinds.DUPLICATE_DELIVERY)
    assert {more for _, more, _ in account.opens()} == {1}


def test_a_late_answer_is_lost_with_the_worker() -> None:
    struck = [(more, took) for answer, more, took in Account(kinds.LATE_ANSWER).opens() if answer is None]
    assert set(struck) == {(1, PATIENCE_SECONDS)}


# ------------------------------------------------------------ faults of questions and of terminals


def test_a_question_that_hangs_ends_the_worker_at_its_deadline() -> None:
    account = Account(kinds.HUNG_QUESTION, intensity=20.0)
    hung = 0
    for _ in range(40):
        account.initialize()
        began = account.clock.elapsed()
        try:
            account.call("positions")
        except AnswerLost:
            hung += 1
            assert account.clock.elapsed() - began == pytest.approx(PATIENCE_SECONDS, abs=1e-3)
            assert not account.channel.is_open
    assert hung > 3


def test_a_question_that_fails_gives_nothing_and_names_an_error() -> None:
    account = Account(kinds.FAILED_QUESTION)
    said = set()
    for _ in range(20):
        account.initialize()
        given = account.call("positions")
        said.add(given["code"])
        assert (given["value"] is None) == (given["code"] != facts.RES_S_OK)
    assert facts.RES_E_FAIL in said
    assert facts.RES_E_INTERNAL_FAIL_RECEIVE in said


def test_while_the_network_is_cut_the_terminal_says_so_and_the_worker_sends_nothing() -> None:
    account = Account(kinds.NETWORK_CUT, intensity=50.0)
    seen = set()
    for _ in range(60):
        account.clock.sleep(3)
        answer = account.call("positions")
        if answer["identity"] is not None and not answer["identity"]["connected"]:
            seen.add(account.send()["refused"])
    assert seen == {"not_connected"}


def test_an_order_is_refused_while_another_account_is_shown_and_none_ever_reaches_it() -> None:
    account = Account(terminal_faults.OTHER_ACCOUNT, intensity=20.0)
    answers = []
    for _ in range(100):
        account.clock.sleep(2)
        if account.call("look")["account"]["login"] != LOGIN:
            given = account.call("positions")
            assert given["identity"]["login"] == LOGIN or given["value"] == []
        answers.append(account.send(lots=0.01)["refused"])
    assert set(answers) == {None, "wrong_account"}, "it strikes right before an order too"
    assert account.strays == []
    assert account.sent == answers.count(None)


def test_an_order_is_refused_while_algorithmic_trading_is_switched_off() -> None:
    account = Account(terminal_faults.ALGO_TRADING_OFF, intensity=20.0)
    refused = set()
    for _ in range(200):
        account.clock.sleep(2)
        if not account.call("look")["terminal"]["trade_allowed"]:
            refused.add(account.send()["refused"])
    assert refused == {"trade_disabled"}


def test_a_broker_that_sets_its_clock_leaves_old_stamps_as_they_were() -> None:
    account = Account(terminal_faults.SERVER_CLOCK, intensity=10.0)
    account.send()
    before = account.history("history_deals")[-1]["time_msc"]
    leads = set()
    for _ in range(30):
        account.clock.sleep(30)
        leads.add(round((account.values("ticks", names=[SYMBOL])[0]["time_msc"] - account.clock.now()) / HOUR))
    assert len(leads) > 2
    assert account.history("history_deals")[1]["time_msc"] == before


def test_a_renumbered_position_keeps_its_identifier_and_its_old_ticket_closes_nothing() -> None:
    account = Account(terminal_faults.RENUMBERED, intensity=10.0)
    account.send()
    old = account.truth.positions[0]
    while account.truth.positions[0].ticket == old.ticket:
        account.clock.sleep(5)
    (new,) = account.values("positions")
    assert (new["identifier"], new["ticket"] != old.ticket) == (old.position_id, True)
    assert code(account.send(position=old.ticket)) == facts.TRADE_RETCODE_POSITION_CLOSED
    assert len(account.truth.positions) == 1


def test_a_worker_that_is_killed_loses_its_answer_and_another_one_is_started() -> None:
    account = Account(terminal_faults.WORKER_KILLED, intensity=30.0)
    lost = [more for answer, more, _ in account.opens(60) if answer is None]
    assert set(lost) == {0, 1}, "before it was asked, and after it had answered"


def test_a_restart_of_the_broker_is_seen_as_no_link_or_as_no_terminal() -> None:
    said = set()
    for seed in range(8):
        account = Account(seed=seed)
        account.call("look")
        account.broker.restart(5.0)
        given = account.call("positions")
        said.add(given["code"] if given["identity"] is None else given["identity"]["connected"])
        account.clock.sleep(6)
        if given["identity"] is not None:
            assert account.call("positions")["identity"]["connected"]
    assert said == {facts.RES_E_INTERNAL_FAIL_CONNECT, False}


def test_a_history_that_is_fetched_after_a_log_in_comes_bit_by_bit_and_whole_in_the_end() -> None:
    account = Account(terminal_faults.HISTORY_FETCHED)
    for _ in range(8):
        account.send(lots=0.01)
    account.channel.close()
    seen = []
    for _ in range(10):
        seen.append(len(account.history("history_deals")))
        account.clock.sleep(1)
    assert seen == sorted(seen)
    assert (seen[0] < 4, len(set(seen)) > 2, seen[-1]) == (True, True, 9)


def test_positions_that_are_behind_show_an_order_after_some_seconds() -> None:
    account = Account(terminal_faults.POSITIONS_BEHIND)
    shown = []
    for _ in range(8):
        account.send(lots=0.01)
        shown.append(len(account.truth.positions) - len(account.values("positions")))
        account.clock.sleep(6)
        assert len(account.values("positions")) == len(account.truth.positions)
    assert 1 in shown


def test_a_broker_that_behaves_again_shows_the_right_account_at_once() -> None:
    faults = (terminal_faults.OTHER_ACCOUNT, terminal_faults.ALGO_TRADING_OFF, kinds.NETWORK_CUT)
    account = Account(*faults, intensity=40.0)
    for _ in range(20):
        account.clock.sleep(3)
        account.call("look")
    account.broker.behave()
    account.initialize()
    look = account.call("look")
    assert (look["account"]["login"], look["terminal"]["trade_allowed"]) == (LOGIN, True)
    assert look["terminal"]["connected"]


def test_on_a_netting_account_closes_are_merged_whatever_ticket_they_name() -> None:
    account = Account(netting=True)
    account.send(lots=0.5)
    account.send(lots=0.2)
    assert code(account.send(position=12345, lots=0.7)) == facts.TRADE_RETCODE_DONE
    assert account.truth.positions == ()
    assert all(isinstance(executed.outcome, Done) for executed in account.truth.executed)
