"""The errors of a channel by name, as they travel from a worker, or from a gateway, to whoever called."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from connectors.base import ConnectorError, StaleToken
from connectors.mt5.channel import AnswerLost, NotSent, NotUnderstood

ERRORS: Mapping[str, type[ConnectorError]] = MappingProxyType(
    {
        "not_sent": NotSent,
        "not_understood": NotUnderstood,
        "stale_token": StaleToken,
        "answer_lost": AnswerLost,
    }
)
"""What each name means. A name that is not here means `AnswerLost`: whatever it was, the call may have come true."""


def kind_of(error: ConnectorError) -> str:
    """The name of the error."""
    return next((name for name, kind in ERRORS.items() if type(error) is kind), "answer_lost")


def error_of(kind: object, message: str) -> ConnectorError:
    """The error of that name."""
    known = ERRORS.get(kind) if isinstance(kind, str) else None
    return (known or AnswerLost)(message)
