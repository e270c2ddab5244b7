"""What all terminals of one simulated account share: the broker itself, and what stands beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from connectors.mt5.simulated_clock import ServerClock
from connectors.mt5.simulated_terms import AccountTerms, SymbolTerms
from simulation.broker_faults import Dice
from simulation.broker_floor import Floor
from simulation.terminal_floor import WorldFloor
from trading.market import Instant


@dataclass(slots=True)
class Errand:
    """One call to a worker, and what goes wrong with it."""

    expires: float  # elapsed seconds
    token: int = 0  # of an order
    fault: str | None = None
    strikes_at: int = 1  # which of the questions to the terminal the fault befalls
    bad_symbol: str | None = None  # the one whose quote is nonsense
    asked: int = 0  # questions to the terminal so far


@dataclass(slots=True)
class TerminalAccount:
    """One account, as its terminals know it."""

    terms: AccountTerms
    symbols: Mapping[str, SymbolTerms]  # by the broker's names
    floor: Floor
    dice: Dice
    order_floor: WorldFloor
    clock: ServerClock
    way_seconds: float  # from a process to the worker beside its terminal
    opened_at: Instant
    commodities: dict[str, str] = field(init=False)  # by symbol

    def __post_init__(self) -> None:
        instruments = self.floor.office.instruments
        self.commodities = {terms.symbol: name for name, terms in instruments.items()}

    def symbol(self, commodity: str) -> str:
        """The broker's name for it."""
        return self.floor.office.instruments[commodity].symbol
