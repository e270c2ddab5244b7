"""How many real hours pass the thresholds: the rates for which the pillars were chosen.

They are of the thresholds alone: any strategy that is eligible, each with its profile's threshold and no more.
Runs where the recorded prices are, and is skipped elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from trading.bars import BarSeries, check_bars
from trading.opinion import Opinion, Outlook, judge
from trading.settings_strategies import PROFILES, Profile, Thresholds, default_strategies

FOLDER = Path(os.environ.get("WATCHBILL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
FILE = FOLDER / "EURUSD_H1_oanda_bidask_utc.parquet"
ONE_IN = 5  # hours: prime to the 24 of a day, so that every hour of the day has its share


def recorded_hours() -> BarSeries:
    """The recorded EURUSD hours at mid prices."""
    parquet = pytest.importorskip("pyarrow.parquet", reason="reading the recorded prices needs pyarrow")
    table = parquet.read_table(FILE)
    column = {name: table[name].to_numpy() for name in table.column_names}
    mid = {price: (column["b" + price] + column["a" + price]) / 2 for price in "ohlc"}
    return check_bars(
        BarSeries(
            commodity="EURUSD",
            bar_seconds=3600,
            time=column["time"].astype("datetime64[ms]").astype(np.int64),
            open=mid["o"],
            high=mid["h"],
            low=mid["l"],
            close=mid["c"],
            spread=column["ac"] - column["bc"],
        ),
        source=FILE.name,
    )


@pytest.mark.skipif(not FILE.exists(), reason=f"the recorded prices are not here: {FILE.name}")
def test_the_share_of_real_hours_that_pass_is_what_was_measured() -> None:
    bars = recorded_hours()
    outlook, profiles = Outlook(bars), Thresholds()
    passed: dict[Profile, set[int]] = {profile: set() for profile in PROFILES}
    hours = 0
    for index in range(0, len(bars), ONE_IN):
        opinion = judge(outlook, index, strategies=default_strategies(), thresholds=profiles.standard)
        if not isinstance(opinion, Opinion):
            continue
        hours += 1
        reached = max((each.confidence for each in opinion.candidates if not each.vetoes), default=0.0)
        for profile in PROFILES:
            if reached >= profiles.of(profile).of(opinion.regime):
                passed[profile].add(index)
    percent = {profile: 100 * len(hits) / hours for profile, hits in passed.items()}
    assert hours > 70_000 / ONE_IN
    assert percent["standard"] == pytest.approx(7.0, abs=0.3)
    assert 2.4 <= percent["conservative"] <= 2.9
    assert 15 <= percent["aggressive"] <= 17
    assert passed["conservative"] <= passed["standard"] <= passed["aggressive"]
