"""What happened to a trade, a line for each step, and what it is worth.

The journal tells one event from several sides (an opening is a decision, two rows and an answer); here each is one
line. Where a trade was adjusted often, the adjustments by one rule that follow each other are told together.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from console.figures import UNKNOWN, fraction, number, price, side, time_of, words
from console.records import mapping
from console.sentences import printable, reason_words, sentence
from console.tables import Cell, pairs
from console.valuations import expected_value, worth_in_words, worth_lines
from trading.trade import TradeState, arrow

MOST_STEPS, MOST_STEPS_OF_SEVERAL = 10, 5
"""A life of more is told with its adjustments drawn together, sooner where there are several lives to tell."""
STAYS_OPEN = arrow(TradeState.OPEN, TradeState.OPEN)
TOLD_ELSEWHERE = ("decision", "open_result")


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened, and the journal line of an adjustment."""

    at: str
    text: str
    adjusted: Mapping[str, Any] | None = None


def life(trade: Mapping[str, Any], at: str | None = None, most_steps: int = MOST_STEPS) -> RenderableType:
    """The trade, its steps, its worth. ``at``: a moment (ISO 8601) that is marked between them."""
    digits = trade.get("digits")
    steps = list(_steps(trade["life"], digits))
    before = [step for step in steps if at is None or step.at <= at]
    after = steps[len(before) :]
    if len(steps) > most_steps:
        before, after = list(_drawn_together(before, digits)), list(_drawn_together(after, digits))
    told: list[tuple[str, Cell]] = [(time_of(step.at)[5:], printable(step.text)) for step in before]
    if at is not None:
        told.append((time_of(at)[5:], Text(_then(trade), style="bold cyan")))
    told += [(time_of(step.at)[5:], printable(step.text)) for step in after]
    parts: list[RenderableType] = [_heading(trade), Padding.indent(pairs(told), 2)]
    if trade["valuation"] is not None and trade["state"] != TradeState.CLOSED and at is None:
        worth = [("valued", f"at {time_of(trade['valuation']['at'])}"), *worth_lines(trade)]
        parts.append(Padding.indent(pairs(worth), 2))
    return Group(*parts)


def in_short(trade: Mapping[str, Any]) -> str:
    """The trade in a clause: its account and how it ended, or how it stands."""
    profit, is_closed = number(trade["profit"]), trade["state"] == TradeState.CLOSED
    ended = f"{words(trade['close_reason'])}{'' if profit is None else f' {profit:+.2f}'}"
    return printable(f"{trade['platform']} #{trade['trade_id']}: {ended if is_closed else words(trade['state'])}")


def _heading(trade: Mapping[str, Any]) -> Text:
    return Text.assemble(
        printable(f"trade {trade['trade_id']} on {trade['platform']}: "),
        side(trade["side"]),
        f" {trade['volume_lots']:g} lots, ",
        (printable(_ending(trade) or words(trade["state"])), "bold"),
    )


def _ending(trade: Mapping[str, Any]) -> str:
    """How a closed trade ended; empty for another."""
    if trade["state"] != TradeState.CLOSED:
        return ""
    profit = number(trade["profit"])
    net = "" if profit is None else f", net {profit:+.2f}"
    return f"closed by {words(trade['close_reason'])} {time_of(trade['closed_at'])}{net}"


def _then(trade: Mapping[str, Any]) -> str:
    """What the trade was found to be worth at the moment that is asked for."""
    worth = trade.get("valuation_then")
    return f"then valued, at {time_of(worth['at'])[5:]}: {worth_in_words(worth)}" if worth else "not valued by then"


def _steps(lines: Sequence[Mapping[str, Any]], digits: int | None) -> Iterator[Step]:
    """The steps in order. What a row and a line of its own tell at the same instant is told once, by the line."""
    adjusted_at = {line["at"] for line in lines if line["kind"] == "adjustment"}
    explained_at = {line["at"] for line in lines if line["kind"] == "exit"}
    opened = any(_after(line) == TradeState.OPEN for line in lines)
    wanted: Mapping[str, Any] = {}  # levels that the fill did not move stand in the row of the order alone
    said = ""
    for line in lines:
        if line["kind"] in TOLD_ELSEWHERE:
            continue
        if line["kind"] == "transition":
            if line["reason"] == STAYS_OPEN and line["at"] in adjusted_at:
                continue
            if _after(line) == TradeState.CLOSING and line["at"] in explained_at:
                continue
            if _after(line) == TradeState.SUBMITTED and opened:
                wanted = mapping(line["detail"])
                continue
        because = str(mapping(line["detail"]).get("why") or "")
        yield Step(line["at"], _told(line, wanted, digits, told_before=said), _if_adjusted(line))
        said = because


