"""The broker that outlives the processes of a simulated world, and does to them whatever a broker may do.

    broker = SimulatedBroker("alpha", commodities, {"EURUSD": "EURUSD"}, world, random.Random(7), faults={"requote": 1})
    connector = broker.connection(process_clock, process="sim:1")

All processes of a world share one broker for each account: one book, one lowest token, one set of numbers sent, and all
of these outlast everything. What goes wrong is told in `broker_faults.py`, by name; what really happened in
`SimulatedBroker.truth`. `behave` ends every fault, for what must settle once they stop.

The same random numbers and the same calls give the same answers, on every machine. One thread uses it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping

from connectors.base import Capabilities, Clock, Connector, Done, Rejected
from simulation.broker_connection import OnCall, SimulatedConnection, unwatched
from simulation.broker_faults import DUPLICATE_DELIVERY, FAULTS, Dice
from simulation.broker_floor import Floor
from simulation.broker_truth import Truth
from simulation.broker_whims import Whims
from trading.commodities import Commodity
from trading.market import SECOND, Side
from trading.settings_accounts import PaperSettings

__all__ = ["FAULTS", "SimulatedBroker"]

HOURLY_VOLATILITY = 0.003  # of a price: a stop half a percent away is met within hours, one of a tenth within minutes


class SimulatedBroker:
    """One account at a broker that makes mistakes."""

    def __init__(
        self,
        platform: str,
        commodities: Mapping[str, Commodity],
        symbols: Mapping[str, str],
        clock: Clock,
        rng: random.Random,
        *,
        netting: bool = False,
        faults: Mapping[str, float] | None = None,
        settings: PaperSettings | None = None,
        hourly_volatility: float = HOURLY_VOLATILITY,
        dedupes_open: bool = True,
        is_fenced: bool = True,
    ) -> None:
        """``symbols``: what the account trades, of ``commodities``; the others only have prices. ``clock``: the
        world's. ``faults``: the intensity of each that may strike; 1 is its usual rate.

        ``dedupes_open`` and ``is_fenced`` can be switched off for a gateway that executes a repeated number, or takes
        an order with a stale token. Raises ``ValueError`` for a fault that there is not, and for a symbol of something
        that is not in ``commodities``.
        """
        self._dice = Dice(
            random.Random(rng.getrandbits(64)),
            faults or {},
            impossible=[("close", DUPLICATE_DELIVERY)] if netting else [],  # it would reverse, and nobody be to blame
        )
        self._floor = Floor(
            platform,
            commodities,
            symbols,
            clock,
            rng,
            PaperSettings() if settings is None else settings,
            hourly_volatility,
            netting=netting,
            dedupes_open=dedupes_open,
            is_fenced=is_fenced,
        )
        self._whims = Whims(self._floor, self._dice)

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._floor.platform

    @property
    def capabilities(self) -> Capabilities:
        """What its connections declare."""
        return self._floor.capabilities

    @property
    def truth(self) -> Truth:
        """What really happened, and what really is."""
        return self._floor.truth

    def connection(
        self, process_clock: Clock, on_call: OnCall = unwatched, *, process: str = ""
    ) -> SimulatedConnection:
        """A process's own connection to the account.

        ``on_call``: called with the name of each call and "before", when nothing of it has happened, and again with
        "after", when all of it has and the answer is about to be given; it need not return. ``process``: its name in
        the `truth`.
        """
        made = SimulatedConnection(self._floor, self._dice, process_clock, on_call, process)
        self._whims.connections.append(made)
        return made

    def connector(self, process_clock: Clock, *, process: str, stray: Callable[[str], None]) -> Connector:
        """A process's own way to the account, whatever lies on it. ``stray``: told of an order that reaches another."""
        return self.connection(process_clock, process=process)

    def tell_strikes(self, listener: Callable[[str], None]) -> None:
        """From now on ``listener`` is called with the name of each fault that strikes."""
        self._dice.on_strike = listener

    def behave(self) -> None:
        """From now on nothing goes wrong any more. Orders that were delayed still come, each in its time."""
        now = self._floor.settle()
        self._dice.behave()
        self._floor.market.behave()
        self._floor.down_until = min(self._floor.down_until, now)
        self._floor.hidden_until = min(self._floor.hidden_until, now)
        for connection in self._whims.connections:
            connection.cut_until = min(connection.cut_until, now)

    def restart(self, seconds: float) -> None:
        """Cut every connection, be away for so long, and keep or lose each order that waits."""
        self._floor.settle()
        self._whims.restart(round(seconds * SECOND))

    def open_by_hand(self, commodity: str, side: Side, volume_lots: float) -> Done | Rejected:
        """Open a position as a person does in the broker's own terminal, without a magic."""
        self._floor.settle()
        return self._whims.open_by_hand(commodity, side, volume_lots)

    def close_by_hand(self, ticket: int, volume_lots: float | None = None) -> Done | Rejected:
        """Close a position, or a part of it, as a person does."""
        self._floor.settle()
        return self._whims.close_by_hand(ticket, volume_lots)
