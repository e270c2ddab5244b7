"""Shows the console: a server on a thread of its own, from the opening of the ledger until the end of the process.

Nothing that goes wrong there reaches the trading: it is logged, and the console is begun again.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from console.configuration import Configuration
from console.running import Running

if TYPE_CHECKING:
    from console.web.address import Told
    from console.web.server import Server

RETRY_SECONDS = 3.0  # while the address, the ledger or the tokens cannot be had
FIRST_PAUSE_SECONDS = 1.0  # after a failure; doubled with each one more
LONGEST_PAUSE_SECONDS = 60.0
END_SECONDS = 1.5

log = logging.getLogger("watchbill.console")


@contextmanager
def shown(configuration: Configuration, running: Running) -> Iterator[None]:
    """The console can be reached until the end of the block, which does not wait for it to begin."""
    console = Console(configuration, running)
    console.start()
    try:
        yield
    finally:
        console.stop()


@dataclass(slots=True)
class Console:
    """The thread of the console."""

    configuration: Configuration
    running: Running
    _stopping: threading.Event = field(default_factory=threading.Event)
    _end_server: Callable[[], None] | None = None
    _thread: threading.Thread | None = None
    _told: str = ""

    def start(self) -> None:
        """Begin; the libraries are loaded on the thread, too."""
        self._thread = threading.Thread(target=self._run, name="console", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for that as long as the end of a process allows."""
        self._stopping.set()
        end_server = self._end_server
        if end_server is not None:
            end_server()
        if self._thread is not None:
            self._thread.join(END_SECONDS)
            if self._thread.is_alive():
                log.warning("the console did not end in time")

    def _run(self) -> None:
        pause_seconds = FIRST_PAUSE_SECONDS
        while not self._stopping.is_set():
            try:
                self._serve()
                pause_seconds = FIRST_PAUSE_SECONDS
            except (Exception, SystemExit) as error:
                if self._is_foreseen(error):
                    self._say(str(error))
                    self._stopping.wait(RETRY_SECONDS)
                    continue
                self._tell_of(error, pause_seconds)
                self._stopping.wait(pause_seconds)
                pause_seconds = min(2 * pause_seconds, LONGEST_PAUSE_SECONDS)

    def _leads(self) -> bool:
        moment = self.running.moment
        return moment is not None and moment.leads

    def _is_foreseen(self, error: BaseException) -> bool:
        from console.web.listening import CannotListen
        from console.web.own_secret import SecretUnusable
        from persistence.errors import LedgerError

        return isinstance(error, CannotListen | SecretUnusable | LedgerError)

    def _tell_of(self, error: BaseException, pause_seconds: float) -> None:
        """With a traceback the first time: a fault that lasts must not bury everything else in the log."""
        why = f"{type(error).__name__}: {error}"
        is_new, self._told = why != self._told, why
        log.error(
            "the console failed, and is begun again in %g s: %s", pause_seconds, why, exc_info=error if is_new else None
        )

    def _tell_where(self, told: Told) -> None:
        """In the file of the address. Where that cannot be written, the console serves those who know it."""
        from console.web.own_secret import SecretUnusable

        try:
            told.keep(leads=self._leads())
        except SecretUnusable as error:
            if str(error) != self._told:
                self._told = str(error)
                log.warning("the commands of the terminal may not find the console: %s", error)

    def _say(self, why: str) -> None:
        if why != self._told:
            self._told = why
            log.warning("the console cannot be reached: %s; it is tried again until it can", why)

    def _serve(self) -> None:
        """Serve until the end. Raises what `_is_foreseen` knows, and anything else."""
        from console.reading import of_crew
        from console.web import address
        from console.web.assembly import assembled
        from console.web.listening import CannotListen, listener, tls_of
        from console.web.server import Server
        from console.web.way_in import sign_in_command
        from persistence.ledger import Ledger

        settings = self.configuration.settings.console
        tls = None
        if settings.certificate is not None:
            tls = tls_of(Path(settings.certificate), None if settings.key is None else Path(settings.key))
        with ExitStack() as stack:
            try:
                at = stack.enter_context(closing(listener(settings.host, settings.port)))
            except CannotListen as error:
                raise CannotListen(
                    f"{settings.host}:{settings.port}: {error}; another one can be set as console.port, or 0 for any"
                ) from error
            crew = of_crew(self.configuration)
            ledger = stack.enter_context(closing(Ledger.open(self.configuration.database_url, **crew, read_only=True)))
            port: int = at.getsockname()[1]
            url = address.url_at(settings, port)
            app, end_streams = assembled(self.configuration, self.running, ledger, port)
            told = stack.enter_context(closing(address.Told(self.configuration, url)))
            tell_where = partial(self._tell_where, told)
            tell_where()

            def began() -> None:
                self._told = ""
                self.running.console_url = url
                way_in = sign_in_command(self.configuration)
                log.info("the console is at %s; %s makes a link that opens it", url, way_in)

            server = Server(app, at, tls, began, tell_where)
            self._end_server = lambda: _end(server, end_streams)
            try:
                if not self._stopping.is_set():
                    server.run()
            finally:
                self._end_server = None
                self.running.console_url = ""
        if not self._stopping.is_set():
            raise RuntimeError("the server ended by itself")


def _end(server: Server, end_streams: Callable[[], None]) -> None:
    try:
        end_streams()
    except Exception:
        log.exception("the streams did not end")
    server.should_exit = True