def _told(line: Mapping[str, Any], wanted: Mapping[str, Any], digits: int | None, *, told_before: str) -> str:
    """The line in words; the reason of an adjustment only where the one before it had another.

    ``wanted``: the detail of the order that a fill belongs to.
    """
    detail = mapping(line["detail"])
    match line["kind"]:
        case "adjustment":
            because = str(detail.get("why") or "")
            text = _adjustment(str(line["reason"]), detail, detail, digits)
            return text if not because or because == told_before else f"{text} ({because})"
        case "rule":
            return _rule(str(line["reason"]), detail)
        case "transition" if _after(line) == TradeState.OPEN and detail.get("before") == TradeState.SUBMITTED:
            levels = {**wanted, **detail}
            entry, stop = price(levels.get("entry_price"), digits), price(levels.get("stop_price"), digits)
            target = number(levels.get("target_price"))
            aimed = "no target" if target is None else f"target {price(target, digits)}"
            return f"opened at {entry}, stop {stop}, {aimed}"
        case "transition" if _after(line) == TradeState.CLOSING and detail.get("before") == TradeState.OPEN:
            return f"closing: {words(detail.get('close_reason'))}"
        case "transition" if _after(line) == TradeState.CLOSED and number(detail.get("profit")) is not None:
            out = price(detail.get("exit_price"), digits)
            more = f", {detail['detail']}" if detail.get("detail") else ""
            return f"closed at {out}, net {detail['profit']:+.2f}{more}"
        case _:
            return sentence(line["kind"], line["reason"], detail, line["repeated"], digits)


def _rule(reason: str, detail: Mapping[str, Any]) -> str:
    """A closing rule's judgement: ``day_end:kept`` with the net profit that it saw."""
    profit = number(detail.get("net_profit"))
    seen = "" if profit is None else f", net profit {profit:+.2f}"
    return f"{reason_words(reason).replace(': ', ' rule: ', 1)}{seen}"


def _adjustment(rule: str, first: Mapping[str, Any], last: Mapping[str, Any], digits: int | None) -> str:
    """The rule, the levels before and after, and what that did to probability and value.

    ``first`` and ``last`` are the details of the first and the last of a run: one and the same for a single one.
    """
    moves = []
    for name in ("stop", "target"):
        before, after = first.get(f"{name}_before"), last.get(f"{name}_after")
        if before != after:
            moves.append(f"{name} {_change(price(before, digits), price(after, digits))}")
    if last.get("strategy_after"):
        moves.append(f"strategy {_change(words(first.get('strategy_before')), words(last['strategy_after']))}")
    worth_before, worth_after = mapping(first.get("valuation_before")), mapping(last.get("valuation_after"))
    profit, target = _chances(worth_before, worth_after, "profit"), _chances(worth_before, worth_after, "target")
    moves += [f"P(profit) {profit}"] if profit else []
    moves += [f"P(target) {target}"] if target and number(last.get("target_after")) is not None else []
    values = [number(worth.get("expected_value")) for worth in (worth_before, worth_after)]
    if values[0] is not None:
        moves.append(f"EV {_change(expected_value(values[0]), expected_value(values[1]))}")
    return f"{words(rule)}: {', '.join(moves) or 'nothing moved'}"


def _chances(before: Mapping[str, Any], after: Mapping[str, Any], claim: str) -> str:
    first, then = number(before.get(claim)), number(after.get(claim))
    if first is None:
        return ""
    return _change(fraction(first, 0), fraction(then, 0)).replace(" % to ", " to ")


def _change(before: str, after: str) -> str:
    return before if after in (before, UNKNOWN) else f"{before} to {after}"


def _drawn_together(steps: Sequence[Step], digits: int | None) -> Iterator[Step]:
    """The same steps, those of one rule that follow each other as one."""
    run: list[Step] = []
    for step in [*steps, None]:
        if step is not None and run and _rule_of(step) == _rule_of(run[-1]) is not None:
            run.append(step)
            continue
        yield from run if len(run) < 2 else [_as_one(run, digits)]
        run = [] if step is None else [step]


def _as_one(run: Sequence[Step], digits: int | None) -> Step:
    first, last = mapping(run[0].adjusted), mapping(run[-1].adjusted)
    text = _adjustment(str(_rule_of(run[0])), first, last, digits)
    return Step(run[0].at, f"{len(run)} times until {time_of(run[-1].at)[5:]}, {text}", run[0].adjusted)


def _rule_of(step: Step) -> str | None:
    return None if step.adjusted is None else str(step.adjusted.get("rule"))


def _if_adjusted(line: Mapping[str, Any]) -> Mapping[str, Any] | None:
    return {"rule": line["reason"], **mapping(line["detail"])} if line["kind"] == "adjustment" else None


def _after(line: Mapping[str, Any]) -> str:
    return str(mapping(line["detail"]).get("after") or "")
