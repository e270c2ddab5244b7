"""Opening a trade. Two durable commits before the order, and no more.

1. The reservation `<platform>:<commodity>`. Dying here: nothing was sent; the reservation expires.
2. The row SUBMITTED, fenced on the account's and the commodity's tokens. Dying here, or anywhere until the outcome is
   written: the row says that an order may have been sent, and recovery looks it up by its magic.

Then the order leaves, once. A definite no makes the row FAILED; anything else that is not a fill makes it UNKNOWN, and
the look-up, not another order, finds out. Only a requote, which is a definite no, is answered by a new order, with a
new number and a row of its own.
"""

from __future__ import annotations

from dataclasses import replace

from actors.accounts import account_opinion
from actors.changes import as_open
from actors.desk import Conceded, Desk
from actors.messages import Lease, Open, OpenResult, Release, Reserve
from actors.names import RESERVATION
from actors.reservation_waits import FAILED, HAD, REFUSED
from actors.system.context import Context
from actors.system.errors import NotExecuted, OutcomeUnknown, Refusal
from actors.troubles import heed
from connectors.base import ConnectorError, Done, OpenOrder, Outcome, Rejected, Unknown
from persistence.errors import AnalysisSeen, LedgerUnavailable, NumbersUsedUp, OpensForbidden, SlotTaken, StaleToken
from persistence.trades import NewTrade
from trading.market import SECOND
from trading.order_numbers import TAG
from trading.plans import levels_at
from trading.selection import Ineligible, choose
from trading.sizing import Sizing
from trading.trade import Trade, TradeState, resource

MOST_ORDERS = 3  # the first, and at most two after requotes


def open_trade(desk: Desk, message: Open, context: Context) -> OpenResult:
    """Check again, reserve, submit, send, settle. Answers with the trade, or with why nothing was sent."""
    checked = check_again(desk, message, context)
    if isinstance(checked, str):
        return refused(desk, message, checked)
    try:
        lease = _reserved(desk, resource(desk.platform, message.analysis.commodity), context)
    except (NotExecuted, OutcomeUnknown, Refusal) as error:
        # If it was reserved after all, it expires by itself: nothing was sent.
        return refused(desk, message, f"no reservation: {error}")
    if lease is None:
        return refused(desk, message, "reserved")
    try:
        return _open_under(lease, desk, message, checked, context)
    finally:
        context.tell(RESERVATION, Release(lease.fence))


def _reserved(desk: Desk, wanted: str, context: Context) -> Lease | None:
    """The reservation; None: somebody else holds it. Raises what an ask raises. How long that took is measured."""
    asked_at, outcome = context.elapsed(), FAILED
    try:
        lease = context.ask(RESERVATION, Reserve(wanted))
        outcome = HAD if isinstance(lease, Lease) else REFUSED
        return lease if isinstance(lease, Lease) else None
    finally:
        if desk.waits is not None:
            desk.waits.note(outcome, context.elapsed() - asked_at)


def check_again(desk: Desk, message: Open, context: Context) -> Sizing | str:
    """What may have changed since the decision: the volume to open now, or why not."""
    analysis, now = message.analysis, context.now()
    if not desk.may_write(context) or not desk.connected:
        return "not connected"
    if now - analysis.made_at > desk.settings.analysis_max_age_seconds * SECOND:
        return "analysis too old"
    opinion = account_opinion(
        desk.settings.account(desk.platform), desk.snapshot(context), analysis, message.plan, desk.market, now=now
    )
    may_be_negative = desk.market.commodities[analysis.commodity].may_be_negative
    alone = choose(
        [opinion.view],
        now=now,
        stop_distance=message.plan.stop_distance,
        quote_max_age_seconds=desk.settings.quote_max_age_seconds,
        may_be_negative=may_be_negative,
    )
    if alone.chosen is None or opinion.sizing is None:
        return alone.candidates[0].ineligible or "not connected"
    return _stranger_in_the_way(desk, analysis.commodity) or opinion.sizing


def _stranger_in_the_way(desk: Desk, commodity: str) -> str | None:
    """On a netting account an order would be merged with whatever position is there.

    Its slot is free, so none of it belongs to a trade, whatever number it shows: a broker may go on showing ours on
    what strangers still hold.
    """
    if not desk.connector.capabilities.netting:
        return None
    try:
        positions = desk.connector.positions(desk.deadline)
    except ConnectorError as error:
        return f"no look at the positions: {error}"
    if any(position.commodity == commodity for position in positions):
        return Ineligible.POSITION_OF_OTHERS
    return None


def _open_under(lease: Lease, desk: Desk, message: Open, sizing: Sizing, context: Context) -> OpenResult:
    """Send at most three orders, each with a row and a number of its own, and none after anything but a requote."""
    trade: Trade | None = None
    for _ in range(MOST_ORDERS):
        if trade is not None:
            checked = _after_requote(desk, message, context)
            if isinstance(checked, str):
                break
            sizing = checked
        submitted = _submit(desk, message, lease, sizing, context)
        if isinstance(submitted, str):
            return refused(desk, message, submitted)
        message = replace(message, decision=None)  # written
        outcome = _send(desk, submitted, lease, context)
        trade = settle_open(desk, submitted, outcome, context)
        if not (isinstance(outcome, Rejected) and outcome.requote):
            break
    if trade is None:
        return refused(desk, message, "nothing was sent")
    return OpenResult(
        desk.platform, message.analysis.id, trade.commodity, trade, f"{trade.state}: {trade.detail}".rstrip(": ")
    )


