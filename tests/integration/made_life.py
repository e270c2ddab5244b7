"""The life of a trade in the ledger of a console made to order, written as the actors write it, with bars to show."""

from __future__ import annotations

import http.client
from collections.abc import Mapping
from contextlib import closing
from dataclasses import replace
from typing import Any

import numpy as np
from made_console import DEADLINE_SECONDS, MadeConsole, a_snapshot
from made_ledger import Holder

from actors.messages import Bars
from console.observer import OBSERVER
from persistence.journal import JournalEntry
from trading.bars import BarSeries
from trading.market import HOUR, MINUTE, Instant
from trading.trade import CloseReason, Trade, TradeState, arrow

HOSTILE = "<script>alert(1)</script><img src=x onerror=alert(2)>'\"&"
BAR_SECONDS = 3_600


class Life:
    """One account's trade in EURUSD, told step by step."""

    def __init__(self, made: MadeConsole, said: str = "the price has moved on") -> None:
        """``said``: what every rule, broker and person in it says."""
        self.made = made
        self.said = said
        self.holder = Holder(made.ledger)
        self.began: Instant = (made.now // HOUR - 30) * HOUR

    def decide(self, reason: str = "open_told", *, passed: bool = True, **detail: Any) -> JournalEntry:
        """A decision with everything that it may have."""
        reached, needed = (81.0, 72.0) if passed else (64.0, 72.0)
        weights = {"base": 0.5, "trend": 0.2, "volatility": 0.2, "sentiment": 0.1}
        shares = {
            name: {"score": reached / 100, "weight": weight, "contribution": reached * weight, "absent": False}
            for name, weight in weights.items()
        }
        reasons = [] if passed else [f"confidence {reached} is below the threshold {needed} (trend)"]
        told = {
            "analysis": {
                "id": "analysis-1",
                "commodity": "EURUSD",
                "side": "buy",
                "strategy": "swing",
                "regime": "trend",
                "confidence": reached,
                "daily_volatility": 0.006,
                "made_by": self.said,
                "pillars": {
                    "sentiment": {"score": 0.5, "notes": {"news": self.said}, "readings": {"news.age_seconds": 9}}
                },
            },
            "gate": {
                "passed": passed,
                "reasons": reasons,
                "confidence": reached,
                "threshold": needed,
                "shortfall": max(needed - reached, 0.0),
                "pillars": shares,
            },
            "candidates": [
                {
                    "platform": "alpha",
                    "eligible": True,
                    "reason": None,
                    "cost": 0.03,
                    "headroom": 1.0,
                    "spread": 0.0001,
                },
                {"platform": "beta", "eligible": False, "reason": self.said, "cost": None, "headroom": None},
            ],
            "chosen": "alpha" if passed else None,
            "decided_by": "only" if passed else "none",
            **detail,
        }
        return JournalEntry(
            self.began, "decision", reason, "alpha" if passed else None, "EURUSD", None, "analysis-1", detail=told
        )

    def open(self, **changes: Any) -> Trade:
        """A decision, and the trade that came of it, at 1.1 with its stop at 1.095 and its target at 1.11."""
        submitted = self.holder.submit(self.decide(), submitted_at=self.began, **changes)
        self.made.ledger.journal.append(
            self._line(submitted, "transition", "submitted", {"after": "submitted", "stop_price": submitted.stop_price})
        )
        opened = replace(
            submitted, state=TradeState.OPEN, ticket=1, position_id=1, entry_price=1.1, opened_at=self.began + MINUTE
        )
        return self._advance(submitted, opened, self.began + MINUTE, entry_price=1.1, target_price=opened.target_price)

    def adjust(self, trade: Trade, stop_price: float, after_hours: int) -> Trade:
        """A rule tightens the stop."""
        at = self.began + after_hours * HOUR
        worth = {"target": 0.3, "stop": 0.2, "profit": 0.6, "expected_value": 0.05}
        detail = {
            "rule": "trailing",
            "stop_before": trade.stop_price,
            "stop_after": stop_price,
            "target_before": trade.target_price,
            "target_after": trade.target_price,
            "why": self.said,
            "regime": "trend",
            "valuation_before": worth,
            "valuation_after": {**worth, "profit": 0.65},
        }
        line = self._line(trade, "adjustment", "trailing", detail, at)
        return self._advance(trade, replace(trade, stop_price=stop_price), at, line, stop_price=stop_price)

    def value(self, trade: Trade, times: int = 6) -> None:
        """What it was found to be worth at the end of so many bars."""
        for hour in range(1, times + 1):
            detail = {"target": 0.3, "stop": 0.2, "profit": 0.5 + hour / 50, "expected_value": 0.01 * hour}
            line = self._line(trade, "valuation", "valued", detail, self.began + hour * HOUR)
            self.made.ledger.journal.append(line)

    def close(self, trade: Trade, after_hours: int = 10, reason: CloseReason = CloseReason.STOP) -> Trade:
        """It is closed, as a rule because the stop was hit, and the broker says something."""
        at = self.began + after_hours * HOUR
        stopped = replace(trade, state=TradeState.CLOSING, close_reason=reason)
        closing_ = self._advance(trade, stopped, at, close_reason=reason.value)
        closed = replace(
            closing_, state=TradeState.CLOSED, exit_price=1.0949, closed_at=at, profit=-153.0, detail=self.said
        )
        return self._advance(closing_, closed, at, exit_price=1.0949, profit=-153.0, detail=self.said)

    def show(self, trade: Trade, bid: float = 1.103) -> None:
        """The account's newest snapshot holds the trade."""
        self.made.tell(a_snapshot(self.made, trade, bid=bid))

    def show_nothing(self) -> None:
        """The account's newest snapshot holds no trade."""
        self.made.tell(a_snapshot(self.made))

    def bars(self, first_hour: int = -100, bars: int = 130, platform: str = "alpha") -> BarSeries:
        """The observer is told of bars, which begin so many hours after the trade; the same."""
        time = self.began + (first_hour + np.arange(bars)) * HOUR
        close = 1.1 + 0.003 * np.sin(np.arange(bars) / 6.0)
        series = BarSeries(
            commodity="EURUSD",
            bar_seconds=BAR_SECONDS,
            time=time.astype(np.int64),
            open=np.roll(close, 1),
            high=np.maximum(close, np.roll(close, 1)) + 0.0004,
            low=np.minimum(close, np.roll(close, 1)) - 0.0004,
            close=close,
            spread=np.full(bars, np.nan),
        )
        self.made.system.tell(OBSERVER, Bars(platform, series))
        return series

    def _advance(self, before: Trade, after: Trade, at: Instant, *entries: JournalEntry, **changes: object) -> Trade:
        detail = {"before": before.state.value, "after": after.state.value, **changes}
        line = self._line(before, "transition", arrow(before.state, after.state), detail, at)
        return self.made.ledger.trades.advance(before, after, self.holder.account("alpha"), line, *entries)

    def _line(
        self, trade: Trade, kind: str, reason: str, detail: Mapping[str, object], at: Instant | None = None
    ) -> JournalEntry:
        at = self.began if at is None else at
        return JournalEntry(at, kind, reason, "alpha", "EURUSD", trade.trade_id, trade.analysis_id, detail)


def page(made: MadeConsole, path: str, token: str = "read") -> tuple[int, str]:
    """A page of the console as it is sent to whoever has this token: its status and its text."""
    headers = {"Authorization": f"Bearer {made.token(token)}", "Accept": "text/html"}
    with closing(http.client.HTTPConnection("127.0.0.1", made.port, timeout=DEADLINE_SECONDS)) as connection:
        connection.request("GET", path, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.read().decode()
