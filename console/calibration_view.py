"""The figures of `run.py calibration` for people."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from console.figures import fraction, number, span, words
from console.reading import no_ledger
from console.tables import Cell, Column, table

CLAIM_WORDS = {"target": "target first", "stop": "stop first", "profit": "a profit"}


def render_recorded(data: Mapping[str, Any]) -> RenderableType:
    """Of forecasts on recorded bars."""
    claims = data["claims"]
    parts: list[RenderableType] = [
        Text(
            f"{data['positions']:,} open trades met in mid-life, {data['positions_with_target']:,} of them with a "
            "target; the horizon is the end of the trading day."
        ),
        Text(),
        _scores(claims),
        Text("Intervals: by drawing whole days again.", style="dim"),
    ]
    for claim in ("target", "profit"):
        parts += [Text(), _reliability(f"Claimed {CLAIM_WORDS[claim]}", claims[claim]["reliability"], "count")]
    parts += [Text(), Text("Bias is what was claimed less what happened, in points.", style="dim")]
    for title, rows in _cuts(data):
        parts += [Text(), _cut(title, rows)]
    for series in data["series"]:
        remarks = "; ".join([f"{series['bars']:,} bars of {span(series['bar_seconds'])}", *series["remarks"]])
        parts += [Text(f"{series['name']}: {remarks}", style="dim")]
    return Group(*parts)


def render_ledger(data: Mapping[str, Any]) -> RenderableType:
    """Of what a ledger claimed."""
    if not data["exists"]:
        return no_ledger(data)
    parts: list[RenderableType] = [Text(f"{data['trades']:,} settled trades.")]
    parts += [Text(), _confidence(data["confidence"])]
    for claim, found in data["claims"].items():
        parts += [Text(), _claim(claim, found)]
    return Group(*parts)


def _claim(claim: str, found: Mapping[str, Any]) -> RenderableType:
    title = f"Claimed {CLAIM_WORDS[claim]}"
    parts: list[RenderableType] = []
    if not found["count"]:
        parts.append(Text(f"{title}: nothing yet that has come to an end."))
    else:
        few = ": too few to tell" if found["few"] else ""
        error, skill = found["intervals"]["calibration_error"], found["intervals"]["brier_skill"]
        parts += [
            Text(f"{title}: {found['count']:,} valuations of {found['trades']:,} trades{few}"),
            Text(
                f"calibration error {fraction(found['calibration_error'])} ({_interval(error)}), "
                f"Brier skill {_plain(found['brier_skill'])} ({_interval(skill, plain=True)}); "
                "95 % intervals by drawing whole trades again"
            ),
            *_as_they_stood(found["as_they_stood"]),
            _reliability("", found["reliability"], "trades"),
            _strategies(found["by_strategy"]),
        ]
    parts += [Text(f"left out: {count:,} {why}", style="dim") for why, count in found["left_out"].items()]
    return Group(*parts)


def _as_they_stood(found: Mapping[str, Any]) -> list[Text]:
    if not found["count"]:
        return []
    said = (
        f"of the levels as they stood: {fraction(found['calibration_error'])} ({_interval(found['interval'])}); "
        f"claimed {fraction(found['claimed'])}, came {fraction(found['came'])}; consistency more than truth, for "
        f"{fraction(found['settled_at_a_change'] / found['count'], 0)} of {found['count']:,} valuations are settled at "
        "the first change of a level, by what was claimed there"
    )
    return [Text(said)]


def _strategies(rows: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column("strategy"),
        Column("trades", "right"),
        Column("valuations", "right", goes=2),
        Column("bias", "right"),
        Column("error", "right"),
        Column("95 % interval", "right", goes=1),
        Column(""),
    )
    cells: list[tuple[Cell, ...]] = [
        (
            words(name),
            f"{row['trades']:,}",
            f"{row['count']:,}",
            _signed(row["bias"]),
            fraction(row["calibration_error"]),
            _interval(row["intervals"]["calibration_error"]),
            Text("too few to tell" if row["few"] else "", style="dim"),
        )
        for name, row in rows.items()
    ]
    return table("", columns, cells, otherwise="")


def _scores(claims: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column("claim"),
        Column("n", "right"),
        Column("claimed", "right", goes=1),
        Column("happened", "right", goes=1),
        Column("error", "right"),
        Column("95 % interval", "right", goes=2),
        Column("skill", "right"),
        Column("95 % interval", "right", goes=2),
    )
    rows = [
        (
            CLAIM_WORDS[claim],
            f"{row['count']:,}",
            fraction(row["claimed"]),
            fraction(row["happened"]),
            fraction(row["calibration_error"], 2),
            _interval(row["intervals"]["calibration_error"], decimals=2),
            _plain(row["brier_skill"]),
            _interval(row["intervals"]["brier_skill"], plain=True),
        )
        for claim, row in claims.items()
    ]
    return table("", columns, rows, otherwise="No claims.")


def _cuts(data: Mapping[str, Any]) -> list[tuple[str, Mapping[str, Mapping[str, Any]]]]:
    return [
        ("series", data["by_series"]),
        ("strategy", {words(name): row for name, row in data["by_strategy"].items()}),
        ("side", data["by_side"]),
        ("time left", {f"{span(row['from'])} to {span(row['to'])}": row for row in data["by_seconds_left"]}),
        ("reward to risk", {f"{row['from']:.2f} to {row['to']:.2f}": row for row in data["by_reward_to_risk"]}),
        ("hour, UTC", data["by_hour"]),
    ]


def _cut(heading: str, rows: Mapping[str, Mapping[str, Any]]) -> RenderableType:
    columns = (
        Column(heading, shrinks="ellipsis"),
        Column("n", "right", goes=2),
        Column("target: bias", "right"),
        Column("error", "right", goes=1),
        Column("skill", "right", goes=3),
        Column("profit: bias", "right"),
        Column("error", "right", goes=1),
        Column("skill", "right", goes=3),
        Column("stop: bias", "right", goes=4),
    )
    cells: list[tuple[Cell, ...]] = []
    for name, row in rows.items():
        target, profit, stop = row["target"], row["profit"], row["stop"]
        cells.append((name, f"{row['positions']:,}", *_three(target), *_three(profit), _signed(stop["bias"])))
    return table("", columns, cells, otherwise="No positions.")


def _three(score: Mapping[str, Any]) -> tuple[str, str, str]:
    return _signed(score["bias"]), fraction(score["calibration_error"], 2), _plain(score["brier_skill"])


def _reliability(title: str, bins: Any, counted: str) -> RenderableType:
    columns = (
        Column("claimed", "right"),
        Column("n" if counted == "count" else counted, "right"),
        Column("mean claim", "right"),
        Column("happened", "right"),
        Column("95 % interval", "right", goes=1),
    )
    rows = [
        (
            f"{100 * each['low']:.0f}-{100 * each['high']:.0f} %",
            f"{each[counted]:,}",
            fraction(each["claimed"]),
            fraction(each["happened"]),
            _interval(each["interval"]),
        )
        for each in bins
    ]
    return table(title, columns, rows, otherwise="No claims.")


def _confidence(bands: Any) -> RenderableType:
    columns = (
        Column("confidence at entry", "right"),
        Column("trades", "right"),
        Column("with a profit", "right"),
        Column("95 % interval", "right"),
        Column(""),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            f"{band['from']}-{band['to']}",
            f"{band['trades']:,}",
            f"{band['profits']:,}, {fraction(band['share'], 0)}",
            _interval(band["interval"]),
            Text("too few to tell" if band["few"] else "", style="dim"),
        )
        for band in bands
    ]
    return table("", columns, rows, otherwise="No settled trade yet.")


def _interval(interval: Any, *, plain: bool = False, decimals: int = 1) -> str:
    if interval is None:
        return "no interval yet"
    low, high = interval["low"], interval["high"]
    return f"{_plain(low)} to {_plain(high)}" if plain else f"{100 * low:.{decimals}f} to {fraction(high, decimals)}"


def _plain(value: Any, decimals: int = 3) -> str:
    known = number(value)
    return "-" if known is None else f"{known:.{decimals}f}"


def _signed(value: Any) -> str:
    known = number(value)
    return "-" if known is None else f"{100 * known:+.2f}"
