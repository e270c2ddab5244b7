"""What the way to a MetaTrader terminal costs: fifty quotes and one order, beside direct calls of the package.

    python -m benchmarks.mt5 [--rounds N] [--directory DIR] [--json]

The package is the simulator over a broker in its own memory, so that a call of it takes no more than it must; the real
one adds its own time to every row alike. In each round every way takes its turn at the same two things:

- 50 quotes: the terminal and the account are looked at, and then the latest tick of each symbol, as a worker does for
  one question of the connector's;
- an order that opens, from the request to the broker's result. It is closed again outside the time.

The ways: the functions of the package, called in this process; a worker's whole work in this process, with its checks
and its order floor on disk; the same in a worker process, over its pipes; and through a gateway process that has such a
worker, over TCP with a key on every frame. The floor writes an order's magic to disk for good before the order leaves,
which one bare row, committed as durably, is shown beside.
"""

from __future__ import annotations

import argparse
import json
import logging
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from benchmarks.reservations import bare_connection, positive
from connectors import wire
from connectors.mt5 import facts, simulator, worker
from connectors.mt5.calls import SendOrder, WorkerTerms
from connectors.mt5.channel import Channel
from connectors.mt5.child import ROOT, ChildChannel
from connectors.mt5.direct import DirectChannel
from connectors.mt5.gateway import Gateway
from connectors.mt5.gateway_client import GatewayChannel
from connectors.mt5.gateway_desk import Desk
from connectors.mt5.gateway_door import Door
from connectors.mt5.order_floor import DiskFloor
from connectors.mt5.order_request import order_request
from connectors.mt5.simulated_market import HandMarket
from connectors.mt5.simulated_server import SimulatedTradeServer
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from connectors.mt5.worker_core import WorkerCore
from connectors.wire import Json
from feeds.catalogue import read_catalogue
from trading.market import Instant
from trading.settings import Settings

A_WEDNESDAY_NOON: Instant = 1_772_625_600_000
LOGIN, SERVER = 1001, "Benchmark-Demo"
SYMBOLS = tuple(f"EURUSD.{number:02}" for number in range(50))
BID, ASK = 1.1, 1.1001
TOKEN = 1
WARM_UP = 10
DEADLINE_SECONDS = 30.0
SECRET = "a secret that is long enough for the benchmark's gateway"

Seconds = float
Order = Callable[[SendOrder, int], Json]


class StandingClock:
    """Market time that stands still."""

    def now(self) -> Instant:
        """Always the same."""
        return A_WEDNESDAY_NOON


def a_broker() -> SimulatedTradeServer:
    """In this process's memory: an account that hedges, and fifty symbols."""
    settings = Settings()
    symbol = SymbolTerms(read_catalogue(settings.commodities)["EURUSD"])
    market = HandMarket()
    for name in SYMBOLS:
        market.price(name, BID, ASK)
    return SimulatedTradeServer(AccountTerms(LOGIN, SERVER), dict.fromkeys(SYMBOLS, symbol), market, StandingClock())


def terms(directory: Path) -> WorkerTerms:
    """Those of the benchmark's only account, with its floor in this directory."""
    return WorkerTerms(
        package="simulator",
        terminal="in memory",
        portable=False,
        login=LOGIN,
        password=None,
        server=SERVER,
        symbols=SYMBOLS,
        floor_directory=str(directory),
        initialize_seconds=DEADLINE_SECONDS,
    )


OPENING = SendOrder(
    symbol=SYMBOLS[0],
    order_type=facts.ORDER_TYPE_BUY,
    volume_lots=0.01,
    price=ASK,
    deviation_points=20,
    comment="benchmark",
    position=None,
    fillings=(facts.ORDER_FILLING_FOK,),
    login=LOGIN,
    server=SERVER,
    trade_mode=facts.ACCOUNT_TRADE_MODE_DEMO,
)


# ---------------------------------------------------------------- the ways


class Direct:
    """The package's own functions."""

    def __init__(self) -> None:
        server = a_broker()
        self._package = simulator.Package(lambda path, timeout_seconds: server)
        self._package.initialize("in memory", login=LOGIN, server=SERVER)
        for name in SYMBOLS:
            self._package.symbol_select(name, True)

    def quotes(self) -> int:
        """How many there were."""
        self._package.terminal_info()
        self._package.account_info()
        return sum(self._package.symbol_info_tick(name) is not None for name in SYMBOLS)

    def order(self, order: SendOrder, magic: int) -> Any:
        """The broker's result."""
        return self._package.order_send(order_request(order, magic, order.fillings[0]))._asdict()


class ThroughChannel:
    """A worker, wherever it is."""

    def __init__(self, channel: Channel) -> None:
        self._channel = channel
        channel.open(DEADLINE_SECONDS)
        self._call("initialize")
        self._call("symbols", names=list(SYMBOLS))

    def quotes(self) -> int:
        """How many there were."""
        return sum(tick is not None for tick in self._call("ticks", names=list(SYMBOLS))["value"])

    def order(self, order: SendOrder, magic: int) -> Any:
        """The broker's result."""
        return self._call("send", order=wire.encode(order), token=TOKEN, magic=magic)["result"]

    def _call(self, call: str, **arguments: Json) -> Any:
        return self._channel.call(call, arguments, DEADLINE_SECONDS)


