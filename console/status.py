"""`run.py status`: who leads what, the accounts, the open trades, the next closings, the last decision."""

from __future__ import annotations

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
from console.pauses import pause_words, paused_scopes
from console.reading import ledger_for_reading, market_time, no_ledger
from console.records import Data, decision_data, digits_of, reservation_data, trade_data
from console.sentences import printable, sentence
from console.tables import Cell, Column, pairs, table
from console.valuations import Valuations, worth_table
from feeds.errors import CalendarUnavailable
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from persistence.reservations import Reservation, account_resource, crew_resource
from trading.market import MINUTE, SECOND, Instant, iso
from trading.modes import Mode
from trading.settings import Settings
from trading.trade import ACTIVE, HELD, Trade, TradeState


def run(arguments: Status, configuration: Configuration, output: Output) -> int:
    """Show how things stand; answers the exit code."""
    if arguments.watch:
        from console import status_watch  # with what only a look that stays needs

        return status_watch.run(arguments, configuration, output)
    if arguments.url is not None:
        from console.at_console import looked_up

        output.show(looked_up(arguments, configuration, "/api/status"), render)
        return 0
    with ledger_for_reading(configuration) as ledger:
        data = status_data(configuration, ledger)
    output.show(data, render)
    return 0


def status_data(configuration: Configuration, ledger: Ledger | None, valuations: Valuations | None = None) -> Data:
    """How things stand by the ledger. ``valuations``: those that are kept; None: they are read where needed."""
    settings = configuration.settings
    head: Data = {"ledger": configuration.shown_database_url, "crew": settings.crew, "exists": ledger is not None}
    if ledger is None:
        return head
    now = market_time(settings, ledger)
    leases = [lease for lease in ledger.reservations.all() if concerns(lease.resource, settings)]
    lease_clock = ledger.reservations.now()
    shown = [reservation_data(lease, lease_clock) for lease in leases]
    open_trades = ledger.trades.list(states=ACTIVE | HELD)
    decisions = ledger.journal.list(kind="decision", limit=1)
    last = decisions[0] if decisions else None
    valuations = valuations or Valuations(ledger)
    alerts = ledger.journal.list(kind="alert", limit=account_trouble.LINES)
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
            "paused": paused_scopes(ledger, settings.crew),
        },
        "leader": leader,
        "leases": shown,
        "accounts": accounts_data(settings, ledger, now, leases, alerts),
        "dead_feeds": feed_trouble.dead_feeds(alerts, settings.feeds, None if leader is None else leader["owner"]),
        "unfair_choices": unfair_choices.unfair_choices(ledger, now),
        "external_positions": external_data(ledger, settings),
        "open_trades": [open_trade_data(trade, configuration, now, valuations) for trade in open_trades],
        **closings_or_fault(configuration, open_trades, now),
        "last_decision": None
        if last is None
        else {**decision_data(last), "said": sentence(last.kind, last.reason, last.detail, last.repeated)},
        "trades_by_state": {state.value: count for state, count in _by_state(ledger).items()},
    }


def concerns(resource: str, settings: Settings) -> bool:
    """Whether a lease is the crew's, or one of its accounts', whoever holds it: other crews may share the ledger."""
    kind, _, name = resource.partition(":")
    accounts = {account.name for account in settings.accounts}
    return resource == crew_resource(settings.crew) or kind in accounts or (kind == "account" and name in accounts)


def accounts_data(
    settings: Settings,
    ledger: Ledger,
    now: Instant | None,
    leases: Sequence[Reservation] | None = None,
    alerts: Sequence[JournalLine] | None = None,
) -> list[Data]:
    """Each account with its lease, its trades in counts, and what keeps it from trading.

    ``leases``, ``alerts``: where they were read already.
    """
    leases = ledger.reservations.all() if leases is None else leases
    alerts = ledger.journal.list(kind="alert", limit=account_trouble.LINES) if alerts is None else alerts
    wrong = account_trouble.troubles(alerts)
    active, closed, realised = ledger.trades.active(), ledger.trades.closed(), ledger.trades.realised()
    cooling_down = _cooldowns(settings, ledger, now)
    rows = []
    for account in settings.accounts:
        name = account.name
        holder = next((lease for lease in leases if lease.resource == account_resource(name)), None)
        rows.append(
            {
                "name": name,
                "connector": account.connector,
                "enabled": account.enabled,
                "held_by": None if holder is None else holder.owner,
                "open_trades": sum(trade.platform == name for trade in active),
                "closed_trades": closed.get(name, 0),
                "realised_profit": round(realised.get(name, 0.0), 2),
                "cooling_down_until": cooling_down.get(name, {}),
                "trouble": wrong.get(name),
                "held_back": account_limits.held_back(ledger, name, now),
            }
        )
    return rows


def _cooldowns(settings: Settings, ledger: Ledger, now: Instant | None) -> dict[str, dict[str, str]]:
    """Until when each account may not open each commodity again: counted from the last submission that did not fail."""
    if now is None:
        return {}
    length = round(settings.ai_per_account_cooldown_minutes * MINUTE)
    ends: dict[str, dict[str, Instant]] = {}
    for trade in ledger.trades.list(submitted_since=now - length):
        end = trade.submitted_at + length
        if trade.state is not TradeState.FAILED and end > now:
            mine = ends.setdefault(trade.platform, {})
            mine[trade.commodity] = max(mine.get(trade.commodity, 0), end)
    return {name: {key: iso(end) for key, end in sorted(mine.items())} for name, mine in ends.items()}


def open_trade_data(trade: Trade, configuration: Configuration, now: Instant | None, valuations: Valuations) -> Data:
    """An open trade with the digits of its prices, and what it is worth."""
    return {
        **trade_data(trade),
        "digits": digits_of(trade.commodity, configuration.commodities),
        "time_stop_in_seconds": None if now is None else max(trade.time_stop_at - now, 0) / SECOND,
        "valuation": valuations.of(trade, now),
    }


def closings_or_fault(configuration: Configuration, trades: Sequence[Trade], now: Instant | None) -> Data:
    """All else is shown also where no calendar can be had: on a bad day this is what is looked at."""
    try:
        closings, fault = [] if now is None else closings_data(configuration, trades, now), None
    except CalendarUnavailable as error:
        closings, fault = [], str(error)
    return {"next_closings": closings, "closings_fault": fault}


def _by_state(ledger: Ledger) -> Mapping[TradeState, int]:
    counts = ledger.trades.tally().states
    return {state: counts[state] for state in TradeState if counts.get(state)}


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
        whole = [Text(mode_words(mode), style="green")]
    else:
        whole = [
            Text(mode_words(wanted), style="yellow" if wanted["guards"] else "bold red") for wanted in mode["causes"]
        ]
    return Text("\n").join([*whole, *(Text(pause_words(part), style="yellow") for part in mode["paused"])])


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
