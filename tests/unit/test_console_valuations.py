"""What `status` and `why` say an open trade is worth, and what an adjustment did to that."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from made_ledger_file import NOON, History, configuration_of

from console import status, why
from console.arguments import Status, Why
from console.configuration import Configuration
from console.output import Output
from console.sentences import is_told_twice, sentence
from persistence.journal import VALUATION, JournalEntry, JournalLine
from trading.market import HOUR, MINUTE, Instant
from trading.trade import Trade, TradeState, arrow

HORIZON = NOON + 9 * HOUR


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configuration_of(tmp_path)


@pytest.fixture
def history(configuration: Configuration) -> Iterator[History]:
    history = History(configuration)
    yield history
    history.close()


def worth(**changes: Any) -> dict[str, Any]:
    """A valuation as the journal keeps it."""
    usual = {"target": 0.31, "stop": 0.24, "neither": 0.45, "profit": 0.62, "expected_value": -0.004, "sigma": 0.003}
    return {**usual, "expected_price": 0.0, "horizon_at": HORIZON, "strategy": "mean_reversion", **changes}


def valued(history: History, trade: Trade, at: Instant = NOON + HOUR, **changes: Any) -> None:
    """A line about an open trade."""
    line = JournalEntry(at, VALUATION, "valued", "alpha", "EURUSD", trade.trade_id, detail=worth(**changes))
    history.ledger.journal.append(line)


def printed(command: Status | Why, configuration: Configuration) -> str:
    stdout = io.StringIO()
    module: Any = status if isinstance(command, Status) else why
    assert module.run(command, configuration, Output(as_json=False, stdout=stdout, stderr=io.StringIO())) == 0
    return stdout.getvalue()


def as_json(command: Status | Why, configuration: Configuration) -> dict[str, Any]:
    stdout = io.StringIO()
    module: Any = status if isinstance(command, Status) else why
    module.run(command, configuration, Output(as_json=True, stdout=stdout, stderr=io.StringIO()))
    found: dict[str, Any] = json.loads(stdout.getvalue())
    return found


def test_status_shows_the_newest_valuation_of_each_open_trade(
    configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    trade = history.open(NOON)
    valued(history, trade, profit=0.5)
    valued(history, trade, NOON + 2 * HOUR)
    (shown,) = as_json(Status(), configuration)["open_trades"]
    found = shown["valuation"]
    assert (found["target"], found["stop"], found["profit"]) == (0.31, 0.24, 0.62)
    assert found["at"] == "2026-03-04T14:00:00Z"
    assert found["horizon_at"] == "2026-03-04T21:00:00Z"
    assert found["seconds_left"] == 7 * 3600
    assert found["so_far"] == {"target": None, "stop": None, "profit": None}, "no trade of the like has ended yet"
    for width, columns in (("80", ["P(profit)", "P(target)", "EV", "horizon in"]), ("120", ["P(stop)", "as of"])):
        monkeypatch.setenv("COLUMNS", width)
        said = printed(Status(), configuration)
        assert all(column in said for column in columns)
        row = next(line for line in said.splitlines() if "62 %" in line)
        assert "-0.004" in row
        assert "7 h 00 m" in row
        assert "none yet" in row


def test_what_came_of_the_like_stands_beside_each_probability(configuration: Configuration, history: History) -> None:
    ended = history.open(NOON - 5 * HOUR, "a-1")
    valued(history, ended, NOON - 4 * HOUR, profit=0.64)
    history.finish(ended, NOON - 2 * HOUR)  # by its stop, at a loss
    trade = history.open(NOON)
    valued(history, trade)
    (shown,) = as_json(Status(), configuration)["open_trades"]
    so_far = shown["valuation"]["so_far"]["profit"]
    assert (so_far["trades"], so_far["happened"], so_far["brief"]) == (1, 0, "0 of 1")
    assert "0 of 1" in printed(Status(), configuration)
    told = " ".join(printed(Why(last=1), configuration).split())
    assert "P(profit) 62 %; said 60-70 %: happened in 0 of 1 trades, too few to tell" in told


def test_a_trade_that_was_not_valued_yet_says_so(configuration: Configuration, history: History) -> None:
    history.open(NOON)
    assert as_json(Status(), configuration)["open_trades"][0]["valuation"] is None
    assert "None of them was valued yet" in printed(Status(), configuration)
    assert "P(profit)" not in printed(Why(last=1), configuration)


def test_why_tells_the_last_valuation_and_leaves_the_others_out_of_the_trades_life(
    configuration: Configuration, history: History
) -> None:
    trade = history.open(NOON)
    for minutes in (60, 120, 180):
        valued(history, trade, NOON + minutes * MINUTE)
    (decision,) = as_json(Why(last=1), configuration)["decisions"]
    (told,) = decision["trades"]
    assert VALUATION not in {step["kind"] for step in told["life"]}
    assert told["valuation"]["at"] == "2026-03-04T15:00:00Z"
    said = " ".join(printed(Why(last=1), configuration).split())
    assert "EV -0.004 sigma, of holding on rather than closing" in said
    assert "horizon in 6 h 00 m, 2026-03-04 21:00" in said


def test_an_adjustment_is_told_with_rule_reason_probability_and_value_before_and_after() -> None:
    detail = {
        "rule": "regime_switch",
        "why": "3 bars did not suit day",
        "stop_before": 1.1,
        "stop_after": 1.1,
        "target_before": 1.12,
        "target_after": 1.115,
        "strategy_before": "day",
        "strategy_after": "mean_reversion",
        "valuation_before": worth(profit=0.5, target=0.2, expected_value=0.0),
        "valuation_after": worth(profit=0.56, target=0.33, expected_value=-0.002),
    }
    assert sentence("adjustment", "regime_switch", detail, digits=5) == (
        "target 1.12000 to 1.11500, strategy day to mean reversion: regime switch (3 bars did not suit day), "
        "P(profit) 50 % to 56 %, P(target) 20 % to 33 %, EV +0.000 to -0.002"
    )


def test_a_valuation_is_told_in_probabilities() -> None:
    detail = {"profit": 0.39, "target": 0.05, "stop": 0.31, "expected_value": 0.0, "horizon_at": 1_499_460_000_000}
    assert sentence("valuation", "valued", detail) == "P(profit) 39 %, P(target) 5 %, P(stop) 31 %, EV +0.000"
    assert sentence("valuation", "valued", {"profit": 0.39, "target": 0.0}) == "P(profit) 39 %"
    assert sentence("valuation", "valued", {}) == "valued"


def test_the_row_of_an_adjustment_is_not_told_beside_the_adjustment() -> None:
    def line(kind: str, reason: str, **detail: Any) -> JournalLine:
        return JournalLine(1, 0, 0, 1, "w", kind, "alpha", "EURUSD", 1, None, reason, detail)

    still_open = arrow(TradeState.OPEN, TradeState.OPEN)
    assert is_told_twice(line("transition", still_open, before="open", after="open", stop_price=1.1))
    assert not is_told_twice(line("transition", still_open, before="open", after="open", volume_lots=0.1))
    assert not is_told_twice(line("transition", arrow(TradeState.OPEN, TradeState.CLOSING)))
    assert not is_told_twice(line("adjustment", "rescale"))


def test_an_early_close_is_told_with_what_the_trade_was_worth() -> None:
    detail = {"price": 1.1, "why": "the signal has gone, and P(target) is 2.0%", "valuation_before": worth(target=0.02)}
    assert sentence("exit", "signal_gone", detail) == (
        "to be closed: signal gone (the signal has gone, and P(target) is 2.0%), P(profit) 62 %, P(target) 2 %, "
        "EV -0.004"
    )


@pytest.mark.parametrize("broken", [None, "text", [], {"profit": "x"}, {"profit": float("nan")}, {"target": None}])
def test_a_valuation_that_an_older_program_wrote_breaks_no_view(
    broken: Any, configuration: Configuration, history: History
) -> None:
    assert sentence("adjustment", "rescale", {"valuation_before": broken, "valuation_after": broken})
    trade = history.open(NOON)
    detail = broken if isinstance(broken, dict) else {"odd": broken}
    line = JournalEntry(NOON + HOUR, VALUATION, "valued", "alpha", "EURUSD", trade.trade_id, detail=detail)
    history.ledger.journal.append(line)
    assert printed(Status(), configuration)
    assert printed(Why(last=1), configuration)
