"""The ledger's own trades against their shadows: each left alone from the first thing that a rule did to it."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np

from console.arguments import Audit
from console.audit_figures import finding_row, switches
from console.audit_series import AuditedSeries
from console.calibration_series import RecordedSeries, read_all
from console.configuration import Configuration
from console.errors import CommandError
from console.reading import ledger_named
from feeds.sample import COMMODITY, sample_path
from persistence.journal import JournalLine
from persistence.ledger import Ledger
from trading.adjustment import under_strategy
from trading.analysis import Strategy
from trading.audit import RULES, Differences, joined, with_rules
from trading.course import Course
from trading.market import SECOND, Instant
from trading.settings import Settings
from trading.shadow import follow
from trading.trade import Trade, TradeState

Data: TypeAlias = dict[str, Any]
KINDS = ("adjustment", "exit")  # of journal lines: what a rule did


@dataclass(frozen=True, slots=True)
class Intervention:
    """The first thing that a rule did to a trade."""

    rule: str
    at: Instant
    before: Trade  # OPEN, as it was until then


def ledger_data(arguments: Audit, configuration: Configuration, rules: Sequence[str]) -> Data:
    """The figures of the trades that a rule has touched. Raises `CommandError` and `LedgerError`."""
    shown = str(arguments.ledger) if isinstance(arguments.ledger, Path) else configuration.shown_database_url
    with ledger_named(arguments.ledger, configuration) as ledger:
        common = {"source": "ledger", "ledger": shown, "exists": ledger is not None}
        if ledger is None:
            return common
        series = [AuditedSeries.of(each, configuration) for each in _series(arguments, configuration)]
        courses = [each.course(configuration.settings) for each in series]
        return {**common, **figures(ledger, courses, configuration.settings, rules)}


def figures(ledger: Ledger, courses: Sequence[Course], settings: Settings, rules: Sequence[str] = RULES) -> Data:
    """What each rule has done for the trades that it was the first to touch."""
    settled = ledger.trades.list(states={TradeState.CLOSED}, newest_first=False)
    lines = [line for kind in KINDS for line in ledger.journal.list(kind=kind, newest_first=False)]
    told = lines_by_trade(lines)
    parts: dict[str, list[Differences]] = defaultdict(list)
    strategies: dict[str, list[str]] = defaultdict(list)
    left_out: Counter[str] = Counter()
    for trade in settled:
        if trade.trade_id not in told:
            continue
        touched = intervention(trade, told[trade.trade_id], settings)
        if touched.rule not in rules:
            continue
        one = _compared(trade, touched, courses, settings)
        if isinstance(one, str):
            left_out[one] += 1
        else:
            parts[touched.rule].append(one)
            strategies[touched.rule].append(touched.before.strategy.value)
    return {
        "trades": len(settled),
        "touched": sum(trade.trade_id in told for trade in settled),
        "compared": sum(map(len, parts.values())),
        "left_out": dict(left_out),
        "rules": [
            {"name": rule, **switches(rule, settings), **_shown(parts[rule], strategies[rule])}
            for rule in rules
            if parts[rule]
        ],
    }


def lines_by_trade(lines: Iterable[JournalLine]) -> dict[int, list[JournalLine]]:
    """What rules wrote about each trade, the oldest first."""
    by_trade: dict[int, list[JournalLine]] = defaultdict(list)
    for line in sorted(lines, key=lambda line: (line.at, line.id)):
        if line.trade_id is not None:
            by_trade[line.trade_id].append(line)
    return dict(by_trade)


def intervention(trade: Trade, lines: Sequence[JournalLine], settings: Settings) -> Intervention:
    """The first of what was done to a settled trade, by its ``lines``, and the trade as it was before."""
    first, before = lines[0], replace(trade, state=TradeState.OPEN)
    was = next((line.detail["strategy_before"] for line in lines if line.detail.get("strategy_before")), None)
    if was is not None:
        strategy = Strategy(was)
        before = under_strategy(before, strategy, settings.strategies[strategy])
    if first.kind == "adjustment":
        levels = {"stop_price": first.detail["stop_before"], "target_price": first.detail["target_before"]}
        before = replace(before, **levels)
    return Intervention(first.reason, first.at, before)


def _compared(trade: Trade, touched: Intervention, courses: Sequence[Course], settings: Settings) -> Differences | str:
    """How the trade and its shadow differ; why not, where they cannot be compared."""
    if trade.entry_price is None or trade.exit_price is None or trade.closed_at is None:
        return "without the prices of its fills"
    if all(account.name != trade.platform for account in settings.accounts):
        return "of an account that the settings do not name"
    course = next((each for each in courses if _covers(each, trade, touched.at)), None)
    if course is None:
        return "without bars of its time"
    shadow = follow(touched.before, course, with_rules(settings, frozenset()), since=touched.at + 1)
    if shadow is None:
        return "whose shadow outlives the bars"
    account = settings.account(trade.platform)
    # A paper account has slipped at the trade's end, and would have at the shadow's. Elsewhere nobody knows.
    slipped = 0.0 if account.connector == "mt5" else account.paper.slippage_points * course.point
    gain = trade.side.sign * (trade.exit_price - trade.entry_price) - course.cost(touched.at)
    unit = trade.daily_volatility * abs(trade.entry_price)
    return Differences(
        entered_at=np.array([trade.submitted_at], dtype=np.int64),
        gain=np.array([(gain - (shadow.gain - slipped)) / unit]),
        profit=np.array([float(gain > 0) - float(shadow.gain > slipped)]),
        held_seconds=np.array([(trade.closed_at - shadow.at) / SECOND]),
        touched=np.array([True]),
    )


def _covers(course: Course, trade: Trade, at: Instant) -> bool:
    return course.bars.commodity == trade.commodity and int(course.bars.time[0]) <= at < course.last


def _shown(parts: Sequence[Differences], strategies: Sequence[str]) -> Data:
    """One rule's figures, and those by the strategy that the trade had until then."""
    column, mine = np.array(strategies), joined(parts)
    by_strategy = {name: finding_row(mine.where(column == name)) for name in sorted(set(strategies))}
    return {**finding_row(mine), "by_strategy": by_strategy}


def _series(arguments: Audit, configuration: Configuration) -> list[RecordedSeries]:
    """The bars that `--data` names; without it those of the sample, which is what a trial trades on."""
    if arguments.data:
        return read_all(arguments.data, arguments.commodity, configuration)
    path = sample_path()
    if path is None:
        raise CommandError(
            "--ledger: the prices after the first adjustment are needed; expected --data FILE… beside it, or the "
            "recorded sample: pip install -e '.[sample]'"
        )
    return read_all([path], COMMODITY, configuration)
