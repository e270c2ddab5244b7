"""`run.py calibration`: its figures, its tables, its diagram, and what it says to bad input."""

from __future__ import annotations

import io
import json
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
from made_brownian import brownian
from made_ledger_file import NOON, History, configuration_of
from rich.console import Console

from console import calibration
from console.arguments import Calibration
from console.calibration_ledger import confidence_bands
from console.calibration_series import read_all
from console.calibration_view import render_recorded
from console.command_line import parse
from console.configuration import Configuration
from console.errors import CommandError
from console.ledger_claims import AIMLESS, CUT_SHORT, UNREADABLE, UNSETTLED, claims_of, read_claims
from console.live_calibration import LiveCalibration, sentence
from console.output import Output
from persistence.journal import JournalEntry
from trading.bars import BarSeries
from trading.calibration import wilson_interval
from trading.market import HOUR, MINUTE
from trading.trade import CloseReason, Trade, TradeState
from trading.trade_claims import LiveFigure

TOP_LEVEL = ("positions", "calibration_error", "calibration_error_profit", "brier_skill", "brier_skill_profit")
POSITIONS = 1_500


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
    return tuple(written(tmp_path / name, brownian(1_500, seed)) for seed, name in enumerate(names))


def shown(arguments: Calibration, configuration: Configuration, *, as_json: bool = False) -> str:
    """What the command writes to standard output."""
    out = io.StringIO()
    assert calibration.run(arguments, configuration, Output(as_json=as_json, stdout=out, stderr=io.StringIO())) == 0
    return out.getvalue()


def test_a_file_may_be_given_with_its_commodity(files: tuple[Path, ...], configuration: Configuration) -> None:
    (series,) = read_all([Path(f"GBPUSD={files[0]}")], None, configuration)
    assert series.bars.commodity == "GBPUSD"


def test_files_may_be_named_one_after_the_other_or_option_by_option() -> None:
    one = parse(["calibration", "--data", "a.csv", "b.csv", "--data", "c.csv"])
    assert isinstance(one, Calibration)
    assert one.data == (Path("a.csv"), Path("b.csv"), Path("c.csv"))


def test_the_json_has_the_figures_of_the_whole_run_at_its_top(
    files: tuple[Path, ...], configuration: Configuration
) -> None:
    data = json.loads(shown(Calibration(data=files, positions=POSITIONS, json=True), configuration, as_json=True))
    assert all(isinstance(data[name], float | int) for name in TOP_LEVEL)
    assert data["positions"] == 2 * POSITIONS
    assert set(data["by_series"]) == {"EURUSD_H1", "USDRUB_H1"}
    assert sum(row["positions"] for row in data["by_series"].values()) == data["positions"]
    assert sum(row["positions"] for row in data["by_seconds_left"]) == data["positions"]
    assert sum(row["positions"] for row in data["by_reward_to_risk"]) == data["positions_with_target"]
    assert sum(row["count"] for row in data["claims"]["profit"]["reliability"]) == data["positions"]
    assert sum(row["count"] for row in data["claims"]["target"]["deciles"]) == data["positions_with_target"]
    assert set(data["by_side"]) == {"buy", "sell"}
    assert len(data["by_hour"]) == 24


def test_the_same_seed_gives_the_same_figures(files: tuple[Path, ...], configuration: Configuration) -> None:
    def figures(seed: int) -> dict[str, Any]:
        data = calibration.recorded_data(Calibration(data=files[:1], positions=400, seed=seed), configuration)
        return {name: value for name, value in data.items() if name not in ("seconds", "seed")}

    assert figures(1) == figures(1)
    assert figures(1) != figures(2)


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_tables_fit_and_say_what_was_assumed(
    files: tuple[Path, ...], configuration: Configuration, width: int
) -> None:
    data = calibration.recorded_data(Calibration(data=files, positions=POSITIONS), configuration)
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(render_recorded(data))
    text = captured.get()
    assert max(len(line) for line in text.splitlines()) <= width
    assert "not in the catalogue" in text
    assert "reward to risk" in text


def test_a_file_that_is_not_there_is_named(configuration: Configuration, tmp_path: Path) -> None:
    with pytest.raises(CommandError, match=r"gone\.csv: there is no such file"):
        calibration.recorded_data(Calibration(data=(tmp_path / "gone.csv",)), configuration)


