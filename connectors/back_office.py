"""The back office of one hedging account at a broker of our own: what becomes of an order that a price was found for.

It knows no market: whoever fills an order brings the price, and quotes are asked for through a function. Every refusal
has a code:

=================== ========================================================================
stale_token         the order's fencing token is below the highest one seen
repeated            an order with this magic was sent already, whatever became of it
unknown_commodity   the account has no symbol for it
invalid_request     a magic, comment, side or commodity that does not fit
invalid_volume      not a volume that this instrument trades, or more than the position has
market_closed       nobody trades at the moment
no_money            the margin and the commission exceed what is free
no_position         no live position has this ticket
=================== ========================================================================

The first two are refused beside the broker and leave no trace. Any other refused *open* stands in the order history,
since its fate may have to be looked up by its magic. A refused close does not: it carries the magic of an open that was
accepted, and would be taken for its rejection.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import replace

from connectors import accounting
from connectors.account_book import AccountBook, Change, Holding
from connectors.accounting import Calendar, Conversion, cents
from connectors.base import CloseOrder, ConnectorError, Done, OpenOrder, Rejected, StaleToken
from trading.commodities import Commodity
from trading.market import Account, Deal, Entry, Instant, Instrument, Order, Position, Quote

LONGEST_COMMENT = 26
HIGHEST_MAGIC = 2**63 - 1
VOLUME_DECIMALS = 8
BY_PROGRAM, BY_HAND, STOP_OUT = "expert", "client", "stop out"  # why a deal was made, in MetaTrader's words


class BackOffice:
    """Admits orders, books fills and values positions, on one account's book."""

    def __init__(
        self,
        platform: str,
        currency: str,
        instruments: Mapping[str, Instrument],
        commodities: Mapping[str, Commodity],
        book: AccountBook,
        quote: Callable[[str], Quote | None],
    ) -> None:
        """``commodities``: everything that has quotes; those that only convert a currency are among them.

        Raises `ConnectorError` where a profit currency cannot be converted into the account's.
        """
        self._platform = platform
        self._currency = currency
        self.instruments = instruments
        self.book = book
        self._quote = quote
        self._conversions: dict[str, Conversion | None] = {}
        for name, instrument in instruments.items():
            if instrument.profit_currency == currency:
                self._conversions[name] = None
                continue
            found = accounting.conversion(instrument.profit_currency, currency, commodities)
            if found is None:
                raise ConnectorError(
                    f"account {platform!r}: {name} pays in {instrument.profit_currency}, and no commodity with prices "
                    f"converts that into {currency}; add one of {instrument.profit_currency}{currency} and "
                    f"{currency}{instrument.profit_currency}, or leave {name} out"
                )
            self._conversions[name] = found

    @property
    def converting(self) -> set[str]:
        """The commodities whose prices convert a currency of this account."""
        return {conversion.commodity for conversion in self._conversions.values() if conversion is not None}

    # ------------------------------------------------------------ questions

    def account(self, now: Instant) -> Account:
        """Balance, equity and margin at the quotes of now."""
        held = self.book.holdings.values()
        floating = sum((self._unrealised(holding) + holding.swap for holding in held), 0.0)
        return Account(
            platform=self._platform,
            currency=self._currency,
            balance=self.book.balance,
            equity=cents(self.book.balance + floating),
            margin_used=cents(sum((holding.margin for holding in held), 0.0)),
            time=now,
        )

    def positions(self) -> tuple[Position, ...]:
        """Every live position, by ticket, at the quotes of now."""
        return tuple(
            Position(
                ticket=holding.ticket,
                position_id=holding.ticket,
                magic=holding.magic,
                commodity=holding.commodity,
                side=holding.side,
                volume_lots=holding.volume_lots,
                open_price=holding.open_price,
                open_time=holding.open_time,
                swap=holding.swap,
                profit=self._unrealised(holding),
                comment=holding.comment,
            )
            for _, holding in sorted(self.book.holdings.items())
        )

    def worst(self, tradeable: Callable[[str], bool]) -> Holding | None:
        """The position with the largest loss among those whose commodity can be traded now."""
        held = [h for _, h in sorted(self.book.holdings.items()) if tradeable(h.commodity)]
        return min(held, key=lambda h: self._unrealised(h) + h.swap, default=None)

    # ------------------------------------------------------------ orders

    def fence(self, token: int, now: Instant) -> None:
        """Accept no lower token from now on. Raises `StaleToken` when a higher one was seen."""
        if token < self.book.token:
            raise StaleToken(f"account {self._platform!r}: token {token} is below {self.book.token}, which was seen")
        if token > self.book.token:
            self.book.record(Change(now, token=token))

    def refusal(self, token: int, magic: int | None = None) -> Rejected | None:
        """What is refused beside the broker: a stale token, or a magic that was sent before."""
        if token < self.book.token:
            return Rejected("stale_token", f"token {token} is below {self.book.token}, which was seen")
        if magic is not None and magic in self.book.magics:
            return Rejected("repeated", f"magic {magic} was sent already")
        return None

    def accept(self, order: OpenOrder, token: int, now: Instant) -> None:
        """Remember the magic of an order that will be filled, or not, later."""
        self.book.record(Change(now, magic=order.magic, token=max(token, self.book.token)))

    def fill_open(
        self, order: OpenOrder, token: int, price: float | None, now: Instant, reason: str = BY_PROGRAM
    ) -> Done | Rejected:
        """Open a position at this price (None: the market is shut), or say why not."""
        fault = self._open_fault(order, price, by_program=reason == BY_PROGRAM)
        if fault is not None or price is None:
            return self.refuse(order, token, fault or _market_closed(order.commodity), now)
        instrument = self.instruments[order.commodity]
        needed = cents(accounting.margin(instrument, order.volume_lots, price) * self._rate(order.commodity))
        charge = accounting.commission(instrument, order.volume_lots)
        free = self.account(now).margin_free
        if needed - charge > free:
            why = f"{order.volume_lots:g} lots of {order.commodity} need {needed - charge:.2f} {self._currency}"
            return self.refuse(order, token, Rejected("no_money", f"{why}; {free:.2f} are free"), now)
        number = self.book.next_number
        deal = Deal(
            deal=number + 1,
            order=number,
            position_id=number,
            magic=order.magic,
            commodity=order.commodity,
            side=order.side,
            entry=Entry.IN,
            volume_lots=order.volume_lots,
            price=price,
            profit=0.0,
            swap=0.0,
            commission=charge,
            fee=0.0,
            time=now,
            reason=reason,
        )
        holding = Holding(
            ticket=number,
            magic=order.magic,
            commodity=order.commodity,
            side=order.side,
            volume_lots=order.volume_lots,
            open_price=price,
            open_time=now,
            swap=0.0,
            margin=needed,
            comment=order.comment,
        )
        history = Order(
            number, order.magic, order.commodity, order.side, order.volume_lots, accepted=True, time=now, reason=reason
        )
        self.book.record(
            Change(now, (history,), (deal,), (holding,), magic=order.magic or None, token=max(token, self.book.token))
        )
        return Done(number, number, number, order.volume_lots, price, now)

    def fill_close(
        self, order: CloseOrder, token: int, price: float | None, now: Instant, reason: str = BY_PROGRAM
    ) -> Done | Rejected:
        """Close a position, or a part of it, at this price (None: the market is shut), or say why not."""
        fault = self._close_fault(order)
        if fault is not None:
            return fault
        if price is None:
            return _market_closed(order.commodity)
        holding = self.book.holdings[order.ticket]
        instrument = self.instruments[holding.commodity]
        rest_lots = round(holding.volume_lots - order.volume_lots, VOLUME_DECIMALS)
        whole = rest_lots <= accounting.SAME_VOLUME_LOTS
        closed_lots = holding.volume_lots if whole else order.volume_lots
        gain = accounting.profit(instrument, holding.side, closed_lots, holding.open_price, price)
        swap = holding.swap if whole else cents(holding.swap * closed_lots / holding.volume_lots)
        number = self.book.next_number
        deal = Deal(
            deal=number + 1,
            order=number,
            position_id=holding.ticket,
            magic=order.magic,
            commodity=holding.commodity,
            side=holding.side.opposite,
            entry=Entry.OUT,
            volume_lots=closed_lots,
            price=price,
            profit=cents(gain * self._rate(holding.commodity)),
            swap=swap,
            commission=accounting.commission(instrument, closed_lots),
            fee=0.0,
            time=now,
            reason=reason,
        )
        rest = replace(
            holding,
            volume_lots=rest_lots,
            swap=cents(holding.swap - swap),
            margin=cents(holding.margin * rest_lots / holding.volume_lots),
        )
        history = Order(
            number, order.magic, holding.commodity, deal.side, closed_lots, accepted=True, time=now, reason=reason
        )
        self.book.record(
            Change(
                now,
                (history,),
                (deal,),
                held=() if whole else (rest,),
                gone=(holding.ticket,) if whole else (),
                token=max(token, self.book.token),
            )
        )
        return Done(number, holding.ticket, holding.ticket, closed_lots, price, now)

    def refuse(self, order: OpenOrder, token: int, why: Rejected, now: Instant) -> Rejected:
        """Write a refused open into the order history, and answer it."""
        history = Order(
            self.book.next_number,
            order.magic,
            order.commodity,
            order.side,
            order.volume_lots,
            accepted=False,
            time=now,
            reason=f"{why.code}: {why.reason}",
        )
        # A magic or volume that no history can hold is refused without a line in it.
        if 0 <= order.magic <= HIGHEST_MAGIC and math.isfinite(order.volume_lots):
            self.book.record(Change(now, (history,), magic=order.magic or None, token=max(token, self.book.token)))
        return why

    def charge_nights(self, rollover: Instant, calendars: Mapping[str, Calendar]) -> None:
        """Book the swap of one rollover on every position; ``calendars`` are those of the commodities."""
        charged = []
        for _, holding in sorted(self.book.holdings.items()):
            instrument = self.instruments[holding.commodity]
            per_lot = instrument.swap_long_per_lot if holding.side.sign > 0 else instrument.swap_short_per_lot
            nights = accounting.nights_charged(calendars[holding.commodity], rollover)
            swap = cents(per_lot * holding.volume_lots * nights)
            if swap:
                charged.append(replace(holding, swap=cents(holding.swap + swap)))
        if charged:
            self.book.record(Change(rollover, held=tuple(charged)))

    # ------------------------------------------------------------ judging and valuing

    def _open_fault(self, order: OpenOrder, price: float | None, *, by_program: bool) -> Rejected | None:
        if by_program and not 0 < order.magic <= HIGHEST_MAGIC:
            return Rejected("invalid_request", f"magic is {order.magic}; expected 1 to {HIGHEST_MAGIC}")
        if len(order.comment) > LONGEST_COMMENT or not order.comment.isascii():
            why = f"comment is {order.comment!r}; expected at most {LONGEST_COMMENT} ASCII characters"
            return Rejected("invalid_request", why)
        if order.commodity not in self.instruments:
            return _unknown_commodity(order.commodity)
        fault = accounting.volume_fault(self.instruments[order.commodity], order.volume_lots)
        if fault is not None:
            return Rejected("invalid_volume", fault)
        if price is None:
            return _market_closed(order.commodity)
        conversion = self._conversions[order.commodity]
        if conversion is not None and self._quote(conversion.commodity) is None:
            why = f"{conversion.commodity} has no price yet to convert {order.commodity} into {self._currency}"
            return Rejected("market_closed", why)
        return None

    def _close_fault(self, order: CloseOrder) -> Rejected | None:
        holding = self.book.holdings.get(order.ticket)
        if holding is None:
            return Rejected("no_position", f"no live position has the ticket {order.ticket}")
        if (order.commodity, order.side) != (holding.commodity, holding.side):
            why = f"ticket {order.ticket} is a {holding.side} of {holding.commodity}"
            return Rejected("invalid_request", f"{why}; the order says {order.side} of {order.commodity}")
        if abs(order.volume_lots - holding.volume_lots) <= accounting.SAME_VOLUME_LOTS:
            return None  # exactly what there is can always be closed, whatever the steps are by now
        fault = accounting.volume_fault(self.instruments[holding.commodity], order.volume_lots)
        if fault is None and order.volume_lots > holding.volume_lots:
            fault = f"volume_lots is {order.volume_lots:g}; ticket {order.ticket} has {holding.volume_lots:g}"
        return None if fault is None else Rejected("invalid_volume", fault)

    def _unrealised(self, holding: Holding) -> float:
        quote = self._quote(holding.commodity)
        if quote is None:
            raise ConnectorError(f"account {self._platform!r}: {holding.commodity} is held, but has no price")
        instrument = self.instruments[holding.commodity]
        now = quote.closing_price(holding.side)
        gain = accounting.profit(instrument, holding.side, holding.volume_lots, holding.open_price, now)
        return cents(gain * self._rate(holding.commodity))

    def _rate(self, commodity: str) -> float:
        """Units of account currency for one unit of the commodity's profit currency, at the mid price of now."""
        conversion = self._conversions[commodity]
        if conversion is None:
            return 1.0
        quote = self._quote(conversion.commodity)
        if quote is None:
            raise ConnectorError(f"account {self._platform!r}: {conversion.commodity} has no price to convert with")
        return conversion.rate(quote.mid)


def _market_closed(commodity: str) -> Rejected:
    return Rejected("market_closed", f"{commodity} does not trade now")


def _unknown_commodity(commodity: str) -> Rejected:
    return Rejected("unknown_commodity", f"the account has no symbol for {commodity}")
