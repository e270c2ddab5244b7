"""The trading times of a crew that runs for long are extended before they end."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

import pytest
from crew_helpers import StartCrew

from actors.calendar_keeper import AHEAD, BEHIND, LEAST_AHEAD, RETRY_SECONDS, CalendarKeeper
from actors.scripted_crew import A_WEDNESDAY_NOON
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System
from actors.virtual_crew import market_for
from actors.wiring import Parts, calendar_keeper_spec
from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from feeds.market_calendars_extension import Extended, StoreExtension
from persistence.ledger import Ledger
from trading.market import DAY, HOUR, SECOND, Instant
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.timetable import Timetable

NOON = A_WEDNESDAY_NOON
CATALOGUE = read_catalogue()
SETTINGS = Settings(accounts=(AccountSettings(name="alpha", symbols={"EURUSD": "E", "GOLD": "G"}),))
EURUSD_ALONE = Settings(accounts=(AccountSettings(name="alpha", symbols={"EURUSD": "E"}),))
PATIENCE_SECONDS = 60.0


def a_timetable(first: Instant, last: Instant) -> Timetable:
    return CalendarStore(None).timetable(EURUSD_ALONE, CATALOGUE, first, last)


@dataclass
class ScriptedExtension:
    """Builds at once what is asked, and fails as often as it is told to."""

    failures: int = 0
    looks_needed: int = 1  # before it is built
    asked: list[tuple[Instant, Instant]] = field(default_factory=list)
    looks: int = 0

    def begin(self, first: Instant, last: Instant) -> None:
        """As `Extension.begin`."""
        self.asked.append((first, last))
        self.looks = 0

    def result(self) -> Extended | None:
        """As `Extension.result`."""
        self.looks += 1
        if self.looks < self.looks_needed:
            return None
        if len(self.asked) <= self.failures:
            return Extended(None, "CalendarUnavailable: the disk is full")
        return Extended(a_timetable(*self.asked[-1]))


def keeping(world: VirtualWorld, timetable: Timetable, extension: ScriptedExtension) -> System:
    system = System(world.process())
    system.start([Spec("calendars", lambda: CalendarKeeper(timetable, extension), 3, vital=False)])
    return system


def test_nothing_is_built_while_there_is_time() -> None:
    timetable, extension = a_timetable(NOON - DAY, NOON + LEAST_AHEAD + 2 * DAY), ScriptedExtension()
    with VirtualWorld(NOON, None) as world:
        system = keeping(world, timetable, extension)
        world.run_for(DAY / SECOND)
        assert extension.asked == []
        assert not system.alerts
        system.stop()


def test_months_before_the_end_a_later_span_is_built_and_everybody_who_asks_sees_it() -> None:
    timetable, extension = a_timetable(NOON - DAY, NOON + LEAST_AHEAD + HOUR), ScriptedExtension(looks_needed=5)
    with VirtualWorld(NOON, None) as world:
        system = keeping(world, timetable, extension)
        world.run_for(3 * HOUR / SECOND)
        ((first, last),) = extension.asked
        assert (last - first, timetable.last) == (BEHIND + AHEAD, last)
        assert NOON <= last - AHEAD <= NOON + 2 * HOUR
        assert timetable.of("alpha", "EURUSD").last >= last
        assert [alert.reason for alert in system.alerts] == ["calendars_extended"]
        system.stop()


def test_a_crew_that_runs_for_years_never_sees_the_end() -> None:
    timetable, extension = a_timetable(NOON - DAY, NOON + AHEAD), ScriptedExtension()
    with VirtualWorld(NOON, None) as world:
        system = keeping(world, timetable, extension)
        for _ in range(3 * 12):
            world.run_for(30 * DAY / SECOND)
            assert timetable.last - world.now() >= LEAST_AHEAD - HOUR
        assert len(extension.asked) == 1
        system.stop()


def test_what_cannot_be_built_is_told_of_once_and_tried_again_each_hour() -> None:
    timetable, extension = a_timetable(NOON - DAY, NOON + DAY), ScriptedExtension(failures=3)
    with VirtualWorld(NOON, None) as world:
        system = keeping(world, timetable, extension)
        world.run_for(3 * RETRY_SECONDS - 60)
        assert len(extension.asked) == 3
        (alert,) = system.alerts
        assert alert.reason == "calendars_end"
        assert "the disk is full" in alert.detail
        world.run_for(RETRY_SECONDS)
        assert [alert.reason for alert in system.alerts] == ["calendars_end", "calendars_extended"]
        assert timetable.last > NOON + DAY
        system.stop()


def test_the_real_store_extends_a_market_of_an_exchange_while_the_crew_goes_on(calendars: CalendarStore) -> None:
    market = market_for(SETTINGS, CATALOGUE, NOON - 300 * DAY, NOON - 300 * DAY, calendars)
    ended_at = market.times.last
    extension = StoreExtension(calendars, SETTINGS, CATALOGUE)
    ledger = Ledger.open("sqlite://")
    with VirtualWorld(NOON, None) as world:
        system = System(world.process())
        system.start([calendar_keeper_spec(Parts(market, ledger, {}), extension)])
        world.run_for(1)
        until = threading.Event()
        for _ in range(round(PATIENCE_SECONDS / 0.01)):
            if extension.result() is not None:
                break
            until.wait(0.01)
        world.run_for(2)
        assert market.times.last > ended_at + 300 * DAY
        assert market.times["GOLD"].is_open(NOON + 364 * DAY)
        system.stop()
    ledger.close()


def test_beyond_the_end_the_process_gives_up_for_all_to_see_rather_than_guess(start_crew: StartCrew) -> None:
    crew = start_crew(EURUSD_ALONE)
    crew.run_for(60)
    crew.market.times.take(a_timetable(NOON - 20 * DAY, NOON + HOUR))
    crew.run_for(2 * HOUR / SECOND)
    assert crew.escalated, "the service manager is to start it again, with a span of its own"
    assert all("the trading times of EURUSD are built from" in said for said in crew.escalated)
    assert crew.ledger.journal.list(kind="alert")


def test_a_defect_in_building_is_told_of_too(monkeypatch: pytest.MonkeyPatch) -> None:
    store = CalendarStore(None)
    monkeypatch.setattr(store, "timetable", lambda *_: 1 / 0)
    extension = StoreExtension(store, EURUSD_ALONE, CATALOGUE)
    extension.begin(NOON, NOON + DAY)
    patience = threading.Event()
    for _ in range(round(PATIENCE_SECONDS / 0.01)):
        found = extension.result()
        if found is not None:
            break
        patience.wait(0.01)
    assert found == Extended(None, "ZeroDivisionError: division by zero")
