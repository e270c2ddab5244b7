"""A broker's clock is measured: what it shows is dated rightly, and no old tick is ever taken for a fresh one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.mt5.server_clock import NEW_YORK_PLUS_7, UNPROVEN_AGE, ServerClock
from connectors.mt5.server_lead import JITTER, ServerLead
from connectors.mt5.server_rules import Dates, Rule, daylight_saving, rules_for
from trading.market import DAY, HOUR, MINUTE, SECOND, Instant, instant

ZONE = {Dates.UNITED_STATES: 2 * HOUR, Dates.EUROPE: 2 * HOUR, Dates.NONE: 3 * HOUR}
A_MONDAY = instant(datetime(2026, 1, 5, 10, tzinfo=UTC))
STALE = 60 * SECOND
ENOUGH = 14  # looks: more than are needed to believe anything


class Terminal:
    """A clock that is looked at while a broker of our own makes ticks."""

    def __init__(self, offset: Callable[[Instant], int], now: Instant = A_MONDAY, *, is_recorded: bool = False) -> None:
        self.offset = offset
        self.now = now  # true
        self.wall_error = 0  # of this machine's clock
        self.steady = 0.0
        self.clock = ServerClock(is_recorded=is_recorded)
        self.tick = now + offset(now)

    @property
    def wall(self) -> Instant:
        return self.now + self.wall_error

    @property
    def age(self) -> int:
        """Of the newest tick, as the clock sees it."""
        return self.wall - self.clock.quote_time("EURUSD")

    def wait(self, milliseconds: int) -> None:
        self.now += milliseconds
        self.steady += milliseconds / SECOND

    def look(self, *, ticks: bool = True, late: int = 200, after: int = SECOND) -> int:
        """One look after some time; ``late``: how old the tick is by then. Answers its age as it is seen."""
        self.wait(after)
        if ticks:
            made = self.now - late
            self.tick = made + self.offset(made)
        self.clock.look({"EURUSD": self.tick}, self.wall, self.steady)
        return self.age

    def looks(self, count: int, *, late: int = 200, after: int = SECOND) -> None:
        for _ in range(count):
            self.look(late=late, after=after)


def by(rule: Rule) -> Callable[[Instant], int]:
    return rule.offset


def measured(rule: Rule, now: Instant = A_MONDAY) -> Terminal:
    """A terminal that was looked at until its clock was known."""
    terminal = Terminal(by(rule), now)
    terminal.looks(ENOUGH)
    assert terminal.clock.is_measured
    assert terminal.clock.offset_seconds(terminal.now) * SECOND == rule.offset(terminal.now)
    return terminal


# ------------------------------------------------------------ rules


@pytest.mark.parametrize(
    ("dates", "day", "hours"),
    [
        (Dates.UNITED_STATES, "2026-03-07", 0),
        (Dates.UNITED_STATES, "2026-03-09", 1),
        (Dates.EUROPE, "2026-03-09", 0),
        (Dates.EUROPE, "2026-03-30", 1),
        (Dates.EUROPE, "2026-10-26", 0),
        (Dates.UNITED_STATES, "2026-10-26", 1),
        (Dates.UNITED_STATES, "2026-11-02", 0),
        (Dates.NONE, "2026-07-01", 0),
    ],
)
def test_daylight_saving_time_begins_and_ends_on_the_dates_of_its_part_of_the_world(
    dates: Dates, day: str, hours: int
) -> None:
    at = instant(datetime.fromisoformat(day).replace(hour=12, tzinfo=UTC))
    assert daylight_saving(dates, at) == hours * HOUR


RULES = st.builds(Rule, st.sampled_from(Dates), st.integers(-48, 48).map(lambda quarters: quarters * 15 * MINUTE))
INSTANTS = st.integers(A_MONDAY, A_MONDAY + 3 * 365 * DAY)


@given(RULES, INSTANTS)
def test_a_time_on_the_brokers_clock_is_dated_back_but_for_the_hour_that_comes_twice(rule: Rule, at: Instant) -> None:
    shown = at + rule.offset(at)
    twice = [moment for moment in (at - HOUR, at + HOUR) if moment + rule.offset(moment) == shown]
    assert rule.utc(shown) in (at, *twice)


@given(st.integers(-12, 14), INSTANTS)
def test_every_rule_that_is_considered_fits_the_offset(hours: int, at: Instant) -> None:
    rules = rules_for(hours * HOUR, at)
    assert {rule.dates for rule in rules} == set(Dates)
    assert {rule.offset(at) for rule in rules} == {hours * HOUR}


# ------------------------------------------------------------ the age of ticks


def test_a_tick_is_old_until_the_market_was_seen_moving() -> None:
    terminal = Terminal(by(NEW_YORK_PLUS_7))
    assert terminal.look() == UNPROVEN_AGE
    assert terminal.look() == UNPROVEN_AGE
    assert terminal.look() < STALE


@pytest.mark.parametrize("dates", list(Dates))
def test_a_tick_that_none_follows_grows_old_and_stays_what_it_was(dates: Dates) -> None:
    terminal = measured(Rule(dates, ZONE[dates]))
    first = terminal.clock.quote_time("EURUSD")
    for _ in range(100):
        terminal.look(ticks=False)
        assert terminal.clock.quote_time("EURUSD") == first
    assert terminal.age >= 100 * SECOND


def test_on_a_shut_market_nothing_is_fresh_and_nothing_is_measured() -> None:
    friday = instant(datetime(2026, 1, 9, 21, 59, 59, tzinfo=UTC))
    terminal = Terminal(by(NEW_YORK_PLUS_7), friday)
    terminal.wait(DAY)
    for _ in range(50):
        assert terminal.look(ticks=False) >= UNPROVEN_AGE
    assert not terminal.clock.is_measured
    assert terminal.clock.utc(terminal.tick) == friday


def test_old_ticks_that_a_terminal_shows_one_after_another_when_it_logs_in_are_not_fresh() -> None:
    """The last price that it knew, then that of the market's end: they move, and nothing is traded."""
    terminal = Terminal(by(NEW_YORK_PLUS_7))
    terminal.look(late=3 * DAY)
    for late in (2 * DAY + 7 * HOUR, 2 * DAY):
        assert terminal.look(late=late) == UNPROVEN_AGE
    assert not terminal.clock.is_measured


