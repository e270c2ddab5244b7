"""What an operator must see goes first, and a summary does not make up a profit that is not known."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from crew_helpers import only_alpha
from made_ledger import NOON, Holder, a_ledger
from made_services import ScriptedServices, TellingCrew, told_settings

from actors import daily_summary
from actors.names import BROKER_AWAY, BROKER_BACK, LEFT_OPEN, NOT_CARRIED_OUT, OPERATOR, RULE_MISSED, STILL_OPEN
from actors.notice_words import of_alert
from actors.notices import Urgency
from actors.system.alerts import DEFECTS, Alert
from persistence.pauses import Scope
from trading.market import HOUR
from trading.modes import Mode
from trading.settings_notifications import Event
from trading.trade import CloseReason, TradeState

NEEDS_A_PERSON = (LEFT_OPEN, NOT_CARRIED_OUT, RULE_MISSED, STILL_OPEN, "halt", "late", "missing", "stuck", *DEFECTS)


@pytest.fixture
def holder() -> Iterator[Holder]:
    with a_ledger() as ledger:
        yield Holder(ledger)


@pytest.mark.parametrize("reason", sorted(NEEDS_A_PERSON))
def test_what_a_person_must_see_is_urgent(reason: str) -> None:
    notice = of_alert(Alert(NOON, "monitor", reason, "alpha:EURUSD: not closed after 5 attempts"))
    assert notice is not None
    assert notice.urgency is Urgency.URGENT


def test_a_command_that_was_not_carried_out_is_told_of_as_stuck_and_a_broker_that_is_away_can_wait() -> None:
    wanted = of_alert(Alert(NOON, OPERATOR, NOT_CARRIED_OUT, "close of trade 7: given up"))
    away = of_alert(Alert(NOON, "platform:alpha", BROKER_AWAY, "alpha: no connection"))
    assert wanted is not None
    assert away is not None
    assert (wanted.event, away.event, away.urgency) == (Event.STUCK, Event.ALERTS, Urgency.NORMAL)


def test_the_summary_says_of_how_many_closed_trades_the_profit_is_not_known(holder: Holder) -> None:
    def line() -> str:
        notice = daily_summary.summary(holder.ledger, only_alpha(), {}, NOON + HOUR)
        return notice.text.splitlines()[1]

    holder.close(holder.open())
    assert line() == "alpha: +12.50; 1 opened, 1 closed (1 target); equity not known"
    for number in (2, 3):
        trade = holder.open(commodity="GBPUSD", analysis_id=str(number))
        closing = holder.advance(trade, TradeState.CLOSING, close_reason=CloseReason.STOP)
        holder.advance(closing, TradeState.CLOSED, closed_at=NOON + 90, profit=None)
    counted = "3 closed (2 stop, 1 target), of which 2 without a known profit"
    assert line() == f"alpha: +12.50; 3 opened, {counted}; equity not known"


def test_the_last_that_is_told_of_a_broker_that_comes_and_goes_is_how_it_is() -> None:
    services = ScriptedServices()
    with TellingCrew(services, told_settings(fold_seconds=60)) as crew:
        crew.run_for(2)
        for number in range(9):
            crew.system.alert("platform:alpha", BROKER_BACK if number % 2 else BROKER_AWAY, f"alpha: it is {number}")
            crew.run_for(10)
        crew.run_for(120)
    assert services.titles() == [f"Watchbill: platform:alpha: broker{back}" for back in ("", " back", "", "")]
    assert services.taken[-1][2] == "alpha: it is 8 (2 times more; this is the newest)"


def test_a_halt_that_ends_a_pause_too_is_told_to_have_ended_it() -> None:
    services = ScriptedServices()
    with TellingCrew(services, told_settings()) as crew:
        for mode in (Mode.PAUSED, Mode.HALTED, Mode.TRADING):
            crew.run_for(60)
            crew.ledger.modes.set("default", mode, reason="", by="anna@desk", at=crew.now)
        crew.run_for(60)
    assert services.titles()[:2] == ["Watchbill: paused", "Watchbill: HALTED"]
    assert sorted(services.titles()[2:]) == ["Watchbill: guarded again", "Watchbill: opens are allowed again"]


def test_a_pause_of_a_part_is_told_and_so_is_its_end() -> None:
    services = ScriptedServices()
    with TellingCrew(services, told_settings()) as crew:
        for paused in (True, False):
            crew.run_for(60)
            scope = Scope("alpha", "EURUSD")
            crew.ledger.pauses.set("default", scope, paused=paused, reason="", by="anna@desk", at=crew.now)
        crew.run_for(60)
    assert services.titles() == [f"Watchbill: {said} (alpha:EURUSD)" for said in ("paused", "opens are allowed again")]
