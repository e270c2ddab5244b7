"""A paper account that says how long nothing happens: it may be too careful, and is never too late."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from made_brokers import COMMODITIES, FAR, MONDAY, TERMS, TOKEN

from connectors.base import Done, Foreseeing, OpenOrder
from connectors.mock_clock import ManualClock
from connectors.paper import PaperConnector
from trading.attention import Band
from trading.bars import BarSeries, check_bars
from trading.market import DAY, HOUR, Instant, Side
from trading.settings_accounts import PaperSettings
from trading.ticks import PHASES, driving_instants

SHAPES = st.lists(st.tuples(st.integers(-9, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 3)), min_size=4)


@dataclass
class Scene:
    """An account over recorded bars, and every instant at which its prices may change."""

    paper: PaperConnector
    clock: ManualClock
    instants: list[Instant]


def scene(shapes: list[tuple[int, int, int, int]], terms: PaperSettings) -> Scene:
    """Bars that move by some hundreds of points, with holes of some hours between them."""
    close = 1.1 + np.cumsum([move for move, *_ in shapes]) * 1e-3
    opened = np.concatenate([[1.1], close[:-1]])
    high = np.maximum(opened, close) + np.array([up for _, up, _, _ in shapes]) * 1e-3
    low = np.minimum(opened, close) - np.array([down for _, _, down, _ in shapes]) * 1e-3
    hours = np.cumsum([1 + hole for *_, hole in shapes])
    time = MONDAY + hours.astype(np.int64) * HOUR
    bars = check_bars(BarSeries("EURUSD", 3600, time, opened, high, low, close, np.full(len(time), np.nan)))
    first = int(time[0])
    clock = ManualClock(first)
    paper = PaperConnector("alpha", terms, COMMODITIES, {"EURUSD": "EURUSD"}, {"EURUSD": bars}, clock, None)
    paper.connect(FAR)
    phases = PHASES[terms.ticks_per_bar]
    instants = driving_instants([bars], first, bars.end(len(bars) - 1), phases=phases).tolist()
    return Scene(paper, clock, instants)


def opened(found: Scene, side: Side, lots: float, magic: int) -> bool:
    order = OpenOrder("EURUSD", side, lots, magic, "", math.nan)
    return isinstance(found.paper.open(order, TOKEN, FAR), Done)


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.sampled_from(list(Side)), st.integers(1, 30), st.integers(1, 30), st.sampled_from([1, 4]))
def test_until_then_no_price_leaves_its_band(
    shapes: list[tuple[int, int, int, int]], side: Side, down: int, up: int, ticks_per_bar: int
) -> None:
    found = scene(shapes, TERMS.model_copy(update={"ticks_per_bar": ticks_per_bar}))
    band = Band("alpha", "EURUSD", side, 1.1 - down * 1e-3, 1.1 + up * 1e-3)
    for start in found.instants[:: max(1, len(found.instants) // 5)]:
        if found.clock.now() < start:
            found.clock.go_to(start)
        until = found.paper.undisturbed_until([band], found.instants[-1] + 1)
        assert until > found.clock.now()
        while (at := next((i for i in found.instants if i > found.clock.now()), until)) < until:
            found.clock.go_to(at)
            (quote,) = found.paper.quotes(FAR) or (None,)
            assert quote is None or band.low < quote.closing_price(side) < band.high


@settings(max_examples=60, deadline=None)
@given(SHAPES, st.sampled_from(list(Side)), st.sampled_from([0.1, 2.0, 3.0]), st.sampled_from([1, 4]))
def test_until_then_the_broker_does_nothing_and_equity_is_as_it_says(
    shapes: list[tuple[int, int, int, int]], side: Side, lots: float, ticks_per_bar: int
) -> None:
    terms = TERMS.model_copy(update={"ticks_per_bar": ticks_per_bar})
    found, shown = scene(shapes, terms), scene(shapes, terms)
    for one in (found, shown):
        one.clock.go_to(one.instants[len(one.instants) // 3])
        opened(one, side, lots, 7)
    while found.clock.now() < found.instants[-1]:
        foreseen = found.paper.undisturbed_until([], found.instants[-1])
        until = next(at for at in found.instants if at >= foreseen)  # as a driver goes
        passed = [at for at in found.instants if found.clock.now() < at < until]
        said = dict(zip(passed, found.paper.equities(passed), strict=True))
        positions = [(p.ticket, p.swap) for p in shown.paper.positions(FAR)]
        for at in [at for at in shown.instants if shown.clock.now() < at < until]:
            shown.clock.go_to(at)
            assert [(p.ticket, p.swap) for p in shown.paper.positions(FAR)] == positions
            assert shown.paper.account(FAR).equity == said[at]
        for one in (found, shown):
            one.clock.go_to(until)
        assert found.paper.account(FAR) == shown.paper.account(FAR), "and the way there made no difference"
    assert found.paper.deals(0, FAR) == shown.paper.deals(0, FAR)


def test_where_another_currency_is_to_be_converted_every_instant_may_matter() -> None:
    time = MONDAY + np.arange(48, dtype=np.int64) * HOUR
    flat = np.full(48, 150.0)
    bars = BarSeries("USDJPY", 3600, time, flat, flat, flat, flat, np.full(48, np.nan))
    clock = ManualClock(MONDAY)
    paper = PaperConnector("alpha", TERMS, COMMODITIES, {"USDJPY": "USDJPY"}, {"USDJPY": bars}, clock, None)
    paper.connect(FAR)
    assert isinstance(paper, Foreseeing)
    assert paper.undisturbed_until([], MONDAY + DAY) == MONDAY + DAY, "flat, nothing can happen"
    assert isinstance(paper.open(OpenOrder("USDJPY", Side.BUY, 0.1, 7, "", math.nan), TOKEN, FAR), Done)
    assert paper.undisturbed_until([], MONDAY + DAY) == MONDAY + 1
