"""What every folder of tests may use: crews that are always stopped, and the helpers of `tests/integration`."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from trading.settings import AccountSettings, Settings

# No test is timed: the machine may be slow, or busy with other tests.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

sys.path.insert(0, str(Path(__file__).parent / "integration"))


@pytest.fixture
def start_crew() -> Iterator[Callable[..., ScriptedCrew]]:
    """Begins a crew against scripted brokers; takes what `ScriptedCrew` takes. Every actor is stopped afterwards."""
    with ExitStack() as running:

        def start(*arguments: object, **named: object) -> ScriptedCrew:
            return running.enter_context(ScriptedCrew(*arguments, **named))  # type: ignore[arg-type]  # as it takes

        yield start


@pytest.fixture
def world() -> Iterator[VirtualWorld]:
    """A world that several crews may share, from noon of a Wednesday on."""
    with VirtualWorld(A_WEDNESDAY_NOON) as shared:
        yield shared


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    """A ledger in a file, which several processes may share."""
    return f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"


@pytest.fixture
def leader(start_crew: Callable[..., ScriptedCrew], world: VirtualWorld, ledger_url: str) -> ScriptedCrew:
    """A process with one account that leads its crew in a shared world, where leases expire and are renewed."""
    alpha = AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"})
    return start_crew(Settings(accounts=(alpha,)), world=world, database_url=ledger_url)
