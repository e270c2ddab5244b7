"""The bars that `--data` names: which files, of which commodity each, how they were read, what was found in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from console.configuration import Configuration
from console.errors import CommandError
from console.file_names import named_commodity
from feeds.columns import Prices
from feeds.errors import FeedError
from feeds.faults import Finding
from feeds.files import FileBars, Reading, read_file
from feeds.market_calendars import CalendarStore
from feeds.spreads import SpreadModel, with_spread
from trading.bars import BadBars, BarSeries
from trading.calendars import TradingTimes
from trading.commodities import Commodity, UnknownCommodity, id_of, require_known
from trading.market import HOUR, iso
from trading.ticks import within_days

KINDS = (".csv", ".parquet")
GIVEN = re.compile(r"(?P<commodity>[A-Za-z0-9_]+)=(?P<path>.+)")


@dataclass(frozen=True, slots=True)
class DataSource:
    """One file that bars were read from."""

    name: str  # in words, for people
    commodity: str
    bars: int
    bar_seconds: int
    prices: str = "mid"  # what they are in the file
    clock: str = "UTC"  # in words
    spread: str = ""  # in words
    findings: tuple[Finding, ...] = ()

    def as_detail(self) -> dict[str, object]:
        """The same in JSON's types."""
        return {
            "name": self.name,
            "commodity": self.commodity,
            "bars": self.bars,
            "bar_seconds": self.bar_seconds,
            "prices": self.prices,
            "clock": self.clock,
            "spread": self.spread,
            "findings": [
                {"what": f.what, "count": f.count, "example": f.example, "left_out": f.left_out} for f in self.findings
            ],
        }


@dataclass(frozen=True, slots=True)
class HowToRead:
    """What the command line says about files."""

    clocks: Mapping[str, str]  # by commodity; of all others under ""
    spreads: Mapping[str, SpreadModel]  # likewise
    time_column: str | None = None
    prices: Prices | None = None
    keeps_going: bool = False


def files_named(
    words: Sequence[str], commodity: str | None, configuration: Configuration
) -> tuple[dict[str, Path], list[str]]:
    """The file of each commodity that ``words`` name (`FILE`, `DIRECTORY` or `ID=FILE`), and remarks about the others.

    ``commodity``: of the one file whose name does not tell. Raises `CommandError`.
    """
    found: dict[str, Path] = {}
    remarks: list[str] = []
    for word in words:
        given = None if Path(word).exists() else GIVEN.fullmatch(word)
        path = Path(given["path"] if given else word)
        if path.is_dir():
            if given or commodity:
                raise CommandError(f"--data: {path} is a directory; expected a file for one commodity")
            _take_directory(path, configuration, found, remarks)
            continue
        of = _id_of(given["commodity"] if given else commodity, configuration)
        if of is None:
            of = named_commodity(path, configuration.commodities)
        _take(found, of or "", path)
    if commodity and len(found) > 1:
        raise CommandError(f"--commodity is {commodity}; --data names {len(found)} files; expected ID=FILE for each")
    if not found:
        raise CommandError(f"--data: {', '.join(words)} has no bars of a known commodity. {' '.join(remarks)}".strip())
    return found, remarks


def _id_of(name: str | None, configuration: Configuration) -> str | None:
    """The id of the commodity that is meant, where one is; of a stranger its name in capitals."""
    return None if name is None else id_of(configuration.commodities, name) or name.upper()


def read_source(
    path: Path, commodity: str, how: HowToRead, configuration: Configuration
) -> tuple[BarSeries, DataSource]:
    """The bars of a file as mids with their spreads. Raises `CommandError` naming the file and what is at fault."""
    try:
        require_known([commodity], configuration.commodities, "--commodity")
        known = configuration.commodities[commodity]
        bars = read_file(path, commodity, _reading(known, configuration.calendars, how))
    except UnknownCommodity as error:
        raise CommandError(str(error)) from error
    except (BadBars, FeedError) as error:
        hint = "" if how.keeps_going or isinstance(error, FeedError) else "; --keep-going leaves such rows out"
        raise CommandError(f"{error}{hint}") from error
    if HOUR % bars.series.bar_length:
        raise CommandError(
            f"{path}: a bar is {bars.series.bar_seconds} s long; expected a divisor of an hour (3600 s), such as "
            "1 min, 15 min or 1 h"
        )
    model = how.spreads.get(commodity, how.spreads.get("", SpreadModel()))
    typical = known.typical_spread_points
    series = with_spread(bars.series, bars.prices, model, point=known.point, typical_points=typical)
    return series, _source(path.name, bars, series, model, known)


