"""The live view of `serve`: market time, accounts, open trades and the last lines of the journal, on one screen.

`render` is a pure function of a `LiveSnapshot`; the caller takes the snapshots and decides how often.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.layout import Layout
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from console.figures import amount, clock, fraction, money, price, span, words
from console.tables import Column, FittedTable
from trading.market import Instant, Side, moment

REFRESHES_PER_SECOND = 4
HEADER_LINES = 4
TABLE_HEAD_LINES = 2  # a table's heading and the line under it
LEAST_EVENT_LINES = 4
GAUGE_CELLS = 17


@dataclass(frozen=True, slots=True)
class AccountLine:
    """One account as the view shows it; money in its own currency, None where it is not known yet."""

    platform: str
    currency: str
    balance: float | None
    equity: float | None
    open_risk: float | None  # what is lost when every open trade's stop is hit
    ready: bool
    reason: str = ""  # why it is not ready
    paused: Sequence[str] = ()  # commodities that a person has paused on it


@dataclass(frozen=True, slots=True)
class TradeLine:
    """One open trade as the view shows it; prices in the commodity's units."""

    trade_id: int
    platform: str
    commodity: str
    side: Side
    volume_lots: float
    strategy: str
    state: str
    digits: int
    entry_price: float | None
    price: float | None  # the price at which it would close now
    stop_price: float
    target_price: float | None
    profit: float | None  # unrealised, in the account's currency
    closes_in_seconds: float | None = None  # of market time, until a rule or the time stop closes it


@dataclass(frozen=True, slots=True)
class EventLine:
    """One line of the journal, or of the log."""

    at: Instant
    kind: str  # a journal kind, such as decision, transition, alert
    text: str
    resource: str = ""  # <platform>:<commodity>, or either of them


@dataclass(frozen=True, slots=True)
class LiveSnapshot:
    """Everything that the view shows at one moment."""

    market_time: Instant
    speed: float  # market seconds per second
    feed: str  # what the prices are: "recorded EURUSD hours"
    position: int | None  # bars fed so far; None: the feed has no end
    length: int | None  # bars in all
    market_open: bool
    leads: bool
    leader: str  # "this process leads crew default", "host:123 leads, standing by"
    opened: int
    closed: int
    refused: int
    realised_profit: float
    accounts: Sequence[AccountLine]
    trades: Sequence[TradeLine]
    events: Sequence[EventLine]  # oldest first
    console_url: str = ""  # where the console is; empty: nowhere now


def render(snapshot: LiveSnapshot) -> RenderableType:
    """The view of one moment, laid out for whatever screen it is printed on."""
    return _View(snapshot)


@dataclass(frozen=True, slots=True)
class _View:
    snapshot: LiveSnapshot

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        snapshot = self.snapshot
        height = options.height or console.height
        account_lines = len(snapshot.accounts) + TABLE_HEAD_LINES + 1
        room = height - HEADER_LINES - account_lines - LEAST_EVENT_LINES - TABLE_HEAD_LINES - 1
        shown = _fitting(snapshot.trades, max(room, 1))
        trade_lines = len(shown) + TABLE_HEAD_LINES + 1
        event_lines = max(height - HEADER_LINES - account_lines - trade_lines, 1)
        layout = Layout()
        layout.split_column(
            Layout(_header(snapshot), size=HEADER_LINES),
            Layout(_accounts(snapshot.accounts), size=account_lines),
            Layout(_trades(shown, len(snapshot.trades)), size=trade_lines),
            Layout(_events(snapshot.events, event_lines), size=event_lines),
        )
        yield from console.render(layout, options.update_height(height))


def _header(snapshot: LiveSnapshot) -> RenderableType:
    at = snapshot.market_time
    market = Text("open", style="green") if snapshot.market_open else Text("shut", style="yellow")
    title = Table.grid(expand=True)
    title.add_column(no_wrap=True)
    title.add_column(justify="right", no_wrap=True)
    title.add_row(
        Text.assemble(
            ("Watchbill", "bold cyan"), "  ", (f"{moment(at):%a} {clock(at)} UTC", "bold"), "  market ", market
        ),
        Text(snapshot.leader, style="green" if snapshot.leads else "yellow"),
    )
    counted = f"{snapshot.opened} opened, {snapshot.closed} closed, {snapshot.refused} refused"
    counts = Text.assemble(f"{len(snapshot.trades)} open, {counted}, realised ", money(snapshot.realised_profit))
    below = Table.grid(expand=True)
    below.add_column(no_wrap=True)
    below.add_column(justify="right", no_wrap=True)
    below.add_row(counts, Text(snapshot.console_url, style="dim"))
    return Group(title, _progress(snapshot), below, Text())


