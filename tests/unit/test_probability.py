"""What `chances` promises: fractions that sum to one, order, symmetry, the same for one trade and for many."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from trading.probability import FEW, NODES, Chances, chances, chances_many

FIELDS = ("target", "stop", "neither", "profit", "expected_return")
EXACT = 1e-12  # what the series leave out, and rounding

distances = st.one_of(st.floats(1e-7, 3.0), st.floats(1e-12, 1e12), st.just(math.inf))
ends_now = st.floats(-1.0, 0.0)
variances = st.one_of(st.floats(1e-8, 1.0), st.floats(0.0, 1e6))
drifts = st.one_of(st.just(0.0), st.floats(-0.5, 0.5), st.floats(-1e3, 1e3))
levels = st.one_of(st.floats(-0.05, 0.05), st.floats(-5.0, 5.0), st.just(math.inf), st.just(-math.inf))
uncertainties = st.sampled_from([0.0, 0.3, 0.7, 1.5])


def steady(to_target: float | None, to_stop: float, variance: float, to_breakeven: float = 0.0) -> Chances:
    """Of a known variance and without drift."""
    return chances(
        to_target=to_target, to_stop=to_stop, variance=variance, to_breakeven=to_breakeven, variance_uncertainty=0.0
    )


def tail(x: float) -> float:
    """The normal distribution's, above x."""
    return 0.5 * math.erfc(x / math.sqrt(2))


# ---------------------------------------------------------------- fractions


@given(st.one_of(distances, ends_now), st.one_of(distances, ends_now), variances, drifts, levels, uncertainties)
@example(1e-300, 1e-300, 1e-300, 0.0, 0.0, 0.7)
@example(1e-300, 3.0, 1e300, 1e300, 0.0, 0.7)
@example(math.inf, math.inf, 5e-324, 1.0, 0.0, 0.7)
@example(1e300, 1e300, 1.0, -1e300, 1e300, 0.7)
@example(1.0, 1.0, 1e300, 0.0, 0.0, 50.0)
def test_whatever_is_asked_the_fractions_are_fractions_and_sum_to_one(
    to_target: float, to_stop: float, variance: float, drift: float, to_breakeven: float, uncertainty: float
) -> None:
    said = chances(
        to_target=to_target,
        to_stop=to_stop,
        variance=variance,
        drift=drift,
        to_breakeven=to_breakeven,
        variance_uncertainty=uncertainty,
    )
    for fraction in (said.target, said.stop, said.neither, said.profit):
        assert 0.0 <= fraction <= 1.0
    assert said.target + said.stop + said.neither == pytest.approx(1.0, abs=1e-15)
    assert math.isfinite(said.expected_return)
    farthest = max(abs(drift), 1e-300)
    assert -min(max(to_stop, 0.0), 1e308) - farthest * 1e-9 <= said.expected_return
    assert said.expected_return <= min(max(to_target, 0.0), 1e308) + farthest * 1e-9


@given(distances, distances, variances, drifts, uncertainties)
def test_above_the_stop_is_all_that_was_not_stopped(
    to_target: float, to_stop: float, variance: float, drift: float, uncertainty: float
) -> None:
    # The two sides come from different series: this is the total probability, and not one by subtraction.
    said = chances(
        to_target=to_target,
        to_stop=to_stop,
        variance=variance,
        drift=drift,
        to_breakeven=-to_stop,
        variance_uncertainty=uncertainty,
    )
    if to_target > 2e-9 and variance > 0:
        assert said.profit + said.stop == pytest.approx(1.0, abs=1e-12)


@given(
    st.lists(st.tuples(distances, distances, variances, drifts, levels, uncertainties), min_size=1, max_size=40),
    st.booleans(),
)
def test_many_at_once_say_what_each_says_alone(
    rows: list[tuple[float, float, float, float, float, float]], without_drift: bool
) -> None:
    columns = np.array(rows).T
    if without_drift:
        columns[3] = 0.0
    times = FEW // len(rows) + 1  # more than few, or they would be answered one by one
    few, many = chances_many(*columns), chances_many(*np.tile(columns, times))
    assert len(few) == len(rows)
    for index, (to_target, to_stop, variance, drift, to_breakeven, uncertainty) in enumerate(columns.T.tolist()):
        one = chances(
            to_target=to_target,
            to_stop=to_stop,
            variance=variance,
            drift=drift,
            to_breakeven=to_breakeven,
            variance_uncertainty=uncertainty,
        )
        for name in FIELDS:
            unit = max(1.0, abs(drift)) if name == "expected_return" else 1.0
            expected = pytest.approx(getattr(one, name), abs=1e-10 * unit)
            assert getattr(few.at(index), name) == expected
            assert getattr(many.at(index), name) == expected


