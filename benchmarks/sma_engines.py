"""The task of `sma_task.py` in other engines, each written as its own documentation teaches it.

What is timed is the engine's own run, in CPU seconds: neither its import, nor making its data from the bars. Their
packages have no types, so what comes out of them is `Any` here. An engine that is not installed raises
``ModuleNotFoundError``.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from decimal import Decimal
from importlib import import_module
from typing import Any

from benchmarks.sma_task import BEGINNING, FAST, SLOW, STOP_FRACTION, TARGET_FRACTION, Answer
from trading.bars import BarSeries
from trading.market import HOUR

UNITS = 1_000
MONEY = 1_000_000_000
NANOSECONDS = 1_000_000


def backtesting_py(bars: BarSeries) -> tuple[list[Answer], float]:
    """backtesting.py: no live trading. Indicators are whole arrays, and the strategy is asked at every bar."""
    backtesting: Any = import_module("backtesting")
    pandas: Any = import_module("pandas")

    def mean(values: Any, length: int) -> Any:
        return pandas.Series(values).rolling(length).mean()

    class Crosses(backtesting.Strategy):  # type: ignore[misc]  # the package has no types
        def init(self) -> None:
            self.fast = self.I(mean, self.data.Close, FAST)
            self.slow = self.I(mean, self.data.Close, SLOW)

        def next(self) -> None:
            price, difference = self.data.Close[-1], round(self.fast[-1] - self.slow[-1], 9)
            if self.position:
                trade = self.trades[0]
                side = 1 if trade.size > 0 else -1
                gain = side * (price - trade.entry_price) / trade.entry_price
                if gain <= -STOP_FRACTION or gain >= TARGET_FRACTION or side * difference < 0:
                    self.position.close()
            elif difference > 0:
                self.buy(size=UNITS)
            elif difference < 0:
                self.sell(size=UNITS)

    frame = _frame(bars).rename(columns=str.capitalize)
    test = backtesting.Backtest(frame, Crosses, cash=MONEY, trade_on_close=True, finalize_trades=False)
    began = time.process_time()
    done = test.run()
    seconds = time.process_time() - began
    ended = done["_trades"][["Size", "EntryBar", "ExitBar"]].itertuples(index=False)
    answers = [Answer(1 if size > 0 else -1, int(entry), int(out), "?") for size, entry, out in ended]
    still_open = done["_strategy"].trades
    answers += [Answer(1 if trade.size > 0 else -1, int(trade.entry_bar), None, "") for trade in still_open]
    return answers, seconds


def backtrader(bars: BarSeries) -> tuple[list[Answer], float]:
    """backtrader: orders of a bar's close are executed at that close (``coc``)."""
    bt: Any = import_module("backtrader")

    answers: list[Answer] = []

    class Crosses(bt.Strategy):  # type: ignore[misc]  # the package has no types
        def __init__(self) -> None:
            self.fast = bt.indicators.SimpleMovingAverage(self.data.close, period=FAST)
            self.slow = bt.indicators.SimpleMovingAverage(self.data.close, period=SLOW)
            self.entered: tuple[int, int, float] | None = None

        def next(self) -> None:
            price, difference = self.data.close[0], round(self.fast[0] - self.slow[0], 9)
            index = len(self) - 1
            if index < SLOW:
                return
            if self.position and self.entered is not None:
                side, entry, paid = self.entered
                gain = side * (price - paid) / paid
                if gain <= -STOP_FRACTION or gain >= TARGET_FRACTION or side * difference < 0:
                    answers.append(Answer(side, entry, index, "?"))
                    self.entered = None
                    self.close()
            elif difference:
                side = 1 if difference > 0 else -1
                self.entered = (side, index, price)
                _ = self.buy(size=UNITS) if side > 0 else self.sell(size=UNITS)

        def stop(self) -> None:
            if self.entered is not None:
                answers.append(Answer(self.entered[0], self.entered[1], None, ""))

    cerebro = bt.Cerebro(stdstats=False)
    cerebro.addstrategy(Crosses)
    cerebro.adddata(bt.feeds.PandasData(dataname=_frame(bars)))
    cerebro.broker.setcash(MONEY)
    cerebro.broker.set_coc(True)
    began = time.process_time()
    cerebro.run()
    return answers, time.process_time() - began


