"""Which futures contracts speak of a commodity, by the CFTC's contract market codes."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from feeds.keywords import subject
from trading.commodities import Commodity

CODES: Mapping[str, str] = MappingProxyType(
    {
        "EUR": "099741",  # EURO FX, Chicago Mercantile Exchange, as all currencies are
        "GBP": "096742",  # BRITISH POUND
        "JPY": "097741",  # JAPANESE YEN
        "CHF": "092741",  # SWISS FRANC
        "CAD": "090741",  # CANADIAN DOLLAR
        "AUD": "232741",  # AUSTRALIAN DOLLAR
        "NZD": "112741",  # NZ DOLLAR
        "MXN": "095741",  # MEXICAN PESO
        "ZAR": "122741",  # SO AFRICAN RAND
        "BTC": "133741",  # BITCOIN
        "ETH": "146021",  # ETHER CASH SETTLED
        "XAU": "088691",  # GOLD, Commodity Exchange
        "XAG": "084691",  # SILVER
        "COPPER": "085692",  # COPPER- #1
        "XPT": "076651",  # PLATINUM, New York Mercantile Exchange
        "XPD": "075651",  # PALLADIUM
        "WTI": "067651",  # WTI-PHYSICAL
        "BRENT": "06765T",  # BRENT LAST DAY
        "NATGAS": "023651",  # NAT GAS NYME
        "CORN": "002602",  # CORN, Chicago Board of Trade
        "SOYBEANS": "005602",  # SOYBEANS
        "WHEAT": "001602",  # WHEAT-SRW
        "HEATING_OIL": "022651",  # NY HARBOR ULSD, New York Mercantile Exchange
        "GASOLINE": "111659",  # GASOLINE RBOB
        "COFFEE": "083731",  # COFFEE C, ICE Futures US, as all softs are
        "COCOA": "073732",  # COCOA
        "SUGAR": "080732",  # SUGAR NO. 11
        "COTTON": "033661",  # COTTON NO. 2
        "ORANGE_JUICE": "040701",  # FRZN CONCENTRATED ORANGE JUICE
        "SP_500": "13874A",  # E-MINI S&P 500, Chicago Mercantile Exchange
        "NASDAQ_100": "209742",  # NASDAQ MINI
        "DOW_30": "124603",  # DJIA x $5, Chicago Board of Trade
        "RUSSELL_2000": "239742",  # RUSSELL E-MINI
        "NIKKEI_225": "240743",  # NIKKEI STOCK AVERAGE YEN DENOM
    }
)
"""What is bought and sold against US dollars, by currency or by what it is."""


def contract_signs(commodity: Commodity, own: Mapping[str, int] | None) -> dict[str, int]:
    """The contracts by code: 1 where the price rises with the contract, -1 where it falls. Empty: none speaks of it.

    For a pair both currencies' contracts count, that of the currency it is paid in turned round; the dollar has none.
    What is no pair is only itself: the yen says nothing of the Nikkei that its own contract does not.
    """
    if own is not None:
        return dict(own)
    signs = {}
    if (base := CODES.get(subject(commodity))) is not None:
        signs[base] = 1
    if commodity.base_currency is not None and (paid_in := CODES.get(commodity.profit_currency)) is not None:
        signs[paid_in] = -1
    return signs
