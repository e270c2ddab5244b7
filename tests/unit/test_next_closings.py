"""The next windows of the rules as an operator is shown them: when, why so early, and equal ones in one line."""

from __future__ import annotations

from typing import Any

import pytest
from made_ledger_file import configuration_of
from made_trades import a_bitcoin, a_commodity, a_trade, utc
from rich.console import Console

from console.closings import closings_data, closings_table
from trading.calendars import build
from trading.commodities import Commodity
from trading.market import MINUTE
from trading.next_closings import NextClosing, next_closings
from trading.settings import Settings
from trading.settings_accounts import AccountSettings
from trading.settings_hours import Hours
from trading.timetable import Timetable
from trading.trade import Trade, TradeState

FIRST, LAST = utc("2026-09-01T00:00"), utc("2027-03-01T00:00")
THANKSGIVING = Hours(early_closes={"thanksgiving": "13:00"})
WEDNESDAY, THURSDAY, FRIDAY = utc("2026-11-25T15:00"), utc("2026-11-26T15:00"), utc("2026-11-27T15:00")
SATURDAY = utc("2026-11-28T15:00")


def an_account(name: str, *commodities: str, **changes: Any) -> AccountSettings:
    return AccountSettings(name=name, symbols={one: one for one in commodities or ("EURUSD",)}, **changes)


def timetable(*commodities: Commodity, **of_accounts: Hours) -> Timetable:
    """Of these commodities, with hours of an account's own for EURUSD."""
    times = {one.id: build(one, FIRST, LAST) for one in commodities}
    euro = a_commodity()
    own = {(name, "EURUSD"): build(euro, FIRST, LAST, hours=[hours]) for name, hours in of_accounts.items()}
    return Timetable(times, own)


def only(settings: Settings, at: int, *trades: Trade, **of_accounts: Hours) -> NextClosing:
    """The closing of an account that trades EURUSD alone."""
    (found,) = next_closings(settings, timetable(a_commodity(), **of_accounts), trades, at)
    return found


ALPHA = Settings(accounts=(an_account("alpha"),))


@pytest.mark.parametrize(
    ("at", "starts_at", "ends_week", "closes"),
    [
        (WEDNESDAY, "2026-11-25T21:45", False, "profitable trades that close at day end"),
        (FRIDAY, "2026-11-27T21:45", True, "profitable trades"),
        (SATURDAY, "2026-11-30T21:45", False, "profitable trades that close at day end"),
        (utc("2026-11-25T21:50"), "2026-11-25T21:45", False, "profitable trades that close at day end"),
        (utc("2026-11-25T22:00"), "2026-11-26T21:45", False, "profitable trades that close at day end"),
    ],
)
def test_it_is_the_window_under_way_or_the_first_to_come(at: int, starts_at: str, ends_week: bool, closes: str) -> None:
    found = only(ALPHA, at)
    assert (found.window.starts_at, found.window.ends_week, found.closes) == (utc(starts_at), ends_week, closes)
    assert (found.is_short, found.holidays) == (False, ())


def test_a_short_day_says_which_holiday_it_is() -> None:
    found = only(ALPHA, THURSDAY, alpha=THANKSGIVING)
    assert (found.window.ends_at, found.is_short, found.holidays) == (utc("2026-11-26T18:00"), True, ("thanksgiving",))
    assert not only(ALPHA, THURSDAY).is_short, "its broker alone is short"


def test_a_day_that_ends_when_clocks_have_changed_is_not_short() -> None:
    for day in ("2026-10-30", "2026-11-02", "2026-11-03"):
        assert not only(ALPHA, utc(f"{day}T12:00")).is_short


@pytest.mark.parametrize(("at", "concerned"), [(WEDNESDAY, 1), (FRIDAY, 2)])
def test_it_counts_the_open_trades_that_will_be_judged(at: int, concerned: int) -> None:
    accounts = (an_account("alpha"), an_account("beta"))
    trades = (
        a_trade(trade_id=1),
        a_trade(trade_id=2, platform="beta", closes_at_day_end=False),
        a_trade(trade_id=3, state=TradeState.CLOSED),
    )
    found = next_closings(Settings(accounts=accounts), timetable(a_commodity()), trades, at)
    assert sum(one.open_trades for one in found) == concerned


