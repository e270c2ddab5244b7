"""Which files `--data` names, how the accounts of the settings take to them, and what the calendar finds in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from console.configuration import Configuration, load
from console.data_sources import HowToRead, files_named, found_in_trading_times
from console.errors import CommandError
from console.recorded import Recording, files_recording, in_trading_times, settings_for
from feeds.catalogue import read_catalogue
from feeds.spreads import spread_model
from feeds.synthetic import synthetic_bars
from trading.bars import BarSeries
from trading.calendars import build
from trading.market import DAY, HOUR, iso

PLAIN = HowToRead({}, {})
MONDAY = 1_704_672_000_000  # 8 January 2024


@pytest.fixture
def configuration() -> Configuration:
    return load(None, {})


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A directory of bars in several files."""
    for name in ("EURUSD_H1.csv", "gbp_usd.csv", "USDRUB.csv", "notes.txt", "hours.csv"):
        rows = [f"{iso(MONDAY + n * HOUR)},1.1,1.2,1.0,1.1" for n in range(24)]
        (tmp_path / name).write_text("\n".join(["time,open,high,low,close", *rows]) + "\n")
    return tmp_path


def recording_of(*names: str) -> Recording:
    base = synthetic_bars(1)
    series = {}
    for name in names:
        columns = {field: getattr(base, field) for field in ("time", "open", "high", "low", "close", "spread")}
        series[name] = BarSeries(commodity=name, bar_seconds=base.bar_seconds, **columns)
    return Recording(series, "made bars")


def test_files_are_known_by_their_names_or_by_what_is_given(folder: Path, configuration: Configuration) -> None:
    named, remarks = files_named([str(folder / "EURUSD_H1.csv"), f"gbpusd={folder / 'hours.csv'}"], None, configuration)
    assert named == {"EURUSD": folder / "EURUSD_H1.csv", "GBPUSD": folder / "hours.csv"}
    assert remarks == []


def test_a_directory_gives_what_its_files_are_named_after_and_says_what_is_left_out(
    folder: Path, configuration: Configuration
) -> None:
    named, remarks = files_named([str(folder)], None, configuration)
    assert named == {"EURUSD": folder / "EURUSD_H1.csv", "GBPUSD": folder / "gbp_usd.csv"}
    assert len(remarks) == 2
    assert any("USDRUB" in remark for remark in remarks)
    assert any("hours.csv" in remark for remark in remarks)


def test_what_names_no_one_file_a_commodity_is_refused(folder: Path, configuration: Configuration) -> None:
    def refusal(*words: str, commodity: str | None = None) -> str:
        with pytest.raises(CommandError) as caught:
            files_named([*words], commodity, configuration)
        return str(caught.value)

    eurusd, hours = str(folder / "EURUSD_H1.csv"), folder / "hours.csv"
    assert "EURUSD_H1.csv and hours.csv are both of EURUSD; expected one file" in refusal(eurusd, f"EURUSD={hours}")
    assert "names USDRUB, which is not a commodity" in refusal(str(folder / "USDRUB.csv"))
    assert "is a directory; expected a file for one commodity" in refusal(str(folder), commodity="EURUSD")
    (folder / "empty").mkdir()
    assert "has no .csv or .parquet file" in refusal(str(folder / "empty"))


def test_each_commodity_may_have_its_own_clock_and_spread(folder: Path, configuration: Configuration) -> None:
    lines = ["time,open,high,low,close", *(f"2024-01-08 {n:02d}:00,1.1,1.2,1.0,1.1" for n in range(24))]
    (folder / "gbp_usd.csv").write_text("\n".join(lines) + "\n")
    files = {"EURUSD": folder / "EURUSD_H1.csv", "GBPUSD": folder / "gbp_usd.csv"}
    how = HowToRead({"GBPUSD": "UTC+2"}, {"": spread_model("7"), "GBPUSD": spread_model("21")})
    recording = files_recording(files, how, configuration)

    assert {name: int(series.time[0]) for name, series in recording.series.items()} == {
        "EURUSD": MONDAY,
        "GBPUSD": MONDAY - 2 * HOUR,
    }
    assert {name: series.spread[0] for name, series in recording.series.items()} == pytest.approx(
        {"EURUSD": 0.00007, "GBPUSD": 0.00021}
    )
    assert [(source.commodity, source.clock, source.spread) for source in recording.sources] == [
        ("EURUSD", "as the times say themselves", "7 points"),
        ("GBPUSD", "UTC+2", "21 points"),
    ]


