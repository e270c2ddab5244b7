"""One account at MetaTrader 5.

What makes it differ from other brokers is told where it is dealt with: the line to the worker and whose account it is
(`session.py`), the broker's clock (`server_clock.py`), when the history may be relied upon (`history.py`), what an
answer to an order proves (`outcomes.py`), and how orders are sent (`orders.py`).

Symbols are those of the account's settings, exactly so written, one for each commodity; nothing is matched that looks
alike. A position of a symbol that no commodity has is shown under the symbol's own name.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence

from connectors import wire
from connectors.base import (
    Capabilities,
    Clock,
    CloseOrder,
    ConnectorError,
    OpenOrder,
    Outcome,
)
from connectors.mt5.channel import Channel
from connectors.mt5.history import FAR_FUTURE, History
from connectors.mt5.orders import Orders
from connectors.mt5.server_clock import ServerClock
from connectors.mt5.session import TRADE_MODES, ExpectedAccount, Session
from connectors.mt5.symbols import Symbols
from connectors.mt5.translation import (
    Fields,
    Names,
    account_of,
    bars_of,
    deal_of,
    has_prices,
    order_of,
    position_of,
    quote_of,
    records,
)
from connectors.wire import BadMessage, Json
from trading.bars import BadBars, BarSeries, check_bars
from trading.market import DAY, HOUR, SECOND, Account, Deal, Instant, Instrument, Order, Position, Quote
from trading.settings_accounts import AccountSettings

log = logging.getLogger("watchbill.mt5")

BAR_SECONDS, TIMEFRAME = 3_600, 16_385  # TIMEFRAME_H1
SELECT_EVERY_SECONDS = 30.0  # while a symbol has no price
UNDER_WAY = 2  # bars that may not be complete, more than there can be
DATE_MARGIN = DAY  # of history that is asked for beyond what is wanted, as clocks may differ


class MetaTraderConnector:
    """One account, whose terminal a worker stands beside."""

    def __init__(
        self,
        platform: str,
        settings: AccountSettings,
        channel: Channel,
        clock: Clock,
        *,
        steady_seconds: Callable[[], float] | None = None,
    ) -> None:
        """``steady_seconds``: of a recorded market, a clock at its own pace, by which the age of ticks is told; None:
        the market is a real one, at the pace of ``clock``'s elapsed time.

        Raises ``ValueError`` for settings that name no account.
        """
        if settings.login is None or settings.server is None:
            raise ValueError(f"account {platform!r}: login is {settings.login} and server is {settings.server!r}")
        expected = ExpectedAccount(
            login=settings.login,
            server=settings.server,
            trade_mode=TRADE_MODES.index(settings.mt5.trade_mode),
            netting=settings.mt5.netting,
        )
        self._platform = platform
        self._settings = settings
        self._clock = clock
        self._steady_seconds = clock.elapsed if steady_seconds is None else steady_seconds
        self._session = Session(platform, expected, channel, clock)
        self._history = History(platform, self._session)
        self._names = Names(settings.symbols)
        self.server_clock = ServerClock(is_recorded=steady_seconds is not None)
        self._told_offset_seconds: float | None = None
        self._symbols = Symbols(platform, self._names, self._session)
        self._orders = Orders(
            self._session,
            self._names,
            self._symbols,
            self.server_clock,
            settings.mt5.deviation_points,
            self._look_at_tick,
        )

    @property
    def platform(self) -> str:
        """The account's name."""
        return self._platform

    @property
    def capabilities(self) -> Capabilities:
        """Repeats and late requests are refused by the worker; what a close names by ticket is gone after it."""
        netting = self._settings.mt5.netting
        return Capabilities(
            dedupes_open=True,
            finds_by_client_id=True,
            closes_by_ticket=not netting,
            expires_requests=True,
            netting=netting,
        )

    # ------------------------------------------------------------ the connection

    def connect(self, deadline: float) -> None:
        """Have the terminal logged in, and its symbols shown. Raises `ConnectorError`, also where it has none of them.

        It logs in to the account of the settings. While connected, an account that somebody else logged in is left
        alone and said.
        """
        self._session.open(deadline)
        try:
            self._symbols.connect(deadline)
            self._look_at_ticks(tuple(self._symbols.seen.values()), deadline)
            self._history.look(deadline)
        except (ConnectorError, BadMessage) as error:
            self._session.is_up = False
            if isinstance(error, ConnectorError):
                raise
            raise self._unusable(error) from error

    def disconnect(self) -> None:
        """Let go of the worker."""
        self._session.close()

    def fence(self, token: int, deadline: float) -> None:
        """Refuse lower tokens from now on, durably. Raises `StaleToken` when a higher one was seen."""
        self._session.fence(token, deadline)

    # ------------------------------------------------------------ the market

    def instruments(self, deadline: float) -> Mapping[str, Instrument]:
        """The terms of every commodity, as the broker states them now; none where it has no symbol, or states too few.

        Raises `ConnectorError`.
        """
        return self._read(lambda: self._instruments(deadline))

    def quotes(self, deadline: float) -> Sequence[Quote]:
        """The latest quote of every commodity that has one. It is of the time at which it was new.

        Symbols without a tick are looked for again now and then.
        """
        return self._read(lambda: self._quotes(deadline))

    def bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        """The last ``count`` hours that are complete by the broker's clock, in mid prices."""
        if commodity not in self._names.symbols:
            raise ConnectorError(f"account {self._platform!r}: it has no symbol for {commodity!r}")
        if count < 0:
            raise ConnectorError(f"account {self._platform!r}: count of bars is {count}; expected 0 or more")
        return self._read(lambda: self._bars(commodity, count, deadline))

    # ------------------------------------------------------------ the account

    def account(self, deadline: float) -> Account:
        """Balance, equity and margin now."""
        return self._read(lambda: account_of(self._platform, self._session.look(deadline), self._clock.now()))

    def positions(self, deadline: float) -> Sequence[Position]:
        """Every live position, by ticket."""
        return self._read(lambda: self._positions(deadline))

    def orders(self, since: Instant, deadline: float) -> Sequence[Order]:
        """The orders from ``since`` on, in the order of their numbers, those at work included.

        MetaTrader keeps none of what a terminal or its broker refused at once.
        """
        return self._read(lambda: self._order_history(since, deadline))

    def deals(self, since: Instant, deadline: float) -> Sequence[Deal]:
        """The deals from ``since`` on, in the order of their numbers, which rise whatever the broker's clock does.

        Some are older, while that is in doubt.
        """
        return self._read(lambda: self._deals(since, deadline))

    def open(self, order: OpenOrder, token: int, deadline: float) -> Outcome:
        """Open a position, of a volume floored to the symbol's step. Its deals say how much was filled."""
        return self._orders.open(order, token, deadline)

    def close(self, order: CloseOrder, token: int, deadline: float) -> Outcome:
        """Close a position, or a part of it, by the ticket that it has by now."""
        return self._orders.close(order, token, deadline)

    # ------------------------------------------------------------ how

    def _look_at_ticks(self, symbols: tuple[str, ...], deadline: float) -> dict[str, Fields]:
        """The latest tick of each symbol that has one."""
        ticks: dict[str, Fields] = {}
        given = wire.sequence(self._session.ask("ticks", {"names": list(symbols)}, deadline), "ticks")
        if len(given) != len(symbols):
            raise BadMessage(f"ticks has {len(given)} records; expected {len(symbols)}")
        for symbol, each in zip(symbols, given, strict=True):
            tick = None if each is None else Fields(wire.mapping(each, symbol), symbol)
            if tick is not None and has_prices(tick):
                ticks[symbol] = tick
        times = {symbol: tick.whole("time_msc") for symbol, tick in ticks.items()}
        self.server_clock.look(times, self._clock.now(), self._steady_seconds())
        self._tell_of_the_clock()
        return ticks

    def _tell_of_the_clock(self) -> None:
        offset_seconds = self.server_clock.offset_seconds(self._clock.now())
        if self.server_clock.is_measured and offset_seconds != self._told_offset_seconds:
            self._told_offset_seconds = offset_seconds
            log.info("%s: the broker's clock is %+g h from UTC", self._platform, offset_seconds * SECOND / HOUR)

    def _look_at_tick(self, symbol: str, deadline: float) -> Fields | None:
        return self._look_at_ticks((symbol,), deadline).get(symbol)

    def _instruments(self, deadline: float) -> dict[str, Instrument]:
        self._symbols.read(deadline)
        account = Fields(self._session.look(deadline), "account")
        currency, leverage = account.text("currency"), account.number("leverage")
        usual = self._settings.mt5.commission_per_lot
        commissions = self._history.commissions
        return {
            commodity: terms.instrument(commodity, currency, leverage, commissions.get(terms.symbol, usual))
            for commodity, terms in self._symbols.traded().items()
        }

    def _quotes(self, deadline: float) -> tuple[Quote, ...]:
        ticks = self._look_at_ticks(tuple(self._symbols.seen.values()), deadline)
        is_short = len(ticks) < len(self._names.symbols)
        if is_short and self._clock.elapsed() - self._symbols.read_at >= SELECT_EVERY_SECONDS:
            self._symbols.read(deadline)  # somebody may have hidden one, or the broker may have it again
        return tuple(
            quote_of(commodity, ticks[symbol], self.server_clock.quote_time(symbol))
            for commodity, symbol in self._names.symbols.items()
            if symbol in ticks
        )

    def _bars(self, commodity: str, count: int, deadline: float) -> BarSeries:
        terms = self._symbols.of(commodity)
        if isinstance(terms, str):
            raise ConnectorError(f"account {self._platform!r}: {terms}")
        symbol = terms.symbol
        asked = {"symbol": symbol, "timeframe": TIMEFRAME, "start": 0, "count": count + UNDER_WAY}
        value = self._session.ask("rates", asked, deadline)
        series = bars_of(
            commodity,
            BAR_SECONDS,
            value,
            until=self.server_clock.server_now(self._clock.now(), self._steady_seconds()),
            point=terms.point,
            by_bid=terms.is_by_bid,
            utc=self.server_clock.utc,
        )
        series = series.window(max(0, len(series) - count), len(series))
        return series if len(series) == 0 else check_bars(series, may_be_negative=True, source=f"bars of {symbol}")

    def _positions(self, deadline: float) -> tuple[Position, ...]:
        self._history.require_whole(deadline)
        found = records(self._session.ask("positions", {}, deadline), "positions")
        positions = [position_of(each, self._names, self.server_clock.utc) for each in found]
        for position in positions:
            self._orders.remember(position.ticket, position.position_id)
        return tuple(sorted(positions, key=lambda position: position.ticket))

    def _order_history(self, since: Instant, deadline: float) -> tuple[Order, ...]:
        self._history.require_whole(deadline)
        # Those at work first: one that ends in between is then in both answers, and not in none.
        working = records(self._session.ask("orders", {}, deadline), "orders")
        ended = records(self._session.ask("history_orders", self._from(since), deadline), "history")
        seen = {each.whole("ticket") for each in ended}
        utc = self.server_clock.utc
        in_doubt = self._orders.in_doubt
        found = [order_of(each, self._names, utc, is_working=False, in_doubt=in_doubt) for each in ended]
        found += [
            order_of(each, self._names, utc, is_working=True) for each in working if each.whole("ticket") not in seen
        ]
        earliest = self._earliest(since)
        wanted = [order for order in found if order is not None and order.time >= earliest]
        return tuple(sorted(wanted, key=lambda order: order.order))

    def _deals(self, since: Instant, deadline: float) -> tuple[Deal, ...]:
        self._history.require_whole(deadline)
        found = records(self._session.ask("history_deals", self._from(since), deadline), "deals")
        earliest = self._earliest(since)
        deals = [deal_of(each, self._names, self.server_clock.utc) for each in found]
        wanted = [deal for deal in deals if deal is not None and deal.time >= earliest]
        return tuple(sorted(wanted, key=lambda deal: deal.deal))

    def _from(self, since: Instant) -> dict[str, Json]:
        """What to ask a history for: more than is wanted, as its dates may have been written by another rule."""
        asked = self.server_clock.server_time(since) - 2 * DATE_MARGIN
        return {"since": min(max(0, asked // SECOND), FAR_FUTURE), "until": FAR_FUTURE}

    def _earliest(self, since: Instant) -> Instant:
        """What happened before this is left out: nothing that a clock in doubt may date too early."""
        return since if self.server_clock.is_sure(self._steady_seconds()) else since - DATE_MARGIN

    def _read(self, reading: Callable[[], wire.Value]) -> wire.Value:
        try:
            return reading()
        except (BadMessage, BadBars) as error:
            raise self._unusable(error) from error

    def _unusable(self, error: Exception) -> ConnectorError:
        return ConnectorError(f"account {self._platform!r}: MetaTrader's answer cannot be used: {error}")
