"""What an audit says of a rule: its error bars, its verdict, and the rules that it compares."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from made_courses import Bar, a_trade_at, bars_at, course_of
from made_trades import NOON

from trading.audit import (
    BLOCK_DAYS,
    EXIT_RULES,
    LEAST_BLOCKS,
    RULES,
    Comparison,
    Differences,
    Entry,
    Finding,
    Verdict,
    differences_of,
    estimate,
    found,
    rules_on,
    with_rules,
)
from trading.market import DAY, HOUR
from trading.settings import Settings
from trading.settings_exits import LARGEST_DRIFT_SIGMAS
from trading.shadow import follow

WEEK = 7 * DAY
WEEKS = 60


def prices_of(hour: Bar, size: float) -> Bar:
    """Prices of an hour that is given in stop distances from the entry at 1.1."""
    opened, high, low, close = (1.1 + size * distance for distance in hour)
    return opened, high, low, close


def weekly(*hours: Bar) -> Finding:
    """What trailing has shown on a buy each Wednesday noon, whose hours go like this (times a size that varies).

    Each hour is its open, high, low and close, in stop distances from the entry.
    """
    times, prices, entries = [], [], []
    for week in range(WEEKS):
        at, size = NOON + week * WEEK, 0.01 * (1 + 0.1 * math.sin(week))
        flat: Bar = (1.1, 1.1, 1.1, 1.1)
        path = [flat, *[prices_of(hour, size) for hour in hours], flat]
        times += [at + (number - 1) * HOUR for number in range(len(path))]
        prices += path
        levels: dict[str, Any] = {"stop_distance": size, "stop_price": 1.1 - size, "trailing_distance": size}
        entries.append(Entry(a_trade_at(at, **levels, time_stop_at=at + len(hours) * HOUR), "analysis"))
    course, comparison = course_of(bars_at(times, prices)), Comparison.of("trailing")
    ends = []
    for entry in entries:
        pair = {
            rules: follow(entry.trade, course, with_rules(Settings(), rules), since=entry.trade.submitted_at)
            for rules in (comparison.rules, comparison.shadow)
        }
        ends.append({rules: end for rules, end in pair.items() if end is not None})
    return found(differences_of(comparison, entries, ends))


def test_a_rule_that_always_hurts_is_reported_for_switching_off() -> None:
    """Each trade falls back by a little more than the trailing distance, and then wins."""
    seen = weekly((0, 1.2, 0, 1.2), (1.2, 1.2, 0.1, 0.1), (0.1, 4, 0.1, 4))
    assert (seen.trades, seen.touched) == (WEEKS, WEEKS)
    assert seen.gain.mean < -3
    assert seen.verdict is Verdict.COSTS


def test_a_rule_that_always_helps_is_not() -> None:
    """Each trade gains three distances, and loses all of it."""
    seen = weekly((0, 3, 0, 3), (3, 3, -2, -2))
    assert seen.gain.mean == pytest.approx(3 / 1.1, rel=0.02), "a daily volatility is 1.1 stop distances"
    assert (seen.profit.mean, seen.profit.t) == (1.0, math.inf)
    assert seen.verdict is Verdict.PAYS


def test_a_rule_that_never_speaks_is_silent_and_differs_by_exactly_nothing() -> None:
    seen = weekly((0, 0.05, -0.05, 0))
    assert (seen.touched, seen.gain.mean, seen.gain.standard_error, seen.held_seconds) == (0, 0.0, 0.0, 0.0)
    assert seen.verdict is Verdict.SILENT


def made(gain: np.ndarray, profit: np.ndarray | None = None, days_apart: float = 7.0) -> Differences:
    """Differences of trades that were entered one after another."""
    count = len(gain)
    return Differences(
        entered_at=(np.arange(count) * days_apart * DAY).astype(np.int64),
        gain=gain,
        profit=np.zeros(count) if profit is None else profit,
        held_seconds=np.zeros(count),
        touched=np.ones(count, dtype=np.bool_),
    )


def test_a_rule_that_only_makes_more_trades_profitable_is_not_said_to_pay() -> None:
    """A target a tenth of a sigma away would."""
    noise = np.random.default_rng(1).normal(0.0, 1.0, 400)
    flat = 0.01 * (noise - noise.mean())
    assert found(made(flat)).verdict is Verdict.UNPROVEN
    assert found(made(flat, np.where(np.arange(400) % 7 == 0, 1.0, 0.0))).verdict is Verdict.LIKELIER
    doubtful = found(made(100 * flat, np.where(np.arange(400) % 7 == 0, 1.0, 0.0)))
    assert doubtful.verdict is Verdict.UNPROVEN, "it may well cost more than a profit's likelihood is worth"
    assert found(made(flat + 0.3)).verdict is Verdict.PAYS
    assert found(made(flat - 0.3, np.where(np.arange(400) % 7 == 0, 1.0, 0.0))).verdict is Verdict.COSTS


def test_little_data_is_said_to_be_little() -> None:
    enough = LEAST_BLOCKS * BLOCK_DAYS
    assert found(made(np.full(200, -1.0), days_apart=enough / 400)).verdict is Verdict.FEW, "too few blocks"
    assert found(made(np.full(20, -1.0), days_apart=28)).verdict is Verdict.FEW, "too few trades"
    assert found(made(np.full(200, -1.0))).verdict is Verdict.COSTS


def test_the_standard_error_of_independent_values_is_the_usual_one() -> None:
    values = np.random.default_rng(2).normal(0.3, 2.0, 500)
    each = estimate(values, np.arange(500))
    assert each.mean == pytest.approx(values.mean())
    assert each.standard_error == pytest.approx(values.std(ddof=1) / math.sqrt(500))
    assert each.t == pytest.approx(each.mean / each.standard_error)


def test_the_standard_error_of_values_that_hang_together_is_that_of_their_distribution() -> None:
    """Of 60 clusters of 8, each with a part in common, the mean's deviation is known; drawn 400 times."""
    clusters, size, drawn = 60, 8, 400
    rng = np.random.default_rng(3)
    cluster = np.repeat(np.arange(clusters), size)
    estimates = []
    for _ in range(drawn):
        common, own = rng.normal(0.0, 1.0, clusters), rng.normal(0.0, 1.5, clusters * size)
        estimates.append(estimate(common[cluster] + own, cluster))
    true_error = math.sqrt((1.0 + 1.5**2 / size) / clusters)
    assert np.mean([each.standard_error for each in estimates]) == pytest.approx(true_error, rel=0.03)
    beyond = np.mean([abs(each.t) > 2.0 for each in estimates])
    assert 0.02 < beyond < 0.09, "about one in twenty is two errors off by chance alone"
    naive = np.mean([math.sqrt((1.0 + 1.5**2) / (clusters * size)) for _ in estimates])
    assert true_error > 1.7 * naive, "counting trades instead of clusters would be far too sure"


