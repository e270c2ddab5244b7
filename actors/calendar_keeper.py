"""CalendarKeeper: sees to it that the trading times never run out under a crew that has been running for long.

They are built for a span, with more than a year to spare. Months before its end a later one is built; while that fails
the operator hears of it, and the crew goes on with what it has. Should the end come all the same, the first look-up
beyond it raises `OutsideSpan`: the actor that asked is restarted, then given up, and the program ends with exit code
70, to be started again by its service manager with a span of its own. No trade is judged by trading times that nobody
knows.
"""

from __future__ import annotations

from actors.messages import LookAtCalendars
from actors.names import CALENDARS_END, CALENDARS_EXTENDED
from actors.system.context import Context
from feeds.market_calendars_extension import Extension
from trading.market import DAY, HOUR, Instant, iso
from trading.timetable import Timetable

BEHIND = 400 * DAY  # what is built before the present: rules look back
AHEAD = 800 * DAY
LEAST_AHEAD = 200 * DAY  # less than that, and a later span is built: time enough to put right what prevents it
LOOK_SECONDS = 1.0  # between two looks at what is being built
RETRY_SECONDS = 3_600.0


class CalendarKeeper:
    """Looks once in each hour of market time."""

    def __init__(self, timetable: Timetable, extension: Extension) -> None:
        self._timetable = timetable
        self._extension = extension
        self._is_building = False
        self._trouble = ""  # that was told of, and is not over

    def start(self, context: Context) -> None:
        """Look, once the trading has begun."""
        context.later(LOOK_SECONDS, LookAtCalendars())

    def receive(self, message: object, context: Context) -> None:
        """Look, and arm the next look."""
        match message:
            case LookAtCalendars():
                self._look(context)
            case _:
                raise TypeError(f"the keeper of the calendars does not take {type(message).__name__}")

    def _look(self, context: Context) -> None:
        now = context.now()
        if self._is_building:
            self._look_at_building(context)
        elif self._timetable.last - now < LEAST_AHEAD:
            self._extension.begin(now - BEHIND, now + AHEAD)
            self._is_building = True
            context.later(LOOK_SECONDS, LookAtCalendars())
        else:
            context.at(now + HOUR, LookAtCalendars())

    def _look_at_building(self, context: Context) -> None:
        extended = self._extension.result()
        if extended is None:
            context.later(LOOK_SECONDS, LookAtCalendars())
            return
        self._is_building = False
        if extended.timetable is None:
            self._tell_of_trouble(extended.error, context)
            context.later(RETRY_SECONDS, LookAtCalendars())
            return
        self._timetable.take(extended.timetable)
        self._trouble = ""
        context.alert(CALENDARS_EXTENDED, f"the trading times now reach to {iso(self._timetable.last)}")
        context.at(context.now() + HOUR, LookAtCalendars())

    def _tell_of_trouble(self, error: str, context: Context) -> None:
        """Once for each kind of trouble."""
        if error == self._trouble:
            return
        self._trouble = error
        until: Instant = self._timetable.last
        context.alert(CALENDARS_END, f"the trading times end at {iso(until)}, and later ones cannot be had: {error}")