def test_more_rows_than_are_taken_at_a_time_come_in_their_order() -> None:
    to_target = np.linspace(0.001, 0.05, 2_345)
    many = chances_many(to_target, np.full(2_345, 0.01), np.full(2_345, 1e-4))
    assert (np.diff(many.target) < 0).all()
    assert many.at(2_000).target == pytest.approx(
        chances(to_target=float(to_target[2_000]), to_stop=0.01, variance=1e-4).target, abs=1e-12
    )


def test_one_number_serves_for_all_rows() -> None:
    many = chances_many(np.array([0.01, 0.02]), np.array([0.01, 0.01]), np.array([1e-4, 1e-4]), 0.001, 0.0005)
    said = chances(to_target=0.02, to_stop=0.01, variance=1e-4, drift=0.001, to_breakeven=0.0005)
    for name in FIELDS:
        assert getattr(many.at(1), name) == pytest.approx(getattr(said, name), abs=EXACT)


def test_no_rows_have_no_chances() -> None:
    nothing = np.empty(0)
    assert len(chances_many(nothing, nothing, nothing)) == 0


# ---------------------------------------------------------------- closed forms


@given(st.floats(0.001, 3.0), st.floats(0.001, 3.0), st.floats(-3.0, 3.0))
def test_given_all_the_time_it_is_the_gamblers_ruin(to_target: float, to_stop: float, pull: float) -> None:
    variance = 1e4 * (to_target + to_stop) ** 2
    drift = pull / (to_target + to_stop) * variance / 2
    said = chances(to_target=to_target, to_stop=to_stop, variance=variance, drift=drift, variance_uncertainty=0.0)
    slope = 2 * drift / variance
    if abs(pull) < 1e-6:
        expected = to_stop / (to_target + to_stop)
    else:
        expected = math.expm1(-slope * to_stop) / math.expm1(-slope * (to_target + to_stop))
    assert said.target == pytest.approx(expected, abs=2e-7 if abs(pull) < 1e-6 else EXACT)
    assert said.neither < 1e-12


@given(st.floats(0.001, 4.0), st.floats(0.05, 4.0))
def test_a_target_alone_is_reached_twice_as_often_as_the_price_ends_beyond_it(
    distance: float, deviation: float
) -> None:
    said = steady(distance, math.inf, deviation**2)
    assert said.target == pytest.approx(2 * tail(distance / deviation), abs=EXACT)
    assert said.stop == 0
    assert said.profit == pytest.approx(0.5 + tail(2 * distance / deviation), abs=EXACT)


@given(st.floats(0.001, 4.0), st.floats(-1.0, 1.0), st.floats(0.3, 4.0), st.floats(-4.0, 4.0))
def test_a_stop_alone_with_a_drift_has_its_closed_form(
    to_stop: float, place: float, deviation: float, drift: float
) -> None:
    level = place * to_stop + 1e-6
    said = chances(
        to_target=None,
        to_stop=to_stop,
        variance=deviation**2,
        drift=drift,
        to_breakeven=level,
        variance_uncertainty=0.0,
    )
    mirror = math.exp(min(-2 * drift * to_stop / deviation**2, 700.0))
    stopped = tail((to_stop + drift) / deviation) + mirror * tail((to_stop - drift) / deviation)
    alive = tail((level - drift) / deviation) - mirror * tail((level + 2 * to_stop - drift) / deviation)
    assert said.target == 0
    assert said.stop == pytest.approx(stopped, abs=1e-9)
    assert said.profit == pytest.approx(alive, abs=1e-9)


def test_with_neither_barrier_there_is_only_the_bell() -> None:
    said = chances(
        to_target=None, to_stop=math.inf, variance=0.04, drift=0.1, to_breakeven=0.2, variance_uncertainty=0.0
    )
    assert (said.target, said.stop, said.neither) == (0.0, 0.0, 1.0)
    assert said.profit == pytest.approx(tail(0.5), abs=EXACT)
    assert said.expected_return == pytest.approx(0.1, abs=EXACT)


