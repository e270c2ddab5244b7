"""A person's request to close trades: what is known of each, what it comes to, and what is said of it.

Nothing here asks, tells or writes anybody: `operator` does. A request is over when each of its trades is: closed, or
failed without a position. Until then it is unresolved, whatever the time, and whatever went wrong.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace

from actors.messages import AccountSnapshot
from persistence.requests import Request
from persistence.tables import RequestState
from trading.trade import Trade, TradeState

OVER = frozenset({TradeState.CLOSED, TradeState.FAILED})
WAITS_TO_BE_KNOWN = "whether it has a position is not known yet; once it shows as open, it is closed"
SENT = frozenset({TradeState.SUBMITTED, TradeState.UNKNOWN, TradeState.LATE})
"""Whether there is a position is being found out, and nothing may be sent before that is known: a close of what is not
there would open a position on an account that nets, and another order is never an answer. The wish waits."""


@dataclass(slots=True)
class Wanted:
    """A request to close trades that is not over."""

    request: Request
    rows: dict[int, Trade] = field(default_factory=dict)  # by trade, as last seen
    given_up: set[int] = field(default_factory=set)  # trades that are not closed after all: it was asked too long ago
    is_stale: bool = False  # it was found too long after it was asked for: what was not begun is not begun any more

    @property
    def trade_ids(self) -> list[int]:
        """The trades that were to be closed when it was asked for."""
        return [row["trade_id"] for row in self.request.detail["trades"]]

    @property
    def is_over(self) -> bool:
        """Whether nothing of it is left to be found out."""
        return all(self._is_over(trade_id) for trade_id in self.trade_ids)

    @property
    def unfinished(self) -> list[int]:
        """Those whose rows are to be looked at again."""
        return [trade_id for trade_id in self.trade_ids if not self._is_over(trade_id)]

    @property
    def left(self) -> list[Trade]:
        """The trades that are neither closed nor given up."""
        return [self.rows[trade_id] for trade_id in self.trade_ids if not self._is_over(trade_id)]

    def is_of(self, trade: Trade) -> bool:
        """Whether this is the trade that was meant, and not one that has its number since."""
        rows: Iterable[Mapping[str, object]] = self.request.detail["trades"]
        return any((row["trade_id"], row["analysis_id"]) == (trade.trade_id, trade.analysis_id) for row in rows)

    def lose(self, trade_id: int) -> None:
        """The ledger does not know the trade any more."""
        self.rows.pop(trade_id, None)
        self.given_up.add(trade_id)

    def _is_over(self, trade_id: int) -> bool:
        row = self.rows.get(trade_id)
        return trade_id in self.given_up or (row is not None and row.state in OVER)


def named(trade: Trade) -> str:
    """A trade as a person knows it."""
    return f"trade {trade.trade_id} ({trade.resource} {trade.side} {trade.volume_lots:g} lots)"


def row_of(trade: Trade, said: str) -> dict[str, object]:
    """What is known of a trade, in JSON's types."""
    row: dict[str, object] = {
        "trade_id": trade.trade_id,
        "analysis_id": trade.analysis_id,
        "platform": trade.platform,
        "commodity": trade.commodity,
        "side": trade.side.value,
        "volume_lots": trade.volume_lots,
        "state": trade.state.value,
        "said": said,
    }
    if trade.state is TradeState.CLOSED:
        row |= {
            "exit_price": trade.exit_price,
            "profit": trade.profit,
            "close_reason": None if trade.close_reason is None else trade.close_reason.value,
        }
    return row


def settled(wanted: Wanted, waits: Mapping[int, str], currencies: Mapping[str, str]) -> Request:
    """The request with what is known by now. ``waits``: by trade, why one is not closed yet; ``currencies``: by
    account.
    """
    rows = [_row(wanted, trade_id, waits, currencies) for trade_id in wanted.trade_ids]
    return replace(
        wanted.request,
        state=_state(wanted),
        said=_said(wanted, [str(row["said"]) for row in rows]),
        detail={**wanted.request.detail, "trades": rows},
    )


def why_waiting(trade: Trade, snapshot: AccountSnapshot | None) -> str:
    """Why an open trade's close has not begun, as far as its account says."""
    if snapshot is None:
        return "its account has not been taken up yet"
    if not snapshot.ready:
        return snapshot.reason
    return "" if trade.commodity in snapshot.quotes else "its account has not seen a price yet"


def _row(wanted: Wanted, trade_id: int, waits: Mapping[int, str], currencies: Mapping[str, str]) -> dict[str, object]:
    trade = wanted.rows.get(trade_id)
    if trade is None:
        known: Iterable[dict[str, object]] = wanted.request.detail["trades"]
        row = next(row for row in known if row["trade_id"] == trade_id)
        said = f"trade {trade_id} is not in the ledger any more" if trade_id in wanted.given_up else row["said"]
        return {**row, "said": said}
    return row_of(trade, _said_of(wanted, trade, waits.get(trade_id, ""), currencies.get(trade.platform, "")))


def _said_of(wanted: Wanted, trade: Trade, waits: str, currency: str) -> str:
    name = named(trade)
    if trade.state is TradeState.CLOSED:
        profit = "its profit is not known yet" if trade.profit is None else f"profit {trade.profit:+.2f} {currency}"
        price = "" if trade.exit_price is None else f" at {trade.exit_price:g}"
        why = "" if trade.close_reason is None else f" by {trade.close_reason}"
        return f"{name} was closed{why}{price}, {profit}".rstrip()
    if trade.state is TradeState.FAILED:
        return f"{name} has no position: its order failed ({trade.detail or 'no reason is known'})"
    if trade.trade_id in wanted.given_up:
        return f"{name} was not closed: it was asked for {wanted.request.age_seconds:.0f} s before anybody could do it"
    why = f": {waits}" if waits else ""
    if trade.state is TradeState.CLOSING:
        return f"{name} is being closed{why}"
    if trade.state in SENT:
        known = "it came late, and is closed by itself" if trade.state is TradeState.LATE else WAITS_TO_BE_KNOWN
        return f"{name}: {known}"
    return f"{name} is about to be closed{why}"


def _state(wanted: Wanted) -> RequestState:
    """Done only where all that was asked for is so: of several trades one that was given up makes it a refusal, and the
    detail says what was done.
    """
    if not wanted.is_over:
        return RequestState.UNRESOLVED
    has_closed = any(row.state is TradeState.CLOSED for row in wanted.rows.values())
    return RequestState.DONE if has_closed and not wanted.given_up else RequestState.REFUSED


def _said(wanted: Wanted, said: list[str]) -> str:
    if len(said) == 1:
        return said[0]
    closed = sum(row.state is TradeState.CLOSED for row in wanted.rows.values())
    told = [f"{closed} of {len(said)} trades are closed"]
    told += [_said_briefly(wanted.rows.get(trade.trade_id, trade)) for trade in wanted.left[:3]]
    told += [f"not carried out: trade {trade_id}" for trade_id in sorted(wanted.given_up)[:3]]
    return "; ".join(told)


def _said_briefly(trade: Trade) -> str:
    words = "its fate is not known" if trade.state in SENT else str(trade.state)
    return f"{named(trade)}: {words}"
