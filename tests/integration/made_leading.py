"""A console over a real crew that leads on paper accounts, in this process and without a port.

The crew is `serve`'s own term on a thread: it walks fast through the recorded prices until trades were opened, adjusted
and closed, and from there at the world's speed. What is asked goes through the guard to the real application.
"""

from __future__ import annotations

import asyncio
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, nullcontext
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self
from unittest.mock import patch

from made_asgi import PORT, Answer, asked
from starlette.types import ASGIApp

from console import serve
from console.arguments import Serve
from console.books import console_tokens_file
from console.configuration import Configuration, load
from console.ending import Ending
from console.output import Output
from console.reading import of_crew
from console.running import Running
from console.web.access_tokens import TokenFile
from console.web.assembly import assembled
from persistence.ledger import Ledger
from trading.trade import ACTIVE, TradeState

DEADLINE_SECONDS = 60.0
LOOK_SECONDS = 0.02
FAST, SLOW = 2e6, 1.0  # market seconds in one second


@dataclass(slots=True)
class Client:
    """Asks an application in this process, a question at a time."""

    app: ASGIApp
    token: str
    _runner: asyncio.Runner = field(default_factory=asyncio.Runner)  # of one loop, as the server has

    def ask(self, method: str, path: str, *, token: str | None = None, **more: Any) -> Answer:
        """One request. ``token``: another than the read token; empty: none."""
        shown = self.token if token is None else token
        headers = {**({"Authorization": f"Bearer {shown}"} if shown else {}), **more.pop("headers", {})}
        return self._runner.run(asked(self.app, method, path, headers=headers, **more))

    def get(self, path: str, **params: Any) -> Any:
        """What is answered to a question that is."""
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, status: int, path: str, **params: Any) -> Mapping[str, Any]:
        """The problem that is answered instead."""
        answer = self.ask("GET", path, params=params)
        assert answer.status_code == status, answer.text
        found: Mapping[str, Any] = answer.json()
        assert {"code", "said", "field"} <= found.keys()
        return found

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._runner.close()


@dataclass(frozen=True, slots=True)
class Console:
    """What a test has in hand."""

    configuration: Configuration
    running: Running
    ledger: Ledger  # to read
    app: ASGIApp  # with its guard
    client: Client
    tokens: TokenFile


@contextmanager
def standing_console(configuration: Configuration, running: Running | None = None) -> Iterator[Console]:
    """The console of a process that does not lead, or whose crew ``running`` tells of, over a ledger that is there."""
    running = Running() if running is None else running
    with ExitStack() as stack:
        url = configuration.database_url
        ledger = stack.enter_context(closing(Ledger.open(url, **of_crew(configuration), read_only=True)))
        app, end_streams = assembled(configuration, running, ledger, PORT)
        stack.callback(end_streams)
        tokens = TokenFile(console_tokens_file(configuration))
        client = stack.enter_context(Client(app, tokens.current().read))
        yield Console(configuration, running, ledger, app, client, tokens)


def configured(directory: Path, **environment: str) -> Configuration:
    """The default settings with a ledger in that directory."""
    url = f"sqlite:///{(directory / 'ledger.sqlite').as_posix()}"
    return load(None, {"WATCHBILL__DATABASE_URL": url, **environment})


@contextmanager
def leading_crew(directory: Path, *, closed: int = 3) -> Iterator[Console]:
    """A console whose crew leads, holds a trade, and has closed so many."""
    configuration = configured(directory)
    url = configuration.database_url
    with (
        _serving(configuration, FAST),
        closing(Ledger.open(url, **of_crew(configuration), read_only=True)) as ledger,
    ):
        _wait(lambda: _has_traded(ledger, closed))
    with _serving(configuration, SLOW) as running:
        _wait(lambda: running.moment is not None and running.moment.leads)
        with standing_console(configuration, running) as console:
            _wait(lambda: _is_ready(console.client))
            yield console


class _Told(Ending):
    """Ends when the test does: signals are the main thread's."""

    __slots__ = ()

    @contextmanager
    def on_signals(self) -> Iterator[None]:
        """None are taken."""
        yield


@contextmanager
def _serving(configuration: Configuration, speed: float) -> Iterator[Running]:
    """`serve` on a thread, until the end of the block; without a port."""
    ending, arguments = _Told(), Serve(view=False, speed=speed)
    found: queue.SimpleQueue[Running] = queue.SimpleQueue()
    failed: list[BaseException] = []

    def noted(arguments: Serve, configuration: Configuration, running: Running) -> AbstractContextManager[None]:
        found.put(running)
        return nullcontext()

    def work() -> None:
        try:
            serve._serve(arguments, configuration, Output(), ending)
        except BaseException as error:
            failed.append(error)

    with patch.object(serve, "console_of", noted):
        thread = threading.Thread(target=work, name="term")
        thread.start()
        try:
            yield found.get(timeout=DEADLINE_SECONDS)
        finally:
            ending.stopped = "the end of the test"
            ending.event.set()
            thread.join(DEADLINE_SECONDS)
    assert not thread.is_alive(), "the term did not end"
    assert not failed, failed


def _is_ready(client: Client) -> bool:
    return all((row["live"] or {}).get("ready") for row in client.get("/api/accounts")["accounts"])


def _has_traded(ledger: Ledger, closed: int) -> bool:
    counts = ledger.trades.tally().states
    return counts.get(TradeState.CLOSED, 0) >= closed and any(trade.state in ACTIVE for trade in ledger.trades.active())


def _wait(is_so: Any) -> None:
    last = time.monotonic() + DEADLINE_SECONDS
    while not is_so():
        assert time.monotonic() < last, "it took too long"
        time.sleep(LOOK_SECONDS)
