"""An analysis that comes as a command: taken once, on the same proof as one of the inbox."""

from __future__ import annotations

import json

import pytest
from crew_helpers import StartCrew, account, decisions, trade_of

from actors.commands import CommandState, Outcome, OutcomeOf, SubmitAnalysis
from actors.messages import AccountSnapshot, MarketRead
from actors.names import OPERATOR, UPPER_LEVEL
from actors.operator import OperatorActor
from actors.scripted_crew import ScriptedCrew
from actors.system.spec import Spec
from feeds.signed_analyses import KeyOf, signed
from persistence.errors import LedgerUnavailable
from trading.market import Quote
from trading.reading import MarketReading
from trading.settings import Settings
from trading.settings_analyses import AnalysesSettings, AnalysisSource
from trading.trade import TradeState

KEY = "k" * 64
SOURCES = (AnalysisSource(name="model"),)


def begin(crew: ScriptedCrew, key_of: KeyOf | None = lambda _: KEY) -> None:
    """Begin an operator that knows the sources' keys."""
    settings, ledger = crew.market.settings, crew.ledger
    crew.system.start([Spec(OPERATOR, lambda: OperatorActor(settings, ledger, key_of), UPPER_LEVEL, max_restarts=100)])


def know(crew: ScriptedCrew) -> None:
    """Let it know what the analyst and the account tell it."""
    own = MarketReading("EURUSD", crew.now, 3600, None, None, daily_volatility=0.005, mean_price=None)
    crew.tell(OPERATOR, MarketRead(own))
    quotes = {"EURUSD": Quote("EURUSD", 1.1, 1.1001, crew.now)}
    crew.tell(OPERATOR, AccountSnapshot("alpha", crew.now, True, "", False, None, quotes, {}, {}, {}, 0, ()))
    crew.run_for(0)


@pytest.fixture
def crew(start_crew: StartCrew) -> ScriptedCrew:
    """One account, a source of analyses, and an operator that was told what there is."""
    crew = start_crew(Settings(accounts=(account(),), analyses=AnalysesSettings(sources=SOURCES)))
    begin(crew)
    crew.run_for(1)
    know(crew)
    return crew


def text(crew: ScriptedCrew, **changes: object) -> str:
    said = crew.opinion().model_dump(mode="json")
    del said["made_by"]
    return signed(json.dumps({**said, "id": "1", **changes}), "model", KEY)


def submission(said: str, number: int = 1) -> SubmitAnalysis:
    return SubmitAnalysis(request_id=f"request-{number}", by="signal token", text=said)


def ask(crew: ScriptedCrew, command: SubmitAnalysis) -> Outcome:
    outcome = crew.ask(OPERATOR, command)
    assert isinstance(outcome, Outcome)
    return outcome


def outcome(crew: ScriptedCrew) -> Outcome:
    found = crew.ask(OPERATOR, OutcomeOf("request-1"))
    assert isinstance(found, Outcome)
    return found


def test_a_signed_analysis_becomes_a_trade_once_however_often_it_is_asked_for(crew: ScriptedCrew) -> None:
    said = text(crew)
    assert ask(crew, submission(said)).state is CommandState.DONE
    assert ask(crew, submission(said)).is_repeated
    again = ask(crew, submission(said, 2))
    assert (again.state, again.detail["code"]) == (CommandState.REFUSED, "seen")
    crew.run_for(1)
    trade = trade_of(crew, "model/1")
    assert trade is not None
    assert trade.state is TradeState.OPEN
    assert len(crew.ledger.trades.list()) == 1


@pytest.mark.parametrize(
    ("changes", "code"), [({"daily_volatility": 0.5}, "volatility"), ({"commodity": "GOLD"}, "commodity")]
)
def test_what_is_not_taken_is_refused_with_the_reason_and_uses_nothing_up(
    crew: ScriptedCrew, changes: dict[str, object], code: str
) -> None:
    assert ask(crew, submission(text(crew, **changes))).detail["code"] == code
    assert ask(crew, submission(text(crew), 2)).state is CommandState.DONE


@pytest.mark.parametrize("said", ["", "nonsense", "a.b.c", "\x00\ud800", "x" * 100_000])
def test_nonsense_is_refused_and_ends_nothing(crew: ScriptedCrew, said: str) -> None:
    assert ask(crew, submission(said)).state is CommandState.REFUSED
    assert ask(crew, submission(text(crew), 2)).state is CommandState.DONE


def test_without_a_source_and_without_a_reading_nothing_is_taken(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(accounts=(account(),), analyses=AnalysesSettings(sources=SOURCES)))
    begin(crew)
    crew.run_for(1)
    assert ask(crew, submission(text(crew))).detail["code"] == "not_leading"
    know_no_reading = AccountSnapshot("alpha", crew.now, True, "", False, None, {}, {}, {}, {}, 0, ())
    crew.tell(OPERATOR, know_no_reading)
    assert ask(crew, submission(text(crew), 2)).detail["code"] == "not_ready"
    other = start_crew(Settings(accounts=(account(),)))
    begin(other, None)
    other.tell(OPERATOR, know_no_reading)
    assert ask(other, submission("anything")).detail["code"] == "source"


@pytest.mark.parametrize("is_told", [True, False])
def test_one_that_was_not_written_to_the_end_is_resolved_by_what_was_decided(
    crew: ScriptedCrew, monkeypatch: pytest.MonkeyPatch, is_told: bool
) -> None:
    """Killed between the commit and the telling, or between the telling and its outcome: an operator begins anew."""
    tell = crew.system.tell
    with monkeypatch.context() as dying:
        dying.setattr(crew.ledger.requests, "settle", _away)
        if not is_told:
            dying.setattr(crew.system, "tell", lambda name, said: None if name == "trader" else tell(name, said))
        assert ask(crew, submission(text(crew))).state is CommandState.UNRESOLVED
        crew.tell(OPERATOR, "something that it does not take")
        crew.run_for(0.1)
    know(crew)
    crew.run_for(20)
    if is_told:
        assert decisions(crew) == ["open_told"]
        assert outcome(crew).state is CommandState.DONE
        return
    assert outcome(crew).state is CommandState.UNRESOLVED
    crew.run_for(crew.market.settings.analysis_max_age_seconds + 20)
    assert outcome(crew).state is CommandState.REFUSED
    assert "make another one" in outcome(crew).said
    assert not crew.ledger.trades.list()


def _away(*_: object, **__: object) -> None:
    raise LedgerUnavailable("the ledger", "it is away")
