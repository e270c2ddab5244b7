"""What one scrape of `/metrics` costs: CPU milliseconds, with many open trades over a large ledger.

    python -m benchmarks.metrics [--trades N] [--closed N] [--lines N] [--scrapes N] [--json]

The ledger is a file with that many closed trades and lines of the journal; the open trades are in the snapshots of ten
accounts, and the monitor's real actor watches them. Nothing else goes on, so what is measured is the scrape alone: the
collecting and the text, in CPU time of the whole process. The first one, which imports the library, is told apart, and
so are those that count the trades of the ledger anew.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from sqlalchemy import insert

from actors.messages import AccountSnapshot, TradeChanged
from actors.monitor import MonitorActor
from actors.names import MONITOR, RESERVATION_LEVEL, UPPER_LEVEL, platform_actor
from actors.system.context import Context
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.spec import Spec
from actors.system.system import System
from actors.virtual_crew import market_for
from console.api.window import Window
from console.configuration import Configuration, load
from console.observer import OBSERVER, ObserverActor
from console.reading import of_crew
from console.running import Moment, Running
from console.venue import Venue
from console.web.metrics import Scrapes
from persistence.ledger import Ledger
from persistence.tables import journal
from persistence.tables import trade as trade_table
from trading.analysis import Regime, Strategy
from trading.market import DAY, HOUR, MINUTE, Account, Instant, Instrument, Quote, Side
from trading.trade import CloseReason, Trade, TradeState

ACCOUNTS = 10
PAUSE_SECONDS = 1.05  # longer than a scrape is kept


class Nobody:
    """An account's actor that is told things and does nothing."""

    def receive(self, message: object, context: Context) -> None:
        """Nothing."""