@pytest.mark.parametrize("steady", [False, True], ids=["the first start", "after a live market"])
@pytest.mark.parametrize("hours_ago", [1, 14, 38])
def test_old_ticks_that_come_one_symbol_after_another_are_not_fresh(steady: bool, hours_ago: int) -> None:
    """A terminal logs in while the market is shut: every symbol jumps to its last tick, all of the same minute."""
    friday = instant(datetime(2026, 1, 9, 21, 59, tzinfo=UTC))
    terminal = measured(NEW_YORK_PLUS_7, friday - 2 * HOUR) if steady else Terminal(by(NEW_YORK_PLUS_7), friday)
    clock, names = terminal.clock, [f"symbol {number}" for number in range(9)]
    terminal.now, terminal.steady = friday + hours_ago * HOUR, terminal.steady + hours_ago * 3600.0
    shown = dict.fromkeys(names, friday - 3 * HOUR + 2 * HOUR)
    clock.look(shown, terminal.wall, terminal.steady)
    for number, name in enumerate(names):
        terminal.wait(SECOND)
        shown[name] = friday + 2 * HOUR + number * 500
        clock.look(shown, terminal.wall, terminal.steady)
        assert all(
            terminal.wall - clock.quote_time(each) >= min(UNPROVEN_AGE, hours_ago * HOUR - MINUTE) for each in names
        )


def test_a_machine_whose_clock_is_minutes_wrong_sees_fresh_ticks_after_many_looks() -> None:
    terminal = Terminal(by(NEW_YORK_PLUS_7))
    terminal.wall_error = -4 * MINUTE
    ages = [terminal.look() for _ in range(40)]
    assert ages[0] == UNPROVEN_AGE
    assert all(0 <= age < STALE for age in ages[32:])


def test_an_old_tick_that_comes_after_a_lost_connection_is_as_old_as_it_is() -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    assert abs(terminal.look(late=10 * MINUTE, after=30 * MINUTE) - 10 * MINUTE) < 2 * SECOND


def test_a_lagging_feed_is_as_old_as_it_is() -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    for _ in range(200):
        assert terminal.look(late=5 * MINUTE) > 4 * MINUTE


@given(st.lists(st.tuples(st.integers(0, 3), st.booleans(), st.integers(0, 20_000)), min_size=20, max_size=60))
@settings(max_examples=40)
def test_whatever_comes_no_quote_is_younger_than_its_tick_by_more_than_clocks_differ(
    looks: list[tuple[int, bool, int]],
) -> None:
    terminal = measured(Rule(Dates.EUROPE, 2 * HOUR))
    made = terminal.now
    for seconds, ticks, late in looks:
        seen = terminal.look(ticks=ticks, late=min(late, seconds * SECOND), after=seconds * SECOND)
        made = max(made, terminal.now - min(late, seconds * SECOND)) if ticks else made
        assert seen >= 0
        assert seen >= terminal.now - made - JITTER


