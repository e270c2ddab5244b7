"""What each kind of source knows about the market's mood, and what it says of one commodity at one instant.

A source is read now and then; what it knows is judged at every bar. So each kind here keeps instants with what it
knows and answers for any `now`, from what had been published by then: a replay over the same file sees no future.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import TypeAlias

from trading.market import SECOND, Instant, iso
from trading.sentiment import NEUTRAL_SENTIMENT, Sentiment, SourceReading

NEUTRAL_HEADLINES = 2.0
"""So many headlines of no tone are counted along: one headline alone is not the mood of a market."""

LEAST_REPORTS = 52
"""Fewer weekly positions give no rank that means anything."""


@dataclass(frozen=True, slots=True)
class Said:
    """What a source says about one commodity."""

    bullishness: float | None  # 0 to 1; None: nothing
    at: Instant | None  # when that became known; None: nothing is
    why: str = ""  # in words, where it says nothing


@dataclass(frozen=True, slots=True)
class Headline:
    """One headline, and its tone by commodity: -1 is bad for the price, 1 good. Only those it speaks of."""

    at: Instant
    title: str
    tones: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Headlines:
    """The headlines of a feed, oldest first."""

    items: tuple[Headline, ...]
    half_life_seconds: float
    max_age_seconds: float

    def said(self, commodity: str, now: Instant) -> Said:
        """The mean tone, each headline counting for 2^(-age / half-life), as a bullishness around one half."""
        oldest = now - round(self.max_age_seconds * SECOND)
        first = bisect_right(self.items, oldest - 1, key=attrgetter("at"))
        total, weights, newest = 0.0, NEUTRAL_HEADLINES, None
        for headline in self.items[first : bisect_right(self.items, now, key=attrgetter("at"))]:
            tone = headline.tones.get(commodity)
            if tone is not None:
                weight = 0.5 ** ((now - headline.at) / SECOND / self.half_life_seconds)
                total += weight * tone
                weights += weight
                newest = headline.at
        if newest is None:
            return Said(None, None, "no headline speaks of it")
        return Said(0.5 + 0.5 * total / weights, newest)


@dataclass(frozen=True, slots=True)
class PositionReport:
    """The speculators' net position in one contract in one week."""

    released_at: Instant
    as_of: str  # the date that it counts the positions of
    net_contracts: int
    rank: float | None  # its place among the reports of the last years, 0 to 1; None: they are too few


@dataclass(frozen=True, slots=True)
class Positions:
    """The reports of every contract, oldest release first, and which contracts a commodity goes with."""

    reports: Mapping[str, tuple[PositionReport, ...]]  # by contract code
    contracts: Mapping[str, Mapping[str, int]]  # by commodity: contract code to 1 (rises with it) or -1

    def said(self, commodity: str, now: Instant) -> Said:
        """The mean rank of the commodity's contracts, by the newest report of each that was released by ``now``."""
        signs = self.contracts.get(commodity)
        if not signs:
            return Said(None, None, "no contract goes with it")
        ranks: list[float] = []
        released: list[Instant] = []
        for code, sign in signs.items():
            known = self.reports.get(code, ())
            count = bisect_right(known, now, key=attrgetter("released_at"))
            if count == 0:
                return Said(None, None, f"no report of contract {code} is released")
            report = known[count - 1]
            if report.rank is None:
                return Said(None, None, f"contract {code} has less than {LEAST_REPORTS} weeks of reports")
            ranks.append(report.rank if sign > 0 else 1 - report.rank)
            released.append(report.released_at)
        return Said(sum(ranks) / len(ranks), min(released))


@dataclass(frozen=True, slots=True)
class EventWindow:
    """An event that matters, and when it is pending: from the first instant up to, not including, the last."""

    title: str
    currency: str  # empty: of all
    at: Instant
    starts_at: Instant
    ends_at: Instant
    commodities: tuple[str, ...]  # those that it concerns
    bars_opens: bool = False

    def concerns(self, commodity: str, now: Instant) -> bool:
        """True while the event is pending for this commodity."""
        return self.starts_at <= now < self.ends_at and commodity in self.commodities

    def as_detail(self) -> dict[str, object]:
        """For the journal: which event, when, and until when it bars."""
        return {"title": self.title, "currency": self.currency, "at": iso(self.at), "until": iso(self.ends_at)}

    def __str__(self) -> str:
        return f"{self.currency} {self.title} at {iso(self.at)}".lstrip()


