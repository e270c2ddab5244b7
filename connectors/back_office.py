"""The back office of one account at a broker of our own: what becomes of an order that a price was found for.

It knows no market: whoever fills an order brings the price, and quotes are asked for through a function. What an order
does to positions is told in `settlement.py`. An account hedges (every open is a position of its own, and a close names
one by its ticket) or nets (one position per commodity, with which every order is merged).

**On a netting account a close is an order like any other**, in the opposite direction. The ticket in it selects
nothing: a close that comes when the position is gone opens the opposite one, and one for more than there is reverses
it. So nobody may send it twice.

Every refusal has a code:

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

from connectors import accounting, admission
from connectors.account_book import AccountBook, Change, Holding
from connectors.accounting import Conversion, cents
from connectors.base import CloseOrder, ConnectorError, Done, OpenOrder, Rejected, StaleToken
from connectors.settlement import Execution, Settled, settle
from trading.bars import Floats
from trading.commodities import Commodity
from trading.market import Account, Deal, Entry, Instant, Instrument, Order, Position, Quote, Side
from trading.settings_commodities import ThreeNights

BY_PROGRAM, BY_HAND, STOP_OUT = "expert", "client", "stop out"  # why a deal was made, in MetaTrader's words
CORRECTION = "correction"  # of money alone


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
        *,
        netting: bool = False,
    ) -> None:
        """``commodities``: everything that has quotes; those that only convert a currency are among them. ``netting``:
        one position per commodity; otherwise the account hedges.

        Raises `ConnectorError` where a profit currency cannot be converted into the account's.
        """
        self._platform = platform
        self._currency = currency
        self._netting = netting
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
                    f"{currency}{instrument.profit_currency}{_or_through_the_dollar(instrument, currency)}, "
                    f"or leave {name} out"
                )
            self._conversions[name] = found

    @property
    def converting(self) -> set[str]:
        """The commodities whose prices convert a currency of this account."""
        ways = (conversion for conversion in self._conversions.values() if conversion is not None)
        return {commodity for way in ways for commodity in way.commodities}

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
                position_id=holding.position_id,
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

    def worths(self, holding: Holding, prices: Floats) -> list[float]:
        """What a position in the account's own currency is worth at each closing price, its swap included."""
        size = self.instruments[holding.commodity].contract_size
        gains = (prices - holding.open_price) * holding.side.sign * size * holding.volume_lots
        return [cents(gain) + holding.swap for gain in gains.tolist()]

    def converts(self, commodity: str) -> bool:
        """Whether its profits are in another currency than the account's."""
        return self._conversions[commodity] is not None

    def pays_nights(self) -> bool:
        """Whether a night costs, or brings, anything for a position that is held."""
        terms = ((self.instruments[holding.commodity], holding.side) for holding in self.book.holdings.values())
        return any(
            (instrument.swap_long_per_lot if side is Side.BUY else instrument.swap_short_per_lot)
            for instrument, side in terms
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
        """Execute an open at this price (None: the market is shut), or say why not."""
        fault = self._open_fault(order, price, by_program=reason == BY_PROGRAM)
        if fault is not None or price is None:
            return self.refuse(order, token, fault or admission.market_closed(order.commodity), now)
        execution = self._execution(order.magic, order.side, order.volume_lots, price, now, order.comment, reason)
        met = self.book.holding_in(order.commodity) if self._netting else None
        answer = self.execute(met, order.commodity, execution, token, magic=order.magic or None)
        return self.refuse(order, token, answer, now) if isinstance(answer, Rejected) else answer

    def fill_close(
        self, order: CloseOrder, token: int, price: float | None, now: Instant, reason: str = BY_PROGRAM
    ) -> Done | Rejected:
        """Execute a close, or a partial one, at this price (None: the market is shut), or say why not."""
        fault = self._close_fault(order)
        if fault is not None:
            return fault
        if price is None:
            return admission.market_closed(order.commodity)
        met = self.book.holding_in(order.commodity) if self._netting else self.book.holdings[order.ticket]
        execution = self._execution(order.magic, order.side.opposite, order.volume_lots, price, now, "", reason)
        return self.execute(met, order.commodity, execution, token)

    def adjust(
        self,
        position_id: int,
        now: Instant,
        *,
        profit: float = 0.0,
        swap: float = 0.0,
        commission: float = 0.0,
        fee: float = 0.0,
        reason: str = CORRECTION,
    ) -> Deal:
        """Book money on a position, live or long closed, as brokers do when they find that they were wrong.

        The deal has no volume and no price, and is entered as one that goes in, as MetaTrader enters what is not a
        trade. Amounts are in account currency; what is taken away is negative. Raises ``ValueError`` for a position
        that has no deals.
        """
        known = next((deal for deal in self.book.deals if deal.position_id == position_id), None)
        if known is None:
            raise ValueError(f"position_id is {position_id}; expected one that has deals")
        deal = replace(
            known,
            deal=self.book.next_number,
            order=0,
            magic=0,
            entry=Entry.IN,
            volume_lots=0.0,
            price=0.0,
            profit=cents(profit),
            swap=cents(swap),
            commission=cents(commission),
            fee=cents(fee),
            time=now,
            reason=reason,
        )
        self.book.record(Change(now, deals=(deal,)))
        return deal

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
        if 0 <= order.magic <= admission.HIGHEST_MAGIC and math.isfinite(order.volume_lots):
            self.book.record(Change(now, (history,), magic=order.magic or None, token=max(token, self.book.token)))
        return why

    def charge_nights(self, rollover: Instant, three_nights_on: Mapping[str, ThreeNights]) -> None:
        """Book the swap of one rollover on every position; ``three_nights_on``: the weekday of each commodity."""
        charged = []
        for _, holding in sorted(self.book.holdings.items()):
            instrument = self.instruments[holding.commodity]
            per_lot = instrument.swap_long_per_lot if holding.side.sign > 0 else instrument.swap_short_per_lot
            nights = accounting.nights_charged(three_nights_on[holding.commodity], rollover)
            swap = cents(per_lot * holding.volume_lots * nights)
            if swap:
                charged.append(replace(holding, swap=cents(holding.swap + swap)))
        if charged:
            self.book.record(Change(rollover, held=tuple(charged)))

    # ------------------------------------------------------------ executing

    def _execution(
        self, magic: int, side: Side, volume_lots: float, price: float, now: Instant, comment: str, reason: str
    ) -> Execution:
        return Execution(self.book.next_number, magic, side, volume_lots, price, now, comment, reason)

    def execute(
        self, met: Holding | None, commodity: str, execution: Execution, token: int, magic: int | None = None
    ) -> Done | Rejected:
        """Book an execution on the position that it meets, unless it ties up more money than is free."""
        settled = settle(met, execution, self.instruments[commodity], self.rate(commodity))
        deal, held = settled.deal, settled.holding
        poor = self._poverty(met, settled, execution.at)
        if poor is not None:
            return poor
        order = Order(
            deal.order,
            deal.magic,
            commodity,
            deal.side,
            deal.volume_lots,
            accepted=True,
            time=deal.time,
            reason=deal.reason,
        )
        replaced = met is not None and (held is None or held.ticket != met.ticket)
        self.book.record(
            Change(
                deal.time,
                (order,),
                (deal,),
                held=() if held is None else (held,),
                gone=(met.ticket,) if met is not None and replaced else (),
                magic=magic,
                token=max(token, self.book.token),
            )
        )
        ticket = held.ticket if held is not None else met.ticket if met is not None else deal.order
        return Done(deal.order, deal.position_id, ticket, deal.volume_lots, deal.price, deal.time)

    def _poverty(self, met: Holding | None, settled: Settled, now: Instant) -> Rejected | None:
        """Why there is not enough money, where an execution ties up more of it than was tied up before."""
        before = 0.0 if met is None else met.margin
        after = 0.0 if settled.holding is None else settled.holding.margin
        if after <= before:
            return None
        deal = settled.deal
        needed, free = after - before - deal.commission, self.account(now).margin_free
        if needed <= free:
            return None
        why = f"{deal.volume_lots:g} lots of {deal.commodity} need {needed:.2f} {self._currency}"
        return Rejected("no_money", f"{why}; {free:.2f} are free")

    # ------------------------------------------------------------ judging and valuing

    def _open_fault(self, order: OpenOrder, price: float | None, *, by_program: bool) -> Rejected | None:
        fault = admission.open_fault(order, self.instruments, by_program=by_program)
        if fault is not None:
            return fault
        if price is None:
            return admission.market_closed(order.commodity)
        conversion = self._conversions[order.commodity]
        for name in () if conversion is None else conversion.commodities:
            if self._quote(name) is None:
                why = f"{name} has no price yet to convert {order.commodity} into {self._currency}"
                return Rejected("market_closed", why)
        return None

    def _close_fault(self, order: CloseOrder) -> Rejected | None:
        if self._netting:
            return admission.opposite_fault(order, self.book.holding_in(order.commodity), self.instruments)
        return admission.ticket_fault(order, self.book.holdings, self.instruments)

    def _unrealised(self, holding: Holding) -> float:
        quote = self._quote(holding.commodity)
        if quote is None:
            raise ConnectorError(f"account {self._platform!r}: {holding.commodity} is held, but has no price")
        instrument = self.instruments[holding.commodity]
        now = quote.closing_price(holding.side)
        gain = accounting.profit(instrument, holding.side, holding.volume_lots, holding.open_price, now)
        return cents(gain * self.rate(holding.commodity))

    def rate(self, commodity: str) -> float:
        """Units of account currency for one unit of the commodity's profit currency, at the mid price of now."""
        conversion = self._conversions[commodity]
        return 1.0 if conversion is None else conversion.rate(self._mid)

    def _mid(self, commodity: str) -> float:
        quote = self._quote(commodity)
        if quote is None:
            raise ConnectorError(f"account {self._platform!r}: {commodity} has no price to convert with")
        return quote.mid


def _or_through_the_dollar(instrument: Instrument, currency: str) -> str:
    """What would do as well, for a message: a pair of each with the dollar, where neither is the dollar."""
    if accounting.BETWEEN in (instrument.profit_currency, currency):
        return ""
    return f", or a pair of each with {accounting.BETWEEN}"
