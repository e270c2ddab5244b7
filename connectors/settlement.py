"""What an execution does to a position: the same rules for accounts that hedge and for accounts that net.

A hedging account hands over the one position that its order names, or none for an order that opens. A netting account
hands over whatever it holds in the commodity, since there every order is merged with it:

================================== ======== ================================================================
the execution meets                its deal what is held afterwards
================================== ======== ================================================================
nothing                            in       a position with its number as ticket and as position_id
a position of its own side         in       more lots at the average price, under the same ticket
an opposite one of more lots       out      fewer lots at the old price, under the same ticket
an opposite one of the same lots   out      nothing
an opposite one of fewer lots      in/out   the rest of the execution: its side, price and time; the position_id
                                            stays, the ticket becomes the execution's number
================================== ======== ================================================================

So MetaTrader 5 documents it: an identifier never changes, a ticket is replaced by a reversal, and a deal in/out carries
its whole volume, the profit of what it closed and all of the swap. It does not say whose magic a merged position shows;
here it is that of the last order that opened, increased or reversed it, which is the harder case for a program that
looks for its own number.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from connectors import accounting
from connectors.account_book import Holding
from connectors.accounting import cents
from trading.market import Deal, Entry, Instant, Instrument, Side

VOLUME_DECIMALS = 8


@dataclass(frozen=True, slots=True)
class Execution:
    """A market order that found its price."""

    number: int  # the order's
    magic: int
    side: Side
    volume_lots: float
    price: float
    at: Instant
    comment: str
    reason: str
    deal: int | None = None  # the number of its deal; None: the one after the order's


@dataclass(frozen=True, slots=True)
class Settled:
    """What is booked for an execution."""

    deal: Deal
    holding: Holding | None  # as it stands afterwards; None where nothing is left


def settle(held: Holding | None, execution: Execution, instrument: Instrument, rate: float) -> Settled:
    """The deal of an execution, and what is left of, or made from, the position that it meets.

    ``rate``: units of account currency for one unit of the instrument's profit currency.
    """
    if held is None:
        return _opened(execution, instrument, rate)
    if held.side is execution.side:
        return _increased(held, execution, instrument, rate)
    rest_lots = round(held.volume_lots - execution.volume_lots, VOLUME_DECIMALS)
    if rest_lots < -accounting.SAME_VOLUME_LOTS:
        return _reversed(held, execution, instrument, rate)
    return _reduced(held, rest_lots, execution, instrument, rate)


def _opened(execution: Execution, instrument: Instrument, rate: float) -> Settled:
    made = _made(execution.number, execution, instrument, rate)
    return Settled(_deal(made.position_id, Entry.IN, execution, instrument), made)


def _made(position_id: int, execution: Execution, instrument: Instrument, rate: float) -> Holding:
    return Holding(
        ticket=execution.number,
        position_id=position_id,
        magic=execution.magic,
        commodity=instrument.commodity,
        side=execution.side,
        volume_lots=execution.volume_lots,
        open_price=execution.price,
        open_time=execution.at,
        swap=0.0,
        margin=cents(accounting.margin(instrument, execution.volume_lots, execution.price) * rate),
        comment=execution.comment,
    )


def _increased(held: Holding, execution: Execution, instrument: Instrument, rate: float) -> Settled:
    added = accounting.margin(instrument, execution.volume_lots, execution.price) * rate
    lots = round(held.volume_lots + execution.volume_lots, VOLUME_DECIMALS)
    paid = held.open_price * held.volume_lots + execution.price * execution.volume_lots
    more = replace(
        held,
        magic=execution.magic,
        comment=execution.comment,
        volume_lots=lots,
        open_price=paid / lots,
        margin=cents(held.margin + added),
    )
    return Settled(_deal(held.position_id, Entry.IN, execution, instrument), more)


def _reduced(held: Holding, rest_lots: float, execution: Execution, instrument: Instrument, rate: float) -> Settled:
    whole = rest_lots <= accounting.SAME_VOLUME_LOTS
    lots = held.volume_lots if whole else execution.volume_lots
    swap = held.swap if whole else cents(held.swap * lots / held.volume_lots)
    gain = accounting.profit(instrument, held.side, lots, held.open_price, execution.price)
    out = replace(execution, volume_lots=lots)
    deal = _deal(held.position_id, Entry.OUT, out, instrument, profit=cents(gain * rate), swap=swap)
    if whole:
        return Settled(deal, None)
    margin = cents(held.margin * rest_lots / held.volume_lots)
    return Settled(deal, replace(held, volume_lots=rest_lots, swap=cents(held.swap - swap), margin=margin))


def _reversed(held: Holding, execution: Execution, instrument: Instrument, rate: float) -> Settled:
    gain = accounting.profit(instrument, held.side, held.volume_lots, held.open_price, execution.price)
    lots = round(execution.volume_lots - held.volume_lots, VOLUME_DECIMALS)
    made = _made(held.position_id, replace(execution, volume_lots=lots), instrument, rate)
    deal = _deal(held.position_id, Entry.IN_OUT, execution, instrument, profit=cents(gain * rate), swap=held.swap)
    return Settled(deal, made)


def _deal(
    position_id: int,
    entry: Entry,
    execution: Execution,
    instrument: Instrument,
    *,
    profit: float = 0.0,
    swap: float = 0.0,
) -> Deal:
    return Deal(
        deal=execution.number + 1 if execution.deal is None else execution.deal,
        order=execution.number,
        position_id=position_id,
        magic=execution.magic,
        commodity=instrument.commodity,
        side=execution.side,
        entry=entry,
        volume_lots=execution.volume_lots,
        price=execution.price,
        profit=profit,
        swap=swap,
        commission=accounting.commission(instrument, execution.volume_lots),
        fee=0.0,
        time=execution.at,
        reason=execution.reason,
    )
