"""What `run.py fairness` looks like on a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from console.figures import amount, number, words
from console.reading import no_ledger
from console.sentences import printable
from console.tables import Cell, Column, FittedTable, pairs
from trading.fairness import LEAST_CHANCE

COLUMNS = (
    Column("account"),
    Column("chosen", "right"),
    Column("filled", "right", goes=1),
    Column("eligible", "right"),
    Column("cost", "right", goes=2),
    Column("ties", "right"),
    Column("won", "right"),
    Column("share", "right"),
    Column("p", "right"),
    Column("out of turn", "right", goes=3),
)
TURNS_MADE_UP_FOR_IT = (
    "The ties were not shared equally, and that was fair: they went to accounts that had waited longer, after others "
    "had got opens that they alone could take."
)
CERTAIN = 0.1  # from here on a probability is no news, and two decimals say enough


def render(data: Mapping[str, Any]) -> RenderableType:
    """All commodities together, then each by itself where there are several."""
    if not data["exists"]:
        return no_ledger(data)
    overall, commodities = data["overall"], data["commodities"]
    if not overall["decisions"]:
        about = f" about {data['commodity']}" if data["commodity"] else ""
        return Text(f"No decision{about} in this time compared accounts: there is nothing to count.")
    if len(commodities) == 1:
        return Group(*_chapter(commodities[0]))
    parts = [*_chapter({**overall, "commodity": "all commodities"})]
    for commodity in commodities:
        parts += [Text(), *_chapter(commodity)]
    return Group(*parts)


def _chapter(tally: Mapping[str, Any]) -> Iterator[RenderableType]:
    most = tally["most_decisive"]
    decided = f", most of them by {_decided(most)}" if most else ""
    yield Text.assemble(
        (str(tally["commodity"]), "bold"),
        f": {tally['decisions']:,} decisions, {tally['opens']:,} opens told{decided}",
    )
    yield FittedTable("", COLUMNS, [_row(account) for account in tally["accounts"]])
    for sentence in tally["sentences"]:
        yield Text(printable(sentence))
    yield pairs(_why_not(tally))
    for warning in tally["warnings"]:
        yield Text(f"warning: {printable(warning)}", style="bold yellow")
    chances = [account["probability"] for account in tally["accounts"] if account["equal"]]
    if chances and not tally["warnings"]:
        far_off = min(chances) < LEAST_CHANCE
        yield Text(TURNS_MADE_UP_FOR_IT if far_off else "The ties were shared fairly, as far as can be told.", "green")


def _row(account: Mapping[str, Any]) -> tuple[Cell, ...]:
    ties = account["equal"]
    return (
        Text(str(account["platform"]), style="bold yellow" if account["is_unfair"] else ""),
        f"{account['opens']:,}",
        f"{account['filled']:,}",
        f"{account['eligible']:,}",
        amount(account["median_cost"], 4),
        f"{ties:,}",
        f"{account['equal_wins']:,}" if ties else "-",
        amount(account["expected_wins"], 1),
        _probability(account["probability"]),
        f"{account['out_of_turn']:,}" if ties else "-",
    )


def _why_not(tally: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    for account in tally["accounts"]:
        reasons = account["ineligible_by_reason"]
        if reasons:
            told = ", ".join(f"{printable(str(reason))} {count:,}" for reason, count in reasons.items())
            yield f"{account['platform']} was not eligible", told


def _probability(value: Any) -> str:
    known = number(value)
    if known is None:
        return "-"
    return f"{known:.2f}" if known >= CERTAIN else f"{known:.1g}"


def _decided(word: Any) -> str:
    return "no other being eligible" if word == "only" else words(word)