@pytest.mark.parametrize(
    ("rate", "volatility", "strike", "lower", "upper", "published"),
    [
        (0.02, 0.2, 2.0, 1.5, 2.5, 0.0411),
        (0.05, 0.5, 2.0, 1.5, 3.0, 0.0178),
        (0.05, 0.5, 1.75, 1.0, 3.0, 0.0762),
    ],
)
def test_it_prices_the_double_knock_out_calls_that_are_published(
    rate: float, volatility: float, strike: float, lower: float, upper: float, published: float
) -> None:
    # H. Geman, M. Yor, "Pricing and hedging double-barrier options", Mathematical Finance 6 (1996): one year, price 2.
    # A call pays the integral, over prices above the strike, of the chance to end above each, neither barrier touched.
    price = 2.0
    first, last = math.log(strike / price), math.log(upper / price)
    places, weights = np.polynomial.legendre.leggauss(40)
    level = first + (last - first) * (places + 1) / 2
    said = chances_many(
        np.full(40, last),
        np.full(40, math.log(price / lower)),
        np.full(40, volatility**2),
        rate - volatility**2 / 2,
        level,
        0.0,
    )
    payoff = float(weights @ ((said.profit - said.target) * price * np.exp(level))) * (last - first) / 2
    assert math.exp(-rate) * payoff == pytest.approx(published, abs=7e-5)


# ---------------------------------------------------------------- symmetry, scale, order


@given(st.floats(0.001, 5.0), st.floats(0.001, 5.0), st.floats(0.01, 9.0), st.floats(-3.0, 3.0), st.floats(-0.9, 0.9))
def test_upside_down_the_target_is_the_stop(
    to_target: float, to_stop: float, variance: float, drift: float, place: float
) -> None:
    level = place * min(to_target, to_stop)
    said = chances(to_target=to_target, to_stop=to_stop, variance=variance, drift=drift, to_breakeven=level)
    mirrored = chances(to_target=to_stop, to_stop=to_target, variance=variance, drift=-drift, to_breakeven=-level)
    assert said.target == pytest.approx(mirrored.stop, abs=EXACT)
    assert said.profit == pytest.approx(1 - mirrored.profit, abs=EXACT)
    assert said.expected_return == pytest.approx(-mirrored.expected_return, abs=EXACT * 10)


@given(st.floats(0.01, 5.0), st.floats(0.01, 5.0), st.floats(0.01, 9.0), st.floats(-3.0, 3.0), st.floats(1e-4, 1e4))
def test_in_other_units_the_chances_are_the_same(
    to_target: float, to_stop: float, variance: float, drift: float, unit: float
) -> None:
    said = chances(to_target=to_target, to_stop=to_stop, variance=variance, drift=drift)
    other = chances(to_target=to_target * unit, to_stop=to_stop * unit, variance=variance * unit**2, drift=drift * unit)
    assert (other.target, other.stop) == pytest.approx((said.target, said.stop), abs=EXACT)
    assert other.expected_return == pytest.approx(said.expected_return * unit, abs=EXACT * 10 * unit)


@given(distances, distances, st.floats(1e-6, 10.0), st.floats(-2.0, 2.0), st.floats(1.001, 2.0), uncertainties)
def test_a_farther_target_is_reached_less_often_and_leaves_more_to_the_stop(
    to_target: float, to_stop: float, variance: float, drift: float, farther: float, uncertainty: float
) -> None:
    near, far = (
        chances(to_target=there, to_stop=to_stop, variance=variance, drift=drift, variance_uncertainty=uncertainty)
        for there in (to_target, to_target * farther)
    )
    assert far.target <= near.target + EXACT
    assert far.stop >= near.stop - EXACT


@given(distances, distances, st.floats(1e-6, 10.0), st.floats(-2.0, 2.0), st.floats(1.001, 2.0))
def test_a_farther_stop_is_reached_less_often_and_leaves_more_to_the_target(
    to_target: float, to_stop: float, variance: float, drift: float, farther: float
) -> None:
    near, far = (
        chances(to_target=to_target, to_stop=there, variance=variance, drift=drift)
        for there in (to_stop, to_stop * farther)
    )
    assert far.stop <= near.stop + EXACT
    assert far.target >= near.target - EXACT


@given(distances, distances, st.floats(1e-6, 10.0), st.floats(-2.0, 2.0), st.floats(1.001, 9.0), uncertainties)
def test_with_more_time_either_is_reached_more_often(
    to_target: float, to_stop: float, variance: float, drift: float, longer: float, uncertainty: float
) -> None:
    soon, later = (
        chances(
            to_target=to_target,
            to_stop=to_stop,
            variance=variance * time,
            drift=drift * time,
            variance_uncertainty=uncertainty,
        )
        for time in (1.0, longer)
    )
    assert later.target >= soon.target - EXACT
    assert later.stop >= soon.stop - EXACT


