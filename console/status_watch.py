"""`run.py status --watch`: the live view of a console that runs, in another terminal, until Ctrl-C.

A thread reads the console's stream and begins it again whenever it ends; the screen shows the newest moment, and says
how old it is as soon as that matters.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.live import Live
from rich.text import Text

from console.arguments import Status
from console.at_console import console_for
from console.configuration import Configuration
from console.console_client import ConsoleAway, ConsoleClient
from console.errors import CommandError
from console.figures import DEFAULT_DIGITS, number, words
from console.live_view import AccountLine, EventLine, LiveSnapshot, TradeLine, render
from console.output import Output
from console.sentences import printable
from trading.market import Instant, Side, instant

REFRESHES_PER_SECOND = 4.0
STALE_SECONDS = 11.0  # twice as long as the console lets it be quiet, and a little
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.5, 5.0
EVENTS = 30


def run(arguments: Status, configuration: Configuration, output: Output) -> int:
    """Show it until Ctrl-C; answers the exit code. Raises `CommandError` without a terminal."""
    if output.as_json or not output.screen.is_terminal:
        raise CommandError("--watch needs a terminal; expected status, or status --json, for anything else")
    moment = NewestMoment()
    reader = Reader(lambda: console_for(arguments, configuration, "read"), moment)
    console_for_a_wrong_address(arguments, configuration)
    reader.start()
    try:
        with Live(
            console=output.screen,
            screen=True,
            refresh_per_second=REFRESHES_PER_SECOND,
            get_renderable=lambda: View(moment, time.monotonic()),
        ):
            reader.join()
    except KeyboardInterrupt:
        return 0
    raise CommandError(moment.trouble)


def console_for_a_wrong_address(arguments: Status, configuration: Configuration) -> None:
    """Raise `CommandError` for an address or a token that can never be right; that nobody answers is no reason."""
    try:
        console_for(arguments, configuration, "read")
    except ConsoleAway:
        return


class NewestMoment:
    """What the console said last. One thread writes it; a reader sees one whole value or the next."""

    def __init__(self) -> None:
        self.overview: Mapping[str, Any] | None = None
        self.heard_at = 0.0  # on `time.monotonic`: of anything
        self.trouble = "looking for a console"  # empty: it is connected

    def take(self, kind: str, data: Any) -> None:
        """One event of the stream."""
        self.heard_at = time.monotonic()
        if kind == "overview" and isinstance(data, dict):
            self.overview, self.trouble = data, ""
        elif kind == "changes" and isinstance(data, dict) and self.overview is not None:
            self.overview = merged(self.overview, data)


class Reader(threading.Thread):
    """Reads the stream, and begins it again when it ends. Ends itself with nothing but the process."""

    def __init__(self, find: Callable[[], ConsoleClient], moment: NewestMoment) -> None:
        super().__init__(name="watch", daemon=True)
        self._find = find
        self._moment = moment

    def run(self) -> None:
        """Until the process ends, or the address proves wrong."""
        pause = FIRST_PAUSE_SECONDS
        while True:
            try:
                for kind, data in self._find().events("/api/live"):
                    self._moment.take(kind, data)
                    pause = FIRST_PAUSE_SECONDS
            except ConsoleAway as error:
                self._moment.trouble = str(error)
            except CommandError as error:
                self._moment.trouble = str(error)
                return
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def merged(overview: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The overview with what has changed: whole values, but of trades the fields that changed, of events the new."""
    whole = {**overview, **changes}
    trades, events = changes.get("trades"), changes.get("events")
    if isinstance(trades, dict):
        rows = {row["trade_id"]: row for row in overview.get("trades", ())}
        for row in trades.get("changed", ()):
            rows[row["trade_id"]] = {**rows.get(row["trade_id"], {}), **row}
        for trade_id in trades.get("gone", ()):
            rows.pop(trade_id, None)
        whole["trades"] = list(rows.values())
    if isinstance(events, dict):
        lines = {line["id"]: line for line in overview.get("events", ())}
        lines.update((line["id"], line) for line in events.get("new", ()))
        whole["events"] = list(lines.values())[-EVENTS:]
    return whole


