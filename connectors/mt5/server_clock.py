"""A broker's clock, measured against live ticks again and again: never configured, never assumed for good.

Everything that MetaTrader dates carries the broker's own clock, written as if it were UTC. Two different things have
to be told from it, and they are told apart here.

**How old a tick is** decides whether a stop may be judged by it. Until proof comes, it is an hour: older than anything
that is acted upon. Proof is one of two: the offset below, while the wall's clock and the broker's agree on it, or the
monotonic clock (`ServerLead`), which nobody can set. A tick keeps the age that it had when it was first seen, so that
one that no newer one follows grows old, and one that the broker's clock puts into the future is of the moment when it
was seen. No quote is ever ahead of the clock that it is read by.

**When something happened** (a deal, an order, a bar) is told by the broker's offset from UTC: what a new tick is ahead
of the wall's clock, in whole quarters of an hour. One offset fits several rules of daylight saving time, and the
likeliest is taken until a measurement contradicts it; the others that fit all measurements are then gone through, and
where none is left the broker has changed its clock: from there on another rule holds, and what was before keeps its
own. Two looks confirm what was expected, ten in succession are needed for anything else, and what does not fit any
quarter counts for nothing.

While the market is shut nothing is measured. Until the first live ticks the offset is the commonest there is, New York
+ 7 h, or that of a clock on which the newest tick is not in the future; `is_sure` is False then, and for a day after
measurements disagreed, so that nobody takes a date for exact.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.mt5.server_lead import JITTER, QUARTER, ServerLead
from connectors.mt5.server_rules import Dates, Rule, rules_for
from trading.market import DAY, HOUR, SECOND, Instant

UNPROVEN_AGE = HOUR
CONFIRMING, AGREEING = 2, 10  # looks: at what was expected, and at anything else
IMPOSSIBLE = 3
HIGHEST_OFFSET = 14 * HOUR
FACT_EVERY = 6 * HOUR
MOST_FACTS, MOST_PERIODS = 1_000, 20
NEW_YORK_PLUS_7 = Rule(Dates.UNITED_STATES, 2 * HOUR)


@dataclass(slots=True)
class Period:
    """A time in which a broker's clock kept one rule."""

    since: Instant
    rule: Rule
    facts: list[tuple[Instant, int]] = field(default_factory=list)  # offsets that were measured, and when


@dataclass(frozen=True, slots=True)
class SeenTick:
    """The newest tick of one symbol."""

    server_time: int
    quote_time: Instant


