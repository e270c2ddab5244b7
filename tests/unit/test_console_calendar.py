"""`calendar`: a trading day with its sessions, its end, what is closed before it, and why it is not like others."""

from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from console import calendar
from console.arguments import Calendar
from console.command_line import parse
from console.configuration import Configuration, load
from console.errors import CommandError
from console.option_values import date_or_moment
from console.output import Output
from trading.market import instant

NOW = instant(datetime(2026, 3, 4, 12, tzinfo=UTC))  # a Wednesday


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load(None, {})


def day(commodity: str, at: str | None, configuration: Configuration, account: str | None = None) -> dict[str, Any]:
    wanted = Calendar(commodity=commodity, at=None if at is None else date_or_moment(at), account=account)
    return calendar.calendar_data(wanted, configuration, NOW)


def printed(commodity: str, at: str, configuration: Configuration) -> str:
    """What a person sees, however its lines are broken."""
    stdout = io.StringIO()
    wanted = Calendar(commodity=commodity, at=date_or_moment(at))
    assert calendar.run(wanted, configuration, Output(stdout=stdout, stderr=io.StringIO())) == 0
    return " ".join(stdout.getvalue().split())


class TestADay:
    @pytest.mark.parametrize(
        ("commodity", "at", "kept"),
        [
            ("ZINC", "2026-05-25", "English Bank Holidays"),  # Memorial Day in America
            ("ZINC", "2026-04-03", "Good Friday"),
            ("COFFEE", "2026-05-25", "Memorial Day"),
        ],
    )
    def test_a_holiday_has_the_name_that_it_has_where_its_market_is(
        self, configuration: Configuration, commodity: str, at: str, kept: str
    ) -> None:
        assert day(commodity, at, configuration)["holiday"] == kept

    def test_a_day_that_is_shorter_than_the_time_before_its_end_says_that_nothing_is_opened_on_it(
        self, tmp_path: Path
    ) -> None:
        file = tmp_path / "watchbill.toml"
        file.write_text('[commodities.EURUSD.hours]\nsessions = ["Mon-Fri 16:50-17:00"]\n')
        assert "nothing is opened: never on this day." in printed("EURUSD", "2026-03-04", load(file, {}))

    def test_a_date_is_a_trading_date_which_begins_on_the_evening_before(self, configuration: Configuration) -> None:
        found = day("EURUSD", "2026-04-03", configuration)  # Good Friday: foreign exchange is open
        assert found["trading_date"] == "2026-04-03"
        assert found["sessions"] == [{"opens": "2026-04-02T21:00:00Z", "closes": "2026-04-03T21:00:00Z"}]
        assert found["day_end"] == "2026-04-03T21:00:00Z"
        assert found["effective_close"] == "2026-04-03T20:45:00Z"
        assert (found["ends_week"], found["week_end"]) == (True, "2026-04-03T21:00:00Z")
        assert (found["is_early_close"], found["is_late_open"]) == (False, False)

    @pytest.mark.parametrize(
        ("at", "trading_date", "day_end"),
        [
            ("2026-03-09T21:30Z", "2026-03-10", "2026-03-10T21:00:00Z"),
            ("2026-03-06T12:00Z", "2026-03-06", "2026-03-06T22:00:00Z"),
            ("2026-03-06T12:00+05:00", "2026-03-06", "2026-03-06T22:00:00Z"),
        ],
    )
    def test_an_instant_means_the_day_that_it_lies_in(
        self, at: str, trading_date: str, day_end: str, configuration: Configuration
    ) -> None:
        found = day("EURUSD", at, configuration)
        assert (found["trading_date"], found["day_end"], found["is_open"]) == (trading_date, day_end, True)

    def test_an_instant_while_it_is_shut_lies_in_no_day_and_knows_the_next_opening(
        self, configuration: Configuration
    ) -> None:
        found = day("EURUSD", "2026-03-07T12:00Z", configuration)  # a Saturday
        assert (found["day_end"], found["effective_close"], found["sessions"]) == (None, None, [])
        assert (found["is_open"], found["next_open"]) == (False, "2026-03-08T21:00:00Z")
        assert found["next_day"]["trading_date"] == "2026-03-09"
        assert found["next_week_end"] == "2026-03-13T21:00:00Z"

    def test_without_one_it_is_now(self, configuration: Configuration) -> None:
        assert day("EURUSD", None, configuration)["trading_date"] == "2026-03-04"

    def test_a_date_that_does_not_trade_has_no_end(self, configuration: Configuration) -> None:
        christmas = day("EURUSD", "2026-12-25", configuration)
        assert (christmas["day_end"], christmas["sessions"], christmas["rules"]) == (None, [], [])
        assert christmas["holiday"] == "Christmas"
        assert "does not trade" in printed("EURUSD", "2026-12-25", configuration)
        assert "a holiday: Christmas" in printed("EURUSD", "2026-12-25", configuration)
        assert "it does not trade on a Saturday" in printed("EURUSD", "2026-12-26", configuration)

    def test_a_market_that_never_shuts_has_days_and_no_weeks(self, configuration: Configuration) -> None:
        found = day("BITCOIN", "2026-04-04", configuration)  # a Saturday
        assert found["day_end"] == "2026-04-04T21:00:00Z"
        assert (found["ends_week"], found["week_end"], found["next_open"]) == (False, None, None)
        assert [rule["rule"] for rule in found["rules"]] == ["day_end"]

    def test_a_commodity_may_be_called_by_another_name(self, configuration: Configuration) -> None:
        assert day("EUR/USD", "2026-04-03", configuration)["commodity"] == "EURUSD"


