"""The figure beside a probability: what came of it when the like was claimed before."""

from __future__ import annotations

from dataclasses import dataclass

from console.figures import fraction
from console.ledger_claims import Claim, LedgerClaims, read_claims
from persistence.ledger import Ledger
from trading.market import Instant
from trading.trade_claims import FEW_TRADES, LiveFigure, live_figure

# So many are read in about half a second: those of some 400 trades on hourly bars. A year has ten times as many.
MOST_VALUATIONS = 10_000


@dataclass(frozen=True, slots=True)
class LiveCalibration:
    """The newest claims of a ledger, ready to be asked. Make one per view: it reads thousands of lines."""

    claims: LedgerClaims

    @classmethod
    def of(cls, ledger: Ledger, *, since: Instant | None = None, newest: int = MOST_VALUATIONS) -> LiveCalibration:
        """What this ledger's trades have shown lately (by the valuations since an instant of market time; so many)."""
        return cls(read_claims(ledger, since=since, newest=newest))

    def figure(self, claim: Claim, probability: float) -> LiveFigure | None:
        """What happened when a probability like this one was claimed; None where none was of a settled trade yet."""
        return live_figure(probability, self.claims.claims[claim])

    def said(self, claim: Claim, probability: float) -> str:
        """In a few words, such as `24 of 41`; empty where there is nothing to say."""
        figure = self.figure(claim, probability)
        return "" if figure is None else brief(figure)


def brief(figure: LiveFigure) -> str:
    """`24 of 41`: how many trades, and never a bare per cent."""
    return f"{figure.happened} of {figure.trades}"


def sentence(figure: LiveFigure) -> str:
    """The whole of it: `said 60-70 %: happened in 24 of 41 trades (59 %; 43 to 72 %)`."""
    band = f"{figure.low * 100:.0f}-{figure.high * 100:.0f} %"
    happened = f"said {band}: happened in {brief(figure)} trades"
    if figure.trades < FEW_TRADES:
        return f"{happened}, too few to tell"
    low, high = f"{100 * figure.interval.low:.0f}", fraction(figure.interval.high, 0)
    return f"{happened} ({fraction(figure.share, 0)}; 95 % interval {low} to {high})"
