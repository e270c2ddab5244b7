"""The levels of a trade over time, worked out of its journal: also of what an older program wrote."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from made_trades import NOON, a_trade

from console.trade_levels import levels_data
from persistence.journal import JournalLine
from trading.market import MINUTE, Instant, iso
from trading.trade import Trade

TRADE: Trade = replace(a_trade(), stop_price=1.07, target_price=1.2, opened_at=NOON)


def a_line(number: int, kind: str, detail: Mapping[str, Any], at: Instant = NOON) -> JournalLine:
    """A line of the trade's journal."""
    return JournalLine(number, at, at, 1, "test", kind, "alpha", "EURUSD", 1, "a-1", "trailing", dict(detail))


def moved(number: int, stop_before: float, stop_after: float, minutes: int) -> JournalLine:
    """A rule has moved the stop."""
    detail = {"stop_before": stop_before, "stop_after": stop_after, "target_before": 1.2, "target_after": 1.2}
    return a_line(number, "adjustment", detail, NOON + minutes * MINUTE)


def test_without_a_journal_the_levels_are_those_of_the_row() -> None:
    assert levels_data(TRADE, [])["levels"] == [{"at": iso(NOON), "stop_price": 1.07, "target_price": 1.2}]


def test_the_fill_lays_the_levels_anew_and_each_adjustment_moves_them() -> None:
    lines = [
        a_line(1, "transition", {"after": "submitted", "stop_price": 1.04, "target_price": 1.19}),
        a_line(2, "transition", {"before": "submitted", "after": "open", "stop_price": 1.05, "target_price": 1.2}),
        moved(3, 1.05, 1.06, 5),
        moved(4, 1.06, 1.07, 9),
    ]
    found = levels_data(TRADE, reversed(lines))
    assert [level["stop_price"] for level in found["levels"]] == [1.05, 1.06, 1.07]
    assert [level["at"] for level in found["levels"]] == [iso(NOON + minutes * MINUTE) for minutes in (0, 5, 9)]
    assert [adjustment["stop_before"] for adjustment in found["adjustments"]] == [1.05, 1.06]


def test_where_the_fill_is_not_told_the_first_adjustment_tells_what_was_before() -> None:
    found = levels_data(TRADE, [moved(7, 1.05, 1.07, 5)])
    assert [level["stop_price"] for level in found["levels"]] == [1.05, 1.07]


def test_the_last_level_is_that_of_the_row_whatever_the_journal_lacks() -> None:
    found = levels_data(replace(TRADE, stop_price=1.08), [moved(7, 1.05, 1.07, 5)])
    assert found["levels"][-1]["stop_price"] == 1.08


def test_what_an_older_program_did_not_write_is_not_known_and_nothing_fails() -> None:
    found = levels_data(TRADE, [a_line(1, "adjustment", {"stop_after": "high", "valuation_before": 3})])
    (adjustment,) = found["adjustments"]
    assert adjustment["stop_after"] is None
    assert adjustment["valuation_before"] is None
    assert found["levels"][-1] == {"at": iso(NOON), "stop_price": 1.07, "target_price": 1.2}
