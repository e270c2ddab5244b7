"""The way from the connector to the worker beside a terminal: a child process, a gateway on another machine, or none.

The connector does not know which it has. What it must know is whether a call that failed can have reached the package:
`NotSent` is a proof that it has not, everything else is not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

from connectors.base import ConnectorError
from connectors.wire import Json


class NotSent(ConnectorError):
    """The call provably never reached the package."""


class NotUnderstood(NotSent):
    """The worker read the call, and refused it for its form: a defect of ours, and nothing came of it."""


class AnswerLost(ConnectorError):
    """The call may have been carried out, and its answer is gone: the worker was killed, or the line broke."""


class Channel(Protocol):
    """One account's worker, asked one call at a time by one thread."""

    @property
    def is_open(self) -> bool:
        """False before `open`, and once the worker is gone: then `open` makes another."""
        ...

    def open(self, seconds: float) -> None:
        """Have a worker within so many seconds; one that is there already is kept. Raises `NotSent`."""
        ...

    def close(self) -> None:
        """Let go of the worker. Never raises; harmless to repeat."""
        ...

    def call(self, call: str, arguments: Mapping[str, Json], seconds: float) -> Json:
        """Carry out one of the calls of `calls.py`, and answer within so many seconds, whatever the package does.

        A worker that does not answer in time is killed, for it may be blocked for ever; the next `open` starts another.
        The worker drops a call that it gets to only after that time. Raises `NotSent`, `NotUnderstood`, `AnswerLost`,
        and `StaleToken` for a `fence` below the highest token seen.
        """
        ...
