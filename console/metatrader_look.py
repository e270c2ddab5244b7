"""A look at one MetaTrader 5 account through a worker of its own, beside whatever else is at work on the account."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

from actors.system.clocks import WallClock
from actors.system.runtime_threads import ThreadedRuntime
from connectors.account_book import AccountBook, Holding
from connectors.base import ConnectorError
from connectors.mt5.connector import MetaTraderConnector
from console.configuration import Configuration
from console.terminal_place import market_clock
from console.workers import ASK_SECONDS, token_of, worker_of
from persistence.owner import owner_name
from trading.market import Position
from trading.settings_accounts import AccountSettings

HISTORY_SECONDS = 60.0  # a terminal that has just been logged in loads its history
RETRY_SECONDS = 0.5

Answer = TypeVar("Answer")


def token_at_worker(account: AccountSettings, configuration: Configuration) -> int:
    """The highest token that the worker's floor has seen; it needs no terminal. Raises as `worker_of`."""
    with worker_of(account, configuration) as channel:
        return token_of(channel)


def book_at_terminal(account: AccountSettings, configuration: Configuration) -> AccountBook:
    """Positions, orders, deals, balance and token. Raises as `worker_of`."""
    clock = ThreadedRuntime(WallClock(market_clock(configuration)), owner=owner_name())
    with worker_of(account, configuration) as channel:
        connector = MetaTraderConnector(account.name, account, channel, clock)
        try:
            connector.connect(clock.elapsed() + account.mt5.initialize_seconds)
            shown = connector.account(clock.elapsed() + ASK_SECONDS)
            book = AccountBook(shown.balance)
            positions = _once_loaded(connector.positions)
            orders = _once_loaded(lambda deadline: connector.orders(0, deadline))
            deals = _once_loaded(lambda deadline: connector.deals(0, deadline))
            book.token = token_of(channel)
        finally:
            connector.disconnect()
    book.holdings = {position.ticket: _holding(position) for position in positions}
    book.orders, book.deals, book.last_seen = list(orders), list(deals), clock.now()
    return book


def _once_loaded(ask: Callable[[float], Answer]) -> Answer:
    """The answer, as soon as the terminal has loaded what it needs for it. Raises `ConnectorError`."""
    until = time.monotonic() + HISTORY_SECONDS
    while True:
        try:
            return ask(time.monotonic() + ASK_SECONDS)
        except ConnectorError:
            if time.monotonic() > until:
                raise
            time.sleep(RETRY_SECONDS)


def _holding(position: Position) -> Holding:
    return Holding(
        ticket=position.ticket,
        position_id=position.position_id,
        magic=position.magic,
        commodity=position.commodity,
        side=position.side,
        volume_lots=position.volume_lots,
        open_price=position.open_price,
        open_time=position.open_time,
        swap=position.swap,
        margin=0.0,  # of a single position MetaTrader tells none
        comment=position.comment,
    )
