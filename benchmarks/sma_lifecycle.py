"""The task of `sma_task.py` by the whole lifecycle: the same actors, ledger and paper account as in any replay.

Only the analyst is another one. Every trade goes the whole way: analysis, gate, choice of the account, sizing,
reservation, SUBMITTED, the order, OPEN; then stop, target or opposite signal, CLOSING, the close, CLOSED.
"""

from __future__ import annotations

from collections import deque

from actors.messages import Analysed, Bars, TradeChanged
from actors.names import TRADER
from actors.system.context import Context
from actors.virtual_crew import VirtualCrew
from benchmarks.sma_task import DIGITS, FAST, SLOW, STOP_FRACTION, TARGET_FRACTION, Answer
from connectors.paper import PaperConnector
from console.configuration import Configuration, load
from console.recorded import Recording
from console.walk import walk_through
from trading.analysis import Analysis, Pillar, Pillars, Regime, Strategy
from trading.attention import EVERYTHING, Attention
from trading.bars import BarSeries
from trading.commodities import Commodity
from trading.market import Instant, Side
from trading.settings import Settings
from trading.settings_accounts import AccountSettings, PaperSettings
from trading.settings_risk import Risk
from trading.trade import CloseReason, Trade, TradeState

REASONS = {
    CloseReason.STOP: "stop",
    CloseReason.TARGET: "target",
    CloseReason.OPPOSITE_SIGNAL: "opposite",
}
FULL_CONFIDENCE = Pillars(
    base=Pillar(score=1.0), trend=Pillar(score=1.0), volatility=Pillar(score=1.0), sentiment=Pillar(score=1.0)
)


class CrossingAnalyst:
    """Rolls its two means on with every bar, and tells of the side that they want, when it is news.

    It knows no bar before the bar's end, and is told of each: what may be left out is only what lies between two bars.
    News is a side other than the one that is held; as in the other engines the strategy knows its position, of which it
    hears as any observer does.
    """

    def __init__(self) -> None:
        self._closes: deque[int] = deque(maxlen=SLOW + 1)  # in points, so that sums are exact
        self._fast = self._slow = 0  # sums of the last 10 and the last 30
        self._next_end: Instant = -1  # of the bar that has begun
        self._held = 0
        self._left_at: Instant = -1

    def attention(self, now: Instant) -> Attention:
        """The end of the next bar."""
        return Attention(self._next_end) if self._next_end > now else EVERYTHING

    def receive(self, message: object, context: Context) -> None:
        """Judge the newest bar of each `Bars`."""
        match message:
            case Bars(_, series):
                self._take(series, context)
            case TradeChanged(trade):
                self._follow(trade)

    def _take(self, series: BarSeries, context: Context) -> None:
        opened_at, close = int(series.time[-1]), round(float(series.close[-1]) * 10**DIGITS)
        self._next_end = opened_at + 2 * series.bar_length
        wanted = self._rolled_on(close)
        if wanted and wanted != self._held and self._left_at <= opened_at:
            context.tell(TRADER, Analysed(analysis_of(wanted, opened_at + series.bar_length)))

    def _rolled_on(self, close: int) -> int:
        """The side that the means want with this close; 0 where they are equal, and in the beginning."""
        closes = self._closes
        closes.append(close)
        self._fast += close - (closes[-FAST - 1] if len(closes) > FAST else 0)
        self._slow += close - (closes[0] if len(closes) > SLOW else 0)
        above = self._fast * (SLOW // FAST) - self._slow
        return (above > 0) - (above < 0) if len(closes) > SLOW else 0

    def _follow(self, trade: Trade) -> None:
        if trade.state is TradeState.CLOSED and trade.closed_at is not None:
            self._held, self._left_at = 0, trade.closed_at
        else:
            self._held = trade.side.sign


def analysis_of(side: int, made_at: Instant) -> Analysis:
    """An opinion that surely passes the gate, with a stop of 0.5 % and a target of 1 %."""
    return Analysis(
        id=f"sma-{made_at}",
        commodity="EURUSD",
        side=Side.BUY if side > 0 else Side.SELL,
        strategy=Strategy.SWING,
        regime=Regime.TREND,
        pillars=FULL_CONFIDENCE,
        confidence=100.0,
        daily_volatility=STOP_FRACTION,
        made_at=made_at,
        made_by="sma",
    )


def task_settings(configuration: Configuration) -> Settings:
    """One paper account without costs, exits on closes, and none of the rules that the task does not know."""
    swing = configuration.settings.strategies[Strategy.SWING].model_copy(
        update={
            "stop_volatilities": 1.0,
            "target_volatilities": TARGET_FRACTION / STOP_FRACTION,
            "longest_hold_seconds": 3_000 * 86_400.0,
        }
    )
    paper = PaperSettings(
        balance=1_000_000_000, slippage_points=0, commission_per_lot=0, spread_points={"EURUSD": 0}, ticks_per_bar=1
    )
    return configuration.settings.model_copy(
        update={
            "ai_per_account_cooldown_minutes": 0.0,
            "auto_close_profitable_daily": False,
            "auto_close_profitable_friday": False,
            "risk": Risk(
                risk_per_trade_fraction=0.000001, daily_loss_fraction=None, losses_in_a_row=None, drawdown_tiers=()
            ),
            "strategies": {**configuration.settings.strategies, Strategy.SWING: swing},
            "accounts": (AccountSettings(name="alpha", symbols={"EURUSD": "EURUSD"}, paper=paper),),
        }
    )


def lifecycle(bars: BarSeries) -> tuple[list[Answer], float]:
    """The trades of the ledger, and the CPU seconds of the walk through the bars."""
    configuration = load(None, {})
    settings = task_settings(configuration)
    # Bars of every hour, so a market of every hour; nothing is paid for a night.
    terms: dict[str, str | float] = {"calendar": "always", "zone": "Etc/UTC", "day_end": "00:00"}
    terms |= {"swap_long_per_lot": 0.0, "swap_short_per_lot": 0.0}
    commodities: dict[str, Commodity] = {"EURUSD": configuration.commodities["EURUSD"].model_copy(update=terms)}
    recording = Recording({"EURUSD": bars}, "the task")
    first, last = recording.first, recording.last
    account = settings.accounts[0]
    with VirtualCrew(
        settings,
        commodities,
        {
            account.name: lambda clock: PaperConnector(
                account.name, account.paper, commodities, account.symbols, recording.series, clock, None
            )
        },
        first,
        until=last,
        ticking=True,
        analyst=CrossingAnalyst,
    ) as crew:
        walk = walk_through(crew, recording, first, last, poll_seconds=settings.price_poll_seconds, ticks_per_bar=1)
        trades = crew.ledger.trades.list(newest_first=False)
    return [_answer(trade, bars) for trade in trades], walk.cpu_seconds


def _answer(trade: Trade, bars: BarSeries) -> Answer:
    """By the bars at whose closes the trade was entered and left."""
    begins = int(bars.time[0])
    entry = -(-((trade.opened_at or 0) - begins) // bars.bar_length) - 1
    if trade.state is not TradeState.CLOSED or trade.closed_at is None or trade.close_reason is None:
        return Answer(trade.side.sign, entry, None, "")
    left = -(-(trade.closed_at - begins) // bars.bar_length) - 1
    return Answer(trade.side.sign, entry, left, REASONS.get(trade.close_reason, trade.close_reason.value))
