"""What a broker of our own charges and pays: cents, lots, nights, currencies. Plain functions of their arguments."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import lru_cache
from typing import Literal, TypeAlias
from zoneinfo import ZoneInfo

from trading.commodities import Commodity
from trading.market import HOUR, Instant, Instrument, Side, instant, moment

ROLLOVER_ZONE = ZoneInfo("America/New_York")
ROLLOVER_HOUR = 17  # the FX day ends at 17:00 New York; positions held over it pay or earn a night's interest
NIGHTS_BY_WEEKDAY = (1, 1, 3, 1, 1, 0, 0)  # Monday first; Wednesday's value date jumps the weekend, so it counts three
Calendar: TypeAlias = Literal["fx", "metals", "always"]  # a commodity's, as the catalogue has it
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


def nights_charged(calendar: Calendar, rollover: Instant) -> int:
    """How many nights of swap a rollover books: every day one where the market never shuts, else three on Wednesday."""
    if calendar == "always":
        return 1
    return NIGHTS_BY_WEEKDAY[moment(rollover).astimezone(ROLLOVER_ZONE).weekday()]


@dataclass(frozen=True, slots=True)
class Conversion:
    """How one currency becomes the account's: by the price of a commodity, or by one over it."""

    commodity: str
    inverted: bool  # True: the account's currency is the base, so the price divides

    def rate(self, mid: float) -> float:
        """Units of account currency for one unit of the other, at this mid price of the commodity."""
        return 1 / mid if self.inverted else mid


def conversion(currency: str, account_currency: str, quoted: Mapping[str, Commodity]) -> Conversion | None:
    """The first commodity, by name, whose price turns ``currency`` into the account's; None where there is none."""
    for name in sorted(quoted):
        pair = (quoted[name].base_currency, quoted[name].profit_currency)
        if pair == (currency, account_currency):
            return Conversion(name, inverted=False)
        if pair == (account_currency, currency):
            return Conversion(name, inverted=True)
    return None