class OpenVenue:
    """A market that always has prices."""

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Always."""
        return True


def configured(directory: Path, commodities: list[str]) -> Configuration:
    """Ten accounts that trade all of these."""
    symbols = "\n".join(f'"{name}" = "{name}"' for name in commodities)
    accounts = "".join(
        f'[[accounts]]\nname = "account{number}"\n[accounts.symbols]\n{symbols}\n' for number in range(ACCOUNTS)
    )
    file = directory / "watchbill.toml"
    file.write_text(f'database_url = "sqlite:///{(directory / "ledger.sqlite").as_posix()}"\n{accounts}')
    return load(file, {})


def a_trade(trade_id: int, platform: str, commodity: str, now: Instant, **changes: Any) -> Trade:
    """An open one."""
    trade = Trade(
        trade_id=trade_id,
        platform=platform,
        commodity=commodity,
        side=Side.BUY,
        state=TradeState.OPEN,
        strategy=Strategy.SWING,
        regime=Regime.RANGE,
        analysis_id=f"{commodity}-{trade_id}",
        confidence=72.0,
        volume_lots=0.1,
        magic=(7 << 32) + trade_id,
        account_token=1,
        commodity_token=1,
        expected_price=1.1,
        stop_distance=0.01,
        target_distance=0.02,
        trailing_distance=None,
        stop_price=1.09,
        target_price=1.12,
        daily_volatility=0.005,
        submitted_at=now - HOUR,
        time_stop_at=now + 48 * HOUR,
        closes_at_day_end=False,
        position_id=trade_id,
        ticket=trade_id,
        entry_price=1.1,
        opened_at=now - HOUR,
    )
    return replace(trade, **changes)


def fill(ledger: Ledger, closed: int, lines: int, now: Instant) -> None:
    """Write closed trades, and lines of the journal."""
    rng = random.Random(0)
    for number in range(ACCOUNTS):
        ledger.trades.register_account(f"account{number}")
    names = [column.name for column in trade_table.c if column.name in Trade.__dataclass_fields__]
    reasons = list(CloseReason)
    rows = []
    for number in range(1, closed + 1):
        made = a_trade(number, f"account{number % ACCOUNTS}", "EURUSD", now)
        end = {"close_reason": rng.choice(reasons), "closed_at": now - number * MINUTE, "profit": rng.gauss(0, 50)}
        made = replace(made, state=TradeState.CLOSED, exit_price=1.11, **end)  # type: ignore[arg-type]  # mixed values
        rows.append({**{name: getattr(made, name) for name in names}, "claims_analysis": True, "crew": "default"})
    detail = json.dumps({"said": "x" * 300})
    kinds = ("decision", "transition", "alert", "adjustment")
    written = [
        {
            "at": now - number,
            "last_at": now - number,
            "repeated": 1,
            "writer": "benchmark",
            "kind": rng.choice(kinds),
            "platform": f"account{number % ACCOUNTS}",
            "commodity": "EURUSD",
            "trade_id": None,
            "analysis_id": None,
            "reason": "refused:confidence",
            "detail": detail,
            "crew": "default",
        }
        for number in range(lines)
    ]
    with ledger.writing() as connection:
        connection.execute(insert(trade_table), rows)
        connection.execute(insert(journal), written)


def snapshot_of(platform: str, trades: list[Trade], now: Instant) -> AccountSnapshot:
    """An account in dollars that holds these."""
    return AccountSnapshot(
        platform=platform,
        at=now,
        ready=True,
        reason="",
        netting=False,
        account=Account(platform, "USD", 10_000.0, 10_000.0, 0.0, now),
        quotes={trade.commodity: Quote(trade.commodity, 1.1, 1.1002, now) for trade in trades},
        instruments={
            trade.commodity: Instrument(
                trade.commodity, trade.commodity, 5, 100_000.0, 0.01, 100.0, 0.01, "USD", 30.0, 3.5, -7.0, 2.0
            )
            for trade in trades
        },
        trades={trade.commodity: trade for trade in trades},
        cooldown_until={},
        unaccounted=0,
        external=(),
    )


def measure(directory: Path, trades: int, closed: int, lines: int, scrapes: int) -> dict[str, Any]:
    """CPU milliseconds of the scrapes."""
    catalogue = sorted(load(None, {}).commodities)
    commodities = catalogue[: -(-trades // ACCOUNTS)]
    configuration = configured(directory, commodities)
    runtime = ThreadedRuntime()
    now = runtime.now()
    market = market_for(configuration.settings, configuration.commodities, now - DAY, now + DAY)
    running = Running()
    system = System(runtime, measures=running.measures)
    url = configuration.database_url
    with (
        closing(Ledger.open(url, **of_crew(configuration))) as writing,
        closing(Ledger.open(url, **of_crew(configuration), read_only=True)) as ledger,
    ):
        fill(writing, closed, lines, now)
        names = [f"account{number}" for number in range(ACCOUNTS)]
        system.start(
            [
                Spec(OBSERVER, ObserverActor, RESERVATION_LEVEL),
                *(Spec(platform_actor(name), Nobody, RESERVATION_LEVEL) for name in names),
                Spec("analyst", Nobody, RESERVATION_LEVEL),
                Spec(MONITOR, lambda: MonitorActor(market), UPPER_LEVEL),
            ]
        )
        try:
            slots = [(name, commodity) for commodity in commodities for name in names][:trades]
            made = [a_trade(number, *slot, now) for number, slot in enumerate(slots, start=1)]
            for name in names:
                mine = [trade for trade in made if trade.platform == name]
                system.tell(OBSERVER, snapshot_of(name, mine, now))
                for trade in mine:
                    system.tell(MONITOR, TradeChanged(trade))
            running.begins(Moment(system, runtime, market, cast(Venue, OpenVenue())))
            running.leads("leading")
            scraper = Scrapes(Window(configuration, running, ledger))
            first, size = _scrape(scraper)
            time.sleep(PAUSE_SECONDS)
            costs = []
            for _ in range(scrapes):
                cost, size = _scrape(scraper)
                costs.append(cost)
                time.sleep(PAUSE_SECONDS)
            watched = scraper.text("")[0].count(b"\nwatchbill_position_watch_age_seconds{")
        finally:
            system.stop()
    return {
        "open_trades": trades,
        "closed_trades": closed,
        "journal_lines": lines,
        "positions_with_watch_age": watched,
        "first_milliseconds": round(first, 1),
        "median_milliseconds": round(statistics.median(costs), 1),
        "most_milliseconds": round(max(costs), 1),
        "bytes": size,
    }


def _scrape(scraper: Scrapes) -> tuple[float, int]:
    began = time.process_time()
    text, _ = scraper.text("text/plain")
    return (time.process_time() - began) * 1_000, len(text)


def main() -> None:
    """Measure and say so."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trades", type=int, default=200, help="open trades")
    parser.add_argument("--closed", type=int, default=10_000, help="closed trades in the ledger")
    parser.add_argument("--lines", type=int, default=300_000, help="lines of the journal")
    parser.add_argument("--scrapes", type=int, default=10)
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        found = measure(Path(directory), arguments.trades, arguments.closed, arguments.lines, arguments.scrapes)
    print(json.dumps(found) if arguments.json else "\n".join(f"{name}: {value}" for name, value in found.items()))


if __name__ == "__main__":
    main()
