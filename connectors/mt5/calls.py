"""The calls that a worker answers, and no others: what each takes and what it gives, for both sides of a channel.

Nothing in a call names a file, an executable, an account or a password, and no call carries code. Which terminal and
which account a worker is for, it is told once by whoever starts it (`WorkerTerms`).

================== ======================================== ========================================================
call               arguments                                answer
================== ======================================== ========================================================
initialize                                                  `Look`: the terminal was started or found, and logged in
look                                                        `Look`
symbols            names                                    `Given` of a list of `SymbolLook`, in that order
ticks              names                                    `Given` of a list: a record of Tick each, or null
rates              symbol, timeframe, start, count          `Given` of packed columns of Rates, or null
positions                                                   `Given` of a list of records of TradePosition
orders                                                      `Given` of a list of records of TradeOrder: those working
history_orders     since, until                             `Given` of a list of records of TradeOrder
history_deals      since, until                             `Given` of a list of records of TradeDeal
token                                                       an integer: the highest token seen, 0 before any
try_floor                                                   the same, after the floor was written once more, as it is
fence              token                                    null; or the error of a stale token
send               order (`SendOrder`), token, magic        `Sent`
================== ======================================== ========================================================

``since`` and ``until`` are seconds on the broker's own clock, as the package takes them. A record is an object with the
package's own field names. Every question looks at the account before and after: its answer says whose it is. The calls
`token`, `try_floor` and `fence` ask the floor alone, and need no terminal.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.wire import Json


@dataclass(frozen=True, slots=True)
class WorkerTerms:
    """Which terminal a worker uses, and as whom. Told by whoever starts it, and by nobody else."""

    package: str  # "MetaTrader5" or "simulator"
    terminal: str  # the path of the terminal's executable; always given
    portable: bool  # the terminal keeps its data beside its executable
    login: int
    password: str | None = field(repr=False)  # None: the one that the terminal has saved
    server: str
    symbols: tuple[str, ...]  # no other is asked for or traded
    floor_directory: str  # where the highest token and the magics that were sent are kept, per login and server
    initialize_seconds: float  # for the terminal to start and to log in


@dataclass(frozen=True, slots=True)
class Identity:
    """Whose account the terminal shows at this moment, and whether its prices and figures are alive."""

    login: int
    server: str
    trade_mode: int  # ACCOUNT_TRADE_MODE_*: 0 demo, 1 contest, 2 real
    margin_mode: int  # ACCOUNT_MARGIN_MODE_*: 0 retail netting, 1 exchange, 2 retail hedging
    connected: bool  # the terminal, to its trade server


@dataclass(frozen=True, slots=True)
class Given:
    """What the package gave to one question."""

    identity: Identity | None  # None: the package would not say, so nothing else was asked
    value: Json  # None: the package gave None
    code: int  # of last_error(); 1 is success; of the first null where the value is a list of several answers
    message: str


@dataclass(frozen=True, slots=True)
class Look:
    """The terminal and the account, in the package's own fields."""

    terminal: Mapping[str, Json] | None  # a record of TerminalInfo
    account: Mapping[str, Json] | None  # a record of AccountInfo
    version: str  # of the package
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class SymbolLook:
    """One symbol, selected in Market Watch."""

    name: str
    info: Mapping[str, Json] | None  # a record of SymbolInfo; None: the broker has no such symbol
    margin_per_lot: float | None  # in account currency, for a buy of one lot at the ask; None: it cannot be said now
    code: int
    message: str


@dataclass(frozen=True, slots=True)
class SendOrder:
    """A market order, as far as a client decides it. There is no stop and no target in it, and no pending order."""

    symbol: str
    order_type: int  # ORDER_TYPE_BUY 0 or ORDER_TYPE_SELL 1
    volume_lots: float
    price: float
    deviation_points: int
    comment: str
    position: int | None  # the ticket that it closes; None: it opens
    fillings: tuple[int, ...]  # ORDER_FILLING_* to try, in order: the next one only after 10030
    login: int  # the account must be this one ...
    server: str
    trade_mode: int  # ... and of this kind, at the moment before the order leaves


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of a `send`, as far as the package says."""

    refused: str | None  # the code of a refusal by the worker: nothing was sent; None: the package was called
    reason: str  # of the refusal
    result: Mapping[str, Json] | None  # a record of OrderSendResult without `request`; None: the package gave None
    code: int  # of last_error() after the call
    message: str
    filling: int | None  # the last ORDER_FILLING_* that was tried


REFUSALS = (
    "stale_token",  # the token is below the highest one seen
    "repeated",  # an open with this magic was sent before
    "another_ledger",  # an open, and one of another prefix was sent under this token or a higher one
    "wrong_account",  # another account, server or kind of account is logged in
    "not_connected",  # the terminal has no link to its trade server, or the package none to the terminal
    "trade_disabled",  # the terminal or the account does not let programs trade
    "deadline_passed",  # the worker got to it too late
    "floor_unusable",  # what was sent cannot be read or written; a close by ticket on a hedging account goes on
)
"""Why a worker does not call the package for an order."""
