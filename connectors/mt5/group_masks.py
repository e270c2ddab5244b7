"""Which symbols a ``group`` means: masks divided by commas, ``*`` for any characters, ``!`` before what is excluded.

The package goes through the masks from left to right: a symbol belongs to the group when some mask matches and no
excluding one does. ``"*, !EUR*"`` is everything without the euro; ``"!EUR*"`` alone is nothing at all. Capital and
small letters differ.
"""

from __future__ import annotations

import re
from functools import lru_cache


def in_group(symbol: str, group: str) -> bool:
    """Whether the symbol belongs to the group."""
    wanted, excluded = _masks(group)
    return any(mask.fullmatch(symbol) for mask in wanted) and not any(mask.fullmatch(symbol) for mask in excluded)


@lru_cache(maxsize=64)
def _masks(group: str) -> tuple[list[re.Pattern[str]], list[re.Pattern[str]]]:
    masks = [mask.strip(" ") for mask in group.split(",")]
    wanted = [_pattern(mask) for mask in masks if mask and not mask.startswith("!")]
    excluded = [_pattern(mask.lstrip("!")) for mask in masks if mask.startswith("!")]
    return wanted, excluded


def _pattern(mask: str) -> re.Pattern[str]:
    return re.compile(".*".join(re.escape(part) for part in mask.split("*")), re.DOTALL)
