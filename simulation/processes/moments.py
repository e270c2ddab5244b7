"""When to strike: moments near the commits and sends that matter, and any others, drawn from a seed.

A log line of the program comes right after its commit and right before what follows from it; a few milliseconds later
the next commit or the next order is under way. Uniform moments alone would hit mostly idle time.
"""

from __future__ import annotations

import random
import time
from dataclasses import dataclass
from enum import StrEnum

from simulation.processes.program import Program, Silence

PATIENCE_SECONDS = 6.0  # for the line; after that the strike comes anyway


class Near(StrEnum):
    """What the program is about to do when it is struck."""

    DECISION = "decision"  # reserve, write the row, send the order
    OPENED = "opened"  # give the slot back
    CLOSING = "closing"  # send the close
    CLOSED = "closed"  # tell the others; often open again
    TAKEOVER = "takeover"  # recover
    ANYTHING = "anything"


LINES: dict[Near, str] = {
    Near.DECISION: r"^\w+ (buy|sell): \w+ by ",
    Near.OPENED: ": submitted to open,",
    Near.CLOSING: ": open to closing",
    Near.CLOSED: ": closing to closed,",
}
WEIGHTS: dict[Near, float] = {
    Near.DECISION: 5,
    Near.OPENED: 1,
    Near.CLOSING: 4,
    Near.CLOSED: 1,
    Near.TAKEOVER: 1,
    Near.ANYTHING: 2,
}
MOST_LINES = 5  # the strike follows one of the first so many lines of its kind
LONGEST_AFTER_LINE_SECONDS = 0.03  # some commits, an order and its answer
LONGEST_AFTER_TAKEOVER_SECONDS = 0.3
LONGEST_ANYTHING_SECONDS = 1.5


@dataclass(frozen=True, slots=True)
class Moment:
    """One moment: so many lines of a kind after the takeover, and a little later."""

    near: Near
    lines: int
    delay_seconds: float

    def wait(self, leader: Program, since: int) -> None:
        """Until the moment comes in the term of ``leader`` that began at the mark ``since``."""
        try:
            for pattern in [LINES[self.near]] * self.lines if self.near in LINES else []:
                found, _ = leader.wait_for(pattern, PATIENCE_SECONDS, since=since)
                since = found.number + 1
        except Silence:
            return  # the market may be shut: any moment is as good
        time.sleep(self.delay_seconds)


def draw(rng: random.Random) -> Moment:
    """A moment, by `WEIGHTS`."""
    near = rng.choices(list(WEIGHTS), list(WEIGHTS.values()))[0]
    longest = {Near.TAKEOVER: LONGEST_AFTER_TAKEOVER_SECONDS, Near.ANYTHING: LONGEST_ANYTHING_SECONDS}
    return Moment(near, rng.randint(1, MOST_LINES), rng.uniform(0, longest.get(near, LONGEST_AFTER_LINE_SECONDS)))


def rest(seconds: float) -> None:
    """Let the programs go on for so long."""
    time.sleep(seconds)
