"""What people are told, in virtual time: each thing once, at least once over restarts, and never at trading's cost."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import TypeAlias

import pytest
from crew_helpers import lost, opened
from made_services import ScriptedServices, TellingCrew, told_settings

from actors.names import NOTIFIER
from actors.scripted_crew import A_WEDNESDAY_NOON
from actors.system.alerts import Alert
from actors.system.runtime_virtual import VirtualWorld
from connectors.mock_script import lost_reply
from persistence.journal import JournalEntry
from trading.market import HOUR, Side
from trading.modes import Mode
from trading.settings import Settings
from trading.settings_notifications import Event
from trading.trade import TradeState

NOON = A_WEDNESDAY_NOON
Tell: TypeAlias = Callable[..., TellingCrew]


@pytest.fixture
def tell() -> Iterator[Tell]:
    """Begins a crew that tells services; every actor is stopped afterwards."""
    with ExitStack() as running:

        def start(services: ScriptedServices, settings: Settings, **named: object) -> TellingCrew:
            return running.enter_context(TellingCrew(services, settings, **named))

        yield start


def file_in(folder: Path) -> str:
    """A ledger's address in this folder."""
    return f"sqlite:///{folder / 'ledger.sqlite'}"


def say(crew: TellingCrew, reason: str, detail: str = "", actor: str = "monitor") -> None:
    """Let an actor alert the operator."""
    crew.system.alert(actor, reason, detail)


def test_a_trade_is_told_of_when_it_opens_and_when_it_closes(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings())
    crew.run_for(2)
    trade = opened(crew)
    crew.run_for(5)
    assert services.titles() == ["alpha:EURUSD: opened"]
    assert services.taken[0][2].startswith(f"buy {trade.volume_lots:g} lots at 1.10010, stop ")
    crew.brokers["alpha"].price("EURUSD", 1.2, 1.2001)
    crew.run_for(60)
    title, text = services.taken[1][1:]
    assert title.startswith("alpha:EURUSD: closed by target, +")
    assert title.endswith(" USD")
    assert "in at 1.10010, out at 1.20000" in text
    assert crew.counts.sent == 2


def test_the_journal_has_what_was_said(tell: Tell) -> None:
    crew = tell(ScriptedServices(), told_settings())
    crew.run_for(2)
    trade = opened(crew)
    crew.run_for(5)
    (line,) = crew.ledger.journal.list(kind="notification")
    assert (line.reason, line.trade_id, line.detail["outcome"]) == ("opened", trade.trade_id, "sent")


def test_an_unknown_outcome_is_told_of_once_and_so_is_what_became_of_it(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings())
    crew.run_for(2)
    crew.brokers["alpha"].script(open=[lost_reply(executed=True)])
    lost(crew)
    crew.run_for(120)
    assert services.titles() == ["alpha:EURUSD: an order's outcome is unknown", "alpha:EURUSD: opened"]
    assert services.taken[1][2].endswith("its order had been in doubt")


def test_an_event_that_is_not_chosen_is_not_told_of(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings(events=(Event.CLOSED,)))
    crew.run_for(2)
    opened(crew)
    say(crew, "broker", "alpha: away")
    crew.run_for(30)
    assert services.taken == []


def test_an_alert_said_again_and_again_is_counted(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings(fold_seconds=60))
    crew.run_for(2)
    for number in range(30):
        say(crew, "bad_quote", f"alpha:EURUSD: it is crossed (number {number})")
        crew.run_for(1)
    crew.run_for(60)
    assert services.titles() == ["Watchbill: monitor: bad quote"] * 2
    assert services.taken[1][2] == "alpha:EURUSD: it is crossed (number 29) (29 times more; this is the newest)"
    say(crew, "bad_quote", "beta:EURUSD: it is crossed")
    crew.run_for(5)
    assert len(services.taken) == 3, "of another account it is something else"


def test_a_service_that_fails_is_told_again_later_and_the_others_not(tell: Tell) -> None:
    is_dead = True
    services = ScriptedServices(refuses=lambda parcel, service: "it is away" if service == 1 and is_dead else "")
    crew = tell(services, told_settings(services=2))
    crew.run_for(2)
    opened(crew)
    crew.run_for(60)
    assert (services.titles(0), services.titles(1)) == (["alpha:EURUSD: opened"], [])
    said = [line.detail["said"] for line in crew.ledger.journal.list(kind="alert") if line.reason == "notifications"]
    assert said == ["urls[1] (made) takes nothing: it is away; it is tried again"], "once, however often it fails"
    is_dead = False
    crew.run_for(120)
    assert (services.titles(0), services.titles(1)) == (["alpha:EURUSD: opened"], ["alpha:EURUSD: opened"])
    assert crew.counts.sent == 1