def test_one_block_has_a_mean_and_no_error() -> None:
    seen = found(made(np.array([1.0, 2.0]), days_apart=1))
    assert (seen.blocks, seen.gain.mean) == (1, 1.5)
    assert math.isnan(seen.gain.standard_error)
    assert math.isnan(found(made(np.zeros(0))).gain.mean)


def test_each_rule_can_be_had_alone() -> None:
    for rule in RULES:
        assert rules_on(with_rules(Settings(), frozenset({rule}))) == {rule}
    assert rules_on(with_rules(Settings(), frozenset())) == set()
    assert set(RULES) == {*EXIT_RULES, "opposite_signal"}


def test_a_rule_that_is_silent_without_a_drift_is_given_the_most_that_may_be_believed() -> None:
    alone = with_rules(Settings(), frozenset({"adverse_drift"}))
    assert alone.exits.drift_sigmas == LARGEST_DRIFT_SIGMAS
    assert with_rules(Settings(), frozenset({"rescale"})).exits.drift_sigmas == 0.0
    shown = Settings.model_validate({"exits": {"drift_sigmas": 0.05}})
    assert with_rules(shown, frozenset({"adverse_drift"})).exits.drift_sigmas == 0.05


def test_a_switch_of_strategy_is_compared_where_stops_trail_on_both_sides() -> None:
    switch = Comparison.of("regime_switch")
    assert switch.rules == {"regime_switch", "trailing"}
    assert switch.shadow == {"trailing"}
    assert Comparison.of("trailing").shadow == frozenset()