@dataclass(frozen=True, slots=True)
class Events:
    """The events of a calendar that matter, in the order in which they begin to be pending."""

    windows: tuple[EventWindow, ...]
    last_at: Instant | None  # of any event in the calendar, whether it matters or not
    longest: int  # the longest window in milliseconds: what began longer ago than that is over

    @classmethod
    def of(cls, windows: Iterable[EventWindow], last_at: Instant | None) -> Events:
        """The events in their order."""
        ordered = tuple(sorted(windows, key=attrgetter("starts_at", "at", "currency", "title")))
        return cls(ordered, last_at, max((window.ends_at - window.starts_at for window in ordered), default=0))

    def said(self, commodity: str, now: Instant) -> Said:
        """No bullishness ever; whether it is pending tells `pending`. The calendar is as old as its last event."""
        if self.last_at is None:
            return Said(None, None, "it has no event")
        event = self.pending(commodity, now)
        return Said(None, min(self.last_at, now), "nothing is pending" if event is None else f"pending: {event}")

    def pending(self, commodity: str, now: Instant, *, only_bars: bool = False) -> EventWindow | None:
        """The first event that is pending; with ``only_bars`` among those that bar opens."""
        first = bisect_right(self.windows, now - self.longest - 1, key=attrgetter("starts_at"))
        for window in self.windows[first : bisect_right(self.windows, now, key=attrgetter("starts_at"))]:
            if window.concerns(commodity, now) and (window.bars_opens or not only_bars):
                return window
        return None


@dataclass(frozen=True, slots=True)
class PushedScore:
    """A score that another program has made."""

    commodity: str
    bullishness: float  # 0 to 1
    at: Instant
    source: str = ""


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores that were pushed, oldest first."""

    items: tuple[PushedScore, ...]

    def said(self, commodity: str, now: Instant) -> Said:
        """The newest one that had been made by ``now``."""
        for index in range(bisect_right(self.items, now, key=attrgetter("at")) - 1, -1, -1):
            score = self.items[index]
            if score.commodity == commodity:
                return Said(score.bullishness, score.at, score.source)
        return Said(None, None, "no score of it was pushed")


Knowledge: TypeAlias = Headlines | Positions | Events | Scores


def reading(
    name: str, weight: float, max_age_seconds: float, knowledge: Knowledge, commodity: str, now: Instant
) -> SourceReading:
    """What the source says, with its age in seconds; nothing where that is above ``max_age_seconds``, and why."""
    said = knowledge.said(commodity, now)
    age_seconds = None if said.at is None else (now - said.at) / SECOND
    if age_seconds is not None and age_seconds > max_age_seconds:
        return SourceReading(name, None, age_seconds, weight, f"absent: older than {max_age_seconds:g} s")
    if said.bullishness is None and not isinstance(knowledge, Events):
        return SourceReading(name, None, age_seconds, weight, f"absent: {said.why}")
    return SourceReading(name, said.bullishness, age_seconds, weight, said.why)


def combined(readings: Sequence[SourceReading], pending: EventWindow | None = None) -> Sentiment:
    """The weighted mean of what the sources say; absent where none says anything and no event is pending."""
    present = [(source.weight, source.bullishness) for source in readings if source.bullishness is not None]
    total = sum(weight for weight, _ in present)
    mean = sum(weight * bullishness for weight, bullishness in present) / total if present else NEUTRAL_SENTIMENT
    return Sentiment(
        bullishness=min(max(mean, 0.0), 1.0),
        event_pending=pending is not None,
        sources=tuple(readings),
        event="" if pending is None else str(pending),
        absent=not present and pending is None,
    )