@given(st.floats(0.05, 4.0), st.floats(0.05, 4.0), st.floats(0.01, 9.0), st.floats(-2.0, 2.0))
def test_the_higher_the_break_even_the_rarer_the_profit(
    to_target: float, to_stop: float, variance: float, drift: float
) -> None:
    level = np.linspace(-to_stop - 0.1, to_target + 0.1, 60)
    same = np.ones(60)
    said = chances_many(same * to_target, same * to_stop, same * variance, drift, level)
    assert (np.diff(said.profit) <= EXACT).all()
    assert (said.profit[0], said.profit[-1]) == (1.0, 0.0)


# ---------------------------------------------------------------- the mean


@given(distances, distances, variances, levels, uncertainties)
def test_without_drift_nothing_is_expected(
    to_target: float, to_stop: float, variance: float, to_breakeven: float, uncertainty: float
) -> None:
    said = chances(
        to_target=to_target,
        to_stop=to_stop,
        variance=variance,
        to_breakeven=to_breakeven,
        variance_uncertainty=uncertainty,
    )
    assert said.expected_return == 0.0


@given(st.floats(0.05, 4.0), st.floats(0.05, 4.0), st.floats(0.4, 4.0), st.floats(-1.5, 1.5))
def test_the_expected_return_is_the_drift_for_as_long_as_the_trade_lives(
    to_target: float, to_stop: float, deviation: float, drift: float
) -> None:
    # Optional stopping: the mean of where it ends is the drift times the mean of how long it lasts, and that is the
    # integral over time of the chance that it has not ended. Neither is how the program finds it.
    places, weights = np.polynomial.legendre.leggauss(80)
    root = (places + 1) / 2  # time is its square: what happens at once is looked at closely
    time = root**2
    lives = chances_many(
        np.full(80, to_target), np.full(80, to_stop), deviation**2 * time, drift * time, 0.0, 0.0
    ).neither
    lasting = float(weights @ (lives * 2 * root)) / 2
    said = chances(to_target=to_target, to_stop=to_stop, variance=deviation**2, drift=drift, variance_uncertainty=0.0)
    assert said.expected_return == pytest.approx(drift * lasting, abs=1e-7)


@given(st.floats(0.05, 4.0), st.floats(0.05, 4.0), st.floats(0.4, 4.0), st.floats(-1.5, 1.5))
def test_the_expected_return_is_the_mean_of_where_the_trade_ends(
    to_target: float, to_stop: float, deviation: float, drift: float
) -> None:
    # The mean of a number is the integral of the chance to be above each level.
    places, weights = np.polynomial.legendre.leggauss(60)
    span = to_target + to_stop
    level = -to_stop + span * (places + 1) / 2
    same = np.ones(60)
    above = chances_many(same * to_target, same * to_stop, same * deviation**2, drift, level, 0.0).profit
    said = chances(to_target=to_target, to_stop=to_stop, variance=deviation**2, drift=drift, variance_uncertainty=0.0)
    assert said.expected_return == pytest.approx(-to_stop + float(weights @ above) * span / 2, abs=1e-7)


# ---------------------------------------------------------------- the uncertain variance


def test_the_nodes_give_the_moments_of_the_normal_distribution() -> None:
    moments = [sum(weight * place**power for place, weight in NODES) for power in range(10)]
    assert moments == pytest.approx([1, 0, 1, 0, 3, 0, 15, 0, 105, 0], abs=1e-12)


def test_an_uncertain_variance_is_the_mean_over_what_it_may_be() -> None:
    # By many equal slices of the lognormal distribution instead of five nodes.
    slices = 4_000
    normal = np.sort(np.random.default_rng(1).standard_normal(slices * 50)).reshape(slices, 50).mean(axis=1)
    variance = 1e-4 * np.exp(0.7 * normal - 0.245)
    known = chances_many(np.full(slices, 0.012), np.full(slices, 0.008), variance, 0.0, 0.001, 0.0)
    said = chances(to_target=0.012, to_stop=0.008, variance=1e-4, to_breakeven=0.001)
    for name in ("target", "stop", "neither", "profit"):
        assert getattr(said, name) == pytest.approx(getattr(known, name).mean(), abs=2e-3)
