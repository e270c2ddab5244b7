"""Records of MetaTrader 5 as values of ours. Pure; a field that is missing or of another type raises `BadMessage`."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from connectors import wire
from connectors.mt5.package_records import unpacked_rates
from connectors.wire import BadMessage, Json
from trading.bars import BarSeries, Instants
from trading.market import SECOND, Account, Deal, Entry, Instant, Order, Position, Quote, Side
from trading.shares import VOLUME_DECIMALS

SIDES: Mapping[int, Side] = MappingProxyType({0: Side.BUY, 1: Side.SELL})  # POSITION_TYPE_*, and of orders and deals
BUY_SIDES = frozenset({0, 2, 4, 6})  # ORDER_TYPE_*: market, limit, stop, stop limit
ENTRIES: Mapping[int, Entry] = MappingProxyType(
    {0: Entry.IN, 1: Entry.OUT, 2: Entry.IN_OUT, 3: Entry.OUT}  # the last: closed by an opposite position
)
REASONS = ("client", "mobile", "web", "expert", "sl", "tp", "stop out", "rollover", "variation margin", "split")
STATES = (
    "started", "placed", "canceled", "partial", "filled", "rejected", "expired",
    "request add", "request modify", "request cancel",
)  # fmt: skip
UNFILLED = {2: "cancel", 5: "reject", 6: "expired"}  # ORDER_STATE_*: it ended before all of it was filled, and why
FILLED = 4
FINISHED = frozenset({FILLED, *UNFILLED})
CREDIT = 3  # DEAL_TYPE_CREDIT: money that is not part of the balance

UtcOf = Callable[[int], Instant]
"""The instant at which the broker's clock showed so many milliseconds."""


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one record, each read as the type that it must have."""

    record: Mapping[str, Json]
    where: str

    def whole(self, name: str) -> int:
        """A whole number."""
        value = self.record.get(name)
        return value if type(value) is int else int(wire.read(int, value, f"{self.where}.{name}"))

    def number(self, name: str) -> float:
        """Any number."""
        value = self.record.get(name)
        # A history has a million of these: what is of the type already needs no more words.
        return value if type(value) is float else float(wire.read(float, value, f"{self.where}.{name}"))

    def text(self, name: str) -> str:
        """Text."""
        value = self.record.get(name)
        return value if type(value) is str else str(wire.read(str, value, f"{self.where}.{name}"))

    def lots(self, name: str) -> float:
        """A volume; two closer than a hundred-millionth are one, written differently."""
        return round(self.number(name), VOLUME_DECIMALS)

    def choice(self, name: str, choices: Mapping[int, wire.Value]) -> wire.Value:
        """One of some values, by MetaTrader's number."""
        number = self.whole(name)
        if number not in choices:
            raise BadMessage(f"{self.where}.{name} is {number}; expected one of {', '.join(map(str, choices))}")
        return choices[number]


def records(value: Json, where: str) -> list[Fields]:
    """The records of a list."""
    return [
        Fields(wire.mapping(each, f"{where}[{index}]"), f"{where}[{index}]")
        for index, each in enumerate(wire.sequence(value, where))
    ]


class Names:
    """Which commodity a symbol is. There is no guessing: those and no others, exactly so written."""

    def __init__(self, symbols: Mapping[str, str]) -> None:
        """``symbols``: the broker's name for each commodity."""
        self.symbols = dict(sorted(symbols.items()))
        self._commodities = {symbol: commodity for commodity, symbol in self.symbols.items()}

    def commodity(self, symbol: str) -> str:
        """The commodity; of a symbol that the account has no commodity for, a name that none has."""
        found = self._commodities.get(symbol)
        if found is not None:
            return found
        return f"symbol:{symbol}" if symbol in self.symbols else symbol


def account_of(platform: str, record: Mapping[str, Json], now: Instant) -> Account:
    """The account of an AccountInfo."""
    fields = Fields(record, "account")
    return Account(
        platform=platform,
        currency=fields.text("currency"),
        balance=fields.number("balance"),
        equity=fields.number("equity"),
        margin_used=fields.number("margin"),
        time=now,
    )


def quote_of(commodity: str, tick: Fields, time: Instant) -> Quote:
    """The quote of a Tick that was made at ``time``."""
    return Quote(commodity, tick.number("bid"), tick.number("ask"), time)


def has_prices(tick: Fields) -> bool:
    """False before the first tick of a symbol: then zeros stand there."""
    return tick.whole("time_msc") > 0 and (tick.number("bid"), tick.number("ask")) != (0.0, 0.0)


