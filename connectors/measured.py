"""A connector that measures another one: how long each call takes, what comes of it, and how orders are filled.

It changes nothing: answers and errors pass through as they are. A lost answer is counted apart from a definite no, for
the first has to be looked up, and the second is over.

*Slippage* is how much worse a fill is than the price at which the order was decided, in spreads of that moment (of the
newest quote that was fetched through this connector). So one unit means that the order cost a spread more than it was
expected to, on every commodity alike; and the gap through a stop over a weekend counts as what it is.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from connectors.base import (
    Capabilities,
    CloseOrder,
    Connector,
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    OpenOrder,
    Outcome,
    Rejected,
    StaleToken,
    Unknown,
)
from trading.bars import BarSeries
from trading.histogram import LATENCY_SECONDS, Distribution, Histogram
from trading.market import Account, Deal, Instant, Instrument, Order, Position, Quote, quote_fault

SLIPPAGE_SPREADS = (0.0, 0.1, 0.25, 0.5, 1.0, 2.0, 5.0, 10.0, 25.0, 100.0)
CONNECT, OPEN, CLOSE = "connect", "open", "close"
DONE, REQUOTE, REJECTED, UNKNOWN = OUTCOMES = ("done", "requote", "rejected", "unknown")

_WHY: tuple[tuple[type[ConnectorError], str], ...] = (
    (NotConnected, "not_connected"),
    (DeadlinePassed, "deadline"),
    (StaleToken, "stale_token"),
)

Answer = TypeVar("Answer")


@dataclass(frozen=True, slots=True)
class ConnectorMeasures:
    """All of it at one moment."""

    calls: Mapping[tuple[str, str], Distribution]  # seconds, by account and call, whatever came of them
    errors: Mapping[tuple[str, str, str], int]  # calls without a usable answer: by account, call and why
    outcomes: Mapping[tuple[str, str, str], int]  # of orders: by account, `open` or `close`, and what was answered
    slippage: Mapping[tuple[str, str], Distribution]  # spreads, 0 for a fill as expected or better, by account and call


class Gauges:
    """Takes the measures of all connectors of a process. Any thread may call anything."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._calls: dict[tuple[str, str], Histogram] = {}
        self._errors: Counter[tuple[str, str, str]] = Counter()
        self._outcomes: Counter[tuple[str, str, str]] = Counter()
        self._slippage: dict[tuple[str, str], Histogram] = {}

    def begins(self, account: str) -> None:
        """Show this account's outcomes from the beginning, at 0: whoever watches them sees the first one, too."""
        with self._lock:
            for call in (OPEN, CLOSE):
                for outcome in OUTCOMES:
                    self._outcomes.setdefault((account, call, outcome), 0)

    def called(self, account: str, call: str, seconds: float, error: ConnectorError | None) -> None:
        """A call came back, with an answer or an error."""
        with self._lock:
            _of(self._calls, (account, call), LATENCY_SECONDS).observe(seconds)
            if error is not None:
                why = next((word for kind, word in _WHY if isinstance(error, kind)), "other")
                self._errors[account, call, why] += 1

    def answered(self, account: str, call: str, outcome: Outcome, slippage_spreads: float | None) -> None:
        """What an order came to; the slippage of one that was filled, None where it is not known."""
        with self._lock:
            self._outcomes[account, call, _word_of(outcome)] += 1
            if slippage_spreads is not None:
                _of(self._slippage, (account, call), SLIPPAGE_SPREADS).observe(max(0.0, slippage_spreads))

    def read(self) -> ConnectorMeasures:
        """Everything so far."""
        with self._lock:
            return ConnectorMeasures(
                {key: histogram.distribution() for key, histogram in self._calls.items()},
                dict(self._errors),
                dict(self._outcomes),
                {key: histogram.distribution() for key, histogram in self._slippage.items()},
            )


class MeasuredConnector:
    """A `Connector` in front of another one. It does not foresee, even where that one does."""

    def __init__(self, connector: Connector, gauges: Gauges, elapsed: Callable[[], float]) -> None:
        """``elapsed``: monotonic seconds."""
        gauges.begins(connector.platform)
        self._connector = connector
        self._gauges = gauges
        self._elapsed = elapsed
        self._spreads: dict[str, float] = {}  # by commodity, of the newest whole quote

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._connector.platform

    @property
    def capabilities(self) -> Capabilities:
        """What the broker can do."""
        return self._connector.capabilities

    def connect(self, deadline: float) -> None:
        """Connect, or raise `ConnectorError`."""
        self._measured(CONNECT, lambda: self._connector.connect(deadline))

    def disconnect(self) -> None:
        """Let go of the broker."""
        self._connector.disconnect()

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on."""
        self._measured("fence", lambda: self._connector.fence(token, deadline))

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity of this account."""
        return self._measured("instruments", lambda: self._connector.instruments(deadline))

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        return self._measured("account", lambda: self._connector.account(deadline))

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quotes."""
        quotes = self._measured("quotes", lambda: self._connector.quotes(deadline))
        for quote in quotes:
            if quote_fault(quote, may_be_negative=True) is None:
                self._spreads[quote.commodity] = quote.ask - quote.bid
        return quotes

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last completed bars."""
        return self._measured("bars", lambda: self._connector.bars(commodity, count, deadline))

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position."""
        return self._measured("positions", lambda: self._connector.positions(deadline))

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders in the broker's history."""
        return self._measured("orders", lambda: self._connector.orders(since, deadline))

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals in the broker's history."""
        return self._measured("deals", lambda: self._connector.deals(since, deadline))

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Send a market order."""
        outcome = self._measured(OPEN, lambda: self._connector.open(order, token, deadline))
        self._gauges.answered(self.platform, OPEN, outcome, self._slippage(order, outcome, order.side.sign))
        return outcome

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Close a position by ticket."""
        outcome = self._measured(CLOSE, lambda: self._connector.close(order, token, deadline))
        self._gauges.answered(self.platform, CLOSE, outcome, self._slippage(order, outcome, -order.side.sign))
        return outcome

    def _measured(self, call: str, made: Callable[[], Answer]) -> Answer:
        began = self._elapsed()
        try:
            answer = made()
        except ConnectorError as error:
            self._gauges.called(self.platform, call, self._elapsed() - began, error)
            raise
        self._gauges.called(self.platform, call, self._elapsed() - began, None)
        return answer

    def _slippage(self, order: OpenOrder | CloseOrder, outcome: Outcome, bought: int) -> float | None:
        """In spreads; ``bought`` is 1 for an order that buys and -1 for one that sells."""
        spread = self._spreads.get(order.commodity)
        if not isinstance(outcome, Done) or spread is None or spread <= 0:
            return None
        return bought * (outcome.price - order.expected_price) / spread


def _of(histograms: dict[tuple[str, str], Histogram], key: tuple[str, str], bounds: Sequence[float]) -> Histogram:
    histogram = histograms.get(key)
    if histogram is None:
        histogram = histograms[key] = Histogram(bounds)
    return histogram


def _word_of(outcome: Outcome) -> str:
    match outcome:
        case Done():
            return DONE
        case Rejected(requote=True):
            return REQUOTE
        case Rejected():
            return REJECTED
        case Unknown():
            return UNKNOWN
