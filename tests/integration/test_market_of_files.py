"""The market of `serve`, `broker` and `terminal` over files of bars: of other commodities than the sample's."""

from __future__ import annotations

import logging
from pathlib import Path

import pytest

from console.arguments import Broker, Serve, Terminal
from console.command_line import parse
from console.configuration import Configuration, load
from console.errors import CommandError
from console.own_venue import OwnVenue
from console.recorded import market_recording
from trading.market import HOUR, Instant, iso

MONDAY: Instant = 1_704_672_000_000  # 2024-01-08T00:00:00Z
HOURS = 12


def configured(folder: Path, symbols: str = '{"GBPUSD": "GBPUSD.m"}') -> Configuration:
    """The settings of one paper account."""
    return load(
        None,
        {
            "WATCHBILL__ACCOUNTS__0__SYMBOLS": symbols,
            "WATCHBILL__ACCOUNTS__1__ENABLED": "false",
            "WATCHBILL__DATABASE_URL": f"sqlite:///{(folder / 'ledger.sqlite').as_posix()}",
        },
    )


def bars(file: Path) -> str:
    """A file of hourly bars; its name."""
    rows = [f"{iso(MONDAY + hour * HOUR)},1.27,1.272,1.269,1.271" for hour in range(HOURS)]
    file.write_text("\n".join(["time,open,high,low,close", *rows]), encoding="utf-8")
    return str(file)


def test_serve_walks_through_the_bars_that_are_named(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="watchbill.market")
    file = bars(tmp_path / "gbpusd_h1.csv")
    arguments = parse(["serve", "--data", file])
    assert isinstance(arguments, Serve)
    venue = OwnVenue(arguments, configured(tmp_path))
    assert venue.span() == (MONDAY, MONDAY + HOURS * HOUR)
    assert venue.source == file
    assert caplog.messages == ["gbpusd_h1.csv: GBPUSD, 12 bars of 3600 s, clock: as the times say themselves"]


def test_the_same_option_is_that_of_the_processes_that_keep_a_market() -> None:
    named = ("GOLD=gold.csv", "eurusd.parquet")
    words = [word for name in named for word in ("--data", name)]
    assert parse(["broker", *words]) == Broker(data=named)
    assert parse(["terminal", *words]) == Terminal(data=named)


def test_a_file_that_names_no_commodity_is_refused(tmp_path: Path) -> None:
    file = bars(tmp_path / "bars.csv")
    with pytest.raises(CommandError, match=r"--data: bars\.csv names no commodity .*; expected ID=bars\.csv"):
        market_recording(0, [file], configured(tmp_path))


def test_an_account_that_trades_what_no_file_has_is_named(tmp_path: Path) -> None:
    traded = configured(tmp_path, '{"GBPUSD": "GBPUSD", "EURUSD": "EURUSD"}')
    file = bars(tmp_path / "some.csv")
    said = r"'alpha' trades EURUSD, but .*some\.csv has no bars of it; expected only GBPUSD"
    with pytest.raises(CommandError, match=said):
        market_recording(0, [f"GBPUSD={file}"], traded)
