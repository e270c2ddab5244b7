"""A journal line as one sentence, for the live view and for the life of a trade."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from actors import track_record
from console.figures import UNKNOWN, number, price, words
from console.live_view import EventLine
from console.records import mapping
from console.valuations import change_of_worth, worth_in_words
from persistence.journal import JournalLine
from trading.trade import TradeState, arrow

LONGEST_VALUE = 40
BELOW_THRESHOLD = "refused:confidence"  # the two numbers say it better than the word


def event_line(line: JournalLine, digits: int | None = None) -> EventLine:
    """The line as the live view shows it. ``digits`` are the commodity's decimals."""
    about = ":".join(part for part in (line.platform, line.commodity) if part)
    text = sentence(line.kind, line.reason, line.detail, line.repeated, digits)
    return EventLine(line.last_at, line.kind, text, about)


def sentence(kind: str, reason: str, detail: Mapping[str, Any], repeated: int = 1, digits: int | None = None) -> str:
    """What happened, in one sentence. Never raises, whatever the detail holds."""
    match kind:
        case "decision":
            text = _decision(reason, detail)
        case "transition":
            text = _transition(reason, detail, digits)
        case "adjustment":
            text = _adjustment(reason, detail, digits)
        case "valuation":
            text = worth_in_words(detail)
        case "exit":
            text = f"to be closed: {_weighed(reason, detail)}"
        case track_record.RISK_DAY | track_record.DAILY_LOSS | track_record.LOSSES_IN_A_ROW | track_record.DRAWDOWN:
            text = str(detail.get("said", reason))
        case "command":
            text = f"{detail.get('by', 'somebody')}: {_said(reason, detail)}"
        case "notification":
            text = f"{detail.get('outcome')}: {detail.get('title')}"
        case "alert" | "open_result":
            text = _said(reason, detail)
        case _:
            text = ", ".join((reason_words(reason), *facts(detail)))
    return printable(f"{text} ({repeated} times)" if repeated > 1 else text)


def is_told_twice(line: JournalLine) -> bool:
    """Whether another line tells the same in better words: that of an adjustment, where only levels and strategy of the
    row change; or, of a message that was sent, that of what it tells."""
    if line.kind == "notification":
        return line.detail.get("outcome") == "sent"
    is_the_row = line.kind == "transition" and line.reason == arrow(TradeState.OPEN, TradeState.OPEN)
    return is_the_row and line.detail.keys() <= {"before", "after", "strategy", "stop_price", "target_price"}


def reason_words(reason: str) -> str:
    """``refused:no plan`` is *refused: no plan*."""
    return printable(words(": ".join(part.strip() for part in reason.split(":", 1))))


def verdict(reason: str, chosen: Any) -> str:
    """What a decision came to: that an account was told to open, or why none was."""
    return printable(f"told {chosen} to open") if reason == "open_told" and chosen else reason_words(reason)


def facts(detail: Mapping[str, Any]) -> list[str]:
    """What of a detail is short enough to be said in words: numbers, words, and lists of words."""
    found = []
    for key, value in detail.items():
        if isinstance(value, str):
            said = value
        elif isinstance(value, list):
            said = ", ".join(words(member) for member in value if isinstance(member, str))
        else:
            known = number(value)
            said = "" if known is None else f"{known:g}"
        if 0 < len(said) <= LONGEST_VALUE:
            found.append(f"{words(key)} {said}")
    return found


def printable(text: str) -> str:
    """The text on one line and without anything that could steer a terminal: brokers' words come in here."""
    return "".join(letter if letter.isprintable() else " " for letter in text)


def _decision(reason: str, detail: Mapping[str, Any]) -> str:
    analysis, gate = mapping(detail.get("analysis")), mapping(detail.get("gate"))
    reached, threshold = number(gate.get("confidence")), number(gate.get("threshold"))
    told = []
    if analysis.get("strategy"):
        told.append(f"{words(analysis['strategy'])} {words(analysis.get('side'))}")
    if reached is not None and threshold is not None:
        against = "over" if reached >= threshold else "below"
        told.append(f"confidence {reached:.1f} {against} {threshold:g}")
        if reason == BELOW_THRESHOLD:
            return f"refused: {', '.join(told)}"
    return ", ".join((verdict(reason, detail.get("chosen")), *told))


def _transition(reason: str, detail: Mapping[str, Any], digits: int | None) -> str:
    before = detail.get("before", detail.get("from"))
    after = detail.get("after", detail.get("to"))
    # The arrow into CLOSING names every reason that there could be; the row knows which it was.
    why = words(detail.get("close_reason") or reason)
    text = f"{words(before)} to {words(after)}: {why}" if before and after else reason_words(reason)
    told = []
    for name, said in (("entry_price", "in at"), ("exit_price", "out at"), ("stop_price", "stop")):
        if number(detail.get(name)) is not None:
            told.append(f"{said} {_price(detail[name], digits)}")
    profit = number(detail.get("profit"))
    if profit is not None:
        told.append(f"net {profit:+.2f}")
    if detail.get("detail"):
        told.append(str(detail["detail"]))
    return ", ".join((text, *told))


def _adjustment(reason: str, detail: Mapping[str, Any], digits: int | None) -> str:
    moves = []
    for name in ("stop", "target"):
        before, after = detail.get(f"{name}_before"), detail.get(f"{name}_after")
        if before != after:
            moves.append(f"{name} {_price(before, digits)} to {_price(after, digits)}")
    if detail.get("strategy_after"):
        moves.append(f"strategy {words(detail.get('strategy_before'))} to {words(detail['strategy_after'])}")
    return f"{', '.join(moves) or 'adjusted'}: {_weighed(reason, detail)}"


def _weighed(reason: str, detail: Mapping[str, Any]) -> str:
    """A rule, what it says, and what that does to probability and value."""
    worth = change_of_worth(detail.get("valuation_before"), detail.get("valuation_after"))
    said = f"{reason_words(reason)} ({detail['why']})" if detail.get("why") else reason_words(reason)
    return ", ".join(part for part in (said, worth) if part)


def _said(reason: str, detail: Mapping[str, Any]) -> str:
    """The reason, and what was said about it unless that is the same."""
    said = str(detail.get("said") or "")
    return said if said.startswith(reason) else f"{reason_words(reason)}: {said}".removesuffix(": ")


def _price(value: Any, digits: int | None) -> str:
    known = number(value)
    if known is None:
        return UNKNOWN
    return f"{known:.6g}" if digits is None else price(known, digits)
