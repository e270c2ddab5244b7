"""A trade server in a terminal process, asked over a socket: what stands where the real package has its pipe.

As there, nothing has a time limit that a caller could set, an answer that is lost leaves an order's fate unknown, and
after that there is no connection until the package is initialized again.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from connectors import wire
from connectors.base import ConnectorError, DeadlinePassed
from connectors.gateway_link import Link, NotUnderstood
from connectors.mt5 import facts
from connectors.mt5.simulated_block import hold_the_interpreter
from connectors.mt5.simulated_script import Trouble
from connectors.mt5.terminal_file import TerminalAddress, read_terminal_file
from connectors.mt5.trade_server import PackageError, Record
from connectors.wire import BadMessage, Json
from trading.market import Side

ANSWER_SECONDS = 60.0  # as long as the real package waits for its pipe
HAND_SECONDS = 5.0


def open_terminal(path: str, timeout_seconds: float) -> RemoteTradeServer:
    """The trade server of the terminal whose file stands at ``path``.

    Raises `PackageError`: -10003 where there is none, or one that cannot be used; -10005 where it does not answer in
    time.
    """
    try:
        address = read_terminal_file(Path(path))
        return RemoteTradeServer(address, time.monotonic() + timeout_seconds)
    except DeadlinePassed as error:
        raise PackageError(facts.RES_E_INTERNAL_FAIL_TIMEOUT, str(error)) from error
    except ConnectorError as error:
        raise PackageError(facts.RES_E_INTERNAL_FAIL_INIT, f"IPC initialize failed, {error}") from error


class RemoteTradeServer:
    """One account in a terminal process: a `TradeServer`."""

    def __init__(
        self,
        address: TerminalAddress,
        until: float,
        *,
        block: Callable[[float], None] = hold_the_interpreter,
    ) -> None:
        """Connect. ``until``: on ``time.monotonic``. ``block(seconds)``: how a call is held up.

        Raises `ConnectorError` as `Link` does.
        """
        self._block = block
        # A name of its own for every connection: an order that one of them has sent is not void because another came.
        client = f"worker-{secrets.token_hex(8)}"
        self._link = Link((address.host, address.port), address.secret, client, address.account, until)

    @property
    def is_open(self) -> bool:
        """False once the connection is lost, or let go of."""
        return self._link.is_open

    # ------------------------------------------------------------ the protocol

    def log_in(self, login: int, password: str | None, server: str | None) -> None:
        """Be this account from now on."""
        self._ask("log_in", login=login, password=password, server=server)

    def log_out(self) -> None:
        """Hang up."""
        self._link.close()

    def terminal_info(self) -> Record:
        """A record of TerminalInfo."""
        return self._record("terminal_info")

    def account_info(self) -> Record:
        """A record of AccountInfo."""
        return self._record("account_info")

    def symbols(self) -> Sequence[Record]:
        """Records of SymbolInfo."""
        return self._records("symbols")

    def symbol_info(self, symbol: str) -> Record:
        """A record of SymbolInfo."""
        return self._record("symbol_info", symbol=symbol)

    def symbol_select(self, symbol: str, enable: bool) -> None:
        """Show it in Market Watch, or no more."""
        self._ask("symbol_select", symbol=symbol, enable=enable)

    def symbol_info_tick(self, symbol: str) -> Record:
        """A record of Tick."""
        return self._record("symbol_info_tick", symbol=symbol)

    def rates(self, symbol: str, timeframe: int, start: int, count: int) -> Sequence[tuple[Any, ...]]:
        """Bars, oldest first."""
        rows = self._ask("rates", symbol=symbol, timeframe=timeframe, start=start, count=count)
        return self._read(lambda: [tuple(wire.sequence(row, "rates")) for row in wire.sequence(rows, "rates")])

    def positions(self) -> Sequence[Record]:
        """Records of TradePosition."""
        return self._records("positions")

    def orders(self) -> Sequence[Record]:
        """Records of TradeOrder."""
        return self._records("orders")

    def history_orders(self) -> Sequence[Record]:
        """Records of TradeOrder."""
        return self._records("history_orders")

    def history_deals(self) -> Sequence[Record]:
        """Records of TradeDeal."""
        return self._records("history_deals")

    def order_calc_margin(self, order_type: int, symbol: str, volume_lots: float, price: float) -> float:
        """In account currency."""
        given = self._ask(
            "order_calc_margin", order_type=order_type, symbol=symbol, volume_lots=volume_lots, price=price
        )
        return self._read(lambda: float(wire.read(float, given, "order_calc_margin")))

    def order_calc_profit(
        self, order_type: int, symbol: str, volume_lots: float, price_open: float, price_close: float
    ) -> float:
        """In account currency."""
        given = self._ask(
            "order_calc_profit",
            order_type=order_type,
            symbol=symbol,
            volume_lots=volume_lots,
            price_open=price_open,
            price_close=price_close,
        )
        return self._read(lambda: float(wire.read(float, given, "order_calc_profit")))

    def order_check(self, request: Record) -> Record:
        """A record of OrderCheckResult without `request`."""
        return self._record("order_check", request=request)

    def order_send(self, request: Record) -> Record:
        """A record of OrderSendResult without `request`."""
        return self._record("order_send", request=request)

    # ------------------------------------------------------------ how

    def _record(self, call: str, **arguments: object) -> Record:
        given = self._ask(call, **arguments)
        return self._read(lambda: wire.mapping(given, call))

    def _records(self, call: str) -> Sequence[Record]:
        given = self._ask(call)
        return self._read(lambda: [wire.mapping(record, call) for record in wire.sequence(given, call)])

    def _ask(self, call: str, **arguments: object) -> Json:
        reply = self._reply(call, wire.encode(arguments))
        seconds = self._read(lambda: float(wire.read(float, reply.get("blocks_seconds"), "blocks_seconds")))
        if seconds > 0:
            self._block(seconds)
        if "error" in reply:
            error = self._read(lambda: wire.mapping(reply["error"], "error"))
            raise PackageError(int(error["code"]), str(error["message"]))
        return reply.get("answer")

    def _reply(self, call: str, arguments: Mapping[str, Json]) -> dict[str, Json]:
        until = time.monotonic() + ANSWER_SECONDS
        try:
            number = self._link.send(call, arguments, until)
        except ConnectorError as error:
            self._link.close()
            raise PackageError(facts.RES_E_INTERNAL_FAIL_CONNECT, f"No IPC connection: {error}") from error
        try:
            given = self._link.receive(number, until)
        except NotUnderstood as error:
            raise PackageError(facts.RES_E_INVALID_PARAMS, f"Terminal: Invalid params: {error}") from error
        except DeadlinePassed as error:
            raise PackageError(facts.RES_E_INTERNAL_FAIL_TIMEOUT, f"IPC timeout: {error}") from error
        except ConnectorError as error:
            code = facts.RES_E_FAIL if self._link.is_open else facts.RES_E_INTERNAL_FAIL_RECEIVE
            raise PackageError(code, f"{facts.ERRORS[code]}: {error}") from error
        return self._read(lambda: wire.mapping(given, call))

    def _read(self, reading: Callable[[], wire.Value]) -> wire.Value:
        """What an answer says. One that cannot be read is one that was lost, and the next would not be any better."""
        try:
            return reading()
        except (BadMessage, KeyError, TypeError, ValueError) as error:
            self._link.close()
            raise PackageError(facts.RES_E_INTERNAL_FAIL, f"IPC call failed: {error}") from error


class RemoteHands:
    """What a person or a broker does at a terminal process while programs trade there: for tests of processes."""

    def __init__(self, path: Path) -> None:
        """``path``: the terminal's file, read again for every call."""
        self._path = path

    def behave(self) -> None:
        """From now on nothing goes wrong; what waits still comes."""
        self._ask("behave")

    def trouble(self, call: str, trouble: Trouble, times: int = 1) -> None:
        """Let the next calls of this name meet it."""
        self._ask("trouble", of=call, times=times, trouble=trouble)

    def open(self, symbol: str, side: Side, volume_lots: float) -> int | None:
        """A person opens a position: its identifier; None where nobody deals."""
        given: int | None = self._ask("open_by_hand", symbol=symbol, side=side, volume_lots=volume_lots)
        return given

    def close(self, ticket: int) -> int | None:
        """A person closes a position: its identifier; None where nobody deals."""
        given: int | None = self._ask("close_by_hand", ticket=ticket)
        return given

    def _ask(self, call: str, **arguments: object) -> Json:
        """Raises `ConnectorError`."""
        address, until = read_terminal_file(self._path), time.monotonic() + HAND_SECONDS
        client = f"hands-{secrets.token_hex(8)}"
        link = Link((address.host, address.port), address.secret, client, address.account, until)
        try:
            reply = wire.mapping(link.ask(call, wire.encode(arguments), until), call)
        finally:
            link.close()
        return reply.get("answer")
