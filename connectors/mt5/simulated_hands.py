"""What people do at a terminal, and brokers by themselves, while a program trades: for tests, and for random faults."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, TypeVar

from connectors.back_office import BY_HAND, STOP_OUT
from connectors.mt5.simulated_account import SimulatedAccount
from connectors.mt5.simulated_clock import Zone
from connectors.mt5.simulated_terminal import SimulatedTerminal
from connectors.mt5.simulated_terms import Identity
from trading.market import SECOND, Deal, Side

Done = TypeVar("Done")


class Hands:
    """Everything here happens at the market's time of now, whoever is connected, past every script."""

    def __init__(
        self,
        account: SimulatedAccount,
        terminal: SimulatedTerminal,
        at_once: Callable[[Callable[[], Any]], Any],
    ) -> None:
        """``at_once(do)``: settle the account, and do it with nothing in between."""
        self._account = account
        self._terminal = terminal
        self._at_once = at_once

    # ------------------------------------------------------------ positions

    def open(self, symbol: str, side: Side, volume_lots: float) -> Deal | None:
        """A person opens a position, which has no magic; None where nobody deals, or the money is not there.

        Raises ``KeyError`` for a symbol that there is not.
        """
        _ = self._account.symbols[symbol]
        return self._do(lambda: self._account.open_whole(symbol, side, volume_lots, BY_HAND))

    def close(self, ticket: int, volume_lots: float | None = None) -> Deal | None:
        """A person closes a position, or a part of it. Raises ``KeyError`` for one that there is not."""
        return self._do(lambda: self._account.close_whole(self._account.book.holdings[ticket], BY_HAND, volume_lots))

    def stop_out(self, ticket: int) -> Deal | None:
        """The broker closes a position for want of margin. Raises ``KeyError`` for one that there is not."""
        return self._do(lambda: self._account.close_whole(self._account.book.holdings[ticket], STOP_OUT))

    def adjust(
        self, position_id: int, *, profit: float = 0.0, swap: float = 0.0, commission: float = 0.0, fee: float = 0.0
    ) -> Deal:
        """The broker books money on a position, live or long closed. Raises ``ValueError`` for one without deals."""
        account = self._account
        return self._do(
            lambda: account.office.adjust(
                position_id, account.at, profit=profit, swap=swap, commission=commission, fee=fee
            )
        )

    def charge_night(self) -> None:
        """The broker books a night's swap on everything, at an hour of its own."""
        account = self._account
        self._do(lambda: account.office.charge_nights(account.at, dict.fromkeys(account.symbols, "never")))

    def renumber(self, ticket: int) -> int:
        """The broker gives a position another ticket, which is the answer. Raises ``KeyError`` without one."""
        return self._do(lambda: self._account.renumber(ticket))

    # ------------------------------------------------------------ terminal and broker

    def disconnect(self) -> None:
        """The terminal loses its trade server: it goes on showing what it knew, and sends nothing."""
        self._do(self._terminal.disconnect)

    def connect(self) -> None:
        """The terminal has its trade server again."""
        self._do(self._terminal.connect)

    def allow_trading(
        self, *, terminal: bool | None = None, api: bool | None = None, expert: bool | None = None
    ) -> None:
        """Press the button Algo Trading, the option for external programs, or the broker's switch; None: as it is."""
        self._do(lambda: self._terminal.allow(terminal, api, expert))

    def log_in_another(self, login: int, server: str, trade_mode: int) -> None:
        """A person logs in with another account, which is empty: it has no money for any order."""
        self._do(lambda: self._terminal.log_in_another(Identity(login, server, trade_mode)))

    def log_in_again(self) -> None:
        """A person goes back to the account that the terminal is for."""
        self._do(self._terminal.log_in_again)

    def hide_history(self, seconds: float) -> None:
        """For so long in market time, orders and deals from now on are not to be seen, though positions are."""
        account, terminal = self._account, self._terminal
        self._do(lambda: terminal.hide_history(account.at, account.at + round(seconds * SECOND)))

    def change_zone(self, zone: Zone) -> None:
        """The broker's clock keeps another zone from now on."""
        self._do(lambda: self._account.clock.change(zone, self._account.at))

    def change_symbol(self, name: str, **changes: Any) -> None:
        """Other terms of a symbol: fields of `SymbolTerms`. Raises ``KeyError`` for one that there is not."""
        account = self._account
        self._do(lambda: account.change_symbol(name, replace(account.symbols[name], **changes)))

    def _do(self, act: Callable[[], Done]) -> Done:
        done: Done = self._at_once(act)
        return done