def position_of(fields: Fields, names: Names, utc: UtcOf) -> Position:
    """The position of a TradePosition."""
    return Position(
        ticket=fields.whole("ticket"),
        position_id=fields.whole("identifier"),
        magic=fields.whole("magic"),
        commodity=names.commodity(fields.text("symbol")),
        side=fields.choice("type", SIDES),
        volume_lots=fields.lots("volume"),
        open_price=fields.number("price_open"),
        open_time=utc(fields.whole("time_msc")),
        swap=fields.number("swap"),
        profit=fields.number("profit"),
        comment=fields.text("comment"),
    )


def deal_of(fields: Fields, names: Names, utc: UtcOf) -> Deal | None:
    """The deal of a TradeDeal; None for what has nothing to do with a position, such as a deposit.

    What is no trade, and was booked on a position all the same (a correction, a charge), has no volume and no price,
    and goes in, as MetaTrader enters it.
    """
    position_id = fields.whole("position_id")
    is_trade = fields.whole("type") in SIDES
    if not is_trade and position_id == 0:
        return None
    return Deal(
        deal=fields.whole("ticket"),
        order=fields.whole("order"),
        position_id=position_id,
        magic=fields.whole("magic"),
        commodity=names.commodity(fields.text("symbol")),
        side=fields.choice("type", SIDES) if is_trade else Side.BUY,
        entry=fields.choice("entry", ENTRIES) if is_trade else Entry.IN,
        volume_lots=fields.lots("volume") if is_trade else 0.0,
        price=fields.number("price") if is_trade else 0.0,
        profit=fields.number("profit"),
        swap=fields.number("swap"),
        commission=fields.number("commission"),
        fee=fields.number("fee"),
        time=utc(fields.whole("time_msc")),
        reason=_named(REASONS, fields.whole("reason")),
    )


def booked(fields: Fields) -> float:
    """What a TradeDeal changed the balance by, in account currency."""
    if fields.whole("type") == CREDIT:
        return 0.0
    return sum(fields.number(name) for name in ("profit", "swap", "commission", "fee"))


def filled_lots(order: Fields) -> float:
    """What of a TradeOrder's volume was executed."""
    if order.whole("state") == FILLED:
        return order.lots("volume_initial")
    return round(order.number("volume_initial") - order.number("volume_current"), VOLUME_DECIMALS)


def order_of(
    fields: Fields, names: Names, utc: UtcOf, *, is_working: bool, in_doubt: Collection[int] = ()
) -> Order | None:
    """The order of a TradeOrder; None for one that tells nothing of any open.

    It is *accepted* when it was filled at all, or may still be. One that closes carries the number of the open, so a
    refused one is left out: it would be taken for the refusal of that open. So is one with a number ``in_doubt``: what
    was refused may have been the first of two ways of filling, and the second is not known yet.
    """
    accepted = is_working or fields.whole("state") not in FINISHED or filled_lots(fields) > 0
    if not accepted and (fields.whole("position_id") != 0 or fields.whole("magic") in in_doubt):
        return None
    said, comment = _named(STATES, fields.whole("state")), fields.text("comment")
    return Order(
        order=fields.whole("ticket"),
        magic=fields.whole("magic"),
        commodity=names.commodity(fields.text("symbol")),
        side=Side.BUY if fields.whole("type") in BUY_SIDES else Side.SELL,
        volume_lots=fields.lots("volume_initial"),
        accepted=accepted,
        time=utc(fields.whole("time_setup_msc")),
        reason=f"{said}: {comment}" if comment else said,
    )


def bars_of(
    commodity: str, bar_seconds: int, value: Json, *, until: int, point: float, by_bid: bool, utc: UtcOf
) -> BarSeries:
    """Packed columns of Rates as bars of mid prices: MetaTrader's are of the bid, and know the spread in points.

    ``until``: the broker's time of now, in milliseconds; what is not complete by then is left out, as are bars whose
    time is not after all before, in the hour that the end of daylight saving time repeats. ``by_bid``: False where the
    chart is of last prices.
    """
    columns = unpacked_rates(value, "rates")
    is_complete = (columns["time"] + bar_seconds) * SECOND <= until
    columns = {name: column[is_complete] for name, column in columns.items()}
    spread = columns["spread"].astype(np.float64) * point
    half = spread / 2 if by_bid else np.zeros_like(spread)
    time: Instants = np.array([utc(int(at) * SECOND) for at in columns["time"]], dtype=np.int64)
    highest = np.maximum.accumulate(time) if len(time) else time
    is_later = np.concatenate([[True], time[1:] > highest[:-1]])[: len(time)]
    mid = {name: columns[name].astype(np.float64) + half for name in ("open", "high", "low", "close")}
    series = BarSeries(
        commodity=commodity,
        bar_seconds=bar_seconds,
        time=time,
        open=mid["open"],
        high=mid["high"],
        low=mid["low"],
        close=mid["close"],
        spread=np.where(spread > 0, spread, np.nan),
    )
    return series.where(is_later)


def _named(names: Sequence[str], number: int) -> str:
    return names[number] if 0 <= number < len(names) else f"number {number}"
