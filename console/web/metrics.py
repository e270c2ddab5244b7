"""`/metrics`: the figures for Prometheus, as text or as OpenMetrics.

A scrape asks actors with a short deadline, and a part that cannot be had is absent instead of failing the rest. What
was found is kept for a second, whoever asks. The library that writes the text is imported by the first scrape, and its
registry that belongs to the whole process is never used.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from fastapi import APIRouter, Request, Response

from actors.system.errors import ActorError
from console.api.window import Window
from console.web.metric_accounts import Positions, Snapshots, of_accounts, of_watching, snapshots_of
from console.web.metric_feeds import of_feeds
from console.web.metric_ledger import LedgerFigures
from console.web.metric_process import of_actors, of_notifications, of_process
from console.web.metric_samples import Samples
from persistence.errors import LedgerError

if TYPE_CHECKING:
    from console.web.metric_text import Text

KEPT_SECONDS = 1.0

log = logging.getLogger("watchbill.console")


class Scrapes:
    """Collects the figures. Any thread may ask; one collection at a time is under way, and who waits shares it."""

    def __init__(self, window: Window, elapsed: Callable[[], float] = time.monotonic) -> None:
        self._window = window
        self._elapsed = elapsed
        self._lock = threading.Lock()
        self._ledger = LedgerFigures(window)
        self._positions = Positions()
        self._failures: dict[str, int] = {}
        self._text: Text | None = None
        self._good_until = float("-inf")

    def text(self, accept: str) -> tuple[bytes, str]:
        """The newest figures, in the format that fits ``accept`` best, and that format's name."""
        from console.web.metric_text import Text  # it brings the library

        with self._lock:
            if self._text is None or self._elapsed() >= self._good_until:
                self._text = Text(self.collected())
                self._good_until = self._elapsed() + KEPT_SECONDS
            return self._text.encoded(accept)

    def collected(self) -> Samples:
        """Everything that can be had now."""
        began = time.thread_time()
        window, samples = self._window, Samples()
        moment = window.running.moment
        with self._part("process"):
            of_process(window, samples)
        with self._part("notifications"):
            of_notifications(window, samples)
        with self._part("actors"):
            of_actors(moment, samples)
        with self._part("ledger"):
            self._ledger.add_to(samples)
        if moment is not None and moment.leads:
            snapshots: Snapshots = {}
            with self._part("accounts"):
                snapshots = snapshots_of(moment)
                self._positions.learn(snapshots)
                of_accounts(moment, snapshots, samples)
            with self._part("watching"):
                of_watching(moment, snapshots, self._positions, samples)
            with self._part("feeds"):
                of_feeds(moment, samples)
        samples.add_all("watchbill_scrape_failures_total", self._failures)
        samples.add("watchbill_scrape_cpu_seconds", time.thread_time() - began)
        return samples

    @contextmanager
    def _part(self, name: str) -> Iterator[None]:
        """What fails in the block is absent, counted, and said in the log the first time."""
        failures = self._failures.setdefault(name, 0)
        try:
            yield
        except Exception as error:
            self._failures[name] = failures + 1
            foreseen = isinstance(error, ActorError | LedgerError)
            level = logging.DEBUG if foreseen or failures else logging.ERROR
            log.log(level, "no figures of the %s for /metrics: %s", name, error, exc_info=not foreseen)


def router(window: Window) -> APIRouter:
    """The one route."""
    routes = APIRouter(tags=["metrics"])
    scrapes = Scrapes(window)

    @routes.get("/metrics", operation_id="metrics", summary="Figures for Prometheus", response_class=Response)
    def metrics(request: Request) -> Response:
        text, media_type = scrapes.text(request.headers.get("accept", ""))
        return Response(text, headers={"Content-Type": media_type, "Cache-Control": "no-store"})

    return routes
