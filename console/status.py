"""`run.py status`: who leads what, the accounts, the open trades, the next closings, the last decision."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from console import account_limits, account_trouble, feed_trouble, unfair_choices
from console.arguments import Status
from console.closings import closings_data, closings_table
from console.configuration import Configuration
from console.externals import external_data, external_table
from console.figures import money, price, side, span, state, time_of, words
from console.modes import mode_data, mode_words
from console.output import Output
from console.reading import ledger_for_reading, market_time, no_ledger
from console.records import Data, decision_data, digits_of, reservation_data, trade_data
from console.sentences import printable, sentence
from console.tables import Cell, Column, pairs, table
from console.valuations import Valuations, worth_table
from feeds.errors import CalendarUnavailable
from persistence.ledger import Ledger
from persistence.reservations import Reservation, account_resource, crew_resource
from trading.market import MINUTE, SECOND, Instant, iso
from trading.modes import Mode
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.trade import ACTIVE, HELD, Trade, TradeState


def run(arguments: Status, configuration: Configuration, output: Output) -> int:
    """Show how things stand; answers the exit code."""
    with ledger_for_reading(configuration) as ledger:
        data = status_data(configuration, ledger)
    output.show(data, render)
    return 0


def status_data(configuration: Configuration, ledger: Ledger | None) -> Data:
    """How things stand by the ledger."""
    settings = configuration.settings
    head: Data = {"ledger": configuration.shown_database_url, "crew": settings.crew, "exists": ledger is not None}
    if ledger is None:
        return head
    now = market_time(settings, ledger)
    leases = [lease for lease in ledger.reservations.all() if concerns(lease.resource, settings)]
    lease_clock = ledger.reservations.now()
    shown = [reservation_data(lease, lease_clock) for lease in leases]
    trades = ledger.trades.list()
    decisions = ledger.journal.list(kind="decision", limit=1)
    last = decisions[0] if decisions else None
    valuations = Valuations(ledger)
    alerts = ledger.journal.list(kind="alert", limit=account_trouble.LINES)
    wrong = account_trouble.troubles(alerts)
    leader = next((held for held in shown if held["resource"] == crew_resource(settings.crew)), None)
    return {
        **head,
        "market_time": None if now is None else iso(now),
        "mode": {
            **mode_data(settings.crew, ledger.modes.of(settings.crew)),
            "causes": [
                mode_data(settings.crew, record)
                for record in ledger.modes.by_cause(settings.crew)
                if record.mode is not Mode.TRADING
            ],
            "crashes": ledger.starts.crashes(settings.crew),
        },
        "leader": leader,
        "leases": shown,
        "accounts": [
            {
                **_account(account, leases, trades, settings, now),
                "trouble": wrong.get(account.name),
                "held_back": account_limits.held_back(ledger, account.name, now),
            }
            for account in settings.accounts
        ],
        "dead_feeds": feed_trouble.dead_feeds(alerts, settings.feeds, None if leader is None else leader["owner"]),
        "unfair_choices": unfair_choices.unfair_choices(ledger, now),
        "external_positions": external_data(ledger, settings),
        "open_trades": [
            _open_trade(trade, configuration, now, valuations) for trade in trades if trade.state in ACTIVE | HELD
        ],
        **_closings(configuration, trades, now),
        "last_decision": None
        if last is None
        else {**decision_data(last), "said": sentence(last.kind, last.reason, last.detail, last.repeated)},
        "trades_by_state": {state.value: count for state, count in _by_state(trades).items()},
    }


def concerns(resource: str, settings: Settings) -> bool:
    """Whether a lease is the crew's, or one of its accounts', whoever holds it: other crews may share the ledger."""
    kind, _, name = resource.partition(":")
    accounts = {account.name for account in settings.accounts}
    return resource == crew_resource(settings.crew) or kind in accounts or (kind == "account" and name in accounts)


def _account(
    account: AccountSettings,
    leases: Sequence[Reservation],
    trades: Sequence[Trade],
    settings: Settings,
    now: Instant | None,
) -> Data:
    mine = [trade for trade in trades if trade.platform == account.name]
    closed = [trade for trade in mine if trade.state is TradeState.CLOSED]
    holder = next((lease for lease in leases if lease.resource == account_resource(account.name)), None)
    return {
        "name": account.name,
        "connector": account.connector,
        "enabled": account.enabled,
        "held_by": None if holder is None else holder.owner,
        "open_trades": sum(trade.state in ACTIVE for trade in mine),
        "closed_trades": len(closed),
        "realised_profit": round(math.fsum(trade.profit or 0.0 for trade in closed), 2),
        "cooling_down_until": _cooldowns(mine, settings, now),
    }


def _cooldowns(trades: Sequence[Trade], settings: Settings, now: Instant | None) -> dict[str, str]:
    """Until when each commodity may not be opened again: counted from the last submission that did not fail."""
    length = round(settings.ai_per_account_cooldown_minutes * MINUTE)
    ends: dict[str, Instant] = {}
    for trade in trades:
        if trade.state is not TradeState.FAILED:
            ends[trade.commodity] = max(ends.get(trade.commodity, 0), trade.submitted_at + length)
    return {name: iso(end) for name, end in sorted(ends.items()) if now is not None and end > now}


def _open_trade(trade: Trade, configuration: Configuration, now: Instant | None, valuations: Valuations) -> Data:
    return {
        **trade_data(trade),
        "digits": digits_of(trade.commodity, configuration.commodities),
        "time_stop_in_seconds": None if now is None else max(trade.time_stop_at - now, 0) / SECOND,
        "valuation": valuations.of(trade, now),
    }


def _closings(configuration: Configuration, trades: Sequence[Trade], now: Instant | None) -> Data:
    """All else is shown also where no calendar can be had: on a bad day this is what is looked at."""
    try:
        closings, fault = [] if now is None else closings_data(configuration, trades, now), None
    except CalendarUnavailable as error:
        closings, fault = [], str(error)
    return {"next_closings": closings, "closings_fault": fault}


def _by_state(trades: Sequence[Trade]) -> Mapping[TradeState, int]:
    counts = Counter(trade.state for trade in trades)
    return {state: counts[state] for state in TradeState if counts[state]}


def render(data: Mapping[str, Any]) -> RenderableType:
    """The whole status, a table for each part."""
    if not data["exists"]:
        return no_ledger(data)
    return Group(
        pairs(_head(data)),
        Text(),
        _accounts(data["accounts"]),
        *account_trouble.lines(data["accounts"]),
        *account_limits.lines(data["accounts"]),
        *feed_trouble.lines(data["dead_feeds"]),
        *unfair_choices.lines(data["unfair_choices"]),
        Text(),
        _open_trades(data["open_trades"]),
        Text(),
        *((worth_table(data["open_trades"]), Text()) if data["open_trades"] else ()),
        *((external_table(data["external_positions"]), Text()) if data["external_positions"] else ()),
        _closings_part(data),
        Text(),
        _leases(data["leases"]),
    )


def _head(data: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    leader, last = data["leader"], data["last_decision"]
    led = Text(f"nobody leads crew {data['crew']}", style="yellow")
    if leader is not None:
        led = Text(f"{leader['owner']} leads crew {data['crew']} (token {leader['token']})", style="green")
    counts = ", ".join(f"{count} {words(name)}" for name, count in data["trades_by_state"].items())
    said = "none yet" if last is None else f"{time_of(last['at'])} {last['commodity'] or ''}: {last['said']}"
    return [
        ("ledger", data["ledger"]),
        ("leader", led),
        ("mode", _mode(data["mode"])),
        ("market time", f"{time_of(data['market_time'])} UTC" if data["market_time"] else "nothing has happened yet"),
        ("trades", counts or "none yet"),
        ("last decision", said),
    ]


def _mode(mode: Mapping[str, Any]) -> Text:
    """What the crew may do; each cause that forbids something says who set it and what lifts it."""
    if mode["opens"]:
        return Text(mode_words(mode), style="green")
    return Text("\n").join(
        Text(mode_words(wanted), style="yellow" if wanted["guards"] else "bold red") for wanted in mode["causes"]
    )


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column("account"),
        Column("by", goes=3),
        Column("lease"),
        Column("open", "right"),
        Column("closed", "right"),
        Column("realised", "right"),
        Column("cooling down until", shrinks="fold", goes=1),
    )
    rows = [
        (
            Text(account["name"], style="bold"),
            account["connector"],
            _lease_state(account),
            str(account["open_trades"]),
            str(account["closed_trades"]),
            money(account["realised_profit"]),
            ", ".join(f"{name} {time_of(until)}" for name, until in account["cooling_down_until"].items()),
        )
        for account in accounts
    ]
    return table("Accounts", columns, rows, otherwise="No accounts.")


def _lease_state(account: Mapping[str, Any]) -> Text:
    if not account["enabled"]:
        return Text("disabled", style="dim")
    return Text("held", style="green") if account["held_by"] else Text("free", style="yellow")


def _open_trades(trades: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column("trade", "right"),
        Column("account"),
        Column("commodity"),
        Column("side"),
        Column("lots", "right", goes=2),
        Column("strategy", goes=4),
        Column("state"),
        Column("entry", "right"),
        Column("stop", "right"),
        Column("target", "right", goes=1),
        Column("time stop in", "right", goes=3),
    )
    rows = [
        (
            str(trade["trade_id"]),
            Text(trade["platform"], style="bold"),
            trade["commodity"],
            side(trade["side"]),
            f"{trade['volume_lots']:g}",
            words(trade["strategy"]),
            state(trade["state"]),
            price(trade["entry_price"], trade["digits"]),
            price(trade["stop_price"], trade["digits"]),
            price(trade["target_price"], trade["digits"]),
            span(trade["time_stop_in_seconds"]),
        )
        for trade in trades
    ]
    return table("Open trades", columns, rows, otherwise="No open trades.")


def _closings_part(data: Mapping[str, Any]) -> RenderableType:
    if data["closings_fault"] is not None:
        return Text(f"The next closings are not known: {printable(data['closings_fault'])}", style="bold yellow")
    return closings_table(data["next_closings"], known=data["market_time"] is not None)


def _leases(leases: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column("lease"),
        Column("held by", shrinks="fold"),
        Column("token", "right"),
        Column("left", "right"),
        Column("until", goes=1),
    )
    rows = [
        (
            lease["resource"],
            lease["owner"],
            str(lease["token"]),
            f"{lease['seconds_left']:.1f} s",
            time_of(lease["expires_at"], with_seconds=True),
        )
        for lease in leases
    ]
    return table("Leases (the database's clock)", columns, rows, otherwise="Nobody holds a lease.")
