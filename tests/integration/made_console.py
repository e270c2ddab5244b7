"""A console made to order: the real server with its guard and routes, over snapshots that a test tells the observer."""

from __future__ import annotations

import http.client
import json
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any, Self, cast

from actors.messages import AccountSnapshot
from actors.names import OPERATOR, RESERVATION_LEVEL, UPPER_LEVEL
from actors.operator import OperatorActor
from actors.system.context import Behaviour
from actors.system.runtime_threads import ThreadedRuntime
from actors.system.spec import Spec
from actors.system.system import System
from actors.virtual_crew import market_for
from console.books import console_tokens_file
from console.configuration import Configuration, load
from console.observer import OBSERVER, ObserverActor
from console.reading import of_crew
from console.running import Moment, Running
from console.venue import Venue
from console.web.access_tokens import TokenFile
from console.web.assembly import assembled
from console.web.listening import listener
from console.web.server import Server
from persistence.journal import JournalEntry
from persistence.ledger import Ledger
from persistence.reservations import account_resource
from persistence.trades import NewTrade
from trading.analysis import Regime, Strategy
from trading.market import DAY, HOUR, Account, Instant, Instrument, Quote, Side
from trading.trade import Trade, TradeState, resource

DEADLINE_SECONDS = 30.0
CREW_SAID = "leading crew default on alpha, beta"


@dataclass(frozen=True, slots=True)
class MadeVenue:
    """A market of which the console may ask what it asks."""

    source: str = "prices made to order"
    speed: float = 1.0

    def progress(self, now: Instant) -> tuple[int | None, int | None]:
        """It has no bars."""
        return None, None

    def trades_at(self, commodity: str, now: Instant) -> bool:
        """Always."""
        return True


class MadeConsole:
    """What a test has in hand."""

    def __init__(self, configuration: Configuration, ledger: Ledger, operator: Behaviour | None = None) -> None:
        """``ledger``: to write to. ``operator``: in the place of the real one."""
        self.configuration = configuration
        self.ledger = ledger
        self.runtime = ThreadedRuntime()
        self.system = System(self.runtime)
        self.running = Running()
        self.port = 0
        settings = configuration.settings
        chosen = operator or OperatorActor(settings, ledger)
        self.system.start(
            [
                Spec(OBSERVER, ObserverActor, RESERVATION_LEVEL),
                Spec(OPERATOR, lambda: chosen, UPPER_LEVEL, vital=False),
            ]
        )
        self.market = market_for(settings, configuration.commodities, self.now - DAY, self.now + DAY)

    @property
    def now(self) -> Instant:
        """Market time, which is the wall clock's."""
        return self.runtime.now()

    def lead(self) -> None:
        """From now on this process leads."""
        self.running.begins(Moment(self.system, self.runtime, self.market, cast(Venue, MadeVenue())))
        self.running.leads(CREW_SAID)

    def tell(self, *snapshots: AccountSnapshot) -> None:
        """What the accounts look like now."""
        for snapshot in snapshots:
            self.system.tell(OBSERVER, snapshot)

    def token(self, name: str) -> str:
        """The token of this name: read, trade or signal."""
        found: str = getattr(TokenFile(console_tokens_file(self.configuration)).current(), name)
        return found

    def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str = "trade",
        headers: Mapping[str, str] | None = None,
    ) -> tuple[int, Any, Mapping[str, str]]:
        """One request; its status, what its JSON says, and its headers in small letters."""
        sent = {"Authorization": f"Bearer {self.token(token)}", **(headers or {})}
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body).encode()
            sent.setdefault("Content-Type", "application/json")
        with closing(http.client.HTTPConnection("127.0.0.1", self.port, timeout=DEADLINE_SECONDS)) as connection:
            connection.request(method, path, body, sent)
            answer = connection.getresponse()
            return answer.status, json.loads(answer.read()), {name.lower(): text for name, text in answer.getheaders()}

    def get(self, path: str) -> Any:
        """What is answered to a question that is."""
        status, said, _ = self.ask("GET", path, token="read")
        assert status == 200, said
        return said

    def post(self, command: str, **body: Any) -> tuple[int, Any]:
        """Give a command."""
        status, said, _ = self.ask("POST", f"/api/commands/{command}", body)
        return status, said

    def stream(self, *, token: str = "read", receive_bytes: int | None = None) -> Stream:
        """Begin to watch. ``receive_bytes``: the system's buffer for what was not read."""
        return Stream(self.port, self.token(token), receive_bytes)


