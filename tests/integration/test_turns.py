"""Whose turn it is, as the journal has it."""

from __future__ import annotations

from made_ledger import NOON, Holder, a_ledger

from actors.turns import TURN_AT, Turns
from persistence.journal import DECISION, JournalEntry
from persistence.ledger import Ledger
from trading.market import HOUR, Instant

PLATFORMS = ("alpha", "beta", "gamma")


def choose(ledger: Ledger, turns: Turns, platform: str, now: Instant) -> None:
    """As the trader does it."""
    turn_at = turns.take(platform, "EURUSD", now)
    line = JournalEntry(now, DECISION, "open_told", platform, "EURUSD", detail={TURN_AT: turn_at})
    ledger.journal.append(line)


def in_turn(turns: Turns) -> list[str]:
    """The account that was chosen longest ago first."""
    return sorted(PLATFORMS, key=lambda platform: turns.last_chosen_at(platform, "EURUSD") or 0)


def test_choices_at_one_instant_keep_their_order_through_a_restart() -> None:
    with a_ledger() as ledger:
        turns = Turns(ledger, PLATFORMS)
        for platform in ("gamma", "alpha", "beta"):
            choose(ledger, turns, platform, NOON)
        assert in_turn(turns) == in_turn(Turns(ledger, PLATFORMS)) == ["gamma", "alpha", "beta"]


def test_a_clock_that_is_set_back_gives_no_account_its_turn_twice() -> None:
    with a_ledger() as ledger:
        turns = Turns(ledger, PLATFORMS)
        for number, platform in enumerate(("gamma", "alpha", "beta")):
            choose(ledger, turns, platform, NOON - number * HOUR)
        again = Turns(ledger, PLATFORMS)
        assert in_turn(turns) == in_turn(again) == ["gamma", "alpha", "beta"]
        choose(ledger, again, "gamma", NOON - 5 * HOUR)
        assert in_turn(Turns(ledger, PLATFORMS)) == ["alpha", "beta", "gamma"]


def test_a_line_that_was_written_late_does_not_give_back_a_turn() -> None:
    with a_ledger() as ledger:
        for turn_at in (NOON + HOUR, NOON):
            line = JournalEntry(NOON, DECISION, "open_told", "alpha", "EURUSD", detail={TURN_AT: turn_at})
            ledger.journal.append(line)
        assert Turns(ledger, PLATFORMS).last_chosen_at("alpha", "EURUSD") == NOON + HOUR


def test_another_commodity_has_turns_of_its_own() -> None:
    with a_ledger() as ledger:
        turns = Turns(ledger, PLATFORMS)
        choose(ledger, turns, "alpha", NOON)
        assert turns.last_chosen_at("alpha", "GBPUSD") is None


def test_in_a_journal_that_does_not_say_who_was_chosen_the_last_order_counts() -> None:
    with a_ledger() as ledger:
        trade = Holder(ledger).submit()
        ledger.journal.append(JournalEntry(NOON, DECISION, "open_told", commodity="EURUSD"))
        assert Turns(ledger, PLATFORMS).last_chosen_at("alpha", "EURUSD") == trade.submitted_at
