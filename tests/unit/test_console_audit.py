"""`run.py audit`: its figures, its tables, and what it says to bad input."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from made_brownian import brownian
from made_courses import bars_at
from made_ledger_file import NOON, History, configuration_of
from rich.console import Console

from console import audit
from console.arguments import Audit
from console.audit_ledger import intervention, lines_by_trade
from console.audit_view import render_recorded
from console.command_line import parse
from console.configuration import Configuration
from console.errors import CommandError
from console.output import Output
from persistence.journal import JournalEntry
from trading.analysis import Strategy
from trading.audit import RULES
from trading.bars import BarSeries
from trading.market import HOUR
from trading.trade import TradeState

ROW = (
    *("name", "default", "enabled", "trades", "touched", "mean", "standard_error", "t", "verdict"),
    *("profit", "held_seconds", "blocks", "by_half", "by_entry", "by_series", "by_strategy"),
)


@pytest.fixture
def configuration(tmp_path: Path) -> Configuration:
    return configuration_of(tmp_path)


@pytest.fixture
def history(configuration: Configuration) -> Iterator[History]:
    history = History(configuration)
    yield history
    history.close()


def written(path: Path, bars: BarSeries) -> Path:
    """The bars as a file."""
    columns = np.column_stack([bars.time, bars.open, bars.high, bars.low, bars.close])
    header = "time,open,high,low,close"
    np.savetxt(path, columns, delimiter=",", header=header, comments="", fmt=["%d", *["%.8f"] * 4])
    return path


@pytest.fixture
def files(tmp_path: Path) -> tuple[Path, ...]:
    """Two short series: one of the catalogue, one that is not in it."""
    names = ("EURUSD_H1.csv", "USDRUB_H1.csv")
    return tuple(written(tmp_path / name, brownian(2_200, seed)) for seed, name in enumerate(names))


def shown(arguments: Audit, configuration: Configuration, *, as_json: bool = True) -> Any:
    """What the command writes to standard output."""
    out = io.StringIO()
    assert audit.run(arguments, configuration, Output(as_json=as_json, stdout=out, stderr=io.StringIO())) == 0
    return json.loads(out.getvalue()) if as_json else out.getvalue()


def without_seconds(data: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in data.items() if name != "seconds"}


def test_the_json_has_a_row_for_each_rule(files: tuple[Path, ...], configuration: Configuration) -> None:
    data = shown(Audit(data=files, trades=12, jobs=1), configuration)
    assert [row["name"] for row in data["rules"]] == list(RULES)
    for row in data["rules"]:
        assert set(ROW) <= set(row)
        assert row["trades"] == data["trades"]
        for cut in ("by_half", "by_entry", "by_series", "by_strategy"):
            assert sum(part["trades"] for part in row[cut].values()) == row["trades"]
            assert sum(part["touched"] for part in row[cut].values()) == row["touched"]
        assert set(row["by_series"]) <= {"EURUSD_H1", "USDRUB_H1"}
    assert data["together"][0]["rules"] == sorted(row["name"] for row in data["rules"] if row["enabled"])
    assert [series["commodity"] for series in data["series"]] == ["EURUSD", "USDRUB_H1"]


def test_the_same_seed_gives_the_same_figures_on_one_core_and_on_two(
    files: tuple[Path, ...], configuration: Configuration
) -> None:
    arguments = Audit(data=files, trades=8, rules=("trailing",), jobs=1)
    alone = without_seconds(shown(arguments, configuration))
    assert without_seconds(shown(replace(arguments, jobs=2), configuration)) == alone
    other = shown(replace(arguments, seed=1), configuration)
    assert other["rules"] != alone["rules"]


def test_one_rule_can_be_asked_for(files: tuple[Path, ...], configuration: Configuration) -> None:
    data = shown(Audit(data=files[:1], trades=4, rules=("mean", "rescale"), jobs=1), configuration)
    assert [row["name"] for row in data["rules"]] == ["rescale", "mean"]
    assert data["together"] == []


def test_people_get_tables(files: tuple[Path, ...], configuration: Configuration) -> None:
    arguments = Audit(data=files, trades=8, jobs=1)
    text = shown(arguments, configuration, as_json=False)
    for words in ("break even", "all rules that are on", "By half of the entries", "By strategy", "those of FX"):
        assert words in " ".join(text.split())
    data = shown(arguments, configuration)
    narrow = Console(width=60, file=io.StringIO())
    narrow.print(render_recorded(data))
    assert max(map(len, narrow.file.getvalue().splitlines())) <= 60  # type: ignore[attr-defined]  # it is ours


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (Audit(), "expected --data FILE… or --ledger"),
        (Audit(data=(Path("none.csv"),), rules=("trail",)), "there is no rule 'trail'; expected one of trailing, "),
        (Audit(data=(Path("none.csv"),)), "none.csv"),
        (Audit(ledger=Path("none.sqlite")), "--ledger: there is no file none.sqlite"),
    ],
)
def test_bad_input_is_named(arguments: Audit, said: str, configuration: Configuration) -> None:
    with pytest.raises(CommandError) as error:
        audit.run(arguments, configuration, Output(stdout=io.StringIO(), stderr=io.StringIO()))
    assert said in str(error.value)


def test_too_few_bars_are_said_to_be_too_few(tmp_path: Path, configuration: Configuration) -> None:
    short = written(tmp_path / "EURUSD.csv", brownian(60))
    with pytest.raises(CommandError, match="no trade can be followed on the bars of EURUSD; expected more days"):
        shown(Audit(data=(short,), jobs=1), configuration)


def test_bars_of_which_no_readings_can_be_made_are_named(tmp_path: Path, configuration: Configuration) -> None:
    odd = written(tmp_path / "EURUSD.csv", brownian(400, bar_seconds=7 * 60))
    with pytest.raises(CommandError, match="--data: EURUSD: "):
        shown(Audit(data=(odd,), jobs=1), configuration)


def test_the_command_line_is_understood() -> None:
    words = "audit --data a.csv b.csv --rule mean --rule trailing --trades 9 --jobs 2"
    arguments = parse(words.split())
    assert arguments == Audit(
        data=(Path("a.csv"), Path("b.csv")), rules=("mean", "trailing"), trades=9, jobs=2, ledger=False
    )
    assert parse(["audit", "--ledger"]) == Audit(ledger=True)


# ---------------------------------------------------------------- the ledger


ENTRY, STOP, TARGET = 1.11823, 1.1152, 1.1251  # of the trade in the history


def hours_after(tmp_path: Path, highest: float) -> Path:
    """EURUSD at its entry for some hours round noon; the fourth hour after noon reaches ``highest``."""
    prices = [(ENTRY, ENTRY, ENTRY, ENTRY)] * 80
    prices[14] = (ENTRY, highest, ENTRY, ENTRY)
    return written(tmp_path / "EURUSD.csv", bars_at([NOON + (number - 10) * HOUR for number in range(80)], prices))


def stopped(history: History) -> None:
    """A trade whose stop a rule has moved two hours after noon, and which was closed at it an hour later."""
    history.finish(history.adjust(history.open(), NOON + 2 * HOUR), NOON + 3 * HOUR)


def test_a_trade_of_the_ledger_is_compared_with_its_shadow(
    tmp_path: Path, history: History, configuration: Configuration
) -> None:
    stopped(history)
    data = shown(Audit(ledger=True, data=(hours_after(tmp_path, 1.13),)), configuration)
    assert (data["trades"], data["touched"], data["compared"], data["left_out"]) == (1, 1, 1, {})
    (row,) = data["rules"]
    assert (row["name"], row["trades"], row["verdict"]) == ("trailing", 1, "too little data")
    reached = TARGET - 0.00002  # by the shadow, less the slippage of a paper account, which the trade has had too
    assert row["mean"] == pytest.approx((STOP - reached) / (0.005 * ENTRY))
    assert row["standard_error"] is None
    assert row["profit"]["mean"] == -1.0
    assert row["held_seconds"] < 0
    assert set(row["by_strategy"]) == {"mean_reversion"}


def test_a_trade_without_bars_of_its_time_is_left_out_and_counted(
    tmp_path: Path, history: History, configuration: Configuration
) -> None:
    stopped(history)
    other = written(tmp_path / "GBPUSD.csv", bars_at([NOON + n * HOUR for n in range(40)], [(1.3, 1.3, 1.3, 1.3)] * 40))
    data = shown(Audit(ledger=True, data=(other,)), configuration)
    assert (data["compared"], data["left_out"], data["rules"]) == (0, {"without bars of its time": 1}, [])


def test_a_shadow_that_outlives_the_bars_is_left_out_and_counted(
    tmp_path: Path, history: History, configuration: Configuration
) -> None:
    stopped(history)
    short = [(ENTRY, ENTRY, ENTRY, ENTRY)] * 20
    file = written(tmp_path / "EURUSD.csv", bars_at([NOON + (n - 10) * HOUR for n in range(20)], short))
    data = shown(Audit(ledger=True, data=(file,)), configuration)
    assert data["left_out"] == {"whose shadow outlives the bars": 1}


def test_the_first_rule_that_touched_a_trade_answers_for_it(history: History, configuration: Configuration) -> None:
    trade = history.adjust(history.open(), NOON + 2 * HOUR)
    detail = {"stop_before": 1.1171, "target_before": TARGET, "strategy_before": "momentum"}
    late = JournalEntry(NOON + 3 * HOUR, "adjustment", "regime_switch", "alpha", "EURUSD", trade.trade_id, None, detail)
    history.ledger.journal.append(late)
    lines = lines_by_trade(history.ledger.journal.list(kind="adjustment"))[trade.trade_id]
    touched = intervention(trade, lines, configuration.settings)
    assert (touched.rule, touched.at, touched.before.stop_price) == ("trailing", NOON + 2 * HOUR, STOP)
    assert touched.before.strategy is Strategy.MOMENTUM, "what it was before the switch that came later"


def test_a_switch_of_strategy_is_undone_in_the_shadow(history: History, configuration: Configuration) -> None:
    trade = history.open()
    switched = replace(trade, strategy=Strategy.MOMENTUM, trailing_distance=0.003, target_price=None)
    detail = {"stop_before": STOP, "target_before": TARGET, "strategy_before": "mean_reversion"}
    entry = JournalEntry(NOON + HOUR, "adjustment", "regime_switch", "alpha", "EURUSD", trade.trade_id, detail=detail)
    history.ledger.journal.append(entry)
    (line,) = history.ledger.journal.list(kind="adjustment")
    before = intervention(switched, [line], configuration.settings).before
    assert (before.strategy, before.target_price, before.trailing_distance) == (trade.strategy, TARGET, None)
    assert (before.state, before.time_stop_at) == (TradeState.OPEN, trade.time_stop_at)


def test_a_ledger_without_touched_trades_says_so(
    tmp_path: Path, history: History, configuration: Configuration
) -> None:
    history.finish(history.open(), NOON + HOUR)
    text = shown(Audit(ledger=True, data=(hours_after(tmp_path, 1.13),)), configuration, as_json=False)
    assert "1 settled trades; a rule has adjusted or closed 0 of them" in text
    assert "There is nothing to compare." in text


def test_no_ledger_is_no_error(configuration: Configuration) -> None:
    assert "There is no ledger" in shown(Audit(ledger=True), configuration, as_json=False)
