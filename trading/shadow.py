"""A trade followed along a recorded market to its end, and its shadow: the same trade left alone.

Each bar is four ticks (`trading.ticks`), and at each of them stop and target are guarded. At the open, and when the bar
has been read, the trade is judged by `trading.exits.judge`, as the monitor does. What differs between a trade and its
shadow is only which rules are on. Two that meet the same judgements end at the same price to the last bit, so a rule
that is silent differs by exactly 0.

**Not at the extremes.** That a price was the lowest of its hour is known only afterwards. A rule that closes by the
price and is asked there closes at the worst price of the hour again and again; one that moves a stop and is asked at
the best one never meets what came between. Neither happens where prices come by the second. So within a bar only
levels act, which are filled where the path meets them.

**Fills** are those of `docs/exits.md`: a level between the previous tick of the same bar and the present one is
filled at the level; at a gap there is no path, and the present tick is what is got.
"""

from __future__ import annotations

from dataclasses import dataclass

from trading.adjustment import adjusted
from trading.analysis import Analysis
from trading.course import Course
from trading.exit_memory import TRAILING, ExitMemory
from trading.exits import Adjust, Close, ExitRules, Judgement, guard, judge
from trading.horizon import horizon
from trading.market import Instant, Quote
from trading.settings import Settings
from trading.settings_exits import switchable
from trading.ticks import Phase
from trading.trade import CloseReason, Trade
from trading.valuation import entry_price

LEVELS = frozenset({CloseReason.STOP, CloseReason.TRAILING_STOP, CloseReason.TARGET})
NEVER: Instant = -1


@dataclass(frozen=True, slots=True)
class End:
    """How a followed trade ended."""

    at: Instant
    gain: float  # in price units, in the trade's direction, spread and commissions paid
    reason: CloseReason
    heard: frozenset[str]  # the rules that adjusted or closed it


def follow(
    trade: Trade, course: Course, settings: Settings, *, since: Instant, at_extremes: bool = False
) -> End | None:
    """The end of an OPEN trade that is watched under ``settings`` from ``since`` on; None where the bars end first.

    ``settings`` may differ from those of the course in their exits alone. ``at_extremes``: judge at every tick, as a
    replay does, which has nothing else to go by.
    """
    return _Follower(trade, course, settings, at_extremes).ending(since)


def filled(previous: float | None, current: float, level: float) -> float:
    """What a close at ``level`` gets: the level where it lies on the path between two ticks of one bar.

    Otherwise the present tick, which at a gap is worse than a stop and better than a target. ``previous`` is None at a
    bar's first tick.
    """
    if previous is None:
        return current
    on_path = previous < level <= current or current <= level < previous
    return level if on_path else current


