"""One account's conversation with its worker: deadlines, whose account it is, and when the line has to be made anew.

A connection is *up* from a `connect` on until an answer was lost or the package said that it is out of step with its
terminal; then nothing is asked until the next one. Another account that somebody logged in by hand is none of that: it
is said at every question, and nobody is logged out for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from connectors import wire
from connectors.base import Clock, ConnectorError, DeadlinePassed, NotConnected, Rejected, Unknown
from connectors.mt5.calls import Given, Identity, Look, SendOrder, Sent
from connectors.mt5.channel import AnswerLost, Channel, NotSent, NotUnderstood
from connectors.mt5.outcomes import OUT_OF_STEP
from connectors.wire import BadMessage, Json

LONGEST_CALL_SECONDS = 60.0  # whatever the deadline
AUTH_FAILED = -6  # RES_E_AUTH_FAILED
FIRST_REST_SECONDS, LONGEST_REST_SECONDS = 30.0, 1_800.0  # after a refused login: brokers lock who keeps trying
MOST_DOUBLINGS = 10
TRADE_MODES = ("demo", "contest", "real")  # ACCOUNT_TRADE_MODE_*
HEDGING = 2  # ACCOUNT_MARGIN_MODE_RETAIL_HEDGING; the two below it net


class WrongAccount(ConnectorError):
    """The terminal shows another account than the settings name, or one of another kind."""


@dataclass(frozen=True, slots=True)
class ExpectedAccount:
    """Which account it must be."""

    login: int
    server: str  # exactly so
    trade_mode: int
    netting: bool


class Session:
    """Asks, and answers only for the right account at a terminal that is connected."""

    def __init__(self, platform: str, expected: ExpectedAccount, channel: Channel, clock: Clock) -> None:
        self._platform = platform
        self.expected = expected
        self._channel = channel
        self.clock = clock
        self.is_up = False
        self._was_logged_in = False  # so login and password are right
        self._refused_logins = 0
        self._login_from = 0.0  # elapsed
        self.cuts = 0  # how often the line to the worker, or the terminal's to our account, was found broken

    # ------------------------------------------------------------ the line

    def open(self, deadline: float) -> Look:
        """Have a worker with an initialized package, logged in to the expected account. Raises `ConnectorError`.

        A login that the broker refused is tried again ever more seldom. One that it has taken before is not: terminals
        say the same of a broker that is away, and what is held there has to be guarded as soon as it is back.
        """
        self.is_up = False
        left = self.seconds_left(deadline)
        rest = self._login_from - self.clock.elapsed()
        if rest > 0:
            raise ConnectorError(f"account {self._platform!r}: the login was refused; not tried again for {rest:.0f} s")
        try:
            self._channel.open(left)
        except NotSent as error:
            raise NotConnected(f"account {self._platform!r}: {error}") from error
        look = self._look("initialize", deadline)
        self.is_up, self._was_logged_in, self._refused_logins = True, True, 0
        return look

    def close(self) -> None:
        """Let go of the worker. Never raises."""
        self._cut()
        self._channel.close()

    def look(self, deadline: float) -> Mapping[str, Json]:
        """The record of AccountInfo."""
        self._require_up()
        account = self._look("look", deadline).account
        assert account is not None  # `_look` has seen to it
        return account

    def ask(self, call: str, arguments: Mapping[str, Json], deadline: float) -> Json:
        """The value that the package gave to one question. Raises `ConnectorError` when it is not to be relied upon."""
        self._require_up()
        given = self._decoded(Given, self._call(call, arguments, deadline), call)
        if given.identity is None:
            raise self._failure(call, given.code, given.message)
        self._require_identity(given.identity)
        if given.value is None:
            raise self._failure(call, given.code, given.message)
        return given.value

    def fence(self, token: int, deadline: float) -> None:
        """Raise the lowest token that the worker accepts. Raises `StaleToken`."""
        self._require_up()
        self._call("fence", {"token": token}, deadline)

    def send(self, order: SendOrder, token: int, magic: int, deadline: float) -> Sent | Rejected | Unknown:
        """Send one order. `Rejected` where it provably never reached the package."""
        arguments = {"order": wire.encode(order), "token": token, "magic": magic}
        try:
            left = self.seconds_left(deadline)
        except DeadlinePassed as error:
            return Rejected("deadline_passed", f"nothing was sent: {error}")
        try:
            sent = self._decoded(Sent, self._channel.call("send", arguments, left), "send")
        except NotUnderstood as error:
            return Rejected("invalid_request", str(error))
        except NotSent as error:
            return Rejected("not_connected", f"nothing was sent: {error}")
        except ConnectorError as error:
            self._cut()
            return Unknown(f"{type(error).__name__}: {error}")
        if sent.result is None and sent.code in OUT_OF_STEP:
            self._cut()
        elif sent.refused in ("wrong_account", "not_connected"):
            self.cuts += 1
        return sent

    def seconds_left(self, deadline: float) -> float:
        """Until the deadline, and never more than a minute. Raises `DeadlinePassed`."""
        left = min(deadline - self.clock.elapsed(), LONGEST_CALL_SECONDS)
        if left <= 0:
            raise DeadlinePassed(f"account {self._platform!r}: the deadline had passed when the call came")
        return left

    # ------------------------------------------------------------ how

    def _require_up(self) -> None:
        if self.is_up and not self._channel.is_open:
            self._cut()
        if not self.is_up:
            raise NotConnected(f"account {self._platform!r} is not connected")

    def _cut(self) -> None:
        self.is_up = False
        self.cuts += 1

    def _call(self, call: str, arguments: Mapping[str, Json], deadline: float) -> Json:
        left = self.seconds_left(deadline)
        try:
            return self._channel.call(call, arguments, left)
        except NotUnderstood:
            raise
        except (NotSent, AnswerLost) as error:
            if isinstance(error, AnswerLost):
                self._cut()
            is_late = self.clock.elapsed() >= deadline
            kind = DeadlinePassed if is_late else NotConnected
            raise kind(f"account {self._platform!r}: {call}: {error}") from error

    def _look(self, call: str, deadline: float) -> Look:
        look = self._decoded(Look, self._call(call, {}, deadline), call)
        if look.terminal is None or look.account is None:
            raise self._failure(call, look.code, look.message)
        try:
            identity = identity_of(look.terminal, look.account)
        except BadMessage as error:
            raise ConnectorError(f"account {self._platform!r}: {error}") from error
        self._require_identity(identity)
        return look

    def _decoded(self, kind: type[wire.Value], answer: Json, call: str) -> wire.Value:
        try:
            return wire.decode(kind, answer, call)
        except BadMessage as error:
            raise ConnectorError(f"account {self._platform!r}: the worker's answer cannot be used: {error}") from error

    def _failure(self, call: str, code: int, message: str) -> ConnectorError:
        said = f"account {self._platform!r}: {call}: MetaTrader says {code}, {message!r}"
        if code in OUT_OF_STEP:
            self._cut()
            return NotConnected(said)
        if code == AUTH_FAILED:
            rest = min(FIRST_REST_SECONDS * 2**self._refused_logins, LONGEST_REST_SECONDS)
            self._refused_logins = 0 if self._was_logged_in else min(self._refused_logins + 1, MOST_DOUBLINGS)
            self._login_from = self.clock.elapsed() + rest
        return ConnectorError(said)

    def _require_identity(self, seen: Identity) -> None:
        expected = self.expected
        who = (seen.login, seen.server, seen.trade_mode)
        if who != (expected.login, expected.server, expected.trade_mode):
            self.cuts += 1  # when ours is logged in again, its history is fetched anew
            raise WrongAccount(
                f"account {self._platform!r}: the terminal is logged in to {_named(*who)}; expected "
                f"{_named(expected.login, expected.server, expected.trade_mode)}: login, server and mt5.trade_mode"
            )
        if (seen.margin_mode != HEDGING) != expected.netting:
            kinds = {True: "nets", False: "hedges"}
            raise WrongAccount(
                f"account {self._platform!r}: mt5.netting is {str(expected.netting).lower()}, and the account "
                f"{kinds[seen.margin_mode != HEDGING]} (margin mode {seen.margin_mode}); expected what it is"
            )
        if not seen.connected:
            self.cuts += 1
            raise NotConnected(f"account {self._platform!r}: the terminal has no link to its trade server")


def identity_of(terminal: Mapping[str, Json], account: Mapping[str, Json]) -> Identity:
    """Whose account two records of TerminalInfo and AccountInfo show. Raises `BadMessage`."""
    return Identity(
        login=wire.read(int, account.get("login"), "account.login"),
        server=wire.read(str, account.get("server"), "account.server"),
        trade_mode=wire.read(int, account.get("trade_mode"), "account.trade_mode"),
        margin_mode=wire.read(int, account.get("margin_mode"), "account.margin_mode"),
        connected=wire.read(bool, terminal.get("connected"), "terminal.connected"),
    )


def _named(login: int, server: str, trade_mode: int) -> str:
    kind = TRADE_MODES[trade_mode] if 0 <= trade_mode < len(TRADE_MODES) else f"mode {trade_mode}"
    return f"{login} at {server!r} ({kind})"
