"""One decision at length: the confidence against its threshold, the pillars with their readings, the accounts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from console.figures import UNKNOWN, amount, fraction, number, price, side, span, time_of, words
from console.records import mapping, sequence, time_text
from console.sentences import printable
from console.tables import Cell, Column, FittedTable, pairs
from console.why_readings import readings_in_words
from trading.analysis import BUILT_IN_ANALYST
from trading.selection import DecidedBy

BAR_CELLS = 10
BELOW_THRESHOLD = "confidence "  # how the gate begins to say that; the line of the confidence says it better


def parts(decision: Mapping[str, Any]) -> Iterator[RenderableType]:
    """What there is to be told of it, top down; nothing for a refusal that came before any analysis."""
    if decision["strategy"] or decision["side"]:
        yield _confidence(decision)
    if decision["pillars"]:
        yield _pillars(decision)
        yield pairs(
            (words(pillar["name"]), Text(said, style="dim"))
            for pillar in decision["pillars"]
            if (said := readings_in_words(pillar))
        )
    if number(decision["shortfall"]):
        yield from _what_it_lacks(decision["pillars"])
    for reason in decision["gate_reasons"]:
        if not (reason.startswith(BELOW_THRESHOLD) and number(decision["shortfall"])):
            yield Text(f"the gate refuses: {printable(reason)}", style="yellow")
    for said in what_else(mapping(decision["other"])):
        yield Text(printable(said), style="yellow")
    plan = plan_in_words(mapping(mapping(decision["other"]).get("plan")), decision["digits"])
    if plan:
        yield Text(plan)
    if decision["candidates"]:
        yield _candidates(decision)
        if decision["chosen"] is None:
            yield Text(f"no account: {refusals(decision['candidates'])}", style="yellow")


def refusals(candidates: Sequence[Mapping[str, Any]]) -> str:
    """Why no account takes it: each reason with those who have it."""
    by_reason: dict[str, list[str]] = {}
    for row in candidates:
        by_reason.setdefault(words(row.get("reason")), []).append(str(row.get("platform", UNKNOWN)))
    return printable("; ".join(f"{', '.join(names)}: {reason}" for reason, names in by_reason.items()))


def _confidence(decision: Mapping[str, Any]) -> Text:
    """The opinion, and how far it is from what it needs: in the sum, and in the pillar that costs most."""
    text = Text.assemble(
        printable(words(decision["strategy"])),
        " ",
        side(printable(words(decision["side"]))),
        f" in {printable(words(decision['regime']))}: ",
    )
    reached, threshold = number(decision["confidence"]), number(decision["threshold"])
    if reached is None:
        text.append("no confidence is known")
    else:
        text.append(f"confidence {reached:.1f}", style="bold")
    if reached is not None and threshold is not None:
        short = number(decision["shortfall"]) or 0.0
        text.append(f" of {threshold:g} needed, ")
        margin = (f"short by {short:.1f}", "yellow") if short > 0 else (f"{reached - threshold:.1f} above", "green")
        text.append(*margin)
        text.append(origin(mapping(decision.get("threshold_from"))), style="dim")
    if decision["made_by"] not in (None, BUILT_IN_ANALYST):
        text.append(f" (by {printable(str(decision['made_by']))})", style="dim")
    return text


def origin(parts_of_threshold: Mapping[str, Any]) -> str:
    """Where the threshold comes from; empty where the settings of now do not make it."""
    profile, strategy = number(parts_of_threshold.get("of_profile")), number(parts_of_threshold.get("of_strategy"))
    if profile is None or strategy is None:
        return ""
    said = f"{parts_of_threshold['profile']} profile {profile:g}"
    return f" ({said}, the strategy's least {strategy:g})"


def _pillars(decision: Mapping[str, Any]) -> RenderableType:
    columns = (
        Column("pillar"),
        Column("score", "right"),
        Column("", goes=1),
        Column("x weight", "right"),
        Column("= points", "right"),
        Column("lost", "right"),
        Column("enough at", "right"),
    )
    lost = {pillar["name"]: lost_points(pillar) for pillar in decision["pillars"]}
    most = max(lost.values(), key=lambda points: points or 0.0, default=None)
    rows: list[tuple[Cell, ...]] = []
    for pillar in decision["pillars"]:
        points = lost[pillar["name"]]
        worst = most and points == most
        rows.append(
            (
                words(pillar["name"]),
                amount(pillar["score"]),
                _bar(pillar["score"]),
                amount(pillar["weight"]),
                amount(pillar["contribution"], 1),
                Text(amount(points, 1), style="yellow" if worst else ""),
                enough_at(pillar, decision),
            )
        )
    return FittedTable("", columns, rows)


def _what_it_lacks(pillars: Sequence[Mapping[str, Any]]) -> Iterator[Text]:
    """The pillar that keeps back most of what is missing."""
    lost = [(points, pillar) for pillar in pillars if (points := lost_points(pillar)) is not None]
    points, worst = max(lost, key=lambda each: each[0], default=(0.0, {}))
    if points > 0:
        yield Text(f"most is lost in {words(worst['name'])}: {points:.1f} of its {100 * worst['weight']:.0f} points")


def lost_points(pillar: Mapping[str, Any]) -> float | None:
    """The points of confidence that the pillar keeps back."""
    score, weight = number(pillar["score"]), number(pillar["weight"])
    return None if score is None or weight is None else 100 * weight * (1 - score)


def enough_at(pillar: Mapping[str, Any], decision: Mapping[str, Any]) -> str:
    """The score with which the confidence is just what it needs, the other pillars being as they are."""
    reached, threshold = number(decision["confidence"]), number(decision["threshold"])
    score, weight = number(pillar["score"]), number(pillar["weight"])
    if reached is None or threshold is None or score is None or not weight:
        return UNKNOWN
    needed = score + (threshold - reached) / (100 * weight)
    return "not alone" if needed > 1 else "any" if needed <= 0 else f"{needed:.2f}"


def _bar(score: Any) -> Text:
    known = number(score)
    filled = 0 if known is None else round(min(max(known, 0.0), 1.0) * BAR_CELLS)
    return Text.assemble(("━" * filled, "cyan"), ("─" * (BAR_CELLS - filled), "dim"))


def what_else(other: Mapping[str, Any]) -> Iterator[str]:
    """What refused it behind the gate."""
    if other.get("why_no_plan"):
        yield f"no plan: {other['why_no_plan']}"
    if other.get("event"):
        yield f"an event bars it: {other['event']}"


def plan_in_words(plan: Mapping[str, Any], digits: int | None) -> str:
    """How the trade would be laid, before it has a price."""
    stop = number(plan.get("stop_distance"))
    if stop is None:
        return ""
    hold = number(plan.get("longest_hold_seconds"))
    told = [f"stop {price(stop, digits)} away", _aim(plan, stop, digits)]
    told += ["stop trails"] if number(plan.get("trailing_distance")) else []
    told += [f"held for {span(hold)} at most"] if hold is not None else []
    told += ["its strategy closes at day end"] if plan.get("closes_at_day_end") is True else []
    return f"plan: {', '.join(told)}"


def _aim(plan: Mapping[str, Any], stop: float, digits: int | None) -> str:
    """Where the target lies: so far from the fill, or at a price, such as the mean that is to be come back to."""
    distance, at = number(plan.get("target_distance")), number(plan.get("target_price"))
    if distance is not None:
        ratio = f" ({distance / stop:.1f} : 1)" if stop else ""
        return f"target {price(distance, digits)} away{ratio}"
    return "no target" if at is None else f"target at {price(at, digits)}"


def _candidates(decision: Mapping[str, Any]) -> RenderableType:
    turns = decision["decided_by"] == DecidedBy.ROTATION  # only then it matters who was chosen when
    cuts = [cuts_in_words(mapping(row.get("sizing"))) for row in decision["candidates"]]
    columns = (
        Column("account"),
        Column("verdict", shrinks="fold"),
        Column("cost", "right"),
        Column("headroom", "right"),
        *((Column("last chosen", goes=3),) if turns else ()),
        Column("spread", "right", goes=2),
        Column("lots", "right", goes=1),
        *((Column("cut by", goes=4),) if any(cuts) else ()),
    )
    rows: list[tuple[Cell, ...]] = []
    for row, cut in zip(decision["candidates"], cuts, strict=True):
        chosen = row.get("platform") == decision["chosen"] and decision["chosen"] is not None
        said = chosen_by(decision["decided_by"]) if chosen else "eligible"
        if not row.get("eligible"):
            said = words(row.get("reason") or "not eligible")
        rows.append(
            (
                Text(printable(str(row.get("platform", UNKNOWN))), style="bold" if chosen else ""),
                Text(printable(said), style="green" if chosen else "" if row.get("eligible") else "yellow"),
                amount(row.get("cost"), 4),
                fraction(row.get("headroom"), 0),
                *((last_chosen(row),) if turns else ()),
                price(row.get("spread"), decision["digits"]),
                amount(row.get("volume_lots")),
                *((cut,) if any(cuts) else ()),
            )
        )
    return FittedTable("", columns, rows)


def last_chosen(row: Mapping[str, Any]) -> str:
    at = number(row.get("last_chosen_at"))
    return "never" if at is None else time_of(time_text(int(at)))


def cuts_in_words(sizing: Mapping[str, Any]) -> str:
    """What made the volume smaller than the risk alone would allow, apart from rounding to a lot step."""
    limits = [str(mapping(cut).get("limit")) for cut in sequence(sizing.get("cuts"))]
    return printable(", ".join(limit for limit in limits if limit != "lot step"))


def chosen_by(decided_by: Any) -> str:
    return "chosen, no other is eligible" if decided_by == DecidedBy.ONLY else f"chosen by {words(decided_by)}"
