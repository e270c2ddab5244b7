"""How the arguments of the package's longer calls are told apart: by place, by name, and which goes first."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from connectors.mt5.argument_checks import (
    INVALID,
    LONGEST_CREDENTIAL,
    LONGEST_GROUP,
    LONGEST_NAME,
    LONGEST_PATH,
    UNNAMED,
    WRONG_NUMBER,
    Arguments,
    Keywords,
    Refused,
    text,
    unsigned,
)

Moment: TypeAlias = Callable[[object], int]

DEFAULT_TIMEOUT_MS = 60_000


@dataclass(frozen=True, slots=True)
class Credentials:
    """As whom to log in."""

    login: int  # 0: not given
    password: str  # empty: the one that the terminal has saved
    server: str  # empty: the last one
    timeout_ms: int


@dataclass(frozen=True, slots=True)
class Selection:
    """Which of the account's positions or orders are wanted; the first filter that is given is the one that counts."""

    ticket: int | None
    symbol: str | None
    group: str | None


@dataclass(frozen=True, slots=True)
class HistorySelection:
    """Which part of the history is wanted: a time, or a ticket, or a position."""

    since: int  # seconds on the broker's clock; both ends belong to the time
    until: int
    group: str | None
    ticket: int | None
    position: int | None


def initialize(arguments: Arguments, keywords: Keywords) -> tuple[str, Credentials]:
    """The terminal's path, empty when not given, and as whom to log in. Raises `Refused`."""
    if len(arguments) > 1:
        raise Refused(WRONG_NUMBER)
    path = text(arguments[0], LONGEST_PATH, _unnamed(1)) if arguments else ""
    credentials = _credentials(Credentials(0, "", "", 0), keywords)
    if "path" in keywords:
        path = text(keywords["path"], LONGEST_PATH, _named("path"))
    return path, credentials


def login(arguments: Arguments, keywords: Keywords) -> Credentials:
    """As whom to log in: login, password and server by place or by name. Raises `Refused`."""
    if len(arguments) > 3:
        raise Refused(WRONG_NUMBER)
    number = unsigned(arguments[0], 64, _unnamed(1)) if arguments else 0
    password, server = (
        text(arguments[place], LONGEST_CREDENTIAL, _unnamed(place + 1)) if len(arguments) > place else ""
        for place in (1, 2)
    )
    credentials = _credentials(Credentials(number, password, server, 0), keywords)
    if credentials.login == 0:
        raise Refused(_named("login"))
    return credentials


def live_selection(arguments: Arguments, keywords: Keywords) -> Selection:
    """Of positions_get and orders_get. Raises `Refused`. A filter by anything else (the magic, say) is passed over."""
    if arguments:
        raise Refused(UNNAMED)
    if "ticket" in keywords:
        return Selection(unsigned(keywords["ticket"], 64, _named("ticket")), None, None)
    if "symbol" in keywords:
        return Selection(None, text(keywords["symbol"], LONGEST_NAME, _named("symbol")), None)
    return Selection(None, None, _group(keywords))


def history_selection(arguments: Arguments, keywords: Keywords, moment: Moment) -> HistorySelection:
    """Of history_orders_get and history_deals_get; ``moment`` reads a time. Raises `Refused`.

    Two times by place, perhaps with a group; or a ticket by name; or a position by name.
    """
    if len(arguments) == 2:
        since, until = period(arguments, moment)
        return HistorySelection(since, until, _group(keywords), None, None)
    for name in ("ticket", "position"):
        if name in keywords:
            if arguments:
                raise Refused(UNNAMED)
            number = unsigned(keywords[name], 64, _named(name))
            ticket, position = (number, None) if name == "ticket" else (None, number)
            return HistorySelection(0, 0, None, ticket, position)
    raise Refused(INVALID)


def period(arguments: Arguments, moment: Moment) -> tuple[int, int]:
    """Two times, in seconds on the broker's clock; ``moment`` reads one. Raises `Refused`."""
    if len(arguments) != 2:
        raise Refused(INVALID)
    return moment(arguments[0]), moment(arguments[1])


def symbols_group(arguments: Arguments, keywords: Keywords) -> str | None:
    """Of symbols_get: by place or by name; None: every symbol. Raises `Refused`."""
    if len(arguments) > 1:
        raise Refused(WRONG_NUMBER)
    group = text(arguments[0], LONGEST_GROUP, _unnamed(1)) if arguments else ""
    return _group(keywords) or group or None


def _credentials(given: Credentials, keywords: Keywords) -> Credentials:
    number, password, server, timeout_ms = given.login, given.password, given.server, given.timeout_ms
    if "login" in keywords:
        number = unsigned(keywords["login"], 64, _named("login"))
    if "server" in keywords:
        server = text(keywords["server"], LONGEST_CREDENTIAL, _named("server"))
    if "password" in keywords:
        password = text(keywords["password"], LONGEST_CREDENTIAL, _named("password"))
    if "timeout" in keywords:
        timeout_ms = unsigned(keywords["timeout"], 32, _named("timeout"))
    return Credentials(number, password, server, timeout_ms or DEFAULT_TIMEOUT_MS)


def _group(keywords: Keywords) -> str | None:
    return text(keywords["group"], LONGEST_GROUP, _named("group")) if "group" in keywords else None


def _named(name: str) -> str:
    return f'Invalid "{name}" argument'


def _unnamed(place: int) -> str:
    return f"Invalid {('1st', '2nd', '3rd')[place - 1]} unnamed argument"
