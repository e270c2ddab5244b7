"""Random faults of a simulated terminal and its broker, at an intensity: what a long day brings.

At an intensity of 1 something befalls about every second order and one question in eighty, and every few hours of the
market somebody or something interferes. The same random numbers give the same faults for the same calls.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable

from connectors.accounting import SAME_VOLUME_LOTS
from connectors.back_office import BY_HAND, STOP_OUT
from connectors.mt5 import facts
from connectors.mt5.simulated_clock import fixed
from connectors.mt5.simulated_script import ORDER_SEND, Trouble
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import Identity
from trading.market import HOUR, MINUTE, SECOND, Instant, Side

MOST_FAULTY = 0.8  # of the calls of one kind: some must succeed, or nothing is seen of what follows
LONGEST_BLOCK_SECONDS = 1.5  # of those that end
LONGEST_LATE_SECONDS = 900.0  # of market time, from an order that was placed to its deal
SHORTEST_AWAY, LONGEST_AWAY = 5 * MINUTE, 30 * MINUTE
LARGEST_CORRECTION_CENTS = 500
LARGEST_BY_HAND_STEPS = 5
STRANGER = Identity(9_999, "Somebody-Else", facts.ACCOUNT_TRADE_MODE_DEMO)

ORDERS: dict[str, float] = {
    "requote": 0.04,
    "price changed": 0.02,
    "rejected": 0.04,
    "too many requests": 0.01,
    "lost before": 0.03,
    "lost after": 0.05,
    "timeout, done": 0.03,
    "no connection": 0.01,
    "says nothing, done": 0.01,
    "placed": 0.05,
    "done, deal later": 0.04,
    "in part": 0.06,
    "in pieces": 0.06,
    "comment rewritten": 0.06,
    "renumbered": 0.03,
    "slow": 0.03,
    "never answers": 0.005,
    "never answers, done": 0.005,
}
"""The probability of each fault of an order at an intensity of 1."""

QUESTIONS: dict[str, float] = {"failed": 0.005, "timeout": 0.002, "pipe broken": 0.001, "slow": 0.004}
"""The same for a question. There are many: about ten for one look at the market, and more to connect again."""

MEAN_HOURS: dict[str, float] = {
    "closed by hand": 10,
    "opened by hand": 14,
    "stopped out": 30,
    "correction": 12,
    "disconnected": 9,
    "history behind": 7,
    "trading switched off": 20,
    "another account": 24,
    "renumbered": 8,
    "clock changed": 100,
}
"""Of what nobody asked for: the mean time in between at an intensity of 1, in hours of the market."""


class RandomFaults:
    """Makes one server misbehave, from now until `end`."""

    def __init__(
        self, server: SimulatedTradeServer, rng: random.Random, intensity: float, *, until: Instant | None = None
    ) -> None:
        """``until``: the market's time from which on it behaves by itself.

        Raises ``ValueError`` for an intensity below zero, or none.
        """
        if not (intensity >= 0 and math.isfinite(intensity)):
            raise ValueError(f"intensity is {intensity}; expected 0 or more")
        self._server = server
        self._rng = rng
        self._intensity = intensity
        server.troubles = self
        self.happenings: dict[str, Callable[[], None]] = {
            "closed by hand": self._close_any,
            "opened by hand": self._open_any,
            "stopped out": self._stop_out,
            "correction": self._correct,
            "disconnected": self._disconnect,
            "history behind": self._hide_history,
            "trading switched off": self._switch_off,
            "another account": self._log_in_another,
            "renumbered": self._renumber,
            "clock changed": self._change_clock,
        }
        for name, happen in self.happenings.items():
            self._again(name, happen)
        if until is not None:
            server.account.later(max(0, until - server.account.at), self._behave)

    def end(self) -> None:
        """Nothing goes wrong any more, and what was switched off or cut is put right. What waits still comes."""
        self._server.at_once(self._behave)

    def _behave(self) -> None:
        self._intensity = 0.0
        terminal = self._server.terminal
        terminal.connect()
        terminal.log_in_again()
        terminal.allow(True, None, None)
        terminal.hide_history(0, 0)
        self._server.account.happened("the faults are over")

    # ------------------------------------------------------------ calls

    def draw(self, call: str) -> Trouble | None:
        """What befalls the next call of this name."""
        if not self._intensity:
            return None
        chances = ORDERS if call == ORDER_SEND else QUESTIONS
        scale = min(self._intensity, MOST_FAULTY / sum(chances.values()))
        number = self._rng.random()
        for name, chance in chances.items():
            number -= chance * scale
            if number < 0:
                return self.trouble_of_order(name) if call == ORDER_SEND else self.trouble_of_question(name)
        return None

    def trouble_of_question(self, name: str) -> Trouble:
        """One of `QUESTIONS`."""
        if name == "slow":
            return Trouble(blocks_seconds=self._rng.uniform(0, LONGEST_BLOCK_SECONDS))
        codes = {
            "failed": facts.RES_E_FAIL,
            "timeout": facts.RES_E_INTERNAL_FAIL_TIMEOUT,
            "pipe broken": facts.RES_E_INTERNAL_FAIL_RECEIVE,
        }
        return Trouble(code=codes[name])

    def trouble_of_order(self, name: str) -> Trouble:
        """One of `ORDERS`."""
        rng = self._rng
        troubles: dict[str, Callable[[], Trouble]] = {
            "requote": lambda: Trouble(code=facts.TRADE_RETCODE_REQUOTE),
            "price changed": lambda: Trouble(code=facts.TRADE_RETCODE_PRICE_CHANGED),
            "rejected": lambda: Trouble(code=facts.TRADE_RETCODE_REJECT, in_history=rng.random() < 0.5),
            "too many requests": lambda: Trouble(code=facts.TRADE_RETCODE_TOO_MANY_REQUESTS),
            "lost before": lambda: Trouble(code=facts.RES_E_INTERNAL_FAIL_RECEIVE),
            "lost after": lambda: Trouble(code=facts.RES_E_INTERNAL_FAIL_RECEIVE, is_done=True),
            "timeout, done": lambda: Trouble(code=facts.TRADE_RETCODE_TIMEOUT, is_done=True),
            "no connection": lambda: Trouble(code=facts.TRADE_RETCODE_CONNECTION),
            "says nothing, done": lambda: Trouble(code=0, is_done=True),
            "placed": lambda: Trouble(fills_after_seconds=rng.uniform(0, LONGEST_LATE_SECONDS)),
            "done, deal later": lambda: Trouble(
                code=facts.TRADE_RETCODE_DONE, fills_after_seconds=rng.uniform(0, LONGEST_LATE_SECONDS)
            ),
            "in part": lambda: Trouble(fraction=rng.uniform(0.2, 0.9)),
            "in pieces": lambda: Trouble(pieces=rng.randint(2, 3)),
            "comment rewritten": lambda: Trouble(comment="broker's own"),
            "renumbered": lambda: Trouble(renumbers=True),
            "slow": lambda: Trouble(blocks_seconds=rng.uniform(0, LONGEST_BLOCK_SECONDS)),
            "never answers": lambda: Trouble(code=facts.RES_E_INTERNAL_FAIL_RECEIVE, blocks_seconds=math.inf),
            "never answers, done": lambda: Trouble(blocks_seconds=math.inf),
        }
        return troubles[name]()

    # ------------------------------------------------------------ what nobody asked for

    def _again(self, name: str, happen: Callable[[], None]) -> None:
        """Let it happen at a random moment, and again and again."""

        def strike() -> None:
            if self._intensity:
                happen()
                self._again(name, happen)

        if self._intensity:
            mean = MEAN_HOURS[name] * HOUR / self._intensity
            self._server.account.later(self._rng.randrange(1, max(2, round(2 * mean))), strike)

    def _close_any(self) -> None:
        account = self._server.account
        held = [holding for _, holding in sorted(account.book.holdings.items())]
        if not held:
            return
        holding = self._rng.choice(held)
        step = account.instruments[holding.commodity].volume_step_lots
        steps = round(holding.volume_lots / step)
        part = round(self._rng.randrange(1, steps) * step, 8) if steps > 1 and self._rng.random() < 0.5 else None
        account.close_whole(holding, BY_HAND, part)

    def _open_any(self) -> None:
        """On a netting account a person adds to what is held or takes from it, and leaves something of it; and closes
        what was opened in an empty symbol before long, for a program may not trade there meanwhile.
        """
        account = self._server.account
        symbol = self._rng.choice(sorted(account.symbols))
        side = self._rng.choice([Side.BUY, Side.SELL])
        lots = account.instruments[symbol].volume_min_lots * self._rng.randint(1, LARGEST_BY_HAND_STEPS)
        held = account.book.holding_in(symbol) if account.terms.netting else None
        if held is not None and held.side is not side and held.volume_lots <= lots + SAME_VOLUME_LOTS:
            return
        deal = account.open_whole(symbol, side, round(lots, 8), BY_HAND)
        if deal is not None and account.terms.netting and held is None:
            account.later(self._while(), lambda: self._close_own(deal.position_id))

    def _close_own(self, position_id: int) -> None:
        account = self._server.account
        for holding in list(account.book.holdings.values()):
            if holding.position_id == position_id and not holding.magic:
                account.close_whole(holding, BY_HAND)

    def _stop_out(self) -> None:
        account = self._server.account
        worst = account.office.worst(account.market.is_open)
        if worst is not None:
            account.close_whole(worst, STOP_OUT)

    def _correct(self) -> None:
        account = self._server.account
        live = {holding.position_id for holding in account.book.holdings.values()}
        gone = sorted({deal.position_id for deal in account.book.deals} - live)
        if gone:
            cents = self._rng.randint(-LARGEST_CORRECTION_CENTS, LARGEST_CORRECTION_CENTS)
            account.office.adjust(self._rng.choice(gone), account.at, fee=cents / 100)

    def _disconnect(self) -> None:
        self._server.terminal.disconnect()
        self._server.account.later(self._while(), self._server.terminal.connect)

    def _hide_history(self) -> None:
        at = self._server.account.at
        self._server.terminal.hide_history(at, at + self._while())
        self._server.account.happened("the history lags behind")

    def _switch_off(self) -> None:
        terminal = self._server.terminal
        terminal.allow(False, None, None)
        self._server.account.later(self._while(), lambda: terminal.allow(True, None, None))

    def _log_in_another(self) -> None:
        self._server.terminal.log_in_another(STRANGER)
        self._server.account.later(self._while(), self._server.terminal.log_in_again)

    def _renumber(self) -> None:
        tickets = sorted(self._server.account.book.holdings)
        if tickets:
            self._server.account.renumber(self._rng.choice(tickets))

    def _change_clock(self) -> None:
        """An hour more or less than until now, all the year."""
        account = self._server.account
        ahead = account.clock.ahead_seconds(account.at) + self._rng.choice([-1, 1]) * HOUR // SECOND
        account.clock.change(fixed(ahead), account.at)
        account.happened(f"the server's clock is {ahead} s ahead from now on")

    def _while(self) -> int:
        return self._rng.randint(SHORTEST_AWAY, LONGEST_AWAY)
