"""The log: lines for people on standard error, or JSON lines; secrets never leave the process.

A record's ``extra`` may carry the fields of `FIELDS`; a line about a trade carries its ``trade_id``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from collections import deque
from collections.abc import Iterable
from typing import Any, TextIO
from urllib.parse import quote, quote_plus

FIELDS = ("platform", "commodity", "trade_id", "analysis_id")
HIDDEN = "********"


_made_since: tuple[str, ...] = ()


def hide(secrets: Iterable[str]) -> None:
    """Keep these out of the log, too, from now on: secrets that are made while the program runs."""
    global _made_since
    _made_since = tuple({*_made_since, *secrets})


class Redactor:
    """Replaces secrets, also as they stand in a URL, and those that `hide` was told of."""

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in (secret, quote(secret, safe=""), quote_plus(secret)) if form}
        self._forms = sorted(forms, key=len, reverse=True)  # a secret may contain another

    def __call__(self, text: str) -> str:
        """The text without a secret."""
        for form in self._forms:
            text = text.replace(form, HIDDEN)
        for made in _made_since:
            text = text.replace(made, HIDDEN)
        return text


class LineFormatter(logging.Formatter):
    """``2026-03-06T12:00:01Z  warning  message  (platform alpha, trade_id 3)``, by the machine's clock, UTC."""

    converter = staticmethod(time.gmtime)

    def __init__(self, redactor: Redactor) -> None:
        super().__init__("%(asctime)s  %(word)-8s %(message)s%(about)s", "%Y-%m-%dT%H:%M:%SZ")
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The line, and the traceback under it where there is one."""
        about = ", ".join(f"{name} {value}" for name, value in _about(record).items())
        record.about = f"  ({about})" if about else ""
        record.word = record.levelname.lower()
        return self._redactor(super().format(record))


class JsonFormatter(logging.Formatter):
    """One JSON object a line: time, level, logger, message, the fields of `FIELDS`, and the error if there is one."""

    converter = staticmethod(time.gmtime)

    def __init__(self, redactor: Redactor) -> None:
        super().__init__()
        self._redactor = redactor

    def format(self, record: logging.LogRecord) -> str:
        """The object in one line."""
        entry: dict[str, Any] = {
            "time": f"{self.formatTime(record, '%Y-%m-%dT%H:%M:%S')}.{int(record.msecs):03d}Z",
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redactor(record.getMessage()),
        }
        for name, value in _about(record).items():
            entry[name] = self._redactor(value) if isinstance(value, str) else value
        if record.exc_info:
            entry["error"] = self._redactor(self.formatException(record.exc_info))
        return json.dumps(entry, default=lambda value: self._redactor(str(value)))


class RecentLines(logging.Handler):
    """Keeps the last lines for the live view, which owns the terminal and would be torn by others writing to it."""

    def __init__(self, limit: int = 50) -> None:
        super().__init__()
        self._lines: deque[str] = deque(maxlen=limit)

    def emit(self, record: logging.LogRecord) -> None:
        """Keep the formatted line."""
        try:
            self._lines.append(self.format(record))
        except Exception:  # as every handler of the standard library: logging must not end what it reports on
            self.handleError(record)

    def lines(self) -> tuple[str, ...]:
        """The last lines, oldest first."""
        self.acquire()
        try:
            return tuple(self._lines)
        finally:
            self.release()


def set_up(
    *,
    as_json: bool = False,
    secrets: Iterable[str] = (),
    level: int = logging.INFO,
    handler: logging.Handler | None = None,
    stream: TextIO | None = None,
) -> None:
    """Make the root logger write to ``handler``, by default to standard error; replaces what was set up before."""
    redactor = Redactor(secrets)
    chosen = handler or logging.StreamHandler(sys.stderr if stream is None else stream)
    chosen.setFormatter(JsonFormatter(redactor) if as_json else LineFormatter(redactor))
    root = logging.getLogger()
    for former in list(root.handlers):
        root.removeHandler(former)
    root.addHandler(chosen)
    root.setLevel(level)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it announces each of its plug-ins
    logging.captureWarnings(True)


def _about(record: logging.LogRecord) -> dict[str, Any]:
    return {name: record.__dict__[name] for name in FIELDS if record.__dict__.get(name) is not None}
