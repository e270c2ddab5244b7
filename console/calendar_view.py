"""The trading day as a person reads it: each instant in UTC, on this machine's clock and on the exchange's."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date, datetime, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from rich.console import Group, RenderableType
from rich.text import Text

from console.sentences import printable
from console.tables import Cell, Column, FittedTable, pairs

RULES = {"day_end": "day-end rule", "friday": "Friday rule"}
Row = tuple[str, str | None]  # what it is, and its instant in ISO 8601


def render(data: Mapping[str, Any]) -> RenderableType:
    """The day, why it is not like others, its instants in three clocks, the rules, and how far all this is known."""
    parts: list[RenderableType] = [_heading(data), *remarks_of(data), Text()]
    zone = ZoneInfo(data["zone"])
    parts.append(_table(list(instants_of(data)), zone))
    parts += [Text(), *rules_of(data), *others_of(data, zone), known_of(data)]
    return Group(*parts)


def _heading(data: Mapping[str, Any]) -> Text:
    on = "" if data["account"] is None else f" on {printable(data['account'])}"
    calendar = f"  {data['calendar']} calendar, {data['zone']}"
    if data["date"] is None:
        said = f": shut at {_told(data['at'])} UTC"
    else:
        said = f", {_date_in_words(data['date'])}"
        said += "" if data["day_end"] else ": does not trade"
    return Text.assemble((f"{data['commodity']}{on}", "bold"), said, (calendar, "dim"))


def remarks_of(data: Mapping[str, Any]) -> Iterator[Text]:
    """Whether it trades at the moment asked for, and why the day is as it is."""
    zone, because = ZoneInfo(data["zone"]), f": {data['holiday']}" if data["holiday"] else ""
    if data["is_open"]:
        yield Text(f"open at {_told(data['at'])} UTC", style="green")
    if data["date"] is not None and not data["day_end"]:
        weekday = f"{date.fromisoformat(data['date']):%A}"
        shut = f"it does not trade on a {weekday}" if data["usual_close"] is None else f"a holiday{because}"
        yield Text(shut, style="yellow")
    if data["is_late_open"]:
        yield Text(f"late open, usually {_clock(data['usual_open'], zone)} at the exchange{because}", style="yellow")
    if data["is_early_close"]:
        yield Text(f"early close, usually {_clock(data['usual_close'], zone)} at the exchange{because}", style="yellow")
    if data["is_by_rule_alone"]:
        yield Text(
            f"What was announced for after {data['known_until']} is not known here: this day is by rule alone.",
            style="yellow",
        )


def instants_of(data: Mapping[str, Any]) -> Iterator[Row]:
    """What happens on the day and after it, each with its instant, in order."""
    if data["day_end"]:
        for number, session in enumerate(data["sessions"]):
            yield "trades from" if number == 0 else "break until", session["opens"]
            last = number == len(data["sessions"]) - 1
            if not last:
                yield "break from", session["closes"]
        yield "effective close", data["effective_close"]
        yield "day end, week end" if data["ends_week"] else "day end", data["day_end"]
        if data["week_end"] and not data["ends_week"]:
            yield "week end", data["week_end"]
    else:
        yield "next opening", data["next_open"]
    following = data["next_day"]
    if following is not None:
        yield "next day from", following["sessions"][0]["opens"]
        yield "next day's end", following["day_end"]
    if data["next_week_end"] not in (None, data["week_end"]):
        yield "next week's end", data["next_week_end"]


def _table(rows: list[Row], zone: ZoneInfo) -> FittedTable:
    here, there = _name(rows, None), _name(rows, zone)
    columns = (Column(""), Column("UTC"), Column(f"here ({here})", goes=1), Column(f"exchange ({there})"))
    told: list[tuple[Cell, ...]] = [
        (
            Text(name, style="bold" if "end" in name.split(",")[0] and not name.startswith("next") else "dim"),
            _in_zone(at, ZoneInfo("UTC")),
            _in_zone(at, None),
            _in_zone(at, zone),
        )
        for name, at in rows
    ]
    return FittedTable("", columns, told)


def rules_of(data: Mapping[str, Any]) -> Iterator[RenderableType]:
    if not data["day_end"]:
        return
    before = f"the effective close, {data['buffer_minutes']:g} minutes before the day's end ({data['buffer_from']})"
    begins = data["sessions"][0]["opens"]
    never = _moment(data["effective_close"]) <= _moment(begins)
    yield Text(f"From {before}, nothing is opened{': never on this day' if never else ''}.", style="yellow" * never)
    if not data["rules"]:
        yield Text("Nothing is closed then: both rules are off.")
        return
    yield pairs(
        (
            f"  {RULES[rule['rule']]}",
            Text.assemble(f"closes {rule['closes']}", (f" ({rule['setting']})", "dim")),
        )
        for rule in data["rules"]
    )


def others_of(data: Mapping[str, Any], zone: ZoneInfo) -> Iterator[Text]:
    for other in data["other_accounts"]:
        name = printable(other["account"])
        if other["day_end"] is None:
            yield Text(f"On {name} this day does not trade.")
        else:
            end, close = _clock(other["day_end"], zone), _clock(other["effective_close"], zone)
            yield Text(f"On {name} it ends at {end} at the exchange, its effective close is {close}: --account {name}")


def known_of(data: Mapping[str, Any]) -> Text:
    if data["known_until"] is None:
        return Text("Known for all years: by a rule that does not change.", style="dim")
    return Text(f"Known until {data['known_until']}; later days are by rule alone.", style="dim")


def _date_in_words(iso_date: str) -> str:
    day = date.fromisoformat(iso_date)
    return f"{day:%A} {iso_date}"


def _told(at: str | None) -> str:
    return "-" if at is None else at[:16].replace("T", " ")


def _in_zone(at: str | None, zone: tzinfo | None) -> str:
    """The instant on a clock; without a zone on this machine's."""
    return "never" if at is None else f"{_moment(at).astimezone(zone):%a %m-%d %H:%M}"


def _clock(at: str | None, zone: tzinfo) -> str:
    return "-" if at is None else f"{_moment(at).astimezone(zone):%H:%M}"


def _moment(at: str) -> datetime:
    return datetime.fromisoformat(at)


def _name(rows: list[Row], zone: tzinfo | None) -> str:
    """What a zone (None: this machine's) calls itself then; around a change of the clock, both of its names."""
    names = dict.fromkeys(_moment(at).astimezone(zone).tzname() or "" for _, at in rows if at is not None)
    return "/".join(names) or "-"
