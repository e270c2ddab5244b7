"""The figures of `run.py audit` for people."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from console.figures import UNKNOWN, number, span, words
from console.reading import no_ledger
from console.tables import Cell, Column, table

COLUMNS = (
    Column("rule"),
    Column("on", goes=3),
    Column("trades", "right", goes=4),
    Column("touched", "right", goes=1),
    Column("daily volatilities", "right"),
    Column("t", "right"),
    Column("with a profit", "right", goes=2),
    Column("held", "right", goes=5),
    Column("verdict"),
)
STYLES = {"switch off": "bold red", "pays": "green"}
MEANING = (
    "Results are those of the trades under the rule less those of their shadows left alone, in daily volatilities at "
    "entry; errors by blocks of days, since trades overlap. A rule that its shadow beats by two standard errors is to "
    "be switched off. Likelier profits: more trades end with one, and money is lost by no more than 0.01, surely."
)


def render_recorded(data: Mapping[str, Any]) -> RenderableType:
    """Of trades on recorded bars."""
    parts: list[RenderableType] = [
        Text(
            f"{data['trades']:,} trades, each with every rule by itself and without it; blocks of "
            f"{data['block_days']} days. The second half begins with {data['split_at'][:10]}."
        ),
        Text(),
        table("", COLUMNS, [_row(row, row["name"]) for row in _comparisons(data)], otherwise="No rule was asked for."),
        Text(MEANING, style="dim"),
    ]
    for title, cut in (
        ("By half of the entries", "by_half"),
        ("By kind of entry", "by_entry"),
        ("By series", "by_series"),
        ("By strategy", "by_strategy"),
    ):
        parts += [Text(), _cut(title, cut, _comparisons(data))]
    parts.append(Text())
    for series in data["series"]:
        remarks = "; ".join(
            [
                f"{series['trades']:,} trades on {series['bars']:,} bars of {span(series['bar_seconds'])}",
                f"{series['from'][:10]} to {series['to'][:10]}",
                *series["remarks"],
            ]
        )
        parts.append(Text(f"{series['name']}: {remarks}", style="dim"))
    return Group(*parts)


def render_ledger(data: Mapping[str, Any]) -> RenderableType:
    """Of the ledger's trades."""
    if not data["exists"]:
        return no_ledger(data)
    parts: list[RenderableType] = [
        Text(
            f"{data['trades']:,} settled trades; a rule has adjusted or closed {data['touched']:,} of them, and "
            f"{data['compared']:,} could be compared with their shadows."
        ),
        Text(),
        table("", COLUMNS, [_row(row, row["name"]) for row in data["rules"]], otherwise="There is nothing to compare."),
        Text(
            "Each trade counts for the rule that touched it first; its shadow is left alone from then on. "
            "The shadow pays the spread of the bars, commissions, and a paper account's slippage.",
            style="dim",
        ),
    ]
    parts += [Text(f"left out: {count:,} {why}", style="dim") for why, count in data["left_out"].items()]
    return Group(*parts)


def _comparisons(data: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [*data["rules"], *data["together"]]


def _row(row: Mapping[str, Any], name: str) -> list[Cell]:
    enabled = row.get("enabled")
    profit = row["profit"]
    return [
        words(name),
        UNKNOWN if enabled is None else "yes" if enabled else "no",
        f"{row['trades']:,}",
        f"{row['touched']:,}",
        _plus_minus(row["mean"], row["standard_error"], 4),
        _signed(row["t"], 1),
        _plus_minus(_points(profit["mean"]), _points(profit["standard_error"]), 1),
        _hours(row["held_seconds"]),
        Text(row["verdict"], style=STYLES.get(row["verdict"], "")),
    ]


def _cut(title: str, cut: str, rows: Sequence[Mapping[str, Any]]) -> RenderableType:
    """One column for each value, one line for each rule: the mean and its t."""
    values = list(dict.fromkeys(value for row in rows for value in row[cut]))
    columns = [Column("rule"), *(Column(words(value), "right", goes=place) for place, value in enumerate(values))]
    lines: list[list[Cell]] = [[words(row["name"]), *(_brief(row[cut].get(value)) for value in values)] for row in rows]
    return table(f"{title}: daily volatilities (t)", columns, lines, otherwise="")


def _brief(row: Mapping[str, Any] | None) -> str:
    if row is None or not row["touched"]:
        return UNKNOWN
    return f"{_signed(row['mean'], 4)} ({_signed(row['t'], 1)})"


def _plus_minus(mean: Any, error: Any, decimals: int) -> str:
    known = number(error)
    return _signed(mean, decimals) + ("" if known is None else f" ± {known:.{decimals}f}")


def _signed(value: Any, decimals: int) -> str:
    known = number(value)
    return UNKNOWN if known is None else f"{known:+.{decimals}f}"


def _points(value: Any) -> float | None:
    known = number(value)
    return None if known is None else 100 * known


def _hours(seconds: Any) -> str:
    known = number(seconds)
    return UNKNOWN if known is None else f"{known / 3600:+.1f} h"
