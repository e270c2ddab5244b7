"""A terminal that somebody brings, for the questions that may be asked of a market and an account not made for them.

Only a demo account is asked, only one without positions, and only with the smallest volume; what was opened is closed
again. Each question has a worker process and an order floor of its own.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import pytest

from connectors.base import CloseOrder, Connector, ConnectorError, Done
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.child import ChildChannel
from connectors.mt5.connector import MetaTraderConnector
from trading.market import Instant, Position, Side
from trading.settings_accounts import AccountSettings
from trading.settings_metatrader import MetaTraderSettings, Package

TOKEN_BEYOND = 1_000_000  # above any that a question uses
CALL_SECONDS = 60.0
MOST_ORDERS = 10  # of one question
MOVE_SECONDS = 60.0  # a market that does not move for so long is shut
LOOK_EVERY_SECONDS = 0.05


@dataclass(frozen=True, slots=True)
class TerminalOptions:
    """Which terminal, and whose account."""

    terminal: str
    login: int
    server: str
    password: str | None
    symbol: str
    portable: bool = False
    package: Package = "MetaTrader5"

    @classmethod
    def given(cls, config: pytest.Config) -> TerminalOptions:
        """Those of the command line. Raises ``UsageError`` where one is missing."""
        login, server = config.getoption("mt5_login"), config.getoption("mt5_server")
        for name, value in (("--mt5-login", login), ("--mt5-server", server)):
            if not value:
                raise pytest.UsageError(f"{name} is missing; expected that of the demo account at its broker")
        return cls(
            terminal=config.getoption("mt5_terminal"),
            login=login,
            server=server,
            password=config.getoption("mt5_password"),
            symbol=config.getoption("mt5_symbol"),
            portable=config.getoption("mt5_portable"),
        )


class LiveClock:
    """This machine's clocks; what a test sleeps through is added to the elapsed time, and not waited for."""

    def __init__(self) -> None:
        self.skipped = 0.0

    def now(self) -> Instant:
        return time.time_ns() // 1_000_000

    def elapsed(self) -> float:
        return time.monotonic() - STARTED + self.skipped

    def sleep(self, seconds: float) -> None:
        time.sleep(seconds)


class SkippingClock(LiveClock):
    """The same for a test, which has no market that would wait with it."""

    def __init__(self, clock: LiveClock) -> None:
        super().__init__()
        self._clock = clock

    def elapsed(self) -> float:
        return self._clock.elapsed()

    def sleep(self, seconds: float) -> None:
        self._clock.skipped += seconds

    def go_to(self, at: Instant) -> None:
        pytest.skip("this market cannot be told to go on")


STARTED = time.monotonic()


class TerminalBroker:
    """A demo account at a terminal, asked through a worker process."""

    commodity = "EURUSD"
    bars_so_far = 0
    floors_volumes = True
    says_why_refused = False
    is_ours = False

    def __init__(self, options: TerminalOptions, folder: Path) -> None:
        """``folder``: for the order floor. Raises `ConnectorError` for an account that is none for tests."""
        self._live = LiveClock()
        self.clock = SkippingClock(self._live)
        self.magic = time.time_ns() // 1_000  # never used before, and of no ledger's prefix
        settings = AccountSettings(
            name="alpha",
            connector="mt5",
            login=options.login,
            server=options.server,
            symbols={self.commodity: options.symbol},
            mt5=MetaTraderSettings(
                package=options.package, terminal=options.terminal, portable=options.portable, trade_mode="demo"
            ),
        )
        terms = WorkerTerms(
            package=options.package,
            terminal=options.terminal,
            portable=options.portable,
            login=options.login,
            password=options.password,
            server=options.server,
            symbols=(options.symbol,),
            floor_directory=str(folder / "orders"),
            initialize_seconds=CALL_SECONDS,
        )
        self.channel = ChildChannel(terms)
        self.connector: Connector = MetaTraderConnector("alpha", settings, self.channel, self._live)
        try:
            self._begin()
        except BaseException:
            self.connector.disconnect()
            raise
        self.lots = self.connector.instruments(self._soon())[self.commodity].volume_min_lots

    def _begin(self) -> None:
        self.connector.connect(self._soon())
        held = self._wait_for_positions()
        if held:
            raise ConnectorError(f"the account holds {len(held)} positions; expected one without, for tests alone")
        for _ in range(3):
            self.move()

    def move(self) -> None:
        """Wait for another price. Raises `ConnectorError` where none comes: the market is shut."""
        before, until = self._prices(), time.monotonic() + MOVE_SECONDS
        while self._prices() == before:
            if time.monotonic() > until:
                raise ConnectorError(f"no price moved for {MOVE_SECONDS:g} s; expected an open market")
            time.sleep(LOOK_EVERY_SECONDS)

    def shut(self) -> None:
        pytest.skip("this market cannot be told to shut")

    def by_hand(self, side: Side, volume_lots: float) -> int:
        pytest.skip("nobody is there to trade by hand")

    def end(self) -> None:
        """Close what was opened, and let go."""
        try:
            self.connector.connect(self._soon())
            for held in self._wait_for_positions():
                if self.magic <= held.magic < self.magic + MOST_ORDERS:
                    self._close(held)
        finally:
            self.connector.disconnect()

    def _close(self, held: Position) -> None:
        order = CloseOrder(held.ticket, held.commodity, held.side, held.volume_lots, held.magic, held.open_price)
        outcome = self.connector.close(order, TOKEN_BEYOND, self._soon())
        assert isinstance(outcome, Done), f"CLOSE IT BY HAND: position {held.ticket} is left: {outcome}"

    def _wait_for_positions(self) -> Sequence[Position]:
        until = time.monotonic() + CALL_SECONDS
        while True:
            try:
                return self.connector.positions(self._soon())
            except ConnectorError:  # the history is still being fetched
                if time.monotonic() > until:
                    raise
                time.sleep(LOOK_EVERY_SECONDS)

    def _prices(self) -> tuple[float, float]:
        (quote,) = self.connector.quotes(self._soon()) or (None,)
        return (0.0, 0.0) if quote is None else (quote.bid, quote.ask)

    def _soon(self) -> float:
        return self._live.elapsed() + CALL_SECONDS
