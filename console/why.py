"""`run.py why`: the last decisions with their numbers, and what became of each.

"Why was nothing opened?" and "why this account?" have their answers in the journal; this command reads them out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from console.arguments import Why
from console.configuration import Configuration
from console.figures import amount, fraction, number, price, side, time_of, words
from console.output import Output
from console.reading import ledger_for_reading, market_time, no_ledger, require_commodity
from console.records import Data, decision_data, digits_of, line_data, trade_data
from console.sentences import facts, printable, sentence, verdict
from console.tables import Cell, Column, FittedTable, pairs
from console.valuations import Valuations, worth_lines
from persistence.journal import VALUATION, JournalLine
from persistence.ledger import Ledger
from trading.commodities import Commodity
from trading.market import Instant
from trading.settings import Settings
from trading.trade import Trade, TradeState, arrow

MOST_TRADES_PER_DECISION = 3  # a requote makes a new order, and with it a new row, at most twice
BAR_CELLS = 10
STAYS_OPEN = arrow(TradeState.OPEN, TradeState.OPEN)


def run(arguments: Why, configuration: Configuration, output: Output) -> int:
    """Show the last decisions; answers the exit code."""
    require_commodity(arguments.commodity, configuration, "COMMODITY")
    with ledger_for_reading(configuration) as ledger:
        data = why_data(arguments, ledger, configuration.commodities, configuration.settings)
    output.show({"ledger": configuration.shown_database_url, **data}, render)
    return 0


def why_data(arguments: Why, ledger: Ledger | None, commodities: Mapping[str, Commodity], settings: Settings) -> Data:
    """``decisions``, newest first, each with its numbers, its ``results`` and its ``trades`` with their lives."""
    wanted = {"exists": ledger is not None, "commodity": arguments.commodity}
    if ledger is None:
        return {**wanted, "decisions": []}
    lines = ledger.journal.list(kind="decision", commodity=arguments.commodity, limit=arguments.last)
    told = [line for line in lines if line.analysis_id is not None]
    results, trades = _consequences(arguments, ledger, told)
    valuations, now = Valuations(ledger), market_time(settings, ledger)
    decisions = [_decision(line, ledger, commodities, results, trades, valuations, now) for line in lines]
    return {**wanted, "decisions": decisions}


def _consequences(
    arguments: Why, ledger: Ledger, told: Sequence[JournalLine]
) -> tuple[Sequence[JournalLine], Sequence[Trade]]:
    """What the accounts answered to these decisions, and the trades that came of them."""
    if not told:
        return (), ()
    since = min(line.at for line in told)
    results = ledger.journal.list(kind="open_result", commodity=arguments.commodity, since=since, newest_first=False)
    recent = ledger.trades.list(commodity=arguments.commodity, limit=MOST_TRADES_PER_DECISION * len(told))
    return results, recent[::-1]


def _decision(
    line: JournalLine,
    ledger: Ledger,
    commodities: Mapping[str, Commodity],
    results: Sequence[JournalLine],
    trades: Sequence[Trade],
    valuations: Valuations,
    now: Instant | None,
) -> Data:
    mine = [trade for trade in trades if line.analysis_id is not None and trade.analysis_id == line.analysis_id]
    answers = [result for result in results if line.analysis_id is not None and result.analysis_id == line.analysis_id]
    return {
        **decision_data(line),
        "digits": digits_of(line.commodity, commodities),
        "results": [line_data(result) for result in answers],
        "trades": [
            {
                **trade_data(trade),
                "valuation": valuations.of(trade, now),
                "life": [
                    line_data(step)
                    for step in ledger.journal.list(trade_id=trade.trade_id, newest_first=False)
                    if step.kind != VALUATION
                ],
            }
            for trade in mine
        ],
    }


def render(data: Mapping[str, Any]) -> RenderableType:
    """Each decision as a short chapter: the verdict, the pillars, the accounts, what became of it."""
    if not data["exists"]:
        return no_ledger(data)
    if not data["decisions"]:
        about = f" about {data['commodity']}" if data["commodity"] else ""
        return Text(f"No decision{about} yet: the journal has none.")
    chapters: list[RenderableType] = []
    for decision in data["decisions"]:
        chapters += [_heading(decision), *(Padding.indent(part, 2) for part in _parts(decision)), Text()]
    return Group(*chapters[:-1])


def _heading(decision: Mapping[str, Any]) -> Text:
    came_to = verdict(decision["reason"], decision["chosen"])
    refused = came_to.startswith("refused")
    heading = Text.assemble(
        (time_of(decision["at"]), "dim"),
        "  ",
        (str(decision["commodity"] or "-"), "bold"),
        "  ",
        (came_to, "yellow" if refused else "green"),
    )
    if decision["repeated"] > 1:
        heading.append(f"  ({decision['repeated']} times, the last at {time_of(decision['last_at'])})", style="dim")
    return heading


def _parts(decision: Mapping[str, Any]) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if decision["strategy"] or decision["side"]:
        parts.append(_opinion(decision))
    if decision["pillars"]:
        parts.append(_pillars(decision))
    parts += [_source(source) for pillar in decision["pillars"] for source in pillar["sources"]]
    parts += [Text(f"gate: {printable(reason)}", style="yellow") for reason in decision["gate_reasons"]]
    if decision["candidates"]:
        parts.append(_candidates(decision))
    if not parts:
        parts.append(Text(", ".join(facts(decision["other"])) or "no numbers were kept", style="dim"))
    parts += [_result(result) for result in decision["results"]]
    parts += [_life(trade, decision["digits"]) for trade in decision["trades"]]
    return parts


def _opinion(decision: Mapping[str, Any]) -> Text:
    text = Text.assemble(words(decision["strategy"]), " ", side(decision["side"]), f" in {words(decision['regime'])}")
    reached, threshold = number(decision["confidence"]), number(decision["threshold"])
    if reached is not None:
        text.append(f": confidence {reached:.1f}")
    if reached is not None and threshold is not None:
        short = number(decision["shortfall"]) or 0.0
        missing = f", short by {short:.1f}" if short > 0 else f", {reached - threshold:.1f} above"
        text.append(f" of {threshold:g}{missing}")
    if decision["made_by"] not in (None, "analyst"):
        text.append(f" (by {decision['made_by']})", style="dim")
    return text


def _pillars(decision: Mapping[str, Any]) -> RenderableType:
    columns = (
        Column("pillar"),
        Column("score", "right"),
        Column("", goes=1),
        Column("x weight", "right"),
        Column("= points", "right"),
        Column("", goes=2),
    )
    rows: list[tuple[Cell, ...]] = [
        (
            words(pillar["name"]),
            amount(pillar["score"]),
            _bar(pillar["score"]),
            amount(pillar["weight"]),
            amount(pillar["contribution"], 1),
            Text("absent, counted as neutral", style="dim") if pillar["absent"] else "",
        )
        for pillar in decision["pillars"]
    ]
    return FittedTable("", columns, rows)


def _source(source: Mapping[str, Any]) -> Text:
    """One source of sentiment, in a line under the pillars."""
    bullishness, age_seconds = number(source["bullishness"]), number(source["age_seconds"])
    said = [] if bullishness is None else [f"bullishness {bullishness:.2f}"]
    said += [] if bullishness is None or age_seconds is None else [f"{age_seconds / 3_600:.1f} h old"]
    said += [printable(str(source["note"]))] if source["note"] else []
    return Text(f"{printable(str(source['name']))}: {', '.join(said) or 'nothing'}", style="dim")


def _bar(score: Any) -> Text:
    known = number(score)
    filled = 0 if known is None else round(min(max(known, 0.0), 1.0) * BAR_CELLS)
    return Text.assemble(("━" * filled, "cyan"), ("─" * (BAR_CELLS - filled), "dim"))


def _candidates(decision: Mapping[str, Any]) -> RenderableType:
    columns = (
        Column("account"),
        Column("verdict", shrinks="fold"),
        Column("cost", "right"),
        Column("headroom", "right"),
        Column("spread", "right", goes=2),
        Column("lots", "right", goes=1),
    )
    rows: list[tuple[Cell, ...]] = []
    for row in decision["candidates"]:
        chosen = row.get("platform") == decision["chosen"] and decision["chosen"] is not None
        said = _chosen_by(decision["decided_by"]) if chosen else "eligible"
        if not row.get("eligible"):
            said = words(row.get("reason") or "not eligible")
        rows.append(
            (
                Text(str(row.get("platform", "-")), style="bold" if chosen else ""),
                Text(said, style="green" if chosen else "" if row.get("eligible") else "yellow"),
                amount(row.get("cost"), 4),
                fraction(row.get("headroom"), 0),
                price(row.get("spread"), decision["digits"]),
                amount(row.get("volume_lots")),
            )
        )
    return FittedTable("", columns, rows)


def _chosen_by(decided_by: Any) -> str:
    return "chosen, no other is eligible" if decided_by == "only" else f"chosen by {words(decided_by)}"


def _result(result: Mapping[str, Any]) -> Text:
    said = sentence(result["kind"], result["reason"], result["detail"], result["repeated"])
    return Text.assemble((time_of(result["at"]), "dim"), f"  {result['platform'] or 'the account'} answered: {said}")


def _life(trade: Mapping[str, Any], decimals: int | None) -> RenderableType:
    heading = Text.assemble(
        f"trade {trade['trade_id']} on {trade['platform']}: ",
        side(trade["side"]),
        f" {trade['volume_lots']:g} lots, ",
        (words(trade["state"]), "bold"),
    )
    # An adjusted trade stays OPEN; the line of the adjustment beside that arrow says what was changed.
    adjusted_at = {step["at"] for step in trade["life"] if step["kind"] == "adjustment"}
    steps = [
        (time_of(step["at"]), sentence(step["kind"], step["reason"], step["detail"], step["repeated"], decimals))
        for step in trade["life"]
        if step["kind"] != "open_result" and not (step["reason"] == STAYS_OPEN and step["at"] in adjusted_at)
    ]
    told = Padding.indent(pairs(steps), 2)
    if trade["valuation"] is None:
        return Group(heading, told)
    worth = [("valued", f"at {time_of(trade['valuation']['at'])}"), *worth_lines(trade)]
    return Group(heading, told, Padding.indent(pairs(worth), 2))
