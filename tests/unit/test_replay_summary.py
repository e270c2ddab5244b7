"""The closing table of a replay."""

from __future__ import annotations

import io
from typing import Any

from rich.console import Console

from console.summary import render

FIGURES: dict[str, Any] = {
    "source": "made bars",
    "bars": 24,
    "trades": 1,
    "closes": {"target": 1},
    "refusals": {"veto": 3},
    "failed": {},
    "alerts": {},
}


def shown(**changes: Any) -> str:
    console = Console(width=100, file=io.StringIO())
    console.print(render({**FIGURES, **changes}))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_orders_that_failed_and_alerts_are_counted_by_reason() -> None:
    text = shown(failed={"not_enough_money": 2}, alerts={"no_bars": 7})
    assert "failed" in text
    assert "not enough money  2" in text
    assert "no bars  7" in text


def test_where_nothing_failed_nothing_is_said_of_it() -> None:
    assert "failed" not in shown()
    assert "alerts" not in shown()
