"""The process dies before and after each call of an open and of a close; the next one finds out, and all records agree.

What is on disk and at the broker at that moment is all that the next process has to go by.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, TypeAlias

import pytest
from crew_helpers import closes_sent, deals, move, must_agree, now, only_alpha, opened, positions, sent, states

from actors.lookup import QUARANTINE_SECONDS
from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from trading.trade import CloseReason, TradeState

TTL_SECONDS = 60.0
SETTLED_SECONDS = QUARANTINE_SECONDS + 60

# Each call that an open makes, in order. Dying before it, and after it: how many orders the broker has then seen, and
# what the next process makes of it.
Found: TypeAlias = tuple[int, list[str]]
NOTHING: Found = (0, [])
NEVER_SENT: Found = (0, ["failed"])
EXECUTED: Found = (1, ["open"])
OPENING: dict[str, tuple[Found, Found]] = {
    "reserve_resource": (NOTHING, NOTHING),
    "submit": (NOTHING, NEVER_SENT),
    "open": (NEVER_SENT, EXECUTED),
    "advance": (EXECUTED, EXECUTED),
    "release_resource": (EXECUTED, EXECUTED),
}
# The same for a close: how many the broker has then seen.
CLOSING = {"advance": (0, 0), "close": (0, 1), "deals": (1, 1), "advance again": (1, 1)}
WHEN = pytest.mark.parametrize("after", [False, True], ids=["before", "after"])


@pytest.fixture
def first(world: VirtualWorld, ledger_url: str) -> Iterator[ScriptedCrew]:
    """The process that will die."""
    crew = ScriptedCrew(only_alpha(), world=world, database_url=ledger_url)
    crew.start()
    crew.run_for(1)
    yield crew
    crew.close()


@pytest.fixture
def next_process(first: ScriptedCrew, world: VirtualWorld, ledger_url: str) -> Iterator[Callable[[], ScriptedCrew]]:
    """Begins the process that comes after it, once the leases of the dead have expired."""
    begun: list[ScriptedCrew] = []

    def begin() -> ScriptedCrew:
        assert first.system.is_killed
        world.run_for(TTL_SECONDS + 1)
        crew = ScriptedCrew(only_alpha(), world.now(), world=world, database_url=ledger_url, brokers=first.brokers)
        begun.append(crew)
        crew.start()
        return crew

    yield begin
    for crew in begun:
        crew.close()


def die_at(crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch, call: str, *, after: bool) -> None:
    """Let the process vanish around the next call of this name; with ``again``, around the one after that."""
    name, _, again = call.partition(" ")
    alpha, ledger = crew.brokers["alpha"], crew.ledger
    part = next(part for part in (alpha, ledger.trades, ledger.reservations) if hasattr(part, name))
    real, calls_left = getattr(part, name), [2 if again else 1]

    def around(*arguments: Any, **named: Any) -> Any:
        calls_left[0] -= 1
        if calls_left[0]:
            return real(*arguments, **named)
        if not after:
            crew.kill()
        real(*arguments, **named)
        crew.kill()
        raise AssertionError("a process that was killed goes on")

    monkeypatch.setattr(part, name, around)


@WHEN
@pytest.mark.parametrize("call", list(OPENING))
def test_an_open_that_the_process_dies_in_is_neither_lost_nor_doubled(
    first: ScriptedCrew,
    next_process: Callable[[], ScriptedCrew],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    after: bool,
) -> None:
    with monkeypatch.context() as dying:
        die_at(first, dying, call, after=after)
        first.analyse(first.opinion())
        first.run_for(5)
    orders, becomes = OPENING[call][after]
    assert len(sent(first)) == orders
    second = next_process()
    second.run_for(SETTLED_SECONDS)
    assert len(sent(second)) == orders, "the look-up finds out, and not another order"
    assert states(second) == becomes
    must_agree(second)
    if not orders:
        opened(second)
    assert len(positions(second)) == 1
    must_agree(second)


@WHEN
@pytest.mark.parametrize("call", list(CLOSING))
def test_a_close_that_the_process_dies_in_is_neither_lost_nor_doubled(
    first: ScriptedCrew,
    next_process: Callable[[], ScriptedCrew],
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    after: bool,
) -> None:
    trade = opened(first)
    first.run_for(1)
    with monkeypatch.context() as dying:
        die_at(first, dying, call, after=after)
        move(first, trade.stop_price)
        first.run_for(5)
    assert closes_sent(first) == CLOSING[call][after]
    second = next_process()
    second.run_for(5)
    closed = now(second, trade)
    assert (closed.state, closed.close_reason) == (TradeState.CLOSED, CloseReason.STOP)
    assert closes_sent(second) == 1
    assert len(deals(second, trade)) == 2
    must_agree(second)
