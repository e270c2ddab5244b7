"""Recorded bars as a market: where they come from, which accounts trade them, and how a driver walks through them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from connectors.base import Clock, ConnectorError
from connectors.paper import PaperConnector
from connectors.paper_book import BookUnavailable
from console.configuration import Configuration
from console.data_sources import DataSource, HowToRead, files_named, found_in_trading_times, read_source
from console.errors import CommandError
from feeds.sample import COMMODITY, sample_bars, sample_path
from feeds.synthetic import synthetic_bars
from trading.bars import BarSeries, Instants
from trading.closings import minutes_before
from trading.market import DAY, Instant, iso
from trading.opinion import Outlook
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, default_accounts
from trading.ticks import FOUR_TICKS, PHASES, driving_instants

log = logging.getLogger("watchbill.market")

SAMPLE_MISSING = (
    "the recorded EURUSD hours are not installed (pip install -e '.[sample]' brings them): "
    "this is a simulated market, seed {seed}"
)


@dataclass(frozen=True, slots=True)
class Recording:
    """Bars of one or more commodities, and where they come from."""

    series: Mapping[str, BarSeries]
    source: str  # in words, for people
    remark: str = ""  # what they should know about it
    skipped: int = 0  # bars outside the trading times, left out
    sources: tuple[DataSource, ...] = ()  # what was read, and what was found in it

    @property
    def bars(self) -> int:
        """How many bars there are in all."""
        return sum(len(series) for series in self.series.values())

    @property
    def first(self) -> Instant:
        """The opening of the first bar."""
        return min(int(series.time[0]) for series in self.series.values())

    @property
    def last(self) -> Instant:
        """The end of the last bar."""
        return max(series.end(len(series) - 1) for series in self.series.values())

    def instants(
        self, start: Instant, stop: Instant, poll_seconds: float = 1.0, ticks_per_bar: int = len(FOUR_TICKS)
    ) -> Instants:
        """When a driver moves its clock: every tick, every bar's end and the poll after it, both limits included."""
        return driving_instants(self.series.values(), start, stop, max(poll_seconds, 1.0), PHASES[ticks_per_bar])

    def bars_until(self, at: Instant) -> int:
        """How many bars have begun by ``at``."""
        return sum(int(np.searchsorted(series.time, at, side="right")) for series in self.series.values())

    def outlooks(self, settings: Settings | None = None) -> dict[str, Outlook]:
        """The readings of every series, computed once: they are causal, so no bar knows what comes after it."""
        return {name: Outlook(series, settings) for name, series in self.series.items()}


def sample_recording(how: HowToRead, configuration: Configuration) -> Recording:
    """The recorded hours of the extra `sample`. Raises `CommandError` when it is not installed."""
    path = sample_path()
    if path is None:
        raise CommandError("the sample is not installed; expected: pip install -e '.[sample]'")
    return replace(files_recording({COMMODITY: path}, how, configuration), source="recorded EURUSD hours")


def sample_or_simulated(seed: int) -> Recording:
    """The sample, or a simulated market in its place, which says so."""
    series = sample_bars()
    if series is not None:
        return Recording({series.commodity: series}, "recorded EURUSD hours")
    simulated = synthetic_bars(seed)
    return Recording({simulated.commodity: simulated}, "simulated EURUSD hours", SAMPLE_MISSING.format(seed=seed))


def files_recording(files: Mapping[str, Path], how: HowToRead, configuration: Configuration) -> Recording:
    """The bars of files, by commodity. Raises `CommandError` naming the file and what in it is at fault."""
    read = {name: read_source(path, name, how, configuration) for name, path in sorted(files.items())}
    words = ", ".join(str(path) for _, path in sorted(files.items()))
    sources = tuple(source for _, source in read.values())
    return Recording({name: series for name, (series, _) in read.items()}, words, sources=sources)


def in_trading_times(recording: Recording, configuration: Configuration) -> Recording:
    """The recording without bars that begin while their market is shut by the calendar: they are counted, and left out.

    What is left ticks inside its trading days (`trading.ticks.within_days`). Raises `CommandError` when no bar of a
    commodity is left.
    """
    kept, sources, settings = {}, [], configuration.settings
    known = {source.commodity: source for source in recording.sources}
    commodities = [configuration.commodities[name] for name in recording.series]
    times = configuration.calendars.times_of(commodities, recording.first - DAY, recording.last + DAY)
    for name, series in recording.series.items():
        windows = {minutes_before(settings, times[name], account.name, name) for account in settings.accounts}
        kept[name], findings = found_in_trading_times(series, times[name], windows)
        if len(kept[name]) == 0:
            raise CommandError(f"{recording.source}: every bar of {name} lies outside its trading times")
        source = known.get(name, DataSource(recording.source, name, len(series), series.bar_seconds))
        sources.append(replace(source, findings=(*source.findings, *findings)))
    skipped = recording.bars - sum(len(series) for series in kept.values())
    return replace(recording, series=kept, skipped=skipped, sources=tuple(sources))


def cut(recording: Recording, start: Instant | None, end: Instant | None) -> tuple[Instant, Instant]:
    """The first and the last instant to walk through, within the recording. Raises `CommandError` when none is left."""
    first = recording.first if start is None else max(start, recording.first)
    last = recording.last if end is None else min(end, recording.last)
    if first >= last:
        given = " and ".join(f"{name} {iso(at)}" for name, at in (("--from", start), ("--to", end)) if at is not None)
        raise CommandError(
            f"{given} leaves nothing of {recording.source}; expected something of {iso(recording.first)} "
            f"to {iso(recording.last)}"
        )
    return first, last


