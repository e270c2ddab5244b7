"""The figures of what a ledger claimed: the monitor's probabilities and the entries' confidence, against the ends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, TypeAlias

import numpy as np

from console.ledger_claims import CLAIMS, KIND, Claim, LedgerClaims, claims_of
from console.standing_claims import CHANGES, StandingClaims, standing_claims
from persistence.ledger import Ledger
from trading.bootstrap import DRAWS, bootstrapped
from trading.calibration import BINS, ReliabilityBin, calibration_error, murphy, reliability, score, wilson_interval
from trading.trade import Trade, TradeState
from trading.trade_claims import FEW_TRADES, TradeClaims, live_figures

Data: TypeAlias = dict[str, Any]
BAND_POINTS = 5  # of confidence


def figures(ledger: Ledger, *, seed: int = 0, newest: int | None = None, draws: int = DRAWS) -> Data:
    """Everything that this ledger shows so far. ``seed``, ``draws``: of the intervals.

    ``newest``: only so many of the newest claims, changes and settled trades are looked at.
    """
    settled = ledger.trades.list(states={TradeState.CLOSED}, limit=newest)[::-1]
    valuations = ledger.journal.list(kind=KIND, limit=newest)[::-1]
    changes = [line for kind in CHANGES for line in ledger.journal.list(kind=kind, limit=newest)[::-1]]
    claims, standing = claims_of(valuations, settled), standing_claims(valuations, changes, settled)
    found = {
        claim: {**_of_claim(claims, claim, seed, draws), "as_they_stood": _as_they_stood(standing[claim], seed, draws)}
        for claim in CLAIMS
    }
    return {
        "trades": sum(trade.profit is not None for trade in settled),
        "positions": found["profit"]["count"],
        "calibration_error": found["target"]["calibration_error"],
        "calibration_error_stop": found["stop"]["calibration_error"],
        "calibration_error_profit": found["profit"]["calibration_error"],
        "brier_skill": found["target"]["brier_skill"],
        "brier_skill_stop": found["stop"]["brier_skill"],
        "brier_skill_profit": found["profit"]["brier_skill"],
        "claims": found,
        "confidence": confidence_bands(settled),
    }


def confidence_bands(trades: Sequence[Trade]) -> list[Data]:
    """How many of the settled trades closed with a profit, by bands of their confidence at entry, lowest first.

    Confidence is a score and no probability: what is to be seen is whether more of it means more profits.
    """
    highest = 100 // BAND_POINTS - 1
    bands: dict[int, list[bool]] = {}
    for trade in trades:
        if trade.profit is not None:
            bands.setdefault(min(int(trade.confidence // BAND_POINTS), highest), []).append(trade.profit > 0)
    return [
        {
            "from": band * BAND_POINTS,
            "to": (band + 1) * BAND_POINTS,
            "trades": len(profits),
            "profits": sum(profits),
            "share": sum(profits) / len(profits),
            "interval": asdict(wilson_interval(sum(profits), len(profits))),
            "few": len(profits) < FEW_TRADES,
        }
        for band, profits in sorted(bands.items())
    ]


def _of_claim(claims: LedgerClaims, claim: Claim, seed: int, draws: int) -> Data:
    mine = claims.claims[claim]
    bins = reliability(mine.claimed, mine.happened)
    places = np.minimum((mine.claimed * BINS).astype(np.int64), BINS - 1)
    return {
        **_scored(mine, seed, draws),
        "parts": asdict(murphy(bins)) if bins else None,
        "reliability": [
            _by_trades(each, mine.where(places == place).trades)
            for each, place in zip(bins, np.unique(places).tolist(), strict=True)
        ],
        "by_strategy": {
            name: _scored(mine.where(mine.strategy == name), seed, draws) for name in np.unique(mine.strategy).tolist()
        },
        "live_figures": [{**asdict(figure), "share": figure.share} for figure in live_figures(mine)],
        "left_out": dict(claims.left_out[claim]),
    }


def _as_they_stood(claims: StandingClaims, seed: int, draws: int) -> Data:
    """The scores of the claims about levels as they were; no skill, for not every end of them is known."""
    bins = reliability(claims.claimed, claims.came)
    intervals = bootstrapped(claims.claimed, claims.came, claims.trade, seed=seed, draws=draws)
    return {
        "count": len(claims.claimed),
        "trades": len(np.unique(claims.trade)),
        "settled_at_a_change": claims.by_claim,
        "claimed": float(claims.claimed.mean()) if bins else None,
        "came": float(claims.came.mean()) if bins else None,
        "calibration_error": calibration_error(bins) if bins else None,
        "interval": asdict(intervals)["calibration_error"],
    }


def _by_trades(each: ReliabilityBin, trades: int) -> Data:
    """A bin whose interval counts trades and not claims, which would make it look far surer than it is."""
    return {**asdict(each), "trades": trades, "interval": asdict(wilson_interval(each.happened * trades, trades))}


def _scored(claims: TradeClaims, seed: int, draws: int) -> Data:
    return {
        **score(claims.claimed, claims.happened).as_detail(),
        "trades": claims.trades,
        "few": claims.trades < FEW_TRADES,
        "intervals": asdict(bootstrapped(claims.claimed, claims.happened, claims.trade, seed=seed, draws=draws)),
    }
