"""By which words headlines name a commodity: those of its currencies, and of what it is."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from trading.commodities import Commodity

WORDS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "USD": ("dollar", "us dollar", "u.s. dollar", "greenback", "usd", "dxy", "fed", "federal reserve", "fomc"),
        "EUR": ("euro", "eur", "ecb", "european central bank", "eurozone", "euro zone"),
        "GBP": ("pound", "sterling", "gbp", "boe", "bank of england"),
        "JPY": ("yen", "jpy", "boj", "bank of japan"),
        "CHF": ("swiss franc", "franc", "chf", "snb", "swiss national bank"),
        "AUD": ("australian dollar", "aussie", "aussie dollar", "aud", "rba", "reserve bank of australia"),
        "NZD": ("new zealand dollar", "nz dollar", "kiwi", "kiwi dollar", "nzd", "rbnz"),
        "CAD": ("canadian dollar", "loonie", "cad", "boc", "bank of canada"),
        "SGD": ("singapore dollar", "sgd"),
        "HKD": ("hong kong dollar", "hkd"),
        "CNH": ("yuan", "renminbi", "cny", "cnh", "pboc"),
        "MXN": ("mexican peso", "peso", "mxn"),
        "ZAR": ("south african rand", "rand", "zar"),
        "TRY": ("turkish lira", "lira", "cbrt"),
        "NOK": ("norwegian krone", "norges bank", "nok"),
        "SEK": ("swedish krona", "riksbank", "sek"),
        "DKK": ("danish krone", "dkk"),
        "PLN": ("zloty", "pln"),
        "HUF": ("forint", "huf"),
        "CZK": ("koruna", "czk"),
        "BTC": ("bitcoin", "btc"),
        "ETH": ("ethereum", "ether", "eth"),
        "LTC": ("litecoin", "ltc"),
        "XRP": ("ripple", "xrp"),
        "XAU": ("gold", "bullion", "xau"),
        "XAG": ("silver", "xag"),
        "XPT": ("platinum", "xpt"),
        "XPD": ("palladium", "xpd"),
        "WTI": ("crude", "crude oil", "oil", "wti", "west texas"),
        "BRENT": ("brent", "crude", "crude oil", "oil"),
        "NATGAS": ("natural gas", "natgas", "nat gas", "henry hub", "lng"),
        "COPPER": ("copper",),
        "ALUMINIUM": ("aluminium", "aluminum"),
        "ZINC": ("zinc",),
        "NICKEL": ("nickel",),
        "LEAD": ("lead price", "lead prices", "lead futures"),  # alone it leads somewhere else
        "HEATING_OIL": ("heating oil", "diesel", "ulsd"),
        "GASOLINE": ("gasoline", "rbob"),
        "CORN": ("corn",),
        "WHEAT": ("wheat",),
        "SOYBEANS": ("soybean", "soybeans", "soy"),
        "COFFEE": ("coffee", "arabica"),
        "COCOA": ("cocoa",),
        "SUGAR": ("sugar",),
        "COTTON": ("cotton",),
        "ORANGE_JUICE": ("orange juice",),
        "SP_500": ("s&p 500", "s&p", "wall street"),
        "NASDAQ_100": ("nasdaq", "nasdaq 100"),
        "DOW_30": ("dow jones", "dow"),
        "RUSSELL_2000": ("russell 2000",),
        "NIKKEI_225": ("nikkei", "nikkei 225"),
        "DAX_40": ("dax",),
        "EURO_STOXX_50": ("euro stoxx", "stoxx 50"),
        "FTSE_100": ("ftse", "ftse 100"),
        "CAC_40": ("cac 40", "cac"),
        "SMI_20": ("swiss market index",),
    }
)
"""By currency code, or by the name of what is no currency."""

SUBJECTS: Mapping[str, str] = MappingProxyType({"WTI_CRUDE": "WTI", "BRENT_CRUDE": "BRENT", "NATURAL_GAS": "NATGAS"})
"""What commodities are a price of that have no code of a currency, and another id than their words."""


def subject(commodity: Commodity) -> str:
    """What the commodity is a price of: its base currency, or the metal, the energy or the grain that it is called."""
    for name in (commodity.id, *commodity.aliases):
        named = SUBJECTS.get(name, name)
        if named in WORDS:
            return named
    return commodity.base_currency or commodity.id


def keyword_signs(commodity: Commodity, own: Mapping[str, float]) -> dict[str, float]:
    """Every word with its sign for the commodity's price; ``own`` are laid over the defaults.

    What is good for the base lifts the price, what is good for the currency that it is paid in lowers it, and the words
    of all others are known so that nobody takes "Canadian dollar" for the dollar.
    """
    base, paid_in = subject(commodity), commodity.profit_currency
    others = {word: 0.0 for name, words in WORDS.items() if name not in (base, paid_in) for word in words}
    signs = {
        **others,
        **dict.fromkeys(WORDS.get(paid_in, (paid_in,)), -1.0),
        **dict.fromkeys(WORDS.get(base, (base,)), 1.0),
        **dict.fromkeys((commodity.id, f"{base}/{paid_in}", f"{base}{paid_in}", f"{base}-{paid_in}"), 1.0),
    }
    return {word.casefold(): sign for word, sign in signs.items()} | {
        word.casefold(): sign for word, sign in own.items()
    }
