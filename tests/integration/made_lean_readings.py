"""Which entries of Lean's table are compared with our trading times, and how a difference is written down."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

ALL_STATES = ("premarket", "market", "postmarket")
MON_TO_FRI = (0, 1, 2, 3, 4)
SUNDAY = (6,)


@dataclass(frozen=True, slots=True)
class Reading:
    """An entry, the commodities that it is compared with, and the years of which it says something."""

    entry: str
    commodities: tuple[str, ...]
    first_year: int
    last_year: int
    states: tuple[str, ...] = ALL_STATES

    def covers(self, day: date) -> bool:
        """Whether a date is compared."""
        return self.first_year <= day.year <= self.last_year


@dataclass(frozen=True, slots=True)
class UsualHours:
    """A time of day at which an entry always opens or shuts, and ours instead of it."""

    entry: str
    weekdays: tuple[int, ...]  # of the calendar date; Monday is 0
    theirs: str
    ours: str
    why: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Dates on which entries have other hours than we have, in the words of `made_lean_table.words_of`."""

    entries: tuple[str, ...]
    dates: str  # trading dates
    ours: str
    theirs: str
    why: str
    only: str | None = None  # of the entry's commodities; None: of all

    @property
    def days(self) -> tuple[date, ...]:
        """The trading dates."""
        return tuple(date.fromisoformat(text) for text in self.dates.split())


METALS = {"SILVER": "Future-comex-SI", "PLATINUM": "Future-nymex-PL", "PALLADIUM": "Future-nymex-PA"}
ENERGIES = ("Future-nymex-CL", "Future-nymex-NG", "Future-nymex-HO", "Future-nymex-RB")
INDICES = {
    "SP_500": "Future-cme-ES",
    "NASDAQ_100": "Future-cme-NQ",
    "RUSSELL_2000": "Future-cme-RTY",
    "NIKKEI_225": "Future-cme-NKD",
    "DOW_30": "Future-cbot-YM",
}
GRAINS = ("Future-cbot-ZW", "Future-cbot-ZC")
EUREX, DAX, FTSE = "Future-eurex-[*]", "Cfd-oanda-DE30EUR", "Cfd-oanda-UK100GBP"
CAC, SMI = "Cfd-oanda-FR40EUR", "Cfd-oanda-CH20CHF"
COFFEE, COCOA, SUGAR = "Future-ice-KC", "Future-ice-CC", "Future-ice-SB"
COTTON, ORANGE_JUICE = "Future-ice-CT", "Future-ice-OJ"
GOLD, COPPER, BRENT = "Future-comex-GC", "Future-comex-HG", "Future-ice-B"
FXCM, OANDA = "Forex-fxcm-[*]", "Forex-oanda-[*]"

READINGS = (
    Reading(GOLD, ("GOLD",), 2024, 2026),  # metals have hours of their own from 2024 on; before it those of crude oil
    *(Reading(entry, (metal,), 2024, 2026) for metal, entry in METALS.items()),
    Reading("Future-nymex-CL", ("GOLD", *METALS, "COPPER"), 2012, 2023),
    Reading(COPPER, ("COPPER",), 2012, 2019),
    Reading(COPPER, ("COPPER",), 2024, 2026),
    Reading("Future-nymex-CL", ("WTI_CRUDE",), 2012, 2026),
    Reading("Future-nymex-NG", ("NATURAL_GAS",), 2012, 2026),
    Reading("Future-nymex-HO", ("HEATING_OIL",), 2012, 2026),
    Reading("Future-nymex-RB", ("GASOLINE",), 2012, 2026),
    Reading(BRENT, ("BRENT_CRUDE",), 2013, 2020),
    Reading("Future-cbot-ZW", ("WHEAT",), 2014, 2026),  # Chicago's present hours are those since April 2013
    Reading("Future-cbot-ZC", ("CORN", "SOYBEANS"), 2014, 2026),
    Reading("Future-cbot-ZS", ("SOYBEANS",), 2026, 2026),
    Reading(COFFEE, ("COFFEE",), 2012, 2026),
    Reading(COCOA, ("COCOA",), 2012, 2026),
    Reading(SUGAR, ("SUGAR",), 2012, 2026),
    Reading(COTTON, ("COTTON",), 2012, 2026, ("market",)),  # before it orders are taken, after it blocks are reported
    Reading(ORANGE_JUICE, ("ORANGE_JUICE",), 2012, 2026),
    *(Reading(entry, (index,), 2012, 2026) for index, entry in INDICES.items()),
    Reading(EUREX, ("DAX_40", "EURO_STOXX_50"), 2012, 2027),
    Reading(DAX, ("DAX_40",), 2017, 2022),
    Reading(FTSE, ("FTSE_100",), 2013, 2015),
    Reading(FTSE, ("FTSE_100",), 2019, 2027),
    Reading(CAC, ("CAC_40",), 2012, 2027),
    Reading(SMI, ("SMI_20",), 2017, 2022),
    Reading("Crypto-binance-[*]", ("BITCOIN",), 2012, 2027),
    Reading(FXCM, ("EURUSD",), 2012, 2025),
    Reading(OANDA, ("EURUSD",), 2012, 2025),
)

USUAL_HOURS = (
    UsualHours(BRENT, MON_TO_FRI, "18:00", "17:00", "our day ends with that of crude oil in New York, an hour earlier"),
    UsualHours(BRENT, SUNDAY, "20:00", "18:00", "ICE opens Brent two hours earlier on Sundays"),
    UsualHours(EUREX, MON_TO_FRI, "01:10", "02:15", "it opens at 00:10 UTC: in summer at 02:10 Berlin, ours all year"),
    UsualHours(DAX, MON_TO_FRI, "01:15", "02:15", "it opens at 00:15 UTC: in summer at 02:15 Berlin, ours all year"),
    UsualHours(OANDA, (*SUNDAY, *MON_TO_FRI[:-1]), "17:03", "17:00", "the broker's pause around the day's end"),
    UsualHours(OANDA, MON_TO_FRI, "16:58", "17:00", "the broker's pause around the day's end"),
)
