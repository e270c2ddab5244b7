"""Several crews on one database: what one does neither shows in another nor stands in its way."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest
from crew_helpers import StartCrew, account, alerts, decisions, must_agree, opened, sent, told
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_ledger import NOON, Clock, Holder, a_ledger, a_line

from actors.scripted_crew import ScriptedCrew
from actors.system.runtime_virtual import VirtualWorld
from console.arguments import Trades, Why
from console.configuration import Configuration, load
from console.errors import CommandError
from console.serve import require_watched
from console.status import status_data
from console.trades import trades_data
from console.why import why_data
from persistence.errors import AnalysisSeen, SlotTaken
from persistence.ledger import Ledger
from trading.settings import Settings
from trading.trade import Trade, TradeState

DAY_CREW, NIGHT_CREW = "day", "night"
COMMODITIES = ("EURUSD", "GOLD")


# ---------------------------------------------------------------- in the ledger


@dataclass
class Crew:
    """One crew with an account of its own, and what it remembers of its trades."""

    ledger: Ledger
    platform: str
    open: dict[str, Trade] = field(default_factory=dict)

    def act(self, kind: str, commodity: str, number: int) -> str:
        """Do one thing; answers what came of it."""
        me = Holder(self.ledger, f"host:{self.platform}")
        match kind:
            case "open":
                try:
                    self.open[commodity] = me.open(
                        platform=self.platform, commodity=commodity, analysis_id=f"analysis-{number}"
                    )
                except (AnalysisSeen, SlotTaken) as error:
                    return type(error).__name__
            case "close" if commodity in self.open:
                me.close(self.open.pop(commodity), float(number))
            case "refuse":
                line = a_line("decision", "refused:spread", commodity=commodity, at=NOON + number)
                self.ledger.journal.append(line, fold=True)
            case _:
                return "nothing to do"
        return "done"

    def view(self) -> tuple[object, ...]:
        """All that the crew can see, without the numbers that the database gives out."""
        trades, journal = self.ledger.trades, self.ledger.journal
        return (
            [unnumbered(trade) for trade in trades.list()],
            [unnumbered(trade) for trade in trades.active()],
            trades.tally(),
            trades.last_submissions(),
            [trades.knows_analysis(f"analysis-{number}") for number in range(4)],
            [replace(line, id=0, trade_id=None) for line in journal.list()],
            journal.count_by_reason("decision"),
            journal.export().count(b"\n"),
            [self.ledger.reservations.holder(f"{self.platform}:{commodity}") for commodity in COMMODITIES],
        )


def unnumbered(trade: Trade) -> Trade:
    return replace(trade, trade_id=0, magic=0)


actions = st.lists(
    st.tuples(
        st.booleans(), st.sampled_from(["open", "close", "refuse"]), st.sampled_from(COMMODITIES), st.integers(0, 3)
    ),
    max_size=20,
)


@pytest.fixture
def emptied(any_url: str) -> Iterator[Callable[[], str]]:
    """The URL of a ledger that is empty again at every call."""
    kept = Ledger.open(any_url)

    def empty() -> str:
        with kept.writing() as connection:
            for table in ("journal", "trade", "account", "reservation", "crew_mode"):
                connection.exec_driver_sql(f"DELETE FROM {table}")
        return any_url

    yield empty
    kept.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=actions)
def test_each_crew_sees_and_meets_exactly_what_it_would_alone(
    emptied: Callable[[], str], steps: list[tuple[bool, str, str, int]]
) -> None:
    with ExitStack() as running:

        def crew(url: str, name: str, platform: str) -> Crew:
            return Crew(running.enter_context(a_ledger(url, crew=name, lease_clock=Clock())), platform)

        url = emptied()
        together = {True: crew(url, DAY_CREW, "alpha"), False: crew(url, NIGHT_CREW, "beta")}
        alone = {True: crew("sqlite://", DAY_CREW, "alpha"), False: crew("sqlite://", NIGHT_CREW, "beta")}
        for is_day, kind, commodity, number in steps:
            done = together[is_day].act(kind, commodity, number)
            assert done == alone[is_day].act(kind, commodity, number)
        for is_day in (True, False):
            assert together[is_day].view() == alone[is_day].view()


def test_an_account_that_changes_crews_takes_its_trades_along(any_url: str) -> None:
    with a_ledger(any_url, crew=DAY_CREW) as day, a_ledger(any_url, crew=NIGHT_CREW) as night:
        me = Holder(day)
        trade = me.open()
        assert (day.trades.active(), night.trades.active()) == ([trade], [])
        night.trades.register_account("alpha")
        assert (day.trades.active(), night.trades.active()) == ([], [trade])


# ---------------------------------------------------------------- whole crews


def settings_of(crew: str, *platforms: str, **changes: Any) -> Settings:
    """A crew with these accounts, each trading EURUSD."""
    return Settings(crew=crew, accounts=tuple(account(name) for name in platforms), **changes)


@pytest.fixture
def crews(start_crew: StartCrew, world: VirtualWorld, any_url: str) -> tuple[ScriptedCrew, ScriptedCrew]:
    """Two crews that share a world and a ledger, with an account each."""
    day = start_crew(settings_of(DAY_CREW, "alpha"), world=world, database_url=any_url)
    night = start_crew(settings_of(NIGHT_CREW, "beta"), world=world, database_url=any_url)
    return day, night


def test_two_crews_trade_on_analyses_of_the_same_names(crews: tuple[ScriptedCrew, ScriptedCrew]) -> None:
    for crew in crews:
        crew.analyse(crew.opinion(id="EURUSD-day-buy-2026-03-04T12:00Z"))
        crew.run_for(1)
    for crew, platform in zip(crews, ("alpha", "beta"), strict=True):
        assert [trade.platform for trade in crew.ledger.trades.list()] == [platform]
        assert len(crew.brokers[platform].asked("open")) == 1
        assert decisions(crew) == ["open_told"]


def test_a_crew_watches_its_own_trades_and_neither_tells_nor_alerts_of_others(
    crews: tuple[ScriptedCrew, ScriptedCrew],
) -> None:
    day, night = crews
    for crew in crews:
        trade = opened(crew)
        broker = crew.brokers[trade.platform]
        broker.price("EURUSD", trade.stop_price - 0.0001, trade.stop_price)
    day.tell("monitor", "a message that nobody takes")  # upon which it begins again, with what the ledger says
    day.tell("scheduler", "a message that nobody takes")
    day.run_for(600)
    for crew in crews:
        must_agree(crew)
        assert crew.ledger.trades.active() == []
        assert crew.escalated == []
    assert day.ledger.journal.count_by_reason("alert") == {"crashed": 2}
    assert night.ledger.journal.count_by_reason("alert") == {}


def test_of_two_crews_that_name_one_account_the_second_stands_by_on_it_and_says_so(
    start_crew: StartCrew, world: VirtualWorld, any_url: str
) -> None:
    day = start_crew(settings_of(DAY_CREW, "alpha"), world=world, database_url=any_url)
    trade = opened(day)
    night = start_crew(
        settings_of(NIGHT_CREW, "alpha", "beta"), world=world, database_url=any_url, brokers=dict(day.brokers)
    )
    assert any("alpha: " in alert and "holds the account" in alert for alert in alerts(night, "standing_by"))
    assert night.ledger.trades.active() == []
    second = opened(night)
    assert second.platform == "beta"
    assert len(sent(day)) == 1
    day.close()
    world.run_for(120)
    assert [kept.trade_id for kept in night.ledger.trades.active()] == [trade.trade_id, second.trade_id]
    assert told(night) is None, "both are taken"


def test_the_commands_show_a_crew_its_own_and_who_holds_an_account_that_it_names(
    crews: tuple[ScriptedCrew, ScriptedCrew], any_url: str, tmp_path: Path
) -> None:
    for crew in crews:
        opened(crew, id="EURUSD-day-buy-2026-03-04T12:00Z")
        crew.run_for(1)
    for crew, name, platform in zip(crews, (DAY_CREW, NIGHT_CREW), ("alpha", "beta"), strict=True):
        configuration = configuration_of(tmp_path, name, platform, any_url)
        status = status_data(configuration, crew.ledger)
        assert {lease["resource"] for lease in status["leases"]} == {f"crew:{name}", f"account:{platform}"}
        assert [trade["platform"] for trade in status["open_trades"]] == [platform]
        assert status["trades_by_state"] == {"open": 1}
        told = why_data(Why(last=10), crew.ledger, configuration)
        (decision,) = told["decisions"]
        assert [trade["platform"] for trade in decision["trades"]] == [platform]
        (trade,) = trades_data(Trades(), crew.ledger, configuration.commodities)["trades"]
        assert trade["platform"] == platform
    naming_both = configuration_of(tmp_path, NIGHT_CREW, "alpha", any_url)
    held = {lease["resource"]: lease["owner"] for lease in status_data(naming_both, crews[1].ledger)["leases"]}
    assert held["account:alpha"] == crews[0].runtime.owner


def configuration_of(directory: Path, crew: str, platform: str, url: str) -> Configuration:
    """A file of settings for a crew with one account, read."""
    file = directory / f"{crew}-{platform}.toml"
    account = f'[[accounts]]\nname = "{platform}"\nsymbols = {{ EURUSD = "EURUSD" }}\n'
    file.write_text(f'crew = "{crew}"\ndatabase_url = "{url}"\n{account}')
    return load(file, {})


def test_trades_on_another_crews_accounts_need_no_watching_here_and_ones_own_do(
    crews: tuple[ScriptedCrew, ScriptedCrew], any_url: str
) -> None:
    day, night = crews
    opened(day)
    require_watched(night.ledger, settings_of(NIGHT_CREW, "beta"))
    with pytest.raises(CommandError, match="nobody would guard its stop"):
        require_watched(day.ledger, settings_of(DAY_CREW, "gamma"))


def test_a_late_trade_is_one_that_somebody_must_watch_too() -> None:
    with a_ledger() as ledger:
        holder = Holder(ledger)
        failed = holder.fail(holder.submit())
        require_watched(ledger, settings_of("default", "gamma"))
        holder.advance(failed, TradeState.LATE, ticket=1, position_id=1, entry_price=1.1, opened_at=failed.submitted_at)
        require_watched(ledger, settings_of("default", "alpha"))
        with pytest.raises(CommandError, match="late"):
            require_watched(ledger, settings_of("default", "gamma"))
