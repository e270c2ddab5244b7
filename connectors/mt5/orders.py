"""Opening and closing at MetaTrader 5: what is sent, and how its fate is told.

An order is sent at the price of a tick that was read right before, since brokers with instant execution refuse an old
one. That the broker took it is no fill: its deals are, and they can come later than the answer. They are waited for
until the deadline, but not long, because nothing else of the account is looked after meanwhile; the look-up goes on
from there.

A refused order in the history proves that nothing came of an open, unless another way of filling may have been tried
after it. Which opens that may be is known here until the process ends; the rest is for the watch over what was given
up, since trade servers refuse a filling before they make an order of it, as far as anybody has seen.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from connectors import admission
from connectors.base import (
    CloseOrder,
    ConnectorError,
    DeadlinePassed,
    Done,
    OpenOrder,
    Outcome,
    Rejected,
    Unknown,
)
from connectors.mt5.calls import SendOrder, Sent
from connectors.mt5.fillings import fillings
from connectors.mt5.history import FAR_FUTURE
from connectors.mt5.outcomes import Executing, Judgement, judge
from connectors.mt5.server_clock import ServerClock
from connectors.mt5.session import Session, WrongAccount
from connectors.mt5.symbols import Symbols
from connectors.mt5.terms import SymbolTerms
from connectors.mt5.translation import FINISHED, SIDES, UNFILLED, Fields, Names, filled_lots, position_of, records
from connectors.wire import BadMessage
from trading.market import DAY, SECOND, Position, Side, iso
from trading.shares import SAME_VOLUME_LOTS, VOLUME_DECIMALS

FILL_SECONDS = 5.0  # the longest wait for the deals of an order
FIRST_PAUSE_SECONDS, LONGEST_PAUSE_SECONDS = 0.05, 1.0
AGAINST_TERMS = ("invalid_volume", "invalid_fill", "limit_volume", "invalid_close_volume")
MOST_TICKETS = 10_000  # remembered


@dataclass(frozen=True, slots=True)
class Prepared:
    """An order that may be sent."""

    order: SendOrder
    held: Position | None  # what it closes; None: it opens
    since: int  # seconds on the broker's clock: nothing that comes of it is older


@dataclass(slots=True)
class Orders:
    """Sends the orders of one account."""

    session: Session
    names: Names
    symbols: Symbols
    clock: ServerClock
    deviation_points: int
    look_at_tick: Callable[[str, float], Fields | None]
    """The symbol's latest tick, by the deadline; None before there is one."""
    terms_doubted: bool = False  # the broker has refused what they allow
    in_doubt: set[int] = field(default_factory=set)  # magics of which more than one way of filling may have been tried
    _worked: dict[tuple[str, bool], int] = field(default_factory=dict)  # filling, by symbol and whether it closed
    _identifiers: dict[int, int] = field(default_factory=dict)  # by ticket: of the position that last had it

    def remember(self, ticket: int, position_id: int) -> None:
        """A position has this ticket now; a broker may give it another one."""
        self._identifiers.pop(ticket, None)
        self._identifiers[ticket] = position_id
        if len(self._identifiers) > MOST_TICKETS:
            del self._identifiers[next(iter(self._identifiers))]

    # ------------------------------------------------------------ opening and closing

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """As `Connector.open`."""
        if not 0 < order.magic <= admission.HIGHEST_MAGIC:
            return Rejected("invalid_request", f"magic is {order.magic}; expected 1 to {admission.HIGHEST_MAGIC}")
        if len(order.comment) > admission.LONGEST_COMMENT or not order.comment.isascii():
            return Rejected(
                "invalid_request",
                f"comment is {order.comment!r}; expected at most {admission.LONGEST_COMMENT} ASCII characters",
            )
        if order.commodity not in self.names.symbols:
            return admission.unknown_commodity(order.commodity)
        return self._carry_out(lambda: self._opening(order, deadline), order.magic, token, deadline)

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """As `Connector.close`. The position is looked at first: its ticket may be another one by now."""
        if not 0 <= order.magic <= admission.HIGHEST_MAGIC:
            return Rejected("invalid_request", f"magic is {order.magic}; expected 0 to {admission.HIGHEST_MAGIC}")
        if order.commodity not in self.names.symbols:
            return admission.unknown_commodity(order.commodity)
        return self._carry_out(lambda: self._closing(order, deadline), order.magic, token, deadline)

    # ------------------------------------------------------------ before anything is sent

    def _opening(self, order: OpenOrder, deadline: float) -> Prepared | Rejected:
        terms = self._terms(order.commodity, deadline)
        if isinstance(terms, Rejected):
            return terms
        volume_lots = terms.floored(order.volume_lots)
        if isinstance(volume_lots, str):
            return Rejected("invalid_volume", volume_lots)
        return self._prepared(terms, order.side, volume_lots, order.comment, None, deadline)

    def _closing(self, order: CloseOrder, deadline: float) -> Prepared | Rejected:
        terms = self._terms(order.commodity, deadline)
        if isinstance(terms, Rejected):
            return terms
        held = self._held(order, deadline)
        if held is None:
            return admission.no_position(order.ticket)
        if (held.commodity, held.side) != (order.commodity, order.side):
            why = f"ticket {order.ticket} is a {held.side} of {held.commodity}"
            return Rejected("invalid_request", f"{why}; the order says {order.side} of {order.commodity}")
        volume_lots = _closing_lots(terms, held, order)
        if isinstance(volume_lots, str):
            return Rejected("invalid_volume", volume_lots)
        if self.session.expected.netting and self._is_being_closed(terms.symbol, order, deadline):
            return Rejected("close_at_work", f"a close of {order.magic} is still at work: with another one it reverses")
        return self._prepared(terms, order.side.opposite, volume_lots, "", held, deadline)

    def _terms(self, commodity: str, deadline: float) -> SymbolTerms | Rejected:
        if self.terms_doubted:
            self.symbols.read(deadline)
            self.terms_doubted = False
        terms = self.symbols.of(commodity)
        return Rejected("unknown_commodity", terms) if isinstance(terms, str) else terms

    def _held(self, order: CloseOrder, deadline: float) -> Position | None:
        """The position that a close means: the one with its ticket, or the one that had it when it was last seen."""
        found = records(self.session.ask("positions", {}, deadline), "positions")
        positions = [position_of(each, self.names, self.clock.utc) for each in found]
        for position in positions:
            if position.ticket == order.ticket:
                return position
        meant = self._identifiers.get(order.ticket, order.ticket)
        return next((position for position in positions if position.position_id == meant), None)

    def _is_being_closed(self, symbol: str, order: CloseOrder, deadline: float) -> bool:
        """Whether an earlier close, or what is left of it where the rest stays at work, may still be executed."""
        working = records(self.session.ask("orders", {}, deadline), "orders")
        closing = (symbol, order.magic, order.side.opposite)
        return any(
            (each.text("symbol"), each.whole("magic"), SIDES.get(each.whole("type"))) == closing for each in working
        )

    def _prepared(
        self, terms: SymbolTerms, side: Side, volume_lots: float, comment: str, held: Position | None, deadline: float
    ) -> Prepared | Rejected:
        tick = self.look_at_tick(terms.symbol, deadline)
        if tick is None:
            return Rejected("market_closed", f"{terms.symbol} has no price")
        if held is None and self.clock.is_impossible:
            ours, theirs = iso(self.session.clock.now()), iso(tick.whole("time_msc"))
            return Rejected("clock_wrong", f"this machine's clock shows {ours} and the broker's {theirs}")
        expected = self.session.expected
        (number,) = (number for number, each in SIDES.items() if each is side)
        order = SendOrder(
            symbol=terms.symbol,
            order_type=number,
            volume_lots=volume_lots,
            price=tick.number("ask" if side is Side.BUY else "bid"),
            deviation_points=self.deviation_points,
            comment=comment,
            position=None if held is None else held.ticket,
            fillings=fillings(
                terms.fields.whole("filling_mode"),
                terms.fields.whole("trade_exemode"),
                closes=held is not None,
                worked=self._worked.get((terms.symbol, held is not None)),
            ),
            login=expected.login,
            server=expected.server,
            trade_mode=expected.trade_mode,
        )
        return Prepared(order, held, max(0, (tick.whole("time_msc") - DAY) // SECOND))

    # ------------------------------------------------------------ the fate of it

    def _carry_out(
        self, prepare: Callable[[], Prepared | Rejected], magic: int, token: int, deadline: float
    ) -> Outcome:
        """Send what is prepared. Whatever goes wrong before is a definite no."""
        try:
            prepared = prepare()
        except DeadlinePassed as error:
            return Rejected("deadline_passed", f"nothing was sent: {error}")
        except WrongAccount as error:
            return Rejected("wrong_account", f"nothing was sent: {error}")
        except (ConnectorError, BadMessage) as error:
            return Rejected("not_connected", f"nothing was sent: {error}")
        return prepared if isinstance(prepared, Rejected) else self._send(prepared, magic, token, deadline)

    def _send(self, prepared: Prepared, magic: int, token: int, deadline: float) -> Outcome:
        order, closes = prepared.order, prepared.held is not None
        sent = self.session.send(order, token, magic, deadline)
        judged = sent if isinstance(sent, Rejected | Unknown) else self._judged(sent, closes=closes)
        if isinstance(judged, Unknown) and not closes and len(order.fillings) > 1:
            self.in_doubt.add(magic)
        if isinstance(judged, Rejected) and judged.code in AGAINST_TERMS:
            self.terms_doubted = True
        if not isinstance(judged, Executing):
            return judged
        if judged.filling is not None:
            self._worked[order.symbol, closes] = judged.filling
        if judged.order == 0:
            return Unknown("the broker took the order, and does not say which it is")
        try:
            return self._wait(judged, prepared, deadline)
        except (ConnectorError, BadMessage) as error:
            return Unknown(f"order {judged.order} was taken; its deals are not known: {error}")

    def _judged(self, sent: Sent, *, closes: bool) -> Judgement:
        try:
            return judge(sent, closes=closes)
        except BadMessage as error:
            return Unknown(f"the answer cannot be used: {error}")

    def _wait(self, executing: Executing, sent: Prepared, deadline: float) -> Outcome:
        """Until the deals are there, and are all that there will be."""
        clock = self.session.clock
        until, pause = min(deadline, clock.elapsed() + FILL_SECONDS), FIRST_PAUSE_SECONDS
        while True:
            deals = self._deals(executing.order, sent.since, deadline)
            filled = round(sum(deal.number("volume") for deal in deals), VOLUME_DECIMALS)
            enough = sent.order.volume_lots
            if executing.is_final and executing.volume_lots > 0:
                enough = min(enough, executing.volume_lots)
            if filled < enough - SAME_VOLUME_LOTS:
                finished = self._finished(executing.order, sent.since, deadline)
                if finished is not None and filled_lots(finished) <= SAME_VOLUME_LOTS and not deals:
                    why = UNFILLED[finished.whole("state")]
                    return Rejected(why, f"order {executing.order} has ended, and nothing of it was filled")
                enough = sent.order.volume_lots if finished is None else filled_lots(finished)
            if deals and filled >= enough - SAME_VOLUME_LOTS:
                return self._done(executing.order, deals, filled, sent.held, deadline)
            if clock.elapsed() + pause >= until:
                return Unknown(f"order {executing.order} was taken; {filled:g} lots of it are known to be filled")
            clock.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE_SECONDS)

    def _deals(self, order: int, since: int, deadline: float) -> list[Fields]:
        """Those of one order. The package gives them by position or by time, and by order it does not."""
        found = records(self.session.ask("history_deals", {"since": since, "until": FAR_FUTURE}, deadline), "deals")
        return [deal for deal in found if deal.whole("order") == order and deal.whole("type") in SIDES]

    def _finished(self, order: int, since: int, deadline: float) -> Fields | None:
        """The order in the history, where nothing more becomes of it; None while something may."""
        found = records(self.session.ask("history_orders", {"since": since, "until": FAR_FUTURE}, deadline), "orders")
        return next((each for each in found if each.whole("ticket") == order and each.whole("state") in FINISHED), None)

    def _done(
        self, order: int, deals: list[Fields], filled: float, held: Position | None, deadline: float
    ) -> Done | Unknown:
        position_id = deals[-1].whole("position_id")
        if position_id == 0:
            return Unknown(f"order {order} was filled, and its deals do not say into which position")
        value = sum(deal.number("price") * deal.number("volume") for deal in deals)
        ticket = self._ticket(position_id, deadline) if held is None else held.ticket
        self.remember(ticket, position_id)
        return Done(
            order=order,
            position_id=position_id,
            ticket=ticket,
            volume_lots=filled,
            price=deals[0].number("price") if len(deals) == 1 else value / filled,
            time=self.clock.utc(max(deal.whole("time_msc") for deal in deals)),
        )

    def _ticket(self, position_id: int, deadline: float) -> int:
        """Of a position that was opened just now. Where it cannot be asked, the one that it has at first."""
        try:
            found = records(self.session.ask("positions", {}, deadline), "positions")
            return next(
                (each.whole("ticket") for each in found if each.whole("identifier") == position_id), position_id
            )
        except (ConnectorError, BadMessage):
            return position_id


def _closing_lots(terms: SymbolTerms, held: Position, order: CloseOrder) -> float | str:
    """Exactly what there is can always be closed, whatever the steps are by now; a part is floored to them."""
    if abs(order.volume_lots - held.volume_lots) <= SAME_VOLUME_LOTS:
        return held.volume_lots
    if order.volume_lots > held.volume_lots:
        return f"volume_lots is {order.volume_lots:g}; ticket {order.ticket} has {held.volume_lots:g}"
    return terms.floored(order.volume_lots)
