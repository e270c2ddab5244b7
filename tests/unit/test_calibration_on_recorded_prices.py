"""The probabilities on real prices: how far from the truth they may be, series by series.

Runs where the recorded prices are (WATCHBILL_DATA), and is skipped elsewhere.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from made_ledger_file import configuration_of

from console.arguments import Calibration
from console.calibration import recorded_data

FOLDER = Path(os.environ.get("WATCHBILL_DATA", Path(__file__).resolve().parents[3] / "shared" / "data"))
FILES = tuple(sorted(FOLDER.glob("*_H1_*.parquet")))
POSITIONS = 10_000  # on each series

pytestmark = pytest.mark.skipif(not FILES, reason="the recorded prices are not here: *_H1_*.parquet")


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The figures of all series, from one run."""
    pytest.importorskip("pyarrow.parquet", reason="reading the recorded prices needs pyarrow")
    configuration = configuration_of(tmp_path_factory.mktemp("calibration"))
    return recorded_data(Calibration(data=FILES, positions=POSITIONS), configuration)


def test_all_together_are_within_a_point(data: dict[str, Any]) -> None:
    assert data["positions"] >= 7_500 * len(FILES)
    assert data["calibration_error"] <= 0.01
    assert data["calibration_error_profit"] <= 0.01


def test_each_series_is_within_two_points(data: dict[str, Any]) -> None:
    for name, row in data["by_series"].items():
        assert row["positions"] >= 7_500, name
        for claim in ("target", "stop", "profit"):
            assert row[claim]["calibration_error"] <= 0.02, (name, claim)


def test_they_tell_the_likely_from_the_unlikely(data: dict[str, Any]) -> None:
    assert data["brier_skill"] >= 0.30
    assert data["brier_skill_profit"] >= 0.22


def test_no_stretch_of_time_left_or_of_reward_to_risk_hides_a_bias(data: dict[str, Any]) -> None:
    for cut in ("by_seconds_left", "by_reward_to_risk"):
        assert len(data[cut]) == 5
        for row in data[cut]:
            for claim in ("target", "profit"):
                assert abs(row[claim]["bias"]) <= 0.02, (cut, row["from"], claim)
