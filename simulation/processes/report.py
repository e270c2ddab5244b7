"""What a soak found: counts, times, and every contradiction with the seed of its world."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from simulation.processes.evidence import Tally

COUNTS = ("worlds", "rounds", "kills", "pauses", "pauses_in_a_transaction", "broker_kills", "still_unknown")


@dataclass(frozen=True, slots=True)
class Times:
    """Some durations in seconds."""

    runs: int
    least: float
    median: float
    most: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> Times | None:
        """Their extremes and their median; None of none."""
        if not seconds:
            return None
        return cls(len(seconds), min(seconds), statistics.median(seconds), max(seconds))

    def data(self) -> dict[str, float]:
        """As the one JSON object has them."""
        return {
            "runs": self.runs,
            "min_seconds": round(self.least, 3),
            "median_seconds": round(self.median, 3),
            "max_seconds": round(self.most, 3),
        }


@dataclass(slots=True)
class Report:
    """What came of one world, or of many added up."""

    worlds: int = 0
    rounds: int = 0
    kills: int = 0
    pauses: int = 0
    pauses_in_a_transaction: int = 0  # of these: with a SQLite file locked, so that nobody could take over
    broker_kills: int = 0
    struck_near: Counter[str] = field(default_factory=Counter)  # by the moment that was aimed at
    struck_with: Counter[str] = field(default_factory=Counter)  # by the state of each account's slot afterwards
    takeover_seconds: list[float] = field(default_factory=list)  # from the signal to the last first clean scan
    tally: Tally = field(default_factory=Tally)
    faults: list[str] = field(default_factory=list)  # contradictions, and whatever else should not have happened
    still_unknown: int = 0  # lost orders whose quarantine was not waited for

    def add(self, other: Report) -> None:
        """Count another world's in."""
        for name in COUNTS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.struck_near += other.struck_near
        self.struck_with += other.struck_with
        self.takeover_seconds += other.takeover_seconds
        self.tally.add(other.tally)
        self.faults += other.faults

    def in_words(self) -> str:
        """The figures that matter most, in one line."""
        return (
            f"{self.rounds} rounds, {self.kills} kills, {self.broker_kills} of the broker, {self.pauses} pauses; "
            f"{self.tally.opens} trades opened, {self.tally.closes} closed; {len(self.faults)} divergences"
        )

    def data(self) -> dict[str, Any]:
        """As the one JSON object has it."""
        times = Times.of(self.takeover_seconds)
        return {
            "worlds": self.worlds,
            "rounds": self.rounds,
            "kills": self.kills,
            "pauses": self.pauses,
            "pauses_in_a_transaction": self.pauses_in_a_transaction,
            "broker_kills": self.broker_kills,
            "struck_near": dict(sorted(self.struck_near.items())),
            "slots_when_struck": dict(sorted(self.struck_with.items())),
            "takeover": None if times is None else times.data(),
            "opens": self.tally.opens,
            "closes": self.tally.closes,
            "closed_by": dict(sorted(self.tally.closed_by.items())),
            "unknown_outcomes": self.tally.unknown,
            "unknown_outcomes_resolved": self.tally.unknown_resolved,
            "still_unknown": self.still_unknown,
            "divergences": self.faults,
        }
