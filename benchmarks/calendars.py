"""What trading times cost, beside pandas_market_calendars in the same run.

    python -m benchmarks.calendars [--repetitions N] [--json]

Look-ups: microseconds for GOLD at random instants of a year, of ours and of the library's own `open_at_time`. Building:
milliseconds of CPU time for a year of every commodity of the catalogue; from the library with the import of it told
apart, then from the arrays that were kept, and the trading times out of them. A start: CPU seconds and resident
megabytes of a process that has everything that `serve` imports and the trading times of its commodities; the last row
asks the library in that process.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from feeds.market_calendars_child import Request, answer_to
from trading.calendars import TradingTimes, needs_schedule
from trading.commodities import Commodity
from trading.market import DAY, Instant

ROOT = Path(__file__).resolve().parents[1]
YEAR = 2026
FIRST: Instant = 1_767_225_600_000  # 2026-01-01
LAST: Instant = FIRST + 365 * DAY
LOOK_UPS = 20_000
LOOK_UPS_OF_LIBRARY = 200  # it takes milliseconds for each
SEED = 0

START = """
import os, sys, time
sys.path.insert(0, sys.argv[1])
os.environ["OPENBLAS_NUM_THREADS"] = "1"
import console.serve
from pathlib import Path
from actors.virtual_crew import market_for
from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from trading.indicator_library import talib
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
account = AccountSettings(name="alpha", symbols={name: name for name in sys.argv[3].split(",")})
store = CalendarStore(Path(sys.argv[2]))
market_for(Settings(accounts=(account,)), read_catalogue(), int(sys.argv[4]), None, store)
if len(sys.argv) > 5:
    import pandas_market_calendars
    pandas_market_calendars.get_calendar("CMEGlobex_GC").schedule("2025-01-01", "2028-12-31")
status = Path("/proc/self/status")
lines = status.read_text().splitlines() if status.exists() else []
kilobytes = next((int(line.split()[1]) for line in lines if line.startswith("VmRSS")), 0)
print(time.process_time(), kilobytes / 1024)
"""


def microseconds(look: Callable[[Instant], object], at: list[Instant]) -> float:
    """CPU time of one look-up."""
    began = time.process_time()
    for instant in at:
        look(instant)
    return (time.process_time() - began) / len(at) * 1e6


def look_ups(times: TradingTimes, repetitions: int) -> dict[str, float]:
    """Ours, and the library's, in turn."""
    from pandas import Timestamp
    from pandas_market_calendars import get_calendar

    calendar = get_calendar("CMEGlobex_GC")
    schedule = calendar.schedule(f"{YEAR}-01-01", f"{YEAR}-12-31")
    rng = random.Random(SEED)
    at = [rng.randrange(FIRST + 10 * DAY, LAST - 10 * DAY) for _ in range(LOOK_UPS)]
    few = at[:LOOK_UPS_OF_LIBRARY]
    stamps = {instant: Timestamp(instant, unit="ms", tz="UTC") for instant in few}

    def of_library(instant: Instant) -> bool:
        return bool(calendar.open_at_time(schedule, stamps[instant]))

    differing = [instant for instant in few if of_library(instant) != times.is_open(instant)]
    if differing:
        raise RuntimeError(f"GOLD: the library says otherwise of {differing[0]}")
    ways: dict[str, tuple[Callable[[Instant], object], list[Instant]]] = {
        "is_open": (times.is_open, at),
        "next_close": (times.next_close, at),
        "day_end": (times.day_end, at),
        "minutes_to_close": (times.minutes_to_close, at),
        "open_at_time of the library": (of_library, few),
    }
    rounds = [{name: microseconds(*way) for name, way in ways.items()} for _ in range(repetitions)]
    return {name: round(statistics.median(taken[name] for taken in rounds), 2) for name in ways}


def milliseconds(act: Callable[[], object]) -> float:
    """CPU time of it."""
    began = time.process_time()
    act()
    return (time.process_time() - began) * 1e3


def building(catalogue: Mapping[str, Commodity], repetitions: int) -> dict[str, float]:
    """A year of every commodity, by each step."""
    commodities = list(catalogue.values())
    needed = {needs_schedule(commodity): commodity.id for commodity in commodities}
    wanted = {name: commodity for name, commodity in needed.items() if name is not None}
    request = Request(tuple(wanted), date(YEAR, 1, 1), date(YEAR, 12, 31), 60.0)
    rounds: list[dict[str, float]] = []
    with tempfile.TemporaryDirectory() as folder:
        CalendarStore(Path(folder)).schedules(wanted, FIRST, LAST)
        for _ in range(repetitions):
            store = CalendarStore(Path(folder))
            rounds.append(
                {
                    "schedules, by the library": milliseconds(partial(answer_to, request)),
                    "schedules, as kept": milliseconds(partial(store.schedules, wanted, FIRST, LAST)),
                    "trading times": milliseconds(partial(store.times_of, commodities, FIRST, LAST)),
                }
            )
    return {name: round(statistics.median(taken[name] for taken in rounds), 1) for name in rounds[0]}


def starts(repetitions: int) -> dict[str, dict[str, float]]:
    """CPU seconds and resident megabytes of a process, by what it needs."""
    found = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, symbols, more in (
            ("EURUSD", "EURUSD", ()),
            ("EURUSD and GOLD, kept", "EURUSD,GOLD", ()),
            ("and the library in the process", "EURUSD,GOLD", ("pandas",)),
        ):
            command = [sys.executable, "-c", START, str(ROOT), folder, symbols, str(FIRST), *more]
            CalendarStore(Path(folder)).times(read_catalogue()["GOLD"], FIRST - 400 * DAY, FIRST + 400 * DAY)
            rounds = [
                [float(word) for word in subprocess.run(command, capture_output=True, check=True).stdout.split()]
                for _ in range(repetitions)
            ]
            seconds, megabytes = (statistics.median(column) for column in zip(*rounds, strict=True))
            found[name] = {"cpu_seconds": round(seconds, 2), "resident_megabytes": round(megabytes, 1)}
    return found


def measure(repetitions: int) -> dict[str, Any]:
    """Everything. The starts come first: afterwards this process has pandas."""
    of_starts = starts(repetitions)
    imports = milliseconds(lambda: __import__("pandas_market_calendars"))
    catalogue = read_catalogue()
    times = CalendarStore(None).times(catalogue["GOLD"], FIRST, LAST)
    looked = look_ups(times, repetitions)
    return {
        "commodities": len(catalogue),
        "look_ups_microseconds": looked,
        "library_times_is_open": round(looked["open_at_time of the library"] / looked["is_open"]),
        "building_milliseconds": {"import of the library": round(imports, 1), **building(catalogue, repetitions)},
        "starts": of_starts,
    }


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    found = measure(arguments.repetitions)
    if arguments.json:
        print(json.dumps(found))
        return
    print("a look-up, microseconds")
    for name, value in found["look_ups_microseconds"].items():
        print(f"  {name:34}{value:12,.2f}")
    print(f"  the library takes {found['library_times_is_open']:,} times as long")
    print(f"a year of {found['commodities']} commodities, CPU milliseconds")
    for name, value in found["building_milliseconds"].items():
        print(f"  {name:34}{value:12,.1f}")
    print("a start, CPU seconds and resident megabytes")
    for name, figures in found["starts"].items():
        print(f"  {name:34}{figures['cpu_seconds']:12.2f}{figures['resident_megabytes']:10.1f}")


if __name__ == "__main__":
    main()
