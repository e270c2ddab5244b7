"""What the ledger of a replay costs: CPU microseconds of each operation, with its tables at hand and by SQLite alone.

    python -m benchmarks.ledger [--count N] [--repetitions N] [--json]

Both are databases in memory and run the same code in alternating repetitions, a new database each time; what is at hand
is written into SQLite within the measured time. Medians are reported; the ratio is that of each pair.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from typing import Any

from persistence.database import Database
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.memory import memory_in_front_of
from persistence.migrate import migrate
from persistence.reservations import Fence, account_resource
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.market import HOUR, Side
from trading.trade import CloseReason, TradeState, resource

TTL_SECONDS = 1e6
PLATFORM, COMMODITY = "alpha", "EURUSD"
AT_HAND, SQLITE = "at hand", "SQLite"

Act = Callable[[int], Any]


@contextmanager
def ledger_of(kind: str) -> Iterator[Ledger]:
    """A new ledger in memory, with an account."""
    with closing(Database("sqlite://")) as database:
        migrate(database)
        database.use_prepared_statements(memory_in_front_of if kind == AT_HAND else None)
        ledger = Ledger(database, crew="crew", writer="sim:1", lease_clock=lambda: 0, rng=random.Random(0))
        ledger.trades.register_account(PLATFORM)
        yield ledger


def line(number: int, reason: str = "because", **detail: object) -> JournalEntry:
    """A line of an hour."""
    return JournalEntry(number * HOUR, "decision", reason, PLATFORM, COMMODITY, detail=detail)


def held(ledger: Ledger, name: str) -> Fence:
    """A resource, taken."""
    taken = ledger.reservations.reserve_resource(name, "sim:1", TTL_SECONDS)
    if taken is None:
        raise RuntimeError(f"{name} is held by another")
    return taken.fence


def whole_trade(ledger: Ledger) -> Act:
    """What the ledger sees of a trade from its analysis to its end: two reservations, four rows, eight lines."""
    account = held(ledger, account_resource(PLATFORM))
    trades = ledger.trades

    def act(number: int) -> None:
        at = number * HOUR
        trades.knows_analysis(f"a-{number}")
        trades.last_submitted_at(PLATFORM, COMMODITY)
        slot = held(ledger, resource(PLATFORM, COMMODITY))
        new = NewTrade(
            platform=PLATFORM, commodity=COMMODITY, side=Side.BUY, strategy=Strategy.DAY, regime=Regime.TREND,
            analysis_id=f"a-{number}", confidence=72.5, volume_lots=0.3, expected_price=1.1, stop_distance=0.005,
            target_distance=0.01, trailing_distance=None, stop_price=1.095, target_price=1.11, daily_volatility=0.006,
            submitted_at=at, time_stop_at=at + 24 * HOUR, closes_at_day_end=True,
        )  # fmt: skip
        submitted = trades.submit(new, account, slot, line(number, stop=1.095, target=1.11), line(number, "submitted"))
        opened = replace(submitted, state=TradeState.OPEN, position_id=number, entry_price=1.1, opened_at=at)
        opened = trades.advance(submitted, opened, account, line(number, "open", price=1.1))
        ledger.reservations.release_resource(slot)
        ending = replace(opened, state=TradeState.CLOSING, close_reason=CloseReason.TARGET)
        ending = trades.advance(opened, ending, account, line(number, "closing"), line(number, "target", price=1.11))
        closed = replace(ending, state=TradeState.CLOSED, exit_price=1.11, closed_at=at + HOUR, profit=12.5)
        trades.advance(ending, closed, account, line(number, "closed", profit=12.5))

    return act


def reservation(ledger: Ledger) -> Act:
    """Taking a resource and letting it go."""
    return lambda number: ledger.reservations.release_resource(held(ledger, "alpha:GOLD"))


def new_line(ledger: Ledger) -> Act:
    """A journal line of its own."""
    return lambda number: ledger.journal.append(line(number, stop=1.095, target=1.11, probability=0.5))


def folded_line(ledger: Ledger) -> Act:
    """The same thing said again."""
    return lambda number: ledger.journal.append(line(number, "warming_up"), fold=True)


def question(ledger: Ledger) -> Act:
    """When a slot was last used."""
    return lambda number: ledger.trades.last_submitted_at(PLATFORM, COMMODITY)


OPERATIONS: dict[str, Callable[[Ledger], Act]] = {
    "a whole trade": whole_trade,
    "reserve, release": reservation,
    "journal: a new line": new_line,
    "journal: folded": folded_line,
    "last submission": question,
}


def microseconds(kind: str, operation: Callable[[Ledger], Act], count: int) -> float:
    """CPU time of one of ``count`` operations on a new ledger, everything written into SQLite at the end."""
    with ledger_of(kind) as ledger:
        act = operation(ledger)
        began = time.process_time()
        for number in range(1, count + 1):
            act(number)
        with ledger.reading() as connection:
            connection.exec_driver_sql("SELECT 1")
        return (time.process_time() - began) / count * 1e6


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=1_000)
    parser.add_argument("--repetitions", type=int, default=5)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    figures = {}
    for name, operation in OPERATIONS.items():
        pairs = [
            tuple(microseconds(kind, operation, arguments.count) for kind in (AT_HAND, SQLITE))
            for _ in range(arguments.repetitions)
        ]
        figures[name] = {
            AT_HAND: round(statistics.median(pair[0] for pair in pairs), 1),
            SQLITE: round(statistics.median(pair[1] for pair in pairs), 1),
            "ratio": round(statistics.median(pair[1] / pair[0] for pair in pairs), 2),
        }
    if arguments.json:
        print(json.dumps(figures))
        return
    print(f"{'CPU microseconds':22}{AT_HAND:>10}{SQLITE:>10}{'ratio':>8}")
    for name, found in figures.items():
        print(f"{name:22}{found[AT_HAND]:10}{found[SQLITE]:10}{found['ratio']:8}")


if __name__ == "__main__":
    main()
