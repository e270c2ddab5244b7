"""What every folder of tests may use: crews that are always stopped, and the helpers of `tests/integration`."""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from actors.scripted_crew import A_WEDNESDAY_NOON, ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from persistence.ledger import Ledger
from trading.calendars import needs_schedule
from trading.market import instant
from trading.settings import Settings
from trading.settings_accounts import AccountSettings

if TYPE_CHECKING:  # at run time it is found only through the path below
    from postgres_server import Databases, PostgresServer

# No test is timed: the machine may be slow, or busy with other tests.
settings.register_profile("untimed", deadline=None)
settings.load_profile("untimed")

sys.path.insert(0, str(Path(__file__).parent / "integration"))
sys.path.append(str(Path(__file__).parents[1]))  # for the benchmarks, which nothing installs

# Told to keep nothing that is compiled, each of the many programs that the tests start would compile the whole tree.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False


def pytest_addoption(parser: pytest.Parser) -> None:
    """Take a MetaTrader 5 terminal to ask the connectors' questions of; `docs/metatrader.md` tells how."""
    group = parser.getgroup("mt5", "MetaTrader 5: a demo account, for tests/integration/test_connector_conformance.py")
    group.addoption("--mt5-terminal", metavar="PATH", help="of terminal64.exe: ask this terminal, and no other broker")
    group.addoption("--mt5-login", type=int, metavar="NUMBER", help="of the demo account")
    group.addoption("--mt5-server", metavar="NAME", help="of its broker, exactly as the terminal shows it")
    group.addoption("--mt5-password", metavar="TEXT", help="where the terminal has not saved it")
    group.addoption("--mt5-symbol", default="EURUSD", metavar="NAME", help="to trade, in the smallest volume")
    group.addoption("--mt5-portable", action="store_true", help="the terminal keeps its data beside its executable")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Keep the modules and the items out of every later look for garbage: they stay, and are millions of objects."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


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


@pytest.fixture(scope="session")
def calendars(tmp_path_factory: pytest.TempPathFactory) -> CalendarStore:
    """A store that has the calendars of every exchange from 2010 to 2035, on one folder for all workers."""
    worker_of_several = "PYTEST_XDIST_WORKER" in os.environ
    base = tmp_path_factory.getbasetemp()
    store = CalendarStore((base.parent if worker_of_several else base) / "calendars")
    needed = {needs_schedule(commodity): name for name, commodity in read_catalogue().items()}
    first, last = (instant(datetime(year, 6, 1, tzinfo=UTC)) for year in (2011, 2033))
    store.schedules({calendar: name for calendar, name in needed.items() if calendar is not None}, first, last)
    return store


@pytest.fixture(scope="session")
def own_server() -> Iterator[PostgresServer]:
    """A PostgreSQL server that a test may stop, kill and fill."""
    from postgres_server import NoServer, postgres_server

    with ExitStack() as running:
        try:
            server = running.enter_context(postgres_server())
        except NoServer as error:
            pytest.skip(f"NOT TESTED ON POSTGRESQL: {error}")
        yield server


@pytest.fixture(scope="session")
def databases(request: pytest.FixtureRequest) -> Databases:
    """A PostgreSQL server that makes databases: that of TEST_PG_URL, or the tests' own."""
    from postgres_server import GivenServer

    given = os.environ.get("TEST_PG_URL")
    if given:
        return GivenServer(given)
    server: PostgresServer = request.getfixturevalue("own_server")
    return server


@pytest.fixture(scope="session")
def template(databases: Databases) -> Iterator[str]:
    """A database with an empty ledger's tables, to be copied."""
    name = databases.new_database()
    Ledger.open(databases.url(name)).close()
    yield name
    databases.drop_database(name)


@pytest.fixture
def postgresql_url(databases: Databases, template: str) -> Iterator[str]:
    """An empty ledger in a PostgreSQL database of its own."""
    name = databases.new_database(template)
    yield databases.url(name)
    databases.drop_database(name)


@pytest.fixture(params=["sqlite", "postgresql"])
def any_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty ledger that several processes may share, on each kind of database in turn."""
    if request.param == "postgresql":
        url: str = request.getfixturevalue("postgresql_url")
        return url
    url = f"sqlite:///{(tmp_path / 'any.sqlite').as_posix()}"
    Ledger.open(url).close()
    return url


@pytest.fixture(params=["memory", "file", "postgresql"])
def any_ledger(request: pytest.FixtureRequest) -> str:
    """An empty ledger for one process, on each kind of database in turn."""
    fixtures = {"file": "ledger_url", "postgresql": "postgresql_url"}
    url: str = request.getfixturevalue(fixtures[request.param]) if request.param in fixtures else "sqlite://"
    return url


@pytest.fixture
def ledger_url(tmp_path: Path) -> str:
    """A ledger in a file, which several processes may share."""
    return f"sqlite:///{(tmp_path / 'ledger.sqlite').as_posix()}"


@pytest.fixture
def leader(start_crew: Callable[..., ScriptedCrew], world: VirtualWorld, ledger_url: str) -> ScriptedCrew:
    """A process with one account that leads its crew in a shared world, where leases expire and are renewed."""
    alpha = AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"})
    return start_crew(Settings(accounts=(alpha,)), world=world, database_url=ledger_url)
