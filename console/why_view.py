"""The decisions of `run.py why` as a person reads them: one at length, or several shortly."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from console import why_decision, why_trade
from console.figures import UNKNOWN, amount, number, side, time_of, words
from console.reading import no_ledger
from console.records import mapping
from console.sentences import facts, printable, reason_words, sentence, verdict
from console.tables import Cell, Column, FittedTable
from trading.confidence import PILLARS

MOST_REASONS = 4
MOST_MISSING = 6

CHECKS = {
    "stale": "the analysis was older than analysis_max_age_seconds allows",
    "from the future": "the analysis was made later than it is by this program's clock",
    "seen": "a trade has come of this very analysis already",
    "unknown commodity": "nobody here knows when it trades",
    "no_eligible_strategy": "no strategy is both switched on and meant for this regime",
    "warming_up": "there are not enough bars yet to judge by",
    "paused": "a person has paused opening, of everything or of this part: run.py status says what lifts it",
    "halted": "a person has halted the crew: run.py resume lifts it",
    "manage_only": "the program itself opens nothing for now: run.py status says why",
}
"""What a word of refusal means, where no number says it."""


def render(data: Mapping[str, Any]) -> RenderableType:
    """Each decision as a short chapter: the verdict, the pillars, the accounts, what became of it."""
    if not data["exists"]:
        return no_ledger(data)
    remarks = [Text(printable(said), style="yellow") for said in data.get("nothing_because") or ()]
    if not data["decisions"]:
        about = f" about {data['commodity']}" if data["commodity"] else ""
        until = f" until {time_of(data['at'])}" if data.get("at") else ""
        return Group(Text(f"No decision{about} yet{until}: the journal has none."), *remarks)
    if not data.get("in_full", True):
        return Group(_in_short(data["decisions"]), *remarks)
    parts: list[RenderableType] = []
    for decision in data["decisions"]:
        parts += _chapter(decision, data.get("at"))
    parts += _open_then(data)
    closing = [*_since(data.get("since")), *remarks]
    return Group(*parts, *([Text()] if closing else []), *closing)


def _open_then(data: Mapping[str, Any]) -> Iterator[RenderableType]:
    """The trades that were open at the moment asked for and came of other decisions."""
    trades = data.get("open_trades") or ()
    if trades:
        yield Text("\nopen at that moment", style="dim")
    elif data.get("at") and not any(decision["trades"] for decision in data["decisions"]):
        yield Text("\nno trade was open at that moment", style="dim")
    most_steps = why_trade.MOST_STEPS if len(trades) == 1 else why_trade.MOST_STEPS_OF_SEVERAL
    for trade in trades:
        yield Padding.indent(why_trade.life(trade, data.get("at"), most_steps), 2)


def _chapter(decision: Mapping[str, Any], at: str | None) -> Iterator[RenderableType]:
    yield heading(decision)
    yield from (Padding.indent(part, 2) for part in _parts(decision))
    for trade in decision["trades"]:
        yield Padding.indent(why_trade.life(trade, at), 2)


def heading(decision: Mapping[str, Any]) -> Text:
    """When, which commodity, and what it came to."""
    came_to = verdict(decision["reason"], decision["chosen"])
    told = Text.assemble(
        (time_of(decision["at"]), "dim"),
        "  ",
        (printable(str(decision["commodity"] or "-")), "bold"),
        "  ",
        (came_to, "yellow" if came_to.startswith("refused") else "green"),
    )
    if decision["repeated"] > 1:
        told.append(f"  ({decision['repeated']} times, the last at {time_of(decision['last_at'])})", style="dim")
    return told


def _parts(decision: Mapping[str, Any]) -> Iterator[RenderableType]:
    said = False
    check = CHECKS.get(str(decision["reason"]).partition(":")[2])
    if check is not None:
        yield Text(check, style="yellow")
    for part in why_decision.parts(decision):
        said = True
        yield part
    if not said:
        yield Text(printable(without_numbers(decision)), style="dim")
    for result in decision["results"]:
        if result["reason"] != "open":  # the trade below says so itself
            yield _answer(result)


def without_numbers(decision: Mapping[str, Any]) -> str:
    """What a refusal says that came before any analysis."""
    missing = mapping(decision["other"]).get("missing")
    if isinstance(missing, list) and missing:
        shown, more = ", ".join(str(lack) for lack in missing[:MOST_MISSING]), len(missing) - MOST_MISSING
        return f"not known yet: {shown}" + (f" and {more} more" if more > 0 else "")
    return ", ".join(facts(mapping(decision["other"]))) or "no numbers were kept"


def _answer(result: Mapping[str, Any]) -> Text:
    said = sentence(result["kind"], result["reason"], result["detail"], result["repeated"])
    account = printable(str(result["platform"] or "the account"))
    return Text.assemble((time_of(result["at"]), "dim"), f"  {account} answered: {said}")


def _in_short(decisions: Sequence[Mapping[str, Any]]) -> RenderableType:
    """A row for each decision: what it came to, the opinion, the confidence, each pillar's score."""
    columns = (
        Column(_years(decisions)),
        Column("commodity"),
        Column("what came of it", shrinks="fold"),
        Column("opinion"),
        Column("confidence", "right"),
        *(Column(name, "right", goes=place + 1) for place, name in enumerate(PILLARS)),
    )
    rows: list[tuple[Cell, ...]] = []
    for decision in decisions:
        scores = {pillar["name"]: pillar["score"] for pillar in decision["pillars"]}
        reached, threshold = amount(decision["confidence"], 1), number(decision["threshold"])
        rows.append(
            (
                Text(time_of(decision["at"])[5:], style="dim"),
                printable(str(decision["commodity"] or UNKNOWN)),
                _came_of_it(decision),
                Text.assemble(printable(words(decision["strategy"])), " ", side(printable(words(decision["side"])))),
                reached if threshold is None else f"{reached} of {threshold:g}",
                *(amount(scores.get(name)) for name in PILLARS),
            )
        )
    return FittedTable("", columns, rows)