def test_its_own_troubles_are_not_told_by_the_notifier(tell: Tell) -> None:
    services = ScriptedServices(refuses=lambda parcel, service: "it is away")
    crew = tell(services, told_settings(attempts=3))
    crew.run_for(2)
    opened(crew)
    crew.run_for(600)
    assert {parcel.notice.event for batch in services.batches for parcel in batch} == {Event.OPENED}
    assert (crew.counts.failed, crew.counts.waiting, crew.counts.attempts_failed) == (1, 0, 3)


def test_a_message_that_waited_too_long_is_given_up(tell: Tell) -> None:
    services = ScriptedServices(refuses=lambda parcel, service: "it is away")
    crew = tell(services, told_settings(attempts=100, give_up_seconds=120))
    crew.run_for(2)
    opened(crew)
    crew.run_for(600)
    (line,) = crew.ledger.journal.list(kind="notification")
    assert line.detail["outcome"] == "given up: too old"


def test_a_sender_that_never_answers_holds_up_nobody(tell: Tell) -> None:
    services = ScriptedServices(answers=False)
    crew = tell(services, told_settings())
    crew.run_for(2)
    opened(crew)
    crew.brokers["alpha"].price("EURUSD", 1.2, 1.2001)
    crew.run_for(60)
    assert [trade.state for trade in crew.ledger.trades.list()] == [TradeState.CLOSED]
    assert crew.system.ping_all(1.0) == []
    assert len(services.batches) == 1


def test_a_pause_by_another_process_is_told_of_with_who_asked(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings())
    crew.run_for(2)
    crew.ledger.modes.set("default", Mode.PAUSED, reason="elections", by="anna@desk", at=crew.now)
    crew.run_for(30)
    crew.ledger.modes.set("default", Mode.TRADING, reason="", by="anna@desk", at=crew.now)
    crew.run_for(30)
    assert [taken[1:] for taken in services.taken] == [
        ("Watchbill: paused", "By anna@desk: elections. Open trades are guarded as before."),
        ("Watchbill: opens are allowed again", "By anna@desk. Open trades are guarded as before."),
    ]


def test_a_halt_is_told_of_once_with_what_nobody_guards_and_so_is_its_end(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings(events=(Event.HALTED, Event.PAUSED)))
    crew.run_for(2)
    opened(crew)
    crew.ledger.modes.set("default", Mode.HALTED, reason="", by="anna@desk", at=crew.now)
    crew.run_for(60)
    assert services.titles() == ["Watchbill: HALTED"]
    assert "nobody guards alpha:EURUSD buy" in services.taken[0][2]
    crew.ledger.modes.set("default", Mode.TRADING, reason="", by="anna@desk", at=crew.now)
    crew.run_for(60)
    assert services.titles() == ["Watchbill: HALTED", "Watchbill: guarded again"]
    crew.ledger.modes.set("default", Mode.HALTED, reason="", by="anna@desk", at=crew.now)
    crew.run_for(60)
    assert services.titles() == ["Watchbill: HALTED", "Watchbill: guarded again", "Watchbill: HALTED"]


def test_a_trade_that_was_not_told_of_before_a_kill_is_told_of_after_it_and_no_other(
    tmp_path: Path, world: VirtualWorld
) -> None:
    mute, services = ScriptedServices(answers=False), ScriptedServices()
    before = TellingCrew(mute, told_settings(), database_url=file_in(tmp_path), world=world)
    before.start()
    before.run_for(2)
    opened(before)
    before.run_for(30)
    brokers = before.brokers
    before.kill()
    world.run_for(120)
    with TellingCrew(services, told_settings(), database_url=file_in(tmp_path), world=world, brokers=brokers) as after:
        after.run_for(60)
        assert services.titles() == ["alpha:EURUSD: opened"]
        brokers = after.brokers
    again = ScriptedServices()
    with TellingCrew(again, told_settings(), database_url=file_in(tmp_path), world=world, brokers=brokers) as third:
        third.run_for(60)
        assert again.taken == []


def test_what_happened_long_ago_is_no_news_after_a_restart(tmp_path: Path, world: VirtualWorld) -> None:
    mute, services = ScriptedServices(answers=False), ScriptedServices()
    with TellingCrew(mute, told_settings(), database_url=file_in(tmp_path), world=world) as before:
        before.run_for(2)
        opened(before)
        brokers = before.brokers
    world.run_for(2 * HOUR / 1000)
    with TellingCrew(services, told_settings(), database_url=file_in(tmp_path), world=world, brokers=brokers) as after:
        after.run_for(60)
    assert services.taken == []


