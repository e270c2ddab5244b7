"""Months in virtual time on two accounts, with three kills a day: every rule fires on its date, at its minute, once."""

from __future__ import annotations

from collections import Counter
from datetime import date

import pytest

from feeds.catalogue import read_catalogue
from feeds.market_calendars import CalendarStore
from simulation.campaign import quiet
from simulation.rehearsal import Rehearsal, RehearsalOutcome, rehearsal_market
from simulation.rehearsal_verdicts import Rules

OF_EVERY_CALENDAR = (
    "BITCOIN",
    "BRENT_CRUDE",
    "COFFEE",
    "COPPER",
    "DAX_40",
    "EURUSD",
    "FTSE_100",
    "GOLD",
    "NASDAQ_100",
    "WHEAT",
    "WTI_CRUDE",
    "ZINC",
)
A_FEW = ("EURUSD", "GOLD", "NASDAQ_100", "WHEAT")


def rehearsed(
    calendars: CalendarStore,
    names: tuple[str, ...],
    first: date,
    last: date,
    *,
    seed: int = 0,
    rules: Rules | None = None,
) -> RehearsalOutcome:
    """What comes of a rehearsal of these commodities."""
    market = rehearsal_market(names, read_catalogue(), first, last, calendars, rules)
    with quiet():
        return Rehearsal(market, first, last, seed, rules=rules).run()


def total(outcome: RehearsalOutcome) -> Counter[str]:
    """The counts of all commodities together."""
    return sum(outcome.counts.values(), Counter[str]())


def test_in_november_with_its_change_of_clocks_and_thanksgiving_every_rule_fires_where_it_must(
    calendars: CalendarStore,
) -> None:
    outcome = rehearsed(calendars, OF_EVERY_CALENDAR, date(2026, 11, 1), date(2026, 11, 30))
    assert outcome.violations == ()
    assert sum(outcome.blows.values()) >= 3 * 30
    assert outcome.blows["in the middle"] > 0
    count = total(outcome)
    assert count["closed"] > 100, "there was something to close"
    assert count["kept"] > 100, "and to leave alone"
    gold, wheat, bitcoin = outcome.counts["GOLD"], outcome.counts["WHEAT"], outcome.counts["BITCOIN"]
    assert (gold["windows"], gold["week_ends"], gold["early_closes"]) == (2 * 21, 2 * 4, 2 * 2)
    assert (wheat["windows"], wheat["week_ends"], wheat["early_closes"]) == (2 * 20, 2 * 4, 2 * 1)
    assert (bitcoin["windows"], bitcoin["week_ends"]) == (30 + 21, 4), "one of the two brokers shuts at weekends"


def test_around_good_friday_every_rule_fires_where_it_must(calendars: CalendarStore) -> None:
    outcome = rehearsed(calendars, A_FEW, date(2026, 3, 26), date(2026, 4, 8), seed=1)
    assert outcome.violations == ()
    assert outcome.counts["GOLD"]["windows"] == 2 * 9, "Good Friday is no day of metals"
    assert outcome.counts["NASDAQ_100"]["early_closes"] == 2 * 1, "but a short one of indices"
    assert outcome.counts["GOLD"]["week_ends"] == outcome.counts["EURUSD"]["week_ends"] == 2 * 2


@pytest.mark.parametrize(
    "rules",
    [Rules(all_friday=True), Rules(profitable_daily=False), Rules(profitable_daily=False, profitable_friday=False)],
    ids=["all-on-friday", "friday-alone", "none"],
)
def test_rules_that_are_switched_otherwise_fire_where_they_must(calendars: CalendarStore, rules: Rules) -> None:
    outcome = rehearsed(calendars, ("EURUSD", "GOLD"), date(2026, 3, 2), date(2026, 3, 13), seed=2, rules=rules)
    assert outcome.violations == ()
    count = total(outcome)
    assert bool(count["day_end"]) == rules.profitable_daily
    assert bool(count["friday"]) == (rules.profitable_friday or rules.all_friday)
    assert bool(count["closed"]) == (rules.profitable_friday or rules.all_friday)


def test_the_same_seed_rehearses_the_same(calendars: CalendarStore) -> None:
    first, second = (
        rehearsed(calendars, ("BITCOIN", "GOLD"), date(2026, 3, 5), date(2026, 3, 10), seed=3) for _ in range(2)
    )
    assert (first.counts, first.blows, first.lives) == (second.counts, second.blows, second.lives)