def _progress(snapshot: LiveSnapshot) -> RenderableType:
    feed = f"{snapshot.feed} x{snapshot.speed:g}"
    if snapshot.position is None or not snapshot.length:
        return Text(feed, style="dim")
    grid = Table.grid(expand=True, padding=(0, 1, 0, 0))
    grid.add_column(no_wrap=True, style="dim")
    grid.add_column(ratio=1)
    grid.add_column(no_wrap=True, justify="right", style="dim")
    part = snapshot.position / snapshot.length
    grid.add_row(
        feed,
        ProgressBar(total=snapshot.length, completed=snapshot.position, complete_style="cyan", finished_style="cyan"),
        f"{snapshot.position:,} of {snapshot.length:,} bars, {fraction(part, 0)}",
    )
    return grid


def _accounts(accounts: Iterable[AccountLine]) -> RenderableType:
    columns = (
        Column("account"),
        Column("balance", "right", goes=2),
        Column("equity", "right"),
        Column("open risk", "right", goes=1),
        Column("", goes=3),
        Column("state", shrinks="ellipsis"),
    )
    rows = [
        (
            Text(account.platform, style="bold"),
            amount(account.balance),
            amount(account.equity),
            amount(account.open_risk),
            account.currency,
            _state(account),
        )
        for account in accounts
    ]
    return FittedTable("", columns, rows)


def _state(account: AccountLine) -> Text:
    if not account.ready:
        return Text(account.reason or "not ready", style="yellow")
    if account.paused:
        return Text(f"paused: {', '.join(account.paused)}", style="yellow")
    return Text("ready", style="green")


def _trades(trades: Sequence[TradeLine], total: int) -> RenderableType:
    if not trades:
        return Group(Rule(style="dim"), Text("no open trades", style="dim"))
    columns = (
        Column("trade", "right", goes=4),
        Column("account"),
        Column("commodity"),
        Column("side"),
        Column("lots", "right", goes=3),
        Column("strategy", goes=6),
        Column("entry", "right", goes=1),
        Column("now", "right"),
        Column("stop", "right"),
        Column("target", "right", goes=2),
        Column("stop to target", goes=7),
        Column("closes in", "right", goes=5),
        Column("profit", "right"),
    )
    table = FittedTable("", columns, [_trade_row(trade) for trade in trades])
    hidden = total - len(trades)
    return Group(table, Text(f"and {hidden} more", style="dim")) if hidden else table


def _trade_row(trade: TradeLine) -> tuple[str | Text, ...]:
    closing = trade.state if trade.state != "open" else span(trade.closes_in_seconds)
    return (
        str(trade.trade_id),
        Text(trade.platform, style="bold"),
        trade.commodity,
        Text(trade.side.value, style="cyan" if trade.side is Side.BUY else "magenta"),
        f"{trade.volume_lots:g}",
        words(trade.strategy),
        price(trade.entry_price, trade.digits),
        price(trade.price, trade.digits),
        price(trade.stop_price, trade.digits),
        price(trade.target_price, trade.digits),
        _gauge(trade),
        closing,
        money(trade.profit),
    )


def _gauge(trade: TradeLine) -> Text:
    """Where the price stands between the stop, at the left, and the target."""
    if trade.price is None or trade.target_price is None or trade.target_price == trade.stop_price:
        return Text("-", style="dim")
    part = (trade.price - trade.stop_price) / (trade.target_price - trade.stop_price)
    cell = round(min(max(part, 0.0), 1.0) * (GAUGE_CELLS - 1))
    gauge = Text("─" * GAUGE_CELLS, style="dim")
    return Text.assemble(gauge[:cell], ("●", _profit_style(trade)), gauge[cell + 1 :])


def _profit_style(trade: TradeLine) -> str:
    return "green" if (trade.profit or 0) >= 0 else "red"


_EVENT_STYLES = {"alert": "bold yellow", "transition": "cyan", "decision": "", "refusal": "dim", "rule": "magenta"}


def _events(events: Sequence[EventLine], lines: int) -> RenderableType:
    shown = events[-max(lines - 1, 1) :]
    rows: list[RenderableType] = [Rule(style="dim")]
    for event in shown:
        style = _EVENT_STYLES.get(event.kind, "dim")
        rows.append(
            Text.assemble(
                (f"{clock(event.at, with_year=False)}  ", "dim"),
                (f"{event.kind:<12}", style),
                (f"{event.resource:<13} " if event.resource else "", "bold"),
                " ".join(event.text.split()),
                no_wrap=True,
                overflow="ellipsis",
            )
        )
    if not shown:
        rows.append(Text("nothing has happened yet", style="dim"))
    return Group(*rows)


def _fitting(trades: Sequence[TradeLine], room: int) -> Sequence[TradeLine]:
    """As many trades as there is room for, with a line kept for how many are left out."""
    return trades if len(trades) <= room else trades[: max(room - 1, 1)]
