"""Simulated MetaTrader 5 terminals for whole processes: three accounts' settings, and what their broker really has.

What the broker has is read from the terminal process itself, in the package's own fields, and not through the connector
that is to be shown right.
"""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from connectors.account_book import Holding
from connectors.mt5 import facts
from connectors.mt5.terminal_file import read_terminal_file
from connectors.mt5.terminal_link import RemoteHands, RemoteTradeServer
from connectors.mt5.trade_server import PackageError
from connectors.remote_market import RemoteMarket
from persistence.ledger import Ledger
from simulation.processes import evidence, traffic
from simulation.processes.comparison import BrokerFacts, Divergence, Kind, divergences
from trading.market import SECOND, Deal, Entry, Instant, Side
from trading.shares import share_of
from trading.trade import Trade, TradeState

CURRENCY = "USD"
ENTRIES = {facts.DEAL_ENTRY_IN: Entry.IN, facts.DEAL_ENTRY_OUT: Entry.OUT, facts.DEAL_ENTRY_INOUT: Entry.IN_OUT}
HALF_A_CENT = 0.005
TTL_SECONDS = 9.0  # a third of it is what an account may spend on its broker within one message
LOOK_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Terminal:
    """One account of the settings."""

    name: str
    login: int
    symbol: str
    netting: bool = False

    def file(self, directory: Path) -> Path:
        """Where its terminal says where it is."""
        return directory / f"{self.name}.json"


THREE = (Terminal("alpha", 1001, "EURUSD"), Terminal("beta", 1002, "EURUSD.m"), Terminal("gamma", 1003, "EURUSD", True))


def write_settings(directory: Path, terminals: Sequence[Terminal] = THREE, *, ttl_seconds: float = TTL_SECONDS) -> None:
    """Settings under which each account opens and closes a trade in about three bars."""
    url = f"sqlite:///{(directory / 'state' / 'ledger.sqlite').as_posix()}"
    lines = [traffic.settings_text(ttl_seconds, url).partition("[[accounts]]")[0]]
    for terminal in terminals:
        lines += [
            "[[accounts]]",
            f'name = "{terminal.name}"',
            'connector = "mt5"',
            f"login = {terminal.login}",
            'server = "Sim-Demo"',
            f'symbols = {{ EURUSD = "{terminal.symbol}" }}',
            "[accounts.limits]",
            "max_spread_fraction = 1.0",
            "[accounts.mt5]",
            'package = "simulator"',
            f'terminal = "{terminal.name}.json"',
            f"netting = {str(terminal.netting).lower()}",
            "",
        ]
    (directory / "watchbill.toml").write_text("\n".join(lines), encoding="utf-8")


def market_time(directory: Path, terminal: Terminal = THREE[0]) -> Instant:
    """What time it is in the terminals' market."""
    address = read_terminal_file(terminal.file(directory))
    market = RemoteMarket((address.host, address.port), lambda: address.secret, "test")
    try:
        return market.facts().now
    finally:
        market.close()


@dataclass(frozen=True, slots=True)
class Truth:
    """What the broker has of one account."""

    balance: float
    deposits: float
    deals: list[Deal]
    positions: list[Holding]


@contextmanager
def broker_of(directory: Path, terminal: Terminal) -> Iterator[RemoteTradeServer]:
    """The terminal's own account, asked directly. What is to hold up a call holds up nobody here."""
    address = read_terminal_file(terminal.file(directory))
    server = RemoteTradeServer(address, time.monotonic() + LOOK_SECONDS, block=lambda seconds: None)
    try:
        yield server
    finally:
        server.log_out()


def truth_of(directory: Path, terminal: Terminal) -> Truth:
    """As the terminal process has it now. Raises `PackageError` while it misbehaves."""
    with broker_of(directory, terminal) as server:
        return _truth(server)


def close_what_strangers_hold(directory: Path, terminal: Terminal) -> None:
    """As a person would: where positions net, a stranger's keeps ours out."""
    with suppress(PackageError), broker_of(directory, terminal) as server:
        for held in server.positions():
            if held["magic"] == 0:
                RemoteHands(terminal.file(directory)).close(held["ticket"])


def _truth(server: RemoteTradeServer) -> Truth:
    records = server.history_deals()
    deposits = [record for record in records if record["type"] == facts.DEAL_TYPE_BALANCE]
    return Truth(
        balance=float(server.account_info()["balance"]),
        deposits=math.fsum(record["profit"] for record in deposits),
        deals=[_deal(record) for record in records if record["type"] != facts.DEAL_TYPE_BALANCE],
        positions=[_holding(record) for record in server.positions()],
    )