def nautilus_trader(bars: BarSeries) -> tuple[list[Answer], float]:
    """nautilus_trader: its event-driven engine, with bars alone; an order of a bar's close is filled at that close."""

    def of(module: str) -> Any:
        return import_module(f"nautilus_trader.{module}")

    engines, model, identifiers = of("backtest.engine"), of("model.enums"), of("model.identifiers")
    objects, data = of("model.objects"), of("model.data")
    venue = identifiers.Venue("SIM")

    instrument = of("test_kit.providers").TestInstrumentProvider.default_fx_ccy("EUR/USD", venue)
    bar_type = data.BarType.from_str(f"{instrument.id}-1-HOUR-MID-EXTERNAL")
    units = objects.Quantity.from_int(UNITS)
    answers: list[Answer] = []

    class Crosses(of("trading.strategy").Strategy):  # type: ignore[misc]  # the package has no types
        def on_start(self) -> None:
            mean = of("indicators").SimpleMovingAverage
            self.fast, self.slow = mean(FAST), mean(SLOW)
            self.register_indicator_for_bars(bar_type, self.fast)
            self.register_indicator_for_bars(bar_type, self.slow)
            self.subscribe_bars(bar_type)
            self.index = -1
            self.entered: tuple[int, int, float] | None = None

        def on_bar(self, bar: Any) -> None:
            self.index += 1
            if self.index < SLOW:
                return
            price, difference = bar.close.as_double(), round(self.fast.value - self.slow.value, 9)
            if self.entered is not None and not self.portfolio.is_flat(instrument.id):
                side, entry, paid = self.entered
                gain = side * (price - paid) / paid
                if gain <= -STOP_FRACTION or gain >= TARGET_FRACTION or side * difference < 0:
                    answers.append(Answer(side, entry, self.index, "?"))
                    self.entered = None
                    self.close_all_positions(instrument.id)
            elif difference:
                side = 1 if difference > 0 else -1
                self.entered = (side, self.index, price)
                order_side = model.OrderSide.BUY if side > 0 else model.OrderSide.SELL
                self.submit_order(self.order_factory.market(instrument.id, order_side, units))

        def on_stop(self) -> None:
            if self.entered is not None:
                answers.append(Answer(self.entered[0], self.entered[1], None, ""))

    silent = of("config").LoggingConfig(bypass_logging=True)
    settings = engines.BacktestEngineConfig(trader_id=identifiers.TraderId("BENCH-001"), logging=silent)
    engine = engines.BacktestEngine(settings)
    dollars = of("model.currencies").USD
    engine.add_venue(
        venue=venue,
        oms_type=model.OmsType.HEDGING,
        account_type=model.AccountType.MARGIN,
        base_currency=dollars,
        starting_balances=[objects.Money(MONEY, dollars)],
        default_leverage=Decimal(30),
    )
    engine.add_instrument(instrument)
    frame = _frame(bars)
    frame.index = frame.index + (frame.index[1] - frame.index[0])  # it dates bars by their ends
    engine.add_data(of("persistence.wranglers").BarDataWrangler(bar_type, instrument).process(frame))
    engine.add_strategy(Crosses())
    began = time.process_time()
    engine.run()
    seconds = time.process_time() - began
    engine.dispose()
    return answers, seconds


def _frame(bars: BarSeries) -> Any:
    pandas = import_module("pandas")
    columns = {name: getattr(bars, name) for name in ("open", "high", "low", "close")}
    columns["volume"] = [UNITS] * len(bars)
    assert int(bars.time[0]) == BEGINNING
    assert bars.bar_length == HOUR
    return pandas.DataFrame(columns, index=pandas.to_datetime(bars.time, unit="ms", utc=True).tz_localize(None))


ENGINES: dict[str, tuple[str, Callable[[BarSeries], tuple[list[Answer], float]]]] = {
    "backtesting": ("no live trading", backtesting_py),
    "backtrader": ("can trade live", backtrader),
    "nautilus_trader": ("can trade live", nautilus_trader),
}
