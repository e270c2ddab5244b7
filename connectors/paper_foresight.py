"""What a paper account can say of the time to come, because its market was recorded.

Nobody trades on it: a replay asks how long nothing will happen that anybody waits for, and what the account is worth at
the instants that it leaves out. It may be too careful, and is never too late.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from connectors.account_book import AccountBook
from connectors.accounting import cents
from connectors.back_office import BackOffice
from connectors.paper_market import PaperMarket
from trading.attention import Band
from trading.market import Instant, Side

STOP_OUT_FRACTION = 0.5  # of the margin in use; at this equity the broker closes


class Foresight:
    """Of one account: its market, its terms, its book."""

    def __init__(self, market: PaperMarket, office: BackOffice, book: AccountBook) -> None:
        self._market = market
        self._office = office
        self._book = book
        self._safe_until: Instant = 0  # no stop-out can come before, with what is held at this number of the book
        self._safe_for = -1

    def undisturbed_until(
        self, bands: Sequence[Band], now: Instant, limit: Instant, next_rollover: Instant | None
    ) -> Instant:
        """The first instant after ``now``, at most ``limit``, at which a price leaves its band, or the broker may act.

        Too early where it is not known.
        """
        for band in bands:
            quote = self._market.quote(band.commodity)
            if quote is not None and not band.low < quote.closing_price(band.side) < band.high:
                return now + 1  # it has left already, and stays there until the next tick
            limit = self._market.first_outside(band, now, limit)
        if self._book.holdings:
            if next_rollover is not None and self._office.pays_nights():
                limit = min(limit, next_rollover)
            if not self._is_surely_solvent(bands, now, limit):
                return now + 1
            self._safe_until, self._safe_for = limit, self._book.next_number
        return limit

    def is_safe(self, at: Instant) -> bool:
        """Whether it was found out already that no stop-out can come by then, with what is held."""
        return at < self._safe_until and self._safe_for == self._book.next_number

    def equities(self, instants: Sequence[Instant]) -> list[float]:
        """The equity at each of these instants, before which nothing is dealt or charged."""
        balance, floating = self._book.balance, [0.0] * len(instants)
        for holding in self._book.holdings.values():
            prices = self._market.closing_prices(holding.commodity, holding.side, instants)
            worth = self._office.worths(holding, prices)
            floating = [total + gained for total, gained in zip(floating, worth, strict=True)]
        return [cents(balance + gained) for gained in floating]

    def _is_surely_solvent(self, bands: Sequence[Band], now: Instant, limit: Instant) -> bool:
        """True where no price after ``now`` and before ``limit`` could make equity as low as a stop-out needs it.

        Until then no price leaves its band, so its limits need no look at the market.
        """
        within = {(band.commodity, band.side): band.low if band.side is Side.BUY else band.high for band in bands}
        worst, needed = self._book.balance, 0.0
        for holding in self._book.holdings.values():
            if self._office.converts(holding.commodity):
                return False  # what the other currency does meanwhile is not looked at
            price: float | None = within.get((holding.commodity, holding.side), math.inf)
            if price is None or not math.isfinite(price):
                price = self._market.worst(holding.commodity, holding.side, now, limit)
            if price is not None:
                worst += self._office.worths(holding, np.array([price]))[0]
            needed += holding.margin
        return worst - len(self._book.holdings) > STOP_OUT_FRACTION * needed
