"""A headless Chromium, and pages in it that are signed in; what a page does wrong is collected while it is used.

Nothing is downloaded: the browser is the system's own, such as Debian's package `chromium`. Where there is none, the
tests that need it are skipped, and say so.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, ConsoleMessage, Page, Request, Response, ViewportSize, sync_playwright

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
EXECUTABLE = next((found for name in NAMES if (found := shutil.which(name))), None)
FLAGS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
DEADLINE_MILLISECONDS = 20_000
PHONE, DESK = (390, 844), (1360, 900)

needs_chromium = pytest.mark.skipif(EXECUTABLE is None, reason=f"no browser: none of {', '.join(NAMES)} is installed")


@dataclass
class Watched:
    """A page, and what it did wrong so far: what its console says, errors of scripts, requests that went elsewhere."""

    page: Page
    address: str
    faults: list[str] = field(default_factory=list)
    requests: list[str] = field(default_factory=list)

    def go(self, path: str) -> Response:
        """Go to a page of the console."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None, path
        return answer

    def axe(self) -> list[str]:
        """What axe-core finds against the page as it is now: WCAG 2 A and AA, and its best practices."""
        return [
            f"{found['id']}: {node['html'][:120]}: {node.get('failureSummary', '')}"
            for found in Axe().run(self.page).response["violations"]
            for node in found["nodes"]
        ]

    def is_too_wide(self) -> bool:
        """Whether the page has to be pushed sideways to be read."""
        return bool(self.page.evaluate("document.documentElement.scrollWidth > window.innerWidth"))

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.faults.append(f"console: {message.text}")

    def _asked(self, request: Request) -> None:
        self.requests.append(request.url)
        parts = urlsplit(request.url)
        if parts.scheme not in ("data", "blob") and f"{parts.scheme}://{parts.netloc}" != self.address:
            self.faults.append(f"asked another host: {request.url}")


@contextmanager
def chromium() -> Iterator[Browser]:
    """A browser without a window. Needs `needs_chromium`."""
    assert EXECUTABLE is not None
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=EXECUTABLE, args=list(FLAGS))
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def signed_in(
    browser: Browser,
    address: str,
    token: str | None,
    *,
    scheme: Literal["light", "dark"] = "light",
    size: tuple[int, int] = DESK,
    first: str = "/",
    **options: Any,
) -> Iterator[Watched]:
    """A page of a browser of its own, signed in with a token of the console at ``address``; None: not signed in.

    ``first``: where it goes then. ``options``: further ones of a browser's context; with a ``storage_state`` it has
    signed in before, and only goes there.
    """
    viewport = ViewportSize(width=size[0], height=size[1])
    context = browser.new_context(color_scheme=scheme, viewport=viewport, reduced_motion="reduce", **options)
    context.set_default_timeout(DEADLINE_MILLISECONDS)
    try:
        page = context.new_page()
        watched = Watched(page, address)
        page.on("console", watched._heard)
        page.on("pageerror", lambda error: watched.faults.append(f"script: {error}"))
        page.on("request", watched._asked)
        if "storage_state" in options:
            watched.go(first)
        elif token is not None:
            watched.go("/sign-in")
            page.fill("input[name=token]", token)
            page.press("input[name=token]", "Enter")
            page.wait_for_url(f"{address}/")
            if first != "/":
                watched.go(first)
        yield watched
    finally:
        context.close()