def test_too_few_bars_are_said_to_be_too_few(configuration: Configuration, tmp_path: Path) -> None:
    few = written(tmp_path / "EURUSD.csv", brownian(100))
    with pytest.raises(CommandError, match=r"EURUSD: no open trade can be judged on its 100 bars of 3600 s"):
        calibration.recorded_data(Calibration(data=(few,)), configuration)


def test_bars_of_a_day_cannot_be_judged_within_it(configuration: Configuration, tmp_path: Path) -> None:
    daily = replace(brownian(2_000), bar_seconds=86_400)
    daily = replace(daily, time=daily.time[0] + np.arange(len(daily)) * 24 * HOUR)
    with pytest.raises(CommandError, match=r"bars of 86400 s; expected several in each trading day"):
        calibration.recorded_data(Calibration(data=(written(tmp_path / "EURUSD.csv", daily),)), configuration)


def test_a_commodity_need_not_be_in_the_catalogue_for_nothing_is_traded(
    files: tuple[Path, ...], configuration: Configuration
) -> None:
    data = calibration.recorded_data(Calibration(data=files, commodity="EURUSB", positions=2_000), configuration)
    assert {series["commodity"] for series in data["series"]} == {"EURUSB"}
    assert all(series["remarks"][0].startswith("not in the catalogue: ") for series in data["series"])


def test_a_price_that_never_moves_is_named_as_what_it_is(tmp_path: Path, configuration: Configuration) -> None:
    flat = tmp_path / "EURUSD.csv"
    times = [NOON + hour * HOUR for hour in range(2_000)]
    flat.write_text("time,open,high,low,close\n" + "".join(f"{at},1.2,1.2,1.2,1.2\n" for at in times))
    with pytest.raises(CommandError, match="EURUSD: its price never moves, in all its"):
        calibration.recorded_data(Calibration(data=(flat,)), configuration)


def test_where_there_is_no_ledger_yet_every_figure_is_there_and_says_nothing(configuration: Configuration) -> None:
    data = calibration.ledger_data(Calibration(ledger=True), configuration)
    assert (data["exists"], data["positions"], data["calibration_error_profit"]) == (False, 0, None)


def test_two_files_of_one_name_are_told_apart(
    files: tuple[Path, ...], configuration: Configuration, tmp_path: Path
) -> None:
    (tmp_path / "other").mkdir()
    twin = written(tmp_path / "other" / files[0].name, brownian(1_500, seed=9))
    data = calibration.recorded_data(Calibration(data=(files[0], twin), positions=200), configuration)
    assert set(data["by_series"]) == {str(files[0]), str(twin)}
    with pytest.raises(CommandError, match=r"names .*EURUSD_H1\.csv twice"):
        calibration.recorded_data(Calibration(data=(files[0], files[0])), configuration)


@pytest.mark.parametrize("suffix", [".svg", ".html"])
def test_the_diagram_stands_by_itself(
    files: tuple[Path, ...], configuration: Configuration, tmp_path: Path, suffix: str
) -> None:
    plot = tmp_path / f"reliability{suffix}"
    shown(Calibration(data=files[:1], positions=400, plot=plot), configuration)
    text = plot.read_text(encoding="utf-8")
    assert "http" not in text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "<script" not in text
    pictures = [ElementTree.fromstring(found) for found in re.findall(r"<svg.*?</svg>", text, re.DOTALL)]
    assert len(pictures) == (3 if suffix == ".html" else 1), "a page can put them below each other"
    said = " ".join(word for picture in pictures for word in picture.itertext())
    for word in ("target first", "stop first", "a profit", "claimed", "happened"):
        assert word in said


def test_a_diagram_of_another_kind_is_refused_before_anything_is_measured(configuration: Configuration) -> None:
    gone = Calibration(data=(Path("gone.csv"),), plot=Path("picture.png"))
    with pytest.raises(CommandError, match=r"--plot is picture\.png; expected a name that ends in \.svg or \.html"):
        calibration.run(gone, configuration, Output(stdout=io.StringIO(), stderr=io.StringIO()))


def test_a_diagram_that_cannot_be_written_is_said_so(
    files: tuple[Path, ...], configuration: Configuration, tmp_path: Path
) -> None:
    nowhere = tmp_path / "nowhere" / "reliability.svg"
    with pytest.raises(CommandError, match="cannot be written"):
        shown(Calibration(data=files[:1], positions=100, plot=nowhere), configuration)


