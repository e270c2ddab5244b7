"""Which completed bars of an account the analyst, and whoever keeps bars to show them, has not been told of."""

from __future__ import annotations

import logging
from collections import Counter

import numpy as np

from actors.desk import Desk
from actors.messages import Bars
from actors.names import ANALYST
from actors.system.context import Context
from connectors.base import ConnectorError, DeadlinePassed, NotConnected, StaleToken
from trading.bars import BarSeries
from trading.market import MINUTE, Instant, iso

log = logging.getLogger("watchbill.platform")

HISTORY_BARS = 15_000  # of hours: the daily averages over 200 days have settled
RECENT_BARS = 24  # enough to bridge a short loss of the broker
RETRY_WITHOUT_BARS = MINUTE
NEVER_SEEN: Instant = -1
OF_THE_ACCOUNT = (NotConnected, DeadlinePassed, StaleToken)  # errors that say nothing of the commodity asked for


class BarFeed:
    """Asks for bars when the clock says that one is complete, and tells the analyst of each newest one once."""

    def __init__(self, keepers: tuple[str, ...] = ()) -> None:
        """``keepers``: actors besides the analyst that are told the same."""
        self._listeners = (ANALYST, *keepers)
        self._told_until: dict[str, Instant] = {}  # by commodity: the end of the newest bar that was told
        self._due_at: dict[str, Instant] = {}  # by commodity: when to ask again
        self._wanted: set[str] = set()  # commodities whose next bar is to come with its history
        self._failing: set[str] = set()  # commodities whose bars could not be had the last time, and it was said
        self._outside: Counter[str] = Counter()  # bars outside the trading times, by commodity
        self._outside_until: dict[str, Instant] = {}  # by commodity: the newest of them

    def want_history(self, commodity: str) -> None:
        """Let the next bar that is told come with all of its history."""
        self._wanted.add(commodity)

    def is_waiting(self, desk: Desk) -> bool:
        """Whether some commodity's first bar has not come, or was asked for in vain: each poll may bring it."""
        return bool(self._failing or self._wanted) or any(name not in self._told_until for name in desk.instruments)

    def send(self, desk: Desk, context: Context) -> None:
        """Tell of what is new: with its history the first time, where it is wanted, and where bars were missed.

        A commodity whose bars cannot be had waits, and holds up no other. Raises ``ConnectorError`` where the account
        itself is away.
        """
        now = context.now()
        for commodity in desk.instruments:
            if now < self._due_at.get(commodity, now):
                continue
            told_until = self._told_until.get(commodity)
            try:
                seen, series = self._series(desk, commodity, told_until)
            except OF_THE_ACCOUNT:
                raise
            except ConnectorError as error:
                self._due_at[commodity] = now + RETRY_WITHOUT_BARS
                if commodity not in self._failing:
                    self._failing.add(commodity)
                    context.alert("no_bars", f"{desk.platform}:{commodity}: not judged until its bars come: {error}")
                continue
            self._failing.discard(commodity)
            if len(seen) == 0:
                self._due_at[commodity] = now + RETRY_WITHOUT_BARS
                continue
            times = desk.market.times.of(desk.platform, commodity)
            self._due_at[commodity] = _next_due(seen, now, is_open=times.is_open(now - 1))
            if _is_news(series, told_until):
                self._told_until[commodity] = series.end(len(series) - 1)
                self._wanted.discard(commodity)
                for listener in self._listeners:
                    context.tell(listener, Bars(desk.platform, series))

    def _in_trading_times(self, desk: Desk, commodity: str, series: BarSeries) -> BarSeries:
        """Without the bars that begin while the market is shut, as in a recording. Those that are new are counted.

        The calendar says nothing of bars that are older than itself: they stay.
        """
        times = desk.market.times.of(desk.platform, commodity)
        if len(series) == 0 or series.time[-1] < times.first:
            return series
        is_inside = times.are_open(np.maximum(series.time, times.first)) | (series.time < times.first)
        if is_inside.all():
            return series
        outside = series.time[~is_inside]
        new = outside[outside > self._outside_until.get(commodity, NEVER_SEEN)]
        if len(new):
            self._outside_until[commodity] = int(new[-1])
            self._outside[commodity] += len(new)
            said = "%s: %d bars of %s began while its market was shut, the last at %s: they are left out"
            log.info(said, desk.platform, self._outside[commodity], commodity, iso(int(new[-1])))
        return series.where(is_inside)

    def _series(self, desk: Desk, commodity: str, told_until: Instant | None) -> tuple[BarSeries, BarSeries]:
        """What the broker has, and what of it lies inside the trading times."""
        if told_until is not None and commodity not in self._wanted:
            recent = desk.connector.bars(commodity, RECENT_BARS, desk.deadline)
            inside = self._in_trading_times(desk, commodity, recent)
            if not _is_news(inside, told_until) or inside.time[0] < told_until:
                return recent, inside
            # What lies between was missed, and the analyst cannot join its bars to these.
            log.info(
                "%s: more than %d bars of %s were missed: all are asked for", desk.platform, len(recent), commodity
            )
        history = desk.connector.bars(commodity, HISTORY_BARS, desk.deadline)
        return history, self._in_trading_times(desk, commodity, history)


def _is_news(series: BarSeries, told_until: Instant | None) -> bool:
    """Whether the analyst was not told of the newest of these bars."""
    return len(series) > 0 and (told_until is None or series.end(len(series) - 1) > told_until)


def _next_due(series: BarSeries, now: Instant, *, is_open: bool) -> Instant:
    """When the bar after the newest one is complete; at once where it should be there already, and is late."""
    end = series.end(len(series) - 1)
    missing = (now - end) // series.bar_length
    if missing and is_open:
        return now
    return end + (missing + 1) * series.bar_length  # while the market is shut there is no new one to wait for