@dataclass(frozen=True, slots=True)
class View:
    """The screen of one moment."""

    moment: NewestMoment
    now: float  # on `time.monotonic`

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        head = self._head()
        overview = self.moment.overview
        if overview is None:
            yield Group(*head)
            return
        yield from head
        height = (options.height or console.height) - len(head)
        yield from console.render(self._body(overview), options.update_height(max(height, 1)))

    def _body(self, overview: Mapping[str, Any]) -> RenderableType:
        if overview.get("market_time") is None:
            return Text("nothing has happened yet")
        return render(snapshot_of(overview))

    def _head(self) -> list[Text]:
        """What a person must see before any figure: that it is old, that nothing is guarded, what is wrong."""
        lines = []
        age = self.now - self.moment.heard_at
        if self.moment.trouble:
            since = f", all this is {age:.0f} s old" if self.moment.overview is not None else ""
            lines.append(_line(f"not connected{since}: {self.moment.trouble}", "bold white on red"))
        elif age > STALE_SECONDS:
            lines.append(_line(f"nothing heard for {age:.0f} s: what is below is old", "bold white on red"))
        overview = self.moment.overview or {}
        mode = overview.get("mode") or {}
        if mode.get("mode", "trading") != "trading":
            why = f": {mode['reason']}" if mode.get("reason") else ""
            style = "bold yellow" if mode.get("guards") else "bold white on red"
            guards = "guarding goes on" if mode.get("guards") else "nobody guards stops and targets"
            lines.append(_line(f"{words(mode['mode'])} by {mode.get('by')}{why}; {guards}", style))
        alerts = overview.get("alerts") or ()
        if alerts:
            more = f" (and {len(alerts) - 1} more)" if len(alerts) > 1 else ""
            lines.append(_line(f"{alerts[-1].get('said')}{more}", "bold yellow"))
        return lines


def snapshot_of(overview: Mapping[str, Any]) -> LiveSnapshot:
    """The overview as the live view of `serve` takes it."""
    counts = overview["counts"]
    profits = list(overview["realised_profit"].values())
    return LiveSnapshot(
        market_time=_instant(overview["market_time"]),
        speed=overview["speed"] or 0.0,
        feed=overview["source"] or "nobody leads here",
        position=overview["position"],
        length=overview["length"],
        market_open=bool(overview["market_open"]),
        leads=overview["leads"],
        leader=overview["said"],
        opened=counts["opened"],
        closed=counts["closed"],
        refused=counts["refused"],
        realised_profit=sum(profits) if len(profits) < 2 else float("nan"),  # of several currencies there is no sum
        accounts=[_account(account) for account in overview["accounts"]],
        trades=[_trade(trade) for trade in overview["trades"]],
        events=[
            EventLine(_instant(line["at"]), line["kind"], line["text"], line["about"]) for line in overview["events"]
        ],
    )


def _account(account: Mapping[str, Any]) -> AccountLine:
    return AccountLine(
        platform=account["name"],
        currency=account["currency"],
        balance=number(account["balance"]),
        equity=number(account["equity"]),
        open_risk=number(account["open_risk"]),
        ready=account["ready"] and not account["paused"],
        reason="paused" if account["paused"] else account["reason"],
    )


def _trade(trade: Mapping[str, Any]) -> TradeLine:
    return TradeLine(
        trade_id=trade["trade_id"],
        platform=trade["platform"],
        commodity=trade["commodity"],
        side=Side(trade["side"]),
        volume_lots=trade["volume_lots"],
        strategy=trade["strategy"],
        state=trade["state"],
        digits=DEFAULT_DIGITS if trade["digits"] is None else trade["digits"],
        entry_price=number(trade["entry_price"]),
        price=number(trade["price"]),
        stop_price=trade["stop_price"],
        target_price=number(trade["target_price"]),
        profit=number(trade["profit"]),
        closes_in_seconds=number(trade["closes_in_seconds"]),
    )


def _instant(text: str) -> Instant:
    return instant(datetime.fromisoformat(text.replace("Z", "+00:00")))


def _line(text: str, style: str) -> Text:
    return Text(printable(text), style=style, no_wrap=True, overflow="ellipsis")
