"""The day-end and Friday rules, judged on one account by live figures of its broker."""

from __future__ import annotations

import math

from actors.closing import begin_closing
from actors.desk import Desk
from actors.lookup import Findings, history_start
from actors.system.context import Context
from connectors.base import ConnectorError
from persistence.errors import JobFired
from trading.closings import ClosingJob, net_profit
from trading.trade import TradeState


def judge_rule(desk: Desk, job: ClosingJob, context: Context) -> bool:
    """Judge the rule if a valid tick inside its window and the broker's figures are there; True when it is over.

    The key and the CLOSING row that follows from it commit together, so that dying in between neither repeats the
    judgement nor forgets the close. Without an open trade there is nothing to judge yet, and the key stays free.
    """
    trade = desk.trades.get(job.commodity)
    if trade is None or trade.state is not TradeState.OPEN:
        return False
    quote, instrument = desk.quotes.get(job.commodity), desk.instruments.get(job.commodity)
    if quote is None or instrument is None or quote.time < job.window.starts_at or desk.unusable(quote, context):
        return False
    if desk.ledger.schedule.has_fired(job.key):
        return True
    if not desk.may_guard():
        return False
    try:
        positions = desk.connector.positions(desk.deadline)
        deals = desk.connector.deals(history_start(trade), desk.deadline)
    except ConnectorError:
        return False  # no figures, no judgement: the next poll inside the window tries again
    found = Findings(positions, (), deals, desk.connector.capabilities.netting)
    position = found.position_of(trade)
    if position is None:
        return False
    profit = net_profit(position, found.share_of(trade).deals, instrument)
    if not math.isfinite(profit):
        return False
    verdict = "closed" if job.closes(trade, profit) else "kept"
    said = {"key": job.key, "net_profit": round(profit, 2)}
    line = desk.entry("rule", f"{job.rule.value}:{verdict}", context, trade, detail=said)
    try:
        if verdict == "closed":
            price = quote.closing_price(trade.side)
            begin_closing(desk, trade, job.rule, price, context, line, fired=job.key, held=position)
        else:
            desk.use_up(job.key, line, context)
    except JobFired:
        desk.reload_due = True
    return True
