"""The simulated broker behind MetaTrader 5 terminals: the same account, market, faults and truth as `SimulatedBroker`.

Its connections are the program's own `MetaTraderConnector`, over the real worker and the package's double; in between
lie the faults of the way to the worker and those of the terminal. Tokens and numbers are judged by the worker's order
floor, of which there is one for the account, as beside a real terminal: the broker itself knows neither.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors.account_book import Change
from connectors.base import Clock, Connector
from connectors.mt5.calls import WorkerTerms
from connectors.mt5.connector import MetaTraderConnector
from connectors.mt5.simulated_clock import ServerClock, fixed
from connectors.mt5.simulated_terms import FOK, IOC, AccountTerms, SymbolTerms
from simulation.broker import HOURLY_VOLATILITY, SimulatedBroker
from simulation.terminal_account import TerminalAccount
from simulation.terminal_channel import TerminalChannel
from simulation.terminal_faults import ALGO_TRADING_OFF, OTHER_ACCOUNT, RENUMBERED, SERVER_CLOCK
from simulation.terminal_floor import WorldFloor
from simulation.terminal_server import SimulatedTerminal
from trading.commodities import Commodity
from trading.settings_accounts import AccountSettings

HOUR_SECONDS = 3_600
AHEAD_SECONDS = (*(2 * HOUR_SECONDS,) * 3, 3 * HOUR_SECONDS, -5 * HOUR_SECONDS)  # of UTC: New York + 7 h, mostly
FILLING_MODES = (FOK, IOC, FOK | IOC)
WAY_SECONDS = (0.0, 0.0, 0.01, 0.2)  # a worker on the same machine; a gateway on another one


class MetaTraderBroker(SimulatedBroker):
    """One account at a broker that makes mistakes, reached through terminals that make others."""

    def __init__(
        self,
        account: AccountSettings,
        commodities: Mapping[str, Commodity],
        clock: Clock,
        rng: random.Random,
        *,
        faults: Mapping[str, float] | None = None,
        hourly_volatility: float = HOURLY_VOLATILITY,
        dedupes_open: bool = True,
        is_fenced: bool = True,
    ) -> None:
        """``account``: its login, server and kind; `AccountSettings.paper` has its money and costs. The rest is as for
        `SimulatedBroker`, with ``dedupes_open`` and ``is_fenced`` for the order floor beside the terminal.
        """
        if account.login is None or account.server is None:
            raise ValueError(f"account {account.name!r} has login {account.login} and server {account.server!r}")
        super().__init__(
            account.name,
            commodities,
            account.symbols,
            clock,
            rng,
            netting=account.mt5.netting,
            faults=faults,
            settings=account.paper,
            hourly_volatility=hourly_volatility,
            dedupes_open=False,
            is_fenced=False,
        )
        self._settings = account
        self._world = clock
        self._ahead_seconds = rng.choice(AHEAD_SECONDS)
        self._account = TerminalAccount(
            terms=AccountTerms(account.login, account.server, netting=account.mt5.netting, paper=account.paper),
            symbols={
                symbol: SymbolTerms(commodities[name], filling_mode=rng.choice(FILLING_MODES))
                for name, symbol in sorted(account.symbols.items())
            },
            floor=self._floor,
            dice=self._dice,
            order_floor=WorldFloor(clock.elapsed, clock.sleep, fences=is_fenced, dedupes=dedupes_open),
            clock=ServerClock(fixed(self._ahead_seconds)),
            way_seconds=rng.choice(WAY_SECONDS),
            opened_at=clock.now(),
        )
        self._terminals: list[SimulatedTerminal] = []
        self._whims.again(OTHER_ACCOUNT, lambda: self._touch(OTHER_ACCOUNT))
        self._whims.again(ALGO_TRADING_OFF, lambda: self._touch(ALGO_TRADING_OFF))
        self._whims.again(SERVER_CLOCK, self._set_server_clock)
        self._whims.again(RENUMBERED, self._renumber)

    def connector(self, process_clock: Clock, *, process: str, stray: Callable[[str], None]) -> Connector:
        """As `SimulatedBroker.connector`: with a terminal and a worker of its own."""
        return MetaTraderConnector(self.platform, self._settings, self.channel(process, stray), process_clock)

    def channel(self, process: str, stray: Callable[[str], None]) -> TerminalChannel:
        """The way to a new worker beside a terminal of its own. ``stray``: as for `connector`."""
        terminal = SimulatedTerminal(self._account, self._world, process, stray)
        self._terminals.append(terminal)
        self._whims.connections.append(terminal)
        return TerminalChannel(self._account, terminal, self._terms(), self._world)

    def behave(self) -> None:
        """As `SimulatedBroker.behave`; so do the terminals, and people leave them alone."""
        super().behave()
        for terminal in self._terminals:
            terminal.behave()

    def _terms(self) -> WorkerTerms:
        account = self._account
        return WorkerTerms(
            package="simulator",
            terminal=self._settings.mt5.terminal or self.platform,
            portable=False,
            login=account.terms.login,
            password=None,
            server=account.terms.server,
            symbols=tuple(account.symbols),
            floor_directory="",
            initialize_seconds=self._settings.mt5.initialize_seconds,
        )

    # ------------------------------------------------------------ whims of people and of the broker

    def _touch(self, fault: str) -> None:
        for terminal in self._terminals[-1:]:  # that of the process that began last
            terminal.touched_by(fault)

    def _set_server_clock(self) -> None:
        self._ahead_seconds += HOUR_SECONDS if self._dice.coin() else -HOUR_SECONDS
        self._account.clock.change(fixed(self._ahead_seconds), self._floor.at)

    def _renumber(self) -> None:
        held = [holding for _, holding in sorted(self._floor.book.holdings.items())]
        if held:
            holding = self._dice.rng.choice(held)
            renumbered = replace(holding, ticket=self._floor.reserve())
            self._floor.book.record(Change(self._floor.at, held=(renumbered,), gone=(holding.ticket,)))