def first_judged(recording: Recording) -> Instant:
    """The opening of the first bar before which a bar can be judged: what is earlier is history to warm up on."""
    known = (_first_known(series) for series in recording.series.values())
    return min((at for at in known if at is not None), default=recording.first)


def warming_up(recording: Recording, first: Instant, last: Instant) -> list[str]:
    """Of which commodities bars from ``first`` to ``last`` cannot be judged yet, for want of bars before them."""
    remarks = []
    for name, series in recording.series.items():
        known = _first_known(series)
        end = last if known is None else min(known, last)
        bars = int(np.count_nonzero((series.time >= first) & (series.time < end)))
        if bars:
            before = int(np.count_nonzero(series.time < first))
            until = "not one of them is judged" if end == last else f"the first is judged at {iso(end)}"
            remarks.append(f"{name}: {bars:,} bars only warm up, since {before:,} are before them: {until}")
    return remarks


def _first_known(series: BarSeries) -> Instant | None:
    """The end of the first bar that can be judged; None where there is none."""
    outlook = Outlook(series)
    known = next((index for index in range(len(outlook)) if outlook.scores.known(index)), None)
    return None if known is None else series.end(known)


def settings_for(settings: Settings, recording: Recording) -> tuple[Settings, list[str]]:
    """The settings with the accounts that can trade the recording, each with the symbols that it has bars for; and
    remarks about what trades nothing.

    The accounts of the defaults, which nobody has chosen, trade whatever is recorded. Raises `CommandError` where no
    account that was chosen trades any of it.
    """
    accounts, remarks = [], []
    names = {name: name for name in recording.series}
    for account in settings.accounts:
        symbols = {name: symbol for name, symbol in account.symbols.items() if name in recording.series}
        if _are_of_the_defaults(settings):
            symbols = names
        missing = sorted(set(account.symbols) - set(symbols))
        if symbols and account.enabled:  # remote ones, too: they are paper accounts, and have their terms
            accounts.append(account.model_copy(update={"symbols": symbols}))
            if missing and not _are_of_the_defaults(settings):
                remarks.append(f"{account.name} does not trade {', '.join(missing)}: there are no bars of it")
        elif account.enabled:
            remarks.append(f"{account.name} trades nothing: there are no bars of {', '.join(missing)}")
    recorded = ", ".join(recording.series)
    if not accounts:
        example = next((account.name for account in settings.accounts if account.enabled), settings.accounts[0].name)
        first = next(iter(recording.series))
        raise CommandError(
            f"no enabled account of the settings trades {recorded}; expected a symbol for one of them, such as "
            f"--set accounts.{example}.symbols.{first}={first}"
        )
    traded = {name for account in accounts for name in account.symbols}
    remarks += [f"no account trades {name}: its prices only convert currencies" for name in names if name not in traded]
    return settings.model_copy(update={"accounts": tuple(accounts)}), remarks


def _are_of_the_defaults(settings: Settings) -> bool:
    """True where nobody has said which accounts there are and what they trade."""
    own = [(account.name, dict(account.symbols)) for account in settings.accounts]
    return own == [(account.name, dict(account.symbols)) for account in default_accounts()]


def market_recording(seed: int, data: Sequence[str], configuration: Configuration) -> Recording:
    """The market that enabled accounts are to trade in: what ``data`` names, the sample, or a simulated one.

    Says of files how they were read, and what was found in them. Raises `CommandError`.
    """
    read = _read_as_they_are(data, configuration) if data else sample_or_simulated(seed)
    recording = in_trading_times(read, configuration)
    if recording.remark:
        log.warning(recording.remark)
    for source in recording.sources if data else ():
        read_as = f"{source.bars:,} bars of {source.bar_seconds} s, clock: {source.clock}"
        found = "".join(f"; {finding}" for finding in source.findings)
        log.info("%s: %s, %s%s", source.name, source.commodity, read_as, found)
    require_bars(configuration.settings, recording)
    return recording


def _read_as_they_are(words: Sequence[str], configuration: Configuration) -> Recording:
    """Files of bars that say themselves how to read them; times without a zone are UTC. Raises `CommandError`."""
    files, remarks = files_named(words, None, configuration)
    for remark in remarks:
        log.warning(remark)
    if "" in files:
        name = files[""].name
        raise CommandError(f"--data: {name} names no commodity that is known; expected ID={name}")
    return files_recording(files, HowToRead({}, {}), configuration)


def require_bars(settings: Settings, recording: Recording) -> None:
    """Raise `CommandError` for an account that trades what the recording has no bars of."""
    for account in settings.accounts:
        for commodity in account.symbols:
            if account.enabled and commodity not in recording.series:
                raise CommandError(
                    f"account {account.name!r} trades {commodity}, but {recording.source} has no bars of it; "
                    f"expected only {', '.join(recording.series)}"
                )


def paper(
    account: AccountSettings, recording: Recording, configuration: Configuration, book: Path | None
) -> Callable[[Clock], PaperConnector]:
    """What makes the paper account over the recording, once there is a clock.

    That raises `CommandError` for an account that cannot be, and `BookUnavailable` while its book cannot be used.
    """

    def connect(clock: Clock) -> PaperConnector:
        try:
            return PaperConnector(
                account.name,
                account.paper,
                configuration.commodities,
                account.symbols,
                recording.series,
                clock,
                book,
            )
        except BookUnavailable:
            raise
        except ConnectorError as error:
            raise CommandError(str(error)) from error

    return connect