def test_what_no_rule_closes_is_said_and_what_no_account_trades_is_not() -> None:
    off = Settings(accounts=(an_account("alpha"), an_account("beta", enabled=False)), auto_close_profitable_daily=False)
    assert only(off, WEDNESDAY).closes == "nothing"
    assert only(off, FRIDAY).closes == "profitable trades"
    everything = Settings(accounts=(an_account("alpha"),), auto_close_all_friday=True)
    assert only(everything, FRIDAY).closes == "every trade"


def test_the_soonest_comes_first() -> None:
    early = an_account("beta", "EURUSD", auto_close_minutes_before=60)
    settings = Settings(accounts=(an_account("alpha", "EURUSD", "BITCOIN"), early))
    found = next_closings(settings, timetable(a_commodity(), a_bitcoin()), (), WEDNESDAY)
    assert [(one.account, one.commodity) for one in found] == [
        ("beta", "EURUSD"),
        ("alpha", "BITCOIN"),
        ("alpha", "EURUSD"),
    ]
    assert found[1].window.starts_at - found[0].window.starts_at == 45 * MINUTE


# ------------------------------------------------------------ as a table


def a_line(platform: str, commodity: str, **changes: Any) -> dict[str, Any]:
    usual = {
        "platform": platform,
        "commodity": commodity,
        "window_starts_at": "2026-11-26T19:15:00Z",
        "ends_at": "2026-11-26T19:30:00Z",
        "in_seconds": 3_600.0,
        "ends_week": False,
        "ends_early": True,
        "holidays": ["thanksgiving"],
        "closes": "profitable trades",
        "open_trades": 0,
    }
    return {**usual, **changes}


def printed(closings: list[dict[str, Any]]) -> list[str]:
    console = Console(width=160, color_system=None)
    with console.capture() as said:
        console.print(closings_table(closings, known=True))
    return [line.rstrip() for line in said.get().splitlines()][3:]


def test_fifty_commodities_on_two_accounts_that_end_together_are_one_line() -> None:
    closings = [
        a_line(account, f"C{number:02}", open_trades=1) for account in ("alpha", "beta") for number in range(50)
    ]
    (line,) = printed(closings)
    assert line.split("  ")[:2] == ["alpha, beta", "C00, C01, C02, C03 and 46 more"]
    assert " 100 " in line
    assert line.endswith("profitable trades; a short day: thanksgiving")


def test_what_differs_in_anything_has_a_line_of_its_own() -> None:
    closings = [
        a_line("alpha", "GOLD"),
        a_line("alpha", "SILVER"),
        a_line("beta", "GOLD"),
        a_line("beta", "ZINC", ends_at="2026-11-26T19:00:00Z", ends_early=False, holidays=[]),
        a_line("gamma", "ZINC", ends_week=True, ends_early=False, holidays=[]),
    ]
    lines = printed(closings)
    assert [line.split("  ")[0] for line in lines] == ["alpha", "beta", "beta", "gamma"]
    assert lines[0].split("  ")[2].strip() == "GOLD, SILVER"
    assert lines[3].endswith("profitable trades; the week ends")


def test_a_program_is_told_each_account_and_commodity(tmp_path: Any) -> None:
    found = closings_data(configuration_of(tmp_path), (), WEDNESDAY)
    assert found[0] == {
        "platform": "alpha",
        "commodity": "EURUSD",
        "trading_date": "2026-11-25",
        "window_starts_at": "2026-11-25T21:45:00Z",
        "ends_at": "2026-11-25T22:00:00Z",
        "in_seconds": 24_300.0,
        "ends_week": False,
        "ends_early": False,
        "holidays": [],
        "closes": "profitable trades that close at day end",
        "rules": ["day_end"],
        "open_trades": 0,
    }
