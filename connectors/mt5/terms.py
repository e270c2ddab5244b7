"""The terms on which a broker trades one symbol, from a record of SymbolInfo.

MetaTrader states some of what `Instrument` holds in other terms. With the account's currency written *A*, the symbol's
profit currency *P*, and its price of now:

- one unit of P is ``tick_value / (tick_size * contract_size)`` units of A, since a tick of one lot pays ``tick_value``
  in A and ``tick_size * contract_size`` in P;
- a **futures contract** pays by ticks, whatever its size is: a price difference of 1 is ``tick_value / tick_size``
  units of A, so its contract is told in A;
- **leverage** is the notional value over the margin: ``price / tick_size * tick_value / margin_per_lot``; that of the
  account where the terminal cannot say the margin now;
- **swap** for one lot and night in A, by SYMBOL_SWAP_MODE: points and reopening by points ``swap * point / tick_size *
  tick_value``; the account's currency ``swap``; the base or margin currency ``swap`` times what a unit of it is in A;
  interest a year, by a banker's year of 360 days, ``swap / 100 / 360 * price / tick_size * tick_value`` (of the price
  now: that of the open is not known before there is one). Where a currency cannot be converted by the symbol's own
  prices, and where there is none, 0.

(MQL5 reference, "Symbol Properties".)
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Decimal

from connectors import wire
from connectors.mt5.calls import SymbolLook
from connectors.mt5.translation import Fields
from connectors.wire import BadMessage, Json
from trading.market import Instrument
from trading.shares import SAME_VOLUME_LOTS

FUTURES_MODES = frozenset({1, 33, 34})  # SYMBOL_CALC_MODE_*: profit is counted in ticks, whatever a contract holds
BY_LAST = 1  # SYMBOL_CHART_MODE_LAST
DAYS_OF_YEAR = 360
VOLUME_UNIT = Decimal("1e-8")
DISABLED, POINTS, SYMBOL_CURRENCY, MARGIN_CURRENCY, DEPOSIT_CURRENCY = range(5)  # SYMBOL_SWAP_MODE_*
INTEREST_CURRENT, INTEREST_OPEN, REOPEN_CURRENT, REOPEN_BID = range(5, 9)


@dataclass(frozen=True, slots=True)
class SymbolTerms:
    """One symbol that the broker has."""

    fields: Fields
    margin_per_lot: float | None

    @property
    def symbol(self) -> str:
        """The broker's name for it."""
        return self.fields.text("name")

    @property
    def point(self) -> float:
        """The smallest step of a price."""
        return self.fields.number("point")

    @property
    def is_by_bid(self) -> bool:
        """False where bars are made of last prices."""
        return self.fields.whole("chart_mode") != BY_LAST

    @property
    def volume_max_lots(self) -> float:
        """The largest order; the limit of all positions of one direction where that is smaller."""
        largest, limit = self.fields.number("volume_max"), self.fields.number("volume_limit")
        return min(largest, limit) if limit > 0 else largest

    @property
    def fault(self) -> str | None:
        """Why no volume can be told by these terms, as of a symbol that the terminal has not wholly fetched yet."""
        pays = ("trade_tick_size", "trade_tick_value") if self._is_futures else ("trade_contract_size",)
        for name in (*pays, "volume_min", "volume_max", "volume_step"):
            value = self.fields.number(name)
            if not 0 < value < float("inf"):
                return f"{name} is {value:g}; expected a number above zero"
        return None

    def floored(self, volume_lots: float) -> float | str:
        """The volume that may be ordered in place of this: floored to the step, never raised; or why there is none."""
        name, smallest, largest = self.symbol, self.fields.number("volume_min"), self.volume_max_lots
        named = f"volume_lots of {name} is {volume_lots:g}"
        if not 0 < volume_lots < float("inf"):
            return f"{named}; expected a number above zero"
        if volume_lots > largest + SAME_VOLUME_LOTS:
            return f"{named}; expected at most {largest:g}"
        step = Decimal(repr(self.fields.number("volume_step")))
        exact = Decimal(repr(volume_lots)).quantize(VOLUME_UNIT)
        floored = float((exact / step).to_integral_value(ROUND_FLOOR) * step) if step > 0 else volume_lots
        if floored < smallest - SAME_VOLUME_LOTS or floored <= 0:
            return f"{named}; expected at least {smallest:g}"
        return floored

    def instrument(
        self, commodity: str, account_currency: str, account_leverage: float, commission_per_lot: float
    ) -> Instrument:
        """The terms, without `fault`, in our words. ``commission_per_lot``: for one side, in account currency.

        Raises `BadMessage`.
        """
        fields = self.fields
        return Instrument(
            commodity=commodity,
            symbol=self.symbol,
            digits=fields.whole("digits"),
            contract_size=self._ticks_value if self._is_futures else fields.number("trade_contract_size"),
            volume_min_lots=fields.number("volume_min"),
            volume_max_lots=self.volume_max_lots,
            volume_step_lots=fields.number("volume_step"),
            profit_currency=account_currency if self._is_futures else fields.text("currency_profit"),
            leverage=self._leverage(account_leverage),
            commission_per_lot=commission_per_lot,
            swap_long_per_lot=self._swap(fields.number("swap_long"), account_currency),
            swap_short_per_lot=self._swap(fields.number("swap_short"), account_currency),
        )

    # ------------------------------------------------------------ how

    @property
    def _ticks_value(self) -> float:
        """What a price difference of 1 pays for one lot, in account currency; 0 where it is not said."""
        tick_size = self.fields.number("trade_tick_size")
        return self.fields.number("trade_tick_value") / tick_size if tick_size > 0 else 0.0

    @property
    def _price(self) -> float:
        return self.fields.number("ask") or self.fields.number("bid") or self.fields.number("last")

    @property
    def _is_futures(self) -> bool:
        return self.fields.whole("trade_calc_mode") in FUTURES_MODES

    def _leverage(self, account_leverage: float) -> float:
        notional = abs(self._price) * self._ticks_value
        if self.margin_per_lot is None or self.margin_per_lot <= 0 or notional <= 0:
            return max(1.0, account_leverage)
        return notional / self.margin_per_lot

    def _swap(self, swap: float, account_currency: str) -> float:
        mode, value = self.fields.whole("swap_mode"), self._ticks_value
        if mode in (POINTS, REOPEN_CURRENT, REOPEN_BID):
            return swap * self.point * value
        if mode in (INTEREST_CURRENT, INTEREST_OPEN):
            return swap / 100 / DAYS_OF_YEAR * self._price * value
        if mode == DEPOSIT_CURRENCY:
            return swap
        currencies = {SYMBOL_CURRENCY: "currency_base", MARGIN_CURRENCY: "currency_margin"}
        if mode in currencies:
            return swap * self._unit(self.fields.text(currencies[mode]), account_currency)
        return 0.0

    def _unit(self, currency: str, account_currency: str) -> float:
        """What a unit of this currency is in the account's, by the symbol's own prices; 0 where they do not say."""
        if currency == account_currency:
            return 1.0
        contract_size = self.fields.number("trade_contract_size")
        of_profit_currency = self._ticks_value / contract_size if contract_size > 0 else 0.0
        if currency == self.fields.text("currency_profit"):
            return of_profit_currency
        return self._price * of_profit_currency if currency == self.fields.text("currency_base") else 0.0


