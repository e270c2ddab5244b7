"""A decision as the API answers it: its numbers, and in words what it lacked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from console.configuration import Configuration
from console.figures import UNKNOWN, number, words
from console.records import Data, decision_data, digits_of, mapping, sequence, time_text
from console.sentences import printable, sentence
from console.why import threshold_from
from console.why_decision import (
    BELOW_THRESHOLD,
    chosen_by,
    cuts_in_words,
    enough_at,
    lost_points,
    plan_in_words,
    refusals,
    what_else,
)
from console.why_readings import readings_in_words
from persistence.journal import JournalLine

WORDS = ("analysis_id", "side", "strategy", "regime", "made_by", "chosen", "decided_by")
NUMBERS = ("daily_volatility", "confidence", "threshold", "shortfall")


def decision_row(line: JournalLine, configuration: Configuration) -> Data:
    """The line of a decision in the shape of `DecisionRow`, whatever an older program has left out of it."""
    found = decision_data(line)
    digits = digits_of(line.commodity, configuration.commodities)
    return {
        **{name: found[name] for name in ("id", "at", "last_at", "repeated", "commodity", "reason", "gate_reasons")},
        **{name: _word(found[name]) for name in WORDS},
        **{name: number(found[name]) for name in NUMBERS},
        "passed": found["passed"] if isinstance(found["passed"], bool) else None,
        "said": sentence(line.kind, line.reason, line.detail, line.repeated),
        "threshold_from": threshold_from(line, configuration.settings),
        "pillars": [_pillar(pillar, found) for pillar in found["pillars"]],
        "candidates": candidate_rows(found),
        "plan_said": plan_in_words(mapping(found["other"].get("plan")), digits),
        "lacks": list(_lacks(found)),
        "other": found["other"],
        "digits": digits,
    }


def candidate_rows(decision: Mapping[str, Any]) -> list[Data]:
    """The table of candidates of a decision as `decision_data` gives it."""
    return [_candidate(row, decision) for row in decision["candidates"]]


def _pillar(pillar: Mapping[str, Any], decision: Mapping[str, Any]) -> Data:
    return {
        "name": pillar["name"],
        "score": number(pillar["score"]),
        "weight": number(pillar["weight"]),
        "points": number(pillar["contribution"]),
        "lost": lost_points(pillar),
        "enough_at": enough_at(pillar, decision),
        "absent": pillar["absent"],
        "readings": pillar["readings"],
        "readings_said": readings_in_words(pillar),
        "sources": [
            {
                "name": source["name"],
                "bullishness": number(source["bullishness"]),
                "age_seconds": number(source["age_seconds"]),
                "note": _word(source["note"]),
            }
            for source in pillar["sources"]
        ],
    }


def _candidate(row: Mapping[str, Any], decision: Mapping[str, Any]) -> Data:
    platform, eligible = _word(row.get("platform")), row.get("eligible") is True
    is_chosen = platform is not None and platform == decision["chosen"]
    reason = _word(row.get("reason"))
    said = chosen_by(decision["decided_by"]) if is_chosen else "eligible"
    if not eligible:
        said = words(reason or "not eligible")
    last = number(row.get("last_chosen_at"))
    return {
        "platform": platform or UNKNOWN,
        "eligible": eligible,
        "is_chosen": is_chosen,
        "said": printable(said),
        "reason": reason,
        **{name: number(row.get(name)) for name in ("cost", "headroom", "spread", "volume_lots")},
        "cut_by": cuts_in_words(mapping(row.get("sizing"))),
        "last_chosen_at": None if last is None else time_text(int(last)),
    }


def _lacks(decision: Mapping[str, Any]) -> Iterator[str]:
    """What would have been needed, and what else refused it; nothing for one that told an account to open."""
    short = number(decision["shortfall"])
    if short is not None and short > 0:
        yield f"{short:.1f} points of confidence are missing"
        worst: Mapping[str, Any] | None = max(
            decision["pillars"], key=lambda pillar: lost_points(pillar) or 0.0, default=None
        )
        points = None if worst is None else lost_points(worst)
        if worst is not None and points:
            yield f"most is lost in {words(worst['name'])}: {points:.1f} of its {100 * worst['weight']:.0f} points"
    for reason in decision["gate_reasons"]:
        if not (reason.startswith(BELOW_THRESHOLD) and short):
            yield f"the gate refuses: {printable(reason)}"
    yield from map(printable, what_else(mapping(decision["other"])))
    if sequence(decision["candidates"]) and decision["chosen"] is None:
        yield f"no account: {refusals(decision['candidates'])}"


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None
