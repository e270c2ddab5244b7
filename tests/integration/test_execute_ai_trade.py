"""`execute_ai_trade`: from an analysis to a row, a position and a journal that all say the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import TypeAlias

import pytest
from crew_helpers import StartCrew, only_alpha
from sqlalchemy import Connection

from connectors.base import OpenOrder, Outcome
from trading.analysis import Strategy
from trading.market import Side
from trading.trade import TradeState

Transaction: TypeAlias = Callable[[], AbstractContextManager[Connection]]


@pytest.mark.parametrize("side", list(Side))
def test_the_trade_carries_the_strategy_the_analysis_and_the_confidence_that_it_was_opened_for(
    start_crew: StartCrew, side: Side
) -> None:
    crew = start_crew(only_alpha())
    crew.run_for(2)
    analysis = crew.opinion(side, strategy=Strategy.SWING, id="mine-1")
    crew.analyse(analysis)
    crew.run_for(2)
    (trade,) = crew.ledger.trades.active()
    assert trade.state is TradeState.OPEN
    assert (trade.side, trade.strategy, trade.regime) == (side, Strategy.SWING, analysis.regime)
    assert (trade.analysis_id, trade.confidence) == ("mine-1", analysis.confidence)
    assert trade.daily_volatility == analysis.daily_volatility
    assert trade.entry_price is not None
    assert side.sign * (trade.entry_price - trade.stop_price) == pytest.approx(trade.stop_distance)
    order = crew.brokers["alpha"].asked("open")[0].arguments[0]
    assert isinstance(order, OpenOrder)
    assert (order.magic, order.side, order.volume_lots) == (trade.magic, side, trade.volume_lots)
    (position,) = crew.brokers["alpha"].positions(float("inf"))
    assert (position.magic, position.open_price) == (trade.magic, trade.entry_price)
    decision = crew.ledger.journal.list(kind="decision")[0]
    assert (decision.reason, decision.analysis_id) == ("open_told", "mine-1")
    assert decision.detail["chosen"] == "alpha"
    assert crew.ledger.trades.last_submitted_at("alpha", "EURUSD") == trade.submitted_at, "the cooldown counts from it"


def test_between_the_decision_and_the_order_there_are_two_durable_commits_and_no_more(
    start_crew: StartCrew, monkeypatch: pytest.MonkeyPatch
) -> None:
    crew = start_crew(only_alpha())
    crew.run_for(2)
    database, broker, happened = crew.ledger._database, crew.brokers["alpha"], []
    send = broker.open

    def counted(begin: Transaction) -> Transaction:
        @contextmanager
        def writing() -> Iterator[Connection]:
            with begin() as connection:
                yield connection
            happened.append("commit")

        return writing

    def sending(order: OpenOrder, token: int, deadline: float) -> Outcome:
        happened.append("order")
        return send(order, token, deadline)

    monkeypatch.setattr(database, "writing", counted(database.writing))
    monkeypatch.setattr(database, "writing_at_once", counted(database.writing_at_once))
    monkeypatch.setattr(broker, "open", sending)
    crew.analyse(crew.opinion())
    crew.run_for(0)
    assert happened[:3] == ["commit", "commit", "order"]
    lines = crew.ledger.journal.list(trade_id=crew.ledger.trades.active()[0].trade_id, newest_first=False)
    assert [(line.kind, line.reason) for line in lines][:2] == [("decision", "open_told"), ("transition", "submitted")]


def test_a_refused_analysis_is_journalled_with_each_pillar_the_threshold_and_the_shortfall(
    start_crew: StartCrew,
) -> None:
    crew = start_crew(only_alpha())
    crew.run_for(2)
    good = crew.opinion()
    weak = good.pillars.base.model_copy(update={"score": 0.1})
    pillars = good.pillars.model_copy(update={"base": weak, "trend": weak})
    weights = crew.market.settings.strategies[good.strategy].weights
    confidence = 100 * (0.1 * (weights.base + weights.trend) + 0.9 * (weights.volatility + weights.sentiment))
    crew.analyse(good.model_copy(update={"pillars": pillars, "confidence": round(confidence, 6)}))
    crew.run_for(2)
    assert crew.brokers["alpha"].asked("open") == []
    line = crew.ledger.journal.list(kind="decision")[0]
    gate = line.detail["gate"]
    assert line.reason == "refused:confidence"
    assert gate["shortfall"] == pytest.approx(gate["threshold"] - confidence)
    assert {name: share["score"] for name, share in gate["pillars"].items()} == {
        "base": 0.1,
        "trend": 0.1,
        "volatility": 0.9,
        "sentiment": 0.9,
    }
