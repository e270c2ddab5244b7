"""The day-end and Friday rules, judged on one account by live figures of its broker.

A rule waits inside its window for a fresh price and for figures. Where none come, its window ends and the trade stays
open: then the journal and an alert say that nobody judged it, and why.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

from actors.closing import begin_closing
from actors.desk import Desk
from actors.lookup import Findings, history_start
from actors.messages import RuleJudged
from actors.names import RULE_MISSED, RULE_WAITS, SCHEDULER
from actors.system.context import Context
from connectors.base import ConnectorError
from persistence.errors import JobFired
from trading.closings import ClosingJob, net_profit
from trading.market import MINUTE, iso
from trading.trade import Trade, TradeState

HAS_BEEN_OPEN = frozenset({TradeState.OPEN, TradeState.CLOSING, TradeState.CLOSED})


@dataclass(slots=True)
class DueRule:
    """A rule that waits to be judged, and what it waits for."""

    job: ClosingJob
    why: str = "inside its window there was no tick, or nobody to see it"
    is_warned: bool = False  # a person was told that it still waits


class DueRules:
    """The rules that wait on one account, until each is judged or its window is over."""

    def __init__(self, desk: Desk) -> None:
        self._desk = desk
        self._waiting: dict[str, DueRule] = {}  # by the job's key

    @property
    def are_there(self) -> bool:
        """Whether any waits."""
        return bool(self._waiting)

    def add(self, job: ClosingJob) -> None:
        """This one is due; said again, it changes nothing."""
        self._waiting.setdefault(job.key, DueRule(job))

    def judge(self, context: Context) -> None:
        """Judge those that can be, and leave those whose window is over: nothing is still due at midnight."""
        for key, due in list(self._waiting.items()):
            if not self._desk.may_write(context):
                due.why = self._desk.why_not_ready(context)
            elif context.now() >= due.job.window.ends_at:
                _tell_if_missed(self._desk, due, context)
                del self._waiting[key]
            else:
                waits_for = judge_rule(self._desk, due.job, context)
                if waits_for is None:
                    del self._waiting[key]
                    context.tell(SCHEDULER, RuleJudged(key))
                else:
                    due.why = waits_for
                    _warn_in_time(self._desk, due, context)


def _warn_in_time(desk: Desk, due: DueRule, context: Context) -> None:
    """Half-way through the window, while a person can still close by hand, say that it was not judged yet."""
    window = due.job.window
    if due.is_warned or 2 * context.now() < window.starts_at + window.ends_at:
        return
    trade = _left_open(desk, due.job)
    if trade is None:
        return
    due.is_warned = True
    if desk.ledger.schedule.has_fired(due.job.key):
        return  # by whoever led before; without a price it was not asked yet
    minutes = (window.ends_at - context.now()) / MINUTE
    what = f"{due.job.key} is not judged yet, {minutes:.0f} minutes before the day ends"
    context.alert(RULE_WAITS, f"{trade.resource}: {what}: {due.why}")


def _tell_if_missed(desk: Desk, due: DueRule, context: Context) -> None:
    """Say once for each key that a trade outlasted the window of a rule that had to judge it."""
    job = due.job
    trade = _left_open(desk, job)
    if trade is None or desk.ledger.schedule.has_fired(job.key) or _is_settled(desk, job, trade):
        return
    said = {"key": job.key, "why": due.why}
    desk.write_line(desk.entry("rule", f"{job.rule.value}:missed", context, trade, detail=said))
    what = f"{job.key} was not judged, trade {trade.trade_id} stayed open"
    context.alert(RULE_MISSED, f"{trade.resource}: {what}: {due.why}")


def _left_open(desk: Desk, job: ClosingJob) -> Trade | None:
    """The trade that the rule concerns and that was open when its window ended; it may have ended since."""
    for trade in desk.known_rows():
        if trade.commodity == job.commodity and trade.state in HAS_BEEN_OPEN and trade.opened_at is not None:
            was_open = trade.opened_at < job.window.ends_at <= (trade.closed_at or job.window.ends_at)
            if was_open and (job.every_strategy or trade.closes_at_day_end):
                return trade
    return None


def _is_settled(desk: Desk, job: ClosingJob, trade: Trade) -> bool:
    """Whether it was said already (the clock may have been set back), or the trade was on its way out by then."""
    lines = desk.ledger.journal.list(trade_id=trade.trade_id)
    if any(line.kind == "rule" and line.detail.get("key") == job.key for line in lines):
        return True
    closing = [line.at for line in lines if line.detail.get("after") == TradeState.CLOSING.value]
    return bool(closing) and min(closing) < job.window.ends_at


def judge_rule(desk: Desk, job: ClosingJob, context: Context) -> str | None:
    """Judge the rule if a valid tick inside its window and the broker's figures are there.

    Answers None when it is over, otherwise what it waits for.

    The key and the CLOSING row that follows from it commit together, so that dying in between neither repeats the
    judgement nor forgets the close. Without an open trade there is nothing to judge yet, and the key stays free.
    """
    trade = desk.trades.get(job.commodity)
    if trade is None or trade.state is not TradeState.OPEN:
        return "there is no open trade"
    quote, instrument = desk.quotes.get(job.commodity), desk.instruments.get(job.commodity)
    if quote is None or instrument is None:
        return "the broker shows no price or no terms"
    if quote.time < job.window.starts_at:
        return f"no price since {iso(job.window.starts_at)}: the last is of {iso(quote.time)}"
    if unusable := desk.unusable(quote, context):
        return f"no usable price: {unusable}"
    if desk.ledger.schedule.has_fired(job.key):
        return None
    if not desk.may_guard():
        return "the crew is halted"
    try:
        positions = desk.connector.positions(desk.deadline)
        deals = desk.connector.deals(history_start(trade), desk.deadline)
    except ConnectorError as error:
        return f"the broker gives no figures: {error}"  # the next poll inside the window tries again
    found = Findings(positions, (), deals, desk.connector.capabilities.netting)
    position = found.position_of(trade)
    if position is None:
        return "the broker shows no position"
    profit = net_profit(position, found.share_of(trade).deals, instrument)
    if not math.isfinite(profit):
        return "the broker's profit is not a number"
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
    return None
