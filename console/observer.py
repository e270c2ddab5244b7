"""ObserverActor: keeps the newest snapshot of every account, and its newest bars, for those who look from outside."""

from __future__ import annotations

from dataclasses import dataclass

from actors.messages import AccountSnapshot, Bars, TradeChanged
from actors.system.context import Context
from actors.system.message import Message
from console.bar_book import BarBook
from trading.bars import BarSeries

OBSERVER = "observer"


@dataclass(frozen=True, slots=True)
class Look(Message):
    """Ask: the newest snapshots, by platform."""


@dataclass(frozen=True, slots=True)
class LookAtBars(Message):
    """Ask: the newest bars of a commodity on an account. Answers a `BarSeries`, or None where none has come."""

    platform: str
    commodity: str


class ObserverActor:
    """Told what the platforms tell the trader and the analyst; asked by the console, never by an actor."""

    def __init__(self) -> None:
        self._snapshots: dict[str, AccountSnapshot] = {}
        self._bars = BarBook()

    def receive(self, message: object, context: Context) -> dict[str, AccountSnapshot] | BarSeries | None:
        """Keep snapshots and bars; answer `Look` and `LookAtBars`."""
        match message:
            case AccountSnapshot():
                self._snapshots[message.platform] = message
                return None
            case Bars(platform, series):
                self._bars.take(platform, series)
                return None
            case TradeChanged():
                return None  # the next snapshot shows it
            case Look():
                return dict(self._snapshots)
            case LookAtBars(platform, commodity):
                return self._bars.of(platform, commodity)
            case _:
                raise TypeError(f"the observer does not take {type(message).__name__}")
