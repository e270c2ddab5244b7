"""Which quotes may be acted upon: whole, positive where they must be, and recent."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from trading.bars import Floats, Instants
from trading.market import SECOND, Instant, Quote, quote_fault


def unusable(quote: Quote, now: Instant, max_age_seconds: float, *, may_be_negative: bool = False) -> str | None:
    """Why nothing may be decided on this quote, or None when it may.

    A quote is stale when it is older than ``max_age_seconds``. One ahead of ``now`` is not refused: after a step of
    the machine's clock that would leave every position without its stop.
    """
    fault = quote_fault(quote, may_be_negative=may_be_negative)
    if fault is None and now - quote.time > max_age_seconds * SECOND:
        return "stale"
    return fault


def usable_many(
    bid: Floats,
    ask: Floats,
    time: Instants,
    now: Instant,
    max_age_seconds: float,
    *,
    may_be_negative: NDArray[np.bool_] | bool = False,
) -> NDArray[np.bool_]:
    """`unusable`, turned round and for columns of equal shape: True where the quote may be acted upon.

    A row without a quote carries NaN prices and is therefore never usable.
    """
    whole = np.isfinite(bid) & np.isfinite(ask) & (bid <= ask)
    usable: NDArray[np.bool_] = whole & ((bid > 0) | may_be_negative) & (now - time <= max_age_seconds * SECOND)
    return usable
