"""`run.py replay`: the whole lifecycle over recorded bars, in virtual time or on threads, and what came of it."""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actors.system.alerts import Alert
from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from actors.virtual_crew import IN_MEMORY, Connect, VirtualCrew, market_for
from actors.wiring import Parts, crew_specs, journal_alert, lead, reservation_spec
from connectors.base import Connector
from console import calibration_ledger, sentiment_sources
from console.arguments import DEFAULT_COMMODITY, Replay
from console.configuration import Configuration
from console.data_sources import HowToRead, files_named
from console.errors import CommandError, TryAgain
from console.output import Output
from console.recorded import (
    Recording,
    cut,
    files_recording,
    in_trading_times,
    paper,
    sample_recording,
    settings_for,
    warming_up,
)
from console.replay_figures import report
from console.replay_report import replay_page, require_place, write_page
from console.replay_report_data import chart_data
from console.summary import render
from console.walk import Crew, most_ticks_per_bar, walk_through
from feeds.files import LOOKS_LIKE, NO_EFFECT
from feeds.reading import FeedReader
from feeds.spreads import UnknownSpread, spread_model
from persistence.ledger import Ledger
from trading.commodities import id_of
from trading.market import Instant
from trading.settings import Settings

QUIET_SECONDS = 60.0


def run(arguments: Replay, configuration: Configuration, output: Output) -> int:
    """Replay, show the closing table, and return the exit code."""
    if arguments.report:
        require_place(arguments.report)
    recording = in_trading_times(_recording(arguments, configuration, output), configuration)
    first, last = cut(recording, arguments.start, arguments.end)
    settings, remarks = settings_for(configuration.settings, recording)
    say(output, recording, [*remarks, *warming_up(recording, first, last)])
    scene = Scene(settings, configuration, recording, first, last, _ledger_url(arguments.ledger), arguments.seed)
    hosted = on_threads if arguments.threads else in_virtual_time
    with quiet_alerts(), hosted(scene) as crew:
        with _progress(output, recording, first, last) as advance:
            walk = walk_through(
                crew,
                recording,
                first,
                last,
                advance,
                poll_seconds=settings.price_poll_seconds,
                ticks_per_bar=most_ticks_per_bar(settings),
            )
        last = last if walk.broken_off_at is None else walk.broken_off_at
        figures = report(crew.ledger, recording, settings, walk, first, last, crew.connectors)
        if arguments.report or arguments.json:
            figures["calibration"] = calibration_ledger.figures(crew.ledger)
        if arguments.report:
            drawn = chart_data(crew.ledger, recording, configuration.commodities, walk.equity, first, last)
            write_page(arguments.report, replay_page(figures, drawn, settings, configuration.source))
            output.aside.print(f"report: {arguments.report}", highlight=False, markup=False, soft_wrap=True)
        output.show(figures, render)
    return _say_crashed(output, figures["crashed"])


def _say_crashed(output: Output, crashed: Mapping[str, str]) -> int:
    """The exit code: what came of a program with a defect must not pass for what the settings bring."""
    for actor, said in crashed.items():
        line = f"error: {actor} {said}; the replay ends there, and its figures mean nothing"
        output.aside.print(line, highlight=False, markup=False, soft_wrap=True)
    return TryAgain.exit_code if crashed else 0


@contextmanager
def quiet_alerts() -> Iterator[None]:
    """Years pass in minutes, and with them every alert of years: the journal has them, and the figures count them."""
    log = logging.getLogger("watchbill.actors")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


def say(output: Output, recording: Recording, remarks: Sequence[str]) -> None:
    """What a reader of the figures has to know about the bars and the accounts, on standard error."""
    for source in recording.sources:
        if source.clock.startswith("measured"):
            output.aside.print(f"{source.name}: {source.clock}", highlight=False, markup=False, soft_wrap=True)
        elif LOOKS_LIKE in source.clock or source.clock.endswith(NO_EFFECT):
            read = "read" if source.clock.endswith(NO_EFFECT) else "read as"
            said = f"{source.name}: {read} {source.clock} (--time-zone)"
            output.aside.print(said, highlight=False, markup=False, soft_wrap=True)
        for finding in source.findings:
            output.aside.print(
                f"{source.name} ({source.commodity}): {finding}", highlight=False, markup=False, soft_wrap=True
            )
    for remark in remarks:
        output.aside.print(remark, highlight=False, markup=False, soft_wrap=True)


@dataclass(frozen=True, slots=True)
class Scene:
    """What is replayed."""

    settings: Settings
    configuration: Configuration
    recording: Recording
    first: Instant
    last: Instant
    database_url: str = IN_MEMORY
    seed: int = 0

    def feeds(self) -> dict[str, FeedReader]:
        """The files that sentiment comes from, as they are now: each tells at what instant what was known."""
        return sentiment_sources.readers(self.settings, self.configuration.commodities, recorded=True)

    def connect(self) -> dict[str, Connect]:
        """The paper accounts, each with a new book in memory."""
        return {
            account.name: paper(account, self.recording, self.configuration, None) for account in self.settings.accounts
        }


@contextmanager
def in_virtual_time(scene: Scene) -> Iterator[Crew]:
    """The crew in one thread, on virtual time: fast, and the same to the byte each time."""
    with VirtualCrew(
        scene.settings,
        scene.configuration.commodities,
        scene.connect(),
        scene.first,
        until=scene.last,
        seed=scene.seed,
        database_url=scene.database_url,
        outlooks=scene.recording.outlooks(scene.settings),
        ticking=True,
        feeds=scene.feeds(),
        calendars=scene.configuration.calendars,
    ) as crew:
        yield crew