def _years(decisions: Sequence[Mapping[str, Any]]) -> str:
    """The years of the decisions, oldest first: each row has the rest of its date."""
    years = dict.fromkeys(str(decision["at"] or UNKNOWN)[:4] for decision in reversed(decisions))
    return f"UTC, {'-'.join(list(years)[:: max(len(years) - 1, 1)])}"


def _came_of_it(decision: Mapping[str, Any]) -> Text:
    """The trades, or who was told, or why nobody was."""
    if decision["trades"]:
        return Text("; ".join(map(why_trade.in_short, decision["trades"])), style="green")
    said = verdict(decision["reason"], decision["chosen"])
    said += f" ({decision['repeated']} times)" if decision["repeated"] > 1 else ""
    return Text(said, style="yellow" if said.startswith("refused") else "green")


def _since(since: Mapping[str, Any] | None) -> Iterator[Text]:
    """What was decided after the decision above."""
    if since is None:
        return
    counts = list(since["by_reason"].items())
    told = [f"{count} {reason_words(reason.removeprefix('refused:'))}" for reason, count in counts[:MOST_REASONS]]
    told += [f"{sum(count for _, count in counts[MOST_REASONS:])} others"] if len(counts) > MOST_REASONS else []
    many = f"{since['decisions']}{'' if since['is_all'] else ' and more'}"
    decided = "decision" if since["decisions"] == 1 else "decisions"
    yield Text.assemble((f"since then {many} {decided}: ", "dim"), ", ".join(told))
    newest = f"{printable(str(since['commodity'] or ''))}: {since['said']}"
    yield Text.assemble(("the newest  ", "dim"), f"{time_of(since['at'])}  {newest}", (" (--last 1)", "dim"))
