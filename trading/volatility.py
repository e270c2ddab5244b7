"""How much a price will move in the hours to come, as far as its bars tell.

Markets have their hours: while London and New York both trade, an hour's variance is six times that of an hour in the
dead of night. So the variance of each bar is divided by what is usual for its time of day; what is left, the mood of
the market, is averaged; and a forecast multiplies back by the times of day that lie ahead.

- *Variance of a bar*, from its four prices, right whatever the drift within it (L. C. G. Rogers, S. E. Satchell,
  "Estimating variance from high, low and closing prices", Annals of Applied Probability 1, 1991)::

      ln(high / close) ln(high / open) + ln(low / close) ln(low / open)

- *Profile*: what each hour of the day is beside the others (`trading.day_profile`).
- *Mood*: the equal mix of four fading means, over 1/4, 1, 5 and 20 days of bars, each divided by its weights, so that
  its start is no guess. F. Corsi, "A simple approximate long-memory model of realized volatility", Journal of Financial
  Econometrics 7 (2009), mixes so with fitted weights; equal ones fit nothing. A bar of more than twenty times what was
  expected counts as twenty times: a jump says less of the hours to come than its size.

- *Few prices*: a bar that is made of a few prices misses the true extremes, and Rogers and Satchell's formula then says
  too little (L. C. G. Rogers, S. E. Satchell, Y. Yoon, "Estimating the volatility of stock prices", Applied Financial
  Economics 4, 1994). Where the squares of the moves from close to close have been above it, over some 120 days and at
  least 3,000 bars, the forecast is raised by their ratio. It is not lowered: on real hours the ratio is 0.9, for prices
  bounce between bid and ask, and yet over a day the forecast is right as it is.

Every value follows from its own past alone, and one bar at a time gives the same as all at once.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise

import numpy as np
from numpy.typing import NDArray

from trading.bars import BarSeries, Floats, Instants
from trading.checks import require_positive
from trading.day_profile import DayProfile
from trading.forecast_doubt import ForecastDoubt
from trading.market import DAY, HOUR, SECOND, Instant
from trading.probability import VARIANCE_UNCERTAINTY

MEMORIES_DAYS = (0.25, 1.0, 5.0, 20.0)
WARM_UP_DAYS = 5.0  # of bars
WARM_UP_BARS_LEAST = 5
MOST_AT_ONCE = 20.0  # times the mood; a bar that says more is held to it
LEAST_MOOD = 1e-30  # an hour's variance: in a market that stands so still there is nothing to compare with
MOVES_MEMORY_DAYS, MOVES_MEMORY_BARS_LEAST = 120.0, 3_000.0
MOVES_DOUBT = 1 / 6  # of that memory: the weight, at first, of moves that are just what the bars' ranges say


@dataclass(frozen=True, slots=True, eq=False)
class VolatilityForecast:
    """What is expected of one commodity's variance from the end of a bar on."""

    at: Instant  # the end of the bar from which it was made
    hourly_variance: float  # of log price, for one open hour of an average hour of the day
    profile: Floats  # (slots,) variance of each slot of the UTC day over its mean; mean 1 over the slots that trade
    uncertainty: float = VARIANCE_UNCERTAINTY  # standard deviation of the log of what the variance turns out to be

    def variance(self, spans: Iterable[tuple[Instant, Instant]]) -> float:
        """The variance of log price over these open spans of time, which are disjoint, each from first to last."""
        slots = self.profile.tolist()
        length = DAY // len(slots)
        passed = [0.0, *accumulate(slots)]  # by the end of each slot, from midnight on

        def slots_until(at: Instant, midnight: Instant) -> float:
            day, into_day = divmod(at - midnight, DAY)
            slot, into_slot = divmod(into_day, length)
            return float(day * passed[-1] + passed[slot] + slots[slot] * (into_slot / length))

        total = 0.0
        for start, end in spans:
            midnight = start - start % DAY
            total += slots_until(end, midnight) - slots_until(start, midnight)
        return self.hourly_variance * total * (length / HOUR)


