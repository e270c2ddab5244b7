"""The closing table of a replay: what came of it, how trades ended, why others were not opened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.columns import Columns
from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from console.figures import UNKNOWN, amount, fraction, money, number, span
from console.records import mapping, sequence
from console.sentences import reason_words
from console.tables import Cell, Column, pairs, table

BLOCK_GAP = 4


def render(data: Mapping[str, Any]) -> RenderableType:
    """The summary; whatever is missing from ``data`` is left out or shown as not known.

    Keys: ``source``, ``from``, ``to`` (ISO 8601), ``bars``, ``seconds``, ``bars_per_second``, ``trades`` (closed ones),
    ``open`` (still open at the end), ``win_rate`` (0 to 1), ``net_profit``, ``profit_factor`` (None without a loss),
    ``maximum_drawdown`` (money), ``maximum_drawdown_fraction``, ``sharpe``, ``average_hold_seconds``, ``closes``,
    ``refusals``, ``failed`` and ``alerts`` (counts by reason), ``accounts`` (a list of ``platform``, ``trades``,
    ``net_profit``).
    """
    blocks = [
        pairs(_figures(data)),
        _counts("Closed by", mapping(data.get("closes")), "No trade was closed."),
        _counts("Refused for", mapping(data.get("refusals")), "Nothing was refused."),
    ]
    for title in ("failed", "alerts"):  # orders to open that came to nothing; what a person would have been told
        counts = mapping(data.get(title))
        if counts:
            blocks.append(_counts(title, counts, ""))
    spaced = [Padding(block, (0, BLOCK_GAP, 1, 0)) for block in blocks]
    parts: list[RenderableType] = [_heading(data), Text(), Columns(spaced, padding=0)]
    accounts = [mapping(account) for account in sequence(data.get("accounts"))]
    if accounts:
        parts.append(_accounts(accounts))
    return Group(*parts)


def _heading(data: Mapping[str, Any]) -> Text:
    text = Text.assemble((f"{amount(data.get('bars'), 0)} bars", "bold"))
    if data.get("source"):
        text.append(f" of {data['source']}")
    if data.get("from") and data.get("to"):
        text.append(f" from {str(data['from'])[:10]} to {str(data['to'])[:10]}")
    if number(data.get("seconds")) is not None:
        text.append(f" in {amount(data['seconds'], 1)} s")
    if number(data.get("bars_per_second")) is not None:
        text.append(f", {amount(data['bars_per_second'], 0)} bars per second", style="dim")
    return text


def _figures(data: Mapping[str, Any]) -> list[tuple[str, Cell]]:
    trades = number(data.get("trades"))
    still_open = number(data.get("open"))
    drawdown = amount(data.get("maximum_drawdown"))
    if number(data.get("maximum_drawdown_fraction")) is not None:
        drawdown += f" ({fraction(data['maximum_drawdown_fraction'])})"
    factor = amount(data.get("profit_factor"))
    return [
        ("trades", f"{amount(trades, 0)}, {amount(still_open, 0)} still open" if still_open else amount(trades, 0)),
        ("win rate", fraction(data.get("win_rate"))),
        ("net profit", money(data.get("net_profit"))),
        ("profit factor", "no loss" if factor == UNKNOWN and trades else factor),
        ("maximum drawdown", drawdown),
        ("Sharpe, a year", amount(data.get("sharpe"))),
        ("average hold", span(number(data.get("average_hold_seconds")))),
    ]


def _counts(title: str, counts: Mapping[str, Any], otherwise: str) -> RenderableType:
    ordered = sorted(counts.items(), key=lambda item: (-(number(item[1]) or 0), item[0]))
    rows = [(reason_words(str(reason)), amount(count, 0)) for reason, count in ordered]
    return table("", (Column(title.lower()), Column("", "right")), rows, otherwise=otherwise)


def _accounts(accounts: Sequence[Mapping[str, Any]]) -> RenderableType:
    columns = (Column("account"), Column("trades", "right"), Column("net profit", "right"))
    rows = [
        (
            Text(str(account.get("platform") or UNKNOWN), style="bold"),
            amount(account.get("trades"), 0),
            money(account.get("net_profit")),
        )
        for account in accounts
    ]
    return table("", columns, rows, otherwise="")
