"""AnalystActor: bars in, four-pillar analyses out.

It judges each completed bar once, whichever account shows it first. The monitor is told what was read there, whether
anything is to be traded or not, and the trader what to make of it. Live it keeps the tail of each account's bars, and
computes the readings on that tail; where it is too short, as after a crash of this actor, it asks the account for its
history. A replay passes in outlooks that were computed once over the whole recording. Every reading is causal (a test
shows it), so that is the same thing faster, as far as the tail reaches back to what still weighs: with bars of an hour
it does, with shorter ones the forecast of the variance knows fewer days (docs/probability.md).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actors.live_bars import LiveBars
from actors.messages import Analysed, Bars, HistoryWanted, MarketRead, Mood, NothingToTrade, ReadingsWanted
from actors.moods import MoodBook
from actors.names import MONITOR, TRADER, platform_actor
from actors.system.context import Context
from trading.attention import EVERYTHING, NEVER, Attention
from trading.bars import BarSeries
from trading.market import Instant, iso
from trading.opinion import Opinion, Outlook, judge, make_analysis, read_market
from trading.pillars import NotKnown
from trading.reading import MarketReading
from trading.settings import Settings
from trading.strategies import barred_on_feed
from trading.volatility import VolatilityForecast


class AnalystActor:
    """Turns completed bars into readings for the monitor, and into analyses for the trader."""

    def __init__(
        self,
        settings: Settings,
        outlooks: Mapping[str, Outlook] | None = None,
        moods: MoodBook | None = None,
        readers: tuple[str, ...] = (MONITOR,),
    ) -> None:
        """``outlooks``: by commodity, over a whole recording; None or missing: work on the bars as they come.

        ``moods``: what an earlier life was told by the feeds. ``readers``: who is told what is read of the market.
        """
        self._settings = settings
        self._readers = readers
        self._moods = MoodBook(settings.feeds) if moods is None else moods
        self._outlooks = dict(outlooks or {})
        self._live: dict[tuple[str, str], LiveBars] = {}  # by account and commodity
        self._readings: dict[str, MarketReading] = {}  # by commodity: the newest
        self._judged: dict[str, Instant] = {}  # by commodity: the opening instant of the last bar that was judged

    def receive(self, message: object, context: Context) -> None:
        """Judge the newest bar of each `Bars`, and say again what was read last to a monitor that begins."""
        match message:
            case Bars(platform, series):
                self._take(platform, series, context)
            case ReadingsWanted():
                for reading in self._readings.values():
                    self._tell(reading, context)
            case Mood():
                self._moods.take(message)
            case _:
                raise TypeError(f"the analyst does not take {type(message).__name__}")

    def attention(self, now: Instant) -> Attention:
        """The end of each next bar of a recording that is known; live, where a bar may come at any time, everything."""
        if self._live or not self._outlooks:
            return EVERYTHING
        ends = []
        for outlook in self._outlooks.values():
            bars = outlook.features.bars
            following = bars.completed(now)
            if following < len(bars):
                ends.append(bars.end(following))
        return Attention(min(ends, default=NEVER))

    def _take(self, platform: str, series: BarSeries, context: Context) -> None:
        commodity = series.commodity
        outlook, index, forecast = self._outlook(platform, series)
        newest = int(outlook.features.bars.time[index])
        if newest <= self._judged.get(commodity, -1):
            return  # another account showed this bar already
        self._judged[commodity] = newest
        opinion = judge(
            outlook,
            index,
            strategies=self._settings.strategies,
            thresholds=self._settings.thresholds.of(self._settings.confidence_profile),
            barred=barred_on_feed(self._settings.strategies, series.bar_seconds),
            sentiment=self._moods.sentiment(commodity, outlook.features.bars.end(index)),
        )
        if isinstance(opinion, NotKnown) and commodity not in self._outlooks:
            context.tell(platform_actor(platform), HistoryWanted(commodity))
        reading = read_market(outlook, index, opinion, forecast)
        self._readings[commodity] = reading
        self._tell(reading, context)  # before the trader: what it decides rests on the same bar
        if self._settings.analyses.built_in:
            context.tell(TRADER, self._answer(outlook, opinion, reading.at, commodity, context))

    def _tell(self, reading: MarketReading, context: Context) -> None:
        for reader in self._readers:
            context.tell(reader, MarketRead(reading))

    def _outlook(self, platform: str, series: BarSeries) -> tuple[Outlook, int, VolatilityForecast | None]:
        """The outlook that holds the newest bar of ``series``, where in it, and what is forecast there."""
        prepared = self._outlooks.get(series.commodity)
        if prepared is not None:
            index = int(np.searchsorted(prepared.features.bars.time, series.time[-1]))
            return prepared, index, prepared.forecast(index)
        live = self._live.get((platform, series.commodity))
        if live is None:
            live = self._live[platform, series.commodity] = LiveBars.of(series)
        else:
            live.take(series)
        return Outlook(live.tail, self._settings), len(live.tail) - 1, live.forecaster.forecast

    def _answer(
        self, outlook: Outlook, opinion: Opinion | NotKnown, made_at: Instant, commodity: str, context: Context
    ) -> Analysed | NothingToTrade:
        if isinstance(opinion, NotKnown):
            return NothingToTrade(commodity, context.now(), "warming_up", {"missing": list(opinion.missing)})
        detail = {"regime": opinion.regime.value, "barred": [strategy.value for strategy in opinion.barred]}
        if opinion.best is None:
            return NothingToTrade(commodity, context.now(), "no_eligible_strategy", detail)
        # The bar names the analysis: judged again after a restart, it is known to be the same one.
        identity = f"{commodity}-{opinion.best.strategy}-{opinion.best.side}-{iso(made_at)}"
        return Analysed(make_analysis(outlook, opinion, id=identity, made_at=made_at))
