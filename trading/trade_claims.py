"""What was claimed of live trades, many times in a trade's life, against the one thing that became of it.

The claims of one trade are not independent: they end alike. So a trade is the unit that is counted.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats, Instants
from trading.calibration import Flags, Interval, wilson_interval

FEW_TRADES = 30  # with fewer, an interval of a share is wider than a third
BANDS = 10  # of probability, for a person to read: 60 to 70 %


@dataclass(frozen=True, slots=True, eq=False)
class TradeClaims:
    """n claims about trades; every array is (n,)."""

    claimed: Floats  # probabilities
    happened: Flags  # the same for all claims of a trade, unless their horizons differ
    trade: Instants  # whose they are
    strategy: NDArray[np.str_]  # the trade's, when it was claimed

    def __len__(self) -> int:
        return len(self.claimed)

    def where(self, wanted: Flags) -> TradeClaims:
        """Those for which ``wanted``, (n,), is true."""
        return TradeClaims(self.claimed[wanted], self.happened[wanted], self.trade[wanted], self.strategy[wanted])

    @property
    def trades(self) -> int:
        """How many trades the claims are about."""
        return len(np.unique(self.trade))


@dataclass(frozen=True, slots=True)
class LiveFigure:
    """What became of the trades of which once a probability of this band was claimed. Each trade counts once."""

    low: float  # of the band
    high: float
    trades: int
    happened: int
    interval: Interval  # of the share, by Wilson

    @property
    def share(self) -> float:
        """How often it happened."""
        return self.happened / self.trades


def live_figure(probability: float, claims: TradeClaims) -> LiveFigure | None:
    """What happened when a probability like this one was claimed; None where none was yet.

    A trade counts once in each band, by its first claim there. Raises ``ValueError`` for what is no probability.
    """
    if not 0 <= probability <= 1:
        raise ValueError(f"probability is {probability}; expected 0 to 1")
    band = _bands(np.array([probability]))[0]
    inside = _bands(claims.claimed) == band
    _, first = np.unique(claims.trade[inside], return_index=True)
    if not len(first):
        return None
    happened = int(np.count_nonzero(claims.happened[inside][first]))
    low, high = float(band) / BANDS, float(band + 1) / BANDS
    return LiveFigure(low, high, len(first), happened, wilson_interval(happened, len(first)))


def live_figures(claims: TradeClaims) -> tuple[LiveFigure, ...]:
    """The figure of every band in which something was claimed, lowest first."""
    figures = (live_figure((band + 0.5) / BANDS, claims) for band in range(BANDS))
    return tuple(figure for figure in figures if figure is not None)


def _bands(probabilities: Floats) -> NDArray[np.int64]:
    return np.minimum((probabilities * BANDS).astype(np.int64), BANDS - 1)
