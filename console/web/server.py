"""The console's server: uvicorn's, which takes its connections one by one, and ends at once when it is told to."""

from __future__ import annotations

import asyncio
import logging
import socket
import ssl
import time
from collections.abc import Callable

import anyio.to_thread
import uvicorn
from starlette.types import ASGIApp

from console.web.protocol import IDLE_SECONDS, LimitedProtocol

MOST_CONNECTIONS = 100
MOST_THREADS = 8  # that routes may take at a time
HANDSHAKE_SECONDS = 10.0
GRACE_SECONDS = 0.3  # for answers that are under way when the server ends
PAUSE_SECONDS = 0.1  # after an accept that failed, for want of file descriptors

log = logging.getLogger("watchbill.console")


class Server(uvicorn.Server):
    """Serves one application at one socket, which it closes at its end."""

    def __init__(
        self,
        app: ASGIApp,
        at: socket.socket,
        tls: ssl.SSLContext | None,
        began: Callable[[], None],
        every_second: Callable[[], None] = lambda: None,
    ) -> None:
        """``began`` is called once it listens. ``every_second`` must be short: nobody is answered meanwhile."""

        async def look() -> None:
            every_second()

        config = uvicorn.Config(
            app,
            http=LimitedProtocol,
            ws="none",
            loop="asyncio",
            lifespan="auto",
            log_config=None,
            log_level="error",  # what strangers do, and that it has begun, is no news
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_keep_alive=IDLE_SECONDS,
            callback_notify=look,
            timeout_notify=1,
        )
        super().__init__(config)
        self._at = at
        self._tls = tls
        self._began = began
        self._taking: set[asyncio.Task[None]] = set()
        self._shaking: dict[asyncio.Task[None], float] = {}  # hands, under TLS, and since when
        self._accepting: asyncio.Task[None] | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take connections."""
        self.servers = []
        await self.lifespan.startup()
        if self.lifespan.should_exit:
            raise RuntimeError("the application did not start")
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(_tell)
        anyio.to_thread.current_default_thread_limiter().total_tokens = MOST_THREADS
        self._accepting = loop.create_task(self._accept())
        self.started = True
        self._began()

    async def main_loop(self) -> None:
        """Until the end is asked for, or connections are taken no more. Raises what ended that."""
        counter = 0
        while not await self.on_tick(counter):
            counter = (counter + 1) % 864_000
            assert self._accepting is not None
            await asyncio.wait([self._accepting], timeout=0.1)
            if self._accepting.done():
                self._accepting.result()

    async def _accept(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            try:
                connection, _ = await loop.sock_accept(self._at)
            except ConnectionError:
                continue  # it had gone before it was taken
            except OSError as error:
                log.warning("the console cannot take connections: %s", error.strerror)
                await asyncio.sleep(PAUSE_SECONDS * 10)
                continue
            if len(self._taking) >= MOST_CONNECTIONS and not self._make_room():
                connection.close()
                continue
            task = loop.create_task(self._take(connection))
            self._taking.add(task)
            task.add_done_callback(self._taking.discard)
            await asyncio.sleep(0)  # an accept that need not wait lets nobody else run

    def _make_room(self) -> bool:
        """End the connection that has waited longest without asking anything; False: all are at work."""
        waiting: list[tuple[float, Callable[[], object]]] = [
            (one.waits_since, one.transport.abort)
            for one in self.server_state.connections
            if isinstance(one, LimitedProtocol) and one.waits_since is not None and not one.transport.is_closing()
        ]
        waiting += [(since, task.cancel) for task, since in self._shaking.items() if not task.cancelling()]
        if not waiting:
            return False
        min(waiting, key=lambda pair: pair[0])[1]()
        return True

    async def _take(self, connection: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        connection.setblocking(False)
        task = asyncio.current_task()
        assert task is not None
        self._shaking[task] = time.monotonic()
        try:
            _, protocol = await loop.connect_accepted_socket(
                lambda: LimitedProtocol(self.config, self.server_state, self.lifespan.state, loop),
                connection,
                ssl=self._tls,
                ssl_handshake_timeout=HANDSHAKE_SECONDS if self._tls is not None else None,
            )
        except OSError:  # no TLS, or none in time
            return
        finally:
            del self._shaking[task]
        await protocol.closed

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """End within a second, whoever still reads a stream."""
        if self._accepting is not None:
            self._accepting.cancel()
        self._at.close()
        for connection in list(self.server_state.connections):
            connection.shutdown()
        tasks = list(self.server_state.tasks)
        if tasks:
            _, pending = await asyncio.wait(tasks, timeout=GRACE_SECONDS)
            for task in pending:
                task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
        for taking in list(self._taking):
            taking.cancel()
        left = [*self.server_state.tasks, *self._taking]
        if left:
            await asyncio.wait(left, timeout=GRACE_SECONDS)
        await self.lifespan.shutdown()


def _tell(loop: asyncio.AbstractEventLoop, context: dict[str, object]) -> None:
    error = context.get("exception")
    if isinstance(error, OSError):
        return  # a client that went amid something
    log.error("%s", context.get("message"), exc_info=error if isinstance(error, BaseException) else None)
