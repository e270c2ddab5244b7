"""An analysis whose account did not open goes to another one, which is chosen in the same way from those that are left.

Only after a definite no: nothing was sent, or the broker refused. While an order may be at the broker, the ledger lets
no second one leave for the same analysis, whoever asks.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from actors.messages import OpenResult
from trading.analysis import Analysis
from trading.market import SECOND, Instant
from trading.settings import Settings
from trading.trade import TradeState


@dataclass(slots=True)
class Told:
    """An analysis on which an account was told to open."""

    analysis: Analysis
    refused_by: set[str] = field(default_factory=set)


class HandingOn:
    """The analyses whose opens are not answered yet, and who has refused them."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._told: dict[str, Told] = {}  # by analysis

    def begin(self, analysis: Analysis, now: Instant) -> None:
        """An account is told to open on it."""
        self._forget_old(now)
        self._told.setdefault(analysis.id, Told(analysis))

    def refused_by(self, analysis_id: str) -> frozenset[str]:
        """The accounts that were told to open on it, and did not."""
        told = self._told.get(analysis_id)
        return frozenset() if told is None else frozenset(told.refused_by)

    def is_known(self, analysis_id: str) -> bool:
        """Whether an account was told to open on it already."""
        return analysis_id in self._told

    def to_hand_on(self, result: OpenResult) -> Analysis | None:
        """The analysis, where this answer is a definite no and another account trades the commodity."""
        told = self._told.get(result.analysis_id)
        if told is None:
            return None
        if result.trade is None or result.trade.state is TradeState.FAILED:
            told.refused_by.add(result.platform)
            if any(
                account.enabled and told.analysis.commodity in account.symbols and account.name not in told.refused_by
                for account in self._settings.accounts
            ):
                return told.analysis
        del self._told[result.analysis_id]
        return None

    def _forget_old(self, now: Instant) -> None:
        """Those that are too old to be opened on: an answer that got lost must not be waited for."""
        oldest = now - self._settings.analysis_max_age_seconds * SECOND
        for analysis_id in [key for key, told in self._told.items() if told.analysis.made_at < oldest]:
            del self._told[analysis_id]
