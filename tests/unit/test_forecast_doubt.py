"""How sure a forecast may be of itself."""

from __future__ import annotations

import numpy as np
import pytest

from trading.forecast_doubt import LEAST, ForecastDoubt
from trading.probability import VARIANCE_UNCERTAINTY


def after(moves: list[float]) -> float:
    """The uncertainty after these days' standardised moves."""
    doubt = ForecastDoubt()
    for move in moves:
        doubt.observe(move)
    return doubt.uncertainty


def normal(days: int, uncertainty: float) -> list[float]:
    """Moves of days whose variance is lognormal about its forecast."""
    rng = np.random.default_rng(7)
    deviation = np.exp(rng.normal(0, uncertainty, days) / 2 - uncertainty**2 / 4)
    return [float(move) for move in deviation * rng.standard_normal(days)]


def test_before_any_day_it_is_the_usual_value() -> None:
    assert ForecastDoubt().uncertainty == VARIANCE_UNCERTAINTY


def test_days_as_usual_leave_it_about_where_it_is() -> None:
    assert after(normal(3_000, VARIANCE_UNCERTAINTY)) == pytest.approx(VARIANCE_UNCERTAINTY, abs=0.15)


def test_days_of_a_known_variance_make_it_small() -> None:
    assert after(normal(3_000, 0.0)) < 0.5


def test_restless_days_do_not_make_it_larger_than_usual() -> None:
    assert after(normal(3_000, 1.5)) == VARIANCE_UNCERTAINTY
    assert after([0.1, 60.0, 1e300]) == VARIANCE_UNCERTAINTY


def test_moves_all_alike_make_it_as_small_as_it_gets() -> None:
    assert after([1.0, -1.0] * 1_000) == LEAST


def test_days_without_a_move_are_borne() -> None:
    assert LEAST <= after([0.0] * 5_000) <= VARIANCE_UNCERTAINTY


def test_the_level_of_the_forecast_does_not_matter_in_the_long_run() -> None:
    moves = normal(5_000, 0.4)
    assert after([2 * move for move in moves]) == pytest.approx(after(moves), abs=0.2)
