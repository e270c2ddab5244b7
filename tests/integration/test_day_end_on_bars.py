"""The rules of day end and Friday where all there is are hourly bars: judged at the closing tick of the last one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import numpy as np
import pytest
from crew_helpers import account, decisions, must_agree, now, story, trade_of
from made_sessions import utc

from actors.virtual_crew import VirtualCrew
from connectors.paper import PaperConnector
from feeds.catalogue import read_catalogue
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.bars import BarSeries, check_bars
from trading.market import HOUR, SECOND, Instant, Side
from trading.settings import Settings
from trading.settings_commodities import CommodityOverride
from trading.ticks import driving_instants
from trading.trade import CloseReason, Trade, TradeState

LEVEL = 1.10000
UP = LEVEL + 0.0020
DOWN = LEVEL - 0.0020
THREE_DAYS = {"day": {"longest_hold_seconds": 72 * 3_600.0}}


def hours(start: str, *levels: float) -> BarSeries:
    """Bars from this instant on, each of which stays on one level from its beginning to its end."""
    price = np.array(levels, dtype=np.float64)
    time = utc(start) + np.arange(len(levels), dtype=np.int64) * HOUR
    none = np.full(len(levels), np.nan)
    return check_bars(BarSeries("EURUSD", HOUR // SECOND, time, price, price, price, price, none))


class Recorded:
    """A crew over recorded bars, moved from tick to tick as a replay moves it."""

    def __init__(self, crew: VirtualCrew, series: BarSeries) -> None:
        self.crew = crew
        self._instants = driving_instants([series], int(series.time[0]), series.end(len(series) - 1)).tolist()

    def to(self, until: Instant) -> None:
        """Go on up to this instant, which is included."""
        while self._instants and self._instants[0] <= until:
            self.crew.advance_to(self._instants.pop(0))

    def open(self, side: Side = Side.BUY, strategy: Strategy = Strategy.DAY) -> Trade | None:
        """Hand the trader an opinion that passes the gate, at this instant."""
        pillar = Pillar(score=0.9)
        analysis = Analysis(
            id=f"at-{self.crew.now}",
            commodity="EURUSD",
            side=side,
            strategy=strategy,
            regime=Regime.RANGE,
            pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
            confidence=90.0,
            daily_volatility=0.005,
            made_at=self.crew.now,
        )
        self.crew.analyse(analysis)
        self.to(self.crew.now + HOUR // 3)
        return trade_of(self.crew, analysis.id)


@pytest.fixture
def recorded() -> Iterator[Callable[..., Recorded]]:
    """Begins a crew over these bars, with one paper account."""
    with ExitStack() as running:

        def begin(series: BarSeries, **changes: object) -> Recorded:
            settings = Settings(accounts=(account(),), **changes)  # type: ignore[arg-type]  # as it takes
            commodities = read_catalogue(settings.commodities)
            alpha = settings.accounts[0]
            crew = VirtualCrew(
                settings,
                commodities,
                {
                    "alpha": lambda clock: PaperConnector(
                        "alpha", alpha.paper, commodities, alpha.symbols, {"EURUSD": series}, clock, None
                    )
                },
                int(series.time[0]),
                ticking=True,
            )
            return Recorded(running.enter_context(crew), series)

        yield begin


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize(("day", "reason"), [("2026-03-04", CloseReason.DAY_END), ("2026-03-06", CloseReason.FRIDAY)])
def test_a_profit_is_taken_one_second_before_the_last_bar_ends(
    recorded: Callable[..., Recorded], day: str, reason: CloseReason, side: Side
) -> None:
    after = UP if side is Side.BUY else DOWN
    scene = recorded(hours(f"{day}T16:00", LEVEL, LEVEL, after, after, after, after))
    scene.to(utc(f"{day}T16:20"))
    trade = scene.open(side)
    assert trade is not None
    scene.to(utc(f"{day}T21:59:58"))
    assert now(scene.crew, trade).state is TradeState.OPEN
    scene.to(utc(f"{day}T22:00"))
    closed = now(scene.crew, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, reason)
    assert closed.closed_at == utc(f"{day}T21:59:59")
    assert story(scene.crew.ledger.journal.list(trade_id=trade.trade_id, newest_first=False)).states == [
        "submitted",
        "open",
        "closing",
        "closed",
    ]
    must_agree(scene.crew)


def test_a_loss_is_kept_over_the_weekend_unless_everything_is_closed(recorded: Callable[..., Recorded]) -> None:
    for everything in (False, True):
        scene = recorded(hours("2026-03-06T18:00", LEVEL, DOWN, DOWN, DOWN), auto_close_all_friday=everything)
        scene.to(utc("2026-03-06T18:20"))
        trade = scene.open()
        assert trade is not None
        scene.to(utc("2026-03-06T22:00"))
        assert now(scene.crew, trade).close_reason is (CloseReason.FRIDAY if everything else None)
        must_agree(scene.crew)


def test_each_day_of_bars_is_judged_once_and_at_no_other_hour(recorded: Callable[..., Recorded]) -> None:
    scene = recorded(hours("2026-03-03T18:00", LEVEL, *[DOWN] * 54), strategies=THREE_DAYS)
    scene.to(utc("2026-03-03T18:20"))
    assert scene.open() is not None
    scene.to(utc("2026-03-06T01:00"))
    lines = scene.crew.ledger.journal.list(kind="rule", newest_first=False)
    assert [line.at for line in lines] == [utc(f"2026-03-0{day}T21:59:59") for day in (3, 4, 5)]
    assert {line.reason for line in lines} == {"day_end:kept"}


def test_nothing_is_opened_at_the_closing_tick(recorded: Callable[..., Recorded]) -> None:
    scene = recorded(hours("2026-03-04T20:00", LEVEL, LEVEL, LEVEL))
    scene.to(utc("2026-03-04T21:59:59"))
    assert scene.open() is None
    assert "refused:inside the pre-close window" in decisions(scene.crew)


@pytest.mark.parametrize(("swap_long_per_lot", "closes"), [(0.0, True), (-7.0, False)])
def test_the_swap_of_the_nights_before_counts(
    recorded: Callable[..., Recorded], swap_long_per_lot: float, closes: bool
) -> None:
    """Ten points up are more than the commission of both sides, and less than that and a night's swap."""
    entry = LEVEL + 0.00005 + 0.00002  # the ask, and the slippage
    later = entry + 0.00010 + 0.00005
    series = hours("2026-03-03T20:00", LEVEL, LEVEL, *[LEVEL - 0.0005] * 23, later)
    override = CommodityOverride(swap_long_per_lot=swap_long_per_lot)
    scene = recorded(series, commodities={"EURUSD": override})
    scene.to(utc("2026-03-03T20:20"))
    trade = scene.open()
    assert trade is not None
    assert trade.entry_price == pytest.approx(entry)
    scene.to(utc("2026-03-04T22:00"))
    judged = scene.crew.ledger.journal.list(kind="rule", newest_first=False)[-1]
    gross = 0.00010 * 100_000 * trade.volume_lots
    charges = 2 * 3.5 * trade.volume_lots - swap_long_per_lot * trade.volume_lots
    assert judged.detail["net_profit"] == pytest.approx(gross - charges, abs=0.02)
    assert judged.reason == ("day_end:closed" if closes else "day_end:kept")
    must_agree(scene.crew)
