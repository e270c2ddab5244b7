"""A broker of our own, fed by recorded bars: hedging accounts, market orders, and a book that survives a restart.

Bars are mid prices. Each becomes four ticks, or its close alone (`trading/ticks.py`), a quote is the mid less half the
spread and that plus the spread, and an order fills as `paper_fills.py` says, with slippage always against us. Within a
bar the extreme that hurts the account's net position of that commodity comes first.

The market is shut from the end of a bar until the next one begins: over a weekend, in a hole of the recording, and for
good when the recording is over. Orders are then refused; quotes stay what they were and grow old.

The broker also acts by itself. At 17:00 New York it books the night's swap. At every tick it compares equity with
margin, and at half of it closes the worst position (deal reason "stop out"), again and again. Ticks that passed while
nobody asked are gone through one by one before the next question is answered. There is no chance in any of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeVar

from connectors import accounting
from connectors.account_book import AccountBook, BookMoved
from connectors.back_office import BY_HAND, STOP_OUT, BackOffice
from connectors.base import (
    Capabilities,
    Clock,
    CloseOrder,
    ConnectorError,
    DeadlinePassed,
    Done,
    NotConnected,
    OpenOrder,
    Outcome,
    Rejected,
    StaleToken,
    Unknown,
)
from connectors.paper_book import PaperBook
from connectors.paper_foresight import STOP_OUT_FRACTION, Foresight
from connectors.paper_market import PaperMarket, Tape
from trading.attention import NEVER, Band
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import Account, Deal, Instant, Instrument, Order, Position, Quote, Side, iso
from trading.settings_accounts import PaperSettings
from trading.ticks import PHASES

WRITES_TRIED = 5  # on a book that another process keeps writing

CAPABILITIES = Capabilities(
    dedupes_open=True,
    finds_by_client_id=True,
    closes_by_ticket=True,
    expires_requests=True,
    netting=False,
    settles_at_once=True,
)

Answer = TypeVar("Answer")


class PaperConnector:
    """One paper account."""

    def __init__(
        self,
        platform: str,
        settings: PaperSettings,
        commodities: Mapping[str, Commodity],
        symbols: Mapping[str, str],
        market: Mapping[str, BarSeries],
        clock: Clock,
        book: Path | None,
    ) -> None:
        """``symbols``: the account's name for each commodity it trades. ``market``: the bars of each, and of any other
        commodity that is only there to convert a currency. ``book``: the account's file, or None to keep it in memory.

        Raises `ConnectorError` for a commodity without an entry or bars, for a profit currency that no price converts
        into the account's, for bars too short to have ticks, and for a book that cannot be used.
        """
        for name in symbols:
            for what, known in (("entry in the catalogue", commodities), ("bars", market)):
                if name not in known:
                    raise ConnectorError(f"account {platform!r}: {name} has a symbol, but no {what}")
        self._platform = platform
        self._clock = clock
        self._connected = False
        self._three_nights_on = {name: commodities[name].books_three_nights_on for name in sorted(symbols)}
        self._book = (
            AccountBook(settings.balance)
            if book is None
            else PaperBook(book, platform, settings.currency, settings.balance)
        )
        quoted = {name: commodities[name] for name in market if name in commodities}
        instruments = {name: commodities[name].instrument(symbol, settings) for name, symbol in symbols.items()}
        self._office = BackOffice(platform, settings.currency, instruments, quoted, self._book, self._quote)
        self._quoted = sorted({*symbols, *self._office.converting})
        tapes = {
            name: Tape(
                market[name],
                quoted[name],
                settings.spread_points.get(name, quoted[name].typical_spread_points),
                PHASES[settings.ticks_per_bar],
            )
            for name in self._quoted
        }
        self._market = PaperMarket(tapes, math.ceil(settings.slippage_points), self._held_before)
        self._foresight = Foresight(self._market, self._office, self._book)
        self._quotes: tuple[Quote, ...] = ()
        self._book_in_doubt = False  # a write failed, so only the file knows what is in it
        self._token: int | None = None  # the highest that was raised since `connect`; None: so far it only looks
        self._next_rollover: Instant | None = None  # None: to be found from what the book has seen
        # Nothing happens by itself from `_since` up to, not including, `_until`. NEVER: not settled yet.
        self._since: Instant = NEVER
        self._until: Instant = NEVER

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._platform

    @property
    def capabilities(self) -> Capabilities:
        """Everything but netting."""
        return CAPABILITIES

    def last_seen(self) -> Instant | None:
        """The market instant up to which this account is settled; None for a new book. A restart goes on from it."""
        return self._book.last_seen

    def book_as_written(self) -> AccountBook:
        """The book as its file has it now, for a look before `connect`. Raises `ConnectorError`."""
        self._read_book()
        if not self._connected:
            self._book.close()
        return self._book

    def connect(self, deadline: float) -> None:
        """Read the book again and take up the market at the clock's time.

        Raises `ConnectorError` when the clock stands before what the book has seen, or a held position can no longer
        be priced.
        """
        self._require_time(deadline)
        self._read_book()
        self._token = None
        now, seen = self._clock.now(), self._book.last_seen
        if seen is not None and now < seen:
            raise ConnectorError(
                f"account {self._platform!r}: its book has seen the market until {iso(seen)}, and the clock says "
                f"{iso(now)}; go on from there, or begin with a new book"
            )
        for holding in self._book.holdings.values():
            if holding.commodity not in self._three_nights_on:
                raise ConnectorError(
                    f"account {self._platform!r}: its book holds a position in {holding.commodity}, "
                    "for which it no longer has a symbol"
                )
        self._on_unmoved_book(self._catch_up)
        self._connected = True

    def disconnect(self) -> None:
        """Close the book."""
        self._connected = False
        self._book.close()

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on, durably. Raises `StaleToken` when a higher one was seen."""
        shown, self._token = self._token, None  # the older one says nothing about whether the new one is stale
        try:
            self._attend(deadline)
            self._read_book()  # another process may have led the account until now
            self._on_unmoved_book(lambda: self._office.fence(token, self._catch_up()))
            shown = token
        finally:
            self._token = shown

    # ------------------------------------------------------------ questions

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity of this account."""
        self._attend(deadline)
        return self._office.instruments

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        return self._office.account(self._attend(deadline))

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quote of every commodity whose recording has begun, by name; of those that convert money, too."""
        self._attend(deadline)
        return self._quotes

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last ``count`` bars that are complete by the clock."""
        now = self._attend(deadline)
        if commodity not in self._three_nights_on:
            raise ConnectorError(f"account {self._platform!r}: it has no symbol for {commodity!r}")
        if count < 0:
            raise ConnectorError(f"account {self._platform!r}: count of bars is {count}; expected 0 or more")
        series = self._market.series(commodity)
        complete = series.completed(now)
        return series.window(max(0, complete - count), complete)

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position, by ticket."""
        self._attend(deadline)
        return self._office.positions()

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders from ``since`` on, oldest first; refused opens included."""
        self._attend(deadline)
        return self._book.orders_since(since)

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals from ``since`` on, oldest first. A deal out of a buy is a sell."""
        self._attend(deadline)
        return self._book.deals_since(since)

    # ------------------------------------------------------------ what is to come

    def undisturbed_until(self, bands: Sequence[Band], limit: Instant) -> Instant:
        """See `Foreseeing`: the recording is known, and so is when a night is charged, or equity might not suffice."""
        return self._foresight.undisturbed_until(bands, self._attend(math.inf), limit, self._next_rollover)

    def equities(self, instants: Sequence[Instant]) -> list[float]:
        """See `Foreseeing`."""
        return self._foresight.equities(instants)

    # ------------------------------------------------------------ orders

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Open a position; refusals are those of `back_office.py`, ``not_connected`` and ``deadline_passed``."""

        def act() -> Outcome:
            now = self._catch_up()
            price = self._market.fill(order.commodity, order.side, order.expected_price, opening=True)
            return self._office.refusal(token, order.magic) or self._office.fill_open(order, token, price, now)

        return self._send(act, token, deadline)

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Close a position or a part of it; refusals as for `open`."""

        def act() -> Outcome:
            now = self._catch_up()
            price = self._market.fill(order.commodity, order.side.opposite, order.expected_price, opening=False)
            return self._office.refusal(token) or self._office.fill_close(order, token, price, now)

        return self._send(act, token, deadline)

    def open_by_hand(self, commodity: str, side: Side, volume_lots: float) -> Done | Rejected:
        """Open a position as a person does in the broker's own terminal: without a magic, past our program."""
        order = OpenOrder(commodity, side, volume_lots, magic=0, comment="", expected_price=math.nan)

        def act() -> Done | Rejected:
            now = self._catch_up()
            price = self._market.fill(commodity, side, math.nan, opening=True)
            return self._office.fill_open(order, self._book.token, price, now, BY_HAND)

        return self._on_unmoved_book(act)

    def close_by_hand(self, ticket: int) -> Done | Rejected:
        """Close a whole position as a person does in the broker's own terminal."""
        return self._on_unmoved_book(lambda: self._close_whole(ticket, self._catch_up(), BY_HAND))

    def _send(self, act: Callable[[], Outcome], token: int, deadline: float) -> Outcome:
        """Carry out an order on the market and the book of now. What is not sent is a definite no."""
        if self._token is not None:
            self._token = max(token, self._token)
        try:
            self._attend(deadline)
        except NotConnected as error:
            return Rejected("not_connected", str(error))
        except DeadlinePassed as error:
            return Rejected("deadline_passed", str(error))
        except StaleToken as error:
            return Rejected("stale_token", str(error))
        except ConnectorError as error:
            return Rejected("not_connected", f"nothing was sent: {error}")
        try:
            return self._on_unmoved_book(act)
        except StaleToken as error:
            return Rejected("stale_token", str(error))
        except ConnectorError as error:
            # The commit may have reached the disk before it failed: only a look into the file can tell.
            return Unknown(str(error))

    def _close_whole(self, ticket: int, now: Instant, reason: str) -> Done | Rejected:
        holding = self._book.holdings.get(ticket)
        if holding is None:
            return Rejected("no_position", f"no live position has the ticket {ticket}")
        order = CloseOrder(ticket, holding.commodity, holding.side, holding.volume_lots, 0, math.nan)
        price = self._market.fill(holding.commodity, holding.side.opposite, math.nan, opening=False)
        return self._office.fill_close(order, self._book.token, price, now, reason)

    # ------------------------------------------------------------ the market goes on

    def _attend(self, deadline: float) -> Instant:
        """Check that the call may be answered, and bring the account up to now."""
        if not self._connected:
            raise NotConnected(f"account {self._platform!r} is not connected")
        self._require_time(deadline)
        now = self._clock.now()
        return now if self._since <= now < self._until else self._on_unmoved_book(self._catch_up)

    def _require_time(self, deadline: float) -> None:
        if self._clock.elapsed() >= deadline:
            raise DeadlinePassed(f"account {self._platform!r}: the deadline had passed when the call came")

    def _read_book(self) -> None:
        """Take the file's word for everything, and settle again from there."""
        self._book.reload()
        self._book_in_doubt = False
        self._unsettle()

    def _require_newest_token(self) -> None:
        """Raise `StaleToken` where another process leads: its clock is the account's, and what follows is its to book.

        Ours may be far ahead, as after a disk that was full for long: the new leader would have to wait for it.
        """
        if self._token is not None and self._token < self._book.token:
            raise StaleToken(
                f"account {self._platform!r}: token {self._token} is below {self._book.token}, which was seen"
            )

    def _unsettle(self) -> None:
        self._since = self._until = NEVER
        self._next_rollover = None

    def _on_unmoved_book(self, act: Callable[[], Answer]) -> Answer:
        """Do it; where another process wrote the book in between, do it again on the new state."""
        try:
            for _ in range(WRITES_TRIED):
                try:
                    return act()
                except BookMoved as error:
                    moved = error
                    self._unsettle()
        except ConnectorError:
            self._book_in_doubt = True
            self._unsettle()
            raise
        raise ConnectorError(f"{moved}, {WRITES_TRIED} times in a row") from moved

    def _catch_up(self) -> Instant:
        """Go through all that happened by itself since the book was last settled. Harmless to repeat."""
        now = self._clock.now()
        if self._since <= now < self._until:
            return now
        was_in_doubt = self._book_in_doubt
        if was_in_doubt:
            self._read_book()
        self._require_newest_token()
        turns = self._market.turns
        seen = now if self._book.last_seen is None else self._book.last_seen
        at = seen if self._until == NEVER else self._until
        while at < now and self._book.holdings:
            if self._foresight.is_safe(now - 1):
                at = min(now, self._next_rollover or now)
                if at == now:
                    break
            at = self._settle(at)
        self._settle(now)
        quotes = (self._market.quote(name) for name in self._quoted)
        self._quotes = tuple(quote for quote in quotes if quote is not None)
        if was_in_doubt or self._market.turns != turns:  # a full disk can be read: only a write says that it is over
            self._book.saw(now)
        return now

    def _settle(self, at: Instant) -> Instant:
        """Settle one instant, and say when the next thing happens by itself."""
        rollover = self._charge_nights(at)
        if self._market.follow(at) and not self._foresight.is_safe(at):
            self._stop_out(at)
        self._book.last_seen = at
        self._since, self._until = self._market.since, min(rollover, self._market.until)
        return self._until

    def _charge_nights(self, at: Instant) -> Instant:
        """Book the swap of every rollover up to ``at``, and say when the next one is."""
        if self._next_rollover is None:
            self._next_rollover = accounting.next_rollover(at if self._book.last_seen is None else self._book.last_seen)
        while self._next_rollover <= at:
            if self._book.holdings:
                self._office.charge_nights(self._next_rollover, self._three_nights_on)
            self._next_rollover = accounting.next_rollover(self._next_rollover if self._book.holdings else at)
        return self._next_rollover

    def _stop_out(self, at: Instant) -> None:
        """Close the worst position, again and again, while equity is no more than the fraction of the margin in use."""
        while self._book.holdings:
            account = self._office.account(at)
            if account.equity > STOP_OUT_FRACTION * account.margin_used:
                return
            worst = self._office.worst(self._market.trades)
            if worst is None or isinstance(self._close_whole(worst.ticket, at, STOP_OUT), Rejected):
                return  # what is held does not trade now: the next tick tries again

    def _quote(self, commodity: str) -> Quote | None:
        return self._market.quote(commodity)

    def _held_before(self, commodity: str, before: Instant) -> Side | None:
        lots = self._book.net_volume(commodity, before)
        if abs(lots) <= accounting.SAME_VOLUME_LOTS:
            return None
        return Side.BUY if lots > 0 else Side.SELL
