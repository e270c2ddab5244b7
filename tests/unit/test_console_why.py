"""`why`: one decision at length by default, several shortly, the one in force at a moment, and why there is none."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from made_ledger_file import CANDIDATES, NOON, OWNER, History, configuration_of, decision
from rich.console import Console

from console import why
from console.arguments import Why
from console.configuration import Configuration
from console.output import Output
from console.reading import ledger_for_reading
from console.records import decision_data
from console.why_decision import refusals
from console.why_readings import readings_in_words
from feeds.errors import CalendarUnavailable
from feeds.market_calendars import CalendarStore
from persistence.journal import VALUATION, JournalEntry, JournalLine
from trading.market import DAY, HOUR, MINUTE, Instant
from trading.modes import Mode, ModeCause
from trading.trade import Trade


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


def data_of(wanted: Why, configuration: Configuration) -> dict[str, Any]:
    with ledger_for_reading(configuration) as ledger:
        return why.why_data(wanted, ledger, configuration)


def show(wanted: Why, configuration: Configuration, *, as_json: bool = False) -> str:
    stdout = io.StringIO()
    assert why.run(wanted, configuration, Output(as_json=as_json, stdout=stdout, stderr=io.StringIO())) == 0
    return stdout.getvalue()


def said(wanted: Why, configuration: Configuration) -> str:
    """What is printed, however its lines are broken."""
    return " ".join(show(wanted, configuration).split())


def reasons_of(found: dict[str, Any]) -> list[str]:
    return [told["reason"] for told in found["decisions"]]


class TestWhichDecision:
    def test_by_default_it_is_the_one_that_opened_last_with_what_was_decided_since_in_counts(
        self, configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        history.refuse(NOON + 4 * HOUR, "a-10")
        history.nothing(NOON + 5 * HOUR)
        found = data_of(Why(), configuration)
        assert reasons_of(found) == ["open_told"]
        assert found["decisions"][0]["analysis_id"] == "a-9"
        assert found["since"]["by_reason"] == {"refused:no strategy fits": 3, "refused:confidence": 1}
        printed = said(Why(), configuration)
        assert "since then 4 decisions: 3 no strategy fits, 1 confidence" in printed
        assert "the newest 2026-03-04 19:00 EURUSD: refused: no strategy fits" in printed

    def test_where_nothing_was_opened_yet_it_is_the_last(self, configuration: Configuration, history: History) -> None:
        history.refuse(NOON)
        history.nothing(NOON + HOUR, times=1)
        assert reasons_of(data_of(Why(), configuration)) == ["refused:no strategy fits"]

    def test_several_come_newest_first_and_as_many_as_asked_for(
        self, configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        assert reasons_of(data_of(Why(last=10), configuration)) == [
            "open_told", "open_told", "refused:confidence", "refused:no strategy fits",
        ]  # fmt: skip
        assert len(data_of(Why(last=1), configuration)["decisions"]) == 1
        assert reasons_of(data_of(Why(commodity="GBPUSD", last=3), configuration)) == []

    @pytest.mark.parametrize(
        ("at", "reason"),
        [
            (NOON - 9 * HOUR, "refused:no strategy fits"),
            (NOON - 1, "refused:confidence"),
            (NOON, "open_told"),
            (NOON + DAY, "open_told"),
        ],
    )
    def test_at_a_moment_it_is_the_one_in_force_then(
        self, at: Instant, reason: str, configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        assert reasons_of(data_of(Why(at=at), configuration)) == [reason]

    def test_before_the_first_it_is_none_and_says_when_the_journal_begins(
        self, configuration: Configuration, history: History
    ) -> None:
        a_day_of(history)
        printed = said(Why(at=NOON - 2 * DAY), configuration)
        assert "No decision yet until 2026-03-02 12:00" in printed
        assert "The journal begins at 2026-03-04 02:00" in printed

    def test_a_commodity_may_be_called_by_another_name(self, configuration: Configuration, history: History) -> None:
        history.refuse()
        found = data_of(Why(commodity="EUR/USD"), configuration)
        assert found["commodity"] == "EURUSD"
        assert reasons_of(found) == ["refused:confidence"]


class TestOneScreen:
    @pytest.mark.parametrize(("width", "height"), [(80, 40), (100, 40), (120, 40)])
    def test_a_decision_with_a_trade_in_motion_fits_on_one(
        self,
        width: int,
        height: int,
        configuration: Configuration,
        history: History,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        trade = history.open(NOON)
        for hours in range(1, 15):
            trade = adjusted(history, trade, NOON + hours * HOUR)
        monkeypatch.setenv("COLUMNS", str(width))
        lines = show(Why(), configuration).splitlines()
        assert len(lines) < height
        assert max(len(line.rstrip()) for line in lines) <= width

    def test_several_decisions_take_a_line_each(self, configuration: Configuration, history: History) -> None:
        a_day_of(history)
        told = [line for line in show(Why(last=4), configuration).splitlines() if line.startswith("03-04")]
        assert len(told) == 4
        assert "alpha #2: open" in told[0]
        assert "alpha #1: stop -131.46" in told[1]
        assert "64.2 of 72" in told[2]


def adjusted(history: History, trade: Trade, at: Instant, rule: str = "trailing") -> Trade:
    """The stop follows by a tenth of a cent, as the monitor writes it."""
    stop = trade.stop_price + 0.001
    worth = {"profit": 0.6, "target": 0.2, "expected_value": -0.01}
    detail = {
        "rule": rule,
        "why": "the price has moved on",
        "stop_before": trade.stop_price,
        "stop_after": stop,
        "target_before": trade.target_price,
        "target_after": trade.target_price,
        "valuation_before": worth,
        "valuation_after": {**worth, "profit": 0.65, "expected_value": 0.02},
    }
    line = JournalEntry(at, "adjustment", rule, "alpha", "EURUSD", trade.trade_id, trade.analysis_id, detail)
    return history.advance(trade, replace(trade, stop_price=stop), at, line, stop_price=stop)


class TestWhatIsTold:
    def test_a_refusal_has_each_pillar_the_threshold_and_the_shortfall(
        self, configuration: Configuration, history: History
    ) -> None:
        history.refuse()
        (found,) = data_of(Why(), configuration)["decisions"]
        assert (found["confidence"], found["threshold"], found["shortfall"]) == (64.25, 72.0, 7.75)
        assert found["pillars"][0] == {
            "name": "base", "score": 0.91, "weight": 0.5, "contribution": 45.5, "absent": False,
            "readings": {}, "sources": [],
        }  # fmt: skip
        assert found["pillars"][3]["absent"] is True
        printed = said(Why(), configuration)
        assert "refused: confidence" in printed
        assert "confidence 64.2 of 72 needed, short by 7.8" in printed

    def test_the_threshold_is_told_in_its_parts_while_the_settings_still_make_it(
        self, tmp_path: Path, configuration: Configuration, history: History
    ) -> None:
        history.refuse()
        assert "(standard profile 72, the strategy's least 60)" in said(Why(), configuration)
        changed = configuration_of(tmp_path, WATCHBILL__CONFIDENCE_PROFILE="aggressive")
        assert "profile" not in said(Why(), changed)

    def test_each_pillar_says_what_it_lost_and_at_which_score_it_would_have_been_enough(
        self, configuration: Configuration, history: History
    ) -> None:
        history.refuse()
        rows = {line.split()[0]: line.split() for line in show(Why(), configuration).splitlines() if line.split()}
        assert rows["base"][-3:] == ["4.5", "not", "alone"]  # at its best it would give 4.5 points; 7.75 are missing
        assert rows["volatility"][-2:] == ["18.0", "0.66"]  # 0.4 + 7.75 / 30
        assert "most is lost in volatility: 18.0 of its 30 points" in said(Why(), configuration)

    def test_what_the_gate_has_against_it_beside_the_confidence_is_told(
        self, configuration: Configuration, history: History
    ) -> None:
        reasons = ["veto: the base score is 0", "confidence 64.25 is below the threshold 72 (high_volatility)"]
        history.ledger.journal.append(decision("refused:veto", NOON, "a-1", {"reasons": reasons}))
        printed = said(Why(), configuration)
        assert "the gate refuses: veto: the base score is 0" in printed
        assert "is below the threshold" not in printed

    def test_an_open_shows_every_account_and_why_it_was_or_was_not_chosen(
        self, configuration: Configuration, history: History
    ) -> None:
        history.open()
        printed = said(Why(), configuration)
        assert "told alpha to open" in printed
        assert "chosen, no other is eligible" in printed
        assert "inside the pre-close window" in printed

    def test_where_no_account_takes_it_each_reason_names_its_accounts(self) -> None:
        rows = [{**row, "eligible": False} for row in CANDIDATES]
        rows[0]["reason"] = "open trade"
        assert refusals([*rows, {**rows[0], "platform": "gamma"}]) == (
            "alpha, gamma: open trade; beta: inside the pre-close window"
        )

    def test_no_plan_and_an_event_say_what_they_are(self, configuration: Configuration, history: History) -> None:
        no_plan = decision("refused:no plan", NOON, "a-1", why_no_plan="no account has a usable quote")
        barred = decision("refused:event", NOON + HOUR, "a-2", event="non-farm payrolls")
        history.ledger.journal.append(no_plan, barred)
        assert "no plan: no account has a usable quote" in said(Why(at=NOON), configuration)
        assert "an event bars it: non-farm payrolls" in said(Why(), configuration)

    def test_what_an_account_refused_after_all_is_told(self, configuration: Configuration, history: History) -> None:
        history.open()
        refused = JournalEntry(
            NOON, "open_result", "refused:reserved", "alpha", "EURUSD", None, "a-2", {"said": "reserved"}
        )
        history.ledger.journal.append(refused)
        assert "alpha answered: refused: reserved" in said(Why(), configuration)

    def test_repeated_lines_are_told_as_one_with_their_count(
        self, configuration: Configuration, history: History
    ) -> None:
        history.nothing(times=3)
        printed = said(Why(), configuration)
        assert "refused: no strategy fits (3 times, the last at 2026-03-04 14:00)" in printed
        assert "adx 17.5" in printed

    def test_warming_up_names_what_is_missing(self, configuration: Configuration, history: History) -> None:
        missing = {"missing": ["rsi: not finite", "D1 trend: 3 completed bars, 50 needed"]}
        history.ledger.journal.append(
            JournalEntry(NOON, "decision", "refused:warming_up", commodity="EURUSD", detail=missing)
        )
        assert "not known yet: rsi: not finite, D1 trend: 3 completed bars, 50 needed" in said(Why(), configuration)

    @pytest.mark.parametrize(
        ("reason", "told"),
        [
            ("stale", "older than analysis_max_age_seconds allows"),
            ("seen", "a trade has come of this very analysis already"),
            ("paused", "a person has paused opening, of everything or of this part"),
            ("no_eligible_strategy", "no strategy is both switched on and meant for this regime"),
        ],
    )
    def test_a_check_that_has_no_numbers_is_told_in_words(
        self, reason: str, told: str, configuration: Configuration, history: History
    ) -> None:
        history.ledger.journal.append(decision(f"refused:{reason}", NOON, "a-1"))
        assert told in said(Why(), configuration)

    def test_words_from_outside_cannot_steer_the_terminal(self, configuration: Configuration, history: History) -> None:
        evil = "\x1b[2J\x1b[31mred\r\n"
        changes = {"reasons": [f"veto: {evil}"]}
        candidates = [{**CANDIDATES[0], "platform": evil, "eligible": False, "reason": evil}]
        said_by = {"strategy": evil, "regime": evil, "side": evil, "made_by": evil, "confidence": 50.0}
        told = {"analysis": said_by, "candidates": candidates, "why_no_plan": evil, "event": evil}
        line = decision(f"refused:{evil}", NOON, "a-1", changes)
        history.ledger.journal.append(replace(line, detail={**line.detail, **told}))
        for wanted in (Why(), Why(last=2), Why(at=NOON)):
            assert "\x1b" not in show(wanted, configuration)


class TestTheTrade:
    def test_an_analysis_that_one_account_refused_belongs_to_the_account_that_it_was_handed_on_to(
        self, configuration: Configuration, history: History
    ) -> None:
        history.open()
        handed_on = replace(decision("open_told", NOON, "a-2", chosen="beta"), platform="beta")
        history.ledger.journal.append(handed_on)
        (told,) = data_of(Why(last=1), configuration)["decisions"]
        assert told["chosen"] == "beta"
        assert (told["trades"], told["results"]) == ([], [])

    def test_its_life_is_told_once_from_opening_to_end(self, configuration: Configuration, history: History) -> None:
        trade = adjusted(history, history.open(), NOON + HOUR)
        history.finish(trade, NOON + 2 * HOUR)
        (found,) = data_of(Why(), configuration)["decisions"]
        assert [step["kind"] for step in found["trades"][0]["life"]] == [
            "transition", "transition", "open_result", "transition", "adjustment", "transition", "transition",
        ]  # fmt: skip
        printed = said(Why(), configuration)
        for told in (
            "trade 1 on alpha: buy 0.42 lots, closed by stop 2026-03-04 14:01, net -131.46",
            "03-04 13:00 trailing: stop 1.11520 to 1.11620, P(profit) 60 to 65 %, P(target) 20 %, EV -0.010 to +0.020"
            " (the price has moved on)",
            "03-04 14:00 closing: stop",
            "03-04 14:01 closed at 1.11520, net -131.46",
        ):
            assert told in printed
        assert printed.count("opened at 1.11823, stop 1.11520") == 1

    def test_a_long_row_of_adjustments_by_one_rule_is_drawn_together(
        self, configuration: Configuration, history: History
    ) -> None:
        trade = history.open()
        for hours in range(1, 13):
            trade = adjusted(history, trade, NOON + hours * HOUR)
        adjusted(history, trade, NOON + 13 * HOUR, rule="break_even")
        printed = said(Why(), configuration)
        assert "12 times until 03-05 00:00, trailing: stop 1.11520 to 1.12720" in printed
        assert "break even: stop 1.12720 to 1.12820" in printed

    def test_the_moment_asked_for_stands_between_what_came_before_and_after_it(
        self, configuration: Configuration, history: History
    ) -> None:
        trade = history.open()
        worth = {"target": 0.31, "stop": 0.24, "profit": 0.62, "expected_value": -0.004}
        for hours, profit in ((1, 0.4), (3, 0.9)):
            line = JournalEntry(
                NOON + hours * HOUR, VALUATION, "valued", "alpha", "EURUSD", 1, detail={**worth, "profit": profit}
            )
            history.ledger.journal.append(line)
        adjusted(history, trade, NOON + 2 * HOUR)
        lines = show(Why(at=NOON + 90 * MINUTE), configuration).splitlines()
        opened, then, moved = (
            next(number for number, line in enumerate(lines) if words in line)
            for words in ("opened at", "then valued, at 03-04 13:00: P(profit) 40 %", "trailing: stop")
        )
        assert opened < then < moved

    def test_a_trade_of_an_earlier_decision_that_was_open_then_is_told_too(
        self, configuration: Configuration, history: History
    ) -> None:
        history.finish(history.open(), NOON + 2 * HOUR)
        history.refuse(NOON + HOUR, "a-5")
        found = data_of(Why(at=NOON + HOUR), configuration)
        assert reasons_of(found) == ["refused:confidence"]
        assert [trade["trade_id"] for trade in found["open_trades"]] == [1]
        assert "open at that moment trade 1 on alpha" in said(Why(at=NOON + HOUR), configuration)
        assert data_of(Why(at=NOON + 3 * HOUR), configuration)["open_trades"] == []
        assert "no trade was open at that moment" in said(Why(at=NOON + 3 * HOUR), configuration)


class TestSilence:
    def test_shortly_after_a_decision_there_is_nothing_to_explain(
        self, configuration: Configuration, history: History
    ) -> None:
        history.refuse()
        assert data_of(Why(at=NOON + HOUR), configuration)["nothing_because"] == []

    def test_without_a_calendar_it_says_that_it_does_not_know_whether_the_market_was_shut(
        self, configuration: Configuration, history: History, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def unavailable(*_: object) -> None:
            raise CalendarUnavailable("the process that makes calendars ended with 1")

        monkeypatch.setattr(CalendarStore, "times", unavailable)
        history.nothing(NOON)
        told = data_of(Why(at=NOON + 72 * HOUR), configuration)["nothing_because"]
        assert "Whether EURUSD was shut is not known: the process that makes calendars ended with 1" in told

    def test_a_market_that_is_shut_says_from_when_until_when(
        self, configuration: Configuration, history: History
    ) -> None:
        history.refuse()
        history.refuse(NOON + 7 * DAY, "a-2")
        told = data_of(Why(at=NOON + 3 * DAY), configuration)["nothing_because"]
        assert told == [
            "At 2026-03-07 12:00 nothing had been decided for 3 d 0 h.",
            "EURUSD was shut from 2026-03-06 22:00 until 2026-03-08 21:00 (run.py calendar EURUSD).",
        ]

    def test_a_pause_says_who_set_it_and_a_lifted_one_nothing(
        self, configuration: Configuration, history: History
    ) -> None:
        history.refuse()
        modes = history.ledger.modes
        modes.set("default", Mode.PAUSED, reason="lunch", by="me", at=NOON + HOUR, cause=ModeCause.OPERATOR)
        modes.set("default", Mode.TRADING, reason="", by="me", at=NOON + 5 * HOUR, cause=ModeCause.OPERATOR)
        told = data_of(Why(at=NOON + 4 * HOUR), configuration)["nothing_because"]
        assert "The crew was paused since 2026-03-04 13:00 (operator): lunch." in told
        later = data_of(Why(at=NOON + 6 * HOUR), configuration)["nothing_because"]
        assert not any("crew was" in sentence for sentence in later)

    def test_the_alerts_since_the_last_decision_are_told(self, configuration: Configuration, history: History) -> None:
        history.refuse()
        alert = JournalEntry(NOON + HOUR, "alert", "no_bars", "alpha", detail={"said": "alpha:EURUSD: not judged"})
        history.ledger.journal.append(alert)
        printed = said(Why(at=NOON + 3 * HOUR), configuration)
        assert "alert at 2026-03-04 13:00: no bars: alpha:EURUSD: not judged" in printed
        assert "The journal ends at 2026-03-04 13:00: no process of this crew has written since." in printed


class TestReadings:
    def test_the_base_says_trigger_fit_and_grades_with_their_indicators(self) -> None:
        readings = {"trigger": 0.5, "fit": 1.0, "rsi_grade": 1.0, "macd_grade": 0.5, "rsi": 77.3, "adx": 52.3}
        assert readings_in_words({"name": "base", "readings": readings}) == (
            "trigger 0.50 x fit 1.00 x grades (rsi 1.00, macd 0.50); RSI 77, ADX 52"
        )

    def test_a_base_without_a_trigger_says_so_in_words(self) -> None:
        assert readings_in_words({"name": "base", "readings": {"trigger": 0.0, "fit": 0.3}}) == (
            "no trigger: what the strategy waits for did not happen in the last three bars"
        )

    def test_the_trend_says_each_frame_and_what_over_extension_took(self) -> None:
        readings = {"h1_strength": 1, "h4_strength": -0.5, "d1_strength": None, "extension_daily_atr": -6.4}
        assert readings_in_words({"name": "trend", "readings": {**readings, "extension_cut": 0.15}}) == (
            "H1 +1.00, H4 -0.50 (-1 falls, +1 rises); 6.4 daily ATR below the 200-day average; over-extended: 15 % off"
        )

    def test_volatility_says_how_lively_market_and_bar_are(self) -> None:
        readings = {"relative_volatility": 1.5, "range_in_atr": 0.68, "level": 1.0, "activity": 0.18}
        assert readings_in_words({"name": "volatility", "readings": readings}) == (
            "1.50 of the usual volatility (level 1.00); this bar's range 0.68 ATR (activity 0.18)"
        )

    def test_readings_of_another_source_are_told_by_their_own_names(self) -> None:
        assert readings_in_words({"name": "base", "readings": {"model_score": 0.25}}) == "model score 0.25"
        assert readings_in_words({"name": "trend", "readings": {}}) == ""


def test_a_lone_decision_without_a_ledger_around_it_can_be_rendered() -> None:
    line = JournalLine(1, NOON, NOON, 1, OWNER, "decision", None, "EURUSD", None, "a", "refused:seen", {})
    told = {**decision_data(line), "digits": 5, "results": [], "trades": []}
    console = Console(file=io.StringIO(), width=80)
    with console.capture() as shown:
        console.print(why.render({"exists": True, "commodity": None, "decisions": [told]}))
    assert "refused: seen" in shown.get()


def test_with_json_all_of_it_is_there(configuration: Configuration, history: History) -> None:
    a_day_of(history)
    found = json.loads(show(Why(), configuration, as_json=True))
    assert {"exists", "commodity", "at", "market_time", "decisions", "open_trades", "since", "nothing_because"} <= set(
        found
    )
