"""AnalystActor: bars in, four-pillar analyses out.

It judges each completed bar once, whichever account shows it first. Live it keeps the tail of each account's bars, and
computes the readings on that tail; where it is too short, as after a crash of this actor, it asks the account for its
history. A replay passes in outlooks that were computed once over the whole recording, which is the same thing faster,
because every reading is causal (a test shows it).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from actors.messages import Analysed, Bars, HistoryWanted, NothingToTrade
from actors.names import TRADER, platform_actor
from actors.system.context import Context
from trading.bars import BarSeries
from trading.market import Instant, iso
from trading.opinion import Opinion, Outlook, judge, make_analysis
from trading.pillars import NotKnown
from trading.settings import Settings
from trading.strategies import barred_on_feed

LONGEST_TAIL_BARS = 16_000  # of hours: with so many, a longer history no longer changes any confidence (measured)


class AnalystActor:
    """Turns completed bars into analyses, and tells the trader."""

    def __init__(self, settings: Settings, outlooks: Mapping[str, Outlook] | None = None) -> None:
        """``outlooks``: by commodity, over a whole recording; None or missing: work on the bars as they come."""
        self._settings = settings
        self._outlooks = dict(outlooks or {})
        self._tails: dict[tuple[str, str], BarSeries] = {}
        self._judged: dict[str, Instant] = {}  # by commodity: the opening instant of the last bar that was judged

    def receive(self, message: object, context: Context) -> None:
        """Judge the newest bar of each `Bars`."""
        match message:
            case Bars(platform, series):
                self._take(platform, series, context)
            case _:
                raise TypeError(f"the analyst does not take {type(message).__name__}")

    def _take(self, platform: str, series: BarSeries, context: Context) -> None:
        commodity = series.commodity
        outlook, index = self._outlook(platform, series)
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
        )
        if isinstance(opinion, NotKnown) and commodity not in self._outlooks:
            context.tell(platform_actor(platform), HistoryWanted(commodity))
        context.tell(TRADER, self._answer(outlook, opinion, outlook.features.bars.end(index), commodity, context))

    def _outlook(self, platform: str, series: BarSeries) -> tuple[Outlook, int]:
        """The outlook that holds the newest bar of ``series``, and where in it."""
        prepared = self._outlooks.get(series.commodity)
        if prepared is not None:
            index = int(np.searchsorted(prepared.features.bars.time, series.time[-1]))
            return prepared, index
        tail = joined(self._tails.get((platform, series.commodity)), series)
        self._tails[platform, series.commodity] = tail
        return Outlook(tail), len(tail) - 1

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


def joined(tail: BarSeries | None, newer: BarSeries) -> BarSeries:
    """The tail with the bars that come after it, cut to the longest tail that is kept.

    A series that leaves a hole after the tail, or reaches back before its start, replaces it.
    """
    if tail is None or newer.bar_seconds != tail.bar_seconds or newer.time[0] <= tail.time[0]:
        return newer
    fresh = newer.window(int(np.searchsorted(newer.time, tail.time[-1], side="right")), len(newer))
    if len(fresh) == 0:
        return tail
    if len(fresh) == len(newer) and len(newer) > 1:
        return newer  # nothing in common: what lies between is not known
    columns = {
        name: np.concatenate([getattr(tail, name), getattr(fresh, name)])[-LONGEST_TAIL_BARS:]
        for name in ("time", "open", "high", "low", "close", "spread")
    }
    return BarSeries(commodity=tail.commodity, bar_seconds=tail.bar_seconds, **columns)
