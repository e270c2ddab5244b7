"""What the simulator's terminal is connected to: a broker's trade server, as far as the package shows of it.

`simulator.py` is the package's face; it checks arguments, makes the structures and keeps `last_error`. Whatever it then
has to ask goes to one of these: the server in memory, a terminal process over a socket, or a simulated world.

A record is a mapping with the package's own field names, complete. Times in records are the broker's own clock written
as an epoch: seconds, and milliseconds where the name ends in ``_msc``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol, TypeAlias

Record: TypeAlias = Mapping[str, Any]


class PackageError(Exception):
    """The package gives None (or False) and this as its last error."""

    def __init__(self, code: int, message: str) -> None:
        super().__init__(f"({code}, {message!r})")
        self.code = code
        self.message = message


class TradeServer(Protocol):
    """One account at one broker, seen through a terminal. Every call may raise `PackageError`, and may block."""

    def log_in(self, login: int, password: str | None, server: str | None) -> None:
        """Be this account from now on. Raises `PackageError` (-6) when it may not be."""
        ...

    def log_out(self) -> None:
        """The program lets go of the terminal. Never raises."""
        ...

    def terminal_info(self) -> Record:
        """A record of TerminalInfo."""
        ...

    def account_info(self) -> Record:
        """A record of AccountInfo."""
        ...

    def symbols(self) -> Sequence[Record]:
        """A record of SymbolInfo for every symbol that the broker has."""
        ...

    def symbol_info(self, symbol: str) -> Record:
        """A record of SymbolInfo. Raises `PackageError` (-4) for a symbol that the broker does not have."""
        ...

    def symbol_select(self, symbol: str, enable: bool) -> None:
        """Show it in Market Watch, or no more. Raises `PackageError` (-4)."""
        ...

    def symbol_info_tick(self, symbol: str) -> Record:
        """A record of Tick; prices are 0 before the first one. Raises `PackageError` (-4)."""
        ...

    def rates(self, symbol: str, timeframe: int, start: int, count: int) -> Sequence[tuple[Any, ...]]:
        """Bars of TIMEFRAME_*: ``count`` of them, the last one ``start`` bars before the one under way (0), oldest
        first; rows of time, open, high, low, close, tick_volume, spread, real_volume.
        """
        ...

    def positions(self) -> Sequence[Record]:
        """Records of TradePosition."""
        ...

    def orders(self) -> Sequence[Record]:
        """Records of TradeOrder: those that are still at work."""
        ...

    def history_orders(self) -> Sequence[Record]:
        """Records of TradeOrder: those that are done, by time_setup."""
        ...

    def history_deals(self) -> Sequence[Record]:
        """Records of TradeDeal, by time; operations on the balance included."""
        ...

    def order_calc_margin(self, order_type: int, symbol: str, volume_lots: float, price: float) -> float:
        """In account currency."""
        ...

    def order_calc_profit(
        self, order_type: int, symbol: str, volume_lots: float, price_open: float, price_close: float
    ) -> float:
        """In account currency."""
        ...

    def order_check(self, request: Record) -> Record:
        """A record of OrderCheckResult without `request`."""
        ...

    def order_send(self, request: Record) -> Record:
        """A record of OrderSendResult without `request`. ``request``: every field of TradeRequest."""
        ...
