"""Recorded bars to check forecasts on: of any instrument, in the catalogue or not, for nothing is traded on them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from console.configuration import Configuration
from console.data_sources import GIVEN
from console.errors import CommandError
from console.file_names import named_commodity
from feeds.errors import FeedError
from feeds.files import Reading, read_file
from trading.bars import BadBars, BarSeries, Floats
from trading.calendar_rules import CalendarRule, always_rule, fx_rule
from trading.calendars import TradingTimes, flatten
from trading.commodities import id_of
from trading.fx_day import FX_ZONE
from trading.market import DAY

SATURDAY = 5
EPOCH_WEEKDAY = 3  # 1 January 1970 was a Thursday
LEAST_AT_WEEKENDS = 0.05  # of the bars; in a market that never shuts a seventh of them are on Saturdays
MARGIN = 10 * DAY  # beyond the bars, so that the last day's end is known


@dataclass(frozen=True, slots=True, eq=False)
class RecordedSeries:
    """One file's bars within their market's hours, with what is assumed about them."""

    name: str  # of the file, without its extension; its path where two have the same
    bars: BarSeries
    spread: Floats  # (n,) in price units
    times: TradingTimes
    skipped: int  # bars outside the hours, left out
    remarks: tuple[str, ...]  # what was assumed


def read_all(files: Sequence[Path], commodity: str | None, configuration: Configuration) -> list[RecordedSeries]:
    """The series of every `FILE` or `ID=FILE`. Raises `CommandError` naming the file and what in it is at fault."""
    own = dict(map(_given, files))
    files = [_given(word)[0] for word in files]
    twice = next((path for path in files if files.count(path) > 1), None)
    if twice is not None:
        raise CommandError(f"--data names {twice} twice; expected each file once")
    stems = [path.stem for path in files]
    return [
        _read(path, path.stem if stems.count(path.stem) == 1 else str(path), own[path] or commodity, configuration)
        for path in files
    ]


def _given(word: Path) -> tuple[Path, str | None]:
    """The file that is meant, and the commodity that stands before it, if one does."""
    given = None if word.exists() else GIVEN.fullmatch(str(word))
    return (word, None) if given is None else (Path(given["path"]), given["commodity"].upper())


def _read(path: Path, shown: str, commodity: str | None, configuration: Configuration) -> RecordedSeries:
    remarks = []
    name = (commodity and id_of(configuration.commodities, commodity)) or commodity or _known(path, configuration)
    try:
        known = configuration.commodities.get(name or "")
        may_be_negative = known is not None and known.may_be_negative
        found = read_file(path, name or path.stem, Reading(may_be_negative))
    except (BadBars, FeedError) as error:
        raise CommandError(str(error)) from error
    bars = found.series
    first, last = int(bars.time[0]) - DAY, int(bars.time[-1]) + MARGIN
    if known is None:
        rule, words = _hours_of(bars)
        remarks.append(f"not in the catalogue: {words}")
        times, otherwise = flatten(bars.commodity, rule, first, last), 0.0
    else:
        times = configuration.calendars.times(known, first, last)
        otherwise = known.typical_spread_points * known.point
    inside = bars.where(times.are_open(bars.time))
    if len(inside) == 0:
        raise CommandError(f"{path}: every bar lies outside the trading times of {bars.commodity}")
    unknown = np.isnan(inside.spread)
    if unknown.any():
        share = f"{np.count_nonzero(unknown) / len(unknown):.0%} of the bars" if not unknown.all() else "the bars"
        remarks.append(f"{share} have no spread: it is taken as {otherwise:g}")
    spread = np.where(unknown, otherwise, inside.spread)
    remarks += map(str, found.findings)
    return RecordedSeries(shown, inside, spread, times, len(bars) - len(inside), tuple(remarks))


def _known(path: Path, configuration: Configuration) -> str | None:
    """The catalogue's commodity that the file is named after; None for another instrument, which needs no contract."""
    try:
        return named_commodity(path, configuration.commodities)
    except CommandError:
        return None


def _hours_of(bars: BarSeries) -> tuple[CalendarRule, str]:
    """The hours of a market that nobody has described, by whether it trades on Saturdays. Its days end as in FX."""
    weekdays = (bars.time // DAY + EPOCH_WEEKDAY) % 7
    if np.mean(weekdays == SATURDAY) > LEAST_AT_WEEKENDS:
        return always_rule(FX_ZONE), "by its bars on Saturdays, a market that never shuts"
    return fx_rule(), "the hours are those of FX"
