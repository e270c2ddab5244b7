"""Where the package stands: which trade server it is connected to, and how its last call went."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from functools import wraps
from inspect import Parameter, signature
from typing import Any, TypeAlias

from connectors.mt5.argument_checks import INVALID, Refused, moment
from connectors.mt5.call_forms import Credentials
from connectors.mt5.facts import (
    ERRORS,
    RES_E_INTERNAL_FAIL,
    RES_E_INTERNAL_FAIL_CONNECT,
    RES_E_INTERNAL_FAIL_RECEIVE,
    RES_E_INTERNAL_FAIL_SEND,
    RES_E_INVALID_PARAMS,
    RES_E_INVALID_VERSION,
    RES_S_OK,
)
from connectors.mt5.trade_server import PackageError, TradeServer

Opener: TypeAlias = Callable[[str, float], TradeServer]
"""Finds the trade server behind a terminal's path within so many seconds. Raises `PackageError` (-10003)."""

BROKEN = (RES_E_INTERNAL_FAIL_SEND, RES_E_INTERNAL_FAIL_RECEIVE, RES_E_INTERNAL_FAIL_CONNECT)
AS_FOR_FAILURE = object()


class Connection:
    """The package's one connection to a terminal, and its last error."""

    def __init__(self, opener: Opener) -> None:
        self._opener = opener
        self._server: TradeServer | None = None
        self._out_of_step = False
        self.last_error = (0, "")
        self.left_behind: BaseException | None = None  # of Python's, that the package did not clear

    def connect_with(self, opener: Opener) -> None:
        """Find the trade server this way from the next `open` on."""
        self._opener = opener

    def open(self, path: str, credentials: Credentials) -> None:
        """Connect to the terminal, and log in there if anything is said about as whom. Raises `PackageError`."""
        self._server = self._opener(path, credentials.timeout_ms / 1000)
        if credentials.login or credentials.password or credentials.server:
            try:
                self.log_in(credentials)
            except PackageError:
                self.close()
                raise

    def log_in(self, credentials: Credentials) -> None:
        """Be that account from now on. Raises `PackageError`."""
        self.server().log_in(credentials.login, credentials.password or None, credentials.server or None)

    def close(self) -> None:
        """Let go of the terminal. Harmless to repeat."""
        server, self._server, self._out_of_step = self._server, None, False
        if server is not None:
            server.log_out()

    def server(self) -> TradeServer:
        """What the terminal is connected to. Raises `PackageError` when nothing is there to be asked."""
        if self._out_of_step:
            raise PackageError(RES_E_INTERNAL_FAIL, ERRORS[RES_E_INTERNAL_FAIL])
        if self._server is None:
            raise PackageError(RES_E_INTERNAL_FAIL_CONNECT, ERRORS[RES_E_INTERNAL_FAIL_CONNECT])
        return self._server

    def versioned_server(self) -> TradeServer:
        """The same for functions that look at the terminal's build first, which without a connection nobody knows."""
        if self._server is None:
            raise PackageError(RES_E_INVALID_VERSION, ERRORS[RES_E_INVALID_VERSION])
        return self.server()

    def moment(self, value: object) -> int:
        """Seconds on the broker's clock. One that C cannot hold is -1, and leaves its exception behind.

        Raises `Refused`.
        """
        if self.left_behind is not None and isinstance(value, datetime):
            # Its method cannot be called while Python has an exception that nobody cleared.
            raise Refused(INVALID)
        try:
            return moment(value)
        except OverflowError as error:
            self.left_behind = error
            return -1

    def begin(self) -> None:
        """A call begins, and goes well as far as can be seen."""
        self.last_error = (RES_S_OK, ERRORS[RES_S_OK])
        self.left_behind = None

    def refused(self, refusal: Refused) -> None:
        """The call had arguments that the package does not take."""
        self.last_error = (RES_E_INVALID_PARAMS, str(refusal))
        self.left_behind = refusal.__cause__ or self.left_behind

    def failed(self, error: PackageError) -> None:
        """The call failed. After some errors the connection is good for nothing until it is opened again."""
        self.last_error = (error.code, error.message)
        if error.code in BROKEN:
            self.close()
        elif error.code == RES_E_INTERNAL_FAIL and self._server is not None:
            self._out_of_step = True


def answering(
    failure: object, *, refused: object = AS_FOR_FAILURE
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """For a function of the package: it gives ``failure`` when anything goes wrong, and sets the last error.

    ``refused``: what it gives for arguments that it does not take, where that is something else. Raises ``SystemError``
    where the package leaves an exception behind, and ``TypeError`` for arguments to a function without any and for
    names to one that goes by places.
    """

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        name = function.__name__
        kinds = {parameter.kind for parameter in signature(function).parameters.values()}

        @wraps(function)
        def call(package: Any, *arguments: object, **keywords: object) -> Any:
            # Python itself refuses these to the real package, which therefore never hears of them.
            if keywords and Parameter.VAR_KEYWORD not in kinds:
                raise TypeError(f"{name}() takes no keyword arguments")
            if arguments and Parameter.VAR_POSITIONAL not in kinds:
                raise TypeError(f"{name}() takes no arguments ({len(arguments)} given)")
            connection: Connection = package.connection
            connection.begin()
            try:
                answer = function(package, *arguments, **keywords)
            except Refused as refusal:
                connection.refused(refusal)
                answer = failure if refused is AS_FOR_FAILURE else refused
            except PackageError as error:
                connection.failed(error)
                answer = failure
            left_behind, connection.left_behind = connection.left_behind, None
            if left_behind is not None:
                complaint = f"<built-in function {name}> returned a result with an exception set"
                raise SystemError(complaint) from left_behind
            return answer

        return call

    return decorate
