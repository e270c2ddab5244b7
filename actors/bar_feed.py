"""Which completed bars of an account the analyst has not been told of."""

from __future__ import annotations

import logging

from actors.desk import Desk
from actors.messages import Bars
from actors.names import ANALYST
from actors.system.context import Context
from connectors.base import ConnectorError, DeadlinePassed, NotConnected, StaleToken
from trading.bars import BarSeries
from trading.market import MINUTE, Instant

log = logging.getLogger("watchbill.platform")

HISTORY_BARS = 15_000  # of hours: the daily averages over 200 days have settled
RECENT_BARS = 24  # enough to bridge a short loss of the broker
RETRY_WITHOUT_BARS = MINUTE
OF_THE_ACCOUNT = (NotConnected, DeadlinePassed, StaleToken)  # errors that say nothing of the commodity asked for


class BarFeed:
    """Asks for bars when the clock says that one is complete, and tells the analyst of each newest one once."""

    def __init__(self) -> None:
        self._told_until: dict[str, Instant] = {}  # by commodity: the end of the newest bar that was told
        self._due_at: dict[str, Instant] = {}  # by commodity: when to ask again
        self._wanted: set[str] = set()  # commodities whose next bar is to come with its history
        self._failing: set[str] = set()  # commodities whose bars could not be had the last time, and it was said

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
                series = self._series(desk, commodity, told_until)
            except OF_THE_ACCOUNT:
                raise
            except ConnectorError as error:
                self._due_at[commodity] = now + RETRY_WITHOUT_BARS
                if commodity not in self._failing:
                    self._failing.add(commodity)
                    context.alert("no_bars", f"{desk.platform}:{commodity}: not judged until its bars come: {error}")
                continue
            self._failing.discard(commodity)
            if len(series) == 0:
                self._due_at[commodity] = now + RETRY_WITHOUT_BARS
                continue
            end = series.end(len(series) - 1)
            self._due_at[commodity] = _next_due(series, now, is_open=desk.market.times[commodity].is_open(now - 1))
            if told_until is None or end > told_until:
                self._told_until[commodity] = end
                self._wanted.discard(commodity)
                context.tell(ANALYST, Bars(desk.platform, series))

    def _series(self, desk: Desk, commodity: str, told_until: Instant | None) -> BarSeries:
        if told_until is not None and commodity not in self._wanted:
            recent = desk.connector.bars(commodity, RECENT_BARS, desk.deadline)
            if len(recent) == 0 or recent.time[0] < told_until:
                return recent
            # What lies between was missed, and the analyst cannot join its bars to these.
            log.info(
                "%s: more than %d bars of %s were missed: all are asked for", desk.platform, len(recent), commodity
            )
        return desk.connector.bars(commodity, HISTORY_BARS, desk.deadline)


def _next_due(series: BarSeries, now: Instant, *, is_open: bool) -> Instant:
    """When the bar after the newest one is complete; at once where it should be there already, and is late."""
    end = series.end(len(series) - 1)
    missing = (now - end) // series.bar_length
    if missing and is_open:
        return now
    return end + (missing + 1) * series.bar_length  # while the market is shut there is no new one to wait for
