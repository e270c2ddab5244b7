"""Bars and ticks copied by time, over a trade server that counts bars from the last one."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, cast

from hypothesis import given
from hypothesis import strategies as st

from connectors.mt5 import copies, facts
from connectors.mt5.copies import Row
from connectors.mt5.trade_server import TradeServer


@dataclass
class Recording:
    """The part of a trade server that has bars and ticks."""

    bars: Sequence[Row] = ()
    recorded_ticks: Sequence[Row] = ()
    asked: list[int] = field(default_factory=list)  # how many bars, each time

    def symbol_info(self, symbol: str) -> dict[str, Any]:
        """There is every symbol."""
        return {}

    def rates(self, symbol: str, timeframe: int, start: int, count: int) -> Sequence[Row]:
        """The last bars."""
        self.asked.append(count)
        end = len(self.bars) - start
        return self.bars[max(0, end - count) : max(0, end)]

    def ticks(self, symbol: str, since_msc: int, until_msc: int) -> Sequence[Row]:
        """Those of a time."""
        return [tick for tick in self.recorded_ticks if since_msc <= tick[5] <= until_msc]


def bars_at(times: list[int]) -> list[Row]:
    return [(time, 1.0, 1.0, 1.0, 1.0, 1, 1, 0) for time in times]


def server(recording: Recording) -> TradeServer:
    return cast(TradeServer, recording)


times = st.lists(st.integers(0, 5_000), unique=True, max_size=400).map(sorted)


@given(times, st.integers(-10, 5_010), st.integers(1, 50))
def test_bars_from_a_time_are_the_last_that_begin_no_later(begins: list[int], until: int, count: int) -> None:
    found = copies.rates_from_time(server(Recording(bars_at(begins))), "EURUSD", facts.TIMEFRAME_M1, until, count)
    end = bisect_right(begins, until)
    assert [row[0] for row in found] == begins[max(0, end - count) : end]


@given(times, st.integers(-10, 5_010), st.integers(0, 5_010))
def test_bars_between_times_are_all_that_begin_between_them(begins: list[int], since: int, length: int) -> None:
    recording = server(Recording(bars_at(begins)))
    found = copies.rates_between(recording, "EURUSD", facts.TIMEFRAME_M1, since, since + length)
    assert [row[0] for row in found] == [time for time in begins if since <= time <= since + length]


def test_a_long_history_is_not_fetched_for_its_last_bars() -> None:
    recording = Recording(bars_at(list(range(50_000))))
    copies.rates_between(server(recording), "EURUSD", facts.TIMEFRAME_M1, 49_990, 50_000)
    copies.rates_from_time(server(recording), "EURUSD", facts.TIMEFRAME_M1, 49_990, 20)
    assert max(recording.asked) <= 256


def test_ticks_are_filtered_by_what_they_changed() -> None:
    quote = (1, 1.1, 1.2, 0.0, 0, 1_000, facts.TICK_FLAG_BID, 0.0)
    trade = (2, 1.1, 1.2, 1.15, 3, 2_000, facts.TICK_FLAG_LAST | facts.TICK_FLAG_BUY, 3.0)
    recording = server(Recording(recorded_ticks=[quote, trade]))
    assert copies.ticks_from(recording, "EURUSD", 0, 10, facts.COPY_TICKS_ALL) == [quote, trade]
    assert copies.ticks_from(recording, "EURUSD", 0, 1, facts.COPY_TICKS_ALL) == [quote]
    assert copies.ticks_between(recording, "EURUSD", 0, 5, facts.COPY_TICKS_INFO) == [quote]
    assert copies.ticks_between(recording, "EURUSD", 0, 5, facts.COPY_TICKS_TRADE) == [trade]
    assert copies.ticks_between(recording, "EURUSD", 2, 5, facts.COPY_TICKS_ALL) == [trade]
