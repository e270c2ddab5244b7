"""A replay that goes straight to where somebody might act comes to the same as one that stops at every tick."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import asdict, dataclass
from typing import Any, Literal

import pytest

from actors.messages import Analysed, Bars
from actors.names import TRADER
from actors.system.context import Context
from actors.virtual_crew import VirtualCrew
from connectors.paper import PaperConnector
from console.configuration import Configuration, load
from console.recorded import Recording, first_judged, in_trading_times
from console.walk import walk_through
from feeds.synthetic import synthetic_bars
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.attention import NOTHING, Attention
from trading.bars import BarSeries
from trading.market import DAY, Instant, Side
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, PaperSettings
from trading.settings_risk import Risk

WEEKS = 2
SURE = Pillars(**{name: Pillar(score=1.0) for name in ("base", "trend", "volatility", "sentiment")})
NO_RULES = Risk(risk_per_trade_fraction=0.01, daily_loss_fraction=None, losses_in_a_row=None, drawdown_tiers=())


class SeldomAnalyst:
    """Has an opinion at every so many bars, now for one side and now for the other, and says when the next is due."""

    def __init__(self, bars: BarSeries, strategy: Strategy, every_bars: int) -> None:
        self._bars, self._strategy, self._every = bars, strategy, every_bars
        self._times: list[Instant] = bars.time.tolist()

    def attention(self, now: Instant) -> Attention:
        """The end of the next bar with an opinion."""
        following = bisect_left(self._times, now - self._bars.bar_length + 1)
        following += -following % self._every
        return Attention(self._bars.end(following)) if following < len(self._times) else NOTHING

    def receive(self, message: object, context: Context) -> None:
        """Judge the newest bar of each `Bars`."""
        match message:
            case Bars(platform, series):
                index = bisect_left(self._times, int(series.time[-1]))
                if platform == "alpha" and index % self._every == 0:
                    context.tell(TRADER, Analysed(self._opinion(index)))

    def _opinion(self, index: int) -> Analysis:
        side = Side.BUY if (index // self._every) % 3 else Side.SELL
        return Analysis(
            id=f"seldom-{index}",
            commodity=self._bars.commodity,
            side=side,
            strategy=self._strategy,
            regime=Regime.TREND,
            pillars=SURE,
            confidence=100.0,
            daily_volatility=0.004,
            mean_price=float(self._bars.close[index]) * (1 + side.sign * 0.012),
            made_at=self._bars.end(index),
        )


@dataclass(frozen=True, slots=True)
class Case:
    """What is replayed."""

    strategy: Strategy | None  # None: by the built-in analyst
    every_bars: int = 7
    ticks_per_bar: Literal[1, 4] = 4
    risk: Risk = NO_RULES
    swaps: bool = True
    seed: int = 3
    leverage: float = 30.0
    hold_hours: float | None = None


CASES = {
    "the built-in analyst": Case(None, risk=Risk()),
    "the built-in analyst on closes": Case(None, ticks_per_bar=1, risk=Risk()),
    "stops and targets": Case(Strategy.SWING),
    "stops and targets on closes": Case(Strategy.SWING, ticks_per_bar=1),
    "seldom, without swaps": Case(Strategy.SWING, every_bars=61, swaps=False),
    "trailing": Case(Strategy.BREAKOUT, every_bars=23),
    "trailing on closes": Case(Strategy.BREAKOUT, every_bars=23, ticks_per_bar=1),
    "day end": Case(Strategy.DAY, every_bars=11, seed=5),
    "short holds": Case(Strategy.SWING, every_bars=5, seed=6, hold_hours=2.5),
    "at the mean": Case(Strategy.MEAN_REVERSION, every_bars=9),
    "rules of risk": Case(Strategy.SWING, risk=Risk(), seed=8),
    "close to a stop-out": Case(
        Strategy.SWING, risk=NO_RULES.model_copy(update={"risk_per_trade_fraction": 0.05}), leverage=2.0
    ),
}


@pytest.fixture(scope="module")
def configuration() -> Configuration:
    return load(None, {})


def settings_of(case: Case, configuration: Configuration) -> Settings:
    paper = PaperSettings(ticks_per_bar=case.ticks_per_bar, leverage=case.leverage)
    names = ("alpha", "beta") if case.seed % 2 else ("alpha",)
    accounts = tuple(AccountSettings(name=name, symbols={"EURUSD": "EURUSD"}, paper=paper) for name in names)
    strategies = dict(configuration.settings.strategies)
    if case.strategy is not None and case.hold_hours is not None:
        hold = {"longest_hold_seconds": case.hold_hours * 3600}
        strategies[case.strategy] = strategies[case.strategy].model_copy(update=hold)
    return configuration.settings.model_copy(update={"accounts": accounts, "risk": case.risk, "strategies": strategies})


def replayed(
    case: Case, configuration: Configuration, *, every_tick: bool
) -> tuple[bytes, list[dict[str, Any]], list[tuple[Instant, float]], int]:
    """The journal, the trades, the equity at the end of each bar, and how often the clock was moved."""
    settings = settings_of(case, configuration)
    series = synthetic_bars(case.seed)
    recording = in_trading_times(Recording({series.commodity: series}, "simulated hours"), configuration)
    bars = recording.series["EURUSD"]
    commodities = dict(configuration.commodities)
    if not case.swaps:
        free = {"swap_long_per_lot": 0.0, "swap_short_per_lot": 0.0}
        commodities["EURUSD"] = commodities["EURUSD"].model_copy(update=free)
    first = first_judged(recording)
    last = first + WEEKS * 7 * DAY
    strategy = case.strategy

    def connector(account: AccountSettings) -> Any:
        return lambda clock: PaperConnector(
            account.name, account.paper, commodities, account.symbols, recording.series, clock, None
        )

    moves = 0
    with VirtualCrew(
        settings,
        commodities,
        {account.name: connector(account) for account in settings.accounts},
        first,
        until=last,
        outlooks=recording.outlooks(settings),
        ticking=True,
        analyst=None if strategy is None else lambda: SeldomAnalyst(bars, strategy, case.every_bars),
    ) as crew:
        advance_to = crew.advance_to

        def counted(at: Instant) -> None:
            nonlocal moves
            moves += 1
            advance_to(at)

        crew.advance_to = counted  # type: ignore[method-assign]  # to count
        walk = walk_through(crew, recording, first, last, ticks_per_bar=case.ticks_per_bar, every_tick=every_tick)
        trades = [asdict(trade) for trade in crew.ledger.trades.list(newest_first=False)]
        return crew.ledger.journal.export(), trades, walk.equity, moves


@pytest.mark.parametrize("case", CASES.values(), ids=CASES.keys())
def test_going_straight_to_where_somebody_might_act_changes_nothing(case: Case, configuration: Configuration) -> None:
    shown = replayed(case, configuration, every_tick=True)
    left_out = replayed(case, configuration, every_tick=False)
    assert len(shown[1]) > 3, "there is something to compare"
    assert left_out[3] < shown[3], "and something was left out"
    assert left_out[0] == shown[0]
    assert left_out[1:3] == shown[1:3]
