"""A decision as its page tells it: what `why` says on a terminal, in pieces that a template can lay out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import accumulate
from typing import Any

from console.configuration import Configuration
from console.figures import amount, fraction, number, words
from console.records import Data, decision_data, digits_of, mapping, time_text
from console.sentences import verdict
from console.why import OPENED, threshold_from
from console.why_decision import (
    BELOW_THRESHOLD,
    cuts_in_words,
    enough_at,
    lost_points,
    plan_in_words,
    refusals,
    what_else,
)
from console.why_readings import readings_in_words
from console.why_view import CHECKS, without_numbers
from persistence.journal import JournalLine
from trading.selection import COST_MATERIALITY, HEADROOM_MATERIALITY, DecidedBy

WHOLE_SCALE = 100  # points of confidence
REFUSED = "refused:"  # how a reason begins
VETO, CONFIDENCE = "veto", "confidence"  # and what may follow


def in_short(line: JournalLine, configuration: Configuration) -> Data:
    """A decision as the list of decisions shows it."""
    decision = decision_data(line)
    return {
        **decision,
        "trade_id": line.trade_id,
        "digits": digits_of(line.commodity, configuration.commodities),
        "verdict": verdict(line.reason, decision["chosen"]),
        "outcome": _outcome(decision, line),
        "opened": line.reason == OPENED,
        "strip": strip(decision["pillars"]),
    }


def in_full(line: JournalLine, configuration: Configuration) -> Data:
    """A decision as its own page shows it."""
    decision = {**in_short(line, configuration), "threshold_from": threshold_from(line, configuration.settings)}
    pillars = decision["pillars"]
    lost = [lost_points(pillar) or 0.0 for pillar in pillars]
    most = max(lost, default=0.0)
    return {
        **decision,
        "pillars": [
            {
                **pillar,
                "lost": lost_points(pillar),
                "is_worst": most > 0 and points == most,
                "enough_at": enough_at(pillar, decision),
                "said": readings_in_words(pillar),
            }
            for pillar, points in zip(pillars, lost, strict=True)
        ],
        "why": list(_why(decision, line)),
        "plan": plan_in_words(mapping(mapping(decision["other"]).get("plan")), decision["digits"]),
        "rows": [_row(row, decision) for row in decision["candidates"]],
        "turns_matter": decision["decided_by"] == DecidedBy.ROTATION,
        "any_cut": any(cuts_in_words(mapping(row.get("sizing"))) for row in decision["candidates"]),
        "won": won_in_words(decision),
    }


def _outcome(decision: Mapping[str, Any], line: JournalLine) -> str:
    """What came of it in a clause, without the word that it was refused."""
    if line.reason == OPENED:
        return verdict(line.reason, decision["chosen"])
    short = number(decision["shortfall"]) or 0.0
    reason = words(line.reason.removeprefix(REFUSED))
    if reason == VETO:
        return next((said for said in decision["gate_reasons"] if said.startswith(VETO)), VETO)
    return f"{reason} {short:.1f} short" if reason == CONFIDENCE and short else reason


def strip(pillars: Sequence[Mapping[str, Any]]) -> list[Data]:
    """The points of each pillar laid end to end on a scale of 100: where each begins and how long it is.

    Where the gate was not reached and no weights are known, nothing.
    """
    points = [max(number(pillar["contribution"]) or 0.0, 0.0) for pillar in pillars]
    begins = accumulate(points, initial=0.0)
    return [
        {"name": pillar["name"], "points": length, "x": round(min(at, WHOLE_SCALE), 2), "width": round(length, 2)}
        for pillar, length, at in zip(pillars, points, begins, strict=False)
        if length
    ]


def _why(decision: Mapping[str, Any], line: JournalLine) -> Iterator[str]:
    """Why it came to what it came to, a sentence each: the most telling first."""
    check = CHECKS.get(line.reason.partition(":")[2])
    if check is not None:
        yield check
    yield from _confidence(decision)
    short = bool(number(decision["shortfall"]))
    for reason in decision["gate_reasons"]:
        if not (short and reason.startswith(BELOW_THRESHOLD)):
            yield f"the gate refuses: {reason}"
    yield from what_else(mapping(decision["other"]))
    if decision["candidates"] and decision["chosen"] is None:
        yield f"no account: {refusals(decision['candidates'])}"
    if not decision["pillars"]:
        yield without_numbers(decision)


def _confidence(decision: Mapping[str, Any]) -> Iterator[str]:
    reached, threshold = number(decision["confidence"]), number(decision["threshold"])
    if reached is None or threshold is None:
        return
    short = number(decision["shortfall"]) or 0.0
    if short <= 0:
        yield f"confidence {reached:.1f} is {reached - threshold:.1f} above the {threshold:g} that it needs"
        return
    yield f"confidence {reached:.1f} is {short:.1f} short of the {threshold:g} that it needs"
    lost = [(points, pillar) for pillar in decision["pillars"] if (points := lost_points(pillar))]
    if lost:
        points, worst = max(lost, key=lambda each: each[0])
        yield f"most is lost in {words(worst['name'])}: {points:.1f} of its {100 * worst['weight']:.0f} points"


def _row(row: Mapping[str, Any], decision: Mapping[str, Any]) -> Data:
    """An account's row of the table."""
    chosen = decision["chosen"] is not None and row.get("platform") == decision["chosen"]
    eligible = bool(row.get("eligible"))
    said = f"chosen by {words(decision['decided_by'])}" if chosen else "eligible"
    if chosen and decision["decided_by"] == DecidedBy.ONLY:
        said = "chosen, no other is eligible"
    last = number(row.get("last_chosen_at"))
    return {
        "platform": str(row.get("platform") or "-"),
        "chosen": chosen,
        "eligible": eligible,
        "said": said if eligible else words(row.get("reason") or "not eligible"),
        "cost": row.get("cost"),
        "headroom": row.get("headroom"),
        "spread": row.get("spread"),
        "volume_lots": row.get("volume_lots"),
        "last_chosen_at": None if last is None else time_text(int(last)),
        "cut_by": cuts_in_words(mapping(row.get("sizing"))),
    }


def won_in_words(decision: Mapping[str, Any]) -> str:
    """Why this account and no other; empty where none was chosen."""
    chosen = next((row for row in decision["candidates"] if row.get("platform") == decision["chosen"]), None)
    if decision["chosen"] is None or chosen is None:
        return ""
    others = [row for row in decision["candidates"] if row.get("eligible") and row is not chosen]
    name = decision["chosen"]
    match decision["decided_by"]:
        case DecidedBy.ONLY:
            return f"{name} takes it, since no other account is eligible"
        case DecidedBy.COST:
            costs = [cost for row in others if (cost := number(row.get("cost"))) is not None]
            own = number(chosen.get("cost"))
            margin = "" if own is None or not costs else f", {min(costs) - own:.4f} less than the next"
            return f"{name} is the cheapest: {amount(own, 4)} stop distances{margin}; {COST_MATERIALITY:g} decides"
        case DecidedBy.HEADROOM:
            return (
                f"{name} has {fraction(chosen.get('headroom'), 0)} of its risk budget free, the most of those whose "
                f"cost is within {COST_MATERIALITY:g} stop distances of the cheapest"
            )
        case DecidedBy.ROTATION:
            return (
                f"{name} was chosen longest ago for this commodity, among those nearly equal: in cost within "
                f"{COST_MATERIALITY:g} stop distances, in free risk budget within {fraction(HEADROOM_MATERIALITY, 0)}"
            )
        case _:
            return f"{name}: by {words(decision['decided_by'])}"
