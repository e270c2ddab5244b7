"""On which dates holidays fall, and how they are named."""

from __future__ import annotations

from datetime import date

import pytest

from trading.comex_short_days import early_ends
from trading.holidays import NAMES, dates_of, exactness, names_on


@pytest.mark.parametrize(
    ("name", "first", "last", "days"),
    [
        ("new_year", 2021, 2023, ["2021-01-01", "2023-01-02"]),
        ("christmas", 2020, 2022, ["2020-12-25", "2021-12-24", "2022-12-26"]),
        ("juneteenth", 2021, 2023, ["2022-06-20", "2023-06-19"]),
        ("juneteenth", 2027, 2027, ["2027-06-18"]),
        ("independence_day", 2026, 2027, ["2026-07-03", "2027-07-05"]),
        ("thanksgiving", 2025, 2026, ["2025-11-27", "2026-11-26"]),
        ("black_friday", 2024, 2024, ["2024-11-29"]),
        ("martin_luther_king", 2026, 2026, ["2026-01-19"]),
        ("presidents_day", 2026, 2026, ["2026-02-16"]),
        ("memorial_day", 2026, 2026, ["2026-05-25"]),
        ("labor_day", 2026, 2026, ["2026-09-07"]),
        ("columbus_day", 2025, 2025, ["2025-10-13"]),
        ("veterans_day", 2025, 2025, ["2025-11-11"]),
        ("easter_monday", 2026, 2026, ["2026-04-06"]),
        ("new_years_eve", 2026, 2026, ["2026-12-31"]),
        ("day_after_christmas", 2022, 2026, ["2022-12-27", "2023-12-26", "2024-12-26", "2025-12-26"]),
        ("day_after_new_year", 2012, 2012, ["2012-01-03"]),
        ("day_after_independence_day", 2017, 2020, ["2017-07-05", "2018-07-05", "2019-07-05"]),
    ],
)
def test_a_holiday_of_the_united_states_is_kept_on_these_dates(
    name: str, first: int, last: int, days: list[str]
) -> None:
    assert [day.isoformat() for day in dates_of(name, first, last)] == days


@pytest.mark.parametrize(
    ("year", "days"),
    [
        (2020, "01-01 04-10 04-13 05-08 05-25 08-31 12-25 12-28"),
        (2021, "01-01 04-02 04-05 05-03 05-31 08-30 12-27 12-28"),
        (2022, "01-03 04-15 04-18 05-02 06-02 06-03 08-29 09-19 12-26 12-27"),
        (2023, "01-02 04-07 04-10 05-01 05-08 05-29 08-28 12-25 12-26"),
        (2026, "01-01 04-03 04-06 05-04 05-25 08-31 12-25 12-28"),
        (2027, "01-01 03-26 03-29 05-03 05-31 08-30 12-27 12-28"),
    ],
)
def test_the_bank_holidays_of_england_are_those_that_were_proclaimed(year: int, days: str) -> None:
    assert [day.isoformat()[5:] for day in dates_of("english_bank_holidays", year, year)] == days.split()


def test_a_key_is_a_date_a_day_of_every_year_or_a_name() -> None:
    assert dates_of("2026-12-24", 2020, 2030) == (date(2026, 12, 24),)
    assert dates_of("2026-12-24", 2027, 2030) == ()
    assert dates_of("12-24", 2025, 2026) == (date(2025, 12, 24), date(2026, 12, 24))
    assert dates_of("02-29", 2025, 2029) == (date(2028, 2, 29),)
    assert [exactness(key) for key in ("good_friday", "12-24", "2026-12-24")] == [0, 1, 2]


def test_a_key_that_names_no_date_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"'chrismas' is no date; expected a date such as 2026-12-24.* such as christmas"
    ):
        dates_of("chrismas", 2025, 2026)


def test_a_date_tells_which_holidays_are_kept_on_it() -> None:
    assert names_on(date(2026, 7, 3)) == ("independence_day",)
    assert names_on(date(2026, 4, 3)) == ("good_friday", "english_bank_holidays")
    assert names_on(date(2026, 3, 10)) == ()


@pytest.mark.parametrize("name", NAMES)
def test_every_holiday_has_its_dates_sorted_and_within_the_years(name: str) -> None:
    days = dates_of(name, 2000, 2060)
    assert list(days) == sorted(set(days))
    assert 2000 <= days[0].year <= days[-1].year <= 2060
    assert len(days) >= 30


@pytest.mark.parametrize(
    ("day", "minute", "why"),
    [
        ("2026-11-26", 14 * 60 + 30, "Thanksgiving"),
        ("2026-11-27", 14 * 60 + 45, "the day after it"),
        ("2024-11-29", 13 * 60 + 45, "the day after it, until 2024"),
        ("2026-12-24", 13 * 60 + 45, "Christmas Eve"),
        ("2026-07-03", 13 * 60, "Independence Day on a Saturday"),
        ("2025-06-19", 14 * 60 + 30, "Juneteenth"),
        ("2025-09-01", 14 * 60 + 30, "Labor Day"),
        ("2021-01-18", 13 * 60, "Martin Luther King, until 2021"),
        ("2014-02-17", 13 * 60 + 15, "Washington's Birthday, until the spring of 2014"),
        ("2014-05-26", 13 * 60, "Memorial Day, since the spring of 2014"),
    ],
)
def test_comex_ends_early_on_holidays_of_the_united_states(day: str, minute: int, why: str) -> None:
    expected = date.fromisoformat(day)
    assert early_ends(expected.year)[expected] == minute, why
