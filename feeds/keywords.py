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
        "CNY": ("yuan", "renminbi", "cny", "cnh", "pboc"),
        "MXN": ("mexican peso", "peso", "mxn"),
        "BTC": ("bitcoin", "btc"),
        "ETH": ("ethereum", "ether", "eth"),
        "XAU": ("gold", "bullion", "xau"),
        "XAG": ("silver", "xag"),
        "XPT": ("platinum", "xpt"),
        "XPD": ("palladium", "xpd"),
        "WTI": ("crude", "crude oil", "oil", "wti", "west texas"),
        "BRENT": ("brent", "crude", "crude oil", "oil"),
        "NATGAS": ("natural gas", "natgas", "nat gas", "henry hub", "lng"),
        "COPPER": ("copper",),
        "CORN": ("corn",),
        "WHEAT": ("wheat",),
        "SOYBEANS": ("soybean", "soybeans", "soy"),
    }
)
"""By currency code, or by the name of what is no currency."""

ALIASES: Mapping[str, str] = MappingProxyType(
    {
        **dict.fromkeys(("GOLD", "XAUUSD"), "XAU"),
        **dict.fromkeys(("SILVER", "XAGUSD"), "XAG"),
        **dict.fromkeys(("PLATINUM", "XPTUSD"), "XPT"),
        **dict.fromkeys(("PALLADIUM", "XPDUSD"), "XPD"),
        **dict.fromkeys(("USOIL", "CRUDE", "CRUDEOIL", "WTIUSD", "CRUDE_OIL", "OIL"), "WTI"),
        **dict.fromkeys(("UKOIL", "BRENTOIL", "BRENT_OIL", "BRENT_CRUDE"), "BRENT"),
        **dict.fromkeys(("NATURAL_GAS", "NATURALGAS", "NGAS", "XNGUSD", "GAS"), "NATGAS"),
    }
)
"""What commodities are called in catalogues and by brokers."""


def subject(commodity: Commodity) -> str:
    """What the commodity is a price of: its base currency, or the metal, the energy or the grain that its id names."""
    named = ALIASES.get(commodity.id, commodity.id)
    return named if named in WORDS else commodity.base_currency


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
