"""What somebody waits for: nothing that happens before it would make him act.

A replay asks everybody, and moves its clock straight to the first instant at which anybody might act. Who is not sure
waits for everything, and is then shown every tick.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from trading.market import Instant, Side

NEVER: Instant = 2**63 - 1


@dataclass(frozen=True, slots=True)
class Band:
    """One account's price for closing ``side`` of a commodity matters only at or beyond these limits."""

    platform: str
    commodity: str
    side: Side
    low: float = -math.inf
    high: float = math.inf


@dataclass(frozen=True, slots=True)
class Attention:
    """An instant from which on anything may matter, and the prices that matter before."""

    until: Instant = NEVER
    bands: tuple[Band, ...] = ()


NOTHING = Attention()
EVERYTHING = Attention(until=0)


def together(attentions: Iterable[Attention]) -> Attention:
    """What all of them wait for. Once one waits for everything, the others need not be asked."""
    until = NEVER
    bands: list[Band] = []
    for attention in attentions:
        if attention is EVERYTHING:
            return EVERYTHING
        until = min(until, attention.until)
        bands += attention.bands
    return Attention(until, tuple(bands))
