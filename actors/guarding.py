"""Guarding while the ledger is away: closes by ticket that cannot be written first, and are written when it is back.

Stops live in this program, so a database that is down must not leave positions unwatched. Where repeating a close by
ticket is harmless (hedging accounts) a close that is due leaves all the same, and is remembered here: for what, at
which price, how often, and what the broker said. Everything else (opens, adjustments, the rules of the day) waits.

Nothing is sent twice at once: after the first close each further one waits its turn, follows a look at the broker that
still shows the position, and names no more than the volume seen there. When the ledger is back, a fill that it did not
take is written, OPEN becomes CLOSING with the reason kept here, and the ordinary look-up makes it CLOSED by the
broker's deals. Should the process die before that, the next one finds an OPEN row without a position, and deals that
carry our number: see `reason_of`.

A reason is good for one post. Where another process may have led in between, an OPEN row is one that it left open on
purpose, and whoever watches prices decides again.

A commit that was refused may have happened all the same. Then the row says CLOSING already when it is read again, and
only the journal has to catch up.
"""

from __future__ import annotations

from dataclasses import replace

from actors.closing import is_due, put_off, transmit
from actors.desk import SENT, ClosingAttempts, Desk, UnwrittenClose
from actors.lookup import position_of
from actors.system.context import Context
from connectors.base import Done, Rejected, Unknown
from persistence.journal import JournalEntry
from trading.market import Position
from trading.trade import CloseReason, Trade, TradeState

CLOSED_WITHOUT_LEDGER = "closed_without_ledger"  # the kind of the journal's lines about it


def close_without_ledger(desk: Desk, trade: Trade, reason: CloseReason, price: float, context: Context) -> None:
    """Send a close of an OPEN trade whose CLOSING row cannot be written; once, whoever asks again."""
    if trade.trade_id in desk.unwritten:
        return
    desk.unwritten[trade.trade_id] = UnwrittenClose(reason, price, context.now())
    _send(desk, trade, price, context)
    # Said afterwards: an alert goes to the journal, too, and waits for a ledger that does not answer.
    context.alert("closed_without_ledger", f"{trade.resource}: {reason} at {price:g}; to be written when it is back")


def look_without_ledger(desk: Desk, context: Context) -> None:
    """Send again, in its time, what was to be closed and is still there. Raises `ConnectorError`."""
    # A late trade among them: until its row can say that it is open, nobody watches its stop.
    leaving = [
        trade for trade in desk.trades.values() if trade.trade_id in desk.unwritten or trade.state is TradeState.CLOSING
    ] + list(desk.late.values())
    if not leaving:
        return
    positions = desk.connector.positions(desk.deadline)
    for trade in leaving:
        position, quote = position_of(trade, positions), desk.quotes.get(trade.commodity)
        if position is None or quote is None or not is_due(desk, trade, context):
            continue
        price = quote.closing_price(trade.side)
        without_reason = CloseReason.LATE if trade.state is TradeState.LATE else CloseReason.UNRECORDED
        known = UnwrittenClose(trade.close_reason or without_reason, price, context.now())
        desk.unwritten.setdefault(trade.trade_id, known)
        _send(desk, trade, price, context, position)


def write_what_was_sent(desk: Desk, context: Context) -> None:
    """Bring the rows up to what was done without them. To be called when the trades have been read again.

    May be cut off anywhere, and called again. Raises `Conceded`, and whatever else the ledger raises.
    """
    _write_fills(desk, context)
    for trade_id, sent in list(desk.unwritten.items()):
        trade = desk.ledger.trades.get(trade_id)
        if trade.state in SENT:
            continue  # its fill is not known: the look-up takes it from there first
        line = _line(desk, trade, sent, context)
        if trade.state is TradeState.OPEN and sent.stands:
            attempts = desk.attempts.get(trade_id)
            desk.advance(trade, replace(trade, state=TradeState.CLOSING, close_reason=sent.reason), context, line)
            if attempts is not None:
                desk.attempts[trade_id] = attempts  # the ledger's return makes nobody hurry
        else:
            desk.write_line(line, fold=True)  # a commit that was refused may have written it already
        del desk.unwritten[trade_id]


def _write_fills(desk: Desk, context: Context) -> None:
    for trade_id, filled in list(desk.believed.items()):
        row = desk.ledger.trades.get(trade_id)
        if row.state in SENT:
            desk.advance(row, filled, context)
        del desk.believed[trade_id]


def _send(desk: Desk, trade: Trade, price: float, context: Context, held: Position | None = None) -> None:
    sent = desk.unwritten[trade.trade_id]
    sent.sends += 1
    desk.attempts.setdefault(trade.trade_id, ClosingAttempts())
    match transmit(desk, trade, price, context, held):
        case Done(volume_lots=volume_lots, price=got):
            sent.answer = f"{volume_lots:g} lots at {got:g}"
        case Rejected(code, why):
            sent.answer = f"{code}: {why}"
            put_off(desk, trade, sent.answer, context)
        case Unknown(why):
            sent.answer = f"unknown: {why}"
            put_off(desk, trade, sent.answer, context)


def _line(desk: Desk, trade: Trade, sent: UnwrittenClose, context: Context) -> JournalEntry:
    said: dict[str, object] = {
        "price": sent.price,
        "decided_at": sent.decided_at,
        "sends": sent.sends,
        "answer": sent.answer,
    }
    return desk.entry(CLOSED_WITHOUT_LEDGER, sent.reason.value, context, trade, detail=said)
