"""Where the stop and the target of a trade lay and when, and everything that moved them with why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from actors.past import ADJUSTMENT
from console.figures import number
from console.records import Data, mapping, time_text
from console.sentences import sentence
from persistence.journal import JournalLine
from trading.trade import Trade, TradeState


def levels_data(trade: Trade, lines: Iterable[JournalLine], digits: int | None = None) -> Data:
    """``levels`` and ``adjustments``, oldest first.

    A level is ``{at, stop_price, target_price}``, in force until the next. An adjustment has its rule and what it says,
    the levels, strategy and worth before and after, and the regime it was judged in.

    ``lines``: the trade's journal in any order; other kinds of lines are passed over. An older program may have left
    some out: the last level is always that of the row.
    """
    steps = sorted(lines, key=lambda line: line.id)
    adjustments = [_adjustment(line, digits) for line in steps if line.kind == ADJUSTMENT]
    return {"levels": list(_levels(trade, steps, adjustments)), "adjustments": adjustments}


def _levels(trade: Trade, steps: list[JournalLine], adjustments: list[Data]) -> Iterator[Data]:
    before = adjustments[0] if adjustments else {"stop_before": trade.stop_price, "target_before": trade.target_price}
    stop, target = _at_the_fill(steps)
    stop = before["stop_before"] if stop is None else stop
    target = before["target_before"] if target is None else target
    now = time_text(trade.opened_at or trade.submitted_at)
    yield {"at": now, "stop_price": stop, "target_price": target}
    for moved in adjustments:
        stop, target, now = moved["stop_after"], moved["target_after"], moved["at"]
        yield {"at": now, "stop_price": stop, "target_price": target}
    if (stop, target) != (trade.stop_price, trade.target_price):
        yield {"at": now, "stop_price": trade.stop_price, "target_price": trade.target_price}


def _at_the_fill(steps: list[JournalLine]) -> tuple[float | None, float | None]:
    """The levels that the order was sent with, moved by the fill; None for what no line tells."""
    stop = target = None
    for line in steps:
        detail = mapping(line.detail)
        if line.kind == "transition" and detail.get("after") in (TradeState.SUBMITTED, TradeState.OPEN):
            if detail.get("before") == TradeState.OPEN:
                break
            stop = stop if (known := number(detail.get("stop_price"))) is None else known
            target = target if (known := number(detail.get("target_price"))) is None else known
    return stop, target


def _adjustment(line: JournalLine, digits: int | None) -> Data:
    detail: Mapping[str, Any] = mapping(line.detail)
    numbers = ("stop_before", "stop_after", "target_before", "target_after")
    return {
        "id": line.id,
        "at": time_text(line.at),
        "rule": line.reason,
        "why": str(detail.get("why") or ""),
        "regime": _word(detail.get("regime")),
        **{name: number(detail.get(name)) for name in numbers},
        "strategy_before": _word(detail.get("strategy_before")),
        "strategy_after": _word(detail.get("strategy_after")),
        "valuation_before": _worth(detail.get("valuation_before")),
        "valuation_after": _worth(detail.get("valuation_after")),
        "text": sentence(line.kind, line.reason, detail, line.repeated, digits),
    }


def _word(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _worth(value: Any) -> Data | None:
    """The probabilities and the value of a valuation; None where it was not weighed."""
    if not isinstance(value, Mapping):
        return None
    return {name: number(value.get(name)) for name in ("target", "stop", "profit", "expected_value")}