@pytest.mark.parametrize("step", [-3 * HOUR, -47 * MINUTE, -MINUTE, MINUTE, 47 * MINUTE, 3 * HOUR])
def test_a_step_of_this_machines_clock_hides_no_fresh_tick_and_puts_none_into_the_future(step: int) -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    terminal.wall_error += step
    for _ in range(20):
        assert 0 <= terminal.look() < STALE


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_change_of_the_brokers_clock_hides_fresh_ticks_for_a_few_looks_at_most(hours: int) -> None:
    rule = [Rule(Dates.NONE, 2 * HOUR)]
    terminal = Terminal(lambda at: rule[0].offset(at))
    terminal.looks(ENOUGH)
    rule[0] = Rule(Dates.NONE, (2 + hours) * HOUR)
    ages = [terminal.look() for _ in range(ENOUGH)]
    assert all(age >= 0 for age in ages)
    assert all(age < STALE for age in ages[10:])
    assert terminal.clock.offset_seconds(terminal.now) == (2 + hours) * 3600


def test_a_machine_that_slept_needs_two_looks() -> None:
    """The monotonic clock of some systems stands still meanwhile."""
    terminal = measured(NEW_YORK_PLUS_7)
    terminal.now += 8 * HOUR
    assert terminal.look(ticks=False) >= 8 * HOUR
    assert [terminal.look() < STALE for _ in range(3)][1:] == [True, True]


def test_both_clocks_drift_and_no_fresh_tick_is_lost_over_weeks() -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    for _ in range(14 * 24 * 4):
        terminal.steady += 0.2  # this machine is fast by 200 millionths
        assert terminal.look(after=15 * MINUTE) < STALE


def test_a_market_with_few_ticks_at_its_own_pace_is_fresh_at_each() -> None:
    terminal = Terminal(by(NEW_YORK_PLUS_7))
    terminal.looks(3, late=0, after=20 * MINUTE)
    for _ in range(30):
        assert terminal.look(late=0, after=20 * MINUTE) == 0
    assert terminal.clock.is_sure(terminal.steady)


@given(st.lists(st.sampled_from([0, 0, 0, 20 * MINUTE, 40 * MINUTE, 3 * HOUR]), min_size=12, max_size=60))
@settings(max_examples=25)
def test_a_market_that_runs_ahead_of_its_clock_is_fresh_and_dated_rightly(ahead: list[int]) -> None:
    """A recorded market at many times its pace: who follows it is behind by some ticks now and then."""
    terminal = Terminal(by(NEW_YORK_PLUS_7))
    terminal.looks(3, late=0, after=20 * MINUTE)
    for lag in ahead:
        assert terminal.look(late=-lag, after=4 * HOUR) == 0
        assert terminal.clock.offset_seconds(terminal.now) == 7200


@given(st.lists(st.integers(0, 5 * 3600).map(lambda seconds: seconds * SECOND), min_size=3, max_size=30))
@settings(max_examples=40)
def test_who_is_always_behind_a_recorded_market_sees_fresh_ticks_from_the_second_on(behind: list[int]) -> None:
    terminal = Terminal(by(NEW_YORK_PLUS_7), is_recorded=True)
    assert terminal.look(late=-behind[0], after=6 * HOUR) == UNPROVEN_AGE
    for lag in behind[1:]:
        assert terminal.look(late=-lag, after=6 * HOUR) == 0
    assert terminal.look(ticks=False, after=6 * HOUR) >= 6 * HOUR


def test_a_lead_is_believed_when_half_hours_have_shown_no_greater_one() -> None:
    lead = ServerLead()
    for second in range(3):
        lead.look(1_000_000 + second * SECOND, second * SECOND, is_vouched_for=True)
    assert lead.lead == 1_000_000
    for second in range(3, 3 * 3600, 10):
        lead.look(1_000_000 - 5 * MINUTE + second * SECOND, second * SECOND)
    assert lead.lead == 1_000_000 - 5 * MINUTE


# ------------------------------------------------------------ dates


@pytest.mark.parametrize(
    ("rule", "hours"),
    [
        (NEW_YORK_PLUS_7, 2),
        (Rule(Dates.EUROPE, 0), 0),
        (Rule(Dates.NONE, 3 * HOUR), 3),
        (Rule(Dates.NONE, -5 * HOUR), -5),
    ],
)
def test_any_offset_is_measured_within_a_few_looks(rule: Rule, hours: int) -> None:
    assert measured(rule).clock.offset_seconds(A_MONDAY) == hours * 3600


