"""Recorded bars in which the trading day ends: their closing tick comes before it, and the rules are judged on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from itertools import pairwise

import numpy as np
import pytest
from crew_helpers import account, must_agree, now, trade_of
from made_sessions import utc

from actors.virtual_crew import VirtualCrew
from connectors.paper import PaperConnector
from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.bars import BarSeries, check_bars
from trading.calendars import TradingTimes
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant, Side
from trading.settings import Settings
from trading.ticks import FOUR_TICKS, Phase, bar_ends, driving_instants, tick_at, tick_time, tick_times, within_days
from trading.trade import CloseReason, Trade

CATALOGUE = read_catalogue()
LEVELS = {"GOLD": 2_600.0, "EURUSD": 1.1}
RISE = 1.004


def times_of(calendars: CalendarStore, commodity: str, first: Instant) -> TradingTimes:
    """Its calendar for the weeks around."""
    return calendars.times(CATALOGUE[commodity], first - 30 * DAY, first + 30 * DAY)


def recorded(calendars: CalendarStore, commodity: str, start: str, hours: float, count: int) -> BarSeries:
    """Bars from this instant on while the market is open: the first rises a little, and the others stay there."""
    first, length = utc(start), round(hours * HOUR)
    time = first + np.arange(count, dtype=np.int64) * length
    time = time[times_of(calendars, commodity, first).are_open(time)]
    high = np.full(len(time), LEVELS[commodity] * RISE)
    low = np.append(LEVELS[commodity], high[1:])
    none = np.full(len(time), np.nan)
    series = check_bars(BarSeries(commodity, length // SECOND, time, low, high, low, high, none))
    return within_days(series, times_of(calendars, commodity, first), [15])


class Replayed:
    """One paper account over one series, moved from tick to tick as a replay moves it."""

    def __init__(self, crew: VirtualCrew, series: BarSeries) -> None:
        self.crew = crew
        self._commodity = series.commodity
        self._instants = driving_instants([series], int(series.time[0]), series.end(len(series) - 1)).tolist()

    def to(self, until: Instant) -> None:
        """Go on up to this instant, which is included."""
        while self._instants and self._instants[0] <= until:
            self.crew.advance_to(self._instants.pop(0))

    def bought(self, strategy: Strategy) -> Trade:
        """A trade that is opened at the next tick."""
        self.crew.advance_to(self._instants.pop(0))
        pillar = Pillar(score=0.9)
        analysis = Analysis(
            id="the-one",
            commodity=self._commodity,
            side=Side.BUY,
            strategy=strategy,
            regime=Regime.RANGE,
            pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
            confidence=90.0,
            daily_volatility=0.02,
            made_at=self.crew.now,
        )
        self.crew.analyse(analysis)
        self.crew.advance_to(self._instants.pop(0))
        trade = trade_of(self.crew, analysis.id)
        assert trade is not None
        return trade


@pytest.fixture
def replay(calendars: CalendarStore) -> Iterator[Callable[[BarSeries], Replayed]]:
    """Begins a crew over these bars."""
    with ExitStack() as running:

        def begin(series: BarSeries) -> Replayed:
            alpha = account("alpha", series.commodity, paper={"balance": 200_000})
            market: Mapping[str, BarSeries] = {series.commodity: series}
            crew = VirtualCrew(
                Settings(accounts=(alpha,)),
                CATALOGUE,
                {
                    "alpha": lambda clock: PaperConnector(
                        "alpha", alpha.paper, CATALOGUE, alpha.symbols, market, clock, None
                    )
                },
                int(series.time[0]),
                ticking=True,
                calendars=calendars,
            )
            return Replayed(running.enter_context(crew), series)

        yield begin


@pytest.mark.parametrize(
    ("commodity", "start", "hours", "end", "rule"),
    [
        ("GOLD", "2026-11-26T16:00", 1, "2026-11-26T19:30", CloseReason.DAY_END),  # inside the bar of 19:00
        ("GOLD", "2026-11-27T16:00", 1, "2026-11-27T19:45", CloseReason.FRIDAY),
        ("GOLD", "2026-12-24T16:00", 1, "2026-12-24T18:45", CloseReason.FRIDAY),
        ("GOLD", "2026-11-25T16:00", 1, "2026-11-25T22:00", CloseReason.DAY_END),  # at the end of a bar
        ("GOLD", "2026-11-26T08:00", 4, "2026-11-26T19:30", CloseReason.DAY_END),
        ("GOLD", "2026-11-25T18:00", 0.5, "2026-11-25T22:00", CloseReason.DAY_END),  # its extremes before the window
        ("EURUSD", "2026-11-25T18:00", 1 / 3, "2026-11-25T22:00", CloseReason.DAY_END),
        ("GOLD", "2026-11-25T12:00", 4, "2026-11-25T22:00", CloseReason.DAY_END),  # the bar goes on after the break
        ("GOLD", "2026-11-24T00:00", 24, "2026-11-24T22:00", CloseReason.DAY_END),
        ("GOLD", "2026-11-27T00:00", 24, "2026-11-27T19:45", CloseReason.FRIDAY),
        ("EURUSD", "2026-11-25T12:00", 4, "2026-11-25T22:00", CloseReason.DAY_END),  # the market goes on
        ("EURUSD", "2026-11-24T00:00", 24, "2026-11-24T22:00", CloseReason.DAY_END),
        ("EURUSD", "2026-11-27T12:00", 4, "2026-11-27T22:00", CloseReason.FRIDAY),
    ],
)
def test_a_profit_is_taken_one_second_before_the_day_ends_inside_a_bar(
    replay: Callable[[BarSeries], Replayed],
    calendars: CalendarStore,
    commodity: str,
    start: str,
    hours: float,
    end: str,
    rule: CloseReason,
) -> None:
    scene = replay(recorded(calendars, commodity, start, hours, round(48 / hours)))
    trade = scene.bought(Strategy.DAY)
    scene.to(utc(end) - SECOND - 1)
    assert now(scene.crew, trade) == trade, now(scene.crew, trade).close_reason
    scene.to(utc(end) - SECOND)
    closed = now(scene.crew, trade)
    assert (closed.close_reason, closed.closed_at) == (rule, utc(end) - SECOND)
    assert [line.reason for line in scene.crew.ledger.journal.list(kind="rule")] == [f"{rule.value}:closed"]
    must_agree(scene.crew)


@pytest.mark.parametrize(
    ("hours", "start"), [(1, "2026-11-22T23:00"), (4, "2026-11-23T00:00"), (24, "2026-11-23T00:00")]
)
@pytest.mark.parametrize("commodity", ["GOLD", "EURUSD"])
def test_the_closing_tick_of_each_days_last_bar_is_a_second_before_its_end(
    calendars: CalendarStore, commodity: str, start: str, hours: float
) -> None:
    series = recorded(calendars, commodity, start, hours, round(120 / hours))
    times = times_of(calendars, commodity, utc(start))
    closes = set(tick_times(series, (Phase.CLOSE,)).tolist())
    ends = {times.day_end(at) for at in series.time.tolist()}
    assert len(ends) == 5
    assert {end - SECOND for end in ends if end is not None} <= closes


@pytest.mark.parametrize("phases", [FOUR_TICKS, (Phase.CLOSE,)])
@pytest.mark.parametrize("hours", [1, 4, 24])
def test_all_that_reads_a_short_bar_reads_the_same_ticks(
    calendars: CalendarStore, hours: float, phases: tuple[Phase, ...]
) -> None:
    series = recorded(calendars, "GOLD", "2026-11-25T00:00", hours, round(96 / hours))
    ticks = tick_times(series, phases).tolist()
    assert all(before < after for before, after in pairwise(ticks))
    assert ticks == [tick_time(series, index, phase) for index in range(len(series)) for phase in phases]
    assert [tick_at(series, at, phases) for at in ticks] == [
        (index, phase) for index in range(len(series)) for phase in phases
    ]
    assert set(ticks) <= set(driving_instants([series], ticks[0], ticks[-1], phases=phases).tolist())


def test_bars_that_end_with_the_day_are_as_they_were(calendars: CalendarStore) -> None:
    series = recorded(calendars, "EURUSD", "2026-11-23T00:00", 1, 120)
    assert series.tick_spans is None


def test_a_bar_of_which_the_day_takes_nearly_nothing_is_left_whole(calendars: CalendarStore) -> None:
    times = times_of(calendars, "GOLD", utc("2026-11-26T00:00"))
    end = times.day_end(utc("2026-11-26T12:00"))
    assert end is not None
    for opens_before, cut in ((3 * SECOND, False), (4 * SECOND, True), (-MINUTE, False)):
        one = np.ones(1)
        bar = BarSeries("GOLD", 3_600, np.array([end - opens_before]), one, one, one, one, one)
        found = within_days(bar, times)
        assert (found.tick_spans is not None) is cut
        if cut:
            assert np.all(np.diff(tick_times(found)) > 0)
            assert tick_times(found)[-1] == end - SECOND
            assert bar_ends(found)[0] == end - opens_before + HOUR, "it is complete when it was before"
