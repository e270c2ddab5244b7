"""Values of options, read from words. Each raises ``argparse.ArgumentTypeError`` naming what it got and expected."""

from __future__ import annotations

import argparse
import math
from datetime import UTC, date, datetime

from connectors.mt5.simulated_clock import zone_named
from console.settings_tree import nearest
from trading.analysis import Strategy
from trading.market import Instant, instant
from trading.trade import TradeState

LONGEST_DELAY_SECONDS = 3600.0
HIGHEST_INTENSITY = 10.0
FIRST_YEAR, LAST_YEAR = 2000, 2100


def positive(text: str) -> float:
    """A number greater than 0."""
    value = number(text)
    if not (math.isfinite(value) and value > 0):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number greater than 0")
    return value


def finite(text: str) -> float:
    """A price."""
    value = number(text)
    if not math.isfinite(value):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a price")
    return value


def count(text: str) -> int:
    """A whole number of at least 1."""
    value = whole(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a whole number of at least 1")
    return value


def port(text: str) -> int:
    """A TCP port; 0: any that is free."""
    value = whole(text)
    if not 0 <= value < 65_536:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a whole number from 0 to 65535")
    return value


def address(text: str) -> tuple[str, int]:
    """A host and a TCP port; port 0: any that is free."""
    host, colon, number = text.rpartition(":")
    if not (colon and host and number.isascii() and number.isdigit()):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a host and a port, such as 127.0.0.1:7090")
    return host, port(number)


def fraction(text: str) -> float:
    """0 to 1."""
    value = number(text)
    if not 0 <= value <= 1:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number from 0 to 1")
    return value


def intensity(text: str) -> float:
    """How much of something there is: none, as much as usual, more."""
    value = number(text)
    if not 0 <= value <= HIGHEST_INTENSITY:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number from 0 to {HIGHEST_INTENSITY:g}")
    return value


def zone(text: str) -> str:
    """The zone of a simulated broker's clock."""
    try:
        zone_named(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return text


def seconds(text: str) -> float:
    """A delay of at most an hour."""
    value = number(text)
    if not 0 <= value <= LONGEST_DELAY_SECONDS:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected seconds from 0 to {LONGEST_DELAY_SECONDS:g}")
    return value


def number(text: str) -> float:
    """Any number."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a number") from None


def whole(text: str) -> int:
    """Any whole number."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a whole number") from None


def state(text: str) -> TradeState:
    """The state of a trade."""
    try:
        return TradeState(text.lower())
    except ValueError:
        near = nearest(text, list(TradeState))
        hint = f"did you mean {near}?" if near else f"expected one of {', '.join(TradeState)}"
        raise argparse.ArgumentTypeError(f"there is no state {text!r}; {hint}") from None


def strategy(text: str) -> Strategy:
    """One of the strategies."""
    try:
        return Strategy(text.lower())
    except ValueError:
        near = nearest(text, list(Strategy))
        hint = f"did you mean {near}?" if near else f"expected one of {', '.join(Strategy)}"
        raise argparse.ArgumentTypeError(f"there is no strategy {text!r}; {hint}") from None


def date_or_moment(text: str) -> date | Instant:
    """A date alone, which is a trading date, or an instant; a time without a zone is in UTC."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        return moment(text)


def day(text: str) -> date:
    """A date alone."""
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a date such as 2026-11-27") from None


def year(text: str) -> int:
    """A year that calendars can be asked for."""
    value = whole(text)
    if not FIRST_YEAR <= value <= LAST_YEAR:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected a year from {FIRST_YEAR} to {LAST_YEAR}")
    return value


def months(text: str) -> tuple[int, int]:
    """One month or a span of them, as the first and the last."""
    first, dash, last = text.partition("-")
    if not (first.isdecimal() and (last.isdecimal() if dash else True)):
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected months such as 11 or 3-4")
    begin, end = int(first), int(last or first)
    if not 1 <= begin <= end <= 12:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected months from 1 to 12 in their order")
    return begin, end


def words(text: str) -> tuple[str, ...]:
    """Words between commas."""
    found = tuple(word.strip() for word in text.split(",") if word.strip())
    if not found:
        raise argparse.ArgumentTypeError(f"it is {text!r}; expected names, separated by commas")
    return found


def moment(text: str) -> Instant:
    """A date (its midnight, UTC) or a date with a time; a time without a zone is in UTC."""
    try:
        parsed = datetime.fromisoformat(text.upper())  # a small z is as good
        return instant(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    except (ValueError, OverflowError) as error:  # in UTC, the first hours of the year 1 can lie before it
        why = "" if str(error).startswith("Invalid isoformat") else f": {error}"
        raise argparse.ArgumentTypeError(
            f"it is {text!r}{why}; expected a date such as 2017-06-01 or 2017-06-01T13:00"
        ) from None