class Stream:
    """A client of the live stream, on a socket of its own. Use it as a context manager."""

    def __init__(self, port: int, token: str, receive_bytes: int | None = None) -> None:
        self.socket = socket.socket()
        if receive_bytes is not None:
            self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_bytes)
        self.socket.settimeout(DEADLINE_SECONDS)
        self.socket.connect(("127.0.0.1", port))
        asked = f"GET /api/live HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nAuthorization: Bearer {token}\r\n\r\n"
        self.socket.sendall(asked.encode())
        self._came = b""
        self._head: dict[str, str] = {}
        self.status = 0

    @property
    def headers(self) -> Mapping[str, str]:
        """Of the answer, by their names in small letters."""
        self._read_head()
        return self._head

    def events(self) -> Iterator[tuple[str, Any]]:
        """Each event with its data, as they come; until the stream ends."""
        block: list[str] = []
        for line in self._lines():
            if line:
                block.append(line)
                continue
            named = dict(part.split(": ", 1) for part in block if not part.startswith(":"))
            block = []
            if "event" in named:
                yield named["event"], json.loads(named["data"])

    def next(self) -> tuple[str, Any]:
        """The next event. Fails when the stream ends."""
        return next(self.events())

    def until(self, wanted: str, deadline_seconds: float = DEADLINE_SECONDS) -> Any:
        """The data of the first event of this kind from here on."""
        deadline = time.monotonic() + deadline_seconds
        for name, data in self.events():
            if name == wanted:
                return data
            assert time.monotonic() < deadline, f"no {wanted} came"
        raise AssertionError(f"the stream ended without {wanted}")

    def until_comment(self, wanted: str) -> None:
        """Read on until this comment comes. Fails when the stream ends."""
        assert wanted in self._lines(), f"the stream ended without {wanted}"

    def is_ended(self) -> bool:
        """Read all that is left; True once the server has ended it, in order or not."""
        self.is_cut_off()
        return True

    def is_cut_off(self) -> bool:
        """Read until the end; whether that came without any order."""
        try:
            while self.socket.recv(65_536):
                pass
        except ConnectionError:
            return True
        return False

    def _read_head(self) -> None:
        if self.status:
            return
        while b"\r\n\r\n" not in self._came:
            self._receive()
        head, self._came = self._came.split(b"\r\n\r\n", 1)
        first, *lines = head.decode().split("\r\n")
        self._head = {name.lower(): text for name, text in (line.split(": ", 1) for line in lines)}
        self.status = int(first.split()[1])

    def _lines(self) -> Iterator[str]:
        self._read_head()
        assert self._head["transfer-encoding"] == "chunked"
        told = b""
        while chunk := self._chunk():
            told += chunk
            while b"\n" in told:
                line, told = told.split(b"\n", 1)
                yield line.decode()

    def _chunk(self) -> bytes:
        while b"\r\n" not in self._came:
            self._receive()
        size, self._came = self._came.split(b"\r\n", 1)
        length = int(size, 16)
        while len(self._came) < length + 2:
            self._receive()
        chunk, self._came = self._came[:length], self._came[length + 2 :]
        return chunk

    def _receive(self) -> None:
        received = self.socket.recv(65_536)
        if not received:
            raise EOFError("the server has closed the stream")
        self._came += received

    def close(self) -> None:
        """Go."""
        self.socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()


