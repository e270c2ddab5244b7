"""A journal line as one sentence, for the live view and for the life of a trade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from console.figures import UNKNOWN, number, price, words
from console.live_view import EventLine
from console.records import mapping
from persistence.journal import JournalLine

LONGEST_VALUE = 40


def event_line(line: JournalLine, digits: int | None = None) -> EventLine:
    """The line as the live view shows it. ``digits`` are the commodity's decimals."""
    about = ":".join(part for part in (line.platform, line.commodity) if part)
    text = sentence(line.kind, line.reason, line.detail, line.repeated, digits)
    return EventLine(line.last_at, line.kind, text, about)


def sentence(
    kind: str, reason: str, detail: Mapping[str, Any], repeated: int = 1, digits: int | None = None
) -> str:
    """What happened, in one sentence. Never raises, whatever the detail holds."""
    match kind:
        case "decision":
            text = _decision(reason, detail)
        case "transition":
            text = _transition(reason, detail, digits)
        case "adjustment":
            text = _adjustment(reason, detail, digits)
        case _:
            text = _plainly(reason, detail)
    return f"{text} ({repeated} times)" if repeated > 1 else text


def reason_words(reason: str) -> str:
    """``refused:no plan`` is *refused: no plan*."""
    return words(": ".join(part.strip() for part in reason.split(":", 1)))


def _decision(reason: str, detail: Mapping[str, Any]) -> str:
    analysis, gate = mapping(detail.get("analysis")), mapping(detail.get("gate"))
    parts = [reason_words(reason)]
    if analysis.get("strategy"):
        parts.append(f"{words(analysis['strategy'])} {words(analysis.get('side'))}")
    if detail.get("chosen"):
        parts.append(f"on {detail['chosen']}")
    reached, threshold = number(gate.get("confidence")), number(gate.get("threshold"))
    if reached is not None and threshold is not None:
        against = "over" if reached >= threshold else "below"
        parts.append(f"confidence {reached:.1f} {against} {threshold:g}")
    return ", ".join(parts)


def _transition(reason: str, detail: Mapping[str, Any], digits: int | None) -> str:
    before = detail.get("before", detail.get("from"))
    after = detail.get("after", detail.get("to"))
    text = f"{words(before)} to {words(after)}: {reason}" if before and after else reason_words(reason)
    facts = []
    if detail.get("close_reason"):
        facts.append(f"for {words(detail['close_reason'])}")
    for name, said in (("entry_price", "in at"), ("exit_price", "out at"), ("stop_price", "stop")):
        if number(detail.get(name)) is not None:
            facts.append(f"{said} {_price(detail[name], digits)}")
    profit = number(detail.get("profit"))
    if profit is not None:
        facts.append(f"net {profit:+.2f}")
    if detail.get("detail"):
        facts.append(str(detail["detail"]))
    return ", ".join((text, *facts))


def _adjustment(reason: str, detail: Mapping[str, Any], digits: int | None) -> str:
    moves = []
    for name in ("stop", "target"):
        before, after = detail.get(f"{name}_before"), detail.get(f"{name}_after")
        if before != after:
            moves.append(f"{name} {_price(before, digits)} to {_price(after, digits)}")
    return f"{', '.join(moves) or 'adjusted'}: {reason_words(reason)}"


def _plainly(reason: str, detail: Mapping[str, Any]) -> str:
    """The reason, and what is short enough of the detail."""
    facts = [
        f"{words(key)} {value if isinstance(value, str) else f'{value:g}'}"
        for key, value in detail.items()
        if (isinstance(value, str) and 0 < len(value) <= LONGEST_VALUE) or number(value) is not None
    ]
    return ", ".join((reason_words(reason), *facts))


def _price(value: Any, digits: int | None) -> str:
    known = number(value)
    if known is None:
        return UNKNOWN
    return f"{known:.6g}" if digits is None else price(known, digits)