@given(
    st.sampled_from(Dates),
    st.integers(-10, 12),
    st.integers(0, 364),
    st.lists(st.integers(1, 40), min_size=5, max_size=30),
)
@settings(max_examples=30)
def test_over_changes_of_daylight_saving_time_what_just_happened_is_always_dated_rightly(
    dates: Dates, hours: int, first_day: int, days: list[int]
) -> None:
    rule = Rule(dates, hours * HOUR)
    terminal = Terminal(by(rule), A_MONDAY + first_day * DAY)
    for pause in days:
        terminal.wait(pause * DAY)
        terminal.looks(ENOUGH)
        assert terminal.clock.utc(terminal.tick) == terminal.now - 200
        assert terminal.clock.server_time(terminal.now) == terminal.now + rule.offset(terminal.now)
        assert len(terminal.clock._periods) == 1, "no rule was ever changed"


@given(st.sampled_from(Dates), st.integers(0, 30), st.lists(st.integers(0, 600), min_size=5, max_size=20))
@settings(max_examples=12)
def test_after_a_year_the_whole_year_is_dated_by_the_rule_that_fits_it(
    dates: Dates, first_day: int, asked: list[int]
) -> None:
    rule = Rule(dates, 2 * HOUR)
    terminal = Terminal(by(rule), A_MONDAY + first_day * DAY)
    for _ in range(60):
        terminal.wait(7 * DAY)
        terminal.looks(ENOUGH)
    for days_ago in asked:
        at = terminal.now - days_ago * DAY
        assert terminal.clock.utc(at + rule.offset(at)) == at


def test_a_broker_that_changes_its_rule_keeps_the_dates_of_before() -> None:
    before, after = Rule(Dates.NONE, 0), NEW_YORK_PLUS_7
    changed_at = instant(datetime(2026, 5, 4, tzinfo=UTC))
    terminal = Terminal(lambda at: (before if at < changed_at else after).offset(at))
    while terminal.now < changed_at + 100 * DAY:
        terminal.wait(2 * DAY)
        terminal.looks(ENOUGH)
    for day in range(-80, 90, 3):
        at = changed_at + day * DAY + 11 * HOUR
        assert terminal.clock.utc(at + terminal.offset(at)) == at, day


def test_a_guess_never_puts_the_newest_tick_into_the_future() -> None:
    terminal = Terminal(by(Rule(Dates.NONE, 5 * HOUR)))
    terminal.look(late=0)
    assert not terminal.clock.is_measured
    assert terminal.clock.utc(terminal.tick) <= terminal.now + JITTER


def test_what_fits_no_quarter_of_an_hour_measures_nothing() -> None:
    terminal = Terminal(by(NEW_YORK_PLUS_7))
    terminal.wall_error = 7 * MINUTE
    terminal.looks(50)
    assert not terminal.clock.is_measured


def test_one_odd_look_changes_no_date_and_makes_it_unsure_for_a_day() -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    terminal.wall_error = HOUR
    terminal.look()
    terminal.wall_error = 0
    terminal.looks(3)
    assert terminal.clock.offset_seconds(terminal.now) == 7200
    assert not terminal.clock.is_sure(terminal.steady)
    assert terminal.clock.is_sure(terminal.steady + 24 * 3600)


@given(st.integers(-14 * 4, 14 * 4), st.integers(-110, 110), st.integers(0, 364))
@settings(max_examples=25)
def test_the_clocks_of_both_sides_may_differ_by_minutes(quarters: int, wrong_seconds: int, day: int) -> None:
    offset = quarters * 15 * MINUTE
    terminal = Terminal(lambda at: offset, A_MONDAY + day * DAY)
    terminal.wall_error = wrong_seconds * SECOND
    terminal.looks(ENOUGH)
    assert terminal.clock.offset_seconds(terminal.wall) * SECOND == offset


def test_the_brokers_time_of_now_follows_the_ticks_where_this_machines_clock_is_wrong() -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    terminal.wall_error = 3 * HOUR + 7 * MINUTE
    terminal.looks(3)
    assert abs(terminal.clock.server_now(terminal.wall, terminal.steady) - terminal.tick) < SECOND


@pytest.mark.parametrize("days", [-3, 2])
def test_clocks_that_differ_by_more_than_any_zone_are_said_to_be_wrong_until_they_agree_again(days: int) -> None:
    terminal = measured(NEW_YORK_PLUS_7)
    terminal.wall_error = days * DAY
    terminal.look()
    assert not terminal.clock.is_impossible
    terminal.looks(2)
    assert terminal.clock.is_impossible
    assert terminal.clock.offset_seconds(terminal.now) == 7200
    terminal.wall_error = 0
    terminal.look()
    assert not terminal.clock.is_impossible