def seldom(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """The same, for a whole day: a crew that wakes as seldom as it may, for nothing happens meanwhile."""
    monkeypatch.setattr("actors.notifier.LOOK_SECONDS", 120.0)
    monkeypatch.setattr("actors.notifier.LEDGER_SECONDS", 120.0)
    rare = {"price_poll_seconds": 50.0, "ai_monitor_interval_seconds": 600.0, "ai_db_reservation_ttl_seconds": 3_600.0}
    return settings.model_copy(update=rare)


def test_the_daily_summary_is_made_once_by_whichever_process_is_first(
    tmp_path: Path, world: VirtualWorld, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = ScriptedServices(), ScriptedServices()
    settings = seldom(told_settings(daily_summary_at="12:10", events=(Event.DAILY_SUMMARY,)), monkeypatch)
    with TellingCrew(first, settings, database_url=file_in(tmp_path), world=world) as crew:
        crew.run_for(2)
        opened(crew)
        crew.run_for(700)
        ((_, title, text),) = first.taken
        brokers = crew.brokers
    assert title == "Watchbill: 2026-03-04, crew default"
    assert text.splitlines()[0] == "2026-03-03T12:10:00Z to 2026-03-04T12:10:00Z, market time"
    assert text.splitlines()[1].startswith("alpha: +0.00 USD; 1 opened, 0 closed; equity ")
    assert text.splitlines()[2].startswith("  EURUSD buy ")
    assert text.splitlines()[-1] == "1 decisions, 0 refused"
    with TellingCrew(second, settings, database_url=file_in(tmp_path), world=world, brokers=brokers) as crew:
        crew.run_for(120)
        assert second.taken == []
        crew.run_for(86_400)
        assert len(second.taken) == 1


def test_a_summary_that_was_due_while_nobody_ran_is_made_at_the_next_start(tmp_path: Path, world: VirtualWorld) -> None:
    services = ScriptedServices()
    settings = told_settings(daily_summary_at="12:10", events=(Event.DAILY_SUMMARY,))
    with TellingCrew(ScriptedServices(), settings, database_url=file_in(tmp_path), world=world) as crew:
        crew.run_for(2)
        opened(crew)
        brokers = crew.brokers
    world.run_for(1_200)
    with TellingCrew(services, settings, database_url=file_in(tmp_path), world=world, brokers=brokers) as crew:
        crew.run_for(60)
    assert services.titles() == ["Watchbill: 2026-03-04, crew default"]


def test_a_fresh_crew_has_no_summary_of_a_day_before_it_began(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings(daily_summary_at="11:50", events=(Event.DAILY_SUMMARY,)))
    crew.run_for(120)
    assert services.taken == []


def test_alerts_do_not_flood_the_notifier(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings(most_per_hour=8))
    crew.run_for(2)
    for number in range(50):
        say(crew, "trouble", f"thing {number}: broken")
    lost_trade(crew)
    crew.run_for(3_700)
    titles = services.titles()
    assert "alpha:EURUSD: an order's outcome is unknown" in titles, "there is room for what is urgent"
    assert len(titles) <= 8 + 8
    assert any(title.startswith("Watchbill: and ") for title in titles)
    assert crew.counts.held_back > 0


def lost_trade(crew: TellingCrew) -> None:
    """Have an order sent whose fate is not known."""
    crew.brokers["alpha"].script(open=[lost_reply(executed=True)])
    lost(crew, Side.BUY)


def test_a_defect_of_the_notifier_ends_nothing(tell: Tell) -> None:
    def fails(parcel: object, service: int) -> str:
        raise RuntimeError("a sender with a defect")

    crew = tell(ScriptedServices(refuses=fails), told_settings())
    crew.run_for(2)
    opened(crew)
    crew.run_for(300)
    assert crew.escalated == []
    assert [trade.state for trade in crew.ledger.trades.list()] == [TradeState.OPEN]


def test_a_takeover_after_a_crash_is_told_of(tell: Tell, monkeypatch: pytest.MonkeyPatch) -> None:
    from persistence.starts import Ended, Starts

    monkeypatch.setattr(Starts, "before", lambda self, owner, crew: Ended("there:7:abc", True))
    services = ScriptedServices()
    crew = tell(services, told_settings())
    crew.run_for(5)
    assert services.titles() == ["Watchbill: crew default is led again after a crash"]
    assert "there:7:abc ended without giving the lead back" in services.taken[0][2]


def test_an_alert_of_the_notifier_is_never_sent_to_it(tell: Tell) -> None:
    services = ScriptedServices()
    crew = tell(services, told_settings())
    crew.run_for(2)
    say(crew, "anything", "at all", actor=NOTIFIER)
    crew.run_for(10)
    assert services.taken == []
    assert crew.ledger.journal.list(kind="alert", limit=1)[0].reason == "anything"


def test_lines_of_modes_from_long_ago_are_no_news(tell: Tell) -> None:
    services = ScriptedServices()
    crew = TellingCrew(services, told_settings())
    detail = {"crew": "default", "cause": "operator", "by": "anna@desk", "said": "", "before": "trading"}
    crew.ledger.journal.append(JournalEntry(NOON - 2 * HOUR, "mode", "paused", detail=detail))
    with crew:
        crew.run_for(60)
    assert services.taken == []


def test_an_alert_that_is_a_defect_is_urgent() -> None:
    from actors.notice_words import of_alert
    from actors.notices import Urgency

    notice = of_alert(Alert(NOON, "trader", "crashed", "KeyError: 'x'"))
    assert notice is not None
    assert notice.urgency is Urgency.URGENT
