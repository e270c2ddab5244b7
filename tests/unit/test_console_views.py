"""`status`, `trades` and `why` over a real ledger: what the data say, and that the tables can be read."""

from __future__ import annotations

import io
import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from made_ledger_file import NOON, OWNER, History, configuration_of
from rich.console import Console, RenderableType

from console import closings, status, trades, why
from console.arguments import Status, Trades, Why
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from console.records import decision_data
from console.sentences import event_line, sentence
from feeds.errors import CalendarUnavailable
from feeds.market_calendars import CalendarStore
from persistence.journal import JournalEntry, JournalLine
from persistence.ledger import Ledger
from trading.market import HOUR, MINUTE
from trading.trade import TradeState


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configuration_of(tmp_path)


@pytest.fixture
def history(configuration: Configuration) -> Iterator[History]:
    history = History(configuration)
    yield history
    history.close()


def a_day_of(history: History) -> None:
    """Nothing, a refusal, a trade that lost, and one that is open."""
    history.nothing(NOON - 10 * HOUR)
    history.refuse(NOON - 5 * HOUR)
    history.finish(history.adjust(history.open(NOON), NOON + HOUR), NOON + 2 * HOUR)
    history.open(NOON + 3 * HOUR, "a-9")


def text_of(renderable: RenderableType, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(renderable)
    return captured.get()


def show(command: Any, configuration: Configuration, *, as_json: bool = False) -> str:
    """What the whole command prints on standard output."""
    modules: dict[type, Any] = {Status: status, Trades: trades, Why: why}
    stdout = io.StringIO()
    output = Output(as_json=as_json, stdout=stdout, stderr=io.StringIO())
    assert modules[type(command)].run(command, configuration, output) == 0
    return stdout.getvalue()


THE_LAST_TEN = Why(last=10)
COMMANDS = [Status(), Trades(), THE_LAST_TEN]


@pytest.mark.parametrize("command", COMMANDS)
def test_without_a_ledger_each_says_so_and_makes_none(
    command: Any, configuration: Configuration, tmp_path: Path
) -> None:
    assert "There is no ledger" in show(command, configuration)
    assert json.loads(show(command, configuration, as_json=True))["exists"] is False
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Status(), "No open trades."),
        (Trades(), "No trades."),
        (Why(), "No decision yet"),
        (Why(commodity="GBPUSD"), "No decision about GBPUSD yet"),
    ],
)
def test_an_empty_ledger_is_said_plainly(
    command: Any, said: str, configuration: Configuration, history: History
) -> None:
    assert said in show(command, configuration)


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Why(commodity="NOPE"), "COMMODITY is 'NOPE', which is no commodity; "),
        (Trades(commodity="NOPE"), "--commodity is 'NOPE', which is no commodity; "),
        (Trades(platform="nope"), "--platform is 'nope'; expected one of alpha, beta"),
    ],
)
def test_a_name_that_nothing_knows_is_refused_with_those_that_are_known(
    command: Any, said: str, configuration: Configuration, history: History
) -> None:
    a_day_of(history)
    with pytest.raises(CommandError, match=said):
        show(command, configuration)


def test_an_account_that_left_the_settings_can_still_be_asked_for(
    configuration: Configuration, history: History
) -> None:
    a_day_of(history)
    others = tuple(account for account in configuration.settings.accounts if account.name != "alpha")
    without = replace(configuration, settings=configuration.settings.model_copy(update={"accounts": others}))
    assert "alpha" in show(Trades(platform="alpha"), without)


