"""What can go wrong at a simulated broker, by name, how often, and the dice that decide it.

Faults of a call strike at random, at most one a call. Faults of the broker itself strike at random moments, whoever
calls. A rate is what an intensity of 1 means: a probability for each call, or a mean number of seconds in between.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from simulation import terminal_faults
from simulation.terminal_faults import FAULTS_OF_TERMINALS
from trading.market import SECOND

LOST_REQUEST = "lost_request"
LOST_REPLY = "lost_reply"
LOST_REJECTION = "lost_rejection"
LATE_ARRIVAL = "late_arrival"
LATE_EXECUTION = "late_execution"
SLOW_ORDER = "slow_order"
LATE_ANSWER = "late_answer"
DUPLICATE_DELIVERY = "duplicate_delivery"
REQUOTE = "requote"
PRICE_CHANGED = "price_changed"
REJECTED = "rejected"
PARTIAL_FILL = "partial_fill"
COMMENT_REWRITTEN = "comment_rewritten"
REFUSED_CLOSE = "refused_close"
PARTIAL_CLOSE = "partial_close"
FAILED_QUESTION = "failed_question"
HUNG_QUESTION = "hung_question"
SLOW_QUESTION = "slow_question"
LOST_FENCE = "lost_fence"
BAD_QUOTE = "bad_quote"
CLOSED_BY_HAND = "closed_by_hand"
OPENED_BY_HAND = "opened_by_hand"
STOPPED_OUT = "stopped_out"
CORRECTION = "correction"
HISTORY_BEHIND = "history_behind"
NETWORK_CUT = "network_cut"
RESTART = "restart"
MARKET_SHUT = "market_shut"
STALE_QUOTES = "stale_quotes"
JUMP = "jump"

FAULTS: dict[str, str] = {
    LOST_REQUEST: "an order is lost on its way; the caller is left without an answer",
    LOST_REPLY: "an order is executed, and the answer is lost",
    LOST_REJECTION: "an open is rejected, and the answer is lost: only the history knows",
    LATE_ARRIVAL: "an order reaches the broker's side long after it was sent, and is only then judged by its token",
    LATE_EXECUTION: "an order is accepted at once and executed much later, at times later than the quarantine",
    SLOW_ORDER: "an order is executed at once, and the answer takes its time, at most to the deadline",
    LATE_ANSWER: "an order is executed at once, and the answer comes after the deadline, and is heard all the same",
    DUPLICATE_DELIVERY: "an order is delivered twice",
    REQUOTE: "an order is refused, for the price is another",
    PRICE_CHANGED: "an order is refused, for the price has moved on",
    REJECTED: "an open is rejected",
    PARTIAL_FILL: "an open is executed in part",
    COMMENT_REWRITTEN: "an open is executed, under a comment of the broker's own",
    REFUSED_CLOSE: "a close is refused",
    PARTIAL_CLOSE: "a close is executed in part",
    FAILED_QUESTION: "a question gets no answer but an error",
    HUNG_QUESTION: "a question gets no answer before its deadline",
    SLOW_QUESTION: "a question is answered slowly",
    LOST_FENCE: "a token is raised, and the answer is lost",
    BAD_QUOTE: "a quote is crossed, infinite, zero, or not a number",
    CLOSED_BY_HAND: "a person closes a position, or a part of it",
    OPENED_BY_HAND: "a person opens a position",
    STOPPED_OUT: "the broker closes the worst position for want of margin",
    CORRECTION: "the broker books money on a position that is closed already",
    HISTORY_BEHIND: "orders and deals are not to be seen for a while, though positions are",
    NETWORK_CUT: "a process has no connection for a while",
    RESTART: "the broker restarts: connections are cut, orders that wait there are kept or lost",
    MARKET_SHUT: "a market is shut for a while, and opens again at another price",
    STALE_QUOTES: "quotes stand still, though the market moves and deals",
    JUMP: "a price jumps",
}
"""Every fault of a broker, by the name that `--faults` takes, with what it is."""

PROBABILITIES: dict[str, dict[str, float]] = {
    "open": {
        LOST_REQUEST: 0.06,
        LOST_REPLY: 0.10,
        LOST_REJECTION: 0.05,
        LATE_ARRIVAL: 0.05,
        LATE_EXECUTION: 0.08,
        SLOW_ORDER: 0.08,
        LATE_ANSWER: 0.04,
        DUPLICATE_DELIVERY: 0.06,
        REQUOTE: 0.06,
        PRICE_CHANGED: 0.04,
        REJECTED: 0.05,
        PARTIAL_FILL: 0.10,
        COMMENT_REWRITTEN: 0.10,
    },
    "close": {
        LOST_REQUEST: 0.06,
        LOST_REPLY: 0.10,
        LATE_ARRIVAL: 0.05,
        LATE_EXECUTION: 0.08,
        SLOW_ORDER: 0.08,
        LATE_ANSWER: 0.04,
        DUPLICATE_DELIVERY: 0.06,
        REQUOTE: 0.06,
        PRICE_CHANGED: 0.04,
        REFUSED_CLOSE: 0.08,
        PARTIAL_CLOSE: 0.10,
    },
    "question": {FAILED_QUESTION: 0.03, HUNG_QUESTION: 0.01, SLOW_QUESTION: 0.04},
    "fence": {LOST_FENCE: 0.2},  # besides what befalls every question
    "quotes": {BAD_QUOTE: 0.05},  # besides what befalls every question
    **terminal_faults.PROBABILITIES,
}
"""By kind of call, the probability of each fault at an intensity of 1."""

MEAN_SECONDS: dict[str, float] = {
    CLOSED_BY_HAND: 200,
    OPENED_BY_HAND: 240,
    STOPPED_OUT: 400,
    CORRECTION: 150,
    HISTORY_BEHIND: 150,
    NETWORK_CUT: 200,
    RESTART: 250,
    MARKET_SHUT: 250,
    STALE_QUOTES: 150,
    JUMP: 90,
    **terminal_faults.MEAN_SECONDS,
}
"""Of what the broker does by itself: the mean time in between at an intensity of 1."""

MOST_FAULTY = 0.85  # of the calls of one kind: some must succeed, or nothing is seen of what follows


@dataclass(frozen=True, slots=True)
class Chance:
    """One fault of a call."""

    fault: str
    below: float  # it strikes when a number from 0 to 1 is below this, and not below the one before


class Dice:
    """Decides what goes wrong. The same random numbers give the same faults."""

    def __init__(
        self, rng: random.Random, intensity: Mapping[str, float], *, impossible: Collection[tuple[str, str]] = ()
    ) -> None:
        """``intensity``: of each fault that may strike. ``impossible``: pairs of a call and a fault that never meet.

        Raises ``ValueError`` for a fault that there is not, and for a negative intensity.
        """
        for fault, value in intensity.items():
            if fault not in FAULTS and fault not in FAULTS_OF_TERMINALS:
                raise ValueError(f"faults: there is no {fault!r}; expected some of {', '.join(FAULTS)}")
            if not value >= 0:
                raise ValueError(f"faults: {fault} is {value}; expected 0 or more")
        self.rng = rng
        self.on_strike: Callable[[str], None] = _unheard  # told the name of each fault that strikes
        self._intensity = dict(intensity)
        self._chances = {
            call: _chances({f: p for f, p in of_call.items() if (call, f) not in impossible}, intensity)
            for call, of_call in PROBABILITIES.items()
        }

    def behave(self) -> None:
        """Nothing goes wrong any more."""
        self._intensity.clear()
        self._chances = dict.fromkeys(self._chances, ())

    def of_call(self, call: str) -> str | None:
        """What goes wrong with this call, if anything."""
        chances = self._chances[call]
        if not chances:
            return None
        number = self.rng.random()
        for chance in chances:
            if number < chance.below:
                self.on_strike(chance.fault)
                return chance.fault
        return None

    def strikes(self, fault: str) -> bool:
        """Whether this fault of the broker itself happens at all."""
        return self._intensity.get(fault, 0.0) > 0

    def pause(self, fault: str) -> int:
        """How many milliseconds from now such a fault strikes next. Only for one that `strikes`."""
        mean = MEAN_SECONDS[fault] * SECOND / self._intensity[fault]
        return self.rng.randrange(1, max(2, round(2 * mean)))

    def milliseconds(self, least_seconds: float, most_seconds: float) -> int:
        """A duration in between, in milliseconds."""
        return self.rng.randrange(round(least_seconds * SECOND), round(most_seconds * SECOND))

    def seconds(self, most: float) -> float:
        """A duration from nothing up to so long, in seconds."""
        return self.rng.random() * most

    def coin(self) -> bool:
        """One or the other."""
        return self.rng.random() < 0.5


def _unheard(fault: str) -> None:
    """Nobody is told."""


def _chances(probabilities: Mapping[str, float], intensity: Mapping[str, float]) -> tuple[Chance, ...]:
    weights = [(f, p * intensity[f]) for f, p in probabilities.items() if intensity.get(f, 0.0) > 0]
    total = sum(weight for _, weight in weights)
    scale = 1.0 if total <= MOST_FAULTY else MOST_FAULTY / total
    chances = []
    below = 0.0
    for fault, weight in weights:
        below += weight * scale
        chances.append(Chance(fault, below))
    return tuple(chances)