class ServerClock:
    """The clock of one account's broker. Times on it are milliseconds, unless a name says seconds."""

    def __init__(self, *, is_recorded: bool = False) -> None:
        """``is_recorded``: the market is a recording that is walked through, at many times its pace perhaps, and
        nothing old is ever new there; who follows it may be some ticks behind.
        """
        self._is_recorded = is_recorded
        self._lead = ServerLead()
        self._ticks: dict[str, SeenTick] = {}
        self._periods = [Period(0, NEW_YORK_PLUS_7)]
        self._is_guess = True  # nothing was ever measured
        self._confirmations = 0
        self._doubts: list[tuple[Instant, int]] = []
        self._fits = False  # the last measurement agrees with what is believed
        self._sure_from = 0  # monotonic: the time after measurements disagreed is over
        self._impossible = 0  # looks in a row at clocks that differ by more than any zone does

    # ------------------------------------------------------------ looking

    def look(self, ticks: Mapping[str, int], now: Instant, steady_seconds: float) -> None:
        """One look at the ticks of all symbols: the time of each on the broker's clock, by symbol."""
        elapsed = round(steady_seconds * SECOND)
        known = self._ticks
        new = {name: time for name, time in ticks.items() if name not in known or known[name].server_time != time}
        newest = max((time for name, time in new.items() if name in known), default=None)
        if self._is_guess and new:
            self._guess(max(new.values()), now)
        if newest is not None:
            self._measure(newest - now, now, elapsed)
        self._lead.look(newest, elapsed, is_vouched_for=newest is not None and self._fits)
        for name, time in new.items():
            known[name] = SeenTick(time, now - self._age(time, now, elapsed, has_moved=name in known))

    def quote_time(self, symbol: str) -> Instant:
        """When the symbol's newest tick was made. Raises ``KeyError`` before it was looked at."""
        return self._ticks[symbol].quote_time

    # ------------------------------------------------------------ what is known

    @property
    def is_measured(self) -> bool:
        """True when live ticks have shown the offset at least once."""
        return not self._is_guess

    def is_sure(self, steady_seconds: float) -> bool:
        """True when the offset was measured, and nothing has contradicted it for a day."""
        return self.is_measured and self._fits and steady_seconds * SECOND >= self._sure_from

    @property
    def is_impossible(self) -> bool:
        """True while live ticks say that one of the two clocks is wrong: they differ by more than any zone does."""
        return self._impossible >= IMPOSSIBLE

    def offset_seconds(self, now: Instant) -> float:
        """What the broker's clock is believed to be ahead of UTC."""
        return self._rule.offset(now) / SECOND

    def utc(self, server_time: int) -> Instant:
        """The instant at which the broker's clock showed this."""
        for period in reversed(self._periods[1:]):
            at = period.rule.utc(server_time)
            if at >= period.since:
                return at
        return self._periods[0].rule.utc(server_time)

    def server_time(self, at: Instant) -> int:
        """What the broker's clock shows at an instant."""
        rule = next((p.rule for p in reversed(self._periods[1:]) if at >= p.since), self._periods[0].rule)
        return at + rule.offset(at)

    def server_now(self, now: Instant, steady_seconds: float) -> int:
        """What the broker's clock shows now; while it is in doubt, what it has shown for certain."""
        if self._ticks and (self._doubts or self._lead.is_doubted):
            return max(tick.server_time for tick in self._ticks.values())
        lead = self._lead.lead
        return now + self._rule.offset(now) if lead is None else lead + round(steady_seconds * SECOND)

    # ------------------------------------------------------------ how

    @property
    def _rule(self) -> Rule:
        return self._periods[-1].rule

    def _age(self, server_time: int, now: Instant, elapsed: int, *, has_moved: bool) -> int:
        """How old a tick is. One that has moved, and is ahead of the wall's clock, is of this moment."""
        by_monotonic = self._lead.age(server_time, elapsed)
        since = now - self.utc(server_time)
        if self._is_recorded and has_moved:
            return max(0, since) if self.is_measured else 0
        is_known = self.is_measured and (self._fits or (has_moved and since < 0))
        by_wall = max(0, since) if is_known else None
        return min((age for age in (by_monotonic, by_wall) if age is not None), default=UNPROVEN_AGE)

    def _guess(self, newest: int, now: Instant) -> None:
        """The commonest rule; where that puts a tick into the future, the smallest offset that does not."""
        rule = NEW_YORK_PLUS_7
        if rule.utc(newest) > now + JITTER:
            needed = -(-(newest - now - JITTER) // QUARTER) * QUARTER
            rule = rules_for(min(needed, HIGHEST_OFFSET), now)[0]
        if rule != self._rule:
            self._periods, self._confirmations = [Period(0, rule)], 0

    def _measure(self, ahead: int, now: Instant, elapsed: int) -> None:
        offset = round(ahead / QUARTER) * QUARTER
        self._fits = False
        self._impossible = self._impossible + 1 if abs(ahead) > HIGHEST_OFFSET + JITTER else 0
        if self._impossible or abs(ahead - offset) > JITTER:
            self._doubts.clear()
            self._sure_from = elapsed + DAY
            return
        if offset == self._rule.offset(now):
            self._doubts.clear()
            self._confirmations += 1
            needed = CONFIRMING if self._rule == NEW_YORK_PLUS_7 else AGREEING
            self._fits = self.is_measured or self._confirmations >= needed
            if self._fits:
                self._note(offset, now)
            return
        self._sure_from = elapsed + DAY if self.is_measured else 0
        if self._doubts and self._doubts[-1][1] != offset:
            self._doubts.clear()
        self._doubts.append((now, offset))
        if len(self._doubts) >= AGREEING:
            self._adopt(offset, now)

    def _note(self, offset: int, now: Instant) -> None:
        self._is_guess = False
        facts = self._periods[-1].facts
        if not facts or now - facts[-1][0] >= FACT_EVERY:
            facts.append((now, offset))
            del facts[:-MOST_FACTS]

    def _adopt(self, offset: int, now: Instant) -> None:
        """Believe another offset: a rule that fits everything that was measured, or a new one from now on."""
        period, since = self._periods[-1], self._doubts[0][0]
        fitting = [rule for rule in rules_for(offset, now) if all(rule.offset(at) == was for at, was in period.facts)]
        if fitting:
            period.rule = fitting[0]
        else:
            self._periods.append(Period(since, rules_for(offset, now)[0]))
            del self._periods[:-MOST_PERIODS]
        self._periods[-1].facts.append((now, offset))
        self._is_guess, self._fits = False, True
        self._doubts.clear()
