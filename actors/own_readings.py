"""What the program itself knows of the market: an analysis from outside waits for it, and is held against it.

Who makes an analysis says how much the commodity moves in a day, and by that how far the stop lies and how large the
trade is. A slip there, 0.5 for half a per cent, must not become an order.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.messages import AccountSnapshot
from trading.analysis import Analysis
from trading.market import Instant
from trading.quotes import unusable
from trading.reading import MarketReading

MOST_APART = 3.0  # times; two honest measures of one market differ by less


@dataclass(slots=True)
class OwnReadings:
    """The newest daily volatility of each commodity, and what the accounts show."""

    daily_volatility: dict[str, float] = field(default_factory=dict)  # by commodity
    snapshots: dict[str, AccountSnapshot] = field(default_factory=dict)  # by account

    def take(self, reading: MarketReading) -> None:
        """A bar has ended."""
        if reading.daily_volatility is None:
            self.daily_volatility.pop(reading.commodity, None)
        else:
            self.daily_volatility[reading.commodity] = reading.daily_volatility

    def lacks(self, commodity: str, now: Instant, quote_max_age_seconds: float) -> bool:
        """Whether nothing could be decided on this commodity yet: no reading of it, or no account with a price."""
        if commodity not in self.daily_volatility:
            return True
        shown = (account.quotes.get(commodity) for account in self.snapshots.values() if account.ready)
        return all(quote is None or unusable(quote, now, quote_max_age_seconds) == "stale" for quote in shown)

    def doubts(self, analysis: Analysis) -> str | None:
        """Why the volatility that an analysis states cannot be true; None where it can. What is lacking is no doubt."""
        own = self.daily_volatility.get(analysis.commodity)
        if own is None or own / MOST_APART <= analysis.daily_volatility <= own * MOST_APART:
            return None
        return (
            f"daily_volatility is {analysis.daily_volatility:g}; expected {own / MOST_APART:.2g} to "
            f"{own * MOST_APART:.2g}, since the program's own reading is {own:.2g}"
        )
