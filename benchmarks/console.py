"""What the pages cost: first paint, page weight, and CPU an update with hundreds of open positions.

    python -m benchmarks.console [--positions N] [--runs N] [--seconds S] [--json]

The real server, guard and pages in a process of their own over positions made to order (`benchmarks/console_world.py`),
whose prices all move twice a second; a headless Chromium (the system's own) opens each page as if for the first time.
Its peer is a page with one word in it, from Python's own server: what a browser takes for any page. Medians over the
runs.

Page weight is every byte that comes over the wire until the page is drawn, heads of answers included, and without the
live stream, which does not end. The browser's CPU is that of the page's main thread (scripts, style, layout, paint);
the server's is that of its whole process, and what it uses with nobody watching is taken off. Needs the extra `test`.
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import shutil
import statistics
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from actors.messages import Bars
from benchmarks.console_world import World, served
from console.api.live_hub import PUSH_SECONDS
from console.observer import OBSERVER
from persistence.journal import JournalEntry
from persistence.reservations import Fence, account_resource
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.bars import BarSeries
from trading.market import HOUR, Side
from trading.trade import TradeState, resource

if TYPE_CHECKING:
    from playwright.sync_api import Browser, CDPSession, Page

GOAL_KILOBYTES, GOAL_FIRST_PAINT_SECONDS = 300.0, 1.0
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
FLAGS = ("--no-sandbox", "--disable-gpu", "--disable-background-networking", "--no-first-run", "--disable-sync")
BARS = 2_000  # of which the chart shows those around the trade
ADJUSTMENTS = 40
ACCOUNT, COMMODITY = "account0", "EURUSD"
SETTLING_SECONDS = 2.0
PAGES = {"overview": "/", "a trade": "/trades/1", "trades": "/trades", "decisions": "/decisions"}
DRAWN = {"a trade": '[data-chart][data-drawn="1"]'}  # what is waited for beyond the load

BARE = b"<!doctype html><html lang=en><title>bare</title><p>bare"


@dataclass(slots=True)
class Load:
    """One load of a page."""

    first_paint_seconds: float
    kilobytes: float
    requests: int


@dataclass(slots=True)
class Found:
    """All that was measured."""

    loads: dict[str, list[Load]] = field(default_factory=dict)
    browser_milliseconds: float = 0.0  # of CPU an update
    server_milliseconds: float = 0.0
    updates: int = 0

    def median(self, page: str, name: str) -> float:
        """Of one figure of a page."""
        return statistics.median(float(getattr(load, name)) for load in self.loads[page])


# ------------------------------------------------------------ the server's process


def serve(positions: int, told: Connection) -> None:
    """Serve, move the prices, and tell the CPU used so far to whoever asks; until told to end."""
    with tempfile.TemporaryDirectory() as name, served(Path(name), positions) as world:
        a_trade_to_look_at(world)
        over = threading.Event()

        def move() -> None:
            while not over.wait(PUSH_SECONDS):
                world.move()

        mover = threading.Thread(target=move, daemon=True)
        mover.start()
        told.send((world.port, world.token))
        while told.recv() != "end":
            told.send(time.process_time())
        over.set()
        mover.join()


def a_trade_to_look_at(world: World) -> None:
    """Trade 1 in the ledger, adjusted often, with bars around it."""
    now = world.runtime.now() // HOUR * HOUR
    began = now - 80 * HOUR
    account, slot = _held(world, account_resource(ACCOUNT)), _held(world, resource(ACCOUNT, COMMODITY))
    world.ledger.trades.register_account(ACCOUNT)
    new = NewTrade(
        platform=ACCOUNT,
        commodity=COMMODITY,
        side=Side.BUY,
        strategy=Strategy.SWING,
        regime=Regime.TREND,
        analysis_id="made-1",
        confidence=72.0,
        volume_lots=0.1,
        expected_price=1.1,
        stop_distance=0.01,
        target_distance=0.02,
        trailing_distance=None,
        stop_price=1.09,
        target_price=1.12,
        daily_volatility=0.005,
        submitted_at=began,
        time_stop_at=now + 48 * HOUR,
        closes_at_day_end=True,
    )
    trade = world.ledger.trades.submit(new, account, slot)
    opened = replace(trade, state=TradeState.OPEN, entry_price=1.1, opened_at=began, position_id=1, ticket=1)
    trade = world.ledger.trades.advance(trade, opened, account)
    for step in range(ADJUSTMENTS):
        moved = replace(trade, stop_price=trade.stop_price + 0.0001)
        detail = {"stop_before": trade.stop_price, "stop_after": moved.stop_price, "why": "the price has moved on"}
        line = JournalEntry(
            began + step * HOUR, "adjustment", "trailing", ACCOUNT, COMMODITY, trade.trade_id, "made-1", detail
        )
        trade = world.ledger.trades.advance(trade, moved, account, line)
    close = 1.1 + 0.003 * np.sin(np.arange(BARS) / 9.0)
    time_ = now - (BARS - np.arange(BARS)) * HOUR
    series = BarSeries(COMMODITY, 3_600, time_, close, close + 4e-4, close - 4e-4, close, np.full(BARS, np.nan))
    world.system.tell(OBSERVER, Bars(ACCOUNT, series))


def _held(world: World, name: str) -> Fence:
    reservation = world.ledger.reservations.reserve_resource(name, "benchmark", 60.0)
    if reservation is None:
        raise RuntimeError(f"{name} is held by another process")
    return reservation.fence


@contextmanager
def server(positions: int) -> Iterator[tuple[str, str, Connection]]:
    """The console's address, a token, and what tells its CPU seconds."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=serve, args=(positions, theirs), daemon=True)
    process.start()
    try:
        if not ours.poll(60.0):
            raise RuntimeError("the console did not begin")
        port, token = ours.recv()
        yield f"http://127.0.0.1:{port}", token, ours
        ours.send("end")
        process.join(30.0)
    finally:
        if process.is_alive():
            process.terminate()


