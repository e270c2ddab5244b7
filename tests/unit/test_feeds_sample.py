"""The recorded sample: found in the other package's files, and absent without a fuss."""

from __future__ import annotations

import sys
from importlib.metadata import PackageNotFoundError

import pytest

from feeds import sample
from trading.market import iso


def test_the_sample_is_five_thousand_hours_of_eurusd_in_utc() -> None:
    bars = sample.sample_bars()
    if bars is None:
        pytest.skip("the extra `sample` is not installed")

    assert (bars.commodity, bars.bar_seconds, len(bars)) == ("EURUSD", 3600, 5_000)
    assert iso(int(bars.time[0])) == "2017-04-19T09:00:00Z"
    assert (bars.open[0], bars.close[0]) == (1.0716, 1.07219)


def test_finding_it_imports_nothing_of_the_package() -> None:
    sample.sample_bars()

    assert sample.PACKAGE not in sys.modules


def test_without_the_extra_there_is_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    def absent(name: str) -> None:
        raise PackageNotFoundError(name)

    monkeypatch.setattr(sample, "files", absent)

    assert sample.sample_bars() is None


def test_a_package_without_a_list_of_files_has_no_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sample, "files", lambda name: None)

    assert sample.sample_bars() is None
