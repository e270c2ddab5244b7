"""Which commodity a file of bars is named after."""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from console.errors import CommandError
from trading.commodities import Commodity, folded

SHORTEST = 3  # a name of two letters, such as CL, is too often something else
SHORTEST_WITHIN = 6  # a shorter name counts only as a word: there is CORN in popcorn

# What a file of bars may be named after besides the catalogue's commodities.
_CURRENCY = (
    "(?:AUD|BRL|CAD|CHF|CNH|CNY|CZK|DKK|EUR|GBP|HKD|HUF|ILS|INR|JPY|KRW|MXN|NOK|NZD|PLN|RUB|SEK|SGD|THB|TRY|USD|ZAR|"
    "XAG|XAU|XPD|XPT|BTC|ETH|LTC|XRP)"
)
PAIR = re.compile(_CURRENCY * 2)
WELL_KNOWN = re.compile(
    r"(?:GOLD|SILVER|PLATINUM|PALLADIUM|COPPER|WTI|BRENT|OIL|CRUDE|USOIL|UKOIL|XTIUSD|XBRUSD|NATGAS|NASDAQ|NAS100|"
    r"US100|US30|US500|SPX|SPX500|SP500|DOW|DJ30|DAX|GER30|GER40|DE40|UK100|FTSE|JP225|NIKKEI|BITCOIN|ETHEREUM)\d*"
)


def named_commodity(path: Path, known: Mapping[str, Commodity]) -> str | None:
    """The id of the commodity that a file's name speaks of, by any of its names (`eurusd_h1.csv`, `XAUUSD.parquet`).

    None when it speaks of none. Raises `CommandError` when it speaks of an instrument that is not ``known``: its
    contract would be another's.
    """
    words = re.split(r"[^A-Z0-9]+", path.stem.upper())
    names = {folded(name): commodity.id for commodity in known.values() for name in commodity.names}
    for name in sorted(names, key=lambda name: (-len(name), name)):
        if len(name) >= SHORTEST and _speaks_of(name, words):
            return names[name]
    stranger = _other_instrument(words)
    if stranger is not None:
        raise CommandError(f"{path.name} names {stranger}, which is not a commodity of the catalogue; give --commodity")
    return None


def _speaks_of(name: str, words: Sequence[str]) -> bool:
    """Whether a name is among these words: one of them, with a bar's length after it or not, or two of them."""
    if len(name) >= SHORTEST_WITHIN:
        return name in "".join(words)
    joined = (first + second for first, second in itertools.pairwise(words))
    return name in joined or any(re.fullmatch(f"{name}(?:[A-Z]?[0-9]+)?", word) for word in words)


def _other_instrument(words: Sequence[str]) -> str | None:
    """The pair (`XAUUSD`, `EUR` and `GBP` side by side) or the well-known name among these words in capitals."""
    joined = ("".join(two) for two in itertools.pairwise(words) if all(len(word) == 3 for word in two))
    for word in (*words, *joined):
        found = WELL_KNOWN.fullmatch(word) or PAIR.match(word)
        if found:
            return found[0]
    return None
