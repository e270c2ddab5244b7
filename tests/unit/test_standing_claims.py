"""Claims about levels as they stood: settled at the end, or by what was claimed at the first change of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from made_trades import NOON, a_trade

from console.standing_claims import StandingClaims, standing_claims
from persistence.journal import JournalLine
from trading.calibration import calibration_error, reliability
from trading.market import HOUR, Instant
from trading.trade import CloseReason, Trade, TradeState

HORIZON = NOON + 12 * HOUR


def line(number: int, kind: str, at: Instant, detail: dict[str, Any], trade_id: int = 1) -> JournalLine:
    return JournalLine(number, at, at, 1, "me", kind, "alpha", "EURUSD", trade_id, None, "said", detail)


def valued(hours: float, target: float, trade_id: int = 1, horizon_at: Instant = HORIZON) -> JournalLine:
    at = NOON + round(hours * HOUR)
    return line(1, "valuation", at, {"target": target, "stop": 0.2, "profit": 0.5, "horizon_at": horizon_at}, trade_id)


def changed(hours: float, target: float | None, kind: str = "adjustment", trade_id: int = 1) -> JournalLine:
    before = None if target is None else {"target": target, "stop": 0.3, "profit": 0.6}
    return line(2, kind, NOON + round(hours * HOUR), {"valuation_before": before}, trade_id)


def closed(hours: float, reason: CloseReason, trade_id: int = 1) -> Trade:
    at = NOON + round(hours * HOUR)
    return a_trade(trade_id=trade_id, state=TradeState.CLOSED, close_reason=reason, closed_at=at, profit=10.0)


def of_target(valuations: list[JournalLine], changes: list[JournalLine], *trades: Trade) -> StandingClaims:
    return standing_claims(valuations, changes, trades)["target"]


@pytest.mark.parametrize(
    ("reason", "came"), [(CloseReason.TARGET, 1.0), (CloseReason.STOP, 0.0), (CloseReason.DAY_END, 0.0)]
)
def test_levels_that_stayed_are_settled_by_the_end(reason: CloseReason, came: float) -> None:
    found = of_target([valued(1, 0.4)], [], closed(5, reason))
    assert (found.claimed.tolist(), found.came.tolist(), found.by_claim) == ([0.4], [came], 0)


def test_levels_that_were_changed_are_settled_by_what_was_claimed_of_them_just_before() -> None:
    found = of_target([valued(1, 0.4), valued(3, 0.9)], [changed(2, 0.55)], closed(5, CloseReason.TARGET))
    assert found.came.tolist() == [0.55, 1.0]
    assert found.by_claim == 1


def test_a_change_beyond_the_horizon_or_before_the_claim_settles_nothing() -> None:
    changes = [changed(0.5, 0.7), changed(13, 0.8)]
    found = of_target([valued(1, 0.4)], changes, closed(20, CloseReason.TARGET))
    assert found.came.tolist() == [0.0], "the trade was open at its horizon"


def test_what_is_changed_in_the_same_pass_tells_nothing_of_the_claim() -> None:
    found = of_target([valued(1, 0.4)], [changed(1, 0.4)], closed(5, CloseReason.TARGET))
    assert len(found.claimed) == 0


def test_a_close_without_a_figure_of_its_own_is_settled_by_the_newest_claim() -> None:
    valuations = [valued(1, 0.4), valued(4, 0.25)]
    found = of_target(valuations, [changed(4, None, "exit")], closed(4, CloseReason.OPPOSITE_SIGNAL))
    assert found.came.tolist() == [0.25]


def test_what_a_person_closed_is_left_out() -> None:
    assert len(of_target([valued(1, 0.4)], [], closed(5, CloseReason.OPERATOR)).claimed) == 0


def test_what_is_not_settled_or_has_no_target_is_left_out() -> None:
    assert len(of_target([valued(1, 0.0)], [], closed(5, CloseReason.STOP)).claimed) == 0
    assert len(of_target([valued(1, 0.4)], [], a_trade()).claimed) == 0


@pytest.mark.parametrize(("factor", "error"), [(1.0, 0.0), (0.5, 0.1)])
def test_true_claims_are_found_true_although_rules_move_the_target_of_those_that_come_near(
    factor: float, error: float
) -> None:
    """A symmetric walk between 0 and 10 from 2: the claim at x is x/10, whoever moves the target on at 6."""
    dice = np.random.default_rng(3)
    valuations, changes, trades = [], [], []
    for number in range(1, 4_001):
        place, hours = 2, 1.0
        valuations.append(valued(hours, factor * place / 10, number, NOON + 10_000 * HOUR))
        while 0 < place < 6:
            place, hours = place + (1 if dice.random() < 0.5 else -1), hours + 1
        if place == 6:
            changes.append(changed(hours, 0.6, trade_id=number))
        trades.append(closed(hours + 1, CloseReason.STOP, number))
    found = of_target(valuations, changes, *trades)
    assert calibration_error(reliability(found.claimed, found.came)) == pytest.approx(error, abs=0.01)