def terms_of(value: Json) -> tuple[dict[str, SymbolTerms], dict[str, str]]:
    """The terms of the symbols that the broker has, by symbol, and what it says of the others. Raises `BadMessage`."""
    found: dict[str, SymbolTerms] = {}
    missing: dict[str, str] = {}
    for index, each in enumerate(wire.sequence(value, "symbols")):
        look = wire.decode(SymbolLook, each, f"symbols[{index}]")
        if look.info is None:
            missing[look.name] = f"{look.code}, {look.message!r}"
            continue
        terms = SymbolTerms(Fields(look.info, f"symbols[{index}].info"), look.margin_per_lot)
        if terms.symbol != look.name:
            raise BadMessage(f"symbols[{index}].info.name is {terms.symbol!r}; expected {look.name!r}")
        found[look.name] = terms
    return found, missing


def commissions(deals: Mapping[str, list[Fields]]) -> dict[str, float]:
    """What brokers took for a lot and side, in account currency, by symbol, from the symbol's deals.

    The average over the deals, those that went in and those that went out alike: some brokers charge a round trip on
    the way in. Where none was taken, it may be booked by itself, and nothing is known.
    """
    found = {}
    for symbol, some in deals.items():
        volume_lots = sum(deal.number("volume") for deal in some)
        charged = -sum(deal.number("commission") for deal in some)
        if charged > 0 and volume_lots > 0:
            found[symbol] = charged / volume_lots
    return found
