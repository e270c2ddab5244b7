"""Talks to a console that runs, over its API: with the standard library alone, and never for long.

A command that is sent twice under one request id is done once, so a lost reply is asked for again under the same id.
"""

from __future__ import annotations

import http.client
import json
import secrets
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from console.books import console_address_file, console_tokens_file
from console.configuration import Configuration
from console.errors import CommandError
from console.operating import asked_by
from console.web import own_secret
from console.web.own_secret import SecretUnusable

ALIVE_SECONDS = 1.5  # for a console to say that it is there: it does nothing for that
ANSWER_SECONDS = 8.0  # the console itself waits for an outcome, but not so long
SILENT_SECONDS = 40.0  # of a stream, which says every fifteen that it is still there
LARGEST_ANSWER_BYTES = 32 << 20
ASKED_BY = "X-Watchbill-Asked-By"  # a remark for the journal, which proves nothing
LOCAL = ("127.0.0.1", "::1", "localhost")


class ConsoleAway(Exception):
    """No console can be asked; the message says why. Nothing was sent."""


class ReplyLost(Exception):
    """It was sent, and no answer came: it may have been done."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the console said."""

    status: int
    data: Mapping[str, Any]

    @property
    def said(self) -> str:
        """In words."""
        return str(self.data.get("said") or f"it answered {self.status}")


@dataclass(frozen=True, slots=True)
class ConsoleClient:
    """Of one console."""

    url: str
    token: str
    certificate: str | None = None  # the file with the only one that is believed; None: the system's
    is_own: bool = True  # it said where it is in a file of ours

    def require_alive(self) -> None:
        """Raises `ConsoleAway` for one that does not say at once that it is there. It is shown no token yet."""
        try:
            answer = self._ask("GET", "/healthz", None, ALIVE_SECONDS, has_token=False)
        except (ReplyLost, OSError) as error:
            raise ConsoleAway(f"the console at {self.url} does not answer ({error})") from error
        if answer.status != 200:
            raise ConsoleAway(f"at {self.url} is something else: {answer.said}")

    def get(self, path: str) -> Answer:
        """Look at something. Raises `ConsoleAway`."""
        try:
            return self._ask("GET", path, None, ANSWER_SECONDS)
        except (ReplyLost, OSError) as error:
            raise ConsoleAway(f"the console at {self.url} does not answer ({error})") from error

    def post(self, path: str, body: Mapping[str, Any]) -> Answer:
        """Give a command. Raises `ConsoleAway` where it was not sent, and `ReplyLost`."""
        try:
            return self._ask("POST", path, body, ANSWER_SECONDS)
        except OSError as error:
            raise ConsoleAway(f"the console at {self.url} cannot be reached ({error})") from error

    def events(self, path: str) -> Iterator[tuple[str, Any]]:
        """Server-sent events, each with its kind, and a ``""`` now and then while nothing happens.

        Raises `ConsoleAway` when the stream ends, or is silent for long.
        """
        connection = self._connection(SILENT_SECONDS)
        try:
            connection.request("GET", path, headers=self._headers())
            reply = connection.getresponse()
            if reply.status != 200:
                raise ConsoleAway(_answer(reply).said)
            kind = ""
            data: list[str] = []
            for line in iter(reply.readline, b""):
                text = line.decode("utf-8", "replace").rstrip("\r\n")
                name, _, value = text.partition(":")
                if not text and data:
                    yield kind, json.loads("\n".join(data))
                    kind, data = "", []
                elif name == "event":
                    kind = value.strip()
                elif name == "data":
                    data.append(value.removeprefix(" "))
                elif text.startswith(":"):
                    yield "", None
        except (OSError, http.client.HTTPException, ValueError) as error:
            raise ConsoleAway(f"the console at {self.url} fell silent ({error or type(error).__name__})") from error
        finally:
            connection.close()
        raise ConsoleAway(f"the console at {self.url} ended the stream")

    def _ask(
        self, method: str, path: str, body: Mapping[str, Any] | None, seconds: float, *, has_token: bool = True
    ) -> Answer:
        connection = self._connection(seconds)
        try:
            connection.connect()
            try:
                sent = None if body is None else json.dumps(body)
                kind = {} if body is None else {"Content-Type": "application/json"}
                connection.request(method, path, sent, {**(self._headers() if has_token else {}), **kind})
                return _answer(connection.getresponse())
            except (OSError, http.client.HTTPException) as error:
                raise ReplyLost(str(error) or type(error).__name__) from error
        finally:
            connection.close()

    def _headers(self) -> dict[str, str]:
        person = "".join(letter if " " < letter <= "~" else "?" for letter in asked_by())
        return {"Authorization": f"Bearer {self.token}", "Accept": "*/*", ASKED_BY: person}

    def _connection(self, seconds: float) -> http.client.HTTPConnection:
        parts = urlsplit(self.url)
        host, port = parts.hostname or "", parts.port
        if parts.scheme == "http":
            return http.client.HTTPConnection(host, port, timeout=seconds)
        import ssl  # only where it is needed

        context = ssl.create_default_context(cafile=self.certificate)
        if self.certificate is not None:
            context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # it need not be its own authority
            context.check_hostname = not self.is_own  # this one certificate is believed, whatever it calls itself
        return http.client.HTTPSConnection(host, port, timeout=seconds, context=context)


def own_console(configuration: Configuration, access: str) -> ConsoleClient:
    """The console that said beside the ledger where it is. ``access``: trade or read. Raises `ConsoleAway`."""
    try:
        told = own_secret.read(console_address_file(configuration))
        tokens = own_secret.read(console_tokens_file(configuration))
    except (SecretUnusable, CommandError) as error:
        raise ConsoleAway(str(error)) from error
    if not isinstance(told, dict) or not isinstance(told.get("url"), str):
        raise ConsoleAway("no console runs here")
    if not isinstance(tokens, dict) or not isinstance(tokens.get(access), str):
        raise ConsoleAway("there is no token for the console")
    certificate = told.get("certificate")
    return ConsoleClient(told["url"], tokens[access], certificate if isinstance(certificate, str) else None)


def named_console(url: str, token_file: Path | None, configuration: Configuration, access: str) -> ConsoleClient:
    """The console at an address that a person gave. Raises `CommandError`."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise CommandError(f"--url is {url!r}; expected an address such as https://desk:8787")
    if parts.scheme == "http" and parts.hostname not in LOCAL:
        raise CommandError(f"--url is {url!r}; expected https, since the token would go there in the clear")
    try:
        if token_file is not None:
            token = token_file.read_text(encoding="ascii").strip()
        else:
            tokens = own_secret.read(console_tokens_file(configuration))
            token = tokens.get(access, "") if isinstance(tokens, dict) else ""
    except (OSError, ValueError, SecretUnusable) as error:
        raise CommandError(f"the token cannot be read: {error}") from error
    if not token:
        raise CommandError("there is no token for the console here; --token-file names a file that holds one")
    own = configuration.settings.console.certificate
    return ConsoleClient(url.rstrip("/"), token, own, is_own=False)


def new_request_id() -> str:
    """Under which a command is done once."""
    return f"terminal-{secrets.token_hex(12)}"


def _answer(reply: http.client.HTTPResponse) -> Answer:
    content = reply.read(LARGEST_ANSWER_BYTES)
    try:
        data = json.loads(content)
    except ValueError:
        data = {}
    return Answer(reply.status, data if isinstance(data, dict) else {})
