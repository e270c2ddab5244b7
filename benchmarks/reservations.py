"""How many times a second one process can reserve and release a resource, durably, on SQLite.

    python -m benchmarks.reservations [--cycles N] [--repetitions N] [--directory DIR] [--json]

Beside `Reservations` the same two statements run on a bare driver connection to the same database, in alternating
repetitions, so that both meet the same disk and the same neighbours. What lies between them is the price of
SQLAlchemy, of explicit transactions and of the lock. Medians are reported; the ratio is that of each pair.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

from sqlalchemy.dialects import sqlite as dialect

from persistence import sqlite
from persistence.ledger import Ledger
from persistence.owner import owner_name
from persistence.reservation_sql import statements

RESOURCE = "alpha:EURUSD"
TTL_SECONDS = 60.0

Run = Callable[[int], None]


def through_reservations(ledger: Ledger) -> Run:
    """Cycles as the program makes them."""
    reservations, owner = ledger.reservations, owner_name()

    def run(cycles: int) -> None:
        for _ in range(cycles):
            reservation = reservations.reserve_resource(RESOURCE, owner, TTL_SECONDS)
            if reservation is None or not reservations.release_resource(reservation.fence):
                raise RuntimeError(f"{RESOURCE} is held by another: the benchmark needs a database of its own")

    return run


def through_the_driver(connection: Any) -> Run:
    """Cycles of the very same statements, each committed by the driver's autocommit."""
    ours = statements("sqlite", bound_clock=False)
    reserve, release = (statement.compile(dialect=dialect.dialect()) for statement in (ours.reserve, ours.release))
    reserve_text, release_text = str(reserve), str(release)
    values = {**reserve.params, **release.params}  # what the statements bring themselves; then what we give them
    values |= {"res": RESOURCE, "own": owner_name(), "ttl": round(TTL_SECONDS * 1_000)}

    def run(cycles: int) -> None:
        for _ in range(cycles):
            given = [values[name] for name in reserve.positiontup or ()]
            ((values["tok"], _expires_at),) = connection.execute(reserve_text, given).fetchall()
            given = [values[name] for name in release.positiontup or ()]
            if not connection.execute(release_text, given).fetchall():
                raise RuntimeError(f"{RESOURCE} was not released")

    return run


def cycles_per_second(run: Run, cycles: int) -> float:
    """The rate of one repetition."""
    begun = time.perf_counter()
    run(cycles)
    return cycles / (time.perf_counter() - begun)


def measure(directory: Path, cycles: int, repetitions: int) -> dict[str, Any]:
    """Both rates and their ratio, from alternating repetitions on one database."""
    file = directory / "benchmark.db"
    driver = sqlite.newest_sqlite()
    with closing(Ledger.open(f"sqlite:///{file}")) as ledger, closing(driver.connect(file)) as connection:
        connection.isolation_level = None
        connection.execute("PRAGMA synchronous=FULL")
        ours, bare = through_reservations(ledger), through_the_driver(connection)
        ours(10)
        bare(10)
        pairs = [(cycles_per_second(ours, cycles), cycles_per_second(bare, cycles)) for _ in range(repetitions)]
    return {
        "cycles_per_second": round(statistics.median(rate for rate, _ in pairs)),
        "raw_cycles_per_second": round(statistics.median(rate for _, rate in pairs)),
        "ratio": round(statistics.median(rate / raw for rate, raw in pairs), 3),
        "cycles": cycles,
        "repetitions": repetitions,
        "sqlite": driver.sqlite_version,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Reservation cycles a second, beside the bare statements.")
    parser.add_argument("--cycles", type=positive, default=500, help="reserve and release so often a repetition")
    parser.add_argument("--repetitions", type=positive, default=9, help="of each kind, taking turns")
    parser.add_argument("--directory", type=Path, help="where to put the database: a disk to measure")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.directory) as directory:
        found = measure(Path(directory), arguments.cycles, arguments.repetitions)
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"reserve and release through Reservations  {found['cycles_per_second']:>7,} cycles/s")
    print(f"the same statements on the bare driver    {found['raw_cycles_per_second']:>7,} cycles/s")
    print(
        f"ratio {found['ratio']:.2f}: the median of {found['repetitions']} pairs, SQLite {found['sqlite']}, each synced"
    )


def positive(text: str) -> int:
    """A whole number above zero. Raises ``ValueError``, which argparse explains."""
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError(f"{number} is not above zero")
    return number


if __name__ == "__main__":
    main()
