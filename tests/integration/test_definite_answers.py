"""Opens that are answered: requotes, partial fills, rejections, and analyses that are repeated."""

from __future__ import annotations

import pytest
from crew_helpers import (
    BID,
    StartCrew,
    answers,
    decisions,
    move,
    must_agree,
    only_alpha,
    opened,
    positions,
    scripted,
    sent,
    states,
    told,
)

from connectors.mock_script import delay, partly, reject, requote
from trading.market import Side
from trading.settings import Settings
from trading.trade import TradeState


@pytest.mark.parametrize("requotes", [0, 1, 2])
def test_a_requote_is_answered_by_a_new_order_with_a_number_and_a_row_of_its_own(
    start_crew: StartCrew, requotes: int
) -> None:
    crew = scripted(start_crew, *[requote()] * requotes)
    trade = opened(crew)
    rows = crew.ledger.trades.list(newest_first=False)
    assert states(crew) == ["failed"] * requotes + ["open"]
    assert [order.magic for order in sent(crew)] == [row.magic for row in rows]
    assert len({row.magic for row in rows}) == requotes + 1
    assert {row.analysis_id for row in rows} == {trade.analysis_id}
    must_agree(crew)


def test_after_two_retries_a_requote_is_the_end_of_it(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, *[requote()] * 10)
    failed = told(crew)
    assert failed is not None
    crew.run_for(60)
    assert states(crew) == ["failed"] * 3
    assert answers(crew) == ["failed"]


def test_a_retry_after_a_requote_is_sized_and_laid_by_the_new_price(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    alpha = crew.brokers["alpha"]
    alpha.script(open=[requote()], quotes=[])
    crew.run_for(0.5)
    alpha.price("EURUSD", BID + 0.0010, BID + 0.0011)
    trade = opened(crew)
    first = crew.ledger.trades.list(newest_first=False)[0]
    assert trade.expected_price == pytest.approx(first.expected_price + 0.0010)
    assert trade.stop_price == pytest.approx(first.stop_price + 0.0010)


def test_a_retry_after_a_requote_is_not_sent_into_a_market_that_has_become_too_dear(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha())
    crew.brokers["alpha"].script(open=[requote()])
    crew.run_for(0.5)
    crew.brokers["alpha"].price("EURUSD", BID, BID + 0.0050)
    told(crew)
    assert states(crew) == ["failed"]
    assert len(sent(crew)) == 1


def test_a_partial_fill_takes_the_volume_that_the_broker_gave(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, partly(0.5))
    trade = opened(crew)
    asked = sent(crew)[0].volume_lots
    assert trade.volume_lots < asked
    assert trade.volume_lots == positions(crew)[0].volume_lots
    crew.run_for(60)
    assert len(sent(crew)) == 1, "the rest is not chased"
    must_agree(crew)


def test_a_rejected_open_has_failed_with_its_reason_and_is_not_repeated(start_crew: StartCrew) -> None:
    crew = scripted(start_crew, reject("no_money", "too little of it"))
    trade = told(crew)
    assert trade is not None
    assert (trade.state, trade.detail) == (TradeState.FAILED, "no_money: too little of it")
    crew.run_for(60)
    assert len(sent(crew)) == 1
    assert answers(crew) == ["failed"]


def test_an_analysis_that_is_repeated_opens_once_and_is_refused_in_one_line(start_crew: StartCrew) -> None:
    crew = start_crew(Settings(ai_per_account_cooldown_minutes=0))
    analysis = crew.opinion()
    for _ in range(5):
        crew.analyse(analysis)
        crew.run_for(1)
    crew.analyse(analysis)
    crew.analyse(analysis)
    crew.run_for(1)
    assert states(crew) == ["open"]
    assert len(sent(crew, "alpha")) + len(sent(crew, "beta")) == 1
    refused = [line for line in crew.ledger.journal.list(kind="decision") if line.reason == "refused:seen"]
    assert [line.repeated for line in refused] == [6]


def test_an_analysis_that_is_repeated_in_the_same_instant_opens_once(start_crew: StartCrew) -> None:
    crew = start_crew(Settings())
    analysis = crew.opinion()
    for _ in range(3):
        crew.analyse(analysis)
    crew.run_for(60)
    assert states(crew) == ["open"]
    assert len(sent(crew, "alpha")) + len(sent(crew, "beta")) == 1
    must_agree(crew)


@pytest.mark.parametrize("side", list(Side))
def test_stop_and_target_are_laid_from_the_price_of_the_fill(start_crew: StartCrew, side: Side) -> None:
    crew = start_crew(only_alpha())
    crew.run_for(0.5)
    move(crew, BID + 0.0007)
    trade = opened(crew, side)
    assert trade.entry_price == pytest.approx(trade.expected_price + 0.0007)
    assert trade.entry_price is not None
    assert trade.target_distance is not None
    assert trade.stop_price == trade.entry_price - side.sign * trade.stop_distance
    assert trade.target_price == trade.entry_price + side.sign * trade.target_distance


def test_an_analysis_that_has_grown_old_on_the_way_opens_nothing(start_crew: StartCrew) -> None:
    crew = start_crew(only_alpha(analysis_max_age_seconds=10))
    crew.brokers["alpha"].script(account=[delay(15)])
    crew.run_for(1)
    crew.analyse(crew.opinion())
    crew.run_for(20)
    assert decisions(crew) == ["open_told"]
    assert answers(crew) == ["refused:analysis too old"]
    assert sent(crew) == []
