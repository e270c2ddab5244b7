"""Recorded bars as a market: where they come from, which accounts trade them, and how a driver walks through them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from connectors.base import Clock, ConnectorError
from connectors.paper import PaperConnector
from connectors.paper_book import BookUnavailable
from console.configuration import Configuration
from console.errors import CommandError
from feeds.errors import FeedError
from feeds.files import read_bars
from feeds.sample import sample_bars
from feeds.synthetic import synthetic_bars
from trading.bars import BadBars, BarSeries, Instants
from trading.calendars import build
from trading.commodities import UnknownCommodity, require_known
from trading.market import DAY, HOUR, Instant, iso
from trading.opinion import Outlook
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, default_accounts
from trading.ticks import driving_instants

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

    def instants(self, start: Instant, stop: Instant, poll_seconds: float = 1.0) -> Instants:
        """When a driver moves its clock: every tick, every bar's end and the poll after it, both limits included."""
        return driving_instants(self.series.values(), start, stop, max(poll_seconds, 1.0))

    def bars_until(self, at: Instant) -> int:
        """How many bars have begun by ``at``."""
        return sum(int(np.searchsorted(series.time, at, side="right")) for series in self.series.values())

    def outlooks(self) -> dict[str, Outlook]:
        """The readings of every series, computed once: they are causal, so no bar knows what comes after it."""
        return {name: Outlook(series) for name, series in self.series.items()}


def sample_recording() -> Recording:
    """The recorded hours of the extra `sample`. Raises `CommandError` when it is not installed."""
    series = sample_bars()
    if series is None:
        raise CommandError("the sample is not installed; expected: pip install -e '.[sample]'")
    return Recording({series.commodity: series}, "recorded EURUSD hours")


def sample_or_simulated(seed: int) -> Recording:
    """The sample, or a simulated market in its place, which says so."""
    series = sample_bars()
    if series is not None:
        return Recording({series.commodity: series}, "recorded EURUSD hours")
    simulated = synthetic_bars(seed)
    return Recording({simulated.commodity: simulated}, "simulated EURUSD hours", SAMPLE_MISSING.format(seed=seed))


def file_recording(path: Path, commodity: str, configuration: Configuration) -> Recording:
    """The bars in a file. Raises `CommandError` naming the file and what in it is at fault."""
    try:
        require_known([commodity], configuration.commodities, "--commodity")
        series = read_bars(path, commodity, may_be_negative=configuration.commodities[commodity].may_be_negative)
    except (UnknownCommodity, BadBars, FeedError) as error:
        raise CommandError(str(error)) from error
    if HOUR % series.bar_length:
        raise CommandError(
            f"{path}: a bar is {series.bar_seconds} s long; expected a divisor of an hour (3600 s), such as 1 min, "
            "15 min or 1 h"
        )
    return Recording({commodity: series}, str(path))


def in_trading_times(recording: Recording, configuration: Configuration) -> Recording:
    """The recording without bars that begin while their market is shut by the calendar: they are counted, and left out.

    Raises `CommandError` when no bar of a commodity is left.
    """
    kept = {}
    for name, series in recording.series.items():
        times = build(configuration.commodities[name], recording.first - DAY, recording.last + DAY)
        kept[name] = series.where(times.are_open(series.time))
        if len(kept[name]) == 0:
            raise CommandError(f"{recording.source}: every bar of {name} lies outside its trading times")
    skipped = recording.bars - sum(len(series) for series in kept.values())
    return replace(recording, series=kept, skipped=skipped)


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
    starts = []
    for outlook in recording.outlooks().values():
        known = next((index for index in range(len(outlook)) if outlook.scores.known(index)), None)
        if known is not None:
            starts.append(outlook.features.bars.end(known))
    return min(starts, default=recording.first)


def settings_for(settings: Settings, recording: Recording) -> Settings:
    """The settings with the accounts that can trade the recording, each with the symbols that it has bars for.

    Where no enabled account trades any of it, the two paper accounts of the defaults do.
    """
    accounts = []
    for account in settings.accounts:
        symbols = {name: symbol for name, symbol in account.symbols.items() if name in recording.series}
        if symbols and account.enabled:  # remote ones, too: they are paper accounts, and have their terms
            accounts.append(account.model_copy(update={"symbols": symbols}))
    if not accounts:
        names = {name: name for name in recording.series}
        accounts = [account.model_copy(update={"symbols": names}) for account in default_accounts()]
    return settings.model_copy(update={"accounts": tuple(accounts)})


def market_recording(seed: int, configuration: Configuration) -> Recording:
    """The market that enabled accounts are to trade in: the sample, or a simulated one. Raises `CommandError`."""
    recording = in_trading_times(sample_or_simulated(seed), configuration)
    if recording.remark:
        log.warning(recording.remark)
    require_bars(configuration.settings, recording)
    return recording


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