def cpu_seconds(told: Connection) -> float:
    """Of the server's process so far."""
    told.send("cpu")
    seconds: float = told.recv()
    return seconds


class Bare(BaseHTTPRequestHandler):
    """The peer: one small page."""

    def do_GET(self) -> None:
        """Answer any request with it."""
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(BARE)))
        self.end_headers()
        self.wfile.write(BARE)

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing."""


@contextmanager
def bare_page() -> Iterator[str]:
    """The peer's address."""
    peer = ThreadingHTTPServer(("127.0.0.1", 0), Bare)
    thread = threading.Thread(target=peer.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{peer.server_address[1]}/"
    finally:
        peer.shutdown()
        peer.server_close()
        thread.join()


# ------------------------------------------------------------ the browser


@contextmanager
def opened(
    browser: Browser, address: str, token: str, drawn: str | None = None
) -> Iterator[tuple[Page, CDPSession, Load]]:
    """A page, loaded by a browser that has never seen it."""
    context = browser.new_context(extra_http_headers={"Authorization": f"Bearer {token}"})
    try:
        page = context.new_page()
        session = context.new_cdp_session(page)
        session.send("Network.enable")
        sizes: dict[str, float] = {}
        session.on(
            "Network.loadingFinished", lambda event: sizes.update({event["requestId"]: event["encodedDataLength"]})
        )
        page.goto(address, wait_until="load")
        if drawn is not None:
            page.wait_for_selector(drawn, state="attached")
        page.wait_for_timeout(300)  # for the browser to say what came last
        paints = page.evaluate("performance.getEntriesByType('paint').map(each => [each.name, each.startTime])")
        first = dict(paints).get("first-contentful-paint")
        if first is None:
            raise RuntimeError(f"{address}: nothing was painted")
        yield page, session, Load(first / 1_000, sum(sizes.values()) / 1_000, len(sizes))
    finally:
        context.close()


def main_thread_seconds(session: CDPSession) -> float:
    """What the page's main thread has worked so far."""
    metrics = {each["name"]: each["value"] for each in session.send("Performance.getMetrics")["metrics"]}
    return float(metrics["TaskDuration"])


def measure(positions: int, runs: int, seconds: float) -> Found:
    """Everything. Raises ``RuntimeError`` where there is no browser."""
    from playwright.sync_api import sync_playwright

    executable = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    if executable is None:
        raise RuntimeError(f"no browser: none of {', '.join(BROWSERS)} is installed")
    found = Found()
    with server(positions) as (address, token, told), bare_page() as bare, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=list(FLAGS))
        places = {"a bare page": bare, **{name: f"{address}{path}" for name, path in PAGES.items()}}
        for run in range(runs + 1):  # the first warms both sides up
            for name, place in places.items():
                with opened(browser, place, token, DRAWN.get(name)) as (_, _, load):
                    if run:
                        found.loads.setdefault(name, []).append(load)
        idle = _server_seconds(told, seconds)
        with opened(browser, address, token) as (page, session, _):
            session.send("Performance.enable", {"timeDomain": "threadTicks"})  # CPU, and not what passes meanwhile
            page.evaluate("window.seen = 0; document.addEventListener('watchbill:changes', () => window.seen++)")
            page.wait_for_timeout(SETTLING_SECONDS * 1_000)
            began, updates = main_thread_seconds(session), page.evaluate("window.seen")
            busy = _server_seconds(told, seconds, page)
            found.updates = page.evaluate("window.seen") - updates
            worked = main_thread_seconds(session) - began
        browser.close()
    if not found.updates:
        raise RuntimeError("the page was told nothing")
    found.browser_milliseconds = 1e3 * worked / found.updates
    found.server_milliseconds = 1e3 * max(busy - idle, 0.0) / found.updates
    return found


