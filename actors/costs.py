"""What a round trip costs, in the units in which prices and stops are."""

from __future__ import annotations

from collections.abc import Mapping

from connectors.accounting import conversion
from trading.commodities import Commodity
from trading.market import Instrument, Quote


def round_trip_cost(
    instrument: Instrument,
    account_currency: str,
    commodities: Mapping[str, Commodity],
    quotes: Mapping[str, Quote],
) -> float:
    """The commission of both sides as a difference of prices: 2 x commission / (contract size x conversion rate).

    ``quotes``: the account's own, by commodity. 0 where the profit's currency cannot be turned into the account's: then
    nothing is known, and to guess would be worse.
    """
    commission = 2 * instrument.commission_per_lot
    if commission == 0:
        return 0.0
    rate = 1.0
    if instrument.profit_currency != account_currency:
        quoted = {name: commodities[name] for name in quotes if name in commodities}
        way = conversion(instrument.profit_currency, account_currency, quoted)
        if way is None:
            return 0.0
        rate = way.rate(lambda name: quotes[name].mid)
    return commission / (instrument.contract_size * rate)
