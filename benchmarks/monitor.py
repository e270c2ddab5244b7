"""What it costs to watch open trades: microseconds a position, guarding alone and weighed in full.

    python -m benchmarks.monitor [--trades N ...] [--repetitions N] [--adjusted N] [--directory DIR] [--json]

The monitor is that of production, with its forecasts, calendars and rules; what it tells is collected instead of sent.
The trades are spread over fifty accounts. Measured in alternating repetitions, with their medians:

- *guard*: new quotes of every account, so every stop and target is judged;
- *pass*: the judgement that comes every `ai_monitor_interval_seconds`, where no rule has anything to say;
- *new bar*: the same after a bar was read, when every trade is valued anew (probabilities and expected value);
- *peer*: a plain loop over the same trades that compares prices, as freqtrade's `should_exit` does: profit after fees,
  trailing stop, stop, and a table of least profits by age. It knows neither probability nor value.

*Adjusted* is a pass in which every trade's stop trails, and each change is written to the ledger with its line: in
memory, and in a file with durable commits. FREQTRADE and NAUTILUS are figures that were measured on those programs
themselves, on another day: constants, to be read as an order of magnitude.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from actors.accounts import Market
from actors.adjusting import adjust
from actors.desk import Desk
from actors.messages import Adjust, Lease, TradeChanged
from actors.monitor import MonitorActor
from benchmarks.reservations import positive
from benchmarks.watched_trades import ENTRY, Scene, Watch, market_of, new_trades
from connectors.mock import MockConnector
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from trading.market import HOUR, MINUTE, Instant
from trading.trade import Trade, TradeState, resource

FREQTRADE_US = (16.0, 28.0)  # `should_exit` of one trade in memory
FREQTRADE_WITH_DATABASE_US = 187.0  # the same, with the trade written
NAUTILUS_TRIGGER_US = 0.08  # its native check of one stop against one price; no profit, no probability

FEE = 0.0001
LEAST_PROFIT_BY_AGE = ((0, 0.04), (30, 0.03), (60, 0.02), (240, 0.015))  # minutes, and the profit from which to leave


def should_exit(trade: Trade, rate: float, now: Instant) -> str | None:
    """The comparisons of a bot that closes by price and age: the peer."""
    sign, entry = trade.side.sign, trade.entry_price or trade.expected_price
    profit = sign * (rate * (1 - sign * FEE) / (entry * (1 + sign * FEE)) - 1)
    stop = trade.stop_price
    if trade.trailing_distance is not None:
        followed = rate - sign * trade.trailing_distance
        stop = max(stop, followed) if sign > 0 else min(stop, followed)
    if sign * (rate - stop) <= 0:
        return "stop_loss"
    minutes = (now - trade.submitted_at) / MINUTE
    least = [wanted for age, wanted in LEAST_PROFIT_BY_AGE if age <= minutes]
    if least and profit >= least[-1]:
        return "roi"
    return "time" if now >= trade.time_stop_at else None


def peer_pass(trades: Sequence[Trade], now: Instant) -> None:
    """The loop over all trades."""
    for trade in trades:
        should_exit(trade, ENTRY, now)


def timed(work: Callable[[], None]) -> float:
    """The seconds of CPU that it takes."""
    began = time.process_time()
    work()
    return time.process_time() - began


def in_memory(count: int, repetitions: int) -> dict[str, Any]:
    """Microseconds a position for each kind of pass, and how many times the peer's that is."""
    seconds: dict[str, list[float]] = {"guard": [], "pass": [], "new_bar": [], "peer": []}
    watch = Watch.over(count)
    watch.read()
    for _ in range(repetitions):
        watch.scene.at_now += HOUR // 4
        seconds["guard"].append(timed(watch.quote))
        seconds["new_bar"].append(timed(watch.read))
        seconds["pass"].append(timed(watch.judge))
        seconds["peer"].append(timed(lambda: peer_pass(watch.trades, watch.scene.at_now)))
    changed = [message for _, message in watch.scene.told if isinstance(message, Adjust)]
    if changed:
        raise AssertionError(f"{len(changed)} trades were adjusted, and none was meant to be")
    found = {name: statistics.median(taken) / count * 1e6 for name, taken in seconds.items()}
    return {
        **{f"{name}_us": round(each, 3) for name, each in found.items()},
        **{f"{name}_to_peer": round(found[name] / found["peer"], 2) for name in ("guard", "pass", "new_bar")},
    }


@contextmanager
def ledger_urls(directory: Path | None) -> Iterator[dict[str, str]]:
    """A ledger in memory, and one in a file."""
    with tempfile.TemporaryDirectory(dir=directory) as place:
        yield {"in memory": "sqlite://", "on disk": f"sqlite:///{(Path(place) / 'ledger.sqlite').as_posix()}"}


