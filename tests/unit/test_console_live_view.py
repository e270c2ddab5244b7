"""The live view fits whatever screen it is drawn on, and the summary shows what there is."""

from __future__ import annotations

import io
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from console import summary
from console.live_view import AccountLine, EventLine, LiveSnapshot, TradeLine, render
from trading.market import HOUR, Side

NOON = 1_772_625_600_000  # Wednesday 2026-03-04, 12:00 UTC

ALPHA = AccountLine("alpha", "USD", 10_123.45, 10_135.79, 101.2, True)
BETA = AccountLine("beta", "USD", 9_923.45, None, 0.0, False, "another process holds the account")
BUY = TradeLine(
    41, "alpha", "EURUSD", Side.BUY, 0.42, "momentum", "open", 5, 1.11823, 1.1201, 1.11523, 1.1251, 12.34, 7_260.0
)
SELL = replace(
    BUY, trade_id=42, platform="beta", side=Side.SELL, stop_price=1.1301, target_price=None, profit=-17.66, price=None
)
EVENT = EventLine(NOON - HOUR, "transition", "closing to closed: the position is gone, net -41.20", "alpha:EURUSD")
SNAPSHOT = LiveSnapshot(
    market_time=NOON,
    speed=3600.0,
    feed="recorded EURUSD hours",
    position=1234,
    length=5000,
    market_open=True,
    leads=True,
    leader="leads crew default",
    opened=43,
    closed=41,
    refused=812,
    realised_profit=-153.2,
    accounts=(ALPHA, BETA),
    trades=(BUY, SELL),
    events=(EVENT,),
    console_url="http://127.0.0.1:8787",
)


def drawn(snapshot: LiveSnapshot, width: int = 80, height: int = 24) -> list[str]:
    console = Console(file=io.StringIO(), width=width, height=height, markup=False, highlight=False)
    options = console.options.update(width=width, height=height)
    return ["".join(segment.text for segment in line) for line in console.render_lines(render(snapshot), options)]


@pytest.mark.parametrize(("width", "height"), [(80, 24), (140, 40), (100, 30), (60, 16)])
def test_it_fills_the_screen_and_no_more(width: int, height: int) -> None:
    lines = drawn(SNAPSHOT, width, height)
    assert len(lines) == height
    assert {len(line) for line in lines} == {width}


def test_it_shows_time_speed_progress_leader_accounts_trades_and_events() -> None:
    screen = "\n".join(drawn(SNAPSHOT))
    for shown in (
        "Wed 2026-03-04 12:00 UTC", "market open", "x3600", "leads crew default", "1,234 of 5,000 bars, 25 %",
        "2 open, 43 opened, 41 closed, 812 refused, realised -153.20", "http://127.0.0.1:8787", "10,135.79",
        "another process holds the account",
        "1.11823", "1.12510", "+12.34", "-17.66", "03-04 11:00", "closing to closed",
    ):  # fmt: skip
        assert shown in screen


def test_a_wide_screen_has_room_for_everything() -> None:
    screen = "\n".join(drawn(SNAPSHOT, 140, 40))
    for heading in ("trade", "strategy", "stop to target", "closes in"):
        assert heading in screen
    assert "2 h 01 m" in screen
    assert "●" in screen


def test_prices_are_never_cut_short_on_the_usual_screen() -> None:
    assert not any("…" in line for line in drawn(SNAPSHOT)[:14])


def test_more_trades_than_there_is_room_for_are_counted() -> None:
    many = replace(SNAPSHOT, trades=tuple(replace(BUY, trade_id=number) for number in range(30)))
    screen = "\n".join(drawn(many))
    shown = screen.count("EURUSD     buy")
    assert f"and {30 - shown} more" in screen
    assert "closing to closed" in screen  # the last events keep their place


def test_an_idle_house_says_so() -> None:
    idle = replace(SNAPSHOT, trades=(), events=(), market_open=False, position=None, length=None)
    screen = "\n".join(drawn(idle))
    for said in ("no open trades", "nothing has happened yet", "market shut", "recorded EURUSD hours"):
        assert said in screen


def test_only_the_newest_events_are_shown_the_newest_last() -> None:
    events = tuple(replace(EVENT, text=f"event {number}") for number in range(100))
    lines = [line for line in drawn(replace(SNAPSHOT, events=events)) if "event" in line]
    assert lines[-1].rstrip().endswith("event 99")
    assert "event 0 " not in "\n".join(lines)


NUMBERS = st.none() | st.floats(-1e6, 1e6)


@settings(max_examples=50)
@given(NUMBERS, NUMBERS, NUMBERS, st.integers(20, 200), st.integers(5, 60), st.integers(0, 40))
def test_whatever_is_not_known_yet_it_can_be_drawn(
    price: float | None, target: float | None, profit: float | None, width: int, height: int, trades: int
) -> None:
    trade = replace(BUY, price=price, target_price=target, profit=profit)
    lines = drawn(replace(SNAPSHOT, trades=(trade,) * trades), width, height)
    assert len(lines) == height


FIGURES: dict[str, Any] = {
    "source": "recorded EURUSD hours",
    "from": "2017-04-19T09:00:00Z",
    "to": "2018-02-07T16:00:00Z",
    "bars": 5000,
    "seconds": 2.13,
    "bars_per_second": 2345.6,
    "trades": 123,
    "win_rate": 0.423,
    "net_profit": -412.3,
    "profit_factor": 0.83,
    "maximum_drawdown": 912.3,
    "maximum_drawdown_fraction": 0.0891,
    "sharpe": -0.81,
    "average_hold_seconds": 45_000.0,
    "closes": {"stop": 40, "trailing_stop": 83},
    "refusals": {"confidence": 3121, "no_eligible_strategy": 812},
    "open": 1,
    "accounts": [
        {"platform": "alpha", "trades": 62, "net_profit": -199.9},
        {"platform": "beta", "trades": 61, "net_profit": -212.4},
    ],
}


def summed_up(data: dict[str, Any], width: int) -> str:
    console = Console(file=io.StringIO(), width=width, markup=False, highlight=False)
    with console.capture() as captured:
        console.print(summary.render(data))
    return captured.get()


@pytest.mark.parametrize("width", [60, 80, 120])
def test_the_summary_shows_every_figure_at_any_width(width: int) -> None:
    text = summed_up(FIGURES, width)
    assert max(len(line.rstrip()) for line in text.splitlines()) <= width
    for shown in (
        "5,000 bars", "2017-04-19", "2,346", "123, 1 still open", "42.3 %", "-412.30", "0.83", "912.30 (8.9 %)",
        "-0.81", "12 h 30 m", "trailing stop", "83", "3,121", "no eligible strategy", "-199.90", "-212.40",
    ):  # fmt: skip
        assert shown in " ".join(text.split())


def test_a_replay_without_a_loss_or_without_trades_is_summed_up_too() -> None:
    assert "no loss" in summed_up({**FIGURES, "profit_factor": None}, 80)
    nothing = summed_up({"bars": 10, "trades": 0, "closes": {}, "refusals": {}}, 80)
    assert "No trade was closed." in nothing
    assert "Nothing was refused." in nothing