@dataclass(frozen=True, slots=True)
class ThreadedCrew:
    """The crew on threads, as in production; market time moves when all mailboxes are quiet."""

    ledger: Ledger
    connectors: Mapping[str, Connector]
    runtime: ThreadedRuntime
    system: System

    @property
    def defect(self) -> Alert | None:
        """The first alert that tells of a defect."""
        return next((alert for alert in self.system.alerts if alert.is_defect), None)

    def advance_to(self, at: Instant) -> None:
        """Move market time to ``at``, and wait until all that follows from it has been done."""
        self.runtime.advance_to(at, QUIET_SECONDS)

    def undisturbed_until(self, limit: Instant) -> Instant:
        """On threads every tick is shown."""
        return min(self.runtime.now() + 1, limit)


@contextmanager
def on_threads(scene: Scene) -> Iterator[Crew]:
    """The crew on threads: slower, and with the same trades."""
    runtime = ThreadedRuntime(TickClock(scene.first))
    configuration = scene.configuration
    market = market_for(scene.settings, configuration.commodities, scene.first, scene.last, configuration.calendars)
    rng = random.Random(f"{scene.seed}/ledger")
    ledger = Ledger.open(scene.database_url, writer=runtime.owner, lease_clock=lambda: 0, rng=rng)
    system = System(runtime, on_alert=lambda alert: journal_alert(ledger, alert))
    try:
        connectors = {name: make(runtime) for name, make in scene.connect().items()}
        outlooks = scene.recording.outlooks(scene.settings)
        parts = Parts(market, ledger, connectors, outlooks, renews_leases=False, feeds=scene.feeds())
        system.start([reservation_spec(parts)])
        if not lead(system, parts):
            raise CommandError(f"another process leads crew {scene.settings.crew} in this ledger")
        for name in connectors:
            ledger.trades.register_account(name)  # not left to whichever thread comes first: each draws a prefix
        system.start(crew_specs(parts))
        yield ThreadedCrew(ledger, connectors, runtime, system)
    finally:
        system.stop()
        ledger.close()


def _recording(arguments: Replay, configuration: Configuration, output: Output) -> Recording:
    if not arguments.data:
        named = arguments.commodity and id_of(configuration.commodities, arguments.commodity)
        if arguments.commodity is not None and named != DEFAULT_COMMODITY:
            raise CommandError(f"--commodity is {arguments.commodity}; the sample is of {DEFAULT_COMMODITY}")
        return sample_recording(how_to_read(arguments, (DEFAULT_COMMODITY,), configuration), configuration)
    files, remarks = files_named(arguments.data, arguments.commodity, configuration)
    for remark in remarks:
        output.aside.print(remark, highlight=False, markup=False, soft_wrap=True)
    if "" in files:
        file = files.pop("")
        said = f"{file.name} names no commodity that is known: taken for {DEFAULT_COMMODITY} (--commodity)"
        output.aside.print(said, highlight=False, markup=False, soft_wrap=True)
        if DEFAULT_COMMODITY in files:
            raise CommandError(f"--data: {file.name} names no commodity; expected ID={file.name}")
        files[DEFAULT_COMMODITY] = file
    return files_recording(files, how_to_read(arguments, files, configuration), configuration)


def how_to_read(arguments: Replay, commodities: Collection[str], configuration: Configuration) -> HowToRead:
    """What the command line says about the files of these commodities. Raises `CommandError`."""
    clocks = dict(_of_commodity(word, "=", configuration) for word in arguments.clocks)
    spreads = {}
    for word in arguments.spreads:
        commodity, text = _of_commodity(word, ":", configuration)
        try:
            spreads[commodity] = spread_model(text)
        except UnknownSpread as error:
            raise CommandError(f"--spread is {error}") from error
    for option, given in (("--time-zone", clocks), ("--spread", spreads)):
        for name in given:
            if name and name not in commodities:
                raise CommandError(f"{option} names {name}; expected one of {', '.join(sorted(commodities))}")
    return HowToRead(clocks, spreads, arguments.time_column, arguments.prices, arguments.keep_going)


def _of_commodity(word: str, separator: str, configuration: Configuration) -> tuple[str, str]:
    """``EURUSD=Europe/Athens`` as its two parts; a word without a commodity is for all, under an empty one."""
    name, found, text = word.partition(separator)
    if not found or not name.strip().isidentifier():
        return "", word
    return id_of(configuration.commodities, name.strip()) or name.strip().upper(), text.strip()


def _ledger_url(path: Path | None) -> str:
    if path is None:
        return IN_MEMORY
    if path.exists():
        raise CommandError(f"--ledger: {path} exists; expected a new file, since a replay begins with nothing")
    return f"sqlite:///{path}"


@contextmanager
def _progress(output: Output, recording: Recording, first: Instant, last: Instant) -> Iterator[Callable[[int], None]]:
    total = recording.bars_until(last - 1) - recording.bars_until(first - 1)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=output.aside, transient=True, disable=not output.aside.is_terminal) as progress:
        task = progress.add_task(f"replaying {recording.source}", total=total)
        yield lambda bars: progress.update(task, completed=bars)