def _server_seconds(told: Connection, seconds: float, page: Page | None = None) -> float:
    """The CPU that the server uses in so many seconds."""
    began = cpu_seconds(told)
    if page is None:
        time.sleep(seconds)
    else:
        page.wait_for_timeout(seconds * 1_000)
    return cpu_seconds(told) - began


def main() -> None:
    """Measure and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--positions", type=int, default=200, help="that are open (default 200)")
    parser.add_argument("--runs", type=int, default=7, help="loads of each page (default 7)")
    parser.add_argument("--seconds", type=float, default=10.0, help="of watching the overview (default 10)")
    parser.add_argument("--json", action="store_true", help="one JSON object on standard output")
    arguments = parser.parse_args()
    found = measure(arguments.positions, arguments.runs, arguments.seconds)
    names = ("first_paint_seconds", "kilobytes", "requests")
    if arguments.json:
        pages = {page: {name: found.median(page, name) for name in names} for page in found.loads}
        goals = {"kilobytes": GOAL_KILOBYTES, "first_paint_seconds": GOAL_FIRST_PAINT_SECONDS}
        cpu = {"browser": found.browser_milliseconds, "server": found.server_milliseconds}
        print(json.dumps({"positions": arguments.positions, "pages": pages, "goals": goals, "cpu_milliseconds": cpu}))
        return
    peer = found.median("a bare page", "first_paint_seconds")
    print(f"{arguments.positions} open positions; goals: first paint below 1 s, below 300 KB as transferred")
    for page in found.loads:
        paint, size, requests = (found.median(page, name) for name in names)
        print(
            f"{page:12} first paint {paint:6.3f} s ({paint / peer:4.1f} x bare), "
            f"{size:6.1f} KB in {requests:.0f} requests"
        )
    print(
        f"an update of the overview ({found.updates} seen): browser {found.browser_milliseconds:.1f} ms CPU, "
        f"server {found.server_milliseconds:.1f} ms CPU"
    )


if __name__ == "__main__":
    main()
