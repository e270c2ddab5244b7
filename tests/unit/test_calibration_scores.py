"""The scores of probabilities: what they must be where it is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from trading.bars import Floats
from trading.calibration import (
    Flags,
    brier_score,
    brier_skill,
    calibration_error,
    murphy,
    quantile_groups,
    reliability,
    score,
    wilson_interval,
)
from trading.draws import splitmix64, uniforms

probabilities = arrays(np.float64, st.integers(1, 60), elements=st.floats(0, 1))


def happening(claimed: Floats, seed: int = 1) -> Flags:
    """Outcomes for which these claims are true."""
    return uniforms(seed, 9, len(claimed)) < claimed


def test_claims_that_are_true_have_hardly_any_calibration_error() -> None:
    claimed = uniforms(0, 0, 200_000)
    assert score(claimed, happening(claimed)).calibration_error == pytest.approx(0, abs=0.005)


def test_claims_that_are_ten_points_too_high_have_an_error_of_ten_points() -> None:
    claimed = 0.1 + 0.9 * uniforms(0, 0, 200_000)
    found = score(claimed, happening(claimed - 0.1))
    assert found.calibration_error == pytest.approx(0.1, abs=0.005)
    assert found.bias == pytest.approx(0.1, abs=0.005)


def test_the_base_rate_alone_is_calibrated_and_has_no_skill() -> None:
    happened = np.arange(1_000) < 300
    found = score(np.full(1_000, 0.3), happened)
    assert found.calibration_error == pytest.approx(0)
    assert found.brier_skill == pytest.approx(0)


def test_knowing_the_future_has_all_the_skill_there_is() -> None:
    happened = np.arange(10) % 3 == 0
    assert brier_skill(happened.astype(np.float64), happened) == pytest.approx(1)


def test_skill_has_no_meaning_where_everything_happened() -> None:
    assert brier_skill(np.array([0.9, 0.8]), np.array([True, True])) is None


def test_no_claims_have_no_score() -> None:
    found = score(np.zeros(0), np.zeros(0, dtype=np.bool_))
    assert (found.count, found.calibration_error, found.brier_skill, found.bias) == (0, None, None, None)


def test_the_brier_score_of_the_definition() -> None:
    # (0.7 - 1)^2, (0.3 - 0)^2 and (0.9 - 0)^2
    assert brier_score(np.array([0.7, 0.3, 0.9]), np.array([True, False, False])) == pytest.approx(0.99 / 3)


@given(probabilities, st.integers(1, 25))
def test_every_claim_is_in_one_bin_that_spans_it(claimed: Floats, bins: int) -> None:
    found = reliability(claimed, happening(claimed), bins)
    assert sum(each.count for each in found) == len(claimed)
    assert all(each.low - 1e-12 <= each.claimed <= each.high + 1e-12 for each in found)
    assert all(each.interval.low <= each.happened <= each.interval.high for each in found)


@given(probabilities)
def test_the_parts_of_murphy_add_up_to_the_brier_score_of_the_bins_means(claimed: Floats) -> None:
    happened = happening(claimed)
    bins = reliability(claimed, happened)
    place = {each.low: each.claimed for each in bins}
    means = np.array([place[min(int(value * 20), 19) / 20] for value in claimed])
    parts = murphy(bins)
    assert parts.reliability - parts.resolution + parts.uncertainty == pytest.approx(brier_score(means, happened))


@given(probabilities)
def test_no_score_leaves_its_range(claimed: Floats) -> None:
    found = score(claimed, happening(claimed))
    assert found.calibration_error is not None
    assert found.brier is not None
    assert 0 <= found.calibration_error <= 1
    assert 0 <= found.brier <= 1


def test_the_interval_of_wilson_is_the_published_one() -> None:
    # R. G. Newcombe, Statistics in Medicine 17 (1998), table I, method 3.
    for happened, count, low, high in ((81, 263, 0.2553, 0.3662), (15, 148, 0.0624, 0.1605), (0, 20, 0, 0.1611)):
        interval = wilson_interval(happened, count)
        assert (interval.low, interval.high) == pytest.approx((low, high), abs=5e-5)


@pytest.mark.parametrize(("happened", "count"), [(0, 0), (3, 2), (-1, 4)])
def test_shares_that_cannot_be_are_refused(happened: int, count: int) -> None:
    with pytest.raises(ValueError, match=f"{happened} of {count} happened"):
        wilson_interval(happened, count)


def test_a_claim_that_is_no_probability_is_named() -> None:
    with pytest.raises(ValueError, match=r"claim 1 is 1\.5; expected a probability"):
        reliability(np.array([0.5, 1.5]), np.array([True, False]))
    with pytest.raises(ValueError, match="claim 0 is nan"):
        reliability(np.array([np.nan]), np.array([True]))


def test_groups_are_of_equal_size_and_in_order() -> None:
    groups = quantile_groups(np.arange(100, dtype=np.float64), 5)
    assert [(low, high, int(inside.sum())) for low, high, inside in groups] == [
        (0, 19, 20),
        (20, 39, 20),
        (40, 59, 20),
        (60, 79, 20),
        (80, 99, 20),
    ]


@given(arrays(np.float64, st.integers(0, 50), elements=st.integers(0, 4)), st.integers(1, 6))
def test_equal_values_stay_in_one_group(values: Floats, wanted: int) -> None:
    groups = quantile_groups(values, wanted)
    assert sum(int(inside.sum()) for _, _, inside in groups) == len(values)
    for (_, high, _), (low, _, _) in pairwise(groups):
        assert high < low


def test_the_calibration_error_weighs_bins_by_their_counts() -> None:
    bins = reliability(np.array([0.1, 0.1, 0.1, 0.9]), np.array([False, False, False, False]))
    assert calibration_error(bins) == pytest.approx((3 * 0.1 + 0.9) / 4)


# ---------------------------------------------------------------- draws


def test_the_generator_is_the_published_one() -> None:
    assert [int(word) for word in splitmix64(0, 3)] == [0xE220A8397B1DCDAF, 0x6E789E6AA1B965F4, 0x06C45D188009454F]


def test_draws_look_drawn_and_differ_by_seed_and_stream() -> None:
    draws = [uniforms(seed, stream, 20_000) for seed in (0, 1) for stream in (0, 1)]
    for each in draws:
        assert np.all((each >= 0) & (each < 1))
        assert each.mean() == pytest.approx(0.5, abs=0.01)
    together = np.corrcoef(np.stack(draws))
    assert np.abs(together - np.eye(4)).max() < 0.03


@given(st.integers(-(2**70), 2**70), st.integers(0, 99), st.integers(0, 30))
def test_a_longer_draw_begins_as_a_shorter_one(seed: int, stream: int, count: int) -> None:
    assert uniforms(seed, stream, count + 5)[:count].tolist() == uniforms(seed, stream, count).tolist()
