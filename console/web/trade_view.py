"""A trade as its page tells it: facts, levels, worth, everything that was changed and why, and its whole journal."""

from __future__ import annotations

from collections.abc import Sequence

from actors.commands import CloseAll, CloseTrade, CommandState
from actors.obeying import COMMAND, kind_of
from console import trade_chart
from console.api.window import Window
from console.figures import number
from console.records import Data, digits_of, line_data, mapping, trade_data
from console.sentences import is_told_twice, sentence
from console.trade_levels import levels_data
from console.web import decision_view
from persistence.journal import VALUATION, JournalLine
from trading.trade import CloseReason, Trade, TradeState

MOST_ADJUSTMENTS = 100  # the newest; a stop that trails may move at every poll
MOST_LINES = 200
MOST_COMMANDS = 200  # that were given while it was open
MOST_WORTHS = 60
CLOSE_TRADE = kind_of(CloseTrade(request_id="", by="", trade_id=0))
CLOSE_ALL = kind_of(CloseAll(request_id="", by=""))
CLOSED_AT_THE_STOP = (CloseReason.STOP, CloseReason.TRAILING_STOP)


def page_data(window: Window, trade_id: int) -> Data:
    """Everything that the page of a trade shows but the bars, which its script asks for. Raises `UnknownTrade`."""
    trade = window.ledger.trades.get(trade_id)
    configuration = window.configuration
    digits = digits_of(trade.commodity, configuration.commodities)
    lines = window.ledger.journal.list(trade_id=trade_id, newest_first=False)
    decision = next((line for line in lines if line.kind == "decision"), None)
    levels = levels_data(trade, lines, digits)
    worth = trade_chart.worth(lines)
    told = [line for line in lines if line.kind != VALUATION and not is_told_twice(line)]
    opening = None if decision is None else decision_view.in_full(decision, configuration)
    return {
        "trade": {**trade_data(trade), "digits": digits, "may_be_closed": trade.state is TradeState.OPEN},
        "command": _command(window, trade, digits),
        "facts": _facts(trade, lines, opening),
        "levels_over_time": levels["levels"][-MOST_ADJUSTMENTS:],
        "adjustments": levels["adjustments"][: -MOST_ADJUSTMENTS - 1 : -1],
        "adjusted": len(levels["adjustments"]),
        "worth": worth[: -MOST_WORTHS - 1 : -1],
        "decision": opening,
        "lines": [_told(line, digits) for line in told[: -MOST_LINES - 1 : -1]],
        "lines_in_all": len(told),
    }


def _facts(trade: Trade, lines: Sequence[JournalLine], decision: Data | None) -> Data:
    """What is worked out from the row: slippage in price units (positive: worse than meant), costs, the time held."""
    entry = None if trade.entry_price is None else trade.side.sign * (trade.entry_price - trade.expected_price)
    meant = _meant_exit(trade)
    left = None if meant is None or trade.exit_price is None else trade.side.sign * (meant - trade.exit_price)
    until = trade.closed_at if trade.closed_at is not None else max((line.last_at for line in lines), default=None)
    held = None if trade.opened_at is None or until is None else max(until - trade.opened_at, 0) / 1_000
    cost = None
    if decision is not None:
        cost = next((number(row["cost"]) for row in decision["rows"] if row["platform"] == trade.platform), None)
    return {
        "entry_slippage": entry,
        "meant_exit": meant,
        "exit_slippage": left,
        "held_seconds": held,
        "expected_cost": cost,
        "expected_cost_in_price": None if cost is None else cost * trade.stop_distance,
        "reward_to_risk": _ratio(trade),
    }


def _meant_exit(trade: Trade) -> float | None:
    """The level at which the trade was to end; None where no level ended it."""
    if trade.close_reason in CLOSED_AT_THE_STOP:
        return trade.stop_price
    return trade.target_price if trade.close_reason is CloseReason.TARGET else None


def _ratio(trade: Trade) -> float | None:
    if trade.target_distance is None or not trade.stop_distance:
        return None
    return trade.target_distance / trade.stop_distance


def _told(line: JournalLine, digits: int | None) -> Data:
    """A journal line with what it says in words."""
    text = sentence(line.kind, line.reason, mapping(line.detail), line.repeated, digits)
    return {**line_data(line), "text": text}


def _command(window: Window, trade: Trade, digits: int | None) -> Data | None:
    """The newest command to close it, of its own or of all on its account or in its commodity; None where none was."""
    if trade.close_reason is not CloseReason.OPERATOR:
        return None
    found = window.ledger.journal.list(
        kind=COMMAND, since=trade.submitted_at, until=trade.closed_at, limit=MOST_COMMANDS
    )
    return next((_told(line, digits) for line in found if _closes(line, trade)), None)


def _closes(line: JournalLine, trade: Trade) -> bool:
    command, _, became = line.reason.partition(":")
    if became == CommandState.REFUSED:
        return False
    if command == CLOSE_TRADE:
        return line.trade_id == trade.trade_id
    concerned = line.platform in (None, trade.platform) and line.commodity in (None, trade.commodity)
    return command == CLOSE_ALL and concerned
