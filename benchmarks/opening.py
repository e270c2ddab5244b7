"""How long it takes from a decision to the order at the connector, beside two raw durable commits.

    python -m benchmarks.opening [--orders N] [--directory DIR] [--postgresql URL] [--json]

The actors are those of production, on threads, over a broker that refuses every order as soon as it is asked, so that
the slot is free for the next one. The time runs from the moment at which the trader is told of an analysis until the
connector's ``open`` is entered: gate, choice of the account, reservation (commit 1) and the row `submitted` with the
line of the decision (commit 2) lie between. Between the orders, in turn, two one-row inserts are committed on a
bare driver connection to the same database: what no program that promises as much can go below.

PostgreSQL is measured where `TEST_PG_URL` or `--postgresql` names a server, as in `benchmarks.reservations`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from actors.messages import Analysed
from actors.names import TRADER
from actors.scripted_crew import A_WEDNESDAY_NOON, PRICES, SCORE
from actors.system.clocks import TickClock
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.system import System
from actors.virtual_crew import market_for
from actors.wiring import Parts, crew_specs, journal_alert, lead, reservation_spec
from benchmarks.reservations import bare_connection, databases, positive
from connectors.base import OpenOrder, Outcome, Rejected
from connectors.mock import MockConnector
from feeds.catalogue import read_catalogue
from persistence.ledger import Ledger
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.market import SECOND, Side
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

WARM_UP = 5
STEP = SECOND  # of market time, between two orders
DEADLINE_SECONDS = 60.0
ACCOUNT = AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"})


class RefusingBroker(MockConnector):
    """Notes when it is asked to open, and refuses."""

    entered_at = 0.0
    orders_seen = 0

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Whatever is ordered."""
        self.entered_at = time.perf_counter()
        self.orders_seen += 1
        return Rejected("benchmark", "refused by the benchmark")


@contextmanager
def trading(url: str) -> Iterator[Callable[[int], float]]:
    """A crew on threads; gives what lets it decide once, and answers the seconds until the order was at the broker."""
    settings = Settings(accounts=(ACCOUNT,), database_url=SecretStr(url), ai_per_account_cooldown_minutes=0)
    commodities = read_catalogue(settings.commodities)
    runtime = ThreadedRuntime(TickClock(A_WEDNESDAY_NOON))
    with closing(Ledger.open(url)) as ledger:
        broker = RefusingBroker("alpha", commodities, runtime, symbols=ACCOUNT.symbols, settings=ACCOUNT.paper)
        for commodity, (bid, ask) in PRICES.items():
            broker.price(commodity, bid, ask)
        system = System(runtime, on_alert=lambda alert: journal_alert(ledger, alert))
        parts = Parts(market_for(settings, commodities, A_WEDNESDAY_NOON), ledger, {"alpha": broker})
        try:
            system.start([reservation_spec(parts)])
            if not lead(system, parts):
                raise RuntimeError(f"another process leads on {ledger.name}: the benchmark needs a database of its own")
            system.start(crew_specs(parts))
            runtime.advance_to(A_WEDNESDAY_NOON + STEP)  # the accounts are polled

            def decide(number: int) -> float:
                analysis = opinion(number, runtime.now())
                began = time.perf_counter()
                system.tell(TRADER, Analysed(analysis))
                runtime.advance_to(runtime.now() + STEP, DEADLINE_SECONDS)  # all that follows from it has been done
                if broker.orders_seen != number:
                    raise RuntimeError(f"order {number} was not sent: {ledger.journal.list(limit=2)}")
                return broker.entered_at - began

            yield decide
        finally:
            system.stop()


def opinion(number: int, now: int) -> Analysis:
    """One that passes the gate."""
    pillar = Pillar(score=SCORE)
    return Analysis(
        id=f"benchmark-{number}",
        commodity="EURUSD",
        side=Side.BUY,
        strategy=Strategy.DAY,
        regime=Regime.RANGE,
        pillars=Pillars(base=pillar, trend=pillar, volatility=pillar, sentiment=pillar),
        confidence=100 * SCORE,
        daily_volatility=0.005,
        made_at=now,
    )


@contextmanager
def committing(url: str) -> Iterator[Callable[[int], float]]:
    """Gives what commits twice on a bare connection, and answers the seconds that it took."""
    with closing(bare_connection(url)) as connection:
        connection.execute("CREATE TABLE benchmark_commit (number BIGINT, said TEXT)")
        place = "%s" if url.startswith("postgresql") else "?"
        insert = f"INSERT INTO benchmark_commit VALUES ({place}, {place})"

        def commit_twice(number: int) -> float:
            began = time.perf_counter()
            for said in ("reserved", "submitted"):
                connection.execute(insert, (number, said))
            return time.perf_counter() - began

        yield commit_twice


def measure(url: str, orders: int) -> dict[str, Any]:
    """Milliseconds of both, taking turns; the ratio is that of the medians."""
    with trading(url) as decide, committing(url) as commit_twice:
        pairs = [(decide(number), commit_twice(number)) for number in range(1, orders + WARM_UP + 1)][WARM_UP:]
    opening, commits = ([1_000 * seconds for seconds in column] for column in zip(*pairs, strict=True))
    return {
        "orders": orders,
        "decision_to_order_ms": figures(opening),
        "two_commits_ms": figures(commits),
        "ratio": round(statistics.median(opening) / statistics.median(commits), 2),
    }


def figures(milliseconds: list[float]) -> dict[str, float]:
    """Median and 99th percentile."""
    hundredths = statistics.quantiles(milliseconds, n=100, method="inclusive")
    return {"median": round(statistics.median(milliseconds), 2), "p99": round(hundredths[98], 2)}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="Decision to order at the connector, beside two durable commits.")
    parser.add_argument("--orders", type=positive, default=200, help="how many decisions on each database")
    parser.add_argument("--directory", type=Path, help="where to put the SQLite file: a disk to measure")
    parser.add_argument("--postgresql", default=os.environ.get("TEST_PG_URL"), help="a server that may make databases")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    with databases(arguments.directory, arguments.postgresql) as urls:
        found = {name: measure(url, arguments.orders) for name, url in urls.items()}
    if arguments.json:
        print(json.dumps(found))
        return
    print(f"{'milliseconds':<14}{'decision to order':>24}{'two raw commits':>24}{'ratio':>8}")
    print(f"{'':<14}{'median':>12}{'p99':>12}{'median':>12}{'p99':>12}")
    for name, row in found.items():
        cells = [value for what in ("decision_to_order_ms", "two_commits_ms") for value in row[what].values()]
        print(f"{name:<14}" + "".join(f"{cell:>12.2f}" for cell in cells) + f"{row['ratio']:>8.2f}")


if __name__ == "__main__":
    main()
