"""`run.py why`: why something was opened or not, and what became of it.

"Why was nothing opened?" and "why this account?" have their answers in the journal; this command reads them out. By
default it tells the decision that opened last, at length, and counts what was refused since; `--at` the decision in
force at a moment with the trades open then; `--last` several, shortly.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from console import why_silence
from console.arguments import Why
from console.configuration import Configuration
from console.output import Output
from console.reading import ledger_for_reading, market_time, require_commodity
from console.records import Data, decision_data, digits_of, line_data, mapping, trade_data
from console.sentences import sentence
from console.valuations import Valuations
from console.why_view import render
from persistence.journal import VALUATION, JournalLine, Lines
from persistence.ledger import Ledger
from trading.market import HOUR, Instant, iso
from trading.settings import Settings
from trading.trade import Trade, TradeState

__all__ = ["render", "run", "why_data"]

ANSWERED_WITHIN = HOUR  # an account answers in seconds, or says later what it found
COUNTED_AT_MOST = 5_000  # decisions since the one that is told
OPENED = "open_told"


def run(arguments: Why, configuration: Configuration, output: Output) -> int:
    """Show the decisions; answers the exit code."""
    with ledger_for_reading(configuration) as ledger:
        data = why_data(arguments, ledger, configuration)
    output.show({"ledger": configuration.shown_database_url, **data}, render)
    return 0


def why_data(arguments: Why, ledger: Ledger | None, configuration: Configuration) -> Data:
    """``decisions``, newest first, each with its numbers, its ``results`` and its ``trades`` with their lives.

    ``open_trades``: those open at ``at`` that came of other decisions. ``since``: what was decided after the one that
    is told, in counts, with the newest. ``nothing_because``: why there is no newer decision, in sentences. Raises
    `CommandError` for a commodity that nothing knows.
    """
    commodity = require_commodity(arguments.commodity, configuration, "COMMODITY")
    wanted: Data = {
        "exists": ledger is not None,
        "commodity": commodity,
        "at": None if arguments.at is None else iso(arguments.at),
        "in_full": (arguments.last or 1) == 1,
    }
    if ledger is None:
        return {**wanted, "decisions": [], "open_trades": [], "since": None, "nothing_because": []}
    settings = configuration.settings
    now = market_time(settings, ledger)
    moment = now if arguments.at is None else arguments.at
    lines = _decisions(arguments, ledger, commodity)
    teller = _Teller(ledger, configuration, moment, is_past=arguments.at is not None)
    decisions = [teller.decision(line) for line in lines]
    told = {trade["trade_id"] for decision in decisions for trade in decision["trades"]}
    open_then = [] if arguments.at is None else _open_at(ledger, commodity, arguments.at)
    default = arguments.last is None and arguments.at is None
    return {
        **wanted,
        "market_time": None if now is None else iso(now),
        "decisions": decisions,
        "open_trades": [teller.trade(trade) for trade in open_then if trade.trade_id not in told],
        "since": _since(ledger, commodity, lines[0]) if default and lines else None,
        "nothing_because": why_silence.reasons(
            ledger, configuration, commodity, moment, is_past=arguments.at is not None
        ),
    }


def _decisions(arguments: Why, ledger: Ledger, commodity: str | None) -> Lines:
    """The lines of the decisions that are asked for, newest first."""
    journal = ledger.journal
    newest = journal.list(kind="decision", commodity=commodity, until=arguments.at, limit=arguments.last or 1)
    if arguments.last is not None or arguments.at is not None or (newest and newest[0].reason == OPENED):
        return newest
    return _that_opened_last(ledger, commodity) or newest


def _that_opened_last(ledger: Ledger, commodity: str | None) -> Lines:
    """The decision that the newest trade came of; none where no trade did."""
    for trade in ledger.trades.list(commodity=commodity, limit=1):
        at = trade.submitted_at
        decisions = ledger.journal.list(
            kind="decision", commodity=trade.commodity, since=at - ANSWERED_WITHIN, until=at
        )
        return [line for line in decisions if came_of(line, trade)][:1]
    return []


def came_of(decision: JournalLine, outcome: Trade | JournalLine) -> bool:
    """Whether a trade or an answer belongs to a decision.

    One analysis may have two decisions, for two accounts: what one refused is handed on to another.
    """
    same = decision.analysis_id is not None and decision.analysis_id == outcome.analysis_id
    return same and decision.platform in (None, outcome.platform)


def _open_at(ledger: Ledger, commodity: str | None, at: Instant) -> list[Trade]:
    """The trades that had been submitted at that moment and were not over."""
    return [
        trade
        for trade in ledger.trades.list(commodity=commodity, newest_first=False)
        if trade.state is not TradeState.FAILED
        and trade.submitted_at <= at
        and (trade.closed_at is None or at < trade.closed_at)
    ]


def _since(ledger: Ledger, commodity: str | None, told: JournalLine) -> Data | None:
    """What was decided after the decision that is told: counts by reason, and the newest in a sentence."""
    found = ledger.journal.list(kind="decision", commodity=commodity, since=told.at, limit=COUNTED_AT_MOST)
    later = [line for line in found if line.id > told.id]
    if not later:
        return None
    counts = Counter[str]()
    for line in later:
        counts[line.reason] += line.repeated
    newest = later[0]
    return {
        "decisions": counts.total(),
        "by_reason": dict(counts.most_common()),
        "at": iso(newest.last_at),
        "commodity": newest.commodity,
        "said": sentence(newest.kind, newest.reason, newest.detail, newest.repeated),
        "is_all": len(found) < COUNTED_AT_MOST,
    }


class _Teller:
    """Puts together what the ledger has about one decision or one trade."""

    def __init__(self, ledger: Ledger, configuration: Configuration, moment: Instant | None, *, is_past: bool) -> None:
        self._ledger = ledger
        self._configuration = configuration
        self._moment = moment
        self._is_past = is_past
        self._valuations = Valuations(ledger)
        self._trades: dict[str, list[Trade]] = {}  # by the analysis that they came of
        for trade in ledger.trades.list(newest_first=False):
            self._trades.setdefault(trade.analysis_id, []).append(trade)

    def decision(self, line: JournalLine) -> Data:
        """The decision with its numbers, the accounts' answers and the lives of its trades."""
        answers, trades = self._consequences(line)
        return {
            **decision_data(line),
            "threshold_from": threshold_from(line, self._configuration.settings),
            "digits": digits_of(line.commodity, self._configuration.commodities),
            "results": [line_data(answer) for answer in answers],
            "trades": [self.trade(trade) for trade in trades],
        }

    def trade(self, trade: Trade) -> Data:
        """The trade, what it is worth or was at the moment asked for, and what happened to it."""
        life = self._ledger.journal.list(trade_id=trade.trade_id, without=VALUATION, newest_first=False)
        return {
            **trade_data(trade),
            "digits": digits_of(trade.commodity, self._configuration.commodities),
            "valuation": self._valuations.of(trade, self._moment),
            "valuation_then": self._worth_then(trade),
            "life": [line_data(step) for step in life],
        }

    def _worth_then(self, trade: Trade) -> Data | None:
        if not self._is_past:
            return None
        lines = self._ledger.journal.list(kind=VALUATION, trade_id=trade.trade_id, until=self._moment, limit=1)
        return {"at": iso(lines[0].at), **mapping(lines[0].detail)} if lines else None

    def _consequences(self, line: JournalLine) -> tuple[Sequence[JournalLine], Sequence[Trade]]:
        """What the accounts answered to this decision, and the trades that came of it."""
        if line.reason != OPENED or line.analysis_id is None:
            return (), ()
        answers = self._ledger.journal.list(
            kind="open_result", since=line.at, until=line.last_at + ANSWERED_WITHIN, newest_first=False
        )
        return (
            [answer for answer in answers if came_of(line, answer)],
            [trade for trade in self._trades.get(line.analysis_id, ()) if came_of(line, trade)],
        )


def threshold_from(line: JournalLine, settings: Settings) -> Data | None:
    """What the settings of now make the threshold of: the profile's part for the regime, and the strategy's least.

    None where they do not make the threshold that the journal has: they have changed since, or the line is older.
    """
    detail = mapping(line.detail)
    analysis, gate = mapping(detail.get("analysis")), mapping(detail.get("gate"))
    by_regime: dict[str, Any] = settings.thresholds.of(settings.confidence_profile).model_dump()
    strategies = {name.value: strategy for name, strategy in settings.strategies.items()}
    regime, strategy = str(analysis.get("regime")), strategies.get(str(analysis.get("strategy")))
    if regime not in by_regime or strategy is None:
        return None
    parts = {"of_profile": float(by_regime[regime]), "of_strategy": float(strategy.min_confidence)}
    if max(parts.values()) != gate.get("threshold"):
        return None
    return {"profile": settings.confidence_profile, **parts}
