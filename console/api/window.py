"""What the routes of the console are given."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

from actors.system.errors import ActorError
from console.api.live_hub import LiveHub
from console.api.overview import Overviews
from console.configuration import Configuration
from console.running import Moment, Running
from persistence.ledger import Ledger

ASK_SECONDS = 2.0

Answer = TypeVar("Answer")


class NotLeading(ActorError):
    """This process leads nothing now, so nobody here can say."""


@dataclass(frozen=True, slots=True)
class Window:
    """Through which the console sees a running crew. Any thread may look."""

    configuration: Configuration
    running: Running
    ledger: Ledger  # read only, the console's own: no reader of a page takes a connection from the trading
    overviews: Overviews = field(init=False, compare=False)  # one for all who look
    live_hub: LiveHub = field(init=False, compare=False)  # one for all who watch

    def __post_init__(self) -> None:
        object.__setattr__(self, "overviews", Overviews(self.configuration, self.running, self.ledger))
        object.__setattr__(self, "live_hub", LiveHub(self.overviews))

    def leading(self) -> Moment:
        """The present term. Raises `NotLeading` unless this process leads."""
        moment = self.running.moment
        if moment is None or not moment.leads:
            raise NotLeading(self.running.said)
        return moment

    def ask(self, name: str, message: Any, timeout_seconds: float = ASK_SECONDS) -> Any:
        """Ask an actor. Raises `NotLeading` where there is no term, and what `System.ask` raises."""
        moment = self.running.moment
        if moment is None:
            raise NotLeading(self.running.said)
        return moment.system.ask(name, message, timeout_seconds)
