"""Writing a new stop, target or strategy of an open trade to the ledger. None of it is ever sent to a broker."""

from __future__ import annotations

from actors.desk import Desk
from actors.messages import Adjust, Grounds
from actors.past import ADJUSTMENT
from actors.system.context import Context
from actors.valuing import figures
from trading.adjustment import adjusted
from trading.trade import Trade, TradeState


def adjust(desk: Desk, message: Adjust, context: Context) -> None:
    """Write what differs. The stop only tightens, whoever asks; a target that is no number is not taken.

    What was judged on other levels than the row has now is let go: two changes that were asked for one after the other
    while the account was busy may contradict each other.
    """
    trade = desk.trades.get(message.commodity)
    if trade is None or trade.trade_id != message.trade_id or trade.state is not TradeState.OPEN:
        return
    if message.judged is not None and _levels(message.judged) != _levels(trade):
        return  # changed since: the next pass judges the trade as it is now
    after = adjusted(trade, message.stop_price, message.target_price, message.strategy, desk.settings.strategies)
    if after == trade:
        return
    said: dict[str, object] = {
        "rule": message.reason,
        "stop_before": trade.stop_price,
        "stop_after": after.stop_price,
        "target_before": trade.target_price,
        "target_after": after.target_price,
    }
    if after.strategy is not trade.strategy:
        said |= {"strategy_before": trade.strategy.value, "strategy_after": after.strategy.value}
    line = desk.entry(ADJUSTMENT, message.reason, context, trade, detail=said | grounds_detail(message.grounds))
    desk.advance(trade, after, context, line)


def _levels(trade: Trade) -> tuple[object, ...]:
    return trade.stop_price, trade.target_price, trade.strategy


def grounds_detail(grounds: Grounds | None) -> dict[str, object]:
    """What a rule decided by, for the journal; empty where nobody weighed anything."""
    if grounds is None:
        return {}
    return {
        "why": grounds.why,
        "regime": None if grounds.regime is None else grounds.regime.value,
        "valuation_before": None if grounds.before is None else figures(grounds.before),
        "valuation_after": None if grounds.after is None else figures(grounds.after),
    }