def _after_requote(desk: Desk, message: Open, context: Context) -> Sizing | str:
    try:
        desk.take_quotes(desk.connector.quotes(desk.deadline), context)
    except ConnectorError as error:
        return f"no quote after the requote: {error}"
    return check_again(desk, message, context)


def _submit(desk: Desk, message: Open, lease: Lease, sizing: Sizing, context: Context) -> Trade | str:
    """Commit 2: the row SUBMITTED, which carries the magic that the order will carry. Answers why not, as text."""
    if desk.lease is None:
        raise Conceded(f"{desk.platform}: the account's lease is not held")
    account_fence = desk.lease.fence
    new = new_trade(desk, message, sizing, context)
    line = desk.entry(
        "transition",
        "submitted",
        context,
        commodity=new.commodity,
        analysis_id=new.analysis_id,
        detail={
            "after": TradeState.SUBMITTED.value,
            "side": new.side.value,
            "volume_lots": new.volume_lots,
            "expected_price": new.expected_price,
            "stop_price": new.stop_price,
            "target_price": new.target_price,
            "sizing": sizing.as_detail(),
        },
    )
    decided = () if message.decision is None else (message.decision,)
    try:
        trade = desk.ledger.trades.submit(new, account_fence, lease.fence, *decided, line)
    except SlotTaken:
        desk.reload_due = True
        return "open trade"
    except AnalysisSeen:
        return "analysis seen"
    except OpensForbidden as error:
        return error.mode
    except NumbersUsedUp as error:
        return str(error)
    except StaleToken as error:
        holder = desk.ledger.reservations.holder(account_fence.resource)
        if holder is None or holder.fence != account_fence:
            desk.concede(str(error), context)
            raise Conceded(str(error)) from error
        return "the reservation was lost"
    desk.remember(trade, context)
    return trade


def _send(desk: Desk, trade: Trade, lease: Lease, context: Context) -> Outcome:
    """The one line that touches the broker. Right before it, both leases must still be held beyond doubt."""
    if not desk.may_act(context) or context.elapsed() >= lease.hold_until:
        return Rejected("not_sent", "a lease was about to end, so the order was not sent")
    order = OpenOrder(
        commodity=trade.commodity,
        side=trade.side,
        volume_lots=trade.volume_lots,
        magic=trade.magic,
        comment=f"{TAG} {trade.trade_id}",
        expected_price=trade.expected_price,
    )
    try:
        return desk.connector.open(order, desk.token, desk.deadline)
    except ConnectorError as error:
        return Unknown(f"{type(error).__name__}: {error}")


def settle_open(desk: Desk, trade: Trade, outcome: Outcome, context: Context) -> Trade:
    """Write what became of the order. If the ledger refuses, the row stays SUBMITTED and the next scan looks it up."""
    heed(desk, outcome, context, opens=True)
    match outcome:
        case Done():
            opened = as_open(
                trade,
                position_id=outcome.position_id,
                ticket=outcome.ticket,
                price=outcome.price,
                volume_lots=outcome.volume_lots,
                at=outcome.time,
            )
            try:
                return desk.advance(trade, opened, context)
            except LedgerUnavailable:
                desk.believe(opened, context)  # the row waits for the look-up, and the stop does not
                raise
        case Rejected(code, reason):
            failed = desk.advance(trade, replace(trade, state=TradeState.FAILED, detail=f"{code}: {reason}"), context)
            if code == "stale_token":
                desk.concede("the broker's side has seen a higher token", context)
                raise Conceded(f"{desk.platform}: {reason}")
            return failed
        case Unknown(reason):
            context.alert("unknown_outcome", f"{trade.resource}: {reason}; looking it up, not sending it again")
            return desk.advance(trade, replace(trade, state=TradeState.UNKNOWN, detail=reason), context)


def new_trade(desk: Desk, message: Open, sizing: Sizing, context: Context) -> NewTrade:
    """The row to be submitted: no broker has seen it, so its levels are laid from the price that is expected."""
    analysis, plan = message.analysis, message.plan
    price = desk.quotes[analysis.commodity].opening_price(analysis.side)
    stop, target = levels_at(plan, analysis.side, price)
    return NewTrade(
        platform=desk.platform,
        commodity=analysis.commodity,
        side=analysis.side,
        strategy=plan.strategy,
        regime=analysis.regime,
        analysis_id=analysis.id,
        confidence=analysis.confidence,
        volume_lots=sizing.volume_lots,
        expected_price=price,
        stop_distance=plan.stop_distance,
        target_distance=plan.target_distance,
        trailing_distance=plan.trailing_distance,
        stop_price=stop,
        target_price=target,
        daily_volatility=analysis.daily_volatility,
        submitted_at=context.now(),
        time_stop_at=context.now() + round(plan.longest_hold_seconds * SECOND),
        closes_at_day_end=plan.closes_at_day_end,
    )


def refused(desk: Desk, message: Open, reason: str) -> OpenResult:
    """Nothing was sent, and this is why."""
    return OpenResult(desk.platform, message.analysis.id, message.analysis.commodity, None, reason, message.decision)
