"""Trades to audit the exit rules on: those that the built-in analyst would open, and others that nothing chose.

The first are what the rules will meet. The second are drawn by chance, bar, side and strategy among those that the
market is made for, so that there are enough of them and no luck of the analyst's entries is taken for a rule's merit.
All have the plan that the trader would make, and are opened at the closing quote of their bar.
"""

from __future__ import annotations

from collections.abc import Iterator

from trading.analysis import Regime, Strategy
from trading.audit import Entry
from trading.course import Course
from trading.draws import uniforms
from trading.market import SECOND, Instant, Quote, Side
from trading.plans import PlanRefused, levels_at, plan_trade
from trading.ticks import Phase
from trading.trade import Trade, TradePlan, TradeState

TRIES = 20  # bars looked at for each random entry that is wanted, at most


def analysed_entries(course: Course, first: int, stop: int, wanted: int) -> list[Entry]:
    """At most ``wanted`` trades that the analyst's passing analyses ask for at the end of bars ``first`` to ``stop``.

    Where there are more, they are taken at even distances.
    """
    found = [entry for index in range(first, stop) if (entry := _analysed(course, index)) is not None]
    if len(found) <= wanted:
        return found
    return [found[place * len(found) // wanted] for place in range(wanted)]


def random_entries(course: Course, first: int, stop: int, wanted: int, *, seed: int, stream: int) -> list[Entry]:
    """At most ``wanted`` trades drawn by chance, oldest first; the same for the same seed and stream."""
    found: list[Entry] = []
    for place, of_strategy, of_side in _draws(stop - first, TRIES * wanted, seed, stream):
        if len(found) == wanted:
            break
        index = first + place
        eligible = course.eligible(index)
        if not eligible:
            continue
        strategy = eligible[int(of_strategy * len(eligible))]
        entry = _entry(course, index, strategy, Side.BUY if of_side < 0.5 else Side.SELL, "random")
        if entry is not None:
            found.append(entry)
    return sorted(found, key=lambda entry: entry.trade.submitted_at)


def _draws(bars: int, count: int, seed: int, stream: int) -> Iterator[tuple[int, float, float]]:
    columns = [uniforms(seed, 3 * stream + number, count).tolist() for number in range(3)]
    for of_bar, of_strategy, of_side in zip(*columns, strict=True):
        yield int(of_bar * bars), of_strategy, of_side


def _analysed(course: Course, index: int) -> Entry | None:
    analysis = course.analysis(index)
    if analysis is None:
        return None
    return _entry(course, index, analysis.strategy, analysis.side, "analysis")


def _entry(course: Course, index: int, strategy: Strategy, side: Side, kind: str) -> Entry | None:
    """The trade that would be opened at the end of this bar; None where none would."""
    reading = course.reading(index)
    if reading.opinion is None or reading.daily_volatility is None or not course.may_open(index):
        return None
    settings = course.settings
    quote = course.quote(index, Phase.CLOSE, side)
    price = quote.opening_price(side)
    plan = plan_trade(
        side=side,
        strategy=strategy,
        settings=settings.strategies[strategy],
        price=price,
        spread=quote.spread,
        daily_volatility=reading.daily_volatility,
        mean_price=reading.mean_price,
        minimum_reward_to_risk=settings.exits.minimum_reward_to_risk,
        nearest_spreads=settings.exits.nearest_spreads,
    )
    at = course.bars.end(index)
    if isinstance(plan, PlanRefused) or at + round(plan.longest_hold_seconds * SECOND) >= course.last:
        return None
    regime = reading.opinion.regime
    return Entry(_opened(course.account, plan, side, quote, at, regime, reading.daily_volatility), kind)


def _opened(
    account: str, plan: TradePlan, side: Side, quote: Quote, at: Instant, regime: Regime, daily_volatility: float
) -> Trade:
    """The OPEN trade of this plan, filled at ``quote`` without slippage. Its numbers in the ledger mean nothing."""
    price = quote.opening_price(side)
    stop, target = levels_at(plan, side, price)
    return Trade(
        trade_id=0,
        platform=account,
        commodity=quote.commodity,
        side=side,
        state=TradeState.OPEN,
        strategy=plan.strategy,
        regime=regime,
        analysis_id="",
        confidence=0.0,
        volume_lots=1.0,
        magic=0,
        account_token=0,
        commodity_token=0,
        expected_price=price,
        stop_distance=plan.stop_distance,
        target_distance=plan.target_distance,
        trailing_distance=plan.trailing_distance,
        stop_price=stop,
        target_price=target,
        daily_volatility=daily_volatility,
        submitted_at=at,
        time_stop_at=at + round(plan.longest_hold_seconds * SECOND),
        closes_at_day_end=plan.closes_at_day_end,
        entry_price=price,
        opened_at=at,
    )