class _Follower:
    """One trade on its way."""

    def __init__(self, trade: Trade, course: Course, settings: Settings, at_extremes: bool) -> None:
        self._at_extremes = at_extremes
        self._trade = trade
        self._course = course
        self._settings = settings
        self._rules = course.rules(settings)
        self._weighs = weighs(self._rules)
        self._cost = 0.0  # of a round trip, in price units
        self._memory = ExitMemory()
        self._horizon_at = NEVER
        self._heard: set[str] = set()
        self._done: set[str] = set()  # keys of the day's rules that have judged

    def ending(self, since: Instant) -> End | None:
        """Walk on until the trade ends."""
        course = self._course
        first = course.bars.completed(since)
        self._cost = course.cost(since)
        for index in range(first, len(course)):
            previous = None
            for phase in Phase:
                now = course.instants[index][phase]
                quote = course.quote(index, phase, self._trade.side)
                if now >= since and course.is_open[index][phase]:
                    if self._at_extremes or phase is Phase.OPEN or self._is_last(index, phase):
                        end = self._judged(index - 1, quote, now, previous)
                    else:
                        end = self._guarded(quote, now, previous)
                    end = end or self._scheduled(quote, now)
                    if end is not None:
                        return end
                previous = quote.closing_price(self._trade.side)
            now = course.bars.end(index)
            if now >= since and course.open_at_end[index]:
                self._read(index, now)
                end = self._judged(index, course.quote(index, Phase.CLOSE, self._trade.side), now, previous)
                if end is not None:
                    return end
        return None

    def _is_last(self, index: int, phase: Phase) -> bool:
        """Whether the market shuts before it could be judged on this bar."""
        return phase is Phase.CLOSE and not self._course.open_at_end[index]

    def _guarded(self, quote: Quote, now: Instant, previous: float | None) -> End | None:
        """The end at a level."""
        decision = guard(self._trade, quote, now, self._rules)
        if not isinstance(decision, Close):
            return None
        return self._end(now, filled(previous, quote.closing_price(self._trade.side), decision.price), decision.reason)

    def _judged(self, read: int, quote: Quote, now: Instant, previous: float | None) -> End | None:
        """The end that the newest judgement brings. ``read``: the last bar that is complete."""
        course = self._course
        judgement = judge(
            self._trade,
            quote,
            now=now,
            rules=self._rules,
            horizon_at=self._horizon(now) if self._weighs else now,
            reading=course.reading(read) if self._weighs and read >= 0 else None,
            signal=self._signal(read),
            variance=self._variance(read, now),
            memory=self._memory,
            cost=self._cost,
        )
        match judgement.decision:
            case Close(reason, level):
                if judgement.rule not in ("stop", "target", "time_stop"):
                    self._heard.add(judgement.rule)
                current = quote.closing_price(self._trade.side)
                return self._end(now, filled(previous, current, level) if reason in LEVELS else current, reason)
            case Adjust() as change:
                self._change(change, judgement, now)
        return None

    def _change(self, change: Adjust, judgement: Judgement, now: Instant) -> None:
        self._heard.add(judgement.rule)
        self._memory = self._memory.after(self._trade, judgement, now=now)
        levels = change.stop_price, change.target_price
        self._trade = adjusted(self._trade, *levels, change.strategy, self._settings.strategies)
        self._horizon_at = NEVER

    def _scheduled(self, quote: Quote, now: Instant) -> End | None:
        """The end by the rules of the day and of the week, each of which judges once a day."""
        for job in self._course.jobs(now, self._trade.platform):
            if job.key in self._done:
                continue
            self._done.add(job.key)
            closing = quote.closing_price(self._trade.side)
            if job.closes(self._trade, self._gained(closing)):
                return self._end(now, closing, job.rule)
        return None

    def _read(self, index: int, now: Instant) -> None:
        if self._weighs:
            self._memory = self._memory.at_reading(
                self._trade,
                self._course.reading(index),
                horizon_at=self._horizon(now),
                variance=self._variance(index, now),
            )

    def _signal(self, read: int) -> Analysis | None:
        needed = self._rules.opposite_signal_closes or self._weighs
        return self._course.signal(read) if needed and read >= 0 else None

    def _variance(self, read: int, now: Instant) -> float | None:
        if not self._weighs or read < 0:
            return None
        return self._course.variance(read, now, self._horizon(now))

    def _horizon(self, now: Instant) -> Instant:
        """The next forced close, worked out again when it has passed, or the trade was changed."""
        if now >= self._horizon_at:
            times = self._course.times
            self._horizon_at = min(horizon(self._trade, times, self._settings, now), times.last)
        return self._horizon_at

    def _end(self, now: Instant, price: float, reason: CloseReason) -> End:
        return End(now, self._gained(price), reason, frozenset(self._heard))

    def _gained(self, price: float) -> float:
        return self._trade.side.sign * (price - entry_price(self._trade)) - self._cost


def weighs(rules: ExitRules) -> bool:
    """Whether any rule is on that asks what the trade is worth: the others need no forecast."""
    exits = rules.settings
    return any(getattr(exits, name).enabled for name in switchable(exits) if name != TRAILING)
