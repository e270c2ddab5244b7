"""What an invariant is: it takes part in the moments in which something could break it, and says what it saw broken."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from actors.commands import Outcome as Answer
from connectors.base import CloseOrder, OpenOrder, Outcome
from simulation.database import LeaseRow, TradeRow
from simulation.process import Process
from simulation.scene import Scene
from trading.market import Quote

ACTIVE = frozenset({"submitted", "unknown", "open", "closing"})
HELD = frozenset({"open", "closing", "late"})
UNSETTLED = frozenset({"submitted", "unknown", "closing", "late"})

SAME_VOLUME_LOTS = 1e-9
SAME_PRICE = 1e-9
SAME_MONEY = 0.005


class Invariant:
    """Takes part in nothing. Subclasses answer with what they see broken."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene

    @classmethod
    def name(cls) -> str:
        """As the page of the lifecycle calls it."""
        return cls.__name__

    def row(self, before: TradeRow | None, after: TradeRow, process: Process) -> Iterator[str]:
        """A row of the trades has changed."""
        yield from ()

    def lease(self, before: LeaseRow | None, after: LeaseRow, process: Process) -> Iterator[str]:
        """A reservation has changed."""
        yield from ()

    def sending(self, process: Process, platform: str, order: OpenOrder | CloseOrder, token: int) -> Iterator[str]:
        """An order is about to leave."""
        yield from ()

    def answered(
        self, process: Process, platform: str, order: OpenOrder | CloseOrder, outcome: Outcome
    ) -> Iterator[str]:
        """An order got this answer."""
        yield from ()

    def commanded(self, process: Process, answer: Answer) -> Iterator[str]:
        """A person who asked for something got this answer."""
        yield from ()

    def moved(self, platform: str) -> Iterator[str]:
        """A broker may have changed."""
        yield from ()

    def quoted(self, process: Process, platform: str, quotes: Sequence[Quote]) -> Iterator[str]:
        """A process was shown prices."""
        yield from ()

    def rest(self) -> Iterator[str]:
        """Everything has had its time."""
        yield from ()