@contextmanager
def ways(directory: Path) -> Iterator[dict[str, Direct | ThroughChannel]]:
    """Each ready to be asked, by its name."""
    with ExitStack() as open_ways:

        def through(channel: Channel) -> ThroughChannel:
            return ThroughChannel(open_ways.enter_context(closing(channel)))

        def core() -> WorkerCore:
            server = a_broker()
            floor = DiskFloor(directory / "here", LOGIN, SERVER)
            package = simulator.Package(lambda path, timeout_seconds: server)
            return WorkerCore(package, terms(directory), floor, time.monotonic)

        address = open_ways.enter_context(gateway_process(directory / "gateway"))
        gateway = GatewayChannel(address, lambda: SECRET, None, login=LOGIN, server=SERVER, client="benchmark")
        yield {
            "direct calls": Direct(),
            "a worker's work, here": through(DirectChannel(core, time.monotonic)),
            "a worker process": through(worker_process(directory / "worker")),
            "a gateway process": through(gateway),
        }


def worker_process(directory: Path) -> ChildChannel:
    """A worker as it is, but for the broker, which is in its memory."""
    return ChildChannel(terms(directory), (sys.executable, "-m", "benchmarks.mt5", "--as-worker"))


@contextmanager
def gateway_process(directory: Path) -> Iterator[tuple[str, int]]:
    """A gateway with such a worker, in a process of its own; gives its address."""
    command = [sys.executable, "-m", "benchmarks.mt5", "--as-gateway", "--directory", str(directory)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            yield "127.0.0.1", int(process.stdout.readline())
        finally:
            process.stdin.close()  # which is its end


def be_worker() -> None:
    """The worker's own program, with a broker in its memory behind the package."""
    server = a_broker()
    simulator.connect_with(lambda path, timeout_seconds: server)
    worker.main()


def be_gateway(directory: Path) -> None:
    """Serve the account until standard input ends."""
    desk = Desk("benchmark", LOGIN, SERVER, SYMBOLS, worker_process(directory))
    with closing(Gateway([desk], SECRET, Door("127.0.0.1", 0, None))) as gateway:
        print(gateway.address[1], flush=True)
        sys.stdin.read()


# ---------------------------------------------------------------- measuring


def round_trips(way: Direct | ThroughChannel, magic: int) -> tuple[Seconds, Seconds]:
    """Of fifty quotes, and of an order."""
    began = time.perf_counter()
    quotes = way.quotes()
    quoted = time.perf_counter()
    result = way.order(OPENING, magic)
    ordered = time.perf_counter()
    if quotes != len(SYMBOLS) or result is None or result["retcode"] != facts.TRADE_RETCODE_DONE:
        raise RuntimeError(f"{quotes} quotes of {len(SYMBOLS)}, and the order came to {result}")
    closing_order = replace(OPENING, order_type=facts.ORDER_TYPE_SELL, price=BID, position=result["order"])
    way.order(closing_order, magic)
    return quoted - began, ordered - quoted


@contextmanager
def committing(directory: Path) -> Iterator[Callable[[int], Seconds]]:
    """Gives what commits one row on a bare connection, and answers how long it took."""
    with closing(bare_connection(f"sqlite:///{(directory / 'bare.db').as_posix()}")) as connection:
        connection.execute("CREATE TABLE benchmark_commit (magic BIGINT)")

        def commit(magic: int) -> Seconds:
            began = time.perf_counter()
            connection.execute("INSERT INTO benchmark_commit VALUES (?)", (magic,))
            return time.perf_counter() - began

        yield commit


def measure(directory: Path, rounds: int) -> dict[str, Any]:
    """Milliseconds of each way, and how many times the direct calls' that is."""
    commits: list[Seconds] = []
    with ways(directory) as each, committing(directory) as commit:
        taken: dict[str, list[tuple[Seconds, Seconds]]] = {name: [] for name in each}
        for magic in range(1, rounds + WARM_UP + 1):
            commits.append(commit(magic))
            for name, way in each.items():
                taken[name].append(round_trips(way, magic))
    return {
        "rounds": rounds,
        "one_commit_ms": figures(commits[WARM_UP:]),
        "fifty_quotes": beside_the_first({name: [times[0] for times in row[WARM_UP:]] for name, row in taken.items()}),
        "an_order": beside_the_first({name: [times[1] for times in row[WARM_UP:]] for name, row in taken.items()}),
    }


def beside_the_first(rows: dict[str, list[Seconds]]) -> dict[str, dict[str, float]]:
    """Each row's figures, with the ratio of its median to that of the first."""
    base = statistics.median(next(iter(rows.values())))
    return {name: {**figures(row), "ratio": round(statistics.median(row) / base, 2)} for name, row in rows.items()}


def figures(seconds: list[Seconds]) -> dict[str, float]:
    """Median and 99th percentile, in milliseconds."""
    hundredths = statistics.quantiles(seconds, n=100, method="inclusive")
    return {"median": round(1_000 * statistics.median(seconds), 3), "p99": round(1_000 * hundredths[98], 3)}


def main() -> None:
    """Measure and print, or be one of the processes that are measured."""
    parser = argparse.ArgumentParser(description="Fifty quotes and an order, through a worker and beside direct calls.")
    parser.add_argument("--rounds", type=positive, default=300, help="how often every way takes its turn")
    parser.add_argument("--directory", type=Path, help="where to put the order floors: a disk to measure")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--as-worker", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--as-gateway", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.as_worker:
        be_worker()
        return
    logging.basicConfig(level=logging.WARNING)
    if arguments.as_gateway:
        be_gateway(arguments.directory)
        return
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        found = measure(Path(directory), arguments.rounds)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'milliseconds':<24}{'median':>10}{'p99':>10}{'ratio':>10}")
    for title, name in (("fifty quotes by", "fifty_quotes"), ("an order by", "an_order")):
        print(title)
        for way, row in found[name].items():
            print(f"  {way:<22}{row['median']:>10.3f}{row['p99']:>10.3f}{row['ratio']:>10.2f}")
    commit = found["one_commit_ms"]
    print(f"{'one bare commit':<24}{commit['median']:>10.3f}{commit['p99']:>10.3f}")


if __name__ == "__main__":
    main()
