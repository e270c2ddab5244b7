"""Closing a trade: CLOSING is committed before the close leaves, and a close that may have happened is looked up."""

from __future__ import annotations

from dataclasses import replace

from actors.desk import ClosingAttempts, Conceded, Desk
from actors.lookup import (
    HISTORY_MARGIN,
    QUARANTINE_SECONDS,
    Findings,
    closed_by_deals,
    history_start,
    reason_shown,
    scan,
)
from actors.names import LEFT_OPEN
from actors.system.context import Context
from actors.troubles import heed
from connectors.base import CloseOrder, ConnectorError, Done, Outcome, Rejected, Unknown
from persistence.journal import JournalEntry
from trading.market import Entry, Position, iso
from trading.records import altered
from trading.shares import Share
from trading.trade import CloseReason, Trade, TradeState

FIRST_RETRY_SECONDS = 1.0
LONGEST_RETRY_SECONDS = 60.0
ALERT_AFTER_FAILURES = 3


def begin_closing(
    desk: Desk,
    trade: Trade,
    reason: CloseReason,
    price: float,
    context: Context,
    *entries: JournalEntry,
    fired: str | None = None,
    held: Position | None = None,
) -> Trade:
    """OPEN becomes CLOSING, durably, and the close is sent. Repeating it on a CLOSING trade does nothing.

    ``held`` is the position where it was looked at just now.
    """
    if trade.state is not TradeState.OPEN:
        return trade
    closing = desk.advance(
        trade, altered(trade, state=TradeState.CLOSING, close_reason=reason), context, *entries, fired=fired
    )
    if not desk.connector.capabilities.netting:
        return send_close(desk, closing, price, context, held=held)
    # Whatever there is no position for would open one here: nothing is sent without a look.
    try:
        position = scan(desk).position_of(closing)
    except ConnectorError as error:
        put_off(desk, closing, f"not sent: {error}", context)
        return closing
    return closing if position is None else send_close(desk, closing, price, context, held=position)


def continue_closing(desk: Desk, trade: Trade, found: Findings, context: Context) -> Trade:
    """After a clean scan: a CLOSING trade whose position is gone is CLOSED; one that is there is sent again in time."""
    position = found.position_of(trade)
    if position is None:
        share = found.share_of(trade)
        if share.is_over:
            unreasoned = replace(trade, close_reason=None) if _was_gone_before(desk, trade, share) else trade
            return desk.advance(trade, closed_by_deals(unreasoned, share.deals, reason_shown(trade, share)), context)
        if is_due(desk, trade, context):
            put_off(desk, trade, "the position is gone, and its deals are not known yet", context)
        return trade
    if position.volume_lots != trade.volume_lots or position.ticket != trade.ticket:
        trade = desk.advance(trade, replace(trade, volume_lots=position.volume_lots, ticket=position.ticket), context)
    _tell_if_shut(desk, trade, context)
    quote = desk.quotes.get(trade.commodity)
    if quote is None or not is_due(desk, trade, context):
        return trade
    return send_close(desk, trade, quote.closing_price(trade.side), context)


def _was_gone_before(desk: Desk, trade: Trade, share: Share) -> bool:
    """Whether the deals that closed a trade are older than the decision to close it, as after a backup was restored.

    Then they did not come of it, and its reason is not theirs.
    """
    lines = desk.ledger.journal.list(trade_id=trade.trade_id)
    decided = [line.at for line in lines if line.detail.get("after") == TradeState.CLOSING.value]
    decided += [line.detail["decided_at"] for line in lines if "decided_at" in line.detail]  # without the ledger
    closed_at = max(deal.time for deal in share.deals if deal.entry is not Entry.IN)
    return bool(decided) and closed_at < min(decided) - HISTORY_MARGIN


def send_close(
    desk: Desk,
    trade: Trade,
    price: float,
    context: Context,
    *,
    held: Position | None = None,
    reason: CloseReason = CloseReason.BROKER,
) -> Trade:
    """Send one close for the position's current volume, and settle what is known of its fate.

    ``held`` is the position where it was seen to differ from the row, ``reason`` what a trade is closed for that has
    no reason of its own.
    """
    if not desk.may_watch(context):
        raise Conceded(f"{desk.platform}: the account's lease is about to end")
    match transmit(desk, trade, price, context, held):
        case Done() as done:
            return settle_done(desk, trade, done, context, reason)
        case Rejected(code, why):
            put_off(desk, trade, f"{code}: {why}", context)
        case Unknown(why):
            put_off(desk, trade, f"unknown: {why}", context, at_least_seconds=rest_seconds(desk))
    return trade