@contextmanager
def made_console(directory: Path, operator: Behaviour | None = None, **environment: str) -> Iterator[MadeConsole]:
    """A console that can be reached, and leads with two accounts that hold nothing."""
    url = f"sqlite:///{(directory / 'ledger.sqlite').as_posix()}"
    configuration = load(None, {"WATCHBILL__DATABASE_URL": url, "WATCHBILL__CONSOLE__PORT": "0", **environment})
    with ExitStack() as stack:
        ledger = stack.enter_context(closing(Ledger.open(url, **of_crew(configuration))))
        made = MadeConsole(configuration, ledger, operator)
        stack.callback(made.system.stop)
        reading = stack.enter_context(closing(Ledger.open(url, **of_crew(configuration), read_only=True)))
        at = stack.enter_context(closing(listener("127.0.0.1", 0)))
        made.port = at.getsockname()[1]
        app, end_streams = assembled(configuration, made.running, reading, made.port)
        began = threading.Event()
        server = Server(app, at, None, began.set)
        thread = threading.Thread(target=server.run, name="console", daemon=True)
        thread.start()
        assert began.wait(DEADLINE_SECONDS)
        try:
            yield made
        finally:
            end_streams()
            server.should_exit = True
            thread.join(DEADLINE_SECONDS)
            assert not thread.is_alive(), "the console did not end"


def a_snapshot(
    made: MadeConsole, *trades: Trade, bid: float = 1.1, platform: str = "alpha", **changes: Any
) -> AccountSnapshot:
    """An account in dollars at this moment, with these trades, and EURUSD at this bid, two points below the ask."""
    now = made.now
    commodities = {trade.commodity for trade in trades} | {"EURUSD"}
    snapshot = AccountSnapshot(
        platform=platform,
        at=now,
        ready=True,
        reason="",
        netting=False,
        account=Account(platform, "USD", 10_000.0, 10_000.0, 0.0, now),
        quotes={name: Quote(name, bid, bid + 0.0002, now) for name in commodities},
        instruments={name: an_instrument(name) for name in commodities},
        trades={trade.commodity: trade for trade in trades},
        cooldown_until={},
        unaccounted=0,
        external=(),
    )
    return replace(snapshot, **changes)


def an_instrument(commodity: str = "EURUSD") -> Instrument:
    """Terms in dollars, with a commission of 3.50 a side."""
    return Instrument(
        commodity=commodity,
        symbol=commodity,
        digits=5,
        contract_size=100_000.0,
        volume_min_lots=0.01,
        volume_max_lots=100.0,
        volume_step_lots=0.01,
        profit_currency="USD",
        leverage=30.0,
        commission_per_lot=3.5,
        swap_long_per_lot=-7.0,
        swap_short_per_lot=2.0,
    )


def a_trade(made: MadeConsole, trade_id: int = 1, side: Side = Side.BUY, **changes: Any) -> Trade:
    """An open trade of 0.10 lots EURUSD at 1.10, its stop 0.01 against it and its target 0.02 for it."""
    now = made.now
    trade = Trade(
        trade_id=trade_id,
        platform="alpha",
        commodity="EURUSD",
        side=side,
        state=TradeState.OPEN,
        strategy=Strategy.SWING,
        regime=Regime.RANGE,
        analysis_id=f"EURUSD-{trade_id}",
        confidence=72.0,
        volume_lots=0.1,
        magic=(7 << 32) + trade_id,
        account_token=1,
        commodity_token=1,
        expected_price=1.1,
        stop_distance=0.01,
        target_distance=0.02,
        trailing_distance=None,
        stop_price=1.1 - side.sign * 0.01,
        target_price=1.1 + side.sign * 0.02,
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


def written_trade(made: MadeConsole, commodity: str = "EURUSD", platform: str = "alpha") -> Trade:
    """A trade that the ledger, too, knows to be open."""
    reservations, trades, now = made.ledger.reservations, made.ledger.trades, made.now
    fences = []
    for name in (account_resource(platform), resource(platform, commodity)):
        held = reservations.reserve_resource(name, "test", 60.0) or reservations.holder(name)
        assert held is not None
        fences.append(held.fence)
    trades.register_account(platform)
    made_up = a_trade(made, platform=platform, commodity=commodity, analysis_id=f"{platform}-{commodity}")
    new = NewTrade(**{field.name: getattr(made_up, field.name) for field in fields(NewTrade)})
    submitted = trades.submit(new, fences[0], fences[1])
    opened = replace(submitted, state=TradeState.OPEN, position_id=7, ticket=7, entry_price=1.1, opened_at=now)
    return trades.advance(submitted, opened, fences[0], JournalEntry(now, "transition", "opened", platform, commodity))
