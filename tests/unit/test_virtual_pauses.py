"""Processes that are stopped and go on, and a market clock that is set, in virtual time."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from actors.system.context import Context
from actors.system.runtime_virtual import VirtualWorld
from actors.system.spec import Spec
from actors.system.system import System

ORIGIN = 1_772_625_600_000


@dataclass(frozen=True)
class Tick:
    """Timer: note the time, and come again in a second."""


class Ticking:
    """Notes elapsed seconds every second."""

    def __init__(self, noted: list[float]) -> None:
        self._noted = noted

    def start(self, context: Context) -> None:
        context.later(1.0, Tick())

    def receive(self, message: object, context: Context) -> None:
        self._noted.append(context.elapsed())
        context.later(1.0, Tick())


class Pausing:
    """Stops its own process in the middle of a message, and notes when it began and when it went on."""

    def __init__(self, noted: list[float], pause: Callable[[], None]) -> None:
        self._noted = noted
        self._pause = pause

    def receive(self, message: object, context: Context) -> None:
        self._noted.append(context.elapsed())
        self._pause()
        self._noted.append(context.elapsed())


def test_a_stopped_process_does_nothing_and_goes_on_where_it_was() -> None:
    with VirtualWorld(ORIGIN) as world:
        runtime, noted = world.process(), list[float]()
        System(runtime).spawn(Spec("ticking", lambda: Ticking(noted), 1))
        world.run_for(2.5)
        runtime.pause(10.0)
        world.run_for(9.0)
        assert noted == [1.0, 2.0]
        world.run_for(3.0)
    assert noted == [1.0, 2.0, 12.5, 13.5, 14.5], "the timer that came meanwhile waited in the mailbox"


def test_others_go_on_while_a_process_is_stopped() -> None:
    with VirtualWorld(ORIGIN) as world:
        stopped, noted = world.process(), list[float]()
        System(stopped).spawn(Spec("ticking", lambda: Ticking([]), 1))
        System(world.process()).spawn(Spec("ticking", lambda: Ticking(noted), 1))
        stopped.pause(100.0)
        world.run_for(3.5)
    assert noted == [1.0, 2.0, 3.0]


def test_an_actor_that_stops_its_process_goes_on_in_the_middle_of_its_message() -> None:
    with VirtualWorld(ORIGIN) as world:
        runtime, noted = world.process(), list[float]()
        behaviour = Pausing(noted, lambda: runtime.pause(7.0))
        system = System(runtime)
        system.spawn(Spec("pausing", lambda: behaviour, 1))
        system.tell("pausing", "now")
        world.run_for(6.0)
        assert noted == [0.0]
        world.run_for(2.0)
    assert noted == [0.0, 7.0]


def test_a_process_that_is_killed_while_it_is_stopped_never_goes_on() -> None:
    with VirtualWorld(ORIGIN) as world:
        runtime, noted = world.process(), list[float]()
        system = System(runtime)
        system.spawn(Spec("ticking", lambda: Ticking(noted), 1))
        runtime.pause(5.0)
        system.kill()
        world.run_for(20.0)
    assert noted == []


def test_the_markets_clock_can_be_set_while_elapsed_time_goes_on() -> None:
    with VirtualWorld(ORIGIN) as world:
        world.run_for(10.0)
        world.step_market(-4.0)
        assert (world.elapsed(), world.now()) == (10.0, ORIGIN + 6_000)
        world.run_for(1.0)
        world.step_market(60.0)
        assert (world.elapsed(), world.now()) == (11.0, ORIGIN + 67_000)


def test_a_market_that_stands_has_no_clock_to_set() -> None:
    with VirtualWorld(ORIGIN, ticking=True) as world, pytest.raises(ValueError, match="a market that stands"):
        world.step_market(1.0)
