"""A rehearsal is able to fail: deliberate faults of the closings, and of the calendar beneath them, are found."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import date
from functools import wraps
from typing import Any

import pytest

from actors import accounts, rules, scheduler
from actors.accounts import Market
from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from persistence.schedule import Schedule
from simulation.campaign import quiet
from simulation.rehearsal import Rehearsal, rehearsal_market
from trading import closings
from trading.closings import ClosingJob, Window
from trading.market import MINUTE, Position
from trading.settings_hours import Hours
from trading.timetable import Timetable

FIRST, LAST = date(2026, 11, 25), date(2026, 11, 30)  # Thanksgiving and the short Friday after it
SOME = ("BITCOIN", "EURUSD", "GOLD", "SILVER", "WHEAT")
METALS = ("COPPER", "GOLD", "PLATINUM", "SILVER")
Fault = Callable[[pytest.MonkeyPatch], None]


def begins_early(patch: pytest.MonkeyPatch) -> None:
    """The window begins a minute early."""
    _shift_windows(patch, -MINUTE)


def begins_late(patch: pytest.MonkeyPatch) -> None:
    """The window begins a minute late."""
    _shift_windows(patch, MINUTE)


def no_week_end(patch: pytest.MonkeyPatch) -> None:
    """Friday is a day like others."""
    _with_windows(patch, lambda window: replace(window, ends_week=False))


def every_day_a_friday(patch: pytest.MonkeyPatch) -> None:
    """Every day is the last of a week."""
    _with_windows(patch, lambda window: replace(window, ends_week=True))


def gross_profit(patch: pytest.MonkeyPatch) -> None:
    """Costs are left out of the profit."""

    def gross(position: Position, *costs: object) -> float:
        return position.profit

    patch.setattr(rules, "net_profit", gross)


def forgets_swings(patch: pytest.MonkeyPatch) -> None:
    """At day end a trade is closed whatever its strategy."""
    closes = ClosingJob.closes
    patch.setattr(ClosingJob, "closes", lambda job, trade, net: closes(replace(job, every_strategy=True), trade, net))


def judges_again(patch: pytest.MonkeyPatch) -> None:
    """Whether a key was used up is neither written nor asked."""
    patch.setattr(Schedule, "has_fired", lambda *arguments: False)
    patch.setattr(Schedule, "claim", lambda *arguments: None)


def opens_in_the_window(patch: pytest.MonkeyPatch) -> None:
    """Before a decision nobody looks whether the window has begun."""
    patch.setattr(accounts, "in_preclose_window", lambda *arguments: False)


@pytest.mark.parametrize(
    ("fault", "kinds"),
    [
        (begins_early, {"extra", "outside", "missed", "wrong"}),
        (begins_late, {"missed"}),
        (no_week_end, {"missed"}),
        (every_day_a_friday, {"extra"}),
        (gross_profit, {"wrong"}),
        (forgets_swings, {"wrong"}),
        (judges_again, {"extra", "twice"}),
        (opens_in_the_window, {"opened_in_window"}),
    ],
)
def test_a_fault_of_the_closings_is_found(
    calendars: CalendarStore, monkeypatch: pytest.MonkeyPatch, fault: Fault, kinds: set[str]
) -> None:
    fault(monkeypatch)
    assert found(market_of(calendars, *SOME)) & kinds


@pytest.mark.parametrize("forgotten", ["thanksgiving", "black_friday"])
def test_an_early_close_that_the_program_does_not_know_is_found(calendars: CalendarStore, forgotten: str) -> None:
    right = market_of(calendars, *METALS)
    usual_end = Hours(early_closes={forgotten: "17:00"})
    unaware = {
        name: commodity.model_copy(update={"hours": (*commodity.hours, usual_end)})
        for name, commodity in right.commodities.items()
    }
    wrong = rehearsal_market(METALS, unaware, FIRST, LAST, calendars)
    assert "missed" in found(right, wrong.times, kills_a_day=0)


def test_without_a_fault_nothing_is_found(calendars: CalendarStore) -> None:
    assert found(market_of(calendars, *SOME)) == set()


def market_of(calendars: CalendarStore, *names: str) -> Market:
    """The market of these commodities as it is."""
    return rehearsal_market(names, read_catalogue(), FIRST, LAST, calendars)


def found(market: Market, believed: Timetable | None = None, kills_a_day: int = 3) -> set[str]:
    """The kinds of violations. ``believed``: the trading times that the crew is given instead of the right ones."""
    rehearsal = Rehearsal(market, FIRST, LAST, seed=1, kills_a_day=kills_a_day)
    if believed is not None:
        rehearsal.market = replace(market, times=believed)
    with quiet():
        return {violation.kind for violation in rehearsal.run().violations}


def _shift_windows(patch: pytest.MonkeyPatch, by: int) -> None:
    _with_windows(patch, lambda window: replace(window, starts_at=window.starts_at + by))


def _with_windows(patch: pytest.MonkeyPatch, changed: Callable[[Window], Window]) -> None:
    window_of_day = closings.window_of_day

    @wraps(window_of_day)
    def other(*arguments: Any) -> Window | None:
        window = window_of_day(*arguments)
        return None if window is None else changed(window)

    for module in (closings, scheduler):
        patch.setattr(module, "window_of_day", other)
