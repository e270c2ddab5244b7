"""What is wrong with an order before anything is done about it: plain functions, and refusals with a code."""

from __future__ import annotations

from collections.abc import Mapping

from connectors import accounting
from connectors.account_book import Holding
from connectors.base import CloseOrder, OpenOrder, Rejected
from trading.market import Instrument

LONGEST_COMMENT = 26
HIGHEST_MAGIC = 2**63 - 1


def open_fault(order: OpenOrder, instruments: Mapping[str, Instrument], *, by_program: bool) -> Rejected | None:
    """Why an open cannot be accepted, whatever the market does. A person's order needs no magic."""
    if by_program and not 0 < order.magic <= HIGHEST_MAGIC:
        return Rejected("invalid_request", f"magic is {order.magic}; expected 1 to {HIGHEST_MAGIC}")
    if len(order.comment) > LONGEST_COMMENT or not order.comment.isascii():
        why = f"comment is {order.comment!r}; expected at most {LONGEST_COMMENT} ASCII characters"
        return Rejected("invalid_request", why)
    if order.commodity not in instruments:
        return unknown_commodity(order.commodity)
    return _invalid_volume(accounting.volume_fault(instruments[order.commodity], order.volume_lots))


def ticket_fault(
    order: CloseOrder, holdings: Mapping[int, Holding], instruments: Mapping[str, Instrument]
) -> Rejected | None:
    """Why a close cannot be accepted on a hedging account, where it names one position by its ticket."""
    held = holdings.get(order.ticket)
    if held is None:
        return no_position(order.ticket)
    if (order.commodity, order.side) != (held.commodity, held.side):
        why = f"ticket {order.ticket} is a {held.side} of {held.commodity}"
        return Rejected("invalid_request", f"{why}; the order says {order.side} of {order.commodity}")
    if _is_all_of(held, order.volume_lots):
        return None
    fault = accounting.volume_fault(instruments[held.commodity], order.volume_lots)
    if fault is None and order.volume_lots > held.volume_lots:
        fault = f"volume_lots is {order.volume_lots:g}; ticket {order.ticket} has {held.volume_lots:g}"
    return _invalid_volume(fault)


def opposite_fault(order: CloseOrder, held: Holding | None, instruments: Mapping[str, Instrument]) -> Rejected | None:
    """Why a close cannot be accepted on a netting account, where it is an order in the opposite direction."""
    if order.commodity not in instruments:
        return unknown_commodity(order.commodity)
    if held is not None and _is_all_of(held, order.volume_lots):
        return None
    return _invalid_volume(accounting.volume_fault(instruments[order.commodity], order.volume_lots))


def market_closed(commodity: str) -> Rejected:
    """Nobody trades it now."""
    return Rejected("market_closed", f"{commodity} does not trade now")


def no_position(ticket: int) -> Rejected:
    """There is nothing to be closed."""
    return Rejected("no_position", f"no live position has the ticket {ticket}")


def unknown_commodity(commodity: str) -> Rejected:
    """The account does not trade it."""
    return Rejected("unknown_commodity", f"the account has no symbol for {commodity}")


def _is_all_of(held: Holding, volume_lots: float) -> bool:
    """Exactly what there is can always be closed, whatever the volume steps are by now."""
    return abs(volume_lots - held.volume_lots) <= accounting.SAME_VOLUME_LOTS


def _invalid_volume(fault: str | None) -> Rejected | None:
    return None if fault is None else Rejected("invalid_volume", fault)
