"""Which trades a filter by state stands for: the same on the page and in the API."""

from __future__ import annotations

from enum import StrEnum

from console.errors import CommandError
from trading.trade import ACTIVE, HELD, TradeState


class TradeFilter(StrEnum):
    """One state; or `live`: every state in which a position is held, or may be."""

    LIVE = "live"
    SUBMITTED = TradeState.SUBMITTED.value
    UNKNOWN = TradeState.UNKNOWN.value
    OPEN = TradeState.OPEN.value
    CLOSING = TradeState.CLOSING.value
    CLOSED = TradeState.CLOSED.value
    FAILED = TradeState.FAILED.value
    LATE = TradeState.LATE.value

    @property
    def states(self) -> frozenset[TradeState]:
        """What it stands for."""
        return ACTIVE | HELD if self is TradeFilter.LIVE else frozenset({TradeState(self.value)})


def states_of(name: str) -> frozenset[TradeState] | None:
    """The states that a filter stands for; None for all. Raises `CommandError` for a word that is none."""
    if not name:
        return None
    try:
        return TradeFilter(name).states
    except ValueError:
        raise CommandError(f"state is {name!r}; expected one of {', '.join(TradeFilter)}") from None
