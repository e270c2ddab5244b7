"""Puts the console together: the API, the pages and the probes, and the guard in front of all of them."""

from __future__ import annotations

from collections.abc import Callable

from starlette.middleware.gzip import GZipMiddleware
from starlette.types import ASGIApp

from console.api.application import application
from console.api.window import Window
from console.books import console_tokens_file
from console.configuration import Configuration
from console.running import Running
from console.web import metrics, pages, probes, sign_in, static_files
from console.web.access_tokens import TokenFile
from console.web.guard import Guard
from console.web.hosts import hosts_of
from console.web.keeper import Keeper
from persistence.ledger import Ledger

PACKED_FROM_BYTES = 2048
PACKING = 5  # of 9: most of the gain at a fraction of the time


def assembled(
    configuration: Configuration, running: Running, ledger: Ledger, port: int
) -> tuple[ASGIApp, Callable[[], None]]:
    """The application of a console that listens at ``port``, and what ends its streams.

    Raises `SecretUnusable`.
    """
    window = Window(configuration, running, ledger)
    tokens = TokenFile(console_tokens_file(configuration))
    tokens.current()  # made by now, and fit to be used
    keeper = Keeper(tokens, hosts_of(configuration.settings.console, port))
    app = application(window)
    app.include_router(probes.router(window))
    app.include_router(metrics.router(window))
    app.include_router(static_files.router())
    app.include_router(sign_in.router(window, keeper))
    app.include_router(pages.router(window))  # the last: it has a page for whatever is not found
    packed = GZipMiddleware(app, minimum_size=PACKED_FROM_BYTES, compresslevel=PACKING)  # it leaves streams alone
    return Guard(packed, keeper), lambda: app.state.end_streams()
