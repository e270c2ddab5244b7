"""How many times a second a resource can be reserved and released, durably: alone and contended, on each database.

    python -m benchmarks.reservations [--seconds N] [--repetitions N] [--processes N] [--directory DIR]
                                      [--postgresql URL] [--json]

Beside `Reservations` the same two statements run on a bare driver connection to the same database, in alternating
repetitions, so that both meet the same disk and the same neighbours. What lies between them is the price of
SQLAlchemy, of explicit transactions and of the lock. *Contended* means that several processes want one and the same
resource; what counts is how often any of them got it. Medians are reported; the ratio is that of each pair.

PostgreSQL is measured where `TEST_PG_URL` or `--postgresql` names a server, for which there is one of the tests' own:

    python tests/integration/postgres_server.py --durable --directory . python -m benchmarks.reservations
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import closing, contextmanager
from multiprocessing.synchronize import Barrier
from pathlib import Path
from typing import Any

import psycopg
from sqlalchemy import make_url

from persistence import sqlite
from persistence.database import parsed
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.reservation_sql import statements

RESOURCE = "benchmark:EURUSD"
TTL_SECONDS = 60.0
DEADLINE_SECONDS = 120.0

OURS, BARE = "ours", "bare"

Cycle = Callable[[], bool]
"""Reserves and releases once; False when another held the resource."""


@contextmanager
def through_reservations(url: str) -> Iterator[Cycle]:
    """Cycles as the program makes them."""
    with closing(Ledger.open(url)) as ledger:
        reservations, owner = ledger.reservations, owner_name()

        def cycle() -> bool:
            reservation = reservations.reserve_resource(RESOURCE, owner, TTL_SECONDS)
            return reservation is not None and reservations.release_resource(reservation.fence)

        yield cycle


@contextmanager
def through_the_driver(url: str) -> Iterator[Cycle]:
    """Cycles of the very same statements, each committed by the driver's autocommit."""
    parts = parsed(url)
    is_postgresql = parts.get_backend_name() == "postgresql"
    dialect = parts.get_dialect()()
    ours = statements(parts.get_backend_name(), bound_clock=False)
    reserve, release = (statement.compile(dialect=dialect) for statement in (ours.reserve, ours.release))
    texts = {compiled: str(compiled) for compiled in (reserve, release)}
    values = {**reserve.params, **release.params}  # what the statements bring themselves; then what we give them
    values |= {"res": RESOURCE, "own": owner_name(), "ttl": round(TTL_SECONDS * 1_000)}

    with closing(bare_connection(url)) as connection:

        def run(compiled: Any) -> list[Any]:
            given = values if is_postgresql else [values[name] for name in compiled.positiontup or ()]
            rows: list[Any] = connection.execute(texts[compiled], given).fetchall()
            return rows

        def cycle() -> bool:
            rows = run(reserve)
            if not rows:
                return False
            ((values["tok"], _expires_at),) = rows
            return bool(run(release))

        yield cycle


def bare_connection(url: str) -> Any:
    """The driver's own, with every statement a durable transaction."""
    parts = make_url(url)
    if parts.get_backend_name() == "postgresql":
        return psycopg.connect(url, autocommit=True)
    connection = sqlite.newest_sqlite().connect(parts.database, timeout=sqlite.BUSY_TIMEOUT_SECONDS)
    connection.isolation_level = None
    connection.execute("PRAGMA synchronous=FULL")
    return connection


KINDS = {OURS: through_reservations, BARE: through_the_driver}

in_child: dict[str, Barrier] = {}


def begin_child(ready: Barrier) -> None:
    """What the processes share."""
    in_child["ready"] = ready


def cycles_in(url: str, kind: str, seconds: float) -> int:
    """One process's cycles, from the moment at which all are ready."""
    with KINDS[kind](url) as cycle:
        in_child["ready"].wait(DEADLINE_SECONDS)
        done, until = 0, time.perf_counter() + seconds
        while time.perf_counter() < until:
            done += cycle()
        return done


def rates(url: str, processes: int, seconds: float, repetitions: int) -> dict[str, Any]:
    """Cycles a second of both kinds and their ratio, from alternating repetitions on one database."""
    fresh = multiprocessing.get_context("spawn")
    measured: dict[str, list[float]] = {OURS: [], BARE: []}
    with ProcessPoolExecutor(
        processes, mp_context=fresh, initializer=begin_child, initargs=(fresh.Barrier(processes),)
    ) as pool:
        for _ in range(repetitions):
            for kind, found in measured.items():
                runs = [pool.submit(cycles_in, url, kind, seconds) for _ in range(processes)]
                found.append(sum(run.result(DEADLINE_SECONDS) for run in runs) / seconds)
    pairs = zip(measured[OURS], measured[BARE], strict=True)
    return {
        "cycles_per_second": round(statistics.median(measured[OURS])),
        "raw_cycles_per_second": round(statistics.median(measured[BARE])),
        "ratio": round(statistics.median(ours / bare for ours, bare in pairs), 3),
        "processes": processes,
    }


@contextmanager
def databases(directory: Path | None, postgresql: str | None) -> Iterator[dict[str, str]]:
    """The URL of an empty ledger on each database there is, by name."""
    with tempfile.TemporaryDirectory(dir=directory) as place:
        urls = {"SQLite FULL": f"sqlite:///{(Path(place) / 'benchmark.sqlite').as_posix()}"}
        if postgresql is None:
            yield urls
            return
        name = f"watchbill_benchmark_{os.getpid()}"
        with psycopg.connect(postgresql, autocommit=True) as server:
            server.execute(f'CREATE DATABASE "{name}"'.encode())
            urls["PostgreSQL"] = make_url(postgresql).set(database=name).render_as_string(hide_password=False)
            try:
                yield urls
            finally:
                server.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reservation cycles a second, beside the bare statements.")
    parser.add_argument("--seconds", type=float, default=1.0, help="how long a repetition lasts")
    parser.add_argument("--repetitions", type=positive, default=5, help="of each kind, taking turns")
    parser.add_argument("--processes", type=positive, default=4, help="how many want the same resource, when contended")
    parser.add_argument("--directory", type=Path, help="where to put the SQLite file: a disk to measure")
    parser.add_argument("--postgresql", default=os.environ.get("TEST_PG_URL"), help="a server that may make databases")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    found: dict[str, dict[str, Any]] = {}
    with databases(arguments.directory, arguments.postgresql) as urls:
        for name, url in urls.items():
            Ledger.open(url).close()
            found[name] = {
                kind: rates(url, processes, arguments.seconds, arguments.repetitions)
                for kind, processes in (("alone", 1), ("contended", arguments.processes))
            }
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'reserve and release, cycles a second':<38}{'Reservations':>14}{'bare driver':>14}{'ratio':>8}")
    for name, kinds in found.items():
        for kind, row in kinds.items():
            what = f"{name}, {kind}" + (f" by {row['processes']} processes" if row["processes"] > 1 else "")
            print(f"{what:<38}{row['cycles_per_second']:>14,}{row['raw_cycles_per_second']:>14,}{row['ratio']:>8.2f}")


def positive(text: str) -> int:
    """A whole number above zero. Raises ``ValueError``, which argparse explains."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above zero")
    return number


if __name__ == "__main__":
    main()
