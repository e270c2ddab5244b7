"""The next windows in which the day-end and Friday rules close: as data, and as a table with equal ones in one line."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from rich.console import RenderableType
from rich.text import Text

from console.configuration import Configuration
from console.figures import span, time_of, words
from console.records import Data
from console.tables import Cell, Column, table
from trading.market import DAY, SECOND, Instant, iso
from trading.next_closings import NextClosing, next_closings
from trading.trade import Trade

NEAR = 60 * DAY  # around now: what is usual for a weekday, and any gap between two sessions
MOST_NAMES = 4  # of commodities in one line, before they are counted


def closings_data(configuration: Configuration, trades: Iterable[Trade], now: Instant) -> list[Data]:
    """For each account and commodity the next window of the rules, the soonest first.

    Raises `CalendarUnavailable` where an exchange's calendar cannot be had.
    """
    settings = configuration.settings
    timetable = configuration.calendars.timetable(settings, configuration.commodities, now - NEAR, now + NEAR)
    return [_closing(one, now) for one in next_closings(settings, timetable, trades, now)]


def _closing(closing: NextClosing, now: Instant) -> Data:
    window = closing.window
    return {
        "platform": closing.account,
        "commodity": closing.commodity,
        "trading_date": window.trading_date.isoformat(),
        "window_starts_at": iso(window.starts_at),
        "ends_at": iso(window.ends_at),
        "in_seconds": max(window.starts_at - now, 0) / SECOND,
        "ends_week": window.ends_week,
        "ends_early": closing.is_short,
        "holidays": list(closing.holidays),
        "closes": closing.closes,
        "rules": [job.rule.value for job in closing.jobs],
        "open_trades": closing.open_trades,
    }


class Line(NamedTuple):
    """What closings have in common that are shown in one line."""

    window_starts_at: str
    ends_at: str
    in_seconds: float
    ends_week: bool
    ends_early: bool
    holidays: tuple[str, ...]
    closes: str


def closings_table(closings: Sequence[Mapping[str, Any]], *, known: bool) -> RenderableType:
    """The closings, the soonest first; those that are equal, of several commodities and accounts, in one line.

    ``known``: whether there is a market time to tell them by.
    """
    columns = (
        Column("account"),
        Column("commodity", shrinks="fold"),
        Column("from"),
        Column("in", "right", goes=2),
        Column("until", goes=3),
        Column("trades", "right", goes=4),  # that are open, and will be judged
        Column("closes", goes=1, shrinks="fold"),
    )
    rows = [_row(accounts, commodities, line, trades) for line, accounts, commodities, trades in folded(closings)]
    otherwise = "No closings are due." if known else "The next closings are known once something has happened."
    return table("Next closings (UTC)", columns, rows, otherwise=otherwise)


def folded(
    closings: Sequence[Mapping[str, Any]],
) -> list[tuple[Line, tuple[str, ...], tuple[str, ...], int]]:
    """Each line with its accounts, its commodities and how many open trades it concerns, in the order given."""
    of_account: dict[tuple[Line, str], list[str]] = defaultdict(list)
    trades: dict[tuple[Line, str], int] = defaultdict(int)
    for closing in closings:
        told = {name: closing[name] for name in Line._fields}
        key = Line(**{**told, "holidays": tuple(closing["holidays"])}), closing["platform"]
        of_account[key].append(closing["commodity"])
        trades[key] += closing["open_trades"]
    accounts: dict[tuple[Line, tuple[str, ...]], list[str]] = defaultdict(list)
    for (line, account), commodities in of_account.items():
        accounts[line, tuple(commodities)].append(account)
    return [
        (line, tuple(names), commodities, sum(trades[line, name] for name in names))
        for (line, commodities), names in accounts.items()
    ]


def _row(accounts: Sequence[str], commodities: Sequence[str], line: Line, trades: int) -> tuple[Cell, ...]:
    more = len(commodities) - MOST_NAMES
    shown = commodities if more <= 1 else commodities[:MOST_NAMES]
    remarks = ["the week ends"] if line.ends_week else []
    if line.ends_early:
        remarks.append(f"a short day{': ' if line.holidays else ''}{', '.join(map(words, line.holidays))}")
    return (
        Text(", ".join(accounts), style="bold"),
        ", ".join(shown) + (f" and {more} more" if more > 1 else ""),
        time_of(line.window_starts_at),
        span(line.in_seconds),
        time_of(line.ends_at),
        str(trades) if trades else "",
        "; ".join([line.closes, *remarks]),
    )