def _deal(record: Mapping[str, Any]) -> Deal:
    return Deal(
        deal=record["ticket"],
        order=record["order"],
        position_id=record["position_id"],
        magic=record["magic"],
        commodity="EURUSD",
        side=Side.SELL if record["type"] == facts.DEAL_TYPE_SELL else Side.BUY,
        entry=ENTRIES[record["entry"]],
        volume_lots=record["volume"],
        price=record["price"],
        profit=record["profit"],
        swap=record["swap"],
        commission=record["commission"],
        fee=record["fee"],
        time=record["time"] * SECOND,
        reason=str(record["reason"]),
    )


def _holding(record: Mapping[str, Any]) -> Holding:
    return Holding(
        ticket=record["ticket"],
        position_id=record["identifier"],
        magic=record["magic"],
        commodity="EURUSD",
        side=Side.SELL if record["type"] == facts.POSITION_TYPE_SELL else Side.BUY,
        volume_lots=record["volume"],
        open_price=record["price_open"],
        open_time=record["time"] * SECOND,
        swap=record["swap"],
        margin=0.0,
        comment=record["comment"],
    )


def disagreements(directory: Path, ledger: Ledger, terminals: Sequence[Terminal] = THREE) -> list[Divergence]:
    """Where the ledger and the brokers contradict each other now, to the cent."""
    ledgers = evidence.ledger_facts(ledger, [terminal.name for terminal in terminals])
    found: list[Divergence] = []
    for terminal in terminals:
        truth, told = truth_of(directory, terminal), ledgers[terminal.name]
        token = 0  # what the worker's floor has seen is shown elsewhere
        broker = BrokerFacts(truth.deposits, truth.balance, token, truth.positions, truth.deals)
        found += divergences({terminal.name: told}, {terminal.name: broker}) if not terminal.netting else []
        found += _booked(terminal.name, truth)
        found += (_shares if terminal.netting else _money)(terminal.name, told.trades, truth)
    return found


def _shares(account: str, trades: Sequence[Trade], truth: Truth) -> list[Divergence]:
    """On a netting account: the profit of each trade is that of its share, for strangers may trade into a position."""
    found = []
    for trade in trades:
        deals = [deal for deal in truth.deals if deal.position_id == trade.position_id]
        share = share_of(trade.magic, deals)
        said = f"trade {trade.trade_id} ({trade.state})"
        if trade.state is TradeState.CLOSED:
            profit = math.fsum(deal.net for deal in share.deals)
            if trade.profit is None or abs(trade.profit - profit) >= HALF_A_CENT:
                found.append(Divergence(Kind.PROFIT, account, f"{said}: {trade.profit}, its deals sum to {profit:.2f}"))
            if not share.is_over:
                found.append(Divergence(Kind.HALF_CLOSED, account, f"{said}: {share.volume_lots:g} lots are left"))
        elif trade.state is TradeState.OPEN and not math.isclose(trade.volume_lots, share.volume_lots, abs_tol=1e-9):
            found.append(Divergence(Kind.FACTS, account, f"{said}: {trade.volume_lots} lots, its deals {share}"))
        elif trade.state in (TradeState.SUBMITTED, TradeState.CLOSING, TradeState.LATE):
            found.append(Divergence(Kind.UNSETTLED, account, said))
        elif trade.state in (TradeState.FAILED, TradeState.UNKNOWN) and share.deals:
            found.append(Divergence(Kind.DENIED, account, f"{said}, and its order was executed"))
    return found


def _booked(account: str, truth: Truth) -> list[Divergence]:
    """The balance is what was deposited and the deals."""
    booked = math.fsum(deal.net for deal in truth.deals)
    if abs(truth.balance - truth.deposits - booked) < HALF_A_CENT:
        return []
    said = f"it is {truth.balance:.2f}, deposits and deals are {truth.deposits + booked:.2f}"
    return [Divergence(Kind.BALANCE, account, said)]


def _money(account: str, trades: Sequence[Trade], truth: Truth) -> list[Divergence]:
    """Where each position is one order's: the balance went by the profit of the trades, and by the others' deals."""
    if any(trade.state not in (TradeState.OPEN, TradeState.CLOSED, TradeState.FAILED) for trade in trades):
        return []  # what is on its way is told elsewhere
    closed = [trade for trade in trades if trade.state is TradeState.CLOSED]
    ours = {trade.position_id for trade in closed}
    realised = math.fsum(trade.profit or 0.0 for trade in closed)
    others = math.fsum(deal.net for deal in truth.deals if deal.position_id not in ours)
    went = truth.balance - truth.deposits
    if abs(went - realised - others) < HALF_A_CENT * max(len(closed), 1):
        return []
    return [Divergence(Kind.BALANCE, account, f"it went by {went:.2f}, trades and others by {realised + others:.2f}")]
