"""How the pages write figures: the filters of the templates. Each takes None for "not known", and never raises."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from markupsafe import Markup

from console import figures
from console.figures import UNKNOWN, number

LEAST = 0.005  # of a unit of money: less is neither gain nor loss
SIGMA = "\N{GREEK SMALL LETTER SIGMA}"


def money(value: Any, currency: str = "") -> str:
    """A profit with its sign, and its currency: ``+12.30 USD``."""
    known = number(value)
    return UNKNOWN if known is None else f"{known:+,.2f} {currency}".rstrip()


def sign(value: Any) -> str:
    """The class of a profit: gain, loss or even. Its sign says the same without the colour."""
    known = number(value)
    if known is None or abs(known) < LEAST:
        return "even"
    return "gain" if known > 0 else "loss"


def moment(text: Any) -> str:
    """An ISO 8601 instant as a ``<time>``, to the second: the script adds the viewer's own time as its title."""
    if not isinstance(text, str) or len(text) < 16:
        return UNKNOWN
    return Markup('<time datetime="{}">{}</time>').format(text, figures.time_of(text, with_seconds=len(text) >= 19))


def age(seconds: Any) -> str:
    """How long ago: ``3 s ago``."""
    known = number(seconds)
    return UNKNOWN if known is None else f"{figures.span(known)} ago"


def way(trade: Mapping[str, Any]) -> float | None:
    """How far the price stands on the way from the stop, 0, to the target, 100; None without a target."""
    price, stop, target = (number(trade.get(name)) for name in ("price", "stop_price", "target_price"))
    return _way(price, stop, target)


def way_of_entry(trade: Mapping[str, Any]) -> float | None:
    """The same of the price at which it began."""
    entry, stop, target = (number(trade.get(name)) for name in ("entry_price", "stop_price", "target_price"))
    return _way(entry, stop, target)


def _way(price: float | None, stop: float | None, target: float | None) -> float | None:
    if price is None or stop is None or target is None or stop == target:
        return None
    return round(min(max((price - stop) / (target - stop), 0.0), 1.0) * 100, 1)


def span(seconds: Any) -> str:
    """A span of seconds in its two largest units."""
    return figures.span(number(seconds))


def plain(value: Any) -> str:
    """A setting's value as it would be read aloud."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "true" if value else "false"
    return f"{value:g}" if isinstance(value, float) else str(value)


def sigmas(value: Any) -> str:
    """An expected value in units of the deviation of the outcome."""
    known = number(value)
    return UNKNOWN if known is None else f"{known:+.2f} {SIGMA}"


def worth(trade: Mapping[str, Any]) -> str:
    """A trade's expected value in sigmas, and what one of these is in money: ``+0.00 sigma of 87.10``, in signs."""
    told, one_sigma = sigmas(trade.get("expected_value")), number(trade.get("one_sigma"))
    return told if one_sigma is None else f"{told} of {figures.amount(one_sigma)}"


def whole(value: Any) -> str:
    """A count with thousands separated."""
    return figures.amount(value, 0)


FILTERS: dict[str, Callable[..., Any]] = {
    "age": age,
    "amount": figures.amount,
    "fraction": figures.fraction,
    "moment": moment,
    "money": money,
    "plain": plain,
    "price": figures.price,
    "sigmas": sigmas,
    "sign": sign,
    "span": span,
    "way": way,
    "way_of_entry": way_of_entry,
    "whole": whole,
    "words": figures.words,
    "worth": worth,
}
