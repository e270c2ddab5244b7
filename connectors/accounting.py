"""What a broker of our own charges and pays: cents, lots, nights, currencies. Plain functions of their arguments."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from zoneinfo import ZoneInfo

from trading.commodities import Commodity
from trading.market import HOUR, Instant, Instrument, Side, instant, moment
from trading.settings_commodities import ThreeNights

ROLLOVER_ZONE = ZoneInfo("America/New_York")
ROLLOVER_HOUR = 17  # the FX day ends at 17:00 New York; positions held over it pay or earn a night's interest
WEEKDAYS: tuple[ThreeNights, ...] = ("monday", "tuesday", "wednesday", "thursday", "friday")  # all have a night
BETWEEN = "USD"  # the currency through which others are converted that have no price in each other
SAME_VOLUME_LOTS = 1e-9  # volumes closer than this are one volume, written differently


def cents(amount: float) -> float:
    """Money as a broker books it: whole cents."""
    return round(amount, 2)


def volume_fault(instrument: Instrument, volume_lots: float) -> str | None:
    """Why the volume cannot be traded, or None when it can."""
    minimum, maximum, step = instrument.volume_min_lots, instrument.volume_max_lots, instrument.volume_step_lots
    named = f"volume_lots of {instrument.commodity} is {volume_lots:g}"
    if not math.isfinite(volume_lots) or volume_lots <= 0:
        return f"{named}; expected a number above zero"
    if volume_lots < minimum - SAME_VOLUME_LOTS:
        return f"{named}; expected at least {minimum:g}"
    if volume_lots > maximum + SAME_VOLUME_LOTS:
        return f"{named}; expected at most {maximum:g}"
    steps = volume_lots / step
    if abs(steps - round(steps)) * step > SAME_VOLUME_LOTS:
        return f"{named}; expected a multiple of {step:g}"
    return None


def profit(instrument: Instrument, side: Side, volume_lots: float, opened: float, closed: float) -> float:
    """What a price difference pays, in the profit currency: (closed - opened) * sign * contract size * lots."""
    return (closed - opened) * side.sign * instrument.contract_size * volume_lots


def margin(instrument: Instrument, volume_lots: float, price: float) -> float:
    """What a position ties up, in the profit currency: contract size * lots * price / leverage."""
    return instrument.contract_size * volume_lots * abs(price) / instrument.leverage


def commission(instrument: Instrument, volume_lots: float) -> float:
    """What one deal costs, in account currency; zero or negative."""
    return -cents(instrument.commission_per_lot * volume_lots)


def next_rollover(after: Instant) -> Instant:
    """The first 17:00 New York later than ``after``."""
    return _next_rollover(after // HOUR * HOUR)  # the same for all of an hour, since it comes on the hour


@lru_cache(maxsize=1_000)
def _next_rollover(after: Instant) -> Instant:
    local = moment(after).astimezone(ROLLOVER_ZONE)
    rollover = local.replace(hour=ROLLOVER_HOUR, minute=0, second=0, microsecond=0)
    if instant(rollover) <= after:
        rollover += timedelta(days=1)  # wall-clock arithmetic: 17:00 stays 17:00 over a change of the clocks
    return instant(rollover)


def nights_charged(three_nights_on: ThreeNights, rollover: Instant) -> int:
    """How many nights of swap a rollover books: three at the end of one weekday, one at that of the others, none at a
    weekend; where three are "never" booked at once, one every day.
    """
    if three_nights_on == "never":
        return 1
    weekday = moment(rollover).astimezone(ROLLOVER_ZONE).weekday()
    if weekday >= len(WEEKDAYS):
        return 0
    return 3 if WEEKDAYS[weekday] == three_nights_on else 1


@dataclass(frozen=True, slots=True)
class Step:
    """From one currency to another: by the price of a commodity, or by one over it."""

    commodity: str
    inverted: bool  # True: the currency that is wanted is the base, so the price divides


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one currency becomes the account's: in one step, or in two through the dollar."""

    steps: tuple[Step, ...]

    @property
    def commodities(self) -> tuple[str, ...]:
        """Those whose prices it takes."""
        return tuple(step.commodity for step in self.steps)

    def rate(self, mid_of: Callable[[str], float]) -> float:
        """Units of account currency for one unit of the other; ``mid_of`` gives the mid price of a commodity."""
        rate = 1.0
        for step in self.steps:
            mid = mid_of(step.commodity)
            rate *= 1 / mid if step.inverted else mid
        return rate


def conversion(currency: str, account_currency: str, quoted: Mapping[str, Commodity]) -> Conversion | None:
    """How prices of the commodities that are ``quoted`` turn ``currency`` into the account's; None: they do not.

    By the pair of the two where there is one, the first by name; otherwise by a pair of each with the dollar.
    """
    direct = _step(currency, account_currency, quoted)
    if direct is not None:
        return Conversion((direct,))
    if BETWEEN in (currency, account_currency):
        return None
    into, out_of = _step(currency, BETWEEN, quoted), _step(BETWEEN, account_currency, quoted)
    return None if into is None or out_of is None else Conversion((into, out_of))


def _step(currency: str, wanted: str, quoted: Mapping[str, Commodity]) -> Step | None:
    for name in sorted(quoted):
        pair = (quoted[name].base_currency, quoted[name].profit_currency)
        if pair == (currency, wanted):
            return Step(name, inverted=False)
        if pair == (wanted, currency):
            return Step(name, inverted=True)
    return None
