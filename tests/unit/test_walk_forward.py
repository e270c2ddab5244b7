"""The measurement itself is measured: where the model is the truth it finds none at fault, and it finds every fault."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import fields, replace

import numpy as np
import pytest
from made_brownian import Known, brownian, times_of

from trading.bars import BarSeries
from trading.calibration import Score, score
from trading.settings_strategies import default_strategies
from trading.volatility import VolatilityForecast
from trading.walk_forward import Forecasts, ForecastsByBar, walk_forward

WANTED = 12_000


@pytest.fixture(scope="module")
def bars() -> BarSeries:
    return brownian(8_000, seed=3)


def forecasts_of(bars: BarSeries, path_of: Callable[[BarSeries], ForecastsByBar], *, wanted: int = WANTED) -> Forecasts:
    return walk_forward(bars, bars.spread, times_of(bars), default_strategies(), wanted=wanted, seed=1, path_of=path_of)


def scores(found: Forecasts) -> dict[str, Score]:
    aimed = found.where(found.has_target)
    return {
        "target": score(aimed.claimed_target, aimed.target),
        "stop": score(found.claimed_stop, found.stop),
        "profit": score(found.claimed_profit, found.profit),
    }


@pytest.mark.parametrize("claim", ["target", "stop", "profit"])
def test_on_brownian_bars_of_a_known_variance_the_claims_are_true(bars: BarSeries, claim: str) -> None:
    found = scores(forecasts_of(bars, Known))[claim]
    assert found.calibration_error is not None
    assert found.brier_skill is not None
    assert found.calibration_error < 0.012
    assert found.brier_skill > 0.2


@pytest.mark.parametrize("factor", [0.5, 2.0])
def test_a_variance_that_is_wrong_is_found_out(bars: BarSeries, factor: float) -> None:
    found = scores(forecasts_of(bars, lambda series: Known(series, factor)))
    for claim in ("target", "stop"):
        error, bias = found[claim].calibration_error, found[claim].bias
        assert error is not None
        assert bias is not None
        assert error > 0.02
        assert np.sign(bias) == np.sign(factor - 1)


class Prophet(Known):
    """A path of forecasts that has seen the moves of the next day."""

    def at(self, index: int) -> VolatilityForecast | None:
        known = super().at(index)
        if known is None:
            return None
        moves = np.diff(np.log(self._bars.close[index : index + 24]))
        return replace(known, hourly_variance=float(np.mean(moves**2)) if len(moves) else known.hourly_variance)


def earlier_claims_that_change(bars: BarSeries, path_of: Callable[[BarSeries], ForecastsByBar], known: int) -> int:
    """How many claims of bars up to ``known`` change when all that comes after it does."""
    after = np.arange(len(bars)) > known
    names = ("open", "high", "low", "close")
    later = brownian(len(bars), seed=77)
    other = replace(bars, **{name: np.where(after, getattr(later, name), getattr(bars, name)) for name in names})
    first, second = (forecasts_of(each, path_of, wanted=3_000) for each in (bars, other))
    first, second = (each.where(each.judged_at <= bars.end(known)) for each in (first, second))
    compared = min(len(first), len(second))
    assert compared > 300
    changed = np.zeros(compared, dtype=np.bool_)
    for field in fields(Forecasts):
        if field.name not in ("target", "stop", "profit"):  # what happened lies ahead, and may change
            changed |= getattr(first, field.name)[:compared] != getattr(second, field.name)[:compared]
    return int(changed.sum())


def test_no_claim_depends_on_what_comes_after_it(bars: BarSeries) -> None:
    short = bars.window(0, 3_000)
    assert earlier_claims_that_change(short, Known, known=1_500) == 0


def test_a_forecast_that_looks_ahead_is_found_out(bars: BarSeries) -> None:
    short = bars.window(0, 3_000)
    assert earlier_claims_that_change(short, Prophet, known=1_500) > 0


def test_what_is_claimed_is_a_share_of_one(bars: BarSeries) -> None:
    found = forecasts_of(bars.window(0, 3_000), Known)
    for claimed in (found.claimed_target, found.claimed_stop, found.claimed_profit):
        assert np.all((claimed >= 0) & (claimed <= 1))
    assert np.all(found.claimed_target + found.claimed_stop <= 1 + 1e-7)
    assert np.all(found.claimed_target[~found.has_target] == 0)
    assert not found.target[~found.has_target].any()
    assert not (found.target & found.stop).any()


def test_prices_that_have_no_logarithm_are_left_out() -> None:
    bars = brownian(2_000, seed=6)
    around_zero = {name: 40 * (getattr(bars, name) - 1) for name in ("open", "high", "low", "close")}
    fallen = replace(bars, **around_zero)
    assert fallen.low.min() < 0 < fallen.high.max()
    found = forecasts_of(fallen, Known)
    assert np.isfinite(found.seconds_left).all()
    assert np.all((found.claimed_profit >= 0) & (found.claimed_profit <= 1))


def test_a_target_of_a_sell_below_zero_is_out_of_reach() -> None:
    wild = brownian(1_500, seed=8, deviation=0.12)
    found = forecasts_of(wild, lambda bars: Known(bars, factor=14_400))
    beyond = found.has_target & np.isinf(found.reward_to_risk)
    assert beyond.sum() > 20
    assert np.all(found.sign[beyond] == -1)
    assert np.all(found.claimed_target[beyond] == 0)


def test_bars_of_a_quarter_of_an_hour_are_measured_too() -> None:
    found = scores(forecasts_of(brownian(16_000, seed=4, bar_seconds=900), lambda bars: Known(bars, warm_up=2_200)))
    assert found["profit"].calibration_error is not None
    assert found["profit"].calibration_error < 0.02
