"""Random faults of a simulated terminal: every kind strikes, the same seed does the same, and money stays true."""

from __future__ import annotations

import math
import random
import tomllib
from pathlib import Path
from typing import Any

import pytest

import trading
from connectors.mock_clock import ManualClock
from connectors.mt5 import facts
from connectors.mt5.simulated_faults import MEAN_HOURS, ORDERS, QUESTIONS, RandomFaults
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_script import CALLS, Trouble
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.simulated_truth import Executed, Happened
from connectors.mt5.trade_server import PackageError
from trading.commodities import catalogue
from trading.market import HOUR, MINUTE, Side

COMMODITIES = catalogue(tomllib.loads((Path(trading.__file__).parent / "commodities.toml").read_text(encoding="utf-8")))
NOON = 1_704_715_200_000
EURUSD = "EURUSD"
WEEK_HOURS = 24 * 7


class Day:
    """A server with faults, and a program that trades on it without much sense."""

    def __init__(self, seed: int, intensity: float = 1.0, *, netting: bool = False, until: int | None = None) -> None:
        self.clock = ManualClock(NOON)
        self.market = HandMarket()
        self.market.price(EURUSD, 1.1000, 1.1001)
        self.blocked: list[float] = []
        self.server = SimulatedTradeServer(
            AccountTerms(1001, "Sim-Demo", netting=netting),
            {EURUSD: SymbolTerms(COMMODITIES[EURUSD])},
            self.market,
            self.clock,
            block=self.blocked.append,
        )
        self.server.symbol_select(EURUSD, True)
        self.faults = RandomFaults(self.server, random.Random(seed), intensity, until=until)
        self.rng = random.Random(seed + 1)
        self.answers: list[object] = []

    def order(self, lots: float, side: Side, position: int = 0) -> None:
        """Send an order, and note what comes of it."""
        self.answers.append(self._sent(lots, side, position))

    def _sent(self, lots: float, side: Side, position: int) -> object:
        request: dict[str, Any] = dict.fromkeys(("order", "expiration", "position_by"), 0)
        request |= dict.fromkeys(("stoplimit", "sl", "tp"), 0.0)
        request |= {
            "action": facts.TRADE_ACTION_DEAL,
            "magic": 7,
            "symbol": EURUSD,
            "volume": lots,
            "price": 1.1,
            "deviation": 20,
            "type": facts.ORDER_TYPE_BUY if side is Side.BUY else facts.ORDER_TYPE_SELL,
            "type_filling": facts.ORDER_FILLING_FOK,
            "type_time": facts.ORDER_TIME_GTC,
            "comment": "watch",
            "position": position,
        }
        try:
            return self.server.order_send(request)["retcode"]
        except PackageError as error:
            return error.code

    def go_on(self, hours: int) -> None:
        """Trade for so long."""
        for _ in range(hours):
            bid = round(1.1 + self.rng.uniform(-0.002, 0.002), 5)
            self.market.price(EURUSD, bid, round(bid + 0.0001, 5))
            self.order(self.rng.randint(1, 5) / 100, Side.BUY)
            self.clock.go_to(self.clock.now() + 30 * MINUTE)
            held = list(self.server.account.book.holdings.values())
            if held:
                worst = self.rng.choice(held)
                self.order(worst.volume_lots, worst.side.opposite, worst.ticket)
            self.clock.go_to(self.clock.now() + 30 * MINUTE)

    def balance_is_right(self) -> bool:
        """Whether the balance is the deposit and what the deals have booked."""
        book, opening = self.server.account.book, self.server.terms.paper.balance
        return math.isclose(book.balance, opening + sum(deal.net for deal in book.deals), abs_tol=0.005)


@pytest.mark.parametrize("netting", [False, True])
def test_a_faulty_week_books_every_cent_and_executes_no_order_that_was_not_sent(netting: bool) -> None:
    day = Day(5, 2.0, netting=netting)
    day.go_on(WEEK_HOURS)
    assert day.balance_is_right()
    executed = [event for event in day.server.events if isinstance(event, Executed) and event.magic == 7]
    assert len({event.order for event in executed}) <= len(day.answers)
    strange = {answer for answer in day.answers if answer != facts.TRADE_RETCODE_DONE}
    assert len(strange) > 8
    assert any(seconds == math.inf for seconds in day.blocked)


def test_the_same_seed_does_the_same() -> None:
    first, again, other = Day(3), Day(3), Day(4)
    for day in (first, again, other):
        day.go_on(48)
    assert first.server.events == again.server.events
    assert first.answers == again.answers
    assert first.answers != other.answers


def test_at_an_intensity_of_none_nothing_goes_wrong() -> None:
    day = Day(3, 0.0)
    day.go_on(24)
    assert set(day.answers) == {facts.TRADE_RETCODE_DONE}
    assert not any(isinstance(event, Happened) for event in day.server.events)


def test_the_faults_end_at_their_instant_and_what_was_switched_off_is_on_again() -> None:
    day = Day(3, 5.0, until=NOON + 48 * HOUR)
    day.go_on(47)
    day.server.hands.allow_trading(terminal=False)
    day.server.hands.disconnect()
    day.clock.go_to(NOON + 48 * HOUR)
    day.answers.clear()
    day.go_on(48)
    assert set(day.answers) <= {facts.TRADE_RETCODE_DONE, facts.TRADE_RETCODE_NO_MONEY}
    assert day.server.terminal_info()["connected"]
    assert day.balance_is_right()


@pytest.mark.parametrize("name", ORDERS)
def test_every_fault_of_an_order_is_one_that_a_server_can_meet(name: str) -> None:
    day = Day(1, 0.0)
    trouble = day.faults.trouble_of_order(name)
    assert trouble != Trouble()
    day.server.script.add("order_send", trouble)
    day.order(0.1, Side.BUY)
    day.clock.go_to(NOON + HOUR)
    day.server.settle()
    assert len(day.server.account.book.holdings) == trouble.is_carried_out


@pytest.mark.parametrize("name", QUESTIONS)
def test_every_fault_of_a_question_is_one_that_every_question_can_meet(name: str) -> None:
    day = Day(1, 0.0)
    for call in CALLS:
        day.server.script.add(call, day.faults.trouble_of_question(name))


@pytest.mark.parametrize("name", MEAN_HOURS)
def test_everything_that_nobody_asked_for_changes_something(name: str) -> None:
    day = Day(1, 0.0)
    day.order(0.5, Side.BUY)
    closed = day.server.account.book.deals[0].position_id
    day.order(0.5, Side.SELL, closed)
    day.order(0.5, Side.BUY)
    before = _state(day)
    day.server.at_once(day.faults.happenings[name])
    assert _state(day) != before


def _state(day: Day) -> tuple[object, ...]:
    terminal, account = day.server.terminal, day.server.account
    return (
        len(account.book.deals),
        sorted(account.book.holdings),
        terminal.is_connected,
        terminal.trade_allowed,
        terminal.identity,
        terminal.shows(account.at),
        account.clock.ahead_seconds(account.at),
    )


@pytest.mark.parametrize("intensity", [-1.0, math.nan, math.inf])
def test_an_intensity_that_is_none_is_refused(intensity: float) -> None:
    with pytest.raises(ValueError, match="intensity is"):
        Day(1, intensity)
