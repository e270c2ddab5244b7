"""`run.py replay`: the whole lifecycle over recorded bars, in virtual time or on threads, and what came of it."""

from __future__ import annotations

import math
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from actors.virtual_crew import IN_MEMORY, Connect, VirtualCrew, market_for
from actors.wiring import Parts, crew_specs, journal_alert, lead, reservation_spec
from connectors.base import Connector
from console.arguments import DEFAULT_COMMODITY, Replay
from console.configuration import Configuration
from console.errors import CommandError
from console.file_names import named_commodity
from console.output import Output
from console.recorded import Recording, cut, file_recording, in_trading_times, paper, sample_recording, settings_for
from console.summary import render
from persistence.ledger import Ledger
from trading.market import Instant, iso
from trading.performance import summarise
from trading.settings import Settings
from trading.ticks import bar_ends
from trading.trade import TradeState

REFUSED = "refused:"
QUIET_SECONDS = 60.0


class Crew(Protocol):
    """A crew that a driver moves through the market."""

    @property
    def ledger(self) -> Ledger:
        """What it writes to."""
        ...

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """Its brokers, by account."""
        ...

    def advance_to(self, at: Instant) -> None:
        """Move market time to ``at``, and do all that follows from it."""
        ...


@dataclass(slots=True)
class Walk:
    """What was seen on the way through a recording."""

    bars: int = 0
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    equity: list[tuple[Instant, float]] = field(default_factory=list)


def run(arguments: Replay, configuration: Configuration, output: Output) -> int:
    """Replay, show the closing table, and return the exit code."""
    recording = in_trading_times(_recording(arguments, configuration, output), configuration)
    first, last = cut(recording, arguments.start, arguments.end)
    settings = settings_for(configuration.settings, recording)
    scene = Scene(settings, configuration, recording, first, last, _ledger_url(arguments.ledger), arguments.seed)
    hosted = on_threads if arguments.threads else in_virtual_time
    with hosted(scene) as crew:
        with _progress(output, recording, first, last) as advance:
            walk = walk_through(crew, recording, first, last, advance, poll_seconds=settings.price_poll_seconds)
        output.show(report(crew.ledger, recording, settings, walk, first, last), render)
    return 0


def walk_through(
    crew: Crew,
    recording: Recording,
    first: Instant,
    last: Instant,
    advance: Callable[[int], None] | None = None,
    *,
    poll_seconds: float = 1.0,
) -> Walk:
    """Move the crew from tick to tick; note the equity of all accounts together at the end of each bar."""
    begun_before = recording.bars_until(first - 1)
    walk = Walk(bars=recording.bars_until(last - 1) - begun_before)
    ends = {end for series in recording.series.values() for end in bar_ends(series).tolist()}
    began, began_cpu = time.perf_counter(), time.process_time()
    for at in recording.instants(first, last, poll_seconds).tolist():
        crew.advance_to(at)
        if at in ends:
            # Nobody else asks the connectors now: the actors have come to rest.
            equity = sum(connector.account(math.inf).equity for connector in crew.connectors.values())
            walk.equity.append((at, equity))
            if advance is not None:
                advance(recording.bars_until(at - 1) - begun_before)
    walk.seconds = time.perf_counter() - began
    walk.cpu_seconds = time.process_time() - began_cpu
    return walk


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
        outlooks=scene.recording.outlooks(),
        ticking=True,
    ) as crew:
        yield crew


@dataclass(frozen=True, slots=True)
class ThreadedCrew:
    """The crew on threads, as in production; market time moves when all mailboxes are quiet."""

    ledger: Ledger
    connectors: Mapping[str, Connector]
    runtime: ThreadedRuntime

    def advance_to(self, at: Instant) -> None:
        """Move market time to ``at``, and wait until all that follows from it has been done."""
        self.runtime.advance_to(at, QUIET_SECONDS)


@contextmanager
def on_threads(scene: Scene) -> Iterator[Crew]:
    """The crew on threads: slower, and with the same trades."""
    runtime = ThreadedRuntime(TickClock(scene.first))
    market = market_for(scene.settings, scene.configuration.commodities, scene.first, scene.last)
    rng = random.Random(f"{scene.seed}/ledger")
    ledger = Ledger.open(scene.database_url, writer=runtime.owner, lease_clock=lambda: 0, rng=rng)
    system = System(runtime, on_alert=lambda alert: journal_alert(ledger, alert))
    try:
        connectors = {name: make(runtime) for name, make in scene.connect().items()}
        parts = Parts(market, ledger, connectors, scene.recording.outlooks(), renews_leases=False)
        system.start([reservation_spec(parts)])
        if not lead(system, parts):
            raise CommandError(f"another process leads crew {scene.settings.crew} in this ledger")
        for name in connectors:
            ledger.trades.register_account(name)  # not left to whichever thread comes first: each draws a prefix
        system.start(crew_specs(parts))
        yield ThreadedCrew(ledger, connectors, runtime)
    finally:
        system.stop()
        ledger.close()


def report(
    ledger: Ledger, recording: Recording, settings: Settings, walk: Walk, first: Instant, last: Instant
) -> dict[str, Any]:
    """The figures of a replay, in JSON's types."""
    closed = ledger.trades.list(states={TradeState.CLOSED}, newest_first=False)
    found = summarise(closed, walk.equity)
    performance = found.as_detail()
    performance["net_profit"] = round(found.net_profit, 2)
    performance["maximum_drawdown"] = performance.pop("max_drawdown")
    performance["maximum_drawdown_fraction"] = performance.pop("max_drawdown_fraction")
    return {
        "source": recording.source,
        "commodities": sorted(recording.series),
        "from": iso(first),
        "to": iso(last),
        "bars": walk.bars,
        "bars_outside_trading_times": recording.skipped,
        "seconds": round(walk.seconds, 3),
        "bars_per_second": round(walk.bars / walk.seconds, 1) if walk.seconds else None,
        "bars_per_cpu_second": round(walk.bars / walk.cpu_seconds, 1) if walk.cpu_seconds else None,
        **performance,
        "refusals": refusals(ledger),
        "open": len(ledger.trades.active()),
        "accounts": [
            {
                "platform": account.name,
                "trades": sum(trade.platform == account.name for trade in closed),
                "net_profit": round(sum(t.profit or 0.0 for t in closed if t.platform == account.name), 2),
            }
            for account in settings.accounts
        ],
    }


def refusals(ledger: Ledger) -> dict[str, int]:
    """How often an analysis led to no trade, by reason: at the decision, and at the account that was told to open."""
    counts: Counter[str] = Counter()
    for kind in ("decision", "open_result"):
        for reason, count in ledger.journal.count_by_reason(kind).items():
            if reason.startswith(REFUSED):
                counts[reason.removeprefix(REFUSED)] += count
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))


def _recording(arguments: Replay, configuration: Configuration, output: Output) -> Recording:
    if arguments.data is None:
        if arguments.commodity not in (None, DEFAULT_COMMODITY):
            raise CommandError(f"--commodity is {arguments.commodity}; the sample is of {DEFAULT_COMMODITY}")
        return sample_recording()
    commodity = arguments.commodity or named_commodity(arguments.data, configuration.commodities)
    if commodity is None:
        commodity = DEFAULT_COMMODITY
        output.aside.print(
            f"{arguments.data.name} names no commodity that is known: taken for {commodity} (--commodity)"
        )
    return file_recording(arguments.data, commodity, configuration)


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
