"""How figures are written for people: money, prices, instants, spans. Every function takes None for "not known"."""

from __future__ import annotations

import math
from typing import Any

from rich.text import Text

from trading.market import Instant, moment

UNKNOWN = "-"
DEFAULT_DIGITS = 5


def number(value: Any) -> float | None:
    """The value as a finite number, or None: old journal lines may hold anything."""
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)


def amount(value: Any, decimals: int = 2) -> str:
    """A number with thousands separated: ``10,234.50``."""
    known = number(value)
    return UNKNOWN if known is None else f"{known:,.{decimals}f}"


def money(value: Any) -> Text:
    """A profit with its sign, coloured: ``+12.30``."""
    known = number(value)
    if known is None:
        return Text(UNKNOWN)
    return Text(f"{known:+,.2f}", style="green" if known > 0 else "red" if known < 0 else "")


def price(value: Any, digits: Any = DEFAULT_DIGITS) -> str:
    """A price with its commodity's decimals."""
    known = number(value)
    decimals = digits if isinstance(digits, int) and 0 <= digits <= 8 else DEFAULT_DIGITS
    return UNKNOWN if known is None else f"{known:.{decimals}f}"


def fraction(value: Any, decimals: int = 1) -> str:
    """A fraction in hundredths: ``61.5 %``."""
    known = number(value)
    return UNKNOWN if known is None else f"{100 * known:.{decimals}f} %"


def clock(at: Instant | None, *, with_year: bool = True) -> str:
    """An instant to the minute, UTC: ``2017-05-19 13:00``."""
    if at is None:
        return UNKNOWN
    return f"{moment(at):%Y-%m-%d %H:%M}" if with_year else f"{moment(at):%m-%d %H:%M}"


def span(seconds: float | None) -> str:
    """A span in its two largest units: ``2 d 4 h``, ``3 h 05 m``, ``12 m``, ``40 s``."""
    if seconds is None or not math.isfinite(seconds):
        return UNKNOWN
    whole = max(int(seconds), 0)
    days, hours, minutes = whole // 86_400, whole % 86_400 // 3_600, whole % 3_600 // 60
    if days:
        return f"{days} d {hours} h"
    if hours:
        return f"{hours} h {minutes:02d} m"
    return f"{minutes} m" if minutes else f"{whole} s"


def words(identifier: Any) -> str:
    """A word of the program for people: ``opposite_signal`` is *opposite signal*."""
    return UNKNOWN if identifier in (None, "") else str(identifier).replace("_", " ")


def time_of(text: Any, *, with_seconds: bool = False) -> str:
    """An ISO 8601 instant to the minute, or to the second: ``2017-05-19 13:00``."""
    length = 19 if with_seconds else 16
    return text[:length].replace("T", " ") if isinstance(text, str) and len(text) >= length else UNKNOWN


def side(value: Any) -> Text:
    """Buy and sell in the colours that they have everywhere."""
    return Text(words(value), style={"buy": "cyan", "sell": "magenta"}.get(str(value), ""))


def state(value: Any) -> Text:
    """A trade's state; what needs a person's eye stands out."""
    styles = {"open": "bold", "closed": "dim", "failed": "red", "unknown": "bold yellow", "late": "bold yellow"}
    return Text(words(value), style=styles.get(str(value), ""))
