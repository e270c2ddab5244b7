"""What a simulated terminal shows of its account: nothing of it while another one is logged in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from connectors.base import ConnectorError
from connectors.mt5 import simulated_records
from connectors.mt5.simulated_account import SimulatedAccount
from connectors.mt5.simulated_orders import BrokerOrder
from connectors.mt5.simulated_terminal import SimulatedTerminal
from connectors.mt5.trade_server import Record
from trading.market import Quote


class Screen:
    """Records of one account, as the server has it at this moment; without a connection, `SimulatedTerminal.seen`."""

    def __init__(self, account: SimulatedAccount, terminal: SimulatedTerminal) -> None:
        self._account = account
        self._terminal = terminal

    def everything(self) -> dict[str, Any]:
        """What a terminal that loses its server goes on showing, by question."""
        return {
            "account_info": self.account(),
            "quotes": self.quotes(),
            "positions": self.positions(),
            "orders": self.orders(),
            "history_orders": self.history_orders(),
            "history_deals": self.history_deals(),
        }

    # ------------------------------------------------------------ terminal, account, symbols

    def terminal(self) -> Record:
        """TerminalInfo."""
        terminal = self._terminal
        return simulated_records.terminal(
            self._account.terms.company,
            connected=terminal.is_connected,
            trade_allowed=terminal.trade_allowed,
            tradeapi_disabled=terminal.tradeapi_disabled,
        )

    def account(self) -> Record:
        """AccountInfo."""
        account, terminal = self._account, self._terminal
        figures = account.office.account(account.at)
        if not terminal.is_ours:
            figures = replace(figures, balance=0.0, equity=0.0, margin_used=0.0)
        return simulated_records.account_info(
            account.terms, terminal.identity, figures, trade_expert=terminal.trade_expert
        )

    def symbol(self, name: str) -> Record:
        """SymbolInfo."""
        account = self._account
        return simulated_records.symbol_info(
            account.symbols[name],
            account.instruments[name],
            self.quote(name),
            account.clock,
            rate=self._rate(name),
            is_selected=name in self._terminal.selected,
        )

    def tick(self, name: str) -> Record:
        """Tick."""
        quote = self.quote(name) if name in self._terminal.selected else None
        return simulated_records.tick(quote, self._account.clock)

    def quote(self, symbol: str) -> Quote | None:
        """The latest that the terminal knows."""
        quotes: Mapping[str, Quote | None] = self._terminal.seen("quotes", self.quotes)
        return quotes[symbol]

    def quotes(self) -> Mapping[str, Quote | None]:
        """Of every symbol."""
        return {name: self._account.quote(name) for name in self._account.symbols}

    # ------------------------------------------------------------ what is held, and what was

    def positions(self) -> Sequence[Record]:
        """TradePosition, by ticket."""
        account = self._account
        return [
            simulated_records.position(
                held,
                held.commodity,
                account.quote(held.commodity),
                account.clock,
                updated=account.touched[held.position_id],
                reason=account.reasons[held.position_id],
            )
            for held in (account.office.positions() if self._terminal.is_ours else ())
        ]

    def orders(self) -> Sequence[Record]:
        """TradeOrder of those at work."""
        return self._of(self._account.working.values())

    def history_orders(self) -> Sequence[Record]:
        """TradeOrder of those that are done."""
        return self._of(order for order in self._account.history if self._terminal.shows(order.done or 0))

    def history_deals(self) -> Sequence[Record]:
        """TradeDeal, the deposit first."""
        account = self._account
        if not self._terminal.is_ours:
            return []
        opening = account.terms.paper.balance
        records = [simulated_records.deposit(account.deposit, opening, account.opened_at, account.clock)]
        for deal in account.book.deals:
            if self._terminal.shows(deal.time):
                comment = account.comments.get(deal.deal, "")
                records.append(
                    simulated_records.deal(deal, deal.commodity, account.clock, order=deal.order, comment=comment)
                )
        return records

    def _of(self, orders: Iterable[BrokerOrder]) -> Sequence[Record]:
        account = self._account
        if not self._terminal.is_ours:
            return []
        return [simulated_records.order(order, account.quote(order.symbol), account.clock) for order in orders]

    def _rate(self, name: str) -> float:
        """Of the profit currency in the account's; 0 while there is no price to convert with."""
        try:
            return self._account.office.rate(name)
        except ConnectorError:
            return 0.0