def with_ledger(count: int, url: str) -> dict[str, Any]:
    """A pass in which every trade's stop trails and is written: microseconds a position, by the wall."""
    market = market_of(count)
    with closing(Ledger.open(url)) as ledger:
        desks = [_desk(account.name, market, ledger) for account in market.settings.accounts]
        scene = Scene()
        watch = Watch(market, MonitorActor(market), scene, _opened(market, desks, count))
        for trade in watch.trades:
            watch.monitor.receive(TradeChanged(trade), scene)
        watch.quote()
        watch.judge()
        scene.told.clear()
        began = time.perf_counter()
        for moved in (0.004, -0.004):  # up for those that buy, down for those that sell
            watch.quote(moved)
            watch.judge()
            told, scene.told = scene.told, []
            for name, message in told:
                if isinstance(message, Adjust):
                    adjust(desks[int(name.rpartition(":a")[2])], message, scene)
        seconds = time.perf_counter() - began
        written = len(ledger.journal.list(kind="adjustment"))
    if written != count:
        raise AssertionError(f"{written} adjustments of {count} trades were written")
    return {"trades": count, "adjusted_us": round(seconds / count * 1e6, 1)}


def _desk(platform: str, market: Market, ledger: Ledger) -> Desk:
    """The account's desk, with its lease."""
    connector = MockConnector(platform, market.commodities, Scene(), symbols={})
    desk = Desk(platform, connector, ledger, market, ())
    ledger.trades.register_account(platform)
    held = ledger.reservations.reserve_resource(account_resource(platform), "benchmark:1", 3600.0)
    if held is None:
        raise AssertionError(f"{platform} is held by somebody else")
    desk.lease = Lease(held.fence, math.inf)
    return desk


def _opened(market: Market, desks: Sequence[Desk], count: int) -> list[Trade]:
    """So many trades that trail, in the ledger and on the desks."""
    by_name = {desk.platform: desk for desk in desks}
    found = []
    for number, wanted in enumerate(new_trades(market, count), 1):
        desk = by_name[wanted.platform]
        new = replace(wanted, trailing_distance=wanted.stop_distance, target_distance=None, target_price=None)
        lease = desk.lease
        slot = desk.ledger.reservations.reserve_resource(resource(new.platform, new.commodity), "benchmark:1", 3600.0)
        if slot is None or lease is None:
            raise AssertionError(f"{new.platform}:{new.commodity} is held by somebody else")
        row = desk.ledger.trades.submit(new, lease.fence, slot.fence)
        filled = replace(
            row,
            state=TradeState.OPEN,
            ticket=number,
            position_id=number,
            entry_price=ENTRY,
            opened_at=new.submitted_at,
            stop_price=ENTRY - new.side.sign * new.stop_distance,
        )
        trade = desk.ledger.trades.advance(row, filled, lease.fence)
        desk.trades[trade.commodity] = trade
        found.append(trade)
    return found


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description="What watching open trades costs, beside a plain loop over them.")
    parser.add_argument("--trades", type=positive, nargs="+", default=[1_000, 10_000], help="how many are open")
    parser.add_argument("--repetitions", type=positive, default=7, help="of each kind, taking turns")
    parser.add_argument("--adjusted", type=positive, default=500, help="trades that are adjusted, with the ledger")
    parser.add_argument("--directory", type=Path, help="where to put the SQLite file: a disk to measure")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    arguments = parser.parse_args()
    memory = {str(count): in_memory(count, arguments.repetitions) for count in arguments.trades}
    with ledger_urls(arguments.directory) as urls:
        ledgers = {name: with_ledger(arguments.adjusted, url) for name, url in urls.items()}
    constants = {
        "freqtrade_should_exit_us": FREQTRADE_US,
        "freqtrade_with_database_us": FREQTRADE_WITH_DATABASE_US,
        "nautilus_trigger_us": NAUTILUS_TRIGGER_US,
    }
    if arguments.json:
        print(json.dumps({"in_memory": memory, "with_ledger": ledgers, "elsewhere": constants}))
        return
    print(f"{'microseconds a position':<26}{'guard':>10}{'pass':>10}{'new bar':>10}{'peer':>10}   times the peer")
    for count, row in memory.items():
        figures = "".join(f"{row[f'{name}_us']:>10.2f}" for name in ("guard", "pass", "new_bar", "peer"))
        ratios = ", ".join(f"{row[f'{name}_to_peer']:.2f}" for name in ("guard", "pass", "new_bar"))
        print(f"{f'{int(count):,} open trades':<26}{figures}   {ratios}")
    for name, found in ledgers.items():
        print(f"{found['trades']:,} trades adjusted, ledger {name}: {found['adjusted_us']:,.0f} each")
    low, high = FREQTRADE_US
    print(f"elsewhere, measured another day: freqtrade should_exit {low:g} to {high:g}, with its database")
    print(f"{FREQTRADE_WITH_DATABASE_US:g}; nautilus_trader's native trigger check {NAUTILUS_TRIGGER_US:g}")


if __name__ == "__main__":
    main()
