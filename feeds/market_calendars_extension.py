"""Builds the trading times of a later span while the crew goes on: in a thread, as what it waits for is a process."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from feeds.market_calendars import CalendarStore
from trading.commodities import Commodity
from trading.market import Instant
from trading.settings import Settings
from trading.timetable import Timetable


@dataclass(frozen=True, slots=True)
class Extended:
    """What came of it."""

    timetable: Timetable | None
    error: str = ""  # why there is none


class Extension(Protocol):
    """Builds trading times. Neither of its methods waits for that."""

    def begin(self, first: Instant, last: Instant) -> None:
        """Begin to build those from ``first`` to ``last``. What was begun before is no longer wanted."""
        ...

    def result(self) -> Extended | None:
        """What came of it; None while it is being built."""
        ...


class StoreExtension:
    """Has a `CalendarStore` build them."""

    def __init__(self, store: CalendarStore, settings: Settings, commodities: Mapping[str, Commodity]) -> None:
        self._store = store
        self._settings = settings
        self._commodities = commodities
        self._building = _Building()

    def begin(self, first: Instant, last: Instant) -> None:
        """As `Extension.begin`."""
        building = self._building = _Building()

        def build() -> None:
            try:
                found = self._store.timetable(self._settings, self._commodities, first, last)
            except Exception as error:  # nobody else would hear of it, whatever it is: the actor tells the operator
                building.extended = Extended(None, f"{type(error).__name__}: {error}")
            else:
                building.extended = Extended(found)

        threading.Thread(target=build, name="calendars", daemon=True).start()

    def result(self) -> Extended | None:
        """As `Extension.result`."""
        return self._building.extended


@dataclass(slots=True)
class _Building:
    extended: Extended | None = None