@pytest.mark.parametrize("command", COMMANDS)
def test_with_json_each_prints_exactly_one_object(command: Any, configuration: Configuration, history: History) -> None:
    a_day_of(history)
    printed = show(command, configuration, as_json=True)
    assert printed.count("\n") == 1
    assert json.loads(printed)["exists"] is True


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("width", [60, 80, 120])
def test_every_view_keeps_within_the_width(
    command: Any, width: int, configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_of(history)
    monkeypatch.setenv("COLUMNS", str(width))
    lines = show(command, configuration).splitlines()
    assert max(len(line.rstrip()) for line in lines) <= width
    assert not any("…" in line for line in lines)


def test_the_next_closings_lose_columns_and_no_letters_where_there_is_little_room(
    configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_day_of(history)
    headings = []
    for width in (40, 70, 100):
        monkeypatch.setenv("COLUMNS", str(width))
        lines = show(Status(), configuration).splitlines()
        (title,) = (number for number, line in enumerate(lines) if line.startswith("Next closings"))
        headings.append(lines[title + 1].split())
    assert headings[0] == ["account", "commodity", "from"]
    assert headings[-1] == ["account", "commodity", "from", "in", "until", "trades", "closes"]
    assert len(headings[0]) < len(headings[1]) <= len(headings[2])


def test_looking_is_quick_because_nothing_is_loaded_that_it_does_not_need() -> None:
    code = "import sys, console.status, console.trades, console.why; print([*sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not {name for name in ("pandas", "pyarrow", "talib", "pykka", "alembic") if f"'{name}'" in loaded}


class TestStatus:
    def test_it_says_who_leads_and_which_leases_are_held(self, configuration: Configuration, history: History) -> None:
        data = status.status_data(configuration, history.ledger)
        assert data["leader"]["owner"] == OWNER
        assert [(lease["resource"], lease["kind"]) for lease in data["leases"]] == [
            ("account:alpha", "account"),
            ("crew:default", "crew"),
        ]
        assert [account["held_by"] for account in data["accounts"]] == [OWNER, None]

    def test_nobody_leading_is_said(self, configuration: Configuration) -> None:
        Ledger.open(configuration.database_url).close()
        assert "nobody leads crew default" in show(Status(), configuration)

    def test_it_counts_trades_by_state_and_adds_up_what_was_realised(
        self, configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        data = status.status_data(configuration, history.ledger)
        assert data["trades_by_state"] == {"open": 1, "closed": 1}
        assert [trade["trade_id"] for trade in data["open_trades"]] == [2]
        assert data["accounts"][0]["realised_profit"] == -131.46
        assert data["accounts"][0]["open_trades"] == 1

    def test_a_cooldown_counts_from_the_submission_in_market_time(
        self, configuration: Configuration, history: History
    ) -> None:
        history.open(NOON)
        data = status.status_data(configuration, history.ledger)
        assert data["market_time"] == "2026-03-04T12:00:00Z"
        assert data["accounts"][0]["cooling_down_until"] == {"EURUSD": "2026-03-04T12:15:00Z"}
        history.refuse(NOON + 15 * MINUTE)
        assert status.status_data(configuration, history.ledger)["accounts"][0]["cooling_down_until"] == {}

    def test_the_positions_of_others_are_those_of_the_newest_line_about_them(
        self, configuration: Configuration, history: History
    ) -> None:
        one = {"position_id": 7, "magic": 0, "commodity": "EURUSD", "side": "sell", "volume_lots": 0.05}
        shown = {**one, "open_price": 1.1, "profit": -3.21}
        for at, positions in ((NOON, []), (NOON + 60_000, [shown])):
            line = JournalEntry(at, "externals", "came", platform="alpha", detail={"positions": positions})
            history.ledger.journal.append(line)
        (found,) = status.status_data(configuration, history.ledger)["external_positions"]
        assert found == {"platform": "alpha", "seen_at": "2026-03-04T12:01:00Z", **shown}
        assert "-3.21" in show(Status(), configuration)

    def test_the_next_closings_are_those_of_the_market_time(self, configuration: Configuration) -> None:
        wednesday, *_ = closings.closings_data(configuration, (), NOON)
        assert (wednesday["window_starts_at"], wednesday["ends_week"]) == ("2026-03-04T21:45:00Z", False)
        assert wednesday["closes"] == "profitable trades that close at day end"
        friday, *_ = closings.closings_data(configuration, (), NOON + 48 * HOUR)
        assert (friday["ends_at"], friday["ends_week"]) == ("2026-03-06T22:00:00Z", True)
        assert friday["closes"] == "profitable trades"
        after_saturday, *_ = closings.closings_data(configuration, (), NOON + 72 * HOUR)
        assert after_saturday["ends_at"] == "2026-03-09T21:00:00Z"

    def test_without_a_calendar_all_else_is_shown_and_why_the_closings_are_not(
        self, configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unavailable(*_: object) -> None:
            raise CalendarUnavailable("EURUSD: hours.day_end is wrong")

        monkeypatch.setattr(CalendarStore, "timetable", unavailable)
        a_day_of(history)
        shown = show(Status(), configuration)
        assert "The next closings are not known: EURUSD: hours.day_end is wrong" in shown
        assert "Open trades" in shown
        data = json.loads(show(Status(), configuration, as_json=True))
        assert (data["next_closings"], data["closings_fault"]) == ([], "EURUSD: hours.day_end is wrong")

    def test_the_rules_in_force_decide_what_is_closed(self, tmp_path: Path) -> None:
        everything = configuration_of(tmp_path, WATCHBILL__AUTO_CLOSE_ALL_FRIDAY="true")
        assert closings.closings_data(everything, (), NOON + 48 * HOUR)[0]["closes"] == "every trade"
        off = {"WATCHBILL__AUTO_CLOSE_PROFITABLE_DAILY": "false"}
        assert closings.closings_data(configuration_of(tmp_path, **off), (), NOON)[0]["closes"] == "nothing"


class TestTrades:
    def test_they_come_newest_first_and_as_many_as_asked_for(
        self, configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        found = trades.trades_data(Trades(), history.ledger, configuration.commodities)["trades"]
        assert [trade["trade_id"] for trade in found] == [2, 1]
        one = trades.trades_data(Trades(limit=1), history.ledger, configuration.commodities)["trades"]
        assert [trade["trade_id"] for trade in one] == [2]

    @pytest.mark.parametrize(
        ("wanted", "found"),
        [
            (Trades(state=TradeState.CLOSED), [1]),
            (Trades(platform="beta"), []),
            (Trades(commodity="EURUSD"), [2, 1]),
            (Trades(commodity="GBPUSD"), []),
        ],
    )
    def test_they_are_those_that_fit(
        self, wanted: Trades, found: list[int], configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        data = trades.trades_data(wanted, history.ledger, configuration.commodities)
        assert [trade["trade_id"] for trade in data["trades"]] == found

    def test_a_row_has_its_prices_in_the_commoditys_decimals(
        self, configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        a_day_of(history)
        monkeypatch.setenv("COLUMNS", "140")
        row = show(Trades(), configuration).splitlines()[-1]
        assert row.split() == [
            "1", "alpha", "EURUSD", "buy", "0.42", "mean", "reversion", "closed", "2026-03-04", "12:00", "2026-03-04",
            "14:01", "1.11823", "1.11520", "stop", "-131.46",
        ]  # fmt: skip


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=10),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *("analysis", "gate", "candidates", "chosen", "decided_by", "pillars", "reasons", "base", "score", "weight"),
        *("confidence", "threshold", "shortfall", "side", "strategy", "platform", "before", "after", "from", "to"),
        *("close_reason", "profit", "exit_price", "stop_before", "stop_after", "detail", "said"),
    ]
)
DEEP = JSON | st.dictionaries(KEYS, JSON | st.dictionaries(KEYS, JSON, max_size=3), max_size=4)
DETAIL = st.dictionaries(KEYS, DEEP, max_size=6)
KINDS = st.sampled_from(["decision", "transition", "adjustment", "refusal", "rule", "alert", "lease", "open_result"])


class TestOldLines:
    @settings(max_examples=60)
    @given(DETAIL, st.text(max_size=12))
    def test_why_never_fails_on_what_an_older_program_wrote(self, detail: dict[str, Any], reason: str) -> None:
        line = JournalLine(1, NOON, NOON, 1, "w", "decision", None, "EURUSD", None, "a-1", reason, detail)
        decision = decision_data(line)
        told = {**decision, "digits": 5, "results": [], "trades": []}
        for in_full in (True, False):
            data = {"exists": True, "commodity": None, "in_full": in_full, "decisions": [told]}
            assert text_of(why.render(data), 80)

    @settings(max_examples=60)
    @given(KINDS, st.text(max_size=12), DETAIL)
    def test_a_sentence_is_made_of_any_line_and_cannot_steer_a_terminal(
        self, kind: str, reason: str, detail: dict[str, Any]
    ) -> None:
        assert sentence(kind, reason, detail).isprintable()

    @pytest.mark.parametrize(
        ("reason", "said"),
        [
            ("refused:confidence", "refused: day sell, confidence 38.2 below 68"),
            ("refused:veto", "refused: veto, day sell, confidence 38.2 below 68"),
            ("open_told", "told beta to open, day sell, confidence 38.2 below 68"),
        ],
    )
    def test_a_decision_is_told_with_its_numbers(self, reason: str, said: str) -> None:
        detail = {"analysis": {"strategy": "day", "side": "sell"}, "gate": {"confidence": 38.21, "threshold": 68}}
        assert sentence("decision", reason, {**detail, "chosen": "beta"}) == said

    def test_a_line_becomes_an_event_of_the_live_view(self) -> None:
        detail = {"before": "closing", "after": "closed", "exit_price": 1.1, "profit": -3.456}
        line = JournalLine(
            1, NOON, NOON, 2, "w", "transition", "alpha", "EURUSD", 1, None, "the position is gone", detail
        )
        event = event_line(line, 5)
        assert event.resource == "alpha:EURUSD"
        assert event.text == "closing to closed: the position is gone, out at 1.10000, net -3.46 (2 times)"