def test_rows_at_fault_are_refused_with_the_option_that_leaves_them_out(
    folder: Path, configuration: Configuration
) -> None:
    path = folder / "EURUSD_H1.csv"
    path.write_text(path.read_text().replace("1.1,1.2,1.0,1.1", "1.1,1.2,0,1.1", 1))
    with pytest.raises(CommandError, match=r"row 0 .*low is 0\.0.*--keep-going leaves such rows out"):
        files_recording({"EURUSD": path}, PLAIN, configuration)
    recording = files_recording({"EURUSD": path}, HowToRead({}, {}, keeps_going=True), configuration)
    assert recording.bars == 23
    assert recording.sources[0].findings[0].left_out


def test_bars_in_a_shut_market_and_days_without_any_are_found(configuration: Configuration) -> None:
    bars = recording_of("EURUSD").series["EURUSD"]
    commodity = read_catalogue()["EURUSD"]
    times = build(commodity, int(bars.time[0]) - DAY, int(bars.time[-1]) + DAY)
    weekend = np.append(bars.time, times.closes[5] + HOUR)
    order = np.argsort(weekend)
    day = (times.day_ends[25] <= bars.time) & (bars.time < times.day_ends[26])
    with_weekend = BarSeries(
        "EURUSD",
        bars.bar_seconds,
        weekend[order],
        *(np.append(getattr(bars, name), 1.1)[order] for name in ("open", "high", "low", "close", "spread")),
    )

    kept, findings = found_in_trading_times(with_weekend, times)
    assert len(kept) == len(bars)
    assert [(f.what, f.count, f.example) for f in findings] == [
        ("bars outside the trading times", 1, iso(int(times.closes[5]) + HOUR))
    ]
    _, findings = found_in_trading_times(bars.where(~day), times)
    assert [(f.what, f.count, f.example) for f in findings] == [
        ("trading days without a bar", 1, times.dates[26].isoformat())
    ]


def test_what_was_found_is_kept_with_its_source(configuration: Configuration) -> None:
    recording = in_trading_times(recording_of("EURUSD"), configuration)
    assert [source.commodity for source in recording.sources] == ["EURUSD"]


# ------------------------------------------------------------ accounts

GBPUSD_ONLY = {
    "WATCHBILL__ACCOUNTS": '[{"name": "gamma", "symbols": {"GBPUSD": "GBPUSD"}},'
    ' {"name": "delta", "symbols": {"GBPUSD": "GBPUSD", "EURUSD": "EURUSDm"}}]'
}


def test_the_accounts_of_the_defaults_trade_whatever_is_recorded(configuration: Configuration) -> None:
    settings, remarks = settings_for(configuration.settings, recording_of("GBPUSD", "USDJPY"))
    assert [(account.name, list(account.symbols)) for account in settings.accounts] == [
        ("alpha", ["GBPUSD", "USDJPY"]),
        ("beta", ["GBPUSD", "USDJPY"]),
    ]
    assert remarks == []


def test_chosen_accounts_trade_what_they_have_symbols_for_and_the_rest_is_said() -> None:
    chosen = load(None, GBPUSD_ONLY).settings
    settings, remarks = settings_for(chosen, recording_of("EURUSD", "USDJPY"))
    assert [(account.name, dict(account.symbols)) for account in settings.accounts] == [
        ("delta", {"EURUSD": "EURUSDm"})
    ]
    assert remarks == [
        "gamma trades nothing: there are no bars of GBPUSD",
        "delta does not trade GBPUSD: there are no bars of it",
        "no account trades USDJPY: its prices only convert currencies",
    ]


def test_a_recording_that_no_chosen_account_trades_is_refused() -> None:
    chosen = load(None, GBPUSD_ONLY).settings
    with pytest.raises(CommandError, match=r"trades USDJPY; .* --set accounts\.gamma\.symbols\.USDJPY=USDJPY"):
        settings_for(chosen, recording_of("USDJPY"))