def transmit(desk: Desk, trade: Trade, price: float, context: Context, held: Position | None = None) -> Outcome:
    """The one line through which a close leaves. Raises `Conceded` when the broker's side knows another leader."""
    ticket, volume_lots = (trade.ticket, trade.volume_lots) if held is None else (held.ticket, held.volume_lots)
    if ticket is None:
        return Rejected("no_ticket", "the position's ticket is not known")
    order = CloseOrder(ticket, trade.commodity, trade.side, volume_lots, trade.magic, price)
    try:
        outcome = desk.connector.close(order, desk.token, desk.deadline)
    except ConnectorError as error:
        return Unknown(f"{type(error).__name__}: {error}")
    heed(desk, outcome, context, opens=False)
    if isinstance(outcome, Rejected) and outcome.code == "stale_token":
        desk.concede("the broker's side has seen a higher token", context)
        raise Conceded(f"{desk.platform}: {outcome.reason}")
    return outcome


def rest_seconds(desk: Desk) -> float:
    """How long the broker is given to come to rest after a close whose fate is not known.

    Where a second close would reverse the position, until nothing can come of the first any more.
    """
    capabilities = desk.connector.capabilities
    return QUARANTINE_SECONDS if capabilities.netting or not capabilities.closes_by_ticket else 0.0


def rest_after_restart(desk: Desk, context: Context) -> None:
    """Any close may have been sent right before the actor or the process ended: its fate is not known."""
    rested_at = context.elapsed() + rest_seconds(desk)
    for trade in (*desk.trades.values(), *desk.late.values()):
        if trade.state in (TradeState.CLOSING, TradeState.LATE):
            desk.attempts[trade.trade_id] = ClosingAttempts(next_elapsed=rested_at)


def settle_done(desk: Desk, trade: Trade, done: Done, context: Context, reason: CloseReason) -> Trade:
    """The broker closed some or all of it: the deals say how much, and at what profit."""
    try:
        history = desk.connector.deals(history_start(trade), desk.deadline)
    except ConnectorError as error:
        put_off(desk, trade, f"closed, but the deals are not known yet: {error}", context)
        return trade
    share = Findings((), (), history, desk.connector.capabilities.netting).share_of(trade)
    if share.is_over:
        return desk.advance(trade, closed_by_deals(trade, share.deals, reason), context)
    # A history that lags behind cannot say what is left; where that may be nothing, and a close would reverse, wait.
    is_shown = any(deal.order == done.order for deal in share.deals)
    rest = 0.0 if is_shown else rest_seconds(desk)
    said = f"{done.volume_lots:g} lots closed, and not all that there is"
    put_off(desk, trade, said, context, at_least_seconds=rest)
    return trade


def is_due(desk: Desk, trade: Trade, context: Context) -> bool:
    """Whether a close that was put off may be tried again. Halted, or while the market is shut, only what a person
    closes is: a broker is asked nothing all weekend that it can only refuse.
    """
    attempts = desk.attempts.get(trade.trade_id)
    if attempts is not None and context.elapsed() < attempts.next_elapsed:
        return False
    return _is_by_hand(desk, trade) or (_is_open(desk, trade, context) and desk.may_guard())


def _is_by_hand(desk: Desk, trade: Trade) -> bool:
    if trade.trade_id in desk.by_hand:
        return True
    unwritten = desk.unwritten.get(trade.trade_id)
    return (trade.close_reason if unwritten is None else unwritten.reason) is CloseReason.OPERATOR


def _is_open(desk: Desk, trade: Trade, context: Context) -> bool:
    return desk.market.times.of(desk.platform, trade.commodity).is_open(context.now())


def _tell_if_shut(desk: Desk, trade: Trade, context: Context) -> None:
    """Say once for each time that the market shuts that the trade is still there, and when it can be closed."""
    if _is_open(desk, trade, context) or _is_by_hand(desk, trade):
        desk.left_open.discard(trade.trade_id)
    elif trade.trade_id not in desk.left_open:
        desk.left_open.add(trade.trade_id)
        opens_at = desk.market.times.of(desk.platform, trade.commodity).next_open(context.now())
        again = "" if opens_at is None else f"; it is tried again when the market opens, {iso(opens_at)}"
        said = f"trade {trade.trade_id} was to be closed and is not, and its market has shut"
        context.alert(LEFT_OPEN, f"{trade.resource}: {said}{again}")


def put_off(desk: Desk, trade: Trade, reason: str, context: Context, *, at_least_seconds: float = 0.0) -> None:
    """Try again later, ever more slowly; say so in the journal, and to a person when it goes on."""
    attempts = desk.attempts.setdefault(trade.trade_id, ClosingAttempts())
    attempts.failures += 1
    wait = max(min(FIRST_RETRY_SECONDS * 2 ** (attempts.failures - 1), LONGEST_RETRY_SECONDS), at_least_seconds)
    attempts.next_elapsed = context.elapsed() + wait
    said = {"attempt": attempts.failures, "next_in_seconds": wait}
    if attempts.failures == ALERT_AFTER_FAILURES:
        context.alert("stuck", f"{trade.resource}: not closed after {attempts.failures} attempts: {reason}")
    desk.write_line(desk.entry("close_put_off", reason, context, trade, detail=said), fold=True)