class TestThePage:
    def test_each_instant_stands_in_three_clocks(
        self, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", "80")
        told = printed("EURUSD", "2026-04-03", configuration)
        assert "EURUSD, Friday 2026-04-03" in told
        assert "exchange (EDT)" in told
        (row,) = (part for part in told.split("day end, week end")[1:])
        assert row.split()[:3] == ["Fri", "04-03", "21:00"]
        assert "Fri 04-03 17:00" in row

    def test_it_names_the_buffer_and_the_rules_with_their_settings(self, configuration: Configuration) -> None:
        told = printed("EURUSD", "2026-04-03", configuration)
        assert "15 minutes before the day's end (auto_close_minutes_before), nothing is opened" in told
        assert "Friday rule closes every trade with a net profit (auto_close_profitable_friday)" in told
        assert "day-end rule closes trades with a net profit whose strategy closes at day end" in told

    def test_rules_that_are_off_are_not_told(self) -> None:
        off = {"WATCHBILL__AUTO_CLOSE_PROFITABLE_DAILY": "false", "WATCHBILL__AUTO_CLOSE_PROFITABLE_FRIDAY": "false"}
        assert "both rules are off" in printed("EURUSD", "2026-04-03", load(None, off))
        every = load(None, {"WATCHBILL__AUTO_CLOSE_ALL_FRIDAY": "true"})
        assert "Friday rule closes every trade (auto_close_all_friday)" in printed("EURUSD", "2026-04-03", every)

    @pytest.mark.parametrize("width", [60, 80, 120])
    def test_it_keeps_within_the_width(
        self, width: int, configuration: Configuration, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("COLUMNS", str(width))
        stdout = io.StringIO()
        wanted = Calendar(commodity="EURUSD", at=date_or_moment("2026-03-09"))
        calendar.run(wanted, configuration, Output(stdout=stdout, stderr=io.StringIO()))
        lines = stdout.getvalue().splitlines()
        assert max(len(line.rstrip()) for line in lines) <= width
        assert not any("…" in line for line in lines)

    def test_with_json_it_is_one_object_of_instants_in_utc(self, configuration: Configuration) -> None:
        stdout = io.StringIO()
        wanted = Calendar(commodity="EURUSD", at=date_or_moment("2026-03-09"))
        calendar.run(wanted, configuration, Output(as_json=True, stdout=stdout, stderr=io.StringIO()))
        found = json.loads(stdout.getvalue())
        for key in ("day_end", "effective_close", "week_end", "next_open"):
            assert found[key].endswith(":00Z")
        assert (found["calendar"], found["zone"], found["known_until"]) == ("fx", "America/New_York", None)


class TestAnAccount:
    def test_its_own_buffer_moves_its_effective_close_and_says_so(self) -> None:
        configuration = load(None, {"WATCHBILL__ACCOUNTS__0__AUTO_CLOSE_MINUTES_BEFORE": "40"})
        found = day("EURUSD", "2026-03-09", configuration, account="alpha")
        assert found["effective_close"] == "2026-03-09T20:20:00Z"
        assert found["buffer_from"] == "accounts.auto_close_minutes_before of alpha"

    def test_without_a_name_the_accounts_that_differ_are_told(self) -> None:
        configuration = load(None, {"WATCHBILL__ACCOUNTS__0__AUTO_CLOSE_MINUTES_BEFORE": "40"})
        (other,) = day("EURUSD", "2026-03-09", configuration)["other_accounts"]
        assert (other["account"], other["effective_close"]) == ("alpha", "2026-03-09T20:20:00Z")
        assert "On alpha it ends at 17:00 at the exchange, its effective close is 16:20" in printed(
            "EURUSD", "2026-03-09", configuration
        )

    def test_its_own_hours_move_its_days_end(self, tmp_path: Path) -> None:
        file = tmp_path / "watchbill.toml"
        file.write_text(
            '[[accounts]]\nname = "alpha"\nconnector = "paper"\nsymbols = { EURUSD = "EURUSD" }\n'
            '[accounts.hours.EURUSD]\nfriday_end = "16:00"\nauto_close_minutes_before = 30\n',
            encoding="utf-8",
        )
        configuration = load(file, {})
        friday = day("EURUSD", "2026-03-13", configuration, account="alpha")
        assert (friday["day_end"], friday["effective_close"]) == ("2026-03-13T20:00:00Z", "2026-03-13T19:30:00Z")
        assert friday["buffer_from"] == "accounts.hours.EURUSD of alpha"
        assert friday["is_early_close"] is False, "it is every Friday's end there"
        assert day("EURUSD", "2026-03-13", configuration)["day_end"] == "2026-03-13T21:00:00Z"


class TestWhatCannotBeAnswered:
    def test_an_account_that_is_not_there_is_named_with_those_that_are(self, configuration: Configuration) -> None:
        with pytest.raises(CommandError, match="--account is 'nope'; expected one of alpha, beta"):
            day("EURUSD", "2026-03-09", configuration, account="nope")

    def test_a_commodity_that_is_not_there_is_named_with_the_nearest(self, configuration: Configuration) -> None:
        with pytest.raises(CommandError, match=r"COMMODITY is 'EURUSDD'.*EURUSD"):
            day("EURUSDD", "2026-03-09", configuration)

    @pytest.mark.parametrize("at", ["1900-01-01", "9999-12-31", "0001-01-01T00:00Z"])
    def test_a_year_that_no_calendar_reaches_is_refused(self, at: str, configuration: Configuration) -> None:
        with pytest.raises(CommandError, match=r"--at is in the year \d+; expected one from 1971 to 2099"):
            day("EURUSD", at, configuration)

    @pytest.mark.parametrize("text", ["2026-13-45", "yesterday", "", "12:00", "0001-01-01T00:00+14:00"])
    def test_what_is_no_date_is_refused_with_what_was_expected(
        self, text: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        with pytest.raises(SystemExit):
            parse(["calendar", "EURUSD", "--at", text])
        said = capsys.readouterr().err
        assert f"argument --at: it is {text!r}" in said
        assert "; expected a date such as" in said
