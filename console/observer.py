"""ObserverActor: keeps the newest snapshot of every account for those who look from outside."""

from __future__ import annotations

from dataclasses import dataclass

from actors.messages import AccountSnapshot, TradeChanged
from actors.system.context import Context
from actors.system.message import Message

OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Look(Message):
    """Ask: the newest snapshots, by platform."""


class ObserverActor:
    """Told what the platforms tell the trader; asked by the console, never by an actor."""

    def __init__(self) -> None:
        self._snapshots: dict[str, AccountSnapshot] = {}

    def receive(self, message: object, context: Context) -> dict[str, AccountSnapshot] | None:
        """Keep snapshots; answer `Look`."""
        match message:
            case AccountSnapshot():
                self._snapshots[message.platform] = message
                return None
            case TradeChanged():
                return None  # the next snapshot shows it
            case Look():
                return dict(self._snapshots)
            case _:
                raise TypeError(f"the observer does not take {type(message).__name__}")