def found_in_trading_times(
    series: BarSeries, times: TradingTimes, windows_minutes: Iterable[float] = ()
) -> tuple[BarSeries, list[Finding]]:
    """The bars that begin while their market is open, with their ticks inside the trading days that they begin in; and
    what the calendar shows of the others and of the missing. ``windows_minutes``: as `within_days` takes them.
    """
    is_open = times.are_open(series.time)
    findings = []
    if not is_open.all():
        first = int(series.time[int(np.argmin(is_open))])
        count = int(np.count_nonzero(~is_open))
        findings.append(Finding("bars outside the trading times", count, f"{iso(first)}", left_out=True))
    kept = series.where(is_open)
    if len(kept):
        findings += _missing_days(kept, times)
    return within_days(kept, times, windows_minutes), findings


def _missing_days(series: BarSeries, times: TradingTimes) -> Iterable[Finding]:
    """Trading days between the first bar and the last that have none."""
    seen = np.unique(np.searchsorted(times.day_ends, series.time, side="right"))
    missing = np.setdiff1d(np.arange(seen[0], seen[-1]), seen, assume_unique=True)
    if len(missing):
        yield Finding("trading days without a bar", len(missing), times.dates[int(missing[0])].isoformat())


def _take_directory(path: Path, configuration: Configuration, found: dict[str, Path], remarks: list[str]) -> None:
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in KINDS and file.is_file())
    if not files:
        raise CommandError(f"--data: {path} has no .csv or .parquet file")
    for file in files:
        try:
            commodity = named_commodity(file, configuration.commodities)
        except CommandError as error:
            remarks.append(f"{file.name} is left out: {str(error).removesuffix('; give --commodity')}.")
            continue
        if commodity is None:
            remarks.append(f"{file.name} is left out: its name says no commodity; ID={file.name} would.")
        else:
            _take(found, commodity, file)


def _take(found: dict[str, Path], commodity: str, path: Path) -> None:
    if commodity in found:
        of = commodity or "a commodity that its name does not tell"
        raise CommandError(
            f"--data: {found[commodity].name} and {path.name} are both of {of}; expected one file a commodity"
        )
    found[commodity] = path


def _reading(commodity: Commodity, calendars: CalendarStore, how: HowToRead) -> Reading:
    return Reading(
        may_be_negative=commodity.may_be_negative,
        clock=how.clocks.get(commodity.id, how.clocks.get("")),
        time_column=how.time_column,
        prices=how.prices,
        keeps_going=how.keeps_going,
        calendar=lambda first, last: calendars.times(commodity, first, last),
    )


def _source(name: str, bars: FileBars, series: BarSeries, model: SpreadModel, commodity: Commodity) -> DataSource:
    known = series.spread[np.isfinite(series.spread)]
    typical = f"typical, {commodity.typical_spread_points:g} points"
    if model.usual is not None:
        spread = f"{model} points"
    elif len(known) == 0:
        spread = typical
    else:
        low, middle, high = (float(np.quantile(known, q)) / commodity.point for q in (0.01, 0.5, 0.99))
        spread = f"{bars.spread_in}: median {middle:.0f} points, 98 % from {low:.0f} to {high:.0f}"
        if len(known) < len(series):
            spread += f"; {len(series) - len(known):,} bars without one: {typical}"
    return replace(
        DataSource(name, series.commodity, len(series), series.bar_seconds),
        prices=bars.prices,
        clock=bars.clock,
        spread=spread,
        findings=bars.findings,
    )
