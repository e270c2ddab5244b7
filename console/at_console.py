"""Gives a command to a console that runs, and says honestly what came of it: done, refused, or not known yet."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

from console.arguments import AtConsole
from console.configuration import Configuration
from console.console_client import (
    Answer,
    ConsoleAway,
    ConsoleClient,
    ReplyLost,
    named_console,
    new_request_id,
    own_console,
)
from console.errors import CommandError

EXIT_UNRESOLVED = 3
"""Of a command that was given, and of which nobody can say yet what came of it."""

NO_SUCH_THING = ("no_such_trade", "unknown_platform", "unknown_commodity")  # codes of 404
IN_DOUBT = (408, 500, 502, 504)  # of an answer to a command: it may have been handed over before that went wrong
TRIES = 3
PAUSE_SECONDS = 0.5


@dataclass(frozen=True, slots=True)
class Told:
    """What came of a command."""

    request_id: str
    state: str  # done, refused, unresolved, or away: nobody took it
    said: str
    detail: Mapping[str, Any] = field(default_factory=dict)
    status: int = 0  # of the answer; 0: there was none

    @property
    def data(self) -> dict[str, Any]:
        """For `--json`."""
        return {"request_id": self.request_id, "state": self.state, "said": self.said, "detail": dict(self.detail)}


def console_for(arguments: AtConsole, configuration: Configuration, access: str) -> ConsoleClient:
    """The console that is meant. Raises `ConsoleAway` where none runs here, `CommandError` for a wrong `--url`."""
    if arguments.url is not None:
        return named_console(arguments.url, arguments.token_file, configuration, access)
    return own_console(configuration, access)


def give(
    find: Callable[[], ConsoleClient],
    command: str,
    body: Mapping[str, Any],
    *,
    wait_seconds: float,
    request_id: str | None = None,
) -> Told:
    """Give a command, again under the same id where the reply is lost, and wait so long for what comes of it.

    ``find`` is asked each time: a console that was started again may be elsewhere.
    """
    request_id = request_id or new_request_id()
    deadline = time.monotonic() + wait_seconds
    was_sent, why = False, ""
    for attempt in range(TRIES):
        if attempt:
            time.sleep(PAUSE_SECONDS)
        try:
            console = find()
            console.require_alive()
            answer = console.post(f"/api/commands/{command}", {**body, "request_id": request_id})
        except ConsoleAway as error:
            why = str(error)
            if not was_sent:
                break  # nothing was begun: whoever asks may do something else at once
            continue
        except ReplyLost as error:
            was_sent, why = True, str(error)
            continue
        told = _settled(console, answer, request_id, deadline)
        if told.state == "away" and (was_sent or answer.status in IN_DOUBT):
            was_sent, why = True, told.said  # this try came to nothing, but one before it may have been taken
            continue
        return told
    if was_sent:
        return Told(request_id, "unresolved", f"unknown: it was sent, and no answer came ({why})")
    return Told(request_id, "away", why)


def looked_up(
    arguments: AtConsole, configuration: Configuration, path: str, asked: Mapping[str, object] | None = None
) -> Mapping[str, Any]:
    """What a console answers to a question. Raises `CommandError`."""
    given = {name: str(value) for name, value in (asked or {}).items() if value is not None}
    try:
        console = console_for(arguments, configuration, "read")
        console.require_alive()
        answer = console.get(f"{path}?{urlencode(given)}" if given else path)
    except ConsoleAway as error:
        raise CommandError(str(error)) from error
    if answer.status != 200:
        raise CommandError(answer.said)
    return answer.data


def require_done(told: Told) -> None:
    """Raise `CommandError` for what was refused, or what nobody took."""
    if told.state in ("refused", "away"):
        raise CommandError(told.said)


def exit_code(told: Told) -> int:
    """Of a command that was neither refused nor left."""
    return EXIT_UNRESOLVED if told.state == "unresolved" else 0


def _settled(console: ConsoleClient, answer: Answer, request_id: str, deadline: float) -> Told:
    """What came of it; what is not known yet is asked again until the deadline."""
    told = _told(answer, request_id)
    while told.state == "unresolved" and time.monotonic() < deadline:
        time.sleep(PAUSE_SECONDS)
        try:
            again = console.get(f"/api/commands/{request_id}")
        except ConsoleAway:
            continue  # it may be back before the deadline
        if again.status == 200:
            told = _told(again, request_id)
    return told


def _told(answer: Answer, request_id: str) -> Told:
    detail = answer.data.get("detail")
    details = detail if isinstance(detail, dict) else {}
    match answer.status:
        case 200 | 202:
            return Told(request_id, str(answer.data.get("state")), answer.said, details, answer.status)
        case 409 | 422:
            return Told(request_id, "refused", answer.said, answer.data, answer.status)
        case 404 if answer.data.get("code") in NO_SUCH_THING:
            return Told(request_id, "refused", answer.said, answer.data, answer.status)
        case _:
            return Told(request_id, "away", answer.said, answer.data, answer.status)