def test_the_words_of_the_command_are_understood() -> None:
    assert parse(["calibration", "--data", "a.csv", "b.csv"]) == Calibration(data=(Path("a.csv"), Path("b.csv")))
    assert parse(["calibration", "--ledger"]) == Calibration(ledger=True)
    assert parse(["calibration", "--ledger", "x.sqlite"]) == Calibration(ledger=Path("x.sqlite"))


@pytest.mark.parametrize("words", [["calibration"], ["calibration", "--ledger", "--data", "a.csv"]])
def test_one_source_is_asked_for(words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        parse(words)
    assert "--data" in capsys.readouterr().err


# ---------------------------------------------------------------- the ledger


def valuation(trade: Trade, at: int, **changes: Any) -> JournalEntry:
    """What the monitor writes of an open trade at a bar's end."""
    detail = {
        "target": 0.25,
        "stop": 0.35,
        "neither": 0.4,
        "profit": 0.55,
        "expected_value": 0.01,
        "sigma": 0.004,
        "horizon_at": NOON + 10 * HOUR,
        "strategy": "mean_reversion",
        "seconds_left": 36_000.0,
    }
    return JournalEntry(
        at, "valuation", "valued", "alpha", "EURUSD", trade.trade_id, trade.analysis_id, {**detail, **changes}
    )


def a_stopped_trade(history: History) -> Trade:
    """One that was valued twice, and stopped."""
    trade = history.open(NOON)
    history.ledger.journal.append(valuation(trade, NOON + HOUR), valuation(trade, NOON + 2 * HOUR, stop=0.39))
    return history.finish(trade, NOON + 3 * HOUR)


def test_a_ledger_shows_what_was_claimed_and_what_happened(history: History, configuration: Configuration) -> None:
    a_stopped_trade(history)
    history.ledger.journal.append(valuation(history.open(NOON + 5 * HOUR, "a-9"), NOON + 6 * HOUR))
    text = shown(Calibration(ledger=True, json=True), configuration, as_json=True)
    data = json.loads(text)
    assert all(name in data for name in TOP_LEVEL)
    assert (data["trades"], data["positions"]) == (1, 2)
    assert data["claims"]["stop"]["happened"] == 1
    assert data["claims"]["profit"]["happened"] == 0
    assert data["claims"]["profit"]["left_out"] == {UNSETTLED: 1}
    assert data["claims"]["profit"]["few"] is True
    assert data["confidence"] == [
        {"from": 80, "to": 85, "trades": 1, "profits": 0, "share": 0.0, "few": True}
        | {"interval": data["confidence"][0]["interval"]}
    ]
    people = shown(Calibration(ledger=True), configuration)
    assert "too few to tell" in people
    assert "1 of trades that are not settled" in people


def test_the_levels_as_they_stood_are_told_with_the_share_that_only_a_later_claim_settles(
    history: History, configuration: Configuration
) -> None:
    trade = history.open(NOON)
    moved = JournalEntry(
        NOON + 2 * HOUR,
        "adjustment",
        "rescale",
        "alpha",
        "EURUSD",
        trade.trade_id,
        detail={"valuation_before": {"target": 0.45, "stop": 0.2, "profit": 0.6}},
    )
    history.ledger.journal.append(valuation(trade, NOON + HOUR), moved, valuation(trade, NOON + 3 * HOUR))
    history.finish(trade, NOON + 4 * HOUR)
    data = json.loads(shown(Calibration(ledger=True, json=True), configuration, as_json=True))
    found = data["claims"]["target"]
    assert found["happened"] == 0.0, "it was stopped: the count by its end knows nothing of the old level"
    assert found["as_they_stood"]["came"] == pytest.approx((0.45 + 0.0) / 2)
    assert found["as_they_stood"]["settled_at_a_change"] == 1
    people = shown(Calibration(ledger=True), configuration)
    assert "50 % of 2 valuations are settled at the first change" in " ".join(people.split())


def test_a_ledger_in_a_file_can_be_named(history: History, configuration: Configuration, tmp_path: Path) -> None:
    a_stopped_trade(history)
    file = tmp_path / "ledger.sqlite"
    data = calibration.ledger_data(Calibration(ledger=file), configuration)
    assert (data["ledger"], data["trades"]) == (str(file), 1)
    with pytest.raises(CommandError, match="there is no file"):
        calibration.ledger_data(Calibration(ledger=tmp_path / "gone.sqlite"), configuration)


def test_without_a_ledger_it_says_so(configuration: Configuration) -> None:
    assert "There is no ledger at" in shown(Calibration(ledger=True), configuration)


def test_an_empty_ledger_has_no_bare_number(history: History, configuration: Configuration, tmp_path: Path) -> None:
    plot = tmp_path / "empty.svg"
    text = shown(Calibration(ledger=True, plot=plot), configuration)
    assert "No settled trade yet." in text
    assert "nothing yet that has come to an end" in text
    assert plot.exists()


def test_the_live_figure_counts_the_trade_once(history: History) -> None:
    a_stopped_trade(history)
    live = LiveCalibration.of(history.ledger)
    figure = live.figure("stop", 0.37)
    assert figure is not None
    assert (figure.trades, figure.happened) == (1, 1)
    assert live.said("stop", 0.37) == "1 of 1"
    assert live.said("stop", 0.77) == ""
    assert sentence(figure) == "said 30-40 %: happened in 1 of 1 trades, too few to tell"


def test_a_figure_of_enough_trades_is_told_with_its_interval() -> None:
    figure = LiveFigure(0.6, 0.7, trades=41, happened=24, interval=wilson_interval(24, 41))
    assert sentence(figure) == "said 60-70 %: happened in 24 of 41 trades (59 %; 95 % interval 43 to 72 %)"


@pytest.fixture
def stopped(history: History) -> Trade:
    return a_stopped_trade(history)


@pytest.mark.parametrize(
    ("reason", "hours", "target", "stop", "profit"),
    [
        (CloseReason.TARGET, 3, True, False, True),
        (CloseReason.TRAILING_STOP, 3, False, True, True),
        (CloseReason.DAY_END, 10, False, False, True),
        (CloseReason.TIME_STOP, 10.4, False, False, True),  # a little after its time, as it is on recorded bars
        (CloseReason.TARGET, 12, False, False, False),  # the rules that take profits had found none
        (CloseReason.TIME_STOP, 34, False, False, False),
        (CloseReason.OPERATOR, 3, CUT_SHORT, CUT_SHORT, True),
        (CloseReason.OPPOSITE_SIGNAL, 3, CUT_SHORT, CUT_SHORT, True),
    ],
)
def test_what_happened_is_what_happened_by_the_horizon(
    history: History,
    stopped: Trade,
    reason: CloseReason,
    hours: float,
    target: bool | str,
    stop: bool | str,
    profit: bool,
) -> None:
    ended = replace(stopped, close_reason=reason, closed_at=NOON + round(hours * HOUR), profit=100.0)
    lines = history.ledger.journal.list(kind="valuation", newest_first=False)[:1]
    found = claims_of(lines, [ended])
    expected: dict[Any, bool | str] = {"target": target, "stop": stop, "profit": profit}
    for claim, came in expected.items():
        if isinstance(came, str):
            assert found.left_out[claim] == {came: 1}
        else:
            assert found.claims[claim].happened.tolist() == [came]


@pytest.mark.parametrize(
    "wrong", [{"stop": None}, {"stop": "0.3"}, {"stop": 7.0}, {"horizon_at": None}, {"stop": True}]
)
def test_a_line_that_lacks_a_number_is_counted_and_left_out(
    history: History, stopped: Trade, wrong: dict[str, Any]
) -> None:
    history.ledger.journal.append(valuation(stopped, NOON + 150 * MINUTE, **wrong))
    found = read_claims(history.ledger)
    assert found.left_out["stop"] == {UNREADABLE: 1}
    assert len(found.claims["stop"]) == 2


def test_a_trade_without_a_target_claims_nothing_of_it(history: History, stopped: Trade) -> None:
    history.ledger.journal.append(valuation(stopped, NOON + 150 * MINUTE, target=0.0))
    assert read_claims(history.ledger).left_out["target"] == {AIMLESS: 1}


def test_the_bands_of_confidence_hold_every_settled_trade(stopped: Trade) -> None:
    trades = [replace(stopped, confidence=confidence, profit=1.0) for confidence in (60.0, 64.9, 65.0, 100.0)]
    bands = confidence_bands([*trades, replace(stopped, profit=None, state=TradeState.CLOSED)])
    assert [(band["from"], band["trades"], band["profits"]) for band in bands] == [(60, 2, 2), (65, 1, 1), (95, 1, 1)]
