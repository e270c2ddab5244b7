"""Which clock wrote a file's times: found by laying its bars on the calendar of their market, week by week.

A market is shut at the same instants for everybody, so a week of bars whose clock is unknown fits its calendar in one
place: where bars and trading hours cover each other. For each week and each number of hours that a clock may be ahead,
the slots are counted in which the one has something and the other has not. (A slot is a quarter of an hour, or a bar
where that is longer.) Openings, closings and breaks within the day all count; a hole in the recording costs every clock
the same.

One week cannot tell Athens from New York plus seven hours; the few weeks a year in which summer time has begun in the
one and not in the other can. So the rules of clocks that brokers keep (fixed hours, or summer time on the dates of
Europe or of New York) compete over all weeks. A broker that moved to another clock is followed: the cheapest sequence
of rules is sought (A. Viterbi, "Error bounds for convolutional codes", IEEE Transactions on Information Theory 13,
1967), where a change costs as much as `CHANGE_WEEKS` weeks that are an hour off.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from feeds.clocks import FileClock, SkippedTime, broker_clock
from trading.bars import Instants
from trading.calendars import TradingTimes
from trading.market import DAY, HOUR, MINUTE, Instant, iso

SLOT = 15 * MINUTE  # of what a clock is ahead by, where bars are short enough to tell
EARLIEST_MINUTES, LATEST_MINUTES = -12 * 60, 14 * 60
WEEK = 7 * DAY
FIRST_SATURDAY_NOON = 2 * DAY + 12 * HOUR  # after Thursday, 1 January 1970: a week from there holds one week of trading
FEWEST_SLOTS_FRACTION = 0.5  # of a usual week: a week with less of it says nothing
FEWEST_WEEKS = 3
CHANGE_WEEKS = 6
SHUT_COST, LAST_HOUR_COST, MISSING_COST = 6, 3, 2  # of a slot
LEAST_SURE = 0.75  # of the weeks; below this nothing was measured

Costs: TypeAlias = NDArray[np.int64]


class NotMeasurable(ValueError):
    """The bars do not tell their clock; the message says why."""


@dataclass(frozen=True, slots=True)
class MeasuredClock:
    """The clocks that fit the weeks of a file best, in their order."""

    clocks: tuple[FileClock, ...]
    since: tuple[Instant, ...]  # what each clock shows when it begins; the first holds before, too
    weeks: int  # that could be measured
    fitting: int  # of these, the weeks that no other number of hours fits better
    runner_up: str  # the best other rule, in words
    runner_up_fitting: int
    telling_weeks: int  # weeks in which the two are not the same hours ahead

    @property
    def fraction(self) -> float:
        """Of the weeks, those that fit."""
        return self.fitting / self.weeks

    @property
    def is_utc(self) -> bool:
        """True where all weeks were written by UTC, or by a clock that no week tells from it."""
        return len(self.clocks) == 1 and self.clocks[0].name == "UTC+0"

    def __str__(self) -> str:
        parts = [self.clocks[0].name]
        parts += [f"{c.name} from {iso(at)[:10]}" for c, at in zip(self.clocks[1:], self.since[1:], strict=True)]
        said = f"{', then '.join(parts)}: fits {self.fitting} of {self.weeks} weeks ({100 * self.fraction:.1f} %)"
        if self.telling_weeks == 0:
            return f"{said}; {self.runner_up} fits as well, and no week tells them apart"
        return (
            f"{said}; next best {self.runner_up} with {self.runner_up_fitting}, "
            f"told apart by {self.telling_weeks} weeks"
        )

    def to_utc(self, local: Instants) -> Instants:
        """The instants (n,) of what the clocks showed. Raises `SkippedTime`."""
        found = np.empty_like(local)
        holds = np.searchsorted(np.array(self.since[1:], dtype=np.int64), local, side="right")
        for number, clock in enumerate(self.clocks):
            rows = np.flatnonzero(holds == number)
            try:
                found[rows] = clock.to_utc(local[rows])
            except SkippedTime as error:
                raise SkippedTime(int(rows[error.row]), clock.name) from error
        return found


def measured_clock(local: Instants, bar_length: int, times: TradingTimes) -> MeasuredClock:
    """The clock that shows ``local``, (n,) milliseconds since 1970 by itself, when the bars begin.

    ``times``: the commodity's, for two days more than the bars on both sides. Raises `NotMeasurable` for a market that
    never shuts, for bars longer than an hour, and where no clock fits.
    """
    if not times.ends_week:
        raise NotMeasurable(f"{times.name} never shuts, so its bars look the same by every clock")
    if bar_length > HOUR:
        raise NotMeasurable(f"a bar is {bar_length // 1_000} s long; expected at most an hour, to see when a day ends")
    slot = max(SLOT, bar_length)
    if HOUR % slot:
        raise NotMeasurable(f"a bar is {bar_length // 1_000} s long; expected a divisor of an hour")
    offsets = np.arange(EARLIEST_MINUTES * MINUTE, LATEST_MINUTES * MINUTE + 1, slot, dtype=np.int64)
    begins, costs = _costs(local, slot, offsets, times)
    if len(begins) < FEWEST_WEEKS:
        raise NotMeasurable(f"{len(begins)} whole weeks of bars; expected at least {FEWEST_WEEKS}")
    excess = costs - costs.min(axis=1, keepdims=True)
    rules = _rules(excess, offsets)
    at_rules = np.stack([_offset_columns(rule, begins, offsets) for rule in rules], axis=1)
    burden = np.take_along_axis(excess, at_rules, axis=1)  # (weeks, rules)
    path = _cheapest_path(burden, CHANGE_WEEKS * (SHUT_COST + MISSING_COST) * (HOUR // slot))
    fits = burden == 0
    fitting = int(np.count_nonzero(fits[np.arange(len(path)), path]))
    if fitting < LEAST_SURE * len(path):
        best = rules[int(np.bincount(path).argmax())].name
        raise NotMeasurable(
            f"the best of the known clocks, {best}, fits {fitting} of {len(path)} weeks; expected {LEAST_SURE:.0%}"
        )
    changes = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist()]
    usual = int(np.bincount(path).argmax())
    others = [index for index in np.argsort(burden.sum(axis=0), kind="stable").tolist() if index != usual]
    other = others[0] if others else usual
    return MeasuredClock(
        clocks=tuple(rules[path[week]] for week in changes),
        since=tuple(int(begins[week]) for week in changes),
        weeks=len(path),
        fitting=fitting,
        runner_up=rules[other].name,
        runner_up_fitting=int(np.count_nonzero(fits[:, other])),
        telling_weeks=int(np.count_nonzero(at_rules[:, usual] != at_rules[:, other])),
    )


def _costs(local: Instants, slot: int, offsets: Instants, times: TradingTimes) -> tuple[Instants, Costs]:
    """Where each week that has enough bars begins, (w,), and what does not fit, (w, offsets)."""
    first_week = (int(local.min()) - FIRST_SATURDAY_NOON) // WEEK
    last_week = (int(local.max()) - FIRST_SATURDAY_NOON) // WEEK
    origin = FIRST_SATURDAY_NOON + first_week * WEEK
    weeks, per_week = last_week - first_week + 1, WEEK // slot
    seen = np.zeros(weeks * per_week, dtype=np.bool_)
    seen[(local - origin) // slot] = True
    reach = -int(offsets[0]) // slot, int(offsets[-1]) // slot
    # Open slots in UTC: from the earliest instant that the first slot may mean, to the latest of the last one.
    grid = origin - int(offsets[-1]) + slot * np.arange(len(seen) + sum(reach), dtype=np.int64)
    within = np.clip(grid, times.first, times.last)
    is_open = times.are_open(within) & (within == grid)
    ends = is_open & ~times.are_open(np.minimum(within + HOUR, times.last))
    missing_cost = np.where(ends, LAST_HOUR_COST, np.where(is_open, MISSING_COST, 0))
    shut_cost = np.where(is_open, 0, SHUT_COST)
    filled = seen.reshape(weeks, per_week).sum(axis=1)
    usable = np.flatnonzero(filled >= FEWEST_SLOTS_FRACTION * np.median(filled[filled > 0]))
    costs = np.empty((len(usable), len(offsets)), dtype=np.int64)
    for column in range(len(offsets)):
        meant = slice(len(offsets) - 1 - column, len(offsets) - 1 - column + len(seen))
        cost = np.where(seen, shut_cost[meant], missing_cost[meant])
        costs[:, column] = cost.reshape(weeks, per_week).sum(axis=1)[usable]
    return origin + usable * WEEK, costs


def _rules(excess: Costs, offsets: Instants) -> list[FileClock]:
    """The clocks worth trying: winters that some weeks want, or an hour before what they want."""
    wanted = np.unique(np.argmin(excess, axis=1))
    counts = np.bincount(np.argmin(excess, axis=1), minlength=len(offsets))
    often = {int(offsets[index]) // MINUTE for index in wanted if counts[index] * 50 >= len(excess)}
    winters = sorted(often | {minutes - 60 for minutes in often})
    return [broker_clock(minutes, dates) for dates in ("", "EU", "US") for minutes in winters]


def _offset_columns(rule: FileClock, begins: Instants, offsets: Instants) -> NDArray[np.int64]:
    """Which of the offsets the rule has in the middle of each week, (w,)."""
    step = int(offsets[1] - offsets[0])
    ahead = np.array([rule.offset(int(at) + WEEK // 2) for at in begins], dtype=np.int64)
    return np.clip((ahead - int(offsets[0])) // step, 0, len(offsets) - 1)


def _cheapest_path(burden: Costs, change: int) -> NDArray[np.int64]:
    """The rule of each week, (w,), by which the burdens and the changes together are least."""
    weeks, rules = burden.shape
    before = np.zeros((weeks, rules), dtype=np.int64)
    total = burden[0].copy()
    for week in range(1, weeks):
        cheapest = int(np.argmin(total))
        moves = total > total[cheapest] + change
        before[week] = np.where(moves, cheapest, np.arange(rules))
        total = np.where(moves, total[cheapest] + change, total) + burden[week]
    path = np.empty(weeks, dtype=np.int64)
    path[-1] = int(np.argmin(total))
    for week in range(weeks - 1, 0, -1):
        path[week - 1] = before[week, path[week]]
    return path