@dataclass(frozen=True, slots=True, eq=False)
class ForecastPath:
    """The forecasts of n bars, each made at its end from it and those before it."""

    ends: Instants  # (n,) the ends of the bars
    hourly_variance: Floats  # (n,) NaN while warming up
    profiles: Floats  # (days, slots) of UTC
    day: NDArray[np.int64]  # (n,) which row of ``profiles`` is that of each bar
    uncertainty: Floats  # (n,) standard deviation of the log of what the variance turns out to be

    def __len__(self) -> int:
        return len(self.ends)

    def at(self, index: int) -> VolatilityForecast | None:
        """The forecast at the end of bar ``index``; None while warming up."""
        hourly = float(self.hourly_variance[index])
        if math.isnan(hourly):
            return None
        uncertainty = float(self.uncertainty[index])
        return VolatilityForecast(int(self.ends[index]), hourly, self.profiles[self.day[index]], uncertainty)


def forecast_path(bars: BarSeries) -> ForecastPath:
    """The forecast at the end of every bar. Raises ``ValueError`` for no bars."""
    if len(bars) == 0:
        raise ValueError(f"there are no bars of {bars.commodity}; expected at least one")
    return Forecaster(bars.bar_seconds).absorbed(bars)


class Forecaster:
    """Forecasts as bars come, one or many at a time.

    A bar with a price at or below zero is passed over, for its variance is that of a logarithm which is not there;
    what is remembered stays.
    """

    __slots__ = (
        "_bars",
        "_day",
        "_day_expected",
        "_day_hourly",
        "_day_move",
        "_day_rates",
        "_day_slots",
        "_decays",
        "_doubt",
        "_fade",
        "_last",
        "_last_close",
        "_mood",
        "_moved",
        "_newest_hourly",
        "_profile",
        "_ranged",
        "_sums",
        "_warm_up_bars",
        "_weights",
        "bar_seconds",
        "forecast",
    )

    def __init__(self, bar_seconds: int) -> None:
        """Knows nothing yet. Raises ``ValueError`` for bars without a length."""
        require_positive(bar_seconds=bar_seconds)
        self.bar_seconds = bar_seconds
        self.forecast: VolatilityForecast | None = None  # at the end of the newest bar; None while warming up
        bars_a_day = DAY / (bar_seconds * SECOND)
        self._warm_up_bars = max(WARM_UP_BARS_LEAST, math.ceil(WARM_UP_DAYS * bars_a_day))
        self._decays = [math.exp(-1 / (days * bars_a_day)) for days in MEMORIES_DAYS]
        self._sums = [0.0 for _ in MEMORIES_DAYS]
        self._weights = [0.0 for _ in MEMORIES_DAYS]
        self._mood = math.nan
        self._bars = 0
        moves_memory = max(MOVES_MEMORY_DAYS * bars_a_day, MOVES_MEMORY_BARS_LEAST)
        self._fade = math.exp(-1 / moves_memory)
        self._moved = self._ranged = MOVES_DOUBT * moves_memory  # fading sums, both in moods
        self._last: Instant | None = None
        self._last_close = math.nan
        self._day: int | None = None
        self._day_slots: list[int] = []  # of each bar since the day began
        self._day_rates: list[float] = []  # the same bars' variances of an hour
        self._day_hourly = self._newest_hourly = math.nan  # the forecast with which the day began, and the newest
        self._day_move = self._day_expected = 0.0  # of the day's bars that follow one another: log price, and hours
        self._profile = DayProfile(bar_seconds * SECOND)
        self._doubt = ForecastDoubt()

    def update(self, bars: BarSeries) -> None:
        """Take in the bars, all completed, that are newer than those seen. Raises ``ValueError`` for another length."""
        if bars.bar_seconds != self.bar_seconds:
            raise ValueError(f"bar_seconds is {bars.bar_seconds}; expected {self.bar_seconds}, as of the bars before")
        seen = 0 if self._last is None else int(np.searchsorted(bars.time, self._last, side="right"))
        if seen < len(bars):
            self.absorbed(bars.window(seen, len(bars)))

    def absorbed(self, bars: BarSeries) -> ForecastPath:
        """The forecasts at the ends of these bars, all newer than those seen, which from now on are seen."""
        bars_an_hour = HOUR / bars.bar_length
        rates, moves = rogers_satchell(bars) * bars_an_hour, self._moves(bars) * math.sqrt(bars_an_hour)
        days, slots, early = self._profile.places(bars.time)
        starts = np.flatnonzero(np.diff(days, prepend=days[:1] - 1))
        hourly = np.empty(len(bars))
        profiles = np.empty((len(starts), self._profile.slots))
        uncertainties = np.empty(len(starts))
        for row, (first, last) in enumerate(pairwise([*starts.tolist(), len(bars)])):
            if days[first] != self._day:
                self._begin(int(days[first]))
            profiles[row] = self._profile.in_utc(int(early[first]))
            uncertainties[row] = self._doubt.uncertainty
            hourly[first:last] = self._hourly(*(column[first:last].tolist() for column in (rates, moves, slots)))
        day = np.repeat(np.arange(len(starts)), np.diff(starts, append=len(bars)))
        path = ForecastPath(bars.time + bars.bar_length, hourly, profiles, day, uncertainties[day])
        self._last, self._last_close = int(bars.time[-1]), float(bars.close[-1])
        self.forecast = path.at(len(path) - 1)
        return path

    def _begin(self, day: int) -> None:
        """A new day: its profile and its uncertainty are what the days before it taught."""
        if self._mood > LEAST_MOOD and self._day_slots:
            self._profile.learn(self._day_slots, self._day_rates, self._mood)
        expected = self._day_hourly * self._day_expected
        if expected > LEAST_MOOD:
            self._doubt.observe(self._day_move / math.sqrt(expected))
        self._day = day
        self._day_slots, self._day_rates = [], []
        self._day_move = self._day_expected = 0.0
        self._day_hourly = self._newest_hourly

    def _moves(self, bars: BarSeries) -> Floats:
        """The log moves from close to close, (n,); NaN after a gap, and where there is no logarithm."""
        closes = np.concatenate(([self._last_close], bars.close))
        before = bars.time[0] - bars.bar_length if self._last is None else self._last
        usable = (np.diff(bars.time, prepend=before) == bars.bar_length) & (closes[1:] > 0) & (closes[:-1] > 0)
        ratios = np.divide(closes[1:], closes[:-1], out=np.full(len(bars), np.nan), where=usable)
        moves: Floats = np.log(ratios)
        return moves

    def _hourly(self, rates: Sequence[float], moves: Sequence[float], slots: Sequence[int]) -> list[float]:
        """The forecast variance of an hour after each bar of one day; NaN while warming up.

        ``rates`` are the bars' variances of an hour, and ``moves``, too, are per root of an hour.
        """
        factors = self._profile.factors.tolist()
        sums, weights, mood = self._sums, self._weights, self._mood
        memories = list(enumerate(self._decays))
        fade, moved, ranged = self._fade, self._moved, self._ranged
        result = []
        for rate, move, slot in zip(rates, moves, slots, strict=True):
            if not math.isnan(rate):
                factor = factors[slot]
                said = rate / factor
                self._day_slots.append(slot)
                self._day_rates.append(rate)
                if mood > LEAST_MOOD and self._bars >= self._warm_up_bars:
                    most = MOST_AT_ONCE * mood
                    said = min(said, most)
                    if not math.isnan(move):
                        most_moved = most * max(moved / ranged, 1.0)
                        moved = moved * fade + min(move * move / factor, most_moved) / mood
                        ranged = ranged * fade + said / mood
                        self._day_move += move
                        self._day_expected += factor
                mood = 0.0
                for memory, decay in memories:
                    sums[memory] = total = sums[memory] * decay + said
                    weights[memory] = weight = weights[memory] * decay + 1.0
                    mood += total / weight
                mood /= len(memories)
                self._bars += 1
            result.append(mood * max(moved / ranged, 1.0) if self._bars >= self._warm_up_bars else math.nan)
        self._mood, self._moved, self._ranged, self._newest_hourly = mood, moved, ranged, result[-1]
        return result


def rogers_satchell(bars: BarSeries) -> Floats:
    """The variance of log price within each bar, (n,); NaN where a price is not above zero and has no logarithm."""
    positive = bars.low > 0
    opened, high, low, close = (
        np.log(np.where(positive, column, 1.0)) for column in (bars.open, bars.high, bars.low, bars.close)
    )
    return np.where(positive, (high - close) * (high - opened) + (low - close) * (low - opened), np.nan)
