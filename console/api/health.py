"""The route of health: this process, its actors, feeds, terminals, database, leases and alerts."""

from __future__ import annotations

import os
import platform
import socket
import threading
import time
from pathlib import Path

from fastapi import APIRouter

from actors.messages import FeedState, HowIsFeed
from actors.names import feed_actor
from actors.system.errors import ActorError
from actors.system.system import System
from console import account_trouble, feed_trouble
from console.api.asked import documented
from console.api.decisions import reservations_data
from console.api.models_health import Health
from console.api.present import Present, present
from console.api.window import Window
from console.command_line import version
from console.reading import ledger_file
from console.records import Data, time_text
from persistence.errors import LedgerError
from persistence.owner import owner_name
from persistence.reservations import crew_resource
from trading.market import SECOND, iso

ALERTS = 50
ASK_SECONDS = 0.2  # for one feed
BEGAN = time.monotonic()
STATUS_FILE = Path("/proc/self/statm")  # of Linux; elsewhere nothing is said of memory


def router(window: Window) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["health"], responses=documented(503))

    @routes.get(
        "/api/health",
        response_model=Health,
        operation_id="health",
        summary="The process, its actors, feeds, terminals, database, leases and alerts; also while the ledger is away",
    )
    def health() -> Data:
        return health_data(window)

    return routes


def health_data(window: Window) -> Data:
    """Everything, in the shape of `Health`. Whatever cannot be had now is empty, and the database says why."""
    moment = window.running.moment
    database = database_data(window)
    now, leases, dead = Present(window, False, None, {}, None), [], []
    if database["is_reachable"]:
        try:
            now = present(window)
            leases = reservations_data(window)["reservations"]
            dead = _dead_feeds(window, leases)
        except LedgerError as error:
            database = {**database, "is_reachable": False, "said": str(error)}
    system = None if moment is None else moment.system
    actors = [] if system is None else actors_data(system)
    return {
        "leads": moment is not None and moment.leads,
        "said": window.running.said,
        "market_time": now.head()["market_time"],
        "source": None if moment is None else moment.venue.source,
        "process": process_data(),
        "database": database,
        "actors": actors,
        "feeds": _feeds(window, dead, actors),
        "terminals": terminals_data(window, now),
        "leases": leases,
        "alerts": [] if system is None else alerts_data(system),
        "dead_feeds": dead,
        "broken_configuration": window.configuration.broken,
    }


def actors_data(system: System) -> list[Data]:
    """Every actor, in the shape of `ActorRow`."""
    return [
        {
            "name": one.name,
            "level": one.level,
            "state": one.state.value,
            "is_vital": system.is_vital(one.name),
            "depth": one.depth,
            "processed": one.processed,
            "conflated": one.conflated,
            "restarts": one.restarts,
            "dead_letters": one.dead_letters,
            "last_message": one.last_message,
            "answer_age_seconds": one.answer_age_seconds,
        }
        for one in system.stats().values()
    ]


def alerts_data(system: System) -> list[Data]:
    """The newest alerts of this term, newest first."""
    newest = list(system.alerts)[-ALERTS:]
    return [
        {"at": time_text(alert.at), "actor": alert.actor, "reason": alert.reason, "detail": alert.detail}
        for alert in reversed(newest)
    ]


def database_data(window: Window) -> Data:
    """The database, and how long it takes to answer."""
    ledger = window.ledger
    file = ledger_file(window.configuration)
    found = {
        "dialect": ledger.dialect,
        "name": window.configuration.shown_database_url if file is None else str(file),
        "file_bytes": None if file is None else _bytes_of(file),
    }
    began = time.perf_counter()
    try:
        ledger.reservations.now()
    except LedgerError as error:
        return {**found, "is_reachable": False, "said": str(error), "round_trip_milliseconds": None}
    took = (time.perf_counter() - began) * 1_000
    return {**found, "is_reachable": True, "said": "", "round_trip_milliseconds": round(took, 3)}


def process_data() -> Data:
    """This process."""
    return {
        "version": version(),
        "process_id": os.getpid(),
        "host": socket.gethostname(),
        "owner": owner_name(),
        "python": platform.python_version(),
        "uptime_seconds": round(time.monotonic() - BEGAN, 1),
        "cpu_seconds": round(time.process_time(), 2),
        "resident_bytes": resident_bytes(),
        "threads": threading.active_count(),
    }


def resident_bytes() -> int | None:
    """The memory of this process; None where the system does not say."""
    try:
        pages = int(STATUS_FILE.read_text("ascii").split()[1])
    except (OSError, ValueError, IndexError):
        return None
    return pages * os.sysconf("SC_PAGE_SIZE")


def terminals_data(window: Window, now: Present) -> list[Data]:
    """Each account's way to its broker, in the shape of `TerminalRow`."""
    rows = []
    for account in window.configuration.settings.accounts:
        snapshot = now.snapshots.get(account.name)
        silent = None if snapshot is None or now.now is None else max(now.now - snapshot.at, 0) / SECOND
        waiting = "it has not shown itself yet" if now.live and account.enabled else ""
        rows.append(
            {
                "platform": account.name,
                "connector": account.connector,
                "enabled": account.enabled,
                "is_connected": None if snapshot is None else snapshot.ready,
                "reason": waiting if snapshot is None else snapshot.reason,
                "at": None if snapshot is None else iso(snapshot.at),
                "silent_seconds": silent,
            }
        )
    return rows


def _dead_feeds(window: Window, leases: list[Data]) -> list[Data]:
    settings = window.configuration.settings
    leader = next((row["owner"] for row in leases if row["resource"] == crew_resource(settings.crew)), None)
    alerts = window.ledger.journal.list(kind="alert", limit=account_trouble.LINES)
    return feed_trouble.dead_feeds(alerts, settings.feeds, leader)


def _feeds(window: Window, dead: list[Data], actors: list[Data]) -> list[Data]:
    ages = {row["name"]: row["answer_age_seconds"] for row in actors}
    gone = {row["name"]: row for row in dead}
    return [
        {
            "name": feed.name,
            "is_dead": feed.name in gone,
            "since": gone[feed.name]["since"] if feed.name in gone else None,
            "said": gone[feed.name]["said"] if feed.name in gone else "",
            "read_seconds_ago": _read_seconds_ago(window, feed_actor(feed.name)),
            "answer_age_seconds": ages.get(feed_actor(feed.name)),
        }
        for feed in window.configuration.settings.feeds.enabled
    ]


def _read_seconds_ago(window: Window, actor: str) -> float | None:
    """Since the source was read; None: it never was, or nobody here knows."""
    try:
        state: FeedState = window.leading().system.ask(actor, HowIsFeed(), ASK_SECONDS)
    except ActorError:
        return None
    return state.age_seconds


def _bytes_of(file: Path) -> int | None:
    """With what is in its write-ahead log."""
    sizes = []
    for path in (file, file.with_name(f"{file.name}-wal")):
        try:
            sizes.append(path.stat().st_size)
        except OSError:
            continue
    return sum(sizes) if sizes else None
