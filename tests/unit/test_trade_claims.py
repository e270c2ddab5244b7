"""Claims about live trades: a trade is counted once, however often it was valued."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trading.bootstrap import Bootstrapped, bootstrapped
from trading.draws import uniforms
from trading.trade_claims import FEW_TRADES, TradeClaims, live_figure, live_figures


def claims(*rows: tuple[float, bool, int]) -> TradeClaims:
    """Claims of (probability, whether it happened, trade)."""
    columns = list(zip(*rows, strict=True)) if rows else [(), (), ()]
    return TradeClaims(
        np.array(columns[0], dtype=np.float64),
        np.array(columns[1], dtype=np.bool_),
        np.array(columns[2], dtype=np.int64),
        np.full(len(rows), "day"),
    )


def intervals(made: TradeClaims, seed: int = 0) -> Bootstrapped:
    """By drawing the trades again."""
    return bootstrapped(made.claimed, made.happened, made.trade, seed=seed)


def many(trades: int, each: int, *, too_high: float = 0.0, seed: int = 0) -> TradeClaims:
    """Trades that are valued ``each`` times about their own probability, which is ``too_high`` above the true one."""
    truth = 0.2 + 0.6 * uniforms(seed, 1, trades)
    happened = uniforms(seed, 2, trades) < truth
    wobble = 0.02 * (uniforms(seed, 3, trades * each) - 0.5)
    return TradeClaims(
        claimed=np.repeat(truth, each) + wobble + too_high,
        happened=np.repeat(happened, each),
        trade=np.repeat(np.arange(trades), each),
        strategy=np.full(trades * each, "day"),
    )


def test_a_trade_counts_once_in_a_band_however_often_it_was_valued() -> None:
    figure = live_figure(0.65, claims((0.62, True, 1), (0.66, True, 1), (0.61, False, 2), (0.72, True, 3)))
    assert figure is not None
    assert (figure.low, figure.high, figure.trades, figure.happened) == (0.6, 0.7, 2, 1)
    assert figure.interval.low < figure.share < figure.interval.high


def test_a_band_in_which_nothing_was_claimed_has_no_figure() -> None:
    assert live_figure(0.15, claims((0.62, True, 1))) is None
    assert live_figure(0.15, claims()) is None


@pytest.mark.parametrize(("probability", "band"), [(0.0, 0.0), (0.1, 0.1), (0.0999, 0.0), (0.99, 0.9), (1.0, 0.9)])
def test_the_bands_cover_every_probability(probability: float, band: float) -> None:
    figure = live_figure(probability, claims((probability, True, 1)))
    assert figure is not None
    assert figure.low == pytest.approx(band)


@pytest.mark.parametrize("probability", [-0.1, 1.1, float("nan")])
def test_what_is_no_probability_is_refused(probability: float) -> None:
    with pytest.raises(ValueError, match="probability is"):
        live_figure(probability, claims())


@given(st.lists(st.tuples(st.floats(0, 1), st.booleans(), st.integers(1, 6)), max_size=40))
def test_every_claim_is_in_one_figure(rows: list[tuple[float, bool, int]]) -> None:
    made = claims(*rows)
    figures = live_figures(made)
    assert sum(figure.trades for figure in figures) <= len(made)
    assert (len(figures) > 0) == (len(made) > 0)
    assert all(figure.happened <= figure.trades for figure in figures)


def test_the_intervals_hold_what_is_true() -> None:
    found = intervals(many(400, 10))
    assert found.happened is not None
    assert found.brier_skill is not None
    assert found.happened.low < 0.5 < found.happened.high
    assert found.brier_skill.low > 0


def test_valuing_the_same_trades_more_often_makes_nothing_surer() -> None:
    once, often = intervals(many(200, 1)), intervals(many(200, 50))
    assert once.happened is not None
    assert often.happened is not None
    assert often.happened.high - often.happened.low == pytest.approx(once.happened.high - once.happened.low, rel=0.1)


def test_claims_that_are_far_too_high_are_found_out() -> None:
    found = intervals(many(400, 5, too_high=0.19))
    assert found.calibration_error is not None
    assert found.calibration_error.low > 0.1


def test_one_trade_has_no_interval() -> None:
    found = intervals(claims((0.5, True, 1), (0.6, True, 1)))
    assert (found.happened, found.calibration_error, found.brier, found.brier_skill) == (None, None, None, None)
    assert intervals(claims()) == found


def test_where_all_happened_there_is_no_skill_to_have() -> None:
    assert intervals(claims((0.5, True, 1), (0.6, True, 2))).brier_skill is None


def test_the_same_seed_gives_the_same_intervals() -> None:
    made = many(40, 3)
    assert intervals(made, seed=7) == intervals(made, seed=7)
    assert intervals(made, seed=7) != intervals(made, seed=8)
    assert made.trades == 40 > FEW_TRADES
